from __future__ import annotations

import peewee
import pytest

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import Field, Id, OnDelete, Ref, Text
from gateway.objects.models import Models

DOCUMENTED = """
    users change_logs templates cards qrcodes uhf_tags pins alarm_zones user_roles groups
    user_groups scheduled_unlocks actions areas portals portal_actions access_rules
    portal_access_rules group_access_rules time_zones time_spans contingency_cards
    contingency_card_access_rules holidays alarm_zone_time_zones access_rule_time_zones
    access_logs access_log_access_rules alarm_logs devices user_access_rules area_access_rules
    catra_infos log_types sec_boxs contacts timed_alarms access_events custom_thresholds
    network_interlocking_rules
"""
SEEN_ON_DEVICES = """
    user_types face_templates visits opening_times whitelist custom_tables custom_columns
    access_rule_actions access_rule_validations validations scheduled_unlock_access_rules
    portal_rules portal_portal_rules portal_rule_actions portal_rule_groups
    portal_rule_time_zones portal_rule_users portal_rule_validations access_log_portal_rules
    identification_rules scripts script_parameters script_instances portal_script_parameters
    integer_script_parameters text_script_parameters device_identification_rules
    user_identification_rules group_identification_rules device_actions device_clients
    wiegand_modes audit_logs call_logs c_users c_visits _visitors reports report_columns
    report_filters
    report_column_formats fixed_report_columns counter_report_columns object_field_report_columns
"""
OURS = """
    antipassback_areas antipassback_exemptions first_card_unlocks first_card_unlock_groups
    exception_modes custom_column_types portal_factor_modes
    threat_levels threat_level_groups occupancy_limits outside_areas escort_rules
    door_settings door_groups door_group_doors triggers
    door_operators door_operator_readers
    zone_sets zone_set_zones
    portal_gestures portal_gesture_groups portal_gesture_users
    elevator_floors
"""


def test_every_documented_object_is_declared_and_some_of_our_own() -> None:
    names = [declared.name for declared in REGISTRY]

    assert sorted(names) == sorted((DOCUMENTED + SEEN_ON_DEVICES + OURS).split())


def test_objects_come_in_the_order_of_the_vendors_list() -> None:
    names = [declared.name for declared in REGISTRY if declared.name in DOCUMENTED.split()]

    assert [name for name in names if name != "access_rule_actions"] == DOCUMENTED.split()


@pytest.mark.parametrize("declared", [it for it in REGISTRY if it.link], ids=lambda it: it.name)
def test_links_have_no_id_and_a_unique_pair(declared: ObjectType) -> None:
    assert declared.key_name == "rowid"
    assert len(declared.pairs_unique) == 1


def test_what_must_not_be_seen_is_marked_secret() -> None:
    secret = {(it.name, field.name) for it in REGISTRY for field in it.fields if field.secret}

    assert secret == {
        ("users", "password"),
        ("users", "salt"),
        ("users", "panic_password"),
        ("users", "panic_salt"),
        ("pins", "value"),
        ("pins", "pin_type"),
        ("cards", "secret"),
        ("cards", "panic"),
        ("templates", "finger_type"),
        ("access_logs", "pin_value"),
        ("devices", "password"),
        ("network_interlocking_rules", "password"),
        ("network_interlocking_rules", "session_hash"),
    }


def test_logs_keep_naming_what_is_gone() -> None:
    for declared in REGISTRY:
        for ref in declared.refs:
            if declared.log:
                inner = ref.target == "access_logs" and declared.link
                assert ref.on_delete is (OnDelete.CASCADE if inner else OnDelete.KEEP)


def test_an_unknown_object_or_field_is_refused_in_the_devices_words() -> None:
    with pytest.raises(InvalidRequest, match=r"^'nope' is not an object of this device$"):
        REGISTRY["nope"]
    with pytest.raises(InvalidRequest, match=r"^x is not a column of table users$"):
        REGISTRY["users"].field("x")
    assert "users" in REGISTRY
    assert "nope" not in REGISTRY


NAME = Text("name")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("us-ers", (NAME,)),
        ("users; --", (NAME,)),
        ("users", (Text('na"me'),)),
        ("users", (Text("rowid"),)),
        ("users", (NAME, NAME)),
        ("users", (Id("id"), Id("number"))),
    ],
)
def test_a_declaration_that_cannot_be_a_table_is_refused(
    name: str, fields: tuple[Field, ...]
) -> None:
    with pytest.raises(ValueError, match=r"name|two"):
        ObjectType(name, fields)


def test_rules_about_fields_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="no field x"):
        ObjectType("a", (NAME,), pairs_unique=(("name", "x"),))
    with pytest.raises(ValueError, match="no field x"):
        ObjectType("a", (NAME,), aliases={"y": "x"})


def test_a_registry_that_does_not_hang_together_is_refused() -> None:
    thing = ObjectType("things", (Id("id"),))
    keyless = ObjectType("loose", (NAME,))
    for objects in (
        (thing, thing),
        (ObjectType("a", (Ref("thing_id", "things"),)),),
        (keyless, ObjectType("a", (Ref("loose_id", "loose"),))),
        (ObjectType("a", (NAME,), ring=5),),
        (ObjectType("a", (NAME,), change_logged=True),),
    ):
        with pytest.raises(ValueError, match=r"two objects|refers to|needs an id"):
            Registry(objects)


def test_a_field_named_like_a_method_of_models_is_refused() -> None:
    registry = Registry((ObjectType("a", (Id("id"), Text("select"))),))
    with pytest.raises(ValueError, match="select"):
        Models(registry, peewee.SqliteDatabase(":memory:"))


def test_models_give_their_columns_and_keys() -> None:
    models = Models(REGISTRY, peewee.SqliteDatabase(":memory:"))

    assert models.key("users").column_name == "id"
    assert models.key("alarm_zones").column_name == "zone"
    assert models.key("user_groups").column_name == "rowid"
    assert models.column("cards", "value").db_value(0) == -(1 << 63)
    with pytest.raises(InvalidRequest):
        models.column("cards", "nope")
    with pytest.raises(InvalidRequest):
        models.column("users", "rowid")
