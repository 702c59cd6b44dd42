"""What is armed, the doors' alarms and the bells: the truth tables of `tables/`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from gateway.alarms.arming import Arming, ArmingResult, OpenZones
from gateway.alarms.causes import AlarmCause
from gateway.alarms.door_alarms import DoorAlarmChange, DoorAlarms, DoorAlarmSettings
from gateway.alarms.register import AlarmSource
from gateway.alarms.sounders import BellWatch, TimedAlarm

TABLES = Path(__file__).parent / "tables"
CAUSES = {"held": AlarmCause.DOOR_OPEN, "forced": AlarmCause.FORCED_DOOR}
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def cases(table: str) -> Iterator[object]:
    text = (TABLES / f"{table}.toml").read_text(encoding="utf-8")
    for case in tomllib.loads(text)["case"]:
        yield pytest.param(case, id=case["name"])


@pytest.mark.parametrize("case", list(cases("arming")))
def test_a_zone_is_armed_as_the_table_says(case: dict[str, Any]) -> None:
    arming, open_zones = Arming(), set[int]()
    for at_ms, words, stands in case["timeline"]:
        arming = arming.elapsed(at_ms)
        verb, *rest = words.split() or [""]
        delay_ms = int(rest[rest.index("after") + 1]) if "after" in rest else 0
        zones = [int(word) for word in rest[: rest.index("after") if "after" in rest else None]]
        result = ArmingResult(arming)
        match verb:
            case "arm":
                result = ArmingResult(arming.arm(zones, delay_ms, at_ms))
            case "disarm":
                result = ArmingResult(arming.disarm(zones))
            case "refuse" | "bypass":
                policy = OpenZones[verb.upper()]
                result = arming.checked(zones, delay_ms, at_ms, open_zones, policy)
            case "open":
                open_zones.update(zones)
            case "close":
                open_zones.difference_update(zones)
        arming = result.arming
        told = ", ".join(f"{zone} {arming.of(zone, at_ms)}" for zone in (1, 2))
        for what, named in (("open", result.refused), ("left out", result.bypassed)):
            told += f", {what}: {' '.join(map(str, named))}" if named else ""
        assert stands == told, at_ms


class Doors:
    """The doors' alarms on a bench, given time whenever they ask for it."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.settings = replace(DoorAlarmSettings(), **case.get("settings", {}))
        kept = case.get("kept", {}).items()
        self.state = DoorAlarms.kept(AlarmSource(AlarmCause(c), int(door)) for door, c in kept)
        self.done: list[tuple[int, str]] = []

    def take(self, at_ms: int, change: DoorAlarmChange) -> None:
        self.state = change.state
        told = [f"{s.door_id} off {s.cause}" for s in change.ended]
        told += [f"{s.door_id} on {s.cause}" for s in change.began]
        if told:
            self.done.append((at_ms, ", ".join(told)))

    def play(self, at_ms: int, words: str) -> None:
        while (due := self.state.due_ms()) is not None and due <= at_ms:
            self.take(due, self.state.elapsed(due))
        match words.split():
            case ["door", door, "fine"]:
                cause = self.state.standing.get(int(door), AlarmCause.DOOR_OPEN)
                source = AlarmSource(cause, int(door))
                self.take(at_ms, self.state.reported(self.settings, source, at_ms, on=False))
            case ["door", door, word]:
                source = AlarmSource(CAUSES[word], int(door))
                self.take(at_ms, self.state.reported(self.settings, source, at_ms, on=True))
            case ["fire"] | ["no", "fire"]:
                on = words == "fire"
                self.take(at_ms, self.state.fire_changed(self.settings, at_ms, on=on))
            case ["set", *_]:
                self.settings = replace(self.settings, **tomllib.loads(words.removeprefix("set ")))
                self.take(at_ms, self.state.configured(self.settings, at_ms))
            case _:
                assert words == ""


@pytest.mark.parametrize("case", list(cases("door_alarms")))
def test_a_door_is_an_alarm_as_the_table_says(case: dict[str, Any]) -> None:
    assert set(case) <= {"name", "settings", "timeline", "kept"}
    doors = Doors(case)
    for at_ms, words, _ in case["timeline"]:
        doors.play(at_ms, words)
    assert doors.done == [(at_ms, told) for at_ms, _, told in case["timeline"] if told]
    assert doors.state.due_ms() is None


@pytest.mark.parametrize("name", ["held_open_delay_ms", "after_closure_ms"])
def test_a_negative_time_of_doors_is_refused(name: str) -> None:
    wrong: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, not -1"):
        replace(DoorAlarmSettings(), **wrong)


def seconds(clock: str) -> int:
    hours, minutes, rest = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60 + rest


@pytest.mark.parametrize("case", list(cases("bells")))
def test_a_bell_rings_as_the_table_says(case: dict[str, Any]) -> None:
    bells = [
        TimedAlarm(seconds(bell["at"]), tuple(day in bell["days"].split() for day in WEEK))
        for bell in case["bells"]
    ]
    watch = BellWatch()
    for moment, expected in case["looks"]:
        local_s = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())
        watch, rings = watch.look(bells, local_s, trusted=expected != "untrusted")
        assert rings is (expected == "rings"), moment


def test_what_was_armed_does_not_change_with_a_change() -> None:
    before = Arming()
    before.disarm([1]).arm([1], 1000, 0)
    assert before == Arming(frozenset(), MappingProxyType({}))
