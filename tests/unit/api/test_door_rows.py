"""Rows about doors over HTTP: what the site cannot do is refused, and the field is named."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gateway.link.messages import OpenDoor, OpenTogether

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order, StrawController


@pytest.fixture(autouse=True)
def _no_rows(throwaway: SimpleNamespace) -> None:
    throwaway.context.store.destroy("door_settings", None)


def put(order: Order, **row: int) -> tuple[int, Any]:
    body = {"object": "door_settings", "values": [row]}
    answer = order("create_or_modify_objects", body)
    return answer.status_code, answer.json()


def test_a_row_is_stored_and_read_back(order: Order) -> None:
    assert put(order, door_id=1, extended_dwell_ms=9_000)[0] == 200
    assert put(order, door_id=1, extended_dwell_ms=8_000, pre_alarm_s=0)[0] == 200
    (row,) = order("load_objects", {"object": "door_settings"}).json()["door_settings"]
    told = (row["extended_dwell_ms"], row["pre_alarm_s"], row["held_open_s"])
    assert told == (8_000, 0, -1)


@pytest.mark.parametrize(
    ("row", "field", "why"),
    [
        ({"door_id": 9}, "door_id", "there is no door 9; this site has: 1, 2"),
        ({"door_id": 2, "rex_mode": 3}, "rex_mode", "door 2 (door2) has no exit button"),
        ({"door_id": 1, "held_open_s": 20}, "held_open_s", "door 1 (door1) has no door sensor"),
        ({"door_id": 1, "held_open_s": -2}, "held_open_s", "int between -1 and 3600"),
        ({"door_id": 1, "rex_mode": 4}, "rex_mode", "one of 0, 1, 2, 3"),
        ({"door_id": 1, "extended_dwell_ms": 600_001}, "extended_dwell_ms", "600000"),
    ],
)
def test_what_the_site_cannot_do_is_refused_and_changes_nothing(
    order: Order, row: dict[str, int], field: str, why: str
) -> None:
    status, body = put(order, **row)
    assert status == 400
    assert f"'{field}'" in body["error"]
    assert why in body["error"]
    assert order("load_objects", {"object": "door_settings"}).json() == {"door_settings": []}


# groups


@pytest.fixture
def group(throwaway: SimpleNamespace) -> Iterator[int]:
    store = throwaway.context.store
    (group,) = store.insert("door_groups", [{"name": "both"}])
    store.insert("door_group_doors", [{"door_group_id": group, "door_id": it} for it in (1, 2)])
    yield group
    store.destroy("door_groups", None)


def open_group(order: Order, parameters: str) -> tuple[int, Any]:
    action = {"action": "door_group", "parameters": parameters}
    answer = order("execute_actions", {"actions": [action]})
    return answer.status_code, answer.json()


def test_a_group_is_opened_in_one_message_of_all_its_doors(
    order: Order, straw: StrawController, group: int
) -> None:
    assert open_group(order, f"id={group},timeout=0,reason=3")[0] == 200
    (asked,) = straw.of(OpenTogether)
    opened = [OpenDoor(door=door, timeout_ms=0, reason=3, by="admin") for door in (1, 2)]
    assert list(asked.openings) == opened


@pytest.mark.parametrize("parameters", ["", "id=99999", "id=x", "id=-1", "timeout=1"])
def test_a_group_that_is_not_there_is_refused(
    order: Order, straw: StrawController, parameters: str
) -> None:
    status, body = open_group(order, parameters)
    assert (status, "door_group" in body["error"]) == (400, True)
    assert straw.of(OpenTogether) == []


def test_a_group_is_set_into_a_mode_door_by_door_and_back(order: Order, group: int) -> None:
    asked = {"group": group, "mode": "lock_down", "reason": "drill"}
    assert order("set_exception_mode", asked).status_code == 200
    modes = order("get_exception_modes").json()["exception_modes"]
    assert [it["mode"] for it in modes] == ["none", "lock_down", "lock_down"]
    assert order("set_exception_mode", {"group": group, "mode": "none"}).status_code == 200
    modes = order("get_exception_modes").json()["exception_modes"]
    assert {it["mode"] for it in modes} == {"none"}


@pytest.mark.parametrize("place", [{}, {"door": 1, "group": 1}, {"group": 77}])
def test_a_mode_needs_one_place(order: Order, place: dict[str, int]) -> None:
    asked = {**place, "mode": "lock_down", "reason": "drill"}
    assert order("set_exception_mode", asked).status_code == 400


def test_a_group_names_doors_of_the_site(order: Order, group: int) -> None:
    row = {"door_group_id": group, "door_id": 3}
    answer = order("create_objects", {"object": "door_group_doors", "values": [row]})
    assert (answer.status_code, "'door_id'" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("name", "row", "why"),
    [
        ("door_operators", {"door_id": 1}, "the site file has no operator of door 1"),
        ("door_operators", {"door_id": 8}, "there is no door 8"),
        ("door_operator_readers", {"door_id": 1, "reader": 9}, "no operator of door 1"),
        (
            "elevator_floors",
            {"name": "f", "elevator_id": 1, "floor": 1, "portal_id": 1},
            "there is no elevator 1; this site has: none",
        ),
    ],
)
def test_an_operator_or_a_lift_that_is_not_wired_is_refused(
    order: Order, name: str, row: dict[str, Any], why: str
) -> None:
    answer = order("create_objects", {"object": name, "values": [row]})
    assert (answer.status_code, why in answer.json()["error"]) == (400, True)
