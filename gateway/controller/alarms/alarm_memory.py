"""Reads the alarms of earlier runs from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from gateway.alarms.arming import Arming
from gateway.alarms.causes import AlarmCause
from gateway.alarms.duress import DuressQueue, PendingDuress, left_ms
from gateway.alarms.register import AlarmSource
from gateway.alarms.zones import ZoneEntry
from gateway.store.journal import CommittedEntry, EntryKind, Timer
from gateway.store.journal.history import LOOKED_AT, History


@dataclass(frozen=True, slots=True)
class AlarmMemory:
    """The alarms when the last run ended; by default those of a new device."""

    on: tuple[AlarmSource, ...] = ()
    """Alarms without a recorded end, oldest first."""
    silenced: frozenset[AlarmSource] = frozenset()
    """Those of `on` that were silenced."""
    arming: Arming = field(default_factory=Arming)
    duress: DuressQueue = field(default_factory=DuressQueue)
    entries: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Zone -> when its entry delay ends. If its alarm is on, the delay has ended and the alarm
    lasts until it is silenced."""


def remembered(journal: History, timer: Timer, now_ms: int) -> AlarmMemory:
    """The memory in `journal`, at monotonic `now_ms`."""
    entries = journal.open_alarms()
    last = journal.last_of(EntryKind.SILENCED)
    silenced_seq = last.seq if last else 0
    return AlarmMemory(
        on=tuple(_source(entry) for entry in entries),
        silenced=frozenset(_source(entry) for entry in entries if entry.seq < silenced_seq),
        arming=_arming(journal.last_of(EntryKind.ARMING), timer, now_ms),
        duress=_duress(journal.newest(EntryKind.DURESS, LOOKED_AT), timer, now_ms),
        entries=_entries(journal.newest_of_each(EntryKind.ENTRY), timer, now_ms),
    )


def _source(entry: CommittedEntry) -> AlarmSource:
    row = entry.body["row"]
    return AlarmSource(
        AlarmCause(row["cause"]),
        row.get("door_id", 0),
        entry.body.get("part", ""),
        row.get("user_id", 0),
        row.get("access_log_id", 0),
    )


def _arming(entry: CommittedEntry | None, timer: Timer, now_ms: int) -> Arming:
    """Exit delays go on; if the time since is unknown, with all that was left of them."""
    if entry is None:
        return Arming()
    passed_ms = _passed_ms(entry, timer)
    exits = {
        int(zone): now_ms + left_ms(exit_ms, passed_ms)
        for zone, exit_ms in entry.body["exit_ms"].items()
    }
    disarmed = frozenset(entry.body["disarmed"])
    bypassed = frozenset(entry.body.get("bypassed", ()))
    return Arming(disarmed, MappingProxyType(exits), bypassed).elapsed(now_ms)


def _entries(newest: Iterable[CommittedEntry], timer: Timer, now_ms: int) -> Mapping[int, int]:
    """Entry delays go on; if the time since is unknown they are over, since somebody is inside."""
    dues = {}
    for entry in newest:
        if entry.body["entry"] != ZoneEntry.OVER:
            passed_ms = _passed_ms(entry, timer)
            left = 0 if passed_ms is None else left_ms(entry.body["left_ms"], passed_ms)
            dues[int(entry.body["zone"])] = now_ms + left
    return MappingProxyType(dues)


def _duress(newest_first: Iterable[CommittedEntry], timer: Timer, now_ms: int) -> DuressQueue:
    """Pending alarms; if the time since is unknown, the whole delay runs again."""
    begun: set[int] = set()
    queue: list[PendingDuress] = []
    for entry in newest_first:
        body = entry.body
        if body["done"]:
            begun.add(body["access_log_id"])
        elif body["access_log_id"] not in begun:
            left = left_ms(body["delay_ms"], _passed_ms(entry, timer))
            source = AlarmSource(
                AlarmCause(body["cause"]),
                body["door_id"],
                user_id=body["user_id"],
                access_log_id=body["access_log_id"],
            )
            queue.append(PendingDuress(source, now_ms + left))
    return DuressQueue(tuple(reversed(queue)))


def _passed_ms(entry: CommittedEntry, timer: Timer) -> int | None:
    """How long ago `entry` was written; None if unknown."""
    passed = timer.passed_since(entry)
    # An entry stamped by an untrusted wall clock cannot be compared with the clock of this boot.
    if passed is None or not (entry.clock_trusted or entry.boot_id == timer.boot_id):
        return None
    return passed // timedelta(milliseconds=1)
