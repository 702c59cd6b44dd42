"""Doors forced and held, zones, tamper and fire: each alarm begins and ends in `alarm_logs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo_site import DEMO
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.e2e.conftest import Row, Running

ANA = "123,45678"
FRONT, BACK = 17, 18
HELD, FORCED, TAMPER = 6, 7, 9
PANIC_CARD = 10
ON, OFF = 1, 2
GRANTED = 7


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
    assert [door.mode for door in demo.status().doors] == ["fire", "fire"]
    assert demo.api.ask("fire_reset") == {"fire": False}
    eventually(lambda: moved() == (2, 2), "two locked doors")
    assert [door.mode for door in demo.status().doors] == ["normal", "normal"]


def test_an_operator_disarms_and_arms_with_time_to_leave(demo: Running) -> None:
    assert demo.api.ask("alarm_disarm", {"zones": [1]}) == {}
    try:
        assert [zone["state"] for zone in demo.api.ask("alarm_state")["zones"]] == [
            "disarmed",
            "armed",
        ]
        before = demo.api.last_id("alarm_logs")
        demo.sim("zone", zone=1, value="active")
        alarms(demo, lambda: demo.site.sim("tamper", "on"))
        assert facts(demo.api.since("alarm_logs", before)) == [(ON, TAMPER, 0)]
        status, refused = demo.api.post("alarm_arm", {"exit_delay_s": 600})
        assert (status, refused["error"].endswith("these zones are open: 1")) == (403, True)
        demo.sim("zone", zone=1, value="idle")
        leaving = {"exit_delay_s": 600}
        eventually(
            lambda: demo.api.post("alarm_arm", leaving) == (200, {"bypassed": []}),
            "the zone is closed",
        )
        assert demo.api.ask("alarm_state")["zones"][0]["state"] == "exit"
        demo.api.ask("alarm_arm")
        started = alarms(demo, lambda: demo.site.sim("zone", "1", "active"))
        assert started == [(ON, 1, 0)]
        alarms(demo, lambda: demo.site.sim("tamper", "off"))
    finally:
        demo.sim("zone", zone=1, value="idle")
        demo.api.ask("alarm_arm")
    assert demo.api.post("alarm_arm", {"zones": [4]})[0] == 404


SITE_ENDS = """
[siren]
pin = 13
active = "high"

[power.mains_fail]
pin = 20
idle = "high"
"""
SIREN = 13


@pytest.fixture(scope="module")
def loud(make: Any) -> Any:
    """A site with a siren and a contact of its power supply, whose front reader tells that
    somebody takes it off its wall."""
    text, _, initial = DEMO.partition("[initial.general]")
    contact = 'd1 = 6\ntamper = { pin = 21, idle = "high" }\ntamper_disables = true\n'
    text = text.replace("d1 = 6\n", contact)
    return make.site(f"{text}{SITE_ENDS}\n[initial.general]{initial}")


def test_the_siren_sounds_and_a_reader_off_its_wall_reads_nothing(
    loud: Any, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    device = start(loud)
    assert device.board.edges(SIREN) == 0
    loud.sim("tamper", "on", "--reader", "front")
    eventually(lambda: device.board.high(SIREN), "a siren that sounds")
    device.swipe(ANA)
    eventually(
        lambda: any(entry.kind == "reader_disabled" for entry in loud.journal()),
        "a read left aside",
    )
    assert device.api.load("access_logs") == []
    assert device.api.ask("alarm_status", {"stop": True}) == {}
    assert not device.board.high(SIREN)
    assert device.api.ask("alarm_state")["alarms"][0]["part"] == "reader front"
    loud.sim("mains-fail", "on")
    eventually(lambda: device.status().faults, "a power fault")
    told = loud.type("doctor")
    assert told.returncode == 1
    assert "the mains has failed" in told.stdout
    loud.sim("mains-fail", "off")
    loud.sim("tamper", "off", "--reader", "front")


def test_an_alarm_of_somebody_under_threat_outlives_kill_9(
    make: Any, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    device = start(make.demo())
    device.api.configure("alarm", panic_card_enabled=1, panic_finger_delay=3)
    device.api.modify("cards", {"panic": 1}, user_id=1)
    row = device.access(lambda: device.swipe(ANA))
    assert row["event"] == GRANTED
    device.kill("controller")
    (alarm,) = eventually(lambda: device.api.since("alarm_logs", 0), "the alarm")
    assert (alarm["cause"], alarm["user_id"], alarm["access_log_id"]) == (
        PANIC_CARD,
        row["user_id"],
        row["id"],
    )
    assert device.api.ask("alarm_status") == {"active": True, "cause": PANIC_CARD}
    ended = alarms(device, lambda: device.api.ask("alarm_status", {"stop": True}))
    assert ended == [(OFF, PANIC_CARD, 1)]


def test_a_fire_is_reset_from_the_shell_once_its_input_is_normal(demo: Running) -> None:
    site = demo.site
    site.sim("fire", "on")
    try:
        early = site.home.type("alarm", "reset", "--data", site.data)
        assert early.returncode == 1
        assert "its input still reports it" in early.stdout
    finally:
        said = site.sim("fire", "off").stdout
    assert "FIRE input normal; front, back stay unlocked until somebody resets it" in said
    assert "fire: reported at" in site.type("doctor").stdout
    assert "fire: reported at" in site.sim("state").stdout
    reset = site.home.type("alarm", "reset", "--data", site.data)
    assert (reset.returncode, reset.stdout.splitlines()[0]) == (
        0,
        "the fire is reset: doors lock, unless something else keeps them unlocked",
    )
    demo.wait_locked(FRONT, BACK)
    assert "fire: reported at" not in site.type("doctor").stdout
