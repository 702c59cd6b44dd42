"""What a reader's lights and buzzer show, instant by instant."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.reasons import Reason
from gateway.access.signals import PATTERNS, Cue, Idle, Part, Signal


def shown(signal: Signal, now_ms: int) -> str:
    """The parts that are on, by their first letters."""
    return "".join(part.value[0] for part in Part if signal.on(part, now_ms))


def course(signal: Signal) -> list[tuple[int, str]]:
    """Everything that a signal shows, from each change to the next."""
    found: list[tuple[int, str]] = []
    now_ms: int | None = signal.began_ms
    while now_ms is not None:
        found.append((now_ms, shown(signal, now_ms)))
        now_ms = signal.next_ms(now_ms)
    return found


def test_a_grant_is_green_for_as_long_as_the_door_unlocks_with_one_beep() -> None:
    assert course(Signal(Cue.GRANT, 100, 3_100)) == [(100, "gb"), (250, "g"), (3_100, "")]


def test_a_denial_is_red_for_a_moment_with_three_short_beeps() -> None:
    assert course(Signal(Cue.DENY, 0, 1_000)) == [
        (0, "rb"),
        (100, "r"),
        (200, "rb"),
        (300, "r"),
        (400, "rb"),
        (500, "r"),
        (1_000, ""),
    ]


def test_a_wait_is_green_and_red_in_turn_until_it_ends() -> None:
    assert course(Signal(Cue.WAIT, 7, 2_207)) == [
        (7, "g"),
        (507, "r"),
        (1_007, "g"),
        (1_507, "r"),
        (2_007, "g"),
        (2_207, ""),
    ]


def test_an_error_is_red_with_one_long_beep() -> None:
    assert course(Signal(Cue.ERROR, 0, 1_000)) == [(0, "rb"), (1_000, "")]


def test_nothing_is_shown_before_and_after() -> None:
    for cue in Cue:
        signal = Signal(cue, 100, 1_100)
        assert (shown(signal, 99), shown(signal, 1_100)) == ("", "")
        assert signal.next_ms(1_100) is None


def test_every_cue_has_a_pattern() -> None:
    assert set(PATTERNS) == {*Cue, *Idle}


def test_in_a_lock_down_a_reader_at_rest_is_red_and_never_sounds() -> None:
    signal = Signal(Idle.LOCK_DOWN, 100)
    assert (shown(signal, 99), shown(signal, 100), shown(signal, 10**9)) == ("", "r", "r")
    assert not any(Part.BUZZER in PATTERNS[idle].spans for idle in Idle)


def test_a_reader_that_waits_to_enrol_blinks_with_both_lights() -> None:
    signal = Signal(Idle.ENROLMENT, 0, 1_000)
    assert course(signal) == [(0, "gr"), (250, ""), (500, "gr"), (750, ""), (1_000, "")]


@given(st.sampled_from([*Cue, *Idle]), st.integers(1, 20_000), st.integers(0, 25_000))
def test_between_two_changes_nothing_changes(cue: Cue | Idle, for_ms: int, at_ms: int) -> None:
    signal = Signal(cue, 0, for_ms)
    following = signal.next_ms(at_ms)
    if following is None:
        assert shown(signal, at_ms) == ""
        return
    assert following > at_ms
    assert {shown(signal, instant) for instant in range(at_ms, following)} == {shown(signal, at_ms)}


def test_a_course_has_no_two_changes_at_once() -> None:
    for cue in Cue:
        instants = [at_ms for at_ms, _shown in course(Signal(cue, 0, 5_000))]
        assert all(before < after for before, after in pairwise(instants))


@pytest.mark.parametrize("reason", Reason)
def test_green_is_for_those_alone_who_may_pass(reason: Reason) -> None:
    passes = reason.allowed or reason is Reason.FREE_PASSAGE
    assert (reason.cue is Cue.GRANT) is passes


def test_a_locked_keypad_answers_as_a_wrong_entry_does() -> None:
    assert Reason.KEYPAD_LOCKED.cue is Reason.UNKNOWN_CREDENTIAL.cue is Cue.DENY


@pytest.mark.parametrize(
    ("reason", "cue"),
    [
        (Reason.SECOND_FACTOR_DUE, Cue.WAIT),
        (Reason.WAITING_FOR_PERSONS, Cue.WAIT),
        (Reason.INTERNAL_ERROR, Cue.ERROR),
        (Reason.READER_WITHOUT_PORTAL, Cue.ERROR),
        (Reason.SECOND_FACTOR_TIMED_OUT, Cue.DENY),
        (Reason.LOCK_DOWN, Cue.DENY),
    ],
)
def test_reasons_are_told_apart_by_what_the_person_can_do_about_them(
    reason: Reason, cue: Cue
) -> None:
    assert reason.cue is cue
