"""What the journal tells a start of earlier runs.

Nothing that lies on the disk ends a start: what cannot be read is as if it had not been written,
and shown. Where that would unlock a door it counts as locked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.controller.access.passback_positions import held_open
from gateway.controller.alarms.alarm_memory import AlarmMemory, remembered
from gateway.controller.doors.opening_hours import KeptHours, kept_hours
from gateway.controller.state.component import OpeningId
from gateway.errors import UNUSABLE, DamagedFile, StorageError
from gateway.host.clock_trust import CEILING
from gateway.store.files import database
from gateway.store.journal import CommittedEntry, EntryKind, Timer
from gateway.store.journal.bodies import LARGEST_ID
from gateway.store.journal.history import LOOKED_AT, History, LastRun
from gateway.store.journal.renewal import JournalFile, KnownElsewhere
from gateway.store.journal.retention import Retention
from gateway.store.journal.rows import Damage
from gateway.store.journal.used_codes import UsedUp

log = structlog.get_logger("journal")

T = TypeVar("T")

_LOG_TABLES = ("access_logs", "access_events", "alarm_logs")


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal holds about earlier runs."""

    last: LastRun | None = None
    alarms: AlarmMemory = field(default_factory=AlarmMemory)
    fire_since_utc: int = 0
    """When the fire that goes on was reported, in Unix seconds; 0 without one."""
    hours: KeptHours = field(default_factory=lambda: KeptHours({}, {}))
    keypads: tuple[CommittedEntry, ...] = ()
    """The newest first."""
    modes: tuple[CommittedEntry, ...] = ()
    held_open: frozenset[OpeningId] = frozenset()
    """By an emergency or a fire, when the last run ended."""
    used_up: UsedUp = field(default_factory=UsedUp)
    clock_floor: datetime | None = None
    """The newest instant at which the clock was trusted."""
    faults: tuple[CommittedEntry, ...] = ()
    """The newest entry on each part."""

    @property
    def ended_uncleanly(self) -> bool:
        return self.last is not None and not self.last.clean


@dataclass(slots=True)
class JournalHealth:
    """What is wrong with what the journal has on the disk."""

    file: JournalFile | None = None
    damages: list[Damage] = field(default_factory=list)
    retention: Retention = field(default_factory=lambda: Retention(30, 200_000_000))

    @property
    def unreadable(self) -> int:
        """Damaged rows that were met, and skipped."""
        return sum(damage.count for damage in self.damages)

    @property
    def replaced(self) -> str | None:
        """Why the journal was made anew since the controller started."""
        return self.file.replaced if self.file else None


def clock_floor(history: History) -> datetime | None:
    """The newest instant at which the clock was trusted. Raises DamagedFile."""
    return _read(lambda: history.last_trusted_utc(CEILING), None)


def read_past(history: History, timer: Timer, floor: datetime | None, now_ms: int) -> Past:
    """What `history` tells at monotonic `now_ms`. Raises DamagedFile where the file is no journal;
    what cannot be read for another reason is as on a new device."""
    modes: tuple[CommittedEntry, ...] = tuple(
        _read(lambda: history.newest(EntryKind.MODE, LOOKED_AT), [])
    )
    return Past(
        last=_read(history.last_run, None),
        alarms=_read(lambda: remembered(history, timer, now_ms), AlarmMemory()),
        fire_since_utc=_read(lambda: _since_utc(history.last_of(EntryKind.FIRE)), 0),
        hours=_read(lambda: kept_hours(history), KeptHours({}, {})),
        keypads=tuple(_read(lambda: history.newest_of_each(EntryKind.KEYPAD), [])),
        modes=modes,
        held_open=_read(lambda: held_open(modes), frozenset()),
        used_up=_read(history.used_up, UsedUp(complete=False)),
        clock_floor=floor,
        faults=tuple(_read(lambda: history.newest_of_each(EntryKind.FAULT), [])),
    )


def _read(read: Callable[[], T], otherwise: T) -> T:
    try:
        return read()
    except DamagedFile:
        raise
    except StorageError as error:
        why = str(error)
        log.error("the journal cannot be read; doors start without", why=why)  # noqa: TRY400 - the reason says it all
    except UNUSABLE:  # one value that nobody foresaw must not keep doors from opening
        log.exception("part of the journal cannot be used; the controller starts without")
    return otherwise


def _since_utc(fire: CommittedEntry | None) -> int:
    """When the fire of an entry was reported, in Unix seconds; 0 if it has ended."""
    if fire is None or not fire.body["on"]:
        return 0
    return int(fire.body.get("since_utc", fire.utc.timestamp()))


def known_of(store: Path) -> KnownElsewhere:
    """What the API's log tables tell of a journal that is lost; nothing where they cannot be read.

    The file belongs to the api process: what it says is used within bounds, and for nothing else.
    """
    try:
        with closing(_Store(store)) as opened:
            ids = {table: opened.highest(table, "id") for table in _LOG_TABLES}
            return KnownElsewhere(opened.highest("journal_cursors", "seq"), ids)
    except (StorageError, sqlite3.Error) as error:
        log.warning("the log tables cannot be read", why=str(error))
        return KnownElsewhere()


class _Store:
    def __init__(self, path: Path) -> None:
        self._database = database.open_reader(path)

    def highest(self, table: str, column: str) -> int:
        sql = (
            f"SELECT max({column}) FROM {table}"  # noqa: S608 - names of ours
            f" WHERE typeof({column}) = 'integer' AND {column} < {LARGEST_ID}"
        )
        return int(self._database.connection().execute(sql).fetchone()[0] or 0)

    def close(self) -> None:
        self._database.close_all()
