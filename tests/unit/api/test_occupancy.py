"""Who is inside, over HTTP: from the journal, whatever else is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import ControllerUnavailable
from gateway.link.messages import EmptyArea
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal
from gateway.store.tables.accounts import Role

if TYPE_CHECKING:
    from tests.unit.api.conftest import Order, StrawController

HALL, LAB = 50, 51
ANA, EVA, GONE = 61, 62, 63
NOON_S = 1_795_446_000


@pytest.fixture(autouse=True)
def _people(throwaway: SimpleNamespace) -> Iterator[None]:
    """Ana and somebody who is no longer stored are in the hall; where Eva is was forgotten."""
    store = throwaway.context.store
    store.insert_or_modify("areas", [{"id": HALL, "name": "Hall"}, {"id": LAB, "name": "Lab"}])
    store.insert_or_modify("users", [{"id": ANA, "name": "Ana"}, {"id": EVA, "name": "Eva"}])
    store.destroy("occupancy_limits")
    store.insert("occupancy_limits", [{"area_id": HALL, "maximum": 5, "minimum": 2}])
    path = throwaway.context.data / JOURNAL_FILE
    path.unlink(missing_ok=True)
    Journal.create(path)
    with closing(Journal(path, "boot")) as journal:
        journal.append([entered(ANA), entered(GONE), entered(EVA), forgotten(EVA)], {})
    yield
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def passage(**body: Any) -> Entry:
    return Entry(EntryKind.PASSAGE, body, datetime.fromtimestamp(NOON_S, UTC), 0, True)


def entered(user: int) -> Entry:
    return passage(user_id=user, portal_id=9, area_id=HALL, utc_s=NOON_S, day=20_780)


def forgotten(user: int) -> Entry:
    return passage(user_id=user, why="asked_by_client")


@pytest.mark.effect("occupancy")
def test_the_people_of_each_area_are_listed_and_those_whose_place_is_unknown(
    order: Order,
) -> None:
    answer = order("occupancy", {}).json()
    areas = {area["area_id"]: area for area in answer["areas"]}
    hall = areas[HALL]
    assert (hall["name"], hall["inside"], hall["maximum"], hall["minimum"]) == ("Hall", 2, 5, 2)
    people = {who["user_id"]: who for who in hall["people"]}
    assert {who: it["name"] for who, it in people.items()} == {ANA: "Ana", GONE: ""}
    assert people[ANA]["since_utc"] == NOON_S
    assert areas[LAB]["inside"] == 0
    [unknown] = answer["unknown"]
    assert (unknown["user_id"], unknown["name"], unknown["area_id"]) == (EVA, "Eva", HALL)


def test_one_area_is_listed_alone(order: Order) -> None:
    answer = order("occupancy", {"area_id": LAB}).json()
    assert [area["area_id"] for area in answer["areas"]] == [LAB]
    assert answer["unknown"] == []


def test_a_login_of_another_device_sees_how_many_and_not_who(
    order: Order, throwaway: SimpleNamespace
) -> None:
    accounts = throwaway.context.accounts
    if not accounts.find("display"):
        accounts.set_password("display", "secret-word", Role.DOOR_READER)
    answer = order("occupancy", {}, login="display").json()
    counts = {area["area_id"]: area["inside"] for area in answer["areas"]}
    assert counts[HALL] == 2
    assert not any(area["people"] for area in answer["areas"])
    assert answer["unknown"] == []


def test_the_list_is_there_while_the_controller_is_away(
    order: Order, straw: StrawController
) -> None:
    straw.refusal = ControllerUnavailable("it is away")
    answer = order("occupancy", {})
    assert answer.status_code == 200
    assert sum(area["inside"] for area in answer.json()["areas"]) == 2


@pytest.mark.effect("empty_area")
def test_an_area_is_emptied_with_its_author(order: Order, straw: StrawController) -> None:
    assert order("empty_area", {"area_id": HALL, "reason": "checked"}).status_code == 200
    assert order("empty_area", {"area_id": 0}).status_code == 200
    assert straw.of(EmptyArea) == [
        EmptyArea(area_id=HALL, login="admin", reason="checked"),
        EmptyArea(area_id=0, login="admin"),
    ]


@pytest.mark.refusal("empty_area", "occupancy")
def test_an_area_that_is_not_there_is_refused(order: Order) -> None:
    assert order("empty_area", {"area_id": 99}).status_code == 404
    assert order("occupancy", {"area_id": 99}).status_code == 404
    assert order("empty_area", {"area_id": -1}).status_code == 400
    assert order("empty_area", {"area_id": 1}, login=None).status_code == 401


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("occupancy_limits", {"area_id": LAB, "minimum": 1}, "minimum"),
        ("occupancy_limits", {"area_id": LAB, "minimum": 3, "maximum": 2}, "maximum"),
        ("occupancy_limits", {"area_id": LAB, "empty_at": 86_400}, "empty_at"),
        ("occupancy_limits", {"area_id": 99}, "area_id"),
        (
            "escort_rules",
            {"name": "x", "portal_id": 1, "visitor_group_id": 1, "host_group_id": 1},
            "host_group_id",
        ),
        (
            "escort_rules",
            {"name": "x", "portal_id": 99, "visitor_group_id": 1, "host_group_id": 2},
            "portal_id",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_set(
    order: Order, table: str, row: dict[str, object], said: str
) -> None:
    answer = order("create_objects", {"object": table, "values": [row]})
    assert answer.status_code == 400
    assert said in answer.text
