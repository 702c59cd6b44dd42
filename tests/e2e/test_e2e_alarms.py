"""Doors forced and held, zones, tamper and fire: each alarm begins and ends in `alarm_logs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Row, Running

ANA = "123,45678"
FRONT, BACK = 17, 18
HELD, FORCED, TAMPER = 6, 7, 9
ON, OFF = 1, 2


def facts(rows: list[Row]) -> list[tuple[int, int, int]]:
    return [(row["event"], row["cause"], row["door_id"]) for row in rows]


def alarms(demo: Running, act: Callable[[], object], count: int = 1) -> list[tuple[int, int, int]]:
    return facts(demo.new_rows("alarm_logs", act, count))


def test_a_door_that_nobody_opened_is_forced_until_it_closes(demo: Running) -> None:
    started = alarms(demo, lambda: demo.site.sim("door", "back", "open"))
    assert started == [(ON, FORCED, 2)]
    assert demo.api.ask("alarm_status") == {"active": True, "cause": FORCED}
    ended = alarms(demo, lambda: demo.sim("door", door="back", value="closed"))
    assert ended == [(OFF, FORCED, 2)]
    assert demo.api.ask("alarm_status") == {"active": False, "cause": 0}
    assert demo.board.edges(BACK) == 0


def test_a_door_left_open_is_held_after_the_delay_and_never_forced(unhurried: Running) -> None:
    demo = unhurried
    before = demo.api.last_id("alarm_logs")
    demo.api.configure("alarm", door_sensor_delay=1)
    try:
        demo.swiped(ANA)
        started = alarms(demo, lambda: demo.sim("door", door="front", value="open"))
        assert started == [(ON, HELD, 1)]
        rows = demo.api.load("access_events", order=["id", "descending"], limit=1)
        opened_at = rows[0]["timestamp"]
        assert rows[0]["type"] == "OPEN"
        ended = alarms(demo, lambda: demo.sim("door", door="front", value="closed"))
    finally:
        demo.api.configure("alarm", door_sensor_delay=30)
    assert ended == [(OFF, HELD, 1)]
    rows = demo.api.since("alarm_logs", before)
    assert facts(rows) == [(ON, HELD, 1), (OFF, HELD, 1)]
    # Whole seconds on both sides of a delay of one second.
    assert rows[0]["time"] - opened_at >= 1


def test_an_opening_with_a_right_is_no_alarm(unhurried: Running) -> None:
    demo = unhurried
    before = demo.api.last_id("alarm_logs")
    demo.swiped(ANA)
    demo.new_rows("access_events", lambda: demo.sim("door", door="front", value="open"))
    demo.new_rows("access_events", lambda: demo.sim("door", door="front", value="closed"))
    # What comes later in the journal proves that nothing came before it.
    demo.stranger()
    assert demo.api.since("alarm_logs", before) == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_zone_alarms_while_it_is_active(demo: Running, number: int) -> None:
    started = alarms(demo, lambda: demo.sim("zone", zone=number, value="active"))
    assert started == [(ON, number, 0)]
    ended = alarms(demo, lambda: demo.site.sim("zone", str(number), "idle"))
    assert ended == [(OFF, number, 0)]


def test_a_zone_that_is_switched_off_gets_its_off_and_alarms_again_when_on(demo: Running) -> None:
    alarms(demo, lambda: demo.sim("zone", zone=1, value="active"))
    ended = alarms(demo, lambda: demo.api.modify("alarm_zones", {"enabled": 0}, zone=1))
    assert ended == [(OFF, 1, 0)]
    again = alarms(demo, lambda: demo.api.modify("alarm_zones", {"enabled": 1}, zone=1))
    assert again == [(ON, 1, 0)]
    assert alarms(demo, lambda: demo.sim("zone", zone=1, value="idle")) == [(OFF, 1, 0)]


def test_an_opened_case_is_a_tamper_alarm(demo: Running) -> None:
    assert alarms(demo, lambda: demo.site.sim("tamper", "on")) == [(ON, TAMPER, 0)]
    assert demo.api.ask("alarm_status") == {"active": True, "cause": TAMPER}
    assert alarms(demo, lambda: demo.site.sim("tamper", "off")) == [(OFF, TAMPER, 0)]


def test_silence_stops_the_sound_but_not_the_alarm(demo: Running) -> None:
    alarms(demo, lambda: demo.sim("zone", zone=2, value="active"))
    assert demo.api.ask("alarm_status", {"stop": True}) == {}
    assert demo.api.ask("alarm_status") == {"active": False, "cause": 0}
    assert alarms(demo, lambda: demo.sim("zone", zone=2, value="idle")) == [(OFF, 2, 0)]
    alarms(demo, lambda: demo.sim("zone", zone=2, value="active"))
    assert demo.api.ask("alarm_status") == {"active": True, "cause": 2}
    alarms(demo, lambda: demo.sim("zone", zone=2, value="idle"))


def test_a_fire_frees_both_doors_until_it_is_over_and_acknowledged(
    demo: Running, eventually: Callable[..., Any]
) -> None:
    before = {pin: demo.board.edges(pin) for pin in (FRONT, BACK)}

    def moved() -> tuple[int, int]:
        return demo.board.edges(FRONT) - before[FRONT], demo.board.edges(BACK) - before[BACK]

    demo.site.sim("fire", "on")
    eventually(lambda: moved() == (1, 1), "two free doors")
    assert demo.board.high(FRONT)
    assert demo.board.high(BACK)
    demo.api.ask("alarm_status", {"stop": True})  # acknowledged, but it still burns
    assert [door.mode for door in demo.status().doors] == ["fire", "fire"]
    demo.site.sim("fire", "off")
    demo.stranger()
    assert [door.mode for door in demo.status().doors] == ["fire", "fire"]
    demo.api.ask("alarm_status", {"stop": True})
    eventually(lambda: moved() == (2, 2), "two locked doors")
    assert [door.mode for door in demo.status().doors] == ["normal", "normal"]
