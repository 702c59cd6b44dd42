"""The truth tables of `tables/` (its README gives the words), played step by step."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.doors import values as v
from gateway.doors.door import due_ms, step
from gateway.doors.state import DoorState
from gateway.settings import RexMode

TABLES = Path(__file__).parent / "tables"
OTHERS = {"operator", "elevator"}
"""Tables of other machines, with tests of their own."""

USUAL = v.DoorSettings(
    dwell_ms=3_000,
    auto_close=False,
    sensor_enabled=True,
    rex_enabled=True,
    held_open_delay_ms=10_000,
    forced_open_debounce_ms=0,
    bounce_ms=250,
)

EVENTS: dict[str, v.DoorEvent] = {
    "": v.TimePassed(),
    "grant": v.Unlock(),
    "slow person": v.Unlock(extended=True),
    "hold open": v.HoldOpen(),
    "close": v.Close(),
    "end hold": v.EndHold(),
    "sensor open": v.SensorChanged(open=True),
    "sensor closed": v.SensorChanged(open=False),
    "sensor lost": v.SensorLost(),
    "button down": v.RexChanged(pressed=True),
    "button up": v.RexChanged(pressed=False),
    "schedule begins": v.Scheduled(unlocked=True),
    "schedule ends": v.Scheduled(unlocked=False),
    "policy in force": v.PolicyInForce(),
    "lock reads unlocked": v.BondChanged(unlocked=True),
    "lock reads locked": v.BondChanged(unlocked=False),
}

EFFECTS: dict[v.DoorEffect, str] = {
    v.Drive(unlocked=True): "unlock",
    v.Drive(unlocked=False): "lock",
    v.DoorOpened(): "opened",
    v.DoorClosed(): "closed",
    v.ButtonPressed(): "event 11",
    v.AlarmOn(v.DoorAlarm.HELD_OPEN): "alarm 6 on",
    v.AlarmOff(v.DoorAlarm.HELD_OPEN): "alarm 6 off",
    v.AlarmOn(v.DoorAlarm.FORCED_OPEN): "alarm 7 on",
    v.AlarmOff(v.DoorAlarm.FORCED_OPEN): "alarm 7 off",
    v.AlarmOn(v.DoorAlarm.WELDED): "welded on",
    v.AlarmOff(v.DoorAlarm.WELDED): "welded off",
    v.PreAlarm(on=True): "pre-alarm on",
    v.PreAlarm(on=False): "pre-alarm off",
    v.ScheduleChanged(v.Schedule.HOLDS): "schedule holds",
    v.ScheduleChanged(v.Schedule.ENDED): "schedule ended",
    v.ScheduleChanged(v.Schedule.OFF): "schedule over",
    v.RexFault(on=True): "button fault on",
    v.RexFault(on=False): "button fault off",
    v.CommandRefused(v.Refusal.LOCK_DOWN): "refused lock_down",
}


def event_of(words: str) -> v.DoorEvent:
    if words.startswith("person "):
        return v.Unlock(grant=int(words.removeprefix("person ")))
    if words.startswith("open for "):
        return v.Unlock(int(words.removeprefix("open for ")))
    if words.startswith("mode "):
        return v.ModeChanged(v.Mode(words.removeprefix("mode ")))
    return EVENTS[words]


def words_of(effect: v.DoorEffect) -> str:
    match effect:
        case v.Entered(grants=grants):
            return "entered " + " ".join(map(str, grants))
        case v.NotEntered(grants=grants):
            return "nobody entered " + " ".join(map(str, grants))
        case _:
            return EFFECTS[effect]


class Bench:
    """A door on a bench: `play` gives every event, and time whenever the door asks for it."""

    def __init__(self, settings: v.DoorSettings, state: DoorState) -> None:
        self.settings = settings
        self.state = state
        self.done: list[tuple[int, str]] = []

    def feed(self, at_ms: int, event: v.DoorEvent) -> None:
        transition = step(self.settings, self.state, event, at_ms)
        self.state = transition.state
        if transition.effects:
            did = ", ".join(words_of(effect) for effect in transition.effects)
            self.done.append((at_ms, did))

    def play(self, at_ms: int, words: str) -> None:
        while (due := due_ms(self.settings, self.state)) is not None and due < at_ms:
            before = self.state
            self.feed(due, v.TimePassed())
            assert self.state != before, "an instant was due at which nothing happens"
        if words.startswith("set "):
            changed = settings_of(tomllib.loads(words.removeprefix("set ")))
            self.settings = replace(self.settings, **changed)
            self.feed(at_ms, v.SettingsChanged())
        else:
            self.feed(at_ms, event_of(words))


def settings_of(changes: dict[str, Any]) -> dict[str, Any]:
    if "rex_mode" in changes:
        changes = {**changes, "rex_mode": RexMode(changes["rex_mode"])}
    return changes


def cases() -> Iterator[object]:
    for path in sorted(TABLES.glob("*.toml")):
        if path.stem in OTHERS:
            continue
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            yield pytest.param(case, id=f"{path.stem}: {case['name']}")


@pytest.fixture
def bench() -> Callable[[dict[str, object]], Bench]:
    def build(case: dict[str, object]) -> Bench:
        changes = case.get("settings", {})
        assert isinstance(changes, dict)
        settings = replace(USUAL, **settings_of(changes))
        alarms = case.get("unfinished_alarms", [])
        assert isinstance(alarms, list)
        ended = bool(case.get("schedule_ended", False))
        state = DoorState.initial(
            settings,
            unlocked=bool(case.get("claimed_unlocked", False)),
            alarms=[v.DoorAlarm(alarm) for alarm in alarms],
            schedule=v.Schedule.ENDED if ended else v.Schedule.OFF,
            rex_fault=bool(case.get("button_fault", False)),
        )
        return Bench(settings, state)

    return build


@pytest.mark.parametrize("case", list(cases()))
def test_the_door_does_what_the_table_says(
    case: dict[str, object], bench: Callable[[dict[str, object]], Bench]
) -> None:
    known = {"name", "settings", "timeline", "at_start", "begins", "claimed_unlocked"}
    assert set(case) <= known | {"unfinished_alarms", "schedule_ended", "button_fault"}
    at_start = case.get("at_start", ["sensor closed", "button up"])
    timeline = case["timeline"]
    assert isinstance(at_start, list)
    assert isinstance(timeline, list)

    door = bench(case)
    for words in at_start:
        door.play(0, words)
    for at_ms, words, _ in timeline:
        door.play(at_ms, words)

    begins = case.get("begins")
    expected = [] if begins is None else [(0, begins)]
    expected += [(at_ms, did) for at_ms, _, did in timeline if did]
    assert door.done == expected


def test_the_tables_use_every_event_and_every_effect() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in TABLES.glob("*.toml"))
    unused = [words for words in (*EVENTS, *EFFECTS.values()) if words not in text]
    assert unused == []
    assert all(f'"mode {mode}"' in text for mode in v.Mode)
    assert all(words in text for words in ('"person 1"', "entered 1", "nobody entered 1"))
