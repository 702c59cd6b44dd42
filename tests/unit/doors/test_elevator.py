"""The floors of a lift: its truth table, and what must hold whatever happens."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors import elevator as el
from gateway.doors.values import Mode

CASES = tomllib.loads((Path(__file__).parent / "tables/elevator.toml").read_text("utf-8"))["case"]


class Lift:
    """A lift on a bench, which is given time whenever it asks for it."""

    def __init__(self, *, on_in_fire: bool = True) -> None:
        floors = frozenset({1, 2, 3})
        self.settings = el.ElevatorSettings(floors, on_in_fire, {1: 5_000, 2: 5_000})
        self.state = el.ElevatorState()
        self.counts: frozenset[int] = frozenset()
        self.done: list[tuple[int, str]] = []

    def play(self, at_ms: int, words: str) -> None:
        while (due := el.due_ms(self.state)) is not None and due < at_ms:
            self.feed(due, el.LiftTime())
        self.feed(at_ms, event_of(words))

    def feed(self, at_ms: int, event: el.ElevatorEvent) -> None:
        self.state = el.step(self.settings, self.state, event, at_ms)
        counts = el.counting(self.settings, self.state)
        if counts != self.counts:
            self.counts = counts
            self.done.append((at_ms, " ".join(map(str, sorted(counts))) or "none"))


def event_of(words: str) -> el.ElevatorEvent:
    verb, *rest = words.split() or [""]
    match verb:
        case "grant":
            return el.FloorsGranted(frozenset(map(int, rest)))
        case "free":
            return el.FloorsFree(frozenset(map(int, rest)))
        case "mode":
            return el.LiftMode(Mode(rest[0]))
    assert not words
    return el.LiftTime()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_lift_does_what_the_table_says(case: dict[str, Any]) -> None:
    lift = Lift(on_in_fire=case.get("on_in_fire", True))
    for at_ms, words, _ in case["timeline"]:
        lift.play(at_ms, words)
    assert lift.done == [(at_ms, did) for at_ms, _, did in case["timeline"] if did]


EVENTS = ("grant 1", "grant 1 2", "grant 3", "free 1", "free", "", *(f"mode {it}" for it in Mode))


@given(st.lists(st.tuples(st.integers(1, 6_000), st.sampled_from(EVENTS)), max_size=40))
def test_a_floor_counts_only_by_a_grant_a_schedule_or_a_mode(course: list[tuple[int, str]]) -> None:
    lift, now_ms, mode = Lift(), 0, Mode.NORMAL
    granted: dict[int, int] = {}
    free: set[int] = set()
    for pause_ms, words in course:
        now_ms += pause_ms
        lift.play(now_ms, words)
        verb, *rest = words.split() or [""]
        if verb == "mode":
            mode = Mode(rest[0])
        elif verb == "free":
            free = set(map(int, rest))
        elif verb == "grant":
            granted |= {int(floor): now_ms + 5_000 for floor in rest}
        if mode is Mode.LOCK_DOWN:
            assert not lift.counts
        elif mode is Mode.NORMAL:
            alive = {floor for floor, until_ms in granted.items() if until_ms > now_ms}
            assert lift.counts <= free | alive
            assert 3 not in lift.counts
