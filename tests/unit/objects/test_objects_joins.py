"""The ways between objects that the API's documentation names."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.joins import Joins
from gateway.objects.metadata import object_metadata


@pytest.fixture(scope="module")
def joins() -> Joins:
    return Joins(REGISTRY)


@pytest.mark.parametrize(
    ("start", "end", "way"),
    [
        ("users", "groups", "users.id=user_groups.user_id user_groups.group_id=groups.id"),
        ("users", "access_rules", "users.id=user_access_rules.user_id user_access_rules.access_rule_id=access_rules.id"),
        ("users", "time_zones", "users.id=user_access_rules.user_id user_access_rules.access_rule_id=access_rule_time_zones.access_rule_id access_rule_time_zones.time_zone_id=time_zones.id"),
        ("users", "cards", "users.id=cards.user_id"),
        ("users", "pins", "users.id=pins.user_id"),
        ("users", "qrcodes", "users.id=qrcodes.user_id"),
        ("users", "access_logs", "users.id=access_logs.user_id"),
        ("users", "alarm_logs", "users.id=alarm_logs.user_id"),
        ("groups", "access_rules", "groups.id=group_access_rules.group_id group_access_rules.access_rule_id=access_rules.id"),
        ("groups", "time_zones", "groups.id=group_access_rules.group_id group_access_rules.access_rule_id=access_rule_time_zones.access_rule_id access_rule_time_zones.time_zone_id=time_zones.id"),
        ("groups", "access_logs", "groups.id=user_groups.group_id user_groups.user_id=access_logs.user_id"),
        ("access_logs", "portals", "access_logs.portal_id=portals.id"),
        ("access_logs", "areas", "access_logs.portal_id=portals.id portals.area_to_id=areas.id"),
        ("access_logs", "access_rules", "access_logs.id=access_log_access_rules.access_log_id access_log_access_rules.access_rule_id=access_rules.id"),
        ("access_logs", "time_zones", "access_logs.id=access_log_access_rules.access_log_id access_log_access_rules.access_rule_id=access_rule_time_zones.access_rule_id access_rule_time_zones.time_zone_id=time_zones.id"),
        ("access_logs", "alarm_logs", "access_logs.id=alarm_logs.access_log_id"),
        ("access_logs", "groups", "access_logs.user_id=user_groups.user_id user_groups.group_id=groups.id"),
        ("access_rules", "areas", "access_rules.id=area_access_rules.access_rule_id area_access_rules.area_id=areas.id"),
        ("access_rules", "portals", "access_rules.id=portal_access_rules.access_rule_id portal_access_rules.portal_id=portals.id"),
        ("access_rules", "actions", "access_rules.id=access_rule_actions.access_rule_id access_rule_actions.action_id=actions.id"),
        ("portals", "actions", "portals.id=portal_actions.portal_id portal_actions.action_id=actions.id"),
        ("portals", "areas", "portals.area_to_id=areas.id"),
        ("alarm_zones", "time_zones", "alarm_zones.zone=alarm_zone_time_zones.alarm_zone_id alarm_zone_time_zones.time_zone_id=time_zones.id"),
        ("time_zones", "time_spans", "time_zones.id=time_spans.time_zone_id"),
        ("users", "portals", "users.id=user_access_rules.user_id user_access_rules.access_rule_id=portal_access_rules.access_rule_id portal_access_rules.portal_id=portals.id"),
    ],
)  # fmt: skip
def test_the_way_from_one_object_to_another(joins: Joins, start: str, end: str, way: str) -> None:
    pairs = joins.path(start, end)

    assert " ".join(f"{'.'.join(pair.left)}={'.'.join(pair.right)}" for pair in pairs) == way


@pytest.mark.parametrize(("start", "end"), [("users", "holidays"), ("devices", "users")])
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
        "secret": {
            "type": "TEXT",
            "primary key": False,
            "foreign key": None,
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
    assert set(described) == {declared.name for declared in REGISTRY}
