"""Rows, configuration, exports and backups over a real socket: each command carried out once and
refused once. What the object commands do with each object is in `test_every_object.py`."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.store.tables.identity import store_identity

Order = Callable[..., requests.Response]

USER = {"id": 4_711, "name": "Eva", "registration": "50"}


def groups(order: Order, **search: object) -> list[Any]:
    rows: list[Any] = order("load_objects", {"object": "groups", **search}).json()["groups"]
    return rows


@pytest.fixture
def eva(order: Order) -> dict[str, object]:
    """One person, alone in the table."""
    order("destroy_objects", {"object": "users"})
    order("create_objects", {"object": "users", "values": [USER]})
    return USER


@pytest.mark.effect(
    "create_objects",
    "load_objects",
    "create_or_modify_objects",
    "modify_objects",
    "destroy_objects",
)
def test_rows_are_created_loaded_changed_and_destroyed(order: Order) -> None:
    before = groups(order)
    (number,) = order("create_objects", {"object": "groups", "values": [{"name": "A"}]}).json()[
        "ids"
    ]
    where = {"groups": {"id": number}}
    assert groups(order, where=where) == [{"id": number, "name": "A"}]
    body = {"object": "groups", "values": [{"id": number, "name": "B"}]}
    reply = order("create_or_modify_objects", body)
    assert reply.json() == {"changes": 1, "ids": [number]}
    assert groups(order, where=where) == [{"id": number, "name": "B"}]
    change = {"object": "groups", "values": {"name": "C"}, "where": where}
    assert order("modify_objects", change).json() == {"changes": 1}
    assert groups(order, fields=["name"], where=where) == [{"name": "C"}]
    assert order("destroy_objects", {"object": "groups", "where": where}).json() == {"changes": 1}
    assert groups(order) == before


@pytest.mark.refusal(
    "create_objects",
    "load_objects",
    "create_or_modify_objects",
    "modify_objects",
    "destroy_objects",
)
def test_a_column_that_is_not_there_is_refused_and_nothing_changes(order: Order) -> None:
    before = groups(order)
    for command, members in (
        ("create_objects", {"values": [{"name": "A"}, {"nonesuch": 1}]}),
        ("create_or_modify_objects", {"values": [{"id": 1, "name": "A", "nonesuch": 1}]}),
        ("load_objects", {"fields": ["nonesuch"]}),
        ("modify_objects", {"values": {"name": "A", "nonesuch": 1}}),
        ("destroy_objects", {"where": {"groups": {"nonesuch": 1}}}),
    ):
        reply = order(command, {"object": "groups", **members})
        assert reply.status_code == 400, command
        if command != "create_objects":  # whose rows have to name the same columns
            assert reply.json()["error"] == "nonesuch is not a column of table groups"
        assert groups(order) == before


@pytest.mark.effect("object_metadata")
def test_the_metadata_names_tables_fields_and_ways(order: Order) -> None:
    described = order("object_metadata", {}).json()
    assert described["cards"]["fields"]["user_id"]["foreign key"] == {
        "object": "users",
        "field": "id",
    }
    assert described["users"]["joins"]["cards"]
    assert list(described["special_columns"]["fields"]) == ["COUNT(*)"]


@pytest.mark.effect("get_configuration", "set_configuration")
def test_a_value_is_set_and_given_back_as_text(order: Order) -> None:
    asked = {"general": ["relay1_timeout", "beep_enabled"], "nonesuch": ["x"]}
    wanted = {"general": {"relay1_timeout": 4_321, "beep_enabled": False}}
    assert order("set_configuration", wanted).json() == {}
    found = order("get_configuration", asked).json()
    assert found == {"general": {"relay1_timeout": "4321", "beep_enabled": "0"}}


@pytest.mark.refusal("get_configuration", "set_configuration")
def test_one_wrong_value_keeps_every_other_from_being_set(order: Order) -> None:
    asked = {"general": ["relay2_timeout"]}
    before = order("get_configuration", asked).json()
    for values, said in (
        ({"relay2_timeout": 500, "relay1_timeout": "fast"}, "general.relay1_timeout cannot be"),
        ({"relay2_timeout": 500, "nonesuch": 1}, "config->general->param[name=nonesuch]"),
    ):
        reply = order("set_configuration", {"general": values})
        assert reply.status_code == 400
        assert said in reply.json()["error"]
        assert order("get_configuration", asked).json() == before
    reply = order("get_configuration", {"general": 7})
    assert reply.status_code == 400
    assert "'general'" in reply.json()["error"]


@pytest.mark.effect("report_generate", "export_object", "export_objects")
@pytest.mark.usefixtures("eva")
def test_rows_leave_as_lines_of_text(order: Order) -> None:
    columns = [{"type": "object_field", "field": name} for name in ("id", "name")]
    report = order("report_generate", {"object": "users", "header": "No", "columns": columns})
    assert report.text.splitlines() == ["No", "4711;Eva"]
    wanted = {"object": "users", "columns": ["name", "registration"]}
    lines = ["name,registration", "Eva,50"]
    assert order("export_object", wanted).text.splitlines() == lines
    text = order("export_objects", {"objects": [wanted]}).text
    assert [line for line in text.splitlines() if line in lines] == lines


@pytest.mark.refusal("report_generate", "export_object", "export_objects")
def test_what_has_no_such_column_is_not_exported(order: Order) -> None:
    wrong = {"object": "users", "columns": ["nonesuch"]}
    for command, body in (
        (
            "report_generate",
            {"object": "users", "columns": [{"type": "object_field", "field": "nonesuch"}]},
        ),
        ("export_object", wrong),
        ("export_objects", {"objects": [wrong]}),
    ):
        reply = order(command, body)
        assert reply.status_code == 400, command
        assert "nonesuch" in reply.json()["error"]


@pytest.mark.effect("import_objects")
@pytest.mark.refusal("import_objects")
def test_an_import_adds_all_rows_or_none(order: Order) -> None:
    def send(data: str) -> requests.Response:
        return order("import_objects", {"object": "groups", "data": data})

    before = groups(order)
    refused = send("id,name\r\n901,A\r\nnine,B\r\n")
    assert refused.status_code == 400
    assert "id" in refused.json()["error"]
    assert groups(order) == before
    assert send("id,name\r\n901,A\r\n902,B\r\n").status_code == 200
    where = {"groups": {"id": [901, 902]}}
    assert groups(order, where=where) == [{"id": 901, "name": "A"}, {"id": 902, "name": "B"}]
    order("destroy_objects", {"object": "groups", "where": where})


@pytest.mark.effect("import_state", "undo_import")
@pytest.mark.refusal("import_state", "undo_import")
def test_the_last_import_is_told_and_undone_once(order: Order) -> None:
    before = groups(order)
    order("import_objects", {"object": "groups", "data": "name\r\nC\r\n"})
    assert order("import_state").json()["last"]["objects"] == {
        "groups": {"added": 1, "changed": 0, "removed": 0}
    }
    for command in ("import_state", "undo_import"):
        assert order(command, login=None).status_code == 401
    assert order("undo_import").json() == {
        "objects": {"groups": {"added": 0, "changed": 0, "removed": 1}}
    }
    assert groups(order) == before
    assert order("undo_import").status_code == 400


@pytest.mark.effect("export_audit_logs")
@pytest.mark.refusal("export_audit_logs")
def test_the_audit_log_is_exported_to_administrators(order: Order) -> None:
    order("set_configuration", {"general": {"relay3_timeout": 1_234}})
    assert "relay3_timeout" in order("export_audit_logs", {"config": 1}).text
    assert "relay3_timeout" not in order("export_audit_logs", {"boot": 1}).text
    reply = order("export_audit_logs", {"config": 1}, login="operator")
    assert (reply.status_code, reply.json()["error"]) == (403, "Invalid access level")


@pytest.fixture(scope="module")
def identified(throwaway: SimpleNamespace) -> None:
    """The device knows in its database, too, which one it is: backups tell by it."""
    context = throwaway.context
    with context.store.transaction():
        store_identity(context.store.database, context.identity)


@pytest.mark.effect(
    "backup_objects", "preview_restore", "restore_objects", "reset_to_factory_default"
)
@pytest.mark.usefixtures("eva", "identified")
def test_a_backup_brings_back_what_a_reset_took(order: Order) -> None:
    def people() -> list[Any]:
        search = {"object": "users", "fields": ["id", "name", "registration"]}
        rows: list[Any] = order("load_objects", search).json()["users"]
        return rows

    backup = order("backup_objects")
    assert backup.headers["Content-Type"] == "application/octet-stream"
    assert order("reset_to_factory_default", {"keep_network_info": True}).json() == {}
    assert people() == []
    preview = order("preview_restore", data=backup.content).json()
    assert {"object": "users", "present": 0, "backup": 1, "after": 1} in preview["objects"]
    assert people() == []
    restored = order("restore_objects", data=backup.content)
    assert restored.status_code == 200, restored.text
    assert people() == [USER]


@pytest.mark.refusal(
    "backup_objects", "preview_restore", "restore_objects", "reset_to_factory_default"
)
@pytest.mark.usefixtures("eva")
def test_backups_and_resets_are_for_administrators_and_backups_alone_are_restored(
    order: Order,
) -> None:
    for command in ("backup_objects", "reset_to_factory_default"):
        assert order(command, login="operator").status_code == 403
    for command in ("preview_restore", "restore_objects"):
        assert order(command, login="operator", data=b"no backup").status_code == 403
        assert order(command, data=b"no backup").status_code == 400
    (person,) = order("load_objects", {"object": "users"}).json()["users"]
    assert person["name"] == "Eva"


@pytest.mark.effect("delete_admins")
@pytest.mark.refusal("delete_admins")
def test_administrators_at_the_door_are_made_ordinary_people(
    order: Order, eva: dict[str, object]
) -> None:
    def roles() -> object:
        return order("load_objects", {"object": "user_roles"}).json()["user_roles"]

    row = {"user_id": eva["id"], "role": 1}
    order("create_objects", {"object": "user_roles", "values": [row]})
    assert order("delete_admins", login="operator").status_code == 403
    assert roles() == [row]
    assert order("delete_admins").json() == {}
    assert roles() == []


@pytest.mark.effect("template_sync_init", "template_sync_end")
@pytest.mark.usefixtures("eva")
def test_templates_are_loaded_between_the_brackets(order: Order) -> None:
    assert order("template_sync_init").json() == {}
    row = {"user_id": USER["id"], "template": "AAEC"}
    order("create_objects", {"object": "templates", "values": [row]})
    assert order("template_sync_end").json() == {}
    (loaded,) = order("load_objects", {"object": "templates"}).json()["templates"]
    assert loaded["template"] == "AAEC"
