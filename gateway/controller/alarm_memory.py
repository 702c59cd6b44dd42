"""What a restart keeps of the alarms, read from the journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from gateway.alarms.arming import Arming
from gateway.alarms.causes import AlarmCause
from gateway.alarms.duress import DuressQueue, PendingDuress, left_ms
from gateway.alarms.register import AlarmSource
from gateway.store.journal import CommittedEntry, EntryKind, Journal

_DURESS_LOOKED_AT = 256
"""Newest entries on people under threat searched at start for an alarm that is still to come."""


@dataclass(frozen=True, slots=True)
class AlarmMemory:
    """How the alarms stood; by default as on a new device."""

    on: tuple[AlarmSource, ...] = ()
    """Alarms whose end is not recorded, oldest first."""
    silenced: frozenset[AlarmSource] = frozenset()
    """Those of them that somebody had silenced."""
    arming: Arming = field(default_factory=Arming)
    duress: DuressQueue = field(default_factory=DuressQueue)


def remembered(journal: Journal, utc: datetime, now_ms: int, *, trusted: bool) -> AlarmMemory:
    """What `journal` tells at the instant `utc`, which is monotonic `now_ms`; `trusted` says
    whether that wall clock may be believed.
    """
    entries = journal.open_alarms()
    last = journal.last_of(EntryKind.SILENCED)
    silenced_seq = last.seq if last else 0
    return AlarmMemory(
        on=tuple(_source(entry) for entry in entries),
        silenced=frozenset(_source(entry) for entry in entries if entry.seq < silenced_seq),
        arming=_arming(journal.last_of(EntryKind.ARMING), utc, now_ms),
        duress=_duress(
            journal.newest(EntryKind.DURESS, _DURESS_LOOKED_AT), utc, now_ms, trusted=trusted
        ),
    )


def _source(entry: CommittedEntry) -> AlarmSource:
    row = entry.body["row"]
    return AlarmSource(
        AlarmCause(row["cause"]),
        row["door_id"],
        entry.body.get("part", ""),
        row["user_id"],
        row["access_log_id"],
    )


def _arming(entry: CommittedEntry | None, utc: datetime, now_ms: int) -> Arming:
    """Times to leave go on; with a clock that went back since, with all that was left of them."""
    if entry is None:
        return Arming()
    passed_ms = _passed_ms(entry, utc)
    exits = {
        int(zone): now_ms + left_ms(exit_ms, passed_ms)
        for zone, exit_ms in entry.body["exit_ms"].items()
    }
    disarmed = frozenset(entry.body["disarmed"])
    return Arming(disarmed, MappingProxyType(exits)).elapsed(now_ms)


def _duress(
    newest_first: Iterable[CommittedEntry], utc: datetime, now_ms: int, *, trusted: bool
) -> DuressQueue:
    """Those that have not begun; their delay goes on by the wall clock if it could be believed
    then and can be now, else all of it runs again.
    """
    begun: set[int] = set()
    queue: list[PendingDuress] = []
    for entry in newest_first:
        body = entry.body
        if body["done"]:
            begun.add(body["access_log_id"])
        elif body["access_log_id"] not in begun:
            believed = trusted and body["trusted"]
            left = left_ms(body["delay_ms"], _passed_ms(entry, utc) if believed else None)
            source = AlarmSource(
                AlarmCause(body["cause"]),
                body["door_id"],
                user_id=body["user_id"],
                access_log_id=body["access_log_id"],
            )
            queue.append(PendingDuress(source, now_ms + left))
    return DuressQueue(tuple(reversed(queue)))


def _passed_ms(entry: CommittedEntry, utc: datetime) -> int:
    return (utc - entry.utc) // timedelta(milliseconds=1)
