"""What second cards, third cards and keys do: the table, and what holds for any run."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.gestures import (
    NEXT_CARD_MS,
    Gesture,
    GestureRow,
    GestureState,
    portal_gestures,
)

TABLE = Path(__file__).parent / "tables" / "gestures.toml"
CASES = tomllib.loads(TABLE.read_text(encoding="utf-8"))["case"]
PORTALS = {"front": 1, "back": 2}
STAFF = 7
PEOPLE: dict[str, tuple[int, tuple[int, ...]]] = {
    "ana": (1, ()),
    "bruno": (2, (STAFF,)),
    "carla": (3, (9,)),
}
GESTURES = portal_gestures(
    [
        GestureRow(1, 1, 1, None, "", 0),
        GestureRow(2, 1, 2, 5, "", 30),
        GestureRow(3, 1, 3, 5, "77", 0),
        GestureRow(4, 2, 1, None, "", 0),
    ],
    groups=[(1, STAFF), (2, STAFF), (3, STAFF)],
    users=[(1, 1), (2, 1), (3, 1), (4, 1)],
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_gesture_is_made_as_the_table_says(case: dict[str, Any]) -> None:
    state = GestureState()
    for at_ms, words, expected in case["timeline"]:
        done = None
        match words.split():
            case ["keys", keys, "at", reader]:
                done = state.keyed(GESTURES, reader, keys, at_ms)
            case [reader, "REFUSED"]:
                state = state.without(reader)
            case [who, "at", reader]:
                portal, person = PORTALS[reader], PEOPLE[who]
                state, done = state.granted(GESTURES, reader, portal, person, at_ms)
        assert (done.gesture.name.lower() if done else "") == expected, at_ms


def test_rows_that_lack_what_they_need_or_that_are_not_known_do_nothing() -> None:
    rows = [
        GestureRow(1, 1, 2, None, "", 0),
        GestureRow(2, 1, 3, 5, "", 0),
        GestureRow(3, 1, 3, None, "77", 0),
        GestureRow(4, 1, 9, 5, "77", 0),
    ]
    assert portal_gestures(rows, [], []) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(PEOPLE)),
            st.sampled_from(sorted(PORTALS)),
            st.booleans(),
            st.integers(0, 2 * NEXT_CARD_MS),
        ),
        max_size=40,
    )
)
def test_nobody_makes_a_gesture_with_a_first_card_after_a_refusal_or_without_being_listed(
    reads: list[tuple[str, str, bool, int]],
) -> None:
    state, now_ms, before = GestureState(), 0, dict[str, tuple[str, int]]()
    for who, reader, granted, pause_ms in reads:
        now_ms += pause_ms
        if not granted:
            state = state.without(reader)
            before.pop(reader, None)
            continue
        state, done = state.granted(GESTURES, reader, PORTALS[reader], PEOPLE[who], now_ms)
        if done is not None:
            last, at_ms = before[reader]
            assert last == who != "carla"
            assert now_ms - at_ms <= NEXT_CARD_MS
            assert done.portal_id == PORTALS[reader]
            assert done.gesture in (Gesture.HOLD, Gesture.ZONES)
        before[reader] = (who, now_ms)
