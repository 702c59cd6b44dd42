"""Tables as CSV, out and in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

AWKWARD = ["Ana", "", "\\N", "\\", "a,b;c", 'say "hi"', "two\r\nlines", "#users", " é ", "=1+1"]
OBJECTS = [{"object": name} for name in ("user_groups", "users", "groups", "cards", "devices")]


@pytest.fixture
def full(desk: Desk) -> Desk:
    for name, values in {
        "groups": [{"id": 9, "name": "Nine"}],
        "users": [
            {"id": number, "name": name, "registration": name, "user_type_id": None}
            for number, name in enumerate(AWKWARD, start=1)
        ],
        "user_groups": [{"user_id": number, "group_id": 9} for number in (1, 2, 3)],
        "cards": [{"id": 4, "user_id": 1, "value": (1 << 64) - 2}],
        "devices": [{"id": 77, "name": "x", "ip": "", "public_key": "AAEC/w=="}],
    }.items():
        desk.ask("create_objects", {"object": name, "values": values})
    return desk


def rows(desk: Desk, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.ask("load_objects", {"object": name})[name]
    return found


def test_an_object_is_a_header_and_its_rows(desk: Desk) -> None:
    answer = desk.send("export_object", json={"object": "groups"})
    assert answer.text == "id,name\r\n1,Standard\r\n"
    assert answer.content_type == "text/csv; charset=utf-8"
    body = {"object": "groups", "columns": ["name"]}
    assert desk.text("export_object", body) == "name\r\nStandard\r\n"


def test_several_objects_are_blocks(desk: Desk) -> None:
    body = {"objects": [{"object": "groups"}, {"object": "areas", "columns": ["id"]}]}
    text = "#groups\r\nid,name\r\n1,Standard\r\n\r\n#areas\r\nid\r\n1\r\n"
    assert desk.text("export_objects", body) == text


def test_secrets_leave_with_administrators_alone(full: Desk) -> None:
    assert "password" in full.text("export_object", {"object": "users"}).splitlines()[0]
    text = full.text("export_object", {"object": "users"}, login="operator")
    assert "password" not in text.splitlines()[0]
    body = {"object": "users", "columns": ["salt"]}
    assert full.refusal("export_object", body, login="operator")[0] == 400


def test_what_was_exported_comes_back_as_it_was(full: Desk, new_desk: Callable[..., Desk]) -> None:
    text = full.text("export_objects", {"objects": OBJECTS})
    other = new_desk()
    for name in ("devices", "groups"):
        other.ask("destroy_objects", {"object": name})
    answer = other.ask("import_objects", {"data": text})
    assert answer["objects"]["users"] == {"written": len(AWKWARD), "skipped": 0}
    for wanted in OBJECTS:
        assert rows(other, wanted["object"]) == rows(full, wanted["object"])


def test_one_table_comes_in_by_its_name(desk: Desk) -> None:
    body = {"object": "groups", "data": "name\nNorth\nSouth\n"}
    desk.ask("import_objects", body)
    assert [row["name"] for row in rows(desk, "groups")] == ["Standard", "North", "South"]


def test_an_empty_cell_of_a_number_is_no_value(desk: Desk) -> None:
    desk.ask("import_objects", {"object": "users", "data": "id,name,expires\n,Ana,\n"})
    assert [(row["id"], row["expires"]) for row in rows(desk, "users")] == [(1, 0)]


def test_a_dry_run_tells_what_would_come_and_changes_nothing(desk: Desk) -> None:
    before = desk.content()
    body = {"object": "groups", "data": "name\nNorth\n", "dry_run": 1}
    answer = desk.ask("import_objects", body)
    assert answer == {"objects": {"groups": {"written": 1, "skipped": 0}}, "dry_run": True}
    assert desk.content() == before
    assert desk.audit() == []


@pytest.mark.parametrize(
    ("last", "named"),
    [
        ("10000,Eva,x", "users: Invalid member 'expires' (int expected, got string) (row 1001)"),
        ("1,Eva,0", "users: UNIQUE constraint failed: users.id (row 1001)"),
        ("10000,Eva", "users: row 1001 has 2 cells, 3 columns are named"),
        ("10000,\\N,0", "users: NOT NULL constraint failed: users.name (row 1001)"),
        ('10000,"Eva', "line 1002 is no CSV: unexpected end of data"),
    ],
)
def test_one_wrong_row_refuses_all_and_is_named(desk: Desk, last: str, named: str) -> None:
    before = desk.content()
    lines = ["id,name,expires", *(f"{number},x,0" for number in range(1, 1_001)), last]
    body = {"object": "users", "data": "\r\n".join(lines)}
    assert desk.refusal("import_objects", body) == (400, named)
    assert desk.content() == before


def test_a_reference_that_leads_nowhere_is_named(desk: Desk) -> None:
    body = {"object": "cards", "data": "value,user_id\n5,1\n"}
    status, text = desk.refusal("import_objects", body)
    assert status == 400
    assert "cards.user_id" in text
    assert "row 1" in text
    assert "1 is not a row of users" in text


@pytest.mark.parametrize(
    ("resolution", "names", "count"),
    [
        ("skip", ["Standard", "Two"], {"written": 1, "skipped": 1}),
        ("replace", ["First", "Two"], {"written": 2, "skipped": 0}),
    ],
)
def test_a_row_that_is_there_already_is_left_or_changed(
    desk: Desk, resolution: str, names: list[str], count: dict[str, int]
) -> None:
    body = {"object": "groups", "data": "id,name\n1,First\n2,Two\n", "resolution": resolution}
    assert desk.ask("import_objects", body)["objects"]["groups"] == count
    assert [row["name"] for row in rows(desk, "groups")] == names


@pytest.mark.parametrize("resolution", ["skip", "replace"])
def test_links_that_are_there_already_are_no_obstacle(full: Desk, resolution: str) -> None:
    before = rows(full, "user_groups")
    text = full.text("export_object", {"object": "user_groups"})
    full.ask("import_objects", {"object": "user_groups", "data": text, "resolution": resolution})
    assert rows(full, "user_groups") == before


def test_columns_and_tables_can_be_left_out(desk: Desk) -> None:
    text = "#groups\nid,name,colour\n5,Five,red\n\n#areas\nid,name\n8,Eight\n"
    body = {"data": text, "ignore_columns": ["colour", "id"], "ignore_tables": ["areas"]}
    assert desk.ask("import_objects", body)["objects"] == {"groups": {"written": 1, "skipped": 0}}
    assert rows(desk, "groups")[-1] == {"id": 2, "name": "Five"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"data": "id\n1\n"}, "names no object"),
        ({"data": "#nonsense\nid\n1\n"}, "'nonsense' is not an object"),
        ({"data": "#groups\ncolour\n1\n"}, "colour is not a column"),
        ({"data": "#groups\nid,id\n1,2\n"}, "comes twice"),
        ({"data": "#groups\nid\n1\n\n#groups\nid\n2\n"}, "comes twice"),
        ({"data": "#audit_logs\ntime,type,details\nx,1,x\n"}, "device alone"),
        ({"object": "groups"}, "data"),
        ({"object": "groups", "data": "name\nx\n", "resolution": "hope"}, "resolution"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any], named: str) -> None:
    before = desk.content()
    status, text = desk.refusal("import_objects", body)
    assert status == 400
    assert named in text
    assert desk.content() == before


def test_an_import_may_be_longer_than_other_requests(desk: Desk) -> None:
    lines = [f"{'x' * 1_000}{number}" for number in range(2_500)]
    body = {"object": "groups", "data": "\n".join(["name", *lines])}
    assert desk.ask("import_objects", body)["objects"]["groups"]["written"] == 2_500
    values = [{"name": line} for line in lines]
    status, _ = desk.refusal("create_objects", {"object": "groups", "values": values})
    assert status == 413


def test_exports_and_imports_are_audited(full: Desk) -> None:
    full.text("export_objects", {"objects": OBJECTS[:2]}, login="operator")
    assert full.audit()[-1].endswith(": export_objects user_groups, users")
    full.ask("import_objects", {"object": "groups", "data": "name\nx\n"})
    assert full.audit()[-1].endswith(": import_objects groups: 1 rows")
