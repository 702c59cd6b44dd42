from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.hardware.events import InputKind, InputLevel, InputName
from gateway.hardware.factory import open_simulated
from gateway.hardware.pins.inputs import DebouncedInput
from gateway.hardware.simulated.pins import SimulatedFactory
from gateway.settings import Input

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.hardware.conftest import Bench

REX = InputName(InputKind.REX, 1)
MS = 1_000_000


class Button:
    """One debounced input on a pin of the simulated board (20 ms, pulled up)."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.factory: SimulatedFactory = open_simulated(
            bench.profile, bench.clock, bench.runtime_dir
        )
        wiring = Input(pin=22, debounce_ms=20)
        self.input = DebouncedInput(self.factory, REX, wiring, bench.loop)
        self.pin = self.factory.pin(22)

    def drive(self, *, high: bool) -> None:
        self.pin.drive(high=high)

    def run(self, ms: float) -> None:
        """Service at every instant that is due, as the loop does."""
        end_ns = self.now_ns + round(ms * MS)
        while True:
            self.input.service(self.now_ns)
            assert self.input.due_ns > self.now_ns, "the loop would spin"
            if self.now_ns >= end_ns:
                return
            self.bench.clock.advance((min(self.input.due_ns, end_ns) - self.now_ns) / 1e9)

    @property
    def now_ns(self) -> int:
        return self.bench.clock.monotonic_ns()

    @property
    def levels(self) -> list[bool]:
        return self.bench.levels(REX)


@pytest.fixture
def button(bench: Bench) -> Iterator[Button]:
    made = Button(bench)
    yield made
    made.input.close()
    made.factory.close()


def test_the_level_at_start_is_posted_once(button: Button) -> None:
    button.run(5_000)
    assert button.bench.events == [InputLevel(REX, high=True, at_ns=1_000_000_000)]


def test_a_level_held_at_start_is_posted_as_it_is(button: Button) -> None:
    button.drive(high=False)
    button.run(100)
    assert button.levels == [False]


def test_a_change_is_posted_after_the_debounce_time_and_not_before(button: Button) -> None:
    button.run(100)
    button.drive(high=False)
    button.run(19.9)
    assert button.levels == [True]
    button.run(0.2)
    assert button.levels == [True, False]


def test_bounces_make_one_change_after_the_last_of_them(button: Button) -> None:
    button.run(100)
    for _ in range(5):
        button.drive(high=False)
        button.run(2)
        button.drive(high=True)
        button.run(2)
    button.drive(high=False)
    button.run(19.9)
    assert button.levels == [True]
    button.run(50)
    assert button.levels == [True, False]


def test_a_glitch_shorter_than_the_debounce_time_is_nothing(button: Button) -> None:
    button.run(100)
    button.drive(high=False)
    button.run(5)
    button.drive(high=True)
    button.run(5_000)
    assert button.levels == [True]


def test_an_edge_wakes_the_loop(button: Button) -> None:
    button.run(100)
    wakes = button.bench.wakes
    button.drive(high=False)
    assert button.bench.wakes == wakes + 1


def test_a_level_whose_edge_was_lost_is_found_within_about_a_second(button: Button) -> None:
    button.run(100)
    button.pin.when_changed = None
    button.drive(high=False)
    button.run(1_000 + 20)
    assert button.levels == [True, False]


def test_a_reading_in_the_middle_of_a_bounce_is_not_believed_at_once(button: Button) -> None:
    button.run(100)
    button.pin.when_changed = None
    button.run(898)
    button.drive(high=False)
    button.run(5)
    button.drive(high=True)
    button.run(3_000)
    assert button.levels == [True]


def test_a_contact_that_chatters_on_is_read_all_the_same(button: Button) -> None:
    button.run(100)
    button.drive(high=False)
    for _ in range(150):
        button.drive(high=True)
        button.drive(high=False)
        button.run(10)
    assert button.levels == [True, False]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 60)), max_size=30))
def test_posted_levels_alternate_in_time_and_end_with_the_true_one(
    button: Button, moves: list[tuple[bool, float]]
) -> None:
    # The button goes on from one example to the next: what it posted last is where it starts.
    button.run(2_000)
    start = button.levels[-1]
    button.bench.events[:-1] = []
    for high, ms in moves:
        button.drive(high=high)
        button.run(ms)
    button.run(2_000)
    assert button.levels[0] is start
    assert all(before is not after for before, after in pairwise(button.levels))
    assert button.levels[-1] is button.pin.state
    stamps = [event.at_ns for event in button.bench.posted(InputLevel)]
    assert stamps == sorted(stamps)


def test_all_inputs_of_a_site_post_their_level_at_start(bench: Bench) -> None:
    bench.open()
    bench.run(ms=0)
    assert {str(level.name): level.high for level in bench.posted(InputLevel)} == {
        "door_sensor 1": True,
        "rex 1": True,
        "door_sensor 2": False,
        "zone 1": True,
        "tamper": True,
        "fire": False,
    }
