"""Gestures over HTTP: rows that cannot work are refused, and an explanation names them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order


@pytest.fixture(autouse=True)
def _no_rows(throwaway: SimpleNamespace) -> None:
    throwaway.context.store.destroy("portal_gestures", None)


def put(order: Order, **row: Any) -> tuple[int, Any]:
    answer = order("create_objects", {"object": "portal_gestures", "values": [row]})
    return answer.status_code, answer.json()


def make_set(order: Order) -> int:
    made = order("create_objects", {"object": "zone_sets", "values": [{"name": "night"}]})
    return int(made.json()["ids"][0])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"gesture": 4}, "'gesture' (one of 1, 2, 3 expected"),
        ({"gesture": 2}, "this gesture needs a set of alarm zones"),
        ({"gesture": 3, "zone_set_id": 0, "keys": "1"}, "zone_set_id"),
        ({"gesture": 1, "keys": "12"}, "they belong to keys after a card"),
        ({"gesture": 1, "exit_delay_s": 601}, "'exit_delay_s' (int between 0 and 600 expected"),
        ({"gesture": 2, "zone_set_id": 9_999}, "zone_set_id"),
        ({"gesture": 1, "portal_id": 9_999}, "portal_id"),
    ],
)
def test_a_gesture_that_cannot_work_is_refused_by_its_field(
    order: Order, row: dict[str, Any], said: str
) -> None:
    status, answer = put(order, **{"portal_id": 1, **row})
    assert status == 400
    assert said in answer["error"]


@pytest.mark.parametrize("keys", ["", "1*", "123456789", "x"])
def test_keys_are_one_to_eight_digits(order: Order, keys: str) -> None:
    number = make_set(order)
    status, answer = put(order, portal_id=1, gesture=3, zone_set_id=number, keys=keys)
    assert status == 400
    assert "keys" in answer["error"]
    assert put(order, portal_id=1, gesture=3, zone_set_id=number, keys="12345678")[0] == 200


def test_an_explanation_names_what_a_listed_person_may_do_beside_opening(
    order: Order, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    number = make_set(order)
    hold = put(order, portal_id=1, gesture=1)[1]["ids"][0]
    arm = put(order, portal_id=1, gesture=2, zone_set_id=number)[1]["ids"][0]
    (user,) = store.insert("users", [{"name": "Lea"}])
    (group,) = store.insert("groups", [{"name": "keepers"}])
    store.insert("user_groups", [{"user_id": user, "group_id": group}])
    store.insert("user_groups", [{"user_id": user, "group_id": 1}])
    store.insert("portal_gesture_users", [{"portal_gesture_id": hold, "user_id": user}])
    question = {"user_id": user, "portal_id": 1}
    first = order("explain", question).json()
    assert first["reason"] == "granted", first["text"]
    assert [it.partition(",")[0] for it in first["gestures"]] == ["a second card"]
    store.insert("portal_gesture_groups", [{"portal_gesture_id": arm, "group_id": group}])
    both = order("explain", question).json()["gestures"]
    assert "arms zone set 'night', or disarms it if it is armed" in both[1]
    store.destroy("user_groups", None)
    assert "gestures" not in order("explain", question).json()
