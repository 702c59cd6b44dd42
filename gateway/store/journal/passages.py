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
        indexes = ((("user_id", "portal_id"), True), (("area_id",), False))


class ForgottenRow(peewee.Model):
    """Where a person was last whose position was forgotten: for the list of who may be inside."""

    user_id = peewee.BigIntegerField(primary_key=True)
    area_id = peewee.BigIntegerField()
    utc_s = peewee.BigIntegerField()
    day = peewee.BigIntegerField()

    class Meta:
        table_name = "forgotten_positions"


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


@dataclass(frozen=True, slots=True)
class AreaEmptied:
    """Nobody is in an area any more, or in any (0), whatever the record said."""

    area_id: int
    before_s: int
    """Only who entered before this instant (UTC seconds)."""

    def empties(self, passage: PassageEntered) -> bool:
        """True if who entered by `passage` no longer counts."""
        return self.area_id in (0, passage.area_id) and passage.utc_s < self.before_s


PassageChange = PassageEntered | PassageForgiven | AreaEmptied

_NEWEST = (
    "area_id <> 0 AND NOT EXISTS (SELECT 1 FROM passages AS later WHERE"
    " later.user_id = passages.user_id AND later.area_id <> 0 AND later.number > passages.number)"
)
"""The passage that says where its person is."""
_COLUMNS = "user_id, area_id, utc_s, day"
_REMEMBER = f"INSERT OR REPLACE INTO forgotten_positions ({_COLUMNS}) SELECT {_COLUMNS} FROM passages WHERE {_NEWEST}"  # noqa: S608, E501 - ours
_OUT_OF = f"SELECT user_id FROM passages WHERE {_NEWEST} AND utc_s < ?1 AND ?2 IN (0, area_id)"  # noqa: S608 - ours
_EMPTY = f"UPDATE passages SET area_id = 0 WHERE user_id IN ({_OUT_OF})"  # noqa: S608 - ours
_EMPTY_FORGOTTEN = "DELETE FROM forgotten_positions WHERE utc_s < ?1 AND ?2 IN (0, area_id)"
_DROP_OLD = "DELETE FROM forgotten_positions WHERE day < ?"
_FOUND = "DELETE FROM forgotten_positions WHERE user_id = ?"
_FORGOTTEN_DAYS = 2
"""At a midnight that forgets positions, those forgotten before are dropped after so many days."""


_FORGOTTEN = (
    f"SELECT user_id, {whole_number('user_id')}, 0, {whole_number('area_id')},"  # noqa: S608 - ours
    f" {whole_number('utc_s')}, {whole_number('day')} FROM forgotten_positions"
    " ORDER BY utc_s DESC LIMIT ?"
)
_THERE = "SELECT 1 FROM sqlite_master WHERE name = ?"


class PassageTable:
    """The writing end, inside the transactions of the journal."""

    TABLES = (PassageRow, ForgottenRow)

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
                if change.area_id:
                    connection.execute(_FOUND, (change.user_id,))
            case PassageForgiven(before_day=int(day)):
                connection.execute(_DROP_OLD, (day - _FORGOTTEN_DAYS,))
                connection.execute(f"{_REMEMBER} AND day < ?", (day,))
                connection.execute(self._forgive_days, (day,))
            case PassageForgiven(user_id=None):
                connection.execute(_REMEMBER)
                connection.execute(self._forgive_all)
            case PassageForgiven(user_id=user_id):
                connection.execute(f"{_REMEMBER} AND user_id = ?", (user_id,))
                connection.execute(self._forgive, (user_id,))
            case AreaEmptied():
                connection.execute(_EMPTY, (change.before_s, change.area_id))
                connection.execute(_EMPTY_FORGOTTEN, (change.before_s, change.area_id))


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
        self._all = f"SELECT number, {whole_number('user_id')}, {wanted} FROM passages"  # noqa: S608 - ours

    def close(self) -> None:
        self._file.close()

    def of(self, user_id: int) -> list[PassageEntered]:
        """The last passages of a person by each portal, oldest first. A row that is damaged is
        skipped and counted, as if it had been forgotten.

        In a file that is damaged nothing is found, as after a forgiveness of everyone. Raises
        StorageError when the file cannot be read for another reason.
        """
        return self._checked(
            (number, user_id, *row)
            for number, *row in self._rows("passages", self._of_person, user_id)
        )

    def _passages(self, sql: str, *values: int) -> list[PassageEntered]:
        return self._checked(self._rows("passages", sql, *values))

    def _checked(self, rows: Iterable[tuple[Any, ...]]) -> list[PassageEntered]:
        found = []
        for number, *row in rows:
            if None in row or abs(row[3]) > LARGEST_ID or abs(row[4]) > LARGEST_ID:
                self.damage.add(number, "passages: not a whole number")
            else:
                found.append(PassageEntered(*row))
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

    def inside(self, area_id: int) -> list[PassageEntered]:
        """The passage of each person in an area. Damage is as in `of`; raises StorageError."""
        return self._passages(f"{self._all} WHERE {_NEWEST} AND area_id = ?", area_id)

    def everybody(self, most: int) -> tuple[list[PassageEntered], list[PassageEntered]]:
        """The passages of at most `most` people whose area is known, the newest first; and those
        whose position was forgotten, with the last area that was known. Raises StorageError."""
        known = self._passages(f"{self._all} WHERE {_NEWEST} ORDER BY number DESC LIMIT ?", most)
        return known, self._checked(self._rows("forgotten_positions", _FORGOTTEN, most))

    def counts(self) -> dict[int, int]:
        """How many people are in each area that somebody is in. Raises StorageError."""
        sql = f"SELECT area_id, count(*) FROM passages WHERE {_NEWEST} GROUP BY area_id"  # noqa: S608 - ours
        return {area: count for area, count in self._rows("passages", sql) if isinstance(area, int)}

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
                if not connection.execute(_THERE, (table,)).fetchone():
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
    if "emptied" in body:
        return AreaEmptied(body["emptied"], body["before_s"])
    if "portal_id" in body:
        return PassageEntered(
            body["user_id"], body["portal_id"], body["area_id"], body["utc_s"], body["day"]
        )
    return PassageForgiven(body["user_id"], body.get("before_day"))
