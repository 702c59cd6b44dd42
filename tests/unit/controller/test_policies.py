"""Rules are compiled beside those that decide, and never begun anew while they are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from gateway.clock import ManualClock
from gateway.controller.state.policies import RETRY_NS, SLICE_NS, PolicyKeeper
from gateway.errors import StorageError
from gateway.store.policy.snapshot import Snapshot, SnapshotReader

STEPS = 10
RULES = 500


class Reader:
    """A store whose version a test sets; a compilation takes STEPS steps of one millisecond."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.version = 1
        self.begun = 0
        self.broken = False

    def compile(self) -> Generator[None, None, Snapshot]:
        if self.broken:
            raise StorageError("gone")
        self.begun += 1
        version = self.version
        for _ in range(STEPS):
            self.clock.advance(0.001)
            yield
        return cast("Snapshot", FakeSnapshot(version))


class Rule:
    """Something that can be seen to go."""


class FakePolicy:
    def __init__(self) -> None:
        self.rules = {number: Rule() for number in range(RULES)}
        self.group_rules: dict[int, Rule] = {}
        self.portals: dict[int, Rule] = {}


class FakeSnapshot:
    def __init__(self, version: int) -> None:
        self.version = version
        self.policy = FakePolicy()


class Kept:
    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.reader = Reader(self.clock)
        self.adopted: list[int] = []
        self.rules = weakref.WeakSet[Rule]()
        self.keeper = PolicyKeeper(cast("SnapshotReader", self.reader), self.clock)
        self.keeper.adopt = self._adopt

    def _adopt(self, snapshot: Any) -> None:
        self.adopted.append(snapshot.version)
        self.collecting = gc.isenabled()
        self.rules.update(snapshot.policy.rules.values())

    def until_done(self) -> None:
        for _ in range(1000):
            if not self.keeper.compiling:
                return
            self.keeper.slice()
        raise AssertionError("the compilation never ends")


@pytest.fixture
def kept() -> Kept:
    made = Kept()
    made.keeper.finish()
    return made


def test_a_slice_ends_in_time(kept: Kept) -> None:
    kept.reader.version = 2
    kept.keeper.want(2)
    before = kept.clock.monotonic_ns()
    kept.keeper.slice()
    assert kept.clock.monotonic_ns() - before <= SLICE_NS + 1_000_000
    assert kept.adopted == [1]
    kept.until_done()
    assert kept.adopted == [1, 2]


def test_writes_faster_than_a_compilation_do_not_keep_it_from_ending(kept: Kept) -> None:
    for version in range(2, 40):
        kept.reader.version = version
        kept.keeper.want(version)
        kept.keeper.slice()
    kept.until_done()
    assert kept.keeper.version == 39
    assert len(kept.adopted) > 3
    assert kept.adopted == sorted(kept.adopted)


def test_a_version_that_decides_already_is_not_compiled_again(kept: Kept) -> None:
    kept.keeper.want(1)
    assert not kept.keeper.compiling
    assert kept.reader.begun == 1


def test_a_version_that_was_overtaken_costs_one_more_compilation_at_most(kept: Kept) -> None:
    kept.reader.version = 5
    kept.keeper.want(2)
    kept.keeper.want(3)
    kept.until_done()
    assert kept.keeper.version == 5
    assert kept.reader.begun <= 3


def test_an_earlier_version_of_a_restored_store_is_compiled_too(kept: Kept) -> None:
    kept.reader.version = 9
    kept.keeper.want(9)
    kept.until_done()
    kept.reader.version = 4
    kept.keeper.want(4)
    kept.until_done()
    assert kept.keeper.version == 4


def test_a_store_that_cannot_be_read_is_tried_again(kept: Kept) -> None:
    kept.reader.broken = True
    kept.keeper.want(2)
    kept.keeper.slice()
    assert kept.keeper.fault == "gone"
    assert kept.keeper.due_ns() == kept.clock.monotonic_ns() + RETRY_NS
    kept.reader.broken = False
    kept.reader.version = 2
    kept.clock.advance(RETRY_NS / 1e9)
    kept.until_done()
    assert kept.keeper.version == 2
    assert kept.keeper.fault is None


def test_new_rules_are_adopted_in_a_slice_of_their_own(kept: Kept) -> None:
    kept.reader.version = 2
    kept.keeper.want(2)
    before = 0
    while kept.adopted == [1]:
        before = kept.clock.monotonic_ns()
        kept.keeper.slice()
    assert kept.clock.monotonic_ns() == before


def test_rules_of_the_past_are_let_go_a_few_at_a_time(kept: Kept) -> None:
    kept.reader.version = 2
    kept.keeper.want(2)
    kept.until_done()
    assert len(kept.rules) == 2 * RULES
    left = []
    while kept.keeper.due_ns() is not None:
        kept.keeper.slice()
        left.append(len(kept.rules))
    assert left == [800, 600, 500]


def test_no_garbage_is_collected_while_rules_are_compiled(kept: Kept) -> None:
    kept.reader.version = 2
    kept.keeper.want(2)
    kept.keeper.slice()
    assert not gc.isenabled()
    kept.until_done()
    assert not kept.collecting
    assert gc.isenabled()


def test_garbage_is_collected_again_when_a_compilation_fails(kept: Kept) -> None:
    kept.reader.broken = True
    kept.keeper.want(2)
    kept.keeper.slice()
    assert gc.isenabled()
