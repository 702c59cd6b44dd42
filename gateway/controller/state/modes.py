"""Ends exception modes whose time is over, even while the api process is away.

The configuration names such a mode until the api process sets it to none. The controller ends it on
time, and does not revive it after a restart.

While the database cannot be written, the api process has modes put in force here. They go before
those of the database until it has stored them, also over a restart.

A mode lasts as long as it was set for: its time is counted on the monotonic clock, so setting the
wall clock neither shortens nor prolongs it. The journal keeps the remaining time for a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.clock import Clock, monotonic_ms, unix_ms, wall_ahead_ms
from gateway.controller.state.recorder import Recorder
from gateway.link.messages import EndedMode, UnstoredMode
from gateway.objects.modes import has_mode_key, mode_key
from gateway.store.journal import CommittedEntry, EntryKind, Timer
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.policy.snapshot import Snapshot

_STEP_MS = 5_000
"""A step of the wall clock that makes the journal keep the remaining times anew: after a power-off
only the wall clock shows how much time has passed."""


@dataclass(frozen=True, slots=True)
class KeptMode:
    """The remaining time of a mode by the last entry of an earlier run."""

    mode: EndedMode
    left_ms: int
    utc: datetime
    monotonic_ns: int
    this_boot: bool
    """The machine has not been restarted since."""
    trusted: bool


@dataclass(frozen=True, slots=True)
class ModeKeeperState:
    """When modes end, and which have ended."""

    ended: tuple[EndedMode, ...]
    kept: tuple[KeptMode, ...]
    ends_ms: tuple[tuple[EndedMode, int], ...]
    ahead_ms: int
    started: bool
    unstored: tuple[UnstoredMode, ...] = ()


class ModeKeeper:
    """Keeps when modes end and which have ended."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        timer: Timer,
        past: Iterable[CommittedEntry] = (),
    ) -> None:
        """`past` holds the journal's entries about modes, newest first.

        An untrusted clock ends no mode: a lock-down must outlast a power cut.
        """
        self._recorder = recorder
        self._clock = clock
        self._timer = timer
        self._ended: set[EndedMode] = set()
        self._kept: dict[EndedMode, CommittedEntry] = {}
        """The newest entry of an earlier run with the remaining time."""
        self._unstored: dict[int, UnstoredMode] = {}
        """By door: in force though the database does not have it."""
        stored: set[int] = set()
        for entry in past:
            door = entry.body.get("unstored")
            if "stored" in entry.body:
                stored.add(entry.body["stored"])
            elif door is not None and door not in stored:
                self._unstored.setdefault(door, _unstored(entry))
            if "ended" in entry.body:
                self._ended.add(_named(entry.body["ended"], entry))
            elif "timed" in entry.body:
                self._kept.setdefault(_named(entry.body["timed"], entry), entry)
        self._ends_ms: dict[EndedMode, int] = {}
        """When modes end (monotonic); without those of earlier runs while the time since then is
        unknown."""
        self._ahead_ms = wall_ahead_ms(self._clock)
        """Wall clock minus monotonic clock at the last entries with remaining times."""
        self._started = False

    def state(self) -> ModeKeeperState:
        kept = (
            KeptMode(
                mode,
                int(entry.body["left_ms"]),
                entry.utc,
                entry.monotonic_ns,
                entry.boot_id == self._timer.boot_id,
                entry.clock_trusted,
            )
            for mode, entry in self._kept.items()
        )
        return ModeKeeperState(
            tuple(sorted(self._ended, key=str)),
            tuple(kept),
            tuple(self._ends_ms.items()),
            self._ahead_ms,
            self._started,
            self.unstored,
        )

    def restore(self, state: ModeKeeperState) -> None:
        self._ended = set(state.ended)
        self._kept = {
            kept.mode: CommittedEntry(
                0,
                EntryKind.MODE,
                {"left_ms": kept.left_ms},
                kept.utc,
                kept.monotonic_ns,
                self._timer.boot_id if kept.this_boot else "",
                kept.trusted,
            )
            for kept in state.kept
        }
        self._ends_ms = dict(state.ends_ms)
        self._ahead_ms = state.ahead_ms
        self._started = state.started
        self._unstored = {mode.door: mode for mode in state.unstored}

    @property
    def unstored(self) -> tuple[UnstoredMode, ...]:
        """The modes that go before those of the database."""
        return tuple(self._unstored.values())

    def keep(self, modes: Iterable[UnstoredMode]) -> None:
        """Have `modes`, and no others, go before those of the database from now on."""
        before, self._unstored = self._unstored, {mode.door: mode for mode in modes}
        for door in before.keys() - self._unstored.keys():
            self._recorder.note(EntryKind.MODE, stored=door, mode=before[door].mode)
        for door, mode in self._unstored.items():
            if mode != before.get(door):
                facts = mode.model_dump(exclude={"door"})
                self._recorder.note(EntryKind.MODE, unstored=door, **facts)

    def in_force(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` of the database, with the modes that go before."""
        if not self._unstored:
            return snapshot
        configuration, rows = dict(snapshot.configuration), dict(snapshot.modes)
        for door, mode in self._unstored.items():
            if has_mode_key(door):
                configuration["general", mode_key(door)] = mode.mode
            facts = mode.model_dump(exclude={"door"})
            rows[door] = ModeRow(door_id=door, **facts)
        return replace(snapshot, configuration=configuration, modes=rows)

    def over(self, snapshot: Snapshot) -> tuple[EndedMode, ...]:
        """The modes of `snapshot` whose time is over. A mode that has ended stays ended."""
        timed = {
            EndedMode(door=door, until_utc=row.until_utc): row
            for door, row in snapshot.modes.items()
            if row.until_utc
        }
        self._ends_ms = {mode: end_ms for mode, end_ms in self._ends_ms.items() if mode in timed}
        self._see_step(timed)
        for mode, row in timed.items():
            if mode in self._ended:
                continue
            if mode not in self._ends_ms:
                self._begin(mode, row)
            end_ms = self._ends_ms.get(mode)
            if end_ms is not None and end_ms <= self._now_ms() and self._timer.trusted():
                self._ended.add(mode)
                self._recorder.note(
                    EntryKind.MODE, ended=mode.door, mode=row.mode, until_utc=mode.until_utc
                )
        self._started = True
        return tuple(mode for mode in timed if mode in self._ended)

    def known(self, snapshot: Snapshot) -> tuple[EndedMode, ...]:
        """The result of the last `over`, without reading the clock."""
        named = (
            EndedMode(door=door, until_utc=row.until_utc) for door, row in snapshot.modes.items()
        )
        return tuple(mode for mode in named if mode in self._ended)

    def _begin(self, mode: EndedMode, row: ModeRow) -> None:
        """Start counting the time of a new mode, if the remaining time is known."""
        kept = self._kept.get(mode)
        if kept is not None:
            passed = self._timer.passed_since(kept)
            if passed is None:
                return
            left_ms = int(kept.body["left_ms"]) - passed // timedelta(milliseconds=1)
        elif self._started or self._timer.trusted():
            # It was set by this machine's clock, now or while this process was down.
            left_ms = mode.until_utc * 1000 - unix_ms(self._clock.utc())
        else:
            return
        self._ends_ms[mode] = self._now_ms() + left_ms
        self._note_left(mode, row)

    def _see_step(self, timed: Mapping[EndedMode, ModeRow]) -> None:
        """Journal the remaining time of every mode again after a step of the wall clock."""
        ahead_ms = wall_ahead_ms(self._clock)
        if abs(ahead_ms - self._ahead_ms) < _STEP_MS:
            return
        self._ahead_ms = ahead_ms
        for mode in self._ends_ms.keys() - self._ended:
            self._note_left(mode, timed[mode])

    def _note_left(self, mode: EndedMode, row: ModeRow) -> None:
        self._recorder.note(
            EntryKind.MODE,
            timed=mode.door,
            mode=row.mode,
            until_utc=mode.until_utc,
            left_ms=self._ends_ms[mode] - self._now_ms(),
            login=row.login,
            reason=row.reason,
        )

    def _now_ms(self) -> int:
        return monotonic_ms(self._clock)


def _named(door: int, entry: CommittedEntry) -> EndedMode:
    return EndedMode(door=door, until_utc=entry.body["until_utc"])


def _unstored(entry: CommittedEntry) -> UnstoredMode:
    facts = {name: entry.body[name] for name in UnstoredMode.model_fields if name in entry.body}
    return UnstoredMode(**{**facts, "door": entry.body["unstored"]})
