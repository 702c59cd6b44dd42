"""What the journal tells a start of earlier runs.

Nothing that lies on the disk ends a start: what cannot be read is as if it had not been written,
and shown. Where that would unlock a door it counts as locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import structlog

from gateway.controller.access.passback_positions import held_open
from gateway.controller.alarms.alarm_memory import AlarmMemory, remembered
from gateway.controller.doors.opening_hours import KeptHours, kept_hours
from gateway.controller.state.component import OpeningId
from gateway.controller.state.last_changes import EarlierChanges, earlier_changes
from gateway.errors import UNUSABLE, DamagedFile, StorageError
from gateway.host.clock_trust import CEILING
from gateway.store.journal import CommittedEntry, EntryKind, Timer
from gateway.store.journal.history import LOOKED_AT, History, LastRun
from gateway.store.journal.renewal import JournalFile
from gateway.store.journal.retention import Retention
from gateway.store.journal.rows import Damage
from gateway.store.journal.used_codes import UsedUp

log = structlog.get_logger("journal")

T = TypeVar("T")


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
    threat: CommittedEntry | None = None
    """The threat level in force when the last run ended."""
    held_open: frozenset[OpeningId] = frozenset()
    """By an emergency or a fire, when the last run ended."""
    used_up: UsedUp = field(default_factory=UsedUp)
    clock_floor: datetime | None = None
    """The newest instant at which the clock was trusted."""
    faults: tuple[CommittedEntry, ...] = ()
    """The newest entry on each part."""
    changes: EarlierChanges = field(default_factory=EarlierChanges)
    triggers: tuple[CommittedEntry, ...] = ()
    """The newest entry on each trigger; likewise on each output."""
    outputs: tuple[CommittedEntry, ...] = ()

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
        threat=_read(lambda: history.last_of(EntryKind.THREAT_LEVEL), None),
        held_open=_read(lambda: held_open(modes), frozenset()),
        used_up=_read(history.used_up, UsedUp(complete=False)),
        clock_floor=floor,
        faults=tuple(_read(lambda: history.newest_of_each(EntryKind.FAULT), [])),
        changes=_read(lambda: _changes(history, modes), EarlierChanges()),
        triggers=tuple(_read(lambda: history.newest_of_each(EntryKind.TRIGGER), [])),
        outputs=tuple(_read(lambda: history.newest_of_each(EntryKind.OUTPUT), [])),
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


def _changes(history: History, modes: Iterable[CommittedEntry]) -> EarlierChanges:
    moves = history.newest(EntryKind.ACCESS_EVENT, LOOKED_AT)
    return earlier_changes(moves, modes, history.newest(EntryKind.ACCESS, LOOKED_AT))


def _since_utc(fire: CommittedEntry | None) -> int:
    """When the fire of an entry was reported, in Unix seconds; 0 if it has ended."""
    if fire is None or not fire.body["on"]:
        return 0
    return int(fire.body.get("since_utc", fire.utc.timestamp()))
