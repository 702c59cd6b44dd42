"""Triggers over HTTP: what cannot work is refused, and an event is tried without doing anything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order

FORCED = {"name": "forced", "event": "door_opened", "action": "message", "message": "Look at it"}


@pytest.fixture(autouse=True)
def _no_rows(throwaway: SimpleNamespace) -> None:
    throwaway.context.store.destroy("triggers", None)


def put(order: Order, *rows: dict[str, Any]) -> tuple[int, Any]:
    answer = order("create_objects", {"object": "triggers", "values": list(rows)})
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("row", "field", "why"),
    [
        ({"event": "door_oppened"}, "event", "one of time_of_day"),
        ({"door_id": 9}, "door_id", "there is no door 9; this site has: 1, 2"),
        ({"reader": "nowhere"}, "reader", "there is no reader 'nowhere'"),
        ({"action": "on", "output": "lamp"}, "output", "there is no output 'lamp'"),
        ({"action": "pulse"}, "duration_ms", "the length of the pulse is missing"),
        ({"event": "zone_ends"}, "time_zone_id", "the time zone is missing"),
        ({"event": "alarm", "cause": 7}, "event", "no door has a door sensor"),
        ({"cause": 7}, "cause", "only an alarm has one"),
        ({"action": "disarm"}, "action", "this site has no alarm zone"),
        ({"cancel_event": "door_closed"}, "delay_ms", "the wait is missing"),
        ({"event": "alarm", "cause": 10, "action": "siren"}, "action", "under duress is silent"),
        ({"delay_ms": 86_400_001}, "delay_ms", "int between 0 and 86400000"),
        ({"time_zone_id": 99}, "time_zone_id", ""),
    ],
)
def test_what_cannot_work_is_refused_and_the_field_is_named(
    order: Order, row: dict[str, Any], field: str, why: str
) -> None:
    status, body = put(order, {**FORCED, **row})
    assert status == 400
    assert field in body["error"]
    assert why in body["error"]
    assert order("load_objects", {"object": "triggers"}).json() == {"triggers": []}


def test_a_site_has_at_most_64_triggers(order: Order) -> None:
    assert put(order, *[FORCED] * 64)[0] == 200
    status, body = put(order, FORCED)
    assert (status, "at most 64" in body["error"]) == (400, True)


@pytest.mark.effect("explain_event")
def test_an_event_is_tried_without_doing_anything(order: Order) -> None:
    assert put(order, FORCED, {**FORCED, "name": "back", "door_id": 2, "delay_ms": 5_000})[0] == 200
    asked = {"event": "door_opened", "door": 1}
    found = order("explain_event", asked).json()["triggers"]
    assert [(it["name"], it["verdict"]) for it in found] == [
        ("forced", "begins"),
        ("back", "other_door"),
    ]
    assert found[1]["text"] == "no: it is for another door"


@pytest.mark.refusal("explain_event")
def test_a_door_that_is_not_there_is_refused(order: Order) -> None:
    answer = order("explain_event", {"event": "door_opened", "door": 9})
    assert (answer.status_code, answer.json()["error"]) == (404, "there is no door 9")


def test_a_time_of_day_tells_when_it_comes_next(order: Order) -> None:
    row = {"name": "night", "event": "time_of_day", "start": 79_200, "action": "lock"}
    weekend = dict.fromkeys(("sat", "sun", "hol1", "hol2", "hol3"), 0)
    assert put(order, {**row, **weekend, "target_door_id": 1})[0] == 200
    friday_night = 1_795_212_000  # 2026-11-20 22:00:00
    (at,) = order("explain_event", {"event": "time_of_day", "time": friday_night}).json()[
        "triggers"
    ]
    assert (at["verdict"], at["next"]) == ("begins", friday_night + 3 * 86_400)
    (before,) = order("explain_event", {"event": "time_of_day", "time": friday_night - 1}).json()[
        "triggers"
    ]
    assert (before["verdict"], before["next"]) == ("other_time", friday_night)
