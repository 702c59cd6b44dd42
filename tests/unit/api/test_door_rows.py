"""Rows about doors over HTTP: what the site cannot do is refused, and the field is named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order


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
