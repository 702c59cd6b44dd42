"""Factors by portal and time zone over HTTP: what no reader can do is refused when it is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.access.factor_modes import FactorMode
from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import reader_binding_rows
from gateway.objects.fields import Choice

Ask = Callable[..., tuple[int, Any]]
KEYLESS, FREE = 41, 42
"""Portals: of a reader without keypad, and of no reader."""


@pytest.fixture(scope="module", autouse=True)
def _places(device: SimpleNamespace) -> Iterator[None]:
    store = device.context.store
    places = [
        {"id": id_, "name": f"P{id_}", "area_from_id": 1, "area_to_id": 1}
        for id_ in (KEYLESS, FREE)
    ]
    store.insert("portals", places)
    store.insert("time_zones", [{"id": 41, "name": "Night"}])
    yield
    store.destroy("portal_factor_modes")
    store.destroy("portals", {"portals": {"id": [KEYLESS, FREE]}})
    store.destroy("time_zones", {"time_zones": {"id": 41}})


@pytest.fixture
def keyless(device: SimpleNamespace) -> Iterator[str]:
    """The name of the first reader, without its keypad, which stands for KEYLESS."""
    context = device.context
    whole = context.site
    reader = whole.reader[0].model_copy(update={"keypad": False})
    object.__setattr__(context, "site", whole.model_copy(update={"reader": (reader,)}))
    bound = reader_binding_rows([(reader.index, KEYLESS)])
    for name, rows in bound.items():
        context.store.insert(name, rows)
    context.store.destroy("portal_factor_modes")
    yield str(reader.name)
    object.__setattr__(context, "site", whole)
    for name in reversed(bound):
        context.store.destroy(name)


def row(portal: int, mode: FactorMode) -> dict[str, int]:
    return {"portal_id": portal, "time_zone_id": 41, "mode": int(mode)}


def create(ask: Ask, *rows: dict[str, int]) -> tuple[int, Any]:
    return ask("create_objects", {"object": "portal_factor_modes", "values": list(rows)})


def test_the_numbers_of_the_api_are_those_of_the_modes() -> None:
    field = REGISTRY["portal_factor_modes"].field("mode")
    assert isinstance(field, Choice)
    assert field.choices == tuple(FactorMode)


@pytest.mark.parametrize("mode", [FactorMode.PIN, FactorMode.CARD_AND_PIN])
def test_a_pin_is_not_asked_for_where_a_reader_has_no_keypad(
    ask: Ask, keyless: str, mode: FactorMode
) -> None:
    status, answer = create(ask, row(KEYLESS, mode))
    assert status == 400
    assert f"reader '{keyless}' of portal {KEYLESS} has no keypad" in answer["error"]
    assert "'mode'" in answer["error"]
    assert create(ask, row(KEYLESS, FactorMode.CARD))[0] == 200
    change = {"object": "portal_factor_modes", "values": {"mode": int(mode)}}
    assert ask("modify_objects", change)[0] == 400
    assert ask("load_objects", {"object": "portal_factor_modes"})[1]["portal_factor_modes"][0][
        "mode"
    ] == int(FactorMode.CARD)


def test_a_reader_without_keypad_is_not_tied_to_a_portal_that_asks_for_a_pin(
    ask: Ask, keyless: str
) -> None:
    assert create(ask, row(FREE, FactorMode.CARD_AND_PIN))[0] == 200
    where = {"portal_script_parameters": {"value": KEYLESS}}
    change = {"object": "portal_script_parameters", "values": {"value": FREE}, "where": where}
    status, answer = ask("modify_objects", change)
    assert status == 400
    assert keyless in answer["error"]
    assert "'value'" in answer["error"]


def test_a_time_zone_that_a_portal_asks_by_is_not_deleted(ask: Ask, keyless: str) -> None:
    del keyless
    assert create(ask, row(FREE, FactorMode.CARD_AND_PIN))[0] == 200
    gone = {"object": "time_zones", "where": {"time_zones": {"id": 41}}}
    status, answer = ask("destroy_objects", gone)
    assert status == 400
    assert "portal_factor_modes.time_zone_id" in answer["error"]
