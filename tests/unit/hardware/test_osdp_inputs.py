"""What is known of a reader's inputs, in any order of reports, outages and time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.hardware.osdp.inputs import (
    REFRESH_MS,
    SETTLE_MS,
    AskInputs,
    InputEffect,
    InputForgotten,
    InputsState,
    InputTurned,
    elapsed,
    reported,
)

NUMBERS = (0, 2)


class Watched:
    """A reader's inputs, and what was told of each: its value, None for unknown."""

    def __init__(self) -> None:
        self.state = InputsState.of(NUMBERS)
        self.now_ms = 0
        self.told: dict[int, bool | None] = dict.fromkeys(NUMBERS)
        self.changes: list[int] = []
        """When an input changed from one known value to another."""
        self.asked: list[int] = []

    def report(self, *active: bool | None) -> None:
        self.state, effects = reported(self.state, active, self.now_ms)
        self._take(effects)

    def look(self, *, reached: bool = True, after_ms: int = 0) -> None:
        self.now_ms += after_ms
        self.state, effects = elapsed(self.state, self.now_ms, reached=reached)
        self._take(effects)

    def _take(self, effects: tuple[InputEffect, ...] | list[InputEffect] | object) -> None:
        assert isinstance(effects, tuple | list)
        for effect in effects:
            match effect:
                case InputTurned(number=number, active=active):
                    assert self.told[number] is not active, "a level that is known already"
                    if self.told[number] is not None:
                        self.changes.append(self.now_ms)
                    self.told[number] = active
                case InputForgotten(number=number):
                    self.told[number] = None
                case AskInputs():
                    self.asked.append(self.now_ms)


def test_it_asks_until_all_are_known_and_now_and_then_afterwards() -> None:
    watched = Watched()
    watched.look(reached=False)
    assert watched.asked == []
    for _ in range(3):
        watched.look(after_ms=1_000)
    watched.report(False, False, True)
    watched.look(after_ms=1_000)
    assert watched.asked == [1_000, 2_000, 3_000, 4_000]
    watched.look(after_ms=REFRESH_MS - 1)
    assert len(watched.asked) == 4
    watched.look(after_ms=1)
    assert len(watched.asked) == 5
    assert watched.told == {0: False, 2: True}


def test_a_button_that_was_pressed_while_the_reader_was_away_is_no_press() -> None:
    watched = Watched()
    watched.look()
    watched.report(False, False, False)
    watched.look(reached=False, after_ms=SETTLE_MS)
    assert watched.told == {0: None, 2: None}
    watched.look()
    # What the reader kept: not pressed at first, then pressed, then released.
    watched.report(False, False, False)
    watched.report(True, False, False)
    watched.report(False, False, False)
    assert watched.changes == []
    assert watched.told == {0: False, 2: False}
    watched.look(after_ms=SETTLE_MS)
    watched.report(True, False, False)
    assert watched.changes == [watched.now_ms]


def test_an_input_that_is_missing_or_faulty_is_unknown() -> None:
    watched = Watched()
    watched.look()
    watched.report(True, True)
    assert watched.told == {0: True, 2: None}
    watched.report(None, True, False)
    assert watched.told == {0: None, 2: False}


VALUES = st.lists(st.sampled_from([True, False, None]), max_size=4)
STEPS = st.lists(
    st.one_of(VALUES, st.booleans(), st.sampled_from([1, 500, 1_999, 2_000, 10_000])), max_size=40
)


@given(STEPS)
def test_nothing_is_known_that_was_not_reported_since_the_reader_is_reached(
    steps: list[list[bool | None] | bool | int],
) -> None:
    watched, reached, newest = Watched(), False, None
    watched.look(reached=False)
    back_ms = 0
    for step in steps:
        match step:
            case bool():
                back_ms = watched.now_ms if step and not reached else back_ms
                reached = step
                newest = newest if reached else None
                watched.look(reached=reached)
            case int():
                watched.look(reached=reached, after_ms=step)
            case _ if reached:
                newest = step
                watched.report(*step)
        for number in NUMBERS:
            known = newest is not None and number < len(newest)
            assert watched.told[number] is (newest[number] if newest and known else None)
        # No change counts while the reader may still tell of what was.
        assert all(at >= back_ms + SETTLE_MS or at < back_ms for at in watched.changes)
        assert not reached or watched.asked
