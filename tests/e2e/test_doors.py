"""Doors as a site uses them: opening hours, first cards, the exit button, over a whole gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Row, Running, Site

ANA = "123,45678"
FRONT = 17
ALWAYS, OFFICE = 1, 2
CLOSE_FRONT = {"actions": [{"action": "door", "parameters": "door=1,timeout=-1"}]}
BRIEF_MS = 100


@pytest.fixture
def running(make: Maker, start: Callable[..., Running]) -> Running:
    """A demo of its own, with an opening time that nobody waits for."""
    found = start(make.demo())
    found.api.configure("general", relay1_timeout=BRIEF_MS, relay2_timeout=BRIEF_MS)
    return found


def front(running: Running) -> Any:
    return next(door for door in running.status().doors if door.id == 1)


def restart_controller(running: Running, eventually: Callable[..., Any]) -> None:
    running.kill("controller")
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")


def put_schedule(running: Running) -> None:
    create = running.api.create
    (rule,) = create("access_rules", {"name": "hours", "type": 1, "priority": 0})
    create("access_rule_time_zones", {"access_rule_id": rule, "time_zone_id": ALWAYS})
    create("portal_access_rules", {"portal_id": 1, "access_rule_id": rule})
    (schedule,) = create("scheduled_unlocks", {"name": "hours"})
    create(
        "scheduled_unlock_access_rules",
        {"scheduled_unlock_id": schedule, "access_rule_id": rule},
    )


def test_a_schedule_unlocks_until_a_client_closes_and_stays_closed_after_kill_9(
    running: Running, eventually: Callable[..., Any]
) -> None:
    put_schedule(running)
    # An answered write is obeyed: no waiting here.
    assert running.board.high(FRONT)
    restart_controller(running, eventually)
    eventually(lambda: running.board.high(FRONT), "the schedule after a restart")

    running.api.ask("execute_actions", CLOSE_FRONT)
    assert not running.board.high(FRONT)
    assert front(running).schedule == "ended"
    running.access(lambda: running.sim("rex", door="front", value="0.1"))
    running.wait_locked()
    restart_controller(running, eventually)
    edges = running.board.edges(FRONT)
    running.stranger()
    assert not running.board.high(FRONT)
    assert running.board.edges(FRONT) == edges

    running.api.destroy("scheduled_unlocks", id=1)
    put_schedule(running)
    assert running.board.high(FRONT)


def test_a_first_card_opens_the_place_for_everyone_and_survives_kill_9(
    running: Running, eventually: Callable[..., Any]
) -> None:
    create = running.api.create
    row = {"name": "shop", "portal_id": 1, "time_zone_id": ALWAYS}
    (unlock,) = create("first_card_unlocks", row)
    create("first_card_unlock_groups", {"first_card_unlock_id": unlock, "group_id": OFFICE})
    assert not running.board.high(FRONT)

    running.swiped(ANA)
    running.wait_locked()
    assert front(running).schedule == "off"  # nobody went in

    running.api.configure("general", relay1_timeout=60_000)
    running.swiped(ANA)
    running.new_rows("access_events", lambda: running.sim("door", door="front", value="open"))
    running.new_rows("access_events", lambda: running.sim("door", door="front", value="closed"))
    eventually(lambda: front(running).schedule == "holds", "the place's opening")
    assert running.board.high(FRONT)
    restart_controller(running, eventually)
    eventually(lambda: running.board.high(FRONT), "the place's opening after a restart")

    running.api.destroy("first_card_unlocks", id=unlock)
    assert not running.board.high(FRONT)


@pytest.fixture
def depot(make: Maker) -> Site:
    """A door whose handle opens it: its exit button drives nothing."""
    return make.site(
        """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"

[[door]]
id = 1
name = "front"
egress = "mechanical"
strike = { pin = 17, locked = "low", unlocked = "high" }
sensor = { pin = 27 }
rex = { pin = 22, mode = "shunt" }
pre_alarm_s = 3600
output_limit_s = 1

[initial.alarm]
door_sensor_delay = 60
"""
    )


def test_a_way_out_by_the_handle_moves_no_relay_and_is_no_burglary(
    depot: Site, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    running = start(depot)
    before = running.api.last_id("alarm_logs")

    def leave() -> None:
        running.sim("rex", door="front", value="5")
        eventually(lambda: running.api.load("access_logs"), "the button's row")
        running.sim("door", door="front", value="open")

    moves = running.new_rows("access_events", leave)
    assert [row["type"] for row in moves] == ["OPEN"]
    assert front(running).pre_alarm
    running.new_rows("access_events", lambda: running.sim("door", door="front", value="closed"))
    assert not front(running).pre_alarm
    assert events(running.api.load("access_logs")) == [11]
    assert running.board.edges(FRONT) == 0
    assert running.api.since("alarm_logs", before) == []


def events(rows: list[Row]) -> list[int]:
    return [row["event"] for row in rows]


def test_no_client_opens_a_door_for_longer_than_its_limit(
    depot: Site, start: Callable[..., Running]
) -> None:
    running = start(depot)
    hour = {"actions": [{"action": "door", "parameters": "door=1,timeout=600000"}]}
    running.api.ask("execute_actions", hour)
    assert running.board.high(FRONT)
    running.wait_locked()
    high, low = running.board.history(FRONT)
    # The limit, less the millisecond that a door counts in.
    assert low.stamp_ns - high.stamp_ns >= 999_000_000
