"""The operator of a powered door: its truth table, and what must hold whatever happens."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors import operator as op

CASES = tomllib.loads((Path(__file__).parent / "tables/operator.toml").read_text("utf-8"))["case"]
USUAL = op.OperatorSettings(delay_ms=500, readers=frozenset({"ramp"}))


class Leaf:
    """An operator on a bench, which is given time whenever it asks for it."""

    def __init__(self, settings: op.OperatorSettings | None) -> None:
        self.settings = settings
        self.state = op.OperatorState()
        self.now_ms = 0
        self.on = False
        self.done: list[tuple[int, str]] = []

    def play(self, at_ms: int, words: str) -> None:
        while (due := op.due_ms(self.state, self.now_ms)) is not None and due < at_ms:
            self.feed(due, op.TimePasses())
        if words == "no row":
            self.settings = None
        self.feed(at_ms, event_of(words))

    def feed(self, at_ms: int, event: op.OperatorEvent) -> None:
        self.now_ms = at_ms
        self.state = op.step(self.settings, self.state, event, at_ms)
        on = op.drives(self.state, at_ms)
        if on is not self.on:
            self.on = on
            self.done.append((at_ms, "on" if on else "off"))


EVENT_WORDS: dict[str, op.OperatorEvent] = {
    "button": op.LetOut(),
    "lock-down": op.LockedDown(),
    "fire": op.FireReported(on=True),
    "fire over": op.FireReported(on=False),
    "relocked": op.Relocked(),
    "no row": op.TimePasses(),
    "": op.TimePasses(),
}


def event_of(words: str) -> op.OperatorEvent:
    if " at " in words:
        return op.LetIn(words.rpartition(" ")[2], extended=words.startswith("slow"))
    return EVENT_WORDS[words]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_operator_does_what_the_table_says(case: dict[str, Any]) -> None:
    leaf = Leaf(replace(USUAL, **case.get("settings", {})))
    for at_ms, words, _ in case["timeline"]:
        leaf.play(at_ms, words)
    assert leaf.done == [(at_ms, did) for at_ms, _, did in case["timeline"] if did]


EVENTS = ("card at ramp", "slow card at stairs", "button", "lock-down", "fire", "fire over", "")


@given(
    st.lists(st.tuples(st.integers(1, 7_000), st.sampled_from(EVENTS)), max_size=40),
    st.booleans(),
)
def test_it_drives_for_no_longer_than_was_asked_and_never_in_a_fire(
    course: list[tuple[int, str]], slow: bool
) -> None:
    leaf = Leaf(replace(USUAL, extended_people=slow))
    asked_until_ms, fire, now_ms = 0, False, 0
    for pause_ms, words in course:
        now_ms += pause_ms
        leaf.play(now_ms, words)
        fire = {"fire": True, "fire over": False}.get(words, fire)
        if words.endswith("ramp") or words == "button" or (slow and words.startswith("slow")):
            asked_until_ms = now_ms + USUAL.delay_ms + USUAL.dwell_ms
        assert not (leaf.on and fire)
        assert not leaf.on or now_ms < asked_until_ms
