"""Since when doors are as they are, and when each reader read last.

No decision depends on this, so a flight record has none of it. What happened before this start is
taken from the journal; what happened while no controller ran is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.clock import unix_s
from gateway.controller.state.component import Component, Decided, Effect, PolicyApplied
from gateway.hardware.events import HardwareEvent, InputLevel, InputLost
from gateway.link.messages import DoorStatus
from gateway.store.journal import CommittedEntry, Timer

UNKNOWN = 0
_TOLERANCE_S = 2
"""The wall clock may be corrected by this much without another time being told."""
_DIGITS = 9
"""Of a door's number; the journal may be damaged."""
_LEAF, _LOCK, _MODE = "leaf", "lock", "mode"
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class TimeMark:
    """An instant by both clocks."""

    utc_s: int
    at_ns: int
    boot_id: str
    clock_trusted: bool

    def told(self, timer: Timer) -> int:
        """In Unix seconds, by the wall clock as it is set now; UNKNOWN if nobody can tell."""
        if self.boot_id != timer.boot_id:
            return self.utc_s if self.clock_trusted and timer.trusted() else UNKNOWN
        passed_s = (timer.clock.monotonic_ns() - self.at_ns) // 1_000_000_000
        utc_s = unix_s(timer.clock.utc()) - passed_s
        return self.utc_s if abs(utc_s - self.utc_s) <= _TOLERANCE_S else utc_s


@dataclass(frozen=True, slots=True)
class EarlierChanges:
    """What the runs before this one leave known."""

    doors: Mapping[_Key, tuple[Hashable, TimeMark]] = field(default_factory=dict)
    """How each leaf and mode was at the end, and since when."""
    reads: Mapping[str, TimeMark] = field(default_factory=dict)
    """The newest read of each reader."""


def earlier_changes(
    moves: Iterable[CommittedEntry],
    modes: Iterable[CommittedEntry],
    reads: Iterable[CommittedEntry],
) -> EarlierChanges:
    """What entries of the journal tell, the newest of each kind first."""
    last_reads: dict[str, TimeMark] = {}
    for entry in reads:
        reader = (entry.body.get("facts") or {}).get("reader")
        if isinstance(reader, str):
            last_reads.setdefault(reader, _mark(entry))
    return EarlierChanges({**_earlier(_moved(moves)), **_earlier(_modes(modes))}, last_reads)


class LastChanges(Component):
    """The newest change of each door's leaf, lock and mode, and the newest read of each reader."""

    def __init__(
        self,
        timer: Timer,
        doors: Callable[[], Iterable[DoorStatus]],
        earlier: EarlierChanges,
    ) -> None:
        self._timer = timer
        self._doors = doors
        self._doors_known = False
        """Rules are in force: before, doors are not yet as they will be."""
        self._last_values: dict[_Key, Hashable] = {}
        self._last_marks: dict[_Key, TimeMark] = {}
        self._earlier = dict(earlier.doors)
        self._last_reads = dict(earlier.reads)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        del now_ms
        if isinstance(event, PolicyApplied):
            self._doors_known = True
        if isinstance(event, PolicyApplied | Decided | InputLevel | InputLost):
            for door in self._doors():
                self._see(door)

    def read(self, reader: str) -> None:
        """A reader has read something just now."""
        self._last_reads[reader] = self._now()

    def last_read_utc(self, reader: str) -> int:
        """In Unix seconds; UNKNOWN without a read that is known of."""
        mark = self._last_reads.get(reader)
        return mark.told(self._timer) if mark else UNKNOWN

    def with_times(self, door: DoorStatus) -> DoorStatus:
        """`door` with the times of its newest changes."""
        self._see(door)
        return door.model_copy(
            update={
                f"{what}_since_utc": mark.told(self._timer)
                for what in (_LEAF, _LOCK, _MODE)
                if (mark := self._last_marks.get((what, door.id)))
            }
        )

    def _see(self, door: DoorStatus) -> None:
        if not self._doors_known:
            return
        now = {_LEAF: door.sensor_open, _LOCK: door.unlocked, _MODE: door.mode}
        for what, value in now.items():
            key = (what, door.id)
            if value is None:
                if key in self._last_values:  # its module is away, and it may move meanwhile
                    for known in (self._last_values, self._last_marks, self._earlier):
                        known.pop(key, None)
            elif key not in self._last_values:
                earlier = self._earlier.get(key)
                if what == _LOCK:  # the start has driven it
                    self._last_marks[key] = self._now()
                elif earlier is not None and earlier[0] == value:
                    self._last_marks[key] = earlier[1]
                self._last_values[key] = value
            elif self._last_values[key] != value:
                self._last_values[key], self._last_marks[key] = value, self._now()

    def _now(self) -> TimeMark:
        clock = self._timer.clock
        utc_s, at_ns = unix_s(clock.utc()), clock.monotonic_ns()
        return TimeMark(utc_s, at_ns, self._timer.boot_id, self._timer.trusted())


_Told = tuple[_Key, Hashable, CommittedEntry]


def _moved(entries: Iterable[CommittedEntry]) -> Iterator[_Told]:
    for entry in entries:
        row = entry.body["row"]
        number = str(row["identification"])
        if row["event"] in {"door", "secbox"} and number.isdecimal() and len(number) <= _DIGITS:
            yield (_LEAF, int(number)), row["type"] == "OPEN", entry


def _modes(entries: Iterable[CommittedEntry]) -> Iterator[_Told]:
    for entry in entries:
        door, mode = entry.body.get("door"), entry.body.get("mode")
        if isinstance(door, int) and isinstance(mode, str):
            yield (_MODE, door), mode, entry


def _earlier(told: Iterable[_Told]) -> dict[_Key, tuple[Hashable, TimeMark]]:
    """What was so at the end of the last run, and since when: each start tells it again."""
    found: dict[_Key, tuple[Hashable, TimeMark]] = {}
    over: set[_Key] = set()
    for key, value, entry in told:
        if key in over:
            continue
        if key in found and found[key][0] != value:
            over.add(key)
        else:
            found[key] = (value, _mark(entry))
    return found


def _mark(entry: CommittedEntry) -> TimeMark:
    utc_s = unix_s(entry.utc)
    return TimeMark(utc_s, entry.monotonic_ns, entry.boot_id, entry.clock_trusted)
