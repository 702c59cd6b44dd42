"""The threat level over HTTP: who may raise and lower it, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gateway.link.messages import SetThreatLevel, ThreatStatus

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order, StrawController


@pytest.fixture(autouse=True)
def _defined(throwaway: SimpleNamespace) -> None:
    store = throwaway.context.store
    store.destroy("threat_levels")
    rows = [{"id": 7, "level": 1, "name": "watch"}, {"id": 8, "level": 2, "name": "guards"}]
    store.insert("threat_levels", rows)


def put(order: Order, level: int, login: str = "admin", **more: object) -> tuple[int, Any]:
    reason = {"reason": "a fight"} if level else {}
    answer = order("set_threat_level", {"level": level, **reason, **more}, login=login)
    return answer.status_code, answer.json()


def in_force(straw: StrawController, level: int) -> None:
    now = ThreatStatus(level=level, name="guards", login="eva", reason="a fight", since_utc=1)
    straw.status = straw.status.model_copy(update={"threat": now})


@pytest.mark.effect("set_threat_level")
def test_a_level_is_put_in_force_with_author_reason_and_end(
    straw: StrawController, order: Order
) -> None:
    assert put(order, 2, minutes=30) == (200, {})
    assert straw.of(SetThreatLevel) == [
        SetThreatLevel(level=2, minutes=30, login="admin", reason="a fight")
    ]


@pytest.mark.effect("get_threat_level")
def test_the_level_in_force_is_told_with_who_set_it(straw: StrawController, order: Order) -> None:
    in_force(straw, 2)
    answer = order("get_threat_level", None).json()
    assert (answer["level"], answer["name"], answer["login"]) == (2, "guards", "eva")
    assert (answer["reason"], answer["until"]) == ("a fight", 0)


@pytest.mark.refusal("get_threat_level")
def test_who_has_no_session_learns_no_level(order: Order) -> None:
    assert order("get_threat_level", login=None).status_code == 401


def test_an_operator_raises_a_level_and_only_an_administrator_lowers_it(
    straw: StrawController, order: Order
) -> None:
    assert put(order, 1, "operator")[0] == 200
    in_force(straw, 1)
    assert put(order, 2, "operator")[0] == 200
    in_force(straw, 2)
    for level in (0, 1, 2):
        assert put(order, level, "operator")[0] == 403
        assert put(order, level)[0] == 200


def test_an_operator_does_not_end_a_level_by_a_higher_one_of_a_minute(
    straw: StrawController, order: Order
) -> None:
    assert put(order, 2, "operator", minutes=1)[0] == 200
    in_force(straw, 1)
    assert put(order, 2, "operator", minutes=1)[0] == 403
    assert put(order, 2, minutes=1)[0] == 200


def test_what_a_level_does_is_for_administrators_to_say(order: Order) -> None:
    row = {"object": "threat_levels", "values": [{"level": 3, "name": "all out"}]}
    assert order("create_objects", row, login="operator").status_code == 403


@pytest.mark.refusal("set_threat_level")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"level": 2}, "reason"),
        ({"level": 4, "reason": "x"}, "level"),
        ({"level": 3, "reason": "x"}, "the site has no threat level 3"),
        ({"level": 0, "minutes": 5}, "minutes"),
        ({"level": 2, "reason": "x", "minutes": 0}, "minutes"),
    ],
)
def test_a_level_that_cannot_be_is_refused_by_name(
    order: Order, body: dict[str, object], said: str
) -> None:
    answer = order("set_threat_level", body)
    assert answer.status_code == 400
    assert said in answer.text
