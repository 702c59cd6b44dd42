"""The ways between objects that the API's documentation names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.joins import Joins
from gateway.objects.metadata import object_metadata

TABLE = Path(__file__).parent / "tables" / "joins.txt"


@pytest.fixture(scope="module")
def joins() -> Joins:
    return Joins(REGISTRY)


def ways() -> list[tuple[str, str, str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(":", 1) for line in lines if not line.startswith("#")]
    return [(*ends.split(" ", 1), way.strip()) for ends, way in rows]  # type: ignore[misc] # - two


@pytest.mark.parametrize(("start", "end", "way"), ways())
def test_the_way_from_one_object_to_another(joins: Joins, start: str, end: str, way: str) -> None:
    pairs = joins.path(start, end)

    assert " ".join(f"{'.'.join(pair.left)}={'.'.join(pair.right)}" for pair in pairs) == way


@pytest.mark.parametrize(("start", "end"), [("users", "holidays"), ("devices", "actions")])
def test_objects_that_are_not_tied_cannot_be_joined(joins: Joins, start: str, end: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{end} cannot be joined with {start}$"):
        joins.path(start, end)


def test_metadata_describes_fields_as_the_device_does() -> None:
    fields = object_metadata(REGISTRY)["cards"]["fields"]

    assert fields == {
        "id": {
            "type": "BIGINT",
            "primary key": True,
            "foreign key": None,
            "not null": True,
            "default value": None,
            "unique": True,
        },
        "value": {
            "type": "BIGINT",
            "primary key": False,
            "foreign key": None,
            "not null": True,
            "default value": None,
            "unique": True,
        },
        "user_id": {
            "type": "BIGINT",
            "primary key": False,
            "foreign key": {"object": "users", "field": "id"},
            "not null": True,
            "default value": None,
            "unique": False,
        },
    }


def test_metadata_gives_a_chain_of_equal_pairs_and_none_for_links() -> None:
    described = object_metadata(REGISTRY)

    assert described["users"]["joins"]["groups"] == [  # type: ignore[index] # - a map of lists
        {"object": "users", "field": "id"},
        {"object": "user_groups", "field": "user_id"},
        {"object": "user_groups", "field": "group_id"},
        {"object": "groups", "field": "id"},
    ]
    assert described["user_groups"]["joins"] == {}
    assert "holidays" not in described["users"]["joins"]  # type: ignore[operator] # - a map
    assert set(described) == {*(declared.name for declared in REGISTRY), "special_columns"}
