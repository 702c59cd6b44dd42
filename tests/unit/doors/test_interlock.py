"""The interlock: its truth table, and several doors under random commands."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.doors import values as v
from gateway.doors.door import due_ms, step
from gateway.doors.interlock import DoorView, Obstacle, obstacle, symmetric, used_until
from gateway.doors.state import DoorState

DWELL_MS, MARGIN_MS = 3_000, 2_000
DOORS = (1, 2, 3)
CASES = tomllib.loads((Path(__file__).parent / "interlock.toml").read_text("utf-8"))["case"]


class House:
    """Three doors, opened as the controller opens them: asked and done in one step."""

    def __init__(
        self,
        lists: Mapping[int, Collection[int]],
        unseen: Collection[int] = (),
        bound: Collection[int] = (),
        unreleased: Collection[int] = (),
        disabled: Collection[int] = (),
    ) -> None:
        self.partners = symmetric({door: lists.get(door, ()) for door in DOORS})
        self.bound = bound
        self.unreleased = unreleased
        self.fire = False
        self.settings = {
            door: v.DoorSettings(
                relay_enabled=door not in disabled,
                dwell_ms=DWELL_MS,
                sensor_enabled=door not in unseen,
                rex_enabled=True,
            )
            for door in DOORS
        }
        self.states = {door: DoorState.initial(self.settings[door]) for door in DOORS}
        self.used: dict[int, int | None] = dict.fromkeys(DOORS)
        self.emergency: set[int] = set()
        self.told: list[str] = []
        for door in DOORS:
            self.feed(door, v.SensorChanged(open=False), 0)
            self.feed(door, v.RexChanged(pressed=False), 0)

    def feed(self, door: int, event: v.DoorEvent, now_ms: int) -> None:
        before = self.states[door]
        done = step(self.settings[door], before, event, now_ms)
        self.used[door] = used_until(self.used[door], before, done.state, now_ms)
        self.states[door] = done.state
        for effect in done.effects:
            if isinstance(effect, v.Drive):
                self.told.append(f"{'unlock' if effect.unlocked else 'lock'} {door}")

    def obstacle(self, wanted: Collection[int], now_ms: int) -> Obstacle | None:
        if self.fire:
            return None
        views = {
            door: DoorView(self.settings[door], self.states[door], self.used[door])
            for door in DOORS
        }
        return obstacle(self.partners, views, wanted, MARGIN_MS, now_ms)

    def command(self, doors: Collection[int], event: v.DoorEvent, now_ms: int) -> bool:
        """Whether the interlock let `event` happen at `doors`."""
        found = self.obstacle(doors, now_ms)
        if found is not None:
            self.told.append(f"{found.by} {found.why.value}")
            return False
        for door in doors:
            self.feed(door, event, now_ms)
        return True

    def press(self, door: int, now_ms: int) -> bool:
        """Press the exit button and let go; whether it unlocked."""
        down = v.RexChanged(pressed=True)
        opened = True
        if door in self.bound:
            opened = self.command((door,), down, now_ms)
        else:
            self.feed(door, down, now_ms)
        self.feed(door, v.RexChanged(pressed=False), now_ms)
        return opened

    def set_modes(self, now_ms: int) -> None:
        for door in DOORS:
            fire = self.fire and door not in self.unreleased
            mode = v.Mode.EMERGENCY if door in self.emergency else v.Mode.NORMAL
            self.feed(door, v.ModeChanged(v.Mode.FIRE if fire else mode), now_ms)

    def pass_time(self, now_ms: int) -> None:
        for door in DOORS:
            while (due := due_ms(self.settings[door], self.states[door])) and due <= now_ms:
                self.feed(door, v.TimePassed(), due)

    def play(self, at_ms: int, words: str) -> str:
        self.told.clear()
        self.pass_time(at_ms)
        verb, _, rest = words.partition(" ")
        doors = [int(door) for door in rest.split("+") if door.isdecimal()]
        match verb:
            case "grant":
                self.command(doors, v.Unlock(grant=at_ms), at_ms)
            case "hold":
                self.command(doors, v.HoldOpen(), at_ms)
            case "release":
                self.feed(doors[0], v.Close(), at_ms)
            case "open" | "close":
                self.feed(doors[0], v.SensorChanged(open=verb == "open"), at_ms)
            case "lose":
                self.feed(doors[0], v.SensorLost(), at_ms)
            case "button":
                self.press(doors[0], at_ms)
            case "emergency":
                self.emergency.update(doors)
                self.set_modes(at_ms)
            case "fire":
                self.fire = rest == "on"
                self.set_modes(at_ms)
            case _:
                assert not verb, f"unknown word {verb}"
        return ", ".join(self.told)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_table_of_the_interlock(case: dict[str, Any]) -> None:
    lists = {
        int(door): [int(other) for other in text.split(",") if other]
        for door, text in case["lists"].items()
    }
    keys = ("unseen", "bound", "unreleased", "disabled")
    house = House(lists, **{key: case.get(key, ()) for key in keys})
    happened = [[at, words, house.play(at, words)] for at, words, _ in case["timeline"]]
    assert happened == case["timeline"]


def test_a_door_that_is_not_there_locks_nobody_out() -> None:
    assert symmetric({1: [4], 2: []}) == {1: frozenset(), 2: frozenset()}


class Airlock(RuleBasedStateMachine):
    """Keeps a book of its own on leaves and on who was let in until when."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 100_000
        self.house = House({})
        self.open: set[int] = set()
        self.in_use_until = dict.fromkeys(DOORS, 0)
        self.held: set[int] = set()
        self.beside = False
        """Something that the interlock does not bind opened a door, and not all are at rest."""

    @initialize(
        lists=st.dictionaries(st.sampled_from(DOORS), st.sets(st.sampled_from(DOORS))),
        unseen=st.sets(st.sampled_from(DOORS)),
        bound=st.sets(st.sampled_from(DOORS)),
        unreleased=st.sets(st.sampled_from(DOORS)),
    )
    def build(
        self, lists: dict[int, set[int]], unseen: set[int], bound: set[int], unreleased: set[int]
    ) -> None:
        self.house = House(lists, unseen, bound, unreleased)

    def partners(self, doors: Iterable[int]) -> set[int]:
        return {other for door in doors for other in self.house.partners[door]}

    def unlocked(self, door: int) -> bool:
        return self.house.states[door].unlocked

    def judge(self, doors: Collection[int], *, allowed: bool) -> None:
        """Whether a command that was allowed, or refused, should have been."""
        if self.house.fire:
            assert allowed, "a fire ends the interlock"
            self.beside = True
            return
        others = self.partners(doors)
        free = others.isdisjoint(doors) and all(
            not self.unlocked(it) and it not in self.open | self.held for it in others
        )
        if allowed:
            assert free, "two doors of one interlock are opened by command"
            late = [it for it in others if self.now_ms < self.in_use_until[it] + self.margin(it)]
            assert not late, "somebody is still in the other door"

    def margin(self, door: int) -> int:
        return 0 if self.house.settings[door].sensor_enabled else MARGIN_MS

    @rule(doors=st.sets(st.sampled_from(DOORS), min_size=1, max_size=2))
    def grant(self, doors: set[int]) -> None:
        allowed = self.house.command(sorted(doors), v.Unlock(grant=self.now_ms), self.now_ms)
        self.judge(doors, allowed=allowed)
        for door in doors if allowed else ():
            self.in_use_until[door] = self.now_ms + DWELL_MS

    @rule(door=st.sampled_from(DOORS))
    def hold(self, door: int) -> None:
        allowed = self.house.command((door,), v.HoldOpen(), self.now_ms)
        self.judge((door,), allowed=allowed)
        if allowed:
            self.held.add(door)

    @rule(door=st.sampled_from(DOORS))
    def release(self, door: int) -> None:
        self.house.feed(door, v.Close(), self.now_ms)
        if door in self.held:
            self.held.remove(door)
            self.in_use_until[door] = max(self.in_use_until[door], self.now_ms)

    @rule(door=st.sampled_from(DOORS))
    def leave(self, door: int) -> None:
        bypasses = door not in self.house.bound
        opened = self.house.press(door, self.now_ms)
        assert opened or not (bypasses or self.house.fire), "somebody is locked in"
        if bypasses or self.house.fire:
            assert self.unlocked(door), "somebody is locked in"
            self.beside = True
        else:
            self.judge((door,), allowed=opened)
        if opened:
            self.in_use_until[door] = self.now_ms + DWELL_MS

    @rule(door=st.sampled_from(DOORS))
    def go_through(self, door: int) -> None:
        if self.unlocked(door) and self.house.settings[door].sensor_enabled:
            self.house.feed(door, v.SensorChanged(open=True), self.now_ms)
            self.open.add(door)
            self.in_use_until[door] = 0

    @rule(door=st.sampled_from(DOORS))
    def fall_shut(self, door: int) -> None:
        if self.house.settings[door].sensor_enabled:
            self.house.feed(door, v.SensorChanged(open=False), self.now_ms)
            self.open.discard(door)

    @rule(door=st.sampled_from(DOORS))
    def change_emergency(self, door: int) -> None:
        self.house.emergency ^= {door}
        self.beside = True
        self.house.set_modes(self.now_ms)
        self.in_use_until[door] = max(self.in_use_until[door], self.now_ms)

    @rule()
    def change_fire(self) -> None:
        self.house.fire = not self.house.fire
        self.beside = True
        self.house.set_modes(self.now_ms)
        for door in set(DOORS) - set(self.house.unreleased):
            self.in_use_until[door] = max(self.in_use_until[door], self.now_ms)

    @rule(span_ms=st.sampled_from([1, 500, 1_999, 2_000, 2_999, 3_000, 10_000]))
    def wait(self, span_ms: int) -> None:
        self.now_ms += span_ms
        self.house.pass_time(self.now_ms)
        busy = self.open or any(map(self.unlocked, DOORS))
        if not busy and self.now_ms >= max(self.in_use_until.values()) + MARGIN_MS:
            self.beside = False
            assert all(self.house.obstacle((door,), self.now_ms) is None for door in DOORS), (
                "at rest, and still locked for good"
            )

    @invariant()
    def no_two_doors_of_one_interlock_are_unlocked_or_open(self) -> None:
        if self.beside:
            return
        busy = {door for door in DOORS if self.unlocked(door)} | self.open
        assert self.partners(busy).isdisjoint(busy)

    @invariant()
    def a_fire_opens_every_door_that_it_is_to_open(self) -> None:
        released = set(DOORS) - set(self.house.unreleased)
        assert not self.house.fire or all(map(self.unlocked, released))

    @invariant()
    def an_emergency_opens_its_door(self) -> None:
        assert all(map(self.unlocked, self.house.emergency))


def test_an_airlock_keeps_its_promises_whatever_happens() -> None:
    run_state_machine_as_test(Airlock, settings=hypothesis_settings(deadline=None))
