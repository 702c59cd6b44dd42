"""`set_access_rule` and `set_schedule`: with all that is tied to them, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

Order = Callable[..., requests.Response]


def rows(order: Order, name: str, **where: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = order(
        "load_objects", {"object": name, "where": {name: where}}
    ).json()[name]
    return found


@pytest.mark.effect("set_access_rule")
def test_a_rule_is_tied_as_asked_and_changed_to_what_is_asked_next(
    order: Order,
) -> None:
    create = {"object": "groups", "values": [{"name": "A"}, {"name": "B"}]}
    one, two = order("create_objects", create).json()["ids"]
    asked = {"name": "R", "type": 1, "groups": [one], "portals": [1], "time_zones": [1]}
    rule = order("set_access_rule", asked).json()["id"]
    assert [it["group_id"] for it in rows(order, "group_access_rules", access_rule_id=rule)] == [
        one
    ]
    changed = asked | {"id": rule, "type": 0, "groups": [two], "time_zones": []}
    assert order("set_access_rule", changed).json() == {"id": rule}
    assert [it["type"] for it in rows(order, "access_rules", id=rule)] == [0]
    assert [it["group_id"] for it in rows(order, "group_access_rules", access_rule_id=rule)] == [
        two
    ]
    assert rows(order, "access_rule_time_zones", access_rule_id=rule) == []


@pytest.mark.refusal("set_access_rule")
def test_a_rule_with_one_wrong_tie_changes_nothing(order: Order) -> None:
    asked = {"name": "half", "type": 1, "groups": [1], "portals": [999], "time_zones": [1]}
    assert order("set_access_rule", asked).status_code == 400
    found = order("load_objects", {"object": "access_rules"}).json()["access_rules"]
    assert "half" not in {it["name"] for it in found}
    asked["portals"] = [1, 1]
    assert "portal_id" in order("set_access_rule", asked).json()["error"]
    assert order("set_access_rule", asked | {"id": 999, "portals": []}).status_code == 404
    assert order("set_access_rule", asked, login=None).status_code == 401


@pytest.mark.effect("set_schedule")
def test_a_schedule_has_the_spans_of_the_last_request(order: Order) -> None:
    first = {"start": 0, "end": 3_599, "days": ["mon", "hol1"]}
    schedule = order("set_schedule", {"name": "S", "spans": [first]}).json()["id"]
    then = {"start": 7_200, "end": 86_400, "days": ["sun"]}
    order("set_schedule", {"id": schedule, "name": "T", "spans": [then]})
    [span] = rows(order, "time_spans", time_zone_id=schedule)
    assert (span["start"], span["end"], span["sun"], span["mon"], span["hol1"]) == (
        7_200,
        86_400,
        1,
        0,
        0,
    )
    assert [it["name"] for it in rows(order, "time_zones", id=schedule)] == ["T"]


@pytest.mark.refusal("set_schedule")
def test_a_wrong_span_leaves_the_schedule_as_it_was(order: Order) -> None:
    span = {"start": 0, "end": 3_599, "days": ["mon"]}
    schedule = order("set_schedule", {"name": "S", "spans": [span]}).json()["id"]
    wrongs: tuple[dict[str, Any], ...] = (
        {"start": -1},
        {"end": 86_401},
        {"days": ["moonday"]},
        {"days": []},
    )
    for wrong in wrongs:
        asked = {"id": schedule, "name": "S", "spans": [span | wrong]}
        refused = order("set_schedule", asked)
        assert refused.status_code == 400
        assert next(iter(wrong)) in refused.json()["error"]
    assert len(rows(order, "time_spans", time_zone_id=schedule)) == 1
    assert order("set_schedule", {"id": 999, "name": "S", "spans": []}).status_code == 404
    assert order("set_schedule", {"name": "S", "spans": []}, login=None).status_code == 401
