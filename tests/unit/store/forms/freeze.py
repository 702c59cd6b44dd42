"""Freezes databases of the present form as test data, with rows in every table.

When a new migration has raised the form of `store.db`, its release is frozen once, with

    PYTHONPATH=. python tests/unit/store/forms/freeze.py

which adds `store-N.sql`, N being the form, `journal-N.sql` of the same program, and what clients
read from them as `rows-N.json`. What was released is never frozen again: files that are there are
left alone. Before the release, delete those of its form and freeze it again when objects change.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway import __version__
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.equipment import DoorList
from gateway.objects.factory import FACTORY_ROWS
from gateway.objects.fields import (
    Blob,
    Choice,
    Digits,
    Field,
    HexText,
    Id,
    PortNumber,
    Ref,
    Text,
    Word,
)
from gateway.objects.modes import MODE_WORDS
from gateway.objects.wiegand_modes import LayoutText, OrderText, ParitiesText
from gateway.sealing import KEY_BYTES, Sealer
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.identity import DeviceIdentity, store_identity

KEY = bytes(range(KEY_BYTES))
"""Seals the secrets of the frozen stores."""
STAMP = 1_700_000_000
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
LOGINS = {"admin": Role.ADMINISTRATOR, "desk": Role.OPERATOR}
SETTINGS = {"general": {"relay1_timeout": "1234"}, "ntp": {"timezone": "UTC-3"}}
PHOTO = b"\xff\xd8\xff\xe0 a photo"
_ROWS = 2


class Filler:
    """Puts two rows into every object, made from its declaration."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = count(100)
        self._ids: dict[str, list[int]] = {}

    def fill(self) -> None:
        tables = set(self._store.database.get_tables())
        for declared in REGISTRY:
            if declared.name in tables:
                self._fill(declared)

    def _fill(self, declared: ObjectType) -> list[int]:
        present = self._ids.get(declared.name)
        if present is not None:
            return present
        ids = self._ids[declared.name] = self._recorded(declared)
        for number in range(len(ids), _ROWS):
            row = {field.name: value for field, value in self._values(declared, number)}
            if not declared.addable:
                ids.append(self._as_device(declared, row))
            else:
                ids += self._store.insert(declared.name, [row])
        return ids

    def _recorded(self, declared: ObjectType) -> list[int]:
        """The rows of a log that are there because something happened."""
        if declared.addable:
            return []
        rows = self._store.load({"object": declared.name}).rows
        return [int(str(row.get(declared.key_name, 0))) for row in rows]

    def _as_device(self, declared: ObjectType, row: dict[str, Any]) -> int:
        decoded = {name: declared.field(name).decode(value) for name, value in row.items()}
        with self._store.transaction():
            return int(self._store.model(declared.name).insert(**decoded).execute())

    def _values(self, declared: ObjectType, number: int) -> Iterator[tuple[Field, Any]]:
        for field in declared.fields:
            if isinstance(field, Id) and field.auto:
                continue
            value = self._value(declared, field, number)
            if value is not None:
                yield field, value

    def _value(self, declared: ObjectType, field: Field, number: int) -> Any:
        serial = next(self._numbers)
        match field:
            case Ref() if field.target == declared.name:
                return None
            case Ref() if field.enforced:
                # Two references to one object are to different rows.
                before = [it for it in declared.refs if it.target == field.target]
                ids = self._fill(REGISTRY[field.target])
                return ids[(number + before.index(field)) % len(ids)]
            case Choice():
                return field.choices[number % len(field.choices)]
            case Text():
                return self._text(field, serial, number)
            case Blob():
                return base64.b64encode(bytes([0, 255, serial % 256])).decode()
        alone = (field.name,) in declared.pairs_unique
        return (
            max(int(getattr(field, "minimum", 0)), 0) + number
            if alone
            else self._whole(field, serial, number)
        )

    @staticmethod
    def _text(field: Text, serial: int, number: int) -> str:
        if isinstance(field, Word):
            # Not the word for none: it would be the same as no value.
            words = [str(word) for word in field.words if word]
            return words[number % len(words)]
        if isinstance(field, LayoutText | ParitiesText | OrderText):
            return field.example
        if field.name == "mode":
            return MODE_WORDS[serial % len(MODE_WORDS)]
        forms: dict[type, str] = {
            DoorList: "1,2",
            HexText: f"{serial:X}",
            Digits: str(serial),
            PortNumber: str(serial),
        }
        found = (form for kind, form in forms.items() if isinstance(field, kind))
        return next(found, f"{field.name} é {serial}")[-field.max_length :]

    @staticmethod
    def _whole(field: Any, serial: int, number: int) -> int:
        low, high = max(field.minimum, 0), int(field.maximum)
        if isinstance(field, Id):
            return int(low + number)
        # The second row is at the limit, where that is no trap for the rows to come.
        if number and not (isinstance(field, Id | Ref) or field.unique):
            return high
        return int(low + serial % (min(high, 1 << 40) - low + 1))


def _entries() -> list[Entry]:
    bodies: list[tuple[EntryKind, dict[str, Any]]] = [(EntryKind.STARTED, {"outputs": []})]
    for number in (1, 2):
        access = {"id": number, "time": STAMP + number, "event": 7, "user_id": number}
        moved = {"id": number, "event": "door", "type": "OPEN", "identification": "1"}
        alarm = {"id": number, "event": number, "cause": 7, "time": STAMP, "door_id": 1}
        bodies += [
            (EntryKind.ACCESS, {"row": access, "rules": [1], "reason": "allowed", "trace": []}),
            (EntryKind.ACCESS_EVENT, {"row": {**moved, "timestamp": STAMP}}),
            (EntryKind.ALARM, {"row": alarm}),
        ]
    bodies += [(EntryKind.FIRE, {"on": True}), (EntryKind.STOPPED, {})]
    return [
        Entry(kind, body, NOON + timedelta(seconds=n), n, clock_trusted=True)
        for n, (kind, body) in enumerate(bodies)
    ]


def _own_tables(store: Store) -> dict[str, Any]:
    """What is no object; parts that this program does not have yet are passed over."""
    with store.transaction():
        store_identity(store.database, DeviceIdentity(51_469))
    accounts = Accounts(store, lambda: 0)
    for login, role in LOGINS.items():
        accounts.set_password(login, f"password of {login}", role)
    found: dict[str, Any] = {"logins": {login: role.value for login, role in LOGINS.items()}}
    if find_spec("gateway.store.tables.tokens"):
        from gateway.store.tables.tokens import TokenTable

        found["token"] = TokenTable(store, lambda: NOON).create("cloud")
    if find_spec("gateway.store.tables.photos"):
        from gateway.store.tables.photos import Photo, Photos

        Photos(store).put(1, Photo(STAMP, PHOTO))
        found["photos"] = {"1": base64.b64encode(PHOTO).decode()}
    store.set_configuration(SETTINGS)
    return {**found, "configuration": SETTINGS}


def _make(directory: Path) -> dict[str, Any]:
    """The databases, and what is to be read from them."""
    journal_path = directory / "journal.db"
    Journal.create(journal_path)
    entries = _entries()
    with closing(Journal(journal_path, "a boot")) as journal:
        journal.append(entries, {"access_logs": 2, "access_events": 2, "alarm_logs": 2})
    with Store.create(directory / "store.db", REGISTRY, lambda: STAMP, Sealer.of(KEY)) as store:
        with store.transaction():
            for name, rows in FACTORY_ROWS.items():
                store.insert(name, rows)
            store.insert("users", [{"id": 1, "name": "Ana"}, {"id": 2, "name": "Bruno"}])
        with closing(JournalReader(journal_path)) as reader:
            Projection(store, reader).catch_up()
        Filler(store).fill()
        known = _own_tables(store)
        tables = set(store.database.get_tables())
        known["objects"] = {
            declared.name: list(store.load({"object": declared.name}).rows)
            for declared in REGISTRY
            if declared.name in tables
        }
        known["policy_version"] = store.policy_version()
    known["program"] = __version__
    known["journal"] = [[entry.kind.value, dict(entry.body)] for entry in entries]
    return known


def _dump(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        form = connection.execute("PRAGMA user_version").fetchone()[0]
        lines = [*connection.iterdump(), f"PRAGMA user_version = {form};", ""]
    return "\n".join(lines)


def freeze(target: Path) -> list[Path]:
    """Write the files of this program's form into `target`; those that were not there."""
    made = []
    with TemporaryDirectory() as name:
        directory = Path(name)
        known = _make(directory)
        texts = {
            f"rows-{VERSION}.json": json.dumps(known, indent=1, ensure_ascii=False) + "\n",
            f"store-{VERSION}.sql": _dump(directory / "store.db"),
            f"journal-{VERSION}.sql": _dump(directory / "journal.db"),
        }
    for file, text in texts.items():
        path = target / file
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            made.append(path)
    return made


if __name__ == "__main__":
    for one in freeze(Path(__file__).parent):
        sys.stdout.write(f"{one}\n")
