"""Occupancy over any kill: what counts as inside is entries minus exits of what was committed."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.access.occupancy import AreaLimits
from gateway.clock import DeviceTime, ManualClock
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.state.recorder import Recorder
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal
from gateway.store.journal.passages import PassageReader

OUT, IN, LAB = 1, 2, 3
LIMITS = {IN: AreaLimits(IN, minimum=2), LAB: AreaLimits(LAB)}
PORTALS = {1: OUT, 2: IN, 3: LAB, 4: IN, 5: 0}
"""Where each leads; the last one from an area to itself."""
PEOPLE = st.lists(st.integers(1, 4), unique=True, min_size=1, max_size=3)


class Writer:
    """Takes entries as the recorder does, and commits them when it is told to."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.ticket = 0
        self.waiting: list[Entry] = []

    def note(self, kind: EntryKind, **body: Any) -> int:
        utc, now_ns = self._clock.utc(), self._clock.monotonic_ns()
        self.waiting.append(Entry(kind, body, utc, now_ns, clock_trusted=True))
        self.ticket += 1
        return self.ticket


class Occupied(RuleBasedStateMachine):
    """People who go about, a journal that is late, and power that fails."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.path = Path(self._directory.name) / JOURNAL_FILE
        Journal.create(self.path)
        self.clock = ManualClock(datetime(2026, 11, 23, 15, tzinfo=UTC))
        self.journal = Journal(self.path, "boot")
        # Everything before the first entry is as in a new file.
        self.journal.append([Entry(EntryKind.STARTED, {}, self.clock.utc(), 0, True)], {})
        self.where: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self._start()

    def _start(self) -> None:
        self.writer = Writer(self.clock)
        self.reader = PassageReader(self.path)
        device_time = DeviceTime(lambda: ZoneInfo("UTC"))
        self.positions = PassbackPositions(
            self.reader, cast("Recorder", self.writer), self.clock, device_time
        )
        self.positions.watch(LIMITS)

    def teardown(self) -> None:
        self.reader.close()
        self.journal.close()
        self._directory.cleanup()

    @rule(people=PEOPLE, portal=st.sampled_from(sorted(PORTALS)))
    def people_pass(self, people: list[int], portal: int) -> None:
        self.clock.advance(1)
        to = PORTALS[portal]
        self.positions.entered(people, portal, to)
        if to:
            self.where |= dict.fromkeys(people, to)

    @rule(user=st.none() | st.integers(1, 4))
    def somebody_is_forgotten(self, user: int | None) -> None:
        self.positions.forgive(user, "asked_by_client")
        for one in [user] if user else list(self.where):
            self.where.pop(one, None)

    @rule(area=st.sampled_from([0, IN, LAB]))
    def an_area_is_emptied(self, area: int) -> None:
        self.positions.empty(area, "asked_by_client")
        self.where = {who: it for who, it in self.where.items() if area not in (0, it)}

    @rule()
    def the_journal_catches_up(self) -> None:
        if self.writer.waiting:
            self.journal.append(self.writer.waiting, {})
            self.writer.waiting.clear()
        self.positions.committed(self.writer.ticket)
        self.committed = dict(self.where)

    @rule()
    def the_power_fails(self) -> None:
        self.reader.close()
        self.where = dict(self.committed)
        self._start()

    @invariant()
    def the_count_is_entries_minus_exits(self) -> None:
        for area in LIMITS:
            wanted = {who for who, it in self.where.items() if it == area}
            assert set(self.positions.inside(area)) == wanted
            on_disk = {passage.user_id for passage in self.reader.inside(area)}
            assert on_disk == {who for who, it in self.committed.items() if it == area}

    @invariant()
    def nobody_is_known_and_forgotten_at_once(self) -> None:
        known, forgotten = self.reader.everybody(10)
        assert {it.user_id for it in known}.isdisjoint(it.user_id for it in forgotten)

    @invariant()
    def the_position_of_each_is_the_one_that_counts(self) -> None:
        for who in range(1, 5):
            assert self.positions.position(who).area_id == self.where.get(who, 0)


TestOccupied = Occupied.TestCase
TestOccupied.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
