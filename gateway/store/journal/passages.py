"""The last passages of each person, for anti-passback, in the file of the journal.

The journal writer writes a row in the transaction of its journal entry, so that a power cut cannot
separate the two.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee

from gateway.access.passback import UNKNOWN_POSITION, PassbackPosition
from gateway.errors import DamagedFile
from gateway.store.files.current import CurrentFile
from gateway.store.files.database import sql_of
from gateway.store.journal.bodies import LARGEST_ID
from gateway.store.journal.credential_uses import MOST_USED, UseKey
from gateway.store.journal.entries import JOURNAL_FORM
from gateway.store.journal.rows import Damage, journal_errors, whole_number


class PassageRow(peewee.Model):
    """The last entry of a person by a portal."""

    number = peewee.AutoField()
    """Grows with every passage, so that it orders them independently of the clock."""
    user_id = peewee.BigIntegerField()
    portal_id = peewee.BigIntegerField()
    area_id = peewee.BigIntegerField()
    """Where the portal led; 0 for one that leads from an area to itself."""
    utc_s = peewee.BigIntegerField()
    day = peewee.BigIntegerField()
    """Local day, counted from 1970."""

    class Meta:
        table_name = "passages"
        indexes = ((("user_id", "portal_id"), True),)


@dataclass(frozen=True, slots=True)
class PassageEntered:
    """A person entered by a portal."""

    user_id: int
    portal_id: int
    area_id: int
    utc_s: int
    day: int


@dataclass(frozen=True, slots=True)
class PassageForgiven:
    """The position of a person, or of everyone (None), was forgotten."""

    user_id: int | None
    before_day: int | None = None
    """Only passages before this local day; None for all."""

    def forgets(self, passage: PassageEntered) -> bool:
        """True if it deletes `passage`."""
        whose = self.user_id in (None, passage.user_id)
        return whose and (self.before_day is None or passage.day < self.before_day)


PassageChange = PassageEntered | PassageForgiven


class PassageTable:
    """The writing end, inside the transactions of the journal."""

    TABLES = (PassageRow,)

    def __init__(self, writer: peewee.SqliteDatabase) -> None:
        with writer.bind_ctx(self.TABLES):
            columns = (
                PassageRow.user_id,
                PassageRow.portal_id,
                PassageRow.area_id,
                PassageRow.utc_s,
                PassageRow.day,
            )
            self._enter = sql_of(
                PassageRow.insert_many([(0, 0, 0, 0, 0)], columns).on_conflict_replace()
            )
            self._forgive = sql_of(PassageRow.delete().where(PassageRow.user_id == 0))
            self._forgive_all = sql_of(PassageRow.delete())
            self._forgive_days = sql_of(PassageRow.delete().where(PassageRow.day < 0))

    def apply(self, connection: sqlite3.Connection, change: PassageChange) -> None:
        """Write `change` in the running transaction."""
        match change:
            case PassageEntered():
                values = (change.user_id, change.portal_id, change.area_id)
                connection.execute(self._enter, (*values, change.utc_s, change.day))
            case PassageForgiven(before_day=int(day)):
                connection.execute(self._forgive_days, (day,))
            case PassageForgiven(user_id=None):
                connection.execute(self._forgive_all)
            case PassageForgiven(user_id=user_id):
                connection.execute(self._forgive, (user_id,))


_USES = (
    f"SELECT {whole_number('used')} FROM credential_uses"  # noqa: S608 - ours
    " WHERE kind = ? AND row_id = ? AND user_id = ?"
)


class PassageReader:
    """The reading end of passages and of uses of credentials. One thread uses it."""

    def __init__(self, path: Path) -> None:
        """`path` is the journal's file, which need not be readable yet."""
        self._file = CurrentFile(path, JOURNAL_FORM)
        self.damage = Damage()
        columns = ("portal_id", "area_id", "utc_s", "day")
        wanted = ", ".join(whole_number(name) for name in columns)
        self._of_person = f"SELECT number, {wanted} FROM passages WHERE user_id = ? ORDER BY number"  # noqa: S608 - ours

    def close(self) -> None:
        self._file.close()

    def of(self, user_id: int) -> list[PassageEntered]:
        """The last passages of a person by each portal, oldest first. A row that is damaged is
        skipped and counted, as if it had been forgotten.

        In a file that is damaged nothing is found, as after a forgiveness of everyone. Raises
        StorageError when the file cannot be read for another reason.
        """
        found = []
        for number, *row in self._rows("passages", self._of_person, user_id):
            if None in row or abs(row[2]) > LARGEST_ID or abs(row[3]) > LARGEST_ID:
                self.damage.add(number, "passages: not a whole number")
            else:
                found.append(PassageEntered(user_id, *row))
        return found

    def uses(self, key: UseKey) -> int:
        """The entries made with a credential; MOST_USED if the count is damaged.

        In a file that is damaged nothing is found. Raises StorageError when the file cannot be
        read for another reason.
        """
        found = self._rows("credential_uses", _USES, key.kind, key.row_id, key.user_id)
        if not found:
            return 0
        [(used,)] = found
        if used is None or not 0 <= used < MOST_USED:
            self.damage.add(-key.row_id, "credential_uses: no number of uses")
            return MOST_USED
        return int(used)

    def any_before(self, day: int) -> bool:
        """Whether anything is remembered from before the local day `day`.

        Raises StorageError when the file cannot be read.
        """
        earlier = "SELECT 1 FROM passages WHERE day < ? LIMIT 1"
        return bool(self._rows("passages", earlier, day))

    def _rows(self, table: str, sql: str, *values: int) -> list[Any]:
        try:
            connection = self._file.connection()
            with journal_errors("the journal cannot be read"):
                # The first entry of a new program makes the table.
                there = "SELECT 1 FROM sqlite_master WHERE name = ?"
                if not connection.execute(there, (table,)).fetchone():
                    return []
                return connection.execute(sql, values).fetchall()
        except DamagedFile as error:
            self.damage.add(0, str(error))
            return []


def position_at(passages: Iterable[PassageEntered], portal_id: int) -> PassbackPosition:
    """The position of a person at a portal, from their passages, oldest first."""
    found = UNKNOWN_POSITION
    for passage in passages:
        here_s = passage.utc_s if passage.portal_id == portal_id else found.here_s
        if passage.area_id:
            found = PassbackPosition(passage.area_id, passage.utc_s, passage.day, here_s)
        else:
            found = PassbackPosition(found.area_id, found.since_s, found.since_day, here_s)
    return found


def change_of(body: Mapping[str, Any]) -> PassageChange:
    """The change that the body of a journal entry records."""
    if "portal_id" in body:
        return PassageEntered(
            body["user_id"], body["portal_id"], body["area_id"], body["utc_s"], body["day"]
        )
    return PassageForgiven(body["user_id"], body.get("before_day"))
