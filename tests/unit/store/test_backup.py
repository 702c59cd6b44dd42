"""Backup, wipe, restore, compare."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, NotFound, StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.columns import sealed_as
from gateway.objects.configuration import Kind
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.custom import TYPES, CustomColumn
from gateway.objects.factory import FACTORY_ROWS
from gateway.objects.fields import Blob, Choice, Digits, Field, Id, NameText, Ref, Text
from gateway.store.backup import Backups, sweep_copies
from gateway.store.backup_file import FORMAT
from gateway.store.objects.custom import add_columns, add_table, remove_columns
from gateway.store.objects.seals import sealed_fields, sealed_key
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts
from gateway.store.tables.identity import DeviceIdentity, store_identity
from gateway.store.tables.photos import JPEG_BEGIN, Photo, Photos
from gateway.store.tables.tokens import TokenTable

EXAMPLES = settings().max_examples // 10
"""Each one is a whole store, or two."""
HERE, ELSEWHERE = DeviceIdentity(50_000), DeviceIdentity(60_000)
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
Content = dict[str, list[tuple[Any, ...]]]


@cache
def empty_store() -> bytes:
    """Making one takes several times as long as copying it."""
    with TemporaryDirectory() as name:
        path = Path(name, "store.db")
        Store.create(path, REGISTRY, lambda: 1_700_000_000).close()
        return path.read_bytes()


class Device:
    """A store and its backups."""

    def __init__(self, directory: Path, identity: DeviceIdentity = HERE) -> None:
        self.path = directory / "store.db"
        self.path.write_bytes(empty_store())
        self.store = Store.open(self.path, REGISTRY, lambda: 1_700_000_000)
        self.store.database.pragma("synchronous", 0, permanent=True)
        with self.store.transaction():
            store_identity(self.store.database, identity)
        self.backups = Backups(self.store, self.path, identity, "1.2.3", threading.Lock())

    def save(self) -> bytes:
        made = self.backups.make("2025-07-01T12:00:00+00:00", PASSPHRASE)
        data = b"".join(made.pieces)
        assert len(data) == made.length
        return data

    def restore(self, data: bytes) -> None:
        self.backups.restore(io.BytesIO(data), PASSPHRASE)

    def content(self) -> Content:
        return content_of(self.store)


def content_of(store: Store) -> Content:
    """Every row of every object and of the configuration, as stored, with secrets in clear text."""
    reader = store.reader()
    contexts = {(it.name, field.name) for it, field in sealed_fields(store.registry)}
    found: Content = {}
    for declared in store.registry:
        columns = ", ".join(f'"{field.name}"' for field in declared.fields)
        query = f'SELECT {columns} FROM "{declared.name}"'  # noqa: S608 - names of our own tables
        names = [field.name for field in declared.fields]
        rows = [
            tuple(
                store.sealer.open(sealed_as(declared.name, name), value)
                if value and (declared.name, name) in contexts
                else value
                for name, value in zip(names, row, strict=True)
            )
            for row in reader.execute_sql(query).fetchall()
        ]
        found[declared.name] = sorted(rows, key=repr)
    for name in ("configuration", "user_photos"):
        rows = reader.execute_sql(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - as above
        keys: dict[Any, Any] = {(key.module, key.key): key for key in CONFIGURATION if key.secret}
        found[name] = sorted(
            (*row[:2], store.sealer.open(sealed_key(keys[row[:2]]), row[2]))
            if row[:2] in keys
            else row
            for row in rows
        )
    return found


def shown_by(store: Store) -> dict[str, list[dict[str, object]]]:
    """Every row of every object, as clients read it."""
    return {
        declared.name: sorted(store.load({"object": declared.name}).rows, key=repr)
        for declared in store.registry
        if declared.name != "change_logs"  # a wipe is told there
    }


@contextmanager
def new_device(identity: DeviceIdentity = HERE) -> Iterator[Device]:
    with TemporaryDirectory(prefix="gateway-") as name:
        device = Device(Path(name), identity)
        try:
            yield device
        finally:
            device.store.close()


@pytest.fixture
def device() -> Iterator[Device]:
    with new_device() as made:
        with made.store.transaction():
            for name, rows in FACTORY_ROWS.items():
                made.store.insert(name, rows)
            made.store.insert("users", [{"id": 1, "name": "Ana", "password": "hash"}])
            made.store.insert("pins", [{"user_id": 1, "value": "1234"}])
            made.store.set_configuration({"general": {"relay1_timeout": 700}})
        yield made


@pytest.fixture
def other() -> Iterator[Device]:
    with new_device(ELSEWHERE) as made:
        yield made


def add_log(store: Store, number: int, user_id: int = 1) -> None:
    with store.transaction():
        store.model("access_logs").insert(
            id=number, time=number, event=7, user_id=user_id
        ).execute()
        links = store.model("access_log_access_rules")
        links.insert(access_log_id=number, access_rule_id=1).execute()


def logged(store: Store) -> list[tuple[int, int]]:
    search = {"object": "access_logs", "fields": ["id", "user_id"]}
    return [(row["id"], row["user_id"]) for row in store.load(search).rows]  # type: ignore[misc] # - numbers, of the kinds declared


# every object, whatever it holds


def values_of(field: Field, targets: Mapping[str, list[int]]) -> st.SearchStrategy[object]:
    if isinstance(field, Ref):
        return st.sampled_from(targets.get(field.target) or [0])
    if isinstance(field, Choice):
        return st.sampled_from(field.choices)
    if isinstance(field, Digits):
        return st.text("0123456789", min_size=1, max_size=12)
    if isinstance(field, Text):
        letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
        if isinstance(field, NameText):
            letters = st.characters(exclude_categories=["Cs", "Cc"])
        return st.text(letters, max_size=min(field.max_length, 12))
    if isinstance(field, Blob):
        return st.sampled_from(["", "AAEC/w==", "/////w=="])
    numbers: Any = field
    edges = [numbers.minimum, numbers.maximum, max(numbers.minimum, min(7, numbers.maximum))]
    return st.one_of(st.sampled_from(edges), st.integers(numbers.minimum, numbers.maximum))


def fill(store: Store, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Some rows of every object and some configuration; what the store refuses is left out."""
    ids: dict[str, list[int]] = {}
    add_custom_fields(store, draw)
    for declared in store.registry.by_dependence():
        for _ in range(draw(st.integers(0, 2))):
            fields = [field for field in declared.fields if not isinstance(field, Id)]
            row = {field.name: draw(values_of(field, ids)) for field in fields}
            if declared.key is not None and not declared.key.auto:
                row[declared.key_name] = draw(st.integers(1, 5))
            with suppress(InvalidRequest):
                if declared.custom:
                    row = {name: value for name, value in row.items() if value is not None}
                if declared.log:
                    add_as_device(store, declared.name, row)
                else:
                    ids.setdefault(declared.name, []).extend(store.insert(declared.name, [row]))
    for user in draw(st.lists(st.sampled_from(ids.get("users") or [0]), max_size=2, unique=True)):
        image = JPEG_BEGIN + draw(st.binary(max_size=300))
        with suppress(NotFound):  # nobody was made
            Photos(store).put(user, Photo(draw(st.integers(1, 2**40)), image))
    keys = [key for key in CONFIGURATION if key.kind in {Kind.FLAG, Kind.TEXT} and not key.derived]
    for key in draw(st.lists(st.sampled_from(keys), max_size=5)):
        store.set_configuration({key.module: {key.key: draw(st.sampled_from(["0", "1"]))}})


def add_custom_fields(store: Store, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Fields of tables that every device has, and of tables of their own."""
    names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
    columns = st.builds(
        CustomColumn,
        names,
        st.sampled_from(TYPES),
        st.sampled_from(["NONE", "NOT_NULL"]),
        st.sampled_from([None, "", "0", "-7"]),
        st.booleans(),
    )
    owner = CustomColumn("user_id", "INTEGER", "FOREIGN_KEY", target="users")
    key = CustomColumn("id", "INTEGER", "PRIMARY_KEY")
    for name in draw(st.lists(names.map("c_{}".format), max_size=2)):
        with suppress(InvalidRequest):
            add_table(store, name, draw(st.text("aé \"'", max_size=5)), [(key, ""), (owner, "")])
    tables = [declared.name for declared in store.registry if declared.custom]
    for column in draw(st.lists(columns, max_size=6)):
        with suppress(InvalidRequest):
            add_columns(store, draw(st.sampled_from(tables)), [(column, "Title")])
    rows = list(store.load({"object": "custom_columns"}).rows)
    if rows and draw(st.booleans()):
        with suppress(InvalidRequest):  # a key
            remove_columns(store, [draw(st.sampled_from([int(str(row["id"])) for row in rows]))])


def add_as_device(store: Store, name: str, row: dict[str, Any]) -> None:
    declared = REGISTRY[name]
    if any(ref.enforced for ref in declared.refs):
        return  # links of logs, which tests of their own look at
    decoded = {key: declared.field(key).decode(value) for key, value in row.items()}
    with store.transaction():
        store.model(name).insert(**decoded).execute()


@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_backup_wipe_restore_leaves_every_object_and_the_configuration_as_they_were(
    data: st.DataObject,
) -> None:
    with new_device() as device:
        fill(device.store, data.draw)
        before, shown = device.content(), shown_by(device.store)
        saved = device.save()
        device.store.clear()
        wiped = device.content()
        filled = {name for name in wiped if wiped[name] and not name.endswith("_logs")}
        assert filled == {"custom_tables"}
        assert list(device.store.registry) == list(REGISTRY)
        device.restore(saved)
        after = device.content()
        assert shown_by(device.store) == shown
        # The deletions of the wipe were noted, and are not forgotten.
        assert set(before.pop("change_logs")) <= set(after.pop("change_logs"))
        assert after == before
        highest = max((row[0] for row in before["areas"]), default=0)
        assert device.store.insert("areas", [{"name": "new"}]) > [highest]
    with new_device(ELSEWHERE) as device:
        device.restore(saved)
        found = device.content()
        for declared in device.store.registry:
            expected = [] if declared.log else before[declared.name]
            assert found[declared.name] == expected
        for name in ("configuration", "user_photos"):
            assert found[name] == before[name]


# what is the device's own


def test_logins_tokens_and_identity_stay(device: Device, other: Device) -> None:
    Accounts(device.store, lambda: 0).set_password("admin", "of the backup")
    saved = device.save()
    accounts = Accounts(other.store, lambda: 0)
    accounts.set_password("admin", "of the device")
    lost = TokenTable(device.store, lambda: NOON).create("of the backup")
    token = TokenTable(other.store, lambda: NOON).create("of the device")
    device_row = {"id": HERE.device_id, "name": "me", "ip": "", "public_key": ""}
    device.store.insert("devices", [device_row])
    other.restore(device.save())
    other.restore(saved)
    assert accounts.verify("admin", "of the device") is not None
    assert accounts.verify("admin", "of the backup") is None
    tokens = TokenTable(other.store, lambda: NOON)
    assert tokens.find(token) is not None
    assert tokens.find(lost) is None
    row = other.store.reader().execute_sql("SELECT device_id FROM device_identity").fetchall()
    assert row == [(ELSEWHERE.device_id,)]


def test_the_row_of_the_device_itself_is_that_of_the_device_that_restores(
    device: Device, other: Device
) -> None:
    row = {"id": HERE.device_id, "name": "me", "ip": "", "public_key": ""}
    device.store.insert("devices", [row, {**row, "id": 5, "name": "neighbour"}])
    other.restore(device.save())
    search = {"object": "devices", "fields": ["id", "name"]}
    assert list(other.store.load(search).rows) == [
        {"id": 5, "name": "neighbour"},
        {"id": ELSEWHERE.device_id, "name": "me"},
    ]


def test_no_login_leaves_the_device(device: Device) -> None:
    Accounts(device.store, lambda: 0).set_password("boss", "very secret")
    hashed = device.store.reader().execute_sql("SELECT password FROM gateway_logins").fetchone()[0]
    saved = device.save()
    assert b"boss" not in saved
    assert hashed.encode() not in saved
    assert b"gateway_logins" not in saved
    assert b"Ana" in saved


def test_the_rules_count_as_changed(device: Device) -> None:
    saved = device.save()
    for _ in range(3):
        device.store.insert("areas", [{"name": "x"}])
    before = device.store.policy_version()
    device.restore(saved)
    assert device.store.policy_version() > before


def test_no_id_is_given_twice(device: Device) -> None:
    saved = device.save()
    [later] = device.store.insert("users", [{"name": "Later"}])
    device.restore(saved)
    assert device.store.insert("users", [{"name": "Again"}]) == [later + 1]


def test_changes_after_a_restore_are_noted(device: Device) -> None:
    device.restore(device.save())
    version = device.store.policy_version()
    device.store.insert("areas", [{"name": "x"}])
    assert device.store.policy_version() == version + 1
    [user] = device.store.insert("users", [{"name": "Eva"}])
    [row] = device.store.load({"object": "change_logs", "order": ["id", "desc"], "limit": 1}).rows
    assert (row["table_name"], row["table_id"]) == ("users", user)


def test_logs_of_this_device_are_joined_with_those_of_the_backup(device: Device) -> None:
    add_log(device.store, 1)
    add_log(device.store, 2)
    saved = device.save()
    device.store.destroy("access_logs", {"access_logs": {"id": 1}})
    add_log(device.store, 3)
    device.restore(saved)
    assert logged(device.store) == [(1, 1), (2, 1), (3, 1)]
    links = device.store.load({"object": "access_log_access_rules"}).rows
    assert sorted(row["access_log_id"] for row in links) == [1, 2, 3]  # type: ignore[type-var] # - numbers


def test_logs_of_another_device_are_not_taken_over(device: Device, other: Device) -> None:
    add_log(device.store, 1, user_id=1)
    add_log(other.store, 1, user_id=99)
    other.restore(device.save())
    assert logged(other.store) == [(1, 99)]


# in use


def test_a_backup_is_of_one_instant_while_others_write(device: Device) -> None:
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        number = 100
        while not stop.is_set():
            with device.store.transaction():
                device.store.insert("users", [{"id": number, "name": "x"}])
                device.store.insert("cards", [{"user_id": number, "value": number}])
            written.append(number)
            number += 1
        device.store.database.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        saved = [device.save() for _ in range(5)]
        device.restore(saved[0])
    finally:
        stop.set()
        thread.join()
    assert written
    for data in saved:
        with new_device() as copy:
            copy.restore(data)
            content = copy.content()
            people = {row[0] for row in content["users"]} - {1}
            assert people == {row[2] for row in content["cards"]}


def test_a_restore_while_others_write_is_whole_and_what_is_written_after_it_stays(
    device: Device,
) -> None:
    device.store.insert("groups", [{"id": 50, "name": "of the backup"}])
    saved = device.save()
    device.store.destroy("groups", {"groups": {"id": 50}})
    stop, restored = threading.Event(), threading.Event()
    later: list[int] = []

    def write() -> None:
        number = 100
        while not (stop.is_set() and len(later) > 5):
            after = restored.is_set()
            with device.store.transaction():
                device.store.insert("users", [{"id": number, "name": "x"}])
                device.store.insert("cards", [{"user_id": number, "value": number}])
            if after:
                later.append(number)
            number += 1
        device.store.database.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        device.restore(saved)
        restored.set()
    finally:
        stop.set()
        thread.join()
    content = device.content()
    people = {row[0] for row in content["users"]} - {1}
    assert people == {row[2] for row in content["cards"]}
    assert set(later) <= people
    assert 50 in {row[0] for row in content["groups"]}
    assert device.store.reader().execute_sql("PRAGMA foreign_key_check").fetchall() == []


def test_connections_that_are_open_see_what_was_restored(device: Device) -> None:
    saved = device.save()
    device.store.destroy("users")
    reader = sqlite3.connect(device.path)
    try:
        count = "SELECT count(*) FROM users"
        assert reader.execute(count).fetchone() == (0,)
        device.restore(saved)
        assert reader.execute(count).fetchone() == (1,)
    finally:
        reader.close()


def test_only_one_is_at_work_at_a_time(device: Device) -> None:
    class Curious(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            with pytest.raises(InvalidRequest, match="another backup or restore"):
                device.save()
            return super().read(size)

    device.backups.restore(Curious(device.save()))


def test_nothing_is_left_beside_the_store_and_nothing_else_is_removed(device: Device) -> None:
    left = device.path.parent / ".store.db-copies"
    left.mkdir()
    (left / "copy.db").write_bytes(b"of a process that was killed")
    somebodys = device.path.parent / "backup-2024"
    somebodys.mkdir()
    device.restore(device.save())
    with pytest.raises(InvalidRequest):
        device.restore(b"nonsense")
    names = {path.name for path in device.path.parent.iterdir()}
    assert names - {"store.db-wal", "store.db-shm"} == {"store.db", "seal.key", "backup-2024"}
    left.mkdir()
    (left / "notes.txt").touch()
    device.restore(device.save())
    assert [path.name for path in left.iterdir()] == ["notes.txt"]


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from gateway.objects.catalogue import REGISTRY
from gateway.store import backup
from gateway.store.objects.store import Store
from gateway.store.tables.identity import DeviceIdentity

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

path, moment = Path(sys.argv[1]), sys.argv[2]
store = Store.open(path, REGISTRY, lambda: 1)
backups = backup.Backups(store, path, DeviceIdentity(50_000), "1", threading.Lock())
if moment in ("_check", "sha256_of"):
    setattr(backup, moment, kill)
elif moment != "reading":
    setattr(backup.StagedStore, moment, kill)
with Path(sys.argv[3]).open("rb") as saved:
    class Dripping:
        def read(self, size):
            if moment == "reading" and saved.tell():
                kill()
            return saved.read(4096)
    if moment in ("_check", "sha256_of"):
        backups.make("now")
    else:
        backups.restore(Dripping())
"""


@pytest.mark.parametrize("moment", ["_check", "sha256_of", "reading", "fill", "finish"])
def test_no_copy_stays_after_a_kill(device: Device, moment: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.write_bytes(device.save())
    command = [sys.executable, "-c", KILLED, str(device.path), moment, str(saved)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    sweep_copies(device.path)  # as the next api process does when it starts
    names = {path.name for path in device.path.parent.iterdir()}
    assert names <= {"seal.key", "store.db", "store.db-wal", "store.db-shm"}
    assert device.content()["users"]


# refusals


def stamped(saved: bytes, **changes: object) -> bytes:
    first, line, rest = saved.split(b"\n", 2)
    return b"\n".join((first, json.dumps({**json.loads(line), **changes}).encode(), rest))


def with_database(saved: bytes, change: Callable[[sqlite3.Connection], object]) -> bytes:
    """The backup with another database in it, and a stamp that fits."""
    first, line, rest = saved.split(b"\n", 2)
    with TemporaryDirectory() as name:
        path = Path(name) / "x.db"
        path.write_bytes(rest)
        connection = sqlite3.connect(path, isolation_level=None)
        change(connection)
        connection.close()
        rest = path.read_bytes()
    stamp = {"bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()}
    return stamped(b"\n".join((first, line, rest)), **stamp)


def empty(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("DELETE FROM sqlite_master")
    connection.execute("VACUUM")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda _: b"", "not a backup"),
        (lambda _: b"SQLite format 3\0", "not a backup"),
        (lambda it: it.replace(FORMAT, b"GATEWAY BACKUP 3\n", 1), "does not know"),
        (lambda it: stamped(it, form=99, program="9.0"), "newer program, 9.0"),
        (lambda it: stamped(it, form=0), "second line"),
        (lambda it: stamped(it, form="1"), "second line"),
        (lambda it: stamped(it, bytes=1 << 40), "second line"),
        (lambda it: stamped(it, surprise=1), "second line"),
        (lambda _: FORMAT + b"{}\n", "second line"),
        (lambda _: FORMAT + b"[" * 70_000, "second line"),
        (lambda _: FORMAT + b"[" * 60_000 + b"\n", "second line"),
        (lambda _: FORMAT + b"[" * 4_000 + b"\n", "second line"),
        (lambda it: stamped(it, bytes=1.5), "second line"),
        (lambda it: stamped(it, program="x\x1b[2J"), "second line"),
        (lambda it: stamped(it, device_id=1 << 70), "second line"),
        (lambda it: it[:-1], "bytes expected"),
        (lambda it: it[: len(it) // 2], "bytes expected"),
        (lambda it: it + b"x", "more came"),
        (lambda it: it[:-5_000] + b"x" + it[-4_999:], "SHA-256"),
        (lambda it: stamped(it, sha256="0" * 64), "SHA-256"),
        (lambda it: with_database(it, empty), "not one of this program"),
        (
            lambda it: with_database(it, lambda db: db.execute("PRAGMA user_version = 50")),
            "not one of this program",
        ),
        (
            lambda it: with_database(it, lambda db: db.execute("ALTER TABLE users ADD escort INT")),
            "the column 'escort' of 'users', which this program does not know: .* newer program, 1",
        ),
        (
            lambda it: with_database(it, lambda db: db.execute("CREATE TABLE escorts (id INT)")),
            "the table 'escorts', which this program does not know",
        ),
        (
            lambda it: with_database(
                it, lambda db: db.execute("ALTER TABLE configuration ADD note TEXT")
            ),
            "the column 'note' of 'configuration'",
        ),
        (
            lambda it: with_database(it, lambda db: db.execute("ALTER TABLE users ADD c_size INT")),
            "the column 'c_size' of 'users'",  # no row of custom_columns names it
        ),
        (
            lambda it: with_database(it, lambda db: db.execute("UPDATE pins SET user_id = 9")),
            "a reference of pins is broken",
        ),
    ],
)
def test_a_file_that_is_damaged_foreign_or_newer_changes_nothing(
    device: Device, spoil: Callable[[bytes], bytes], said: str
) -> None:
    saved = spoil(device.save())
    device.store.insert("users", [{"id": 2, "name": "Bruno"}])
    before, version = device.content(), device.store.policy_version()
    with pytest.raises(InvalidRequest, match=said):
        device.restore(saved)
    assert device.content() == before
    assert device.store.policy_version() == version


def test_a_column_that_a_newer_program_left_in_this_store_comes_back(device: Device) -> None:
    # The newer program did not come up and was undone; the form is the same, so its column stays.
    device.store.database.execute_sql("ALTER TABLE users ADD escort INT")
    device.store.database.execute_sql("UPDATE users SET escort = 7")
    saved = device.save()
    device.store.database.execute_sql("UPDATE users SET escort = 8")
    device.restore(saved)
    assert device.store.reader().execute_sql("SELECT escort FROM users").fetchall() == [(7,)]


@given(data=st.data())
@settings(max_examples=3 * EXAMPLES)
def test_one_flipped_bit_anywhere_is_noticed(data: st.DataObject, shared: Device) -> None:
    saved = bytearray(shared.save())
    at = data.draw(st.one_of(st.integers(0, 400), st.integers(0, len(saved) - 1)))
    saved[at] ^= 1 << data.draw(st.integers(0, 7))
    before = shared.content()
    # What the stamp tells of program and time may be anything.
    with suppress(InvalidRequest):
        shared.restore(bytes(saved))
    assert shared.content() == before


@given(data=st.data())
@settings(max_examples=3 * EXAMPLES)
def test_a_file_that_ends_anywhere_or_is_torn_in_the_database_is_refused(
    data: st.DataObject, shared: Device
) -> None:
    saved = shared.save()
    before = shared.content()
    end = data.draw(st.one_of(st.integers(0, 400), st.integers(0, len(saved) - 1)))
    start = saved.index(b"\n", len(FORMAT)) + 1
    torn = bytearray(saved)
    at = data.draw(st.integers(start, len(saved) - 1))
    torn[at : at + 512] = bytes(reversed([byte ^ 0x5A for byte in torn[at : at + 512]]))
    for spoilt in (saved[:end], bytes(torn), saved[:start] + saved[start + 1 :]):
        with pytest.raises(InvalidRequest, match=r"not a backup|damaged|does not know"):
            shared.restore(spoilt)
    assert shared.content() == before


@pytest.fixture(scope="module")
def shared() -> Iterator[Device]:
    with new_device() as made:
        made.store.insert("users", [{"id": 1, "name": "Ana"}])
        yield made


def test_triggers_and_views_of_a_file_do_not_run(device: Device) -> None:
    def plant(db: sqlite3.Connection) -> None:
        kill = "BEGIN DELETE FROM users; END"
        db.execute(f"CREATE TRIGGER evil AFTER INSERT ON access_logs {kill}")
        db.execute("DROP TRIGGER IF EXISTS gateway_policy_areas_insert")
        db.execute(f"CREATE TRIGGER gateway_policy_areas_insert AFTER INSERT ON areas {kill}")
        db.execute("CREATE VIEW people AS SELECT * FROM users")

    add_log(device.store, 1)
    device.restore(with_database(device.save(), plant))
    device.store.insert("areas", [{"name": "x"}])
    names = device.store.reader().execute_sql("SELECT name FROM sqlite_master").fetchall()
    assert not {("evil",), ("people",)} & set(names)
    assert [row["name"] for row in device.store.load({"object": "users"}).rows] == ["Ana"]


def test_a_full_disk_changes_nothing(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = device.save()
    before = device.content()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000}))
    with pytest.raises(StorageError, match="are free"):
        device.restore(saved)
    assert device.content() == before
