"""Tables as CSV, out and in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.commands.date_cells import READ

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


THREATS = [("cards", "panic", 0), ("pins", "pin_type", 0), ("templates", "finger_type", 0)]


@pytest.mark.parametrize(("name", "field", "value"), THREATS)
@pytest.mark.parametrize("by", ["fields", "where", "order", "group"])
def test_what_is_presented_under_threat_is_told_to_administrators_alone(
    desk: Desk, name: str, field: str, value: int, by: str
) -> None:
    asked = {by: {name: {field: value}} if by == "where" else [field]}
    body = {"object": name, **asked}
    assert desk.refusal("load_objects", body, login="operator")[0] == 400
    desk.ask("load_objects", body)


def test_a_way_through_another_table_tells_no_threat_either(desk: Desk) -> None:
    body = {"object": "users", "fields": ["id"], "where": {"cards": {"panic": 1}}}
    assert desk.refusal("load_objects", body, login="operator")[0] == 400


def test_an_operator_exports_no_threat_and_adds_cards_without_one(desk: Desk) -> None:
    for name, field, _ in THREATS:
        text = desk.text("export_object", {"object": name}, login="operator")
        assert field not in text
    row = {"user_id": desk.ask("create_objects", {"object": "users", "values": [{"name": "Z"}]})}
    row["user_id"] = row["user_id"]["ids"][0]
    values = [{**row, "value": (9 << 32) | 9}]
    desk.ask("create_objects", {"object": "cards", "values": values}, login="operator")


def test_an_import_does_not_tell_an_operator_who_has_a_pin_for_threats(desk: Desk) -> None:
    (person,) = desk.ask("create_objects", {"object": "users", "values": [{"name": "Z"}]})["ids"]
    pin = {"user_id": person, "value": "777777", "pin_type": 1}
    desk.ask("create_objects", {"object": "pins", "values": [pin]})
    data = f"user_id,value,pin_type\r\n{person},888888,1\r\n"
    body = {"object": "pins", "data": data, "resolution": "skip", "dry_run": True}
    ((told,),) = (desk.ask("import_objects", body)["rows"],)
    assert told["action"] == "skipped"
    status, text = desk.refusal("import_objects", body, login="operator")
    assert (status, text) == (403, "pins.pin_type: only administrators set marks of duress")


def test_what_was_exported_comes_back_as_it_was(full: Desk, new_desk: Callable[..., Desk]) -> None:
    text = full.text("export_objects", {"objects": OBJECTS})
    other = new_desk()
    for name in ("devices", "groups"):
        other.ask("destroy_objects", {"object": name})
    answer = other.ask("import_objects", {"data": text})
    assert answer["objects"]["users"] == {"written": len(AWKWARD), "skipped": 0}
    for wanted in OBJECTS:
        assert rows(other, wanted["object"]) == rows(full, wanted["object"])


def test_a_table_of_one_column_comes_back_with_others(full: Desk) -> None:
    wanted = [
        {"object": "groups", "columns": ["name"]},
        {"object": "cards", "columns": ["user_id", "value"]},
    ]
    text = full.text("export_objects", {"objects": wanted})
    answer = full.ask("import_objects", {"data": text, "resolution": "skip"})
    assert answer["objects"]["cards"] == {"written": 0, "skipped": 1}


@settings(max_examples=settings().max_examples // 3, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(
        st.text("ab\\#'=+-@,;\"\t\r\n ", max_size=5) | st.sampled_from(AWKWARD), max_size=5
    ),
    delimiter=st.sampled_from([",", ";", "tab"]),
    more=st.booleans(),
)
def test_any_text_comes_back_as_it_was(
    desk: Desk, names: list[str], delimiter: str, *, more: bool
) -> None:
    desk.ask("destroy_objects", {"object": "time_zones"})
    values = [{"name": name} for name in names]
    desk.ask("create_objects", {"object": "time_zones", "values": values})
    columns = ["id", "name"] if more else ["name"]
    wanted = [{"object": "time_zones", "columns": columns}, {"object": "groups"}]
    text = desk.text("export_objects", {"objects": wanted, "delimiter": delimiter})
    before = [[row[name] for name in columns] for row in rows(desk, "time_zones")]
    desk.ask("destroy_objects", {"object": "time_zones"})
    desk.ask("import_objects", {"data": text, "resolution": "replace"})
    assert [[row[name] for name in columns] for row in rows(desk, "time_zones")] == before


def test_no_text_becomes_a_formula_of_a_spreadsheet(desk: Desk) -> None:
    for number, name in enumerate(("=1+1", "+5", "-x", "@y", "\tz", "'=1", "'tis"), start=60):
        row = {"id": number, "name": "x", "registration": name}
        desk.ask("create_objects", {"object": "users", "values": [row]})
    text = desk.text("export_object", {"object": "users", "columns": ["id", "registration"]})
    names = dict(csv.reader(io.StringIO(text, newline="")))
    told = [names[str(number)] for number in range(60, 67)]
    assert told == ["'=1+1", "'+5", "'-x", "'@y", "'\tz", "''=1", "'tis"]


@pytest.mark.parametrize("kind", ["TEXT", "INTEGER"])
def test_a_unique_field_that_is_unset_in_many_rows_comes_back(desk: Desk, kind: str) -> None:
    column = {"column_name": "badge", "name": "B", "type": kind, "constraint": "NONE"}
    desk.ask("object_add_field", {"object": "c_users", **column, "unique": True})
    (one, two) = desk.ask(
        "create_objects", {"object": "users", "values": [{"name": "A"}, {"name": "B"}]}
    )["ids"]
    values = [{"user_id": one}, {"user_id": two}]
    desk.ask("create_objects", {"object": "c_users", "values": values})
    text = desk.text("export_object", {"object": "c_users"})
    body = {"object": "c_users", "data": text}
    for resolution in ("skip", "replace"):
        desk.ask("import_objects", {**body, "resolution": resolution})
    desk.ask("destroy_objects", {"object": "c_users"})
    desk.ask("import_objects", body)
    assert len(rows(desk, "c_users")) == 2


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
    assert answer == {
        "objects": {"groups": {"written": 1, "skipped": 0}},
        "changes": {"groups": {"added": 1, "changed": 0, "removed": 0}},
        "dry_run": True,
        "refused": 0,
        "rows": [{"object": "groups", "row": 2, "action": "added", "values": {"name": "North"}}],
        "more": 0,
    }
    assert desk.content() == before
    (entry,) = desk.audit()
    assert entry.endswith(": import_objects as a dry run groups: 1 rows")


@pytest.mark.parametrize(
    ("last", "named"),
    [
        (
            "10000,Eva,x",
            f"users: Invalid member 'expires' ({READ} expected, got 'x') (row 1002)",
        ),
        (
            "1,Eva,0",
            (
                "users: id 1 is there already (row 1002): say resolution=skip to leave what is"
                " there, or resolution=replace to change it"
            ),
        ),
        (
            "10000,Eva,0,7",
            (
                "users: row 1002 has 4 cells, 3 columns are named; '7' is in none of them. A cell"
                ' that holds the delimiter needs quotes, such as "123,45678"'
            ),
        ),
        ("10000,\\N,0", "users: NOT NULL constraint failed: users.name (row 1002)"),
        ('10000,"Eva', "row 1002 is not CSV: unexpected end of data"),
    ],
)
def test_one_wrong_row_refuses_all_and_is_named(desk: Desk, last: str, named: str) -> None:
    before = desk.content()
    lines = ["id,name,expires", *(f"{number},x,0" for number in range(1, 1_001)), last]
    body = {"object": "users", "data": "\r\n".join(lines)}
    assert desk.refusal("import_objects", body) == (400, named)
    assert desk.content() == before


def test_a_card_0_of_another_vendors_export_is_refused_and_named(desk: Desk) -> None:
    body = {"object": "cards", "data": "value,user_id\n5,1\n0,1\n"}
    status, text = desk.refusal("import_objects", body)
    assert status == 400
    assert "card number 0 stands for no card" in text
    assert "row 3" in text


def test_a_reference_that_leads_nowhere_is_named(desk: Desk) -> None:
    body = {"object": "cards", "data": "value,user_id\n5,1\n"}
    status, text = desk.refusal("import_objects", body)
    assert status == 400
    assert "cards.user_id" in text
    assert "row 2" in text
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
        ({"data": "id\n1\n"}, "names an object"),
        ({"data": "#nonsense\nid\n1\n"}, "'nonsense' is not an object"),
        ({"data": "#groups\ncolour\n1\n"}, "colour is not a column"),
        ({"data": "#groups\nid,id\n1,2\n"}, "occurs twice"),
        ({"data": "#groups\nid\n1\n\n#groups\nid\n2\n"}, "occurs twice"),
        ({"data": "#audit_logs\ntime,type,details\nx,1,x\n"}, "only the device writes"),
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


# what spreadsheets save

TITLES, ANA, BRUNO = ("name", "registration"), ("Ana", "1"), ("Bruno; Zé", "2")


def sheet(delimiter: str, *lines: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(lines)
    return out.getvalue()


def upload(desk: Desk, name: str, data: bytes, **query: Any) -> Any:
    """Send a file as it is, its members in the query."""
    members = urlencode({"object": name, **query})
    account = desk.context.accounts.find("admin")
    assert account is not None
    token = desk.context.sessions.open("admin", account.stamp).token
    path = f"/import_objects.fcgi?session={token}&{members}"
    return desk.client.post(path, data=data, content_type="text/csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_comes_in_however_a_spreadsheet_saved_it(
    desk: Desk, delimiter: str, encoding: str
) -> None:
    empty = ("", "")
    data = sheet(delimiter, TITLES, ANA, empty, BRUNO, empty, empty).encode(encoding)
    answer = upload(desk, "users", data)
    assert answer.json == {
        "objects": {"users": {"written": 2, "skipped": 0}},
        "changes": {"users": {"added": 2, "changed": 0, "removed": 0}},
        "dry_run": False,
        "undo": True,
    }
    found = [(row["name"], row["registration"]) for row in rows(desk, "users")]
    assert found == [ANA, BRUNO]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("head", ["", "\ufeff", "sep=;\n"])
def test_marks_line_ends_and_what_is_left_out_at_the_end_of_rows_do_not_matter(
    desk: Desk, line_end: str, head: str
) -> None:
    lines = [head + "Name; registration;;", "Ana;1;;", "Bruno", ";;;", ""]
    desk.ask("import_objects", {"object": "users", "data": line_end.join(lines)})
    found = [(row["name"], row["registration"]) for row in rows(desk, "users")]
    assert found == [("Ana", "1"), ("Bruno", "")]


def test_rows_without_a_value_are_no_people(desk: Desk) -> None:
    body = {"object": "users", "data": "name,registration\n,\n \t,\nAna,1\n,\n"}
    assert desk.ask("import_objects", body)["objects"]["users"] == {"written": 1, "skipped": 0}
    assert [row["name"] for row in rows(desk, "users")] == ["Ana"]


def test_blocks_whose_blank_line_a_spreadsheet_filled_are_blocks(desk: Desk) -> None:
    text = "#groups;;\nid;name;\n5;Five;\n;;\n#areas;;\nid;name;\n8;Eight;\n"
    desk.ask("import_objects", {"data": text})
    assert rows(desk, "groups")[-1] == {"id": 5, "name": "Five"}
    assert rows(desk, "areas")[-1] == {"id": 8, "name": "Eight"}


def test_another_encoding_is_refused_with_the_cure_or_named(desk: Desk) -> None:
    data = "name\nZo\xeb\n".encode("windows-1252")
    answer = upload(desk, "groups", data)
    assert answer.status_code == 400
    assert answer.json["error"] == (
        "row 2: byte 0xeb is not utf-8: save the file as 'CSV UTF-8', or name its encoding, such"
        " as windows-1252, in the member encoding"
    )
    assert upload(desk, "groups", data, encoding="windows-1252").status_code == 200
    assert rows(desk, "groups")[-1]["name"] == "Zo\xeb"
    assert upload(desk, "groups", data, encoding="rot13").status_code == 400
    unmarked = upload(desk, "groups", "name\nx\n".encode("utf-16-le"))
    assert "UTF-16" in unmarked.json["error"]


def test_a_file_that_is_imported_twice_is_refused_by_row_with_the_cure(desk: Desk) -> None:
    data = "id,name,registration\n900,Eva,\n901,Gil,\n"
    desk.ask("import_objects", {"object": "users", "data": data})
    again = {"object": "users", "data": "id,name,registration\n899,Zoe,\n901,Gil,\n"}
    _, error = desk.refusal("import_objects", again)
    assert error == (
        "users: id 901 is there already (row 3): say resolution=skip to leave what is there, or "
        "resolution=replace to change it"
    )
    twice = {"object": "users", "data": "id,name,registration\n899,Zoe,\n899,Gil,\n"}
    _, error = desk.refusal("import_objects", twice)
    assert error == "users: id 899 occurs twice (row 2 and row 3): delete one of them"


@pytest.mark.parametrize(
    ("begin", "said"),
    [(b"PK\x03\x04\x14\0", "xlsx"), (b"\xd0\xcf\x11\xe0\xa1\xb1", "xls")],
)
def test_a_workbook_is_refused_as_one(desk: Desk, begin: bytes, said: str) -> None:
    error = upload(desk, "users", begin + bytes(40)).json["error"]
    assert said in error
    assert "save it as 'CSV UTF-8'" in error


def cards(desk: Desk, data: str, **more: Any) -> list[int]:
    desk.ask("import_objects", {"object": "cards", "data": data, **more})
    return [row["value"] for row in rows(desk, "cards")]


@pytest.fixture
def ana(desk: Desk) -> Desk:
    desk.ask("create_objects", {"object": "users", "values": [{"id": 1, "name": "Ana"}]})
    return desk


PRINTED = 77 << 32 | 30211


@pytest.mark.parametrize(
    ("data", "card_number"),
    [
        ("value;user_id\n77,30211;1\n", None),
        ("value\tuser_id\n077,30211\t1\n", None),
        ('value,user_id\n"77,30211",1\n', None),
        ("facility,value,user_id\n77,30211,1\n", None),
        ("user_id;Facility;Number\n1;077;30211\n", None),
        (f"value;user_id\n{PRINTED};1\n", None),
        ("value;user_id\n0005076483;1\n", "w26"),
        ("value;user_id\n5076483;1\n", "w26"),
        ("value;user_id\n07730211;1\n", "3+5"),
        ("value;user_id\n7730211;1\n", "3+5"),
        ("value;user_id\n77,30211;1\n", "plain"),
    ],
)
def test_a_card_is_known_in_every_form_that_is_printed(
    ana: Desk, data: str, card_number: str | None
) -> None:
    assert cards(ana, data, card_number=card_number) == [PRINTED]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("0005076483", "0005076483 is a printed number: say in the member card_number"),
        ("07730211", "07730211 is a printed number"),
        ("5,28281E+11", "was shortened by the spreadsheet"),
        ("5.28281E+11", "was shortened by the spreadsheet"),
        ("77.30211", "'77.30211' is not a card: enter facility,number"),
        ("0", "card number 0 stands"),
        ("77,99999999999", "must be below 2^32"),
        ("", "Invalid member 'value' (int expected, got undefined)"),
    ],
)
def test_a_card_that_may_be_another_is_refused_with_row_column_and_cure(
    ana: Desk, cell: str, said: str
) -> None:
    body = {"object": "cards", "data": f"value;user_id\n5;1\n{cell};1\n"}
    status, text = ana.refusal("import_objects", body)
    assert status == 400
    assert said in text
    assert "'value'" in text
    assert "row 3" in text
    assert rows(ana, "cards") == []


def test_what_may_have_been_meant_otherwise_is_told(ana: Desk) -> None:
    data = "value;user_id\n12330211;1\n77,3021;1\n"
    notes = ana.ask("import_objects", {"object": "cards", "data": data})["notes"]
    assert notes[0].startswith("1 card numbers of 8 or 10 digits were taken as they are")
    assert notes[1].startswith("77,3021: fewer than five digits after the comma")


def test_a_cell_with_the_delimiter_in_it_needs_quotes(ana: Desk) -> None:
    body = {"object": "cards", "data": "value,user_id\n77,30211,1\n"}
    status, text = ana.refusal("import_objects", body)
    assert status == 400
    assert 'needs quotes, such as "123,45678"' in text


def test_a_card_that_is_there_already_is_left_or_moved(ana: Desk) -> None:
    ana.ask("create_objects", {"object": "users", "values": [{"id": 2, "name": "Bruno"}]})
    before = cards(ana, "value,user_id\n5,1\n")
    body = {"object": "cards", "data": "value,user_id\n5,2\n6,2\n6,1\n"}
    assert ana.refusal("import_objects", body)[0] == 400
    counts = ana.ask("import_objects", {**body, "resolution": "skip"})["objects"]["cards"]
    assert counts == {"written": 1, "skipped": 2}
    assert [(row["value"], row["user_id"]) for row in rows(ana, "cards")] == [(5, 1), (6, 2)]
    replace = {"object": "cards", "data": "value,user_id\n5,2\n", "resolution": "replace"}
    told = ana.ask("import_objects", {**replace, "dry_run": True})["rows"]
    assert told == [
        {"object": "cards", "row": 2, "action": "changed", "changes": {"user_id": [1, 2]}}
    ]
    ana.ask("import_objects", replace)
    assert [(row["value"], row["user_id"]) for row in rows(ana, "cards")] == [(5, 2), (6, 2)]
    assert before == [5]


def test_a_dry_run_tells_of_every_row_refused_ones_included(ana: Desk) -> None:
    cards(ana, "value,user_id\n5,1\n")
    before = ana.content()
    data = 'value,user_id\n5,1\n"77,30211",1\n7,99\nx,1\n8,1\n'
    body = {"object": "cards", "data": data, "resolution": "skip", "dry_run": True}
    answer = ana.ask("import_objects", body)
    assert [(row["row"], row["action"]) for row in answer["rows"]] == [
        (2, "skipped"),
        (3, "added"),
        (4, "refused"),
        (5, "refused"),
        (6, "added"),
    ]
    assert answer["rows"][1]["values"] == {"value": "77,30211", "user_id": 1}
    assert "99 is not a row of users" in answer["rows"][2]["error"]
    assert "'x' is not a card" in answer["rows"][3]["error"]
    assert answer["objects"]["cards"] == {"written": 2, "skipped": 3}
    assert ana.content() == before


@pytest.mark.parametrize("resolution", ["skip", "replace"])
def test_an_import_tells_nobody_whose_pin_it_is(ana: Desk, resolution: str) -> None:
    ana.ask("create_objects", {"object": "users", "values": [{"id": 2, "name": "Bruno"}]})
    pin = {"user_id": 1, "value": "4711"}
    ana.ask("create_objects", {"object": "pins", "values": [pin]})
    body = {"object": "pins", "data": "value,user_id\n4711,2\n", "resolution": resolution}
    told = ana.ask("import_objects", {**body, "dry_run": True})["rows"]
    assert [row["action"] for row in told] == ["refused"]
    assert "user 1" not in str(told)
    assert ana.refusal("import_objects", body)[0] == 400
    said = "pins: UNIQUE constraint failed: pins.value"
    assert ana.refusal("import_objects", body, login="operator") == (400, said)
    assert [row["user_id"] for row in rows(ana, "pins")] == [1]


def test_a_dry_run_shows_no_secret(desk: Desk) -> None:
    data = "name,password\nAna,hash of a password\n"
    body = {"object": "users", "data": data, "dry_run": True}
    assert "hash of" not in desk.text("import_objects", body)


@pytest.mark.parametrize("delimiter", [",", ";", "tab"])
@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("form", ["value", "facility,number"])
def test_what_was_exported_in_any_form_comes_back_as_it_was(
    full: Desk, new_desk: Callable[..., Desk], delimiter: str, bom: bool, form: str
) -> None:
    full.ask("create_objects", {"object": "cards", "values": [{"value": PRINTED, "user_id": 2}]})
    written = {"delimiter": delimiter, "bom": bom, "cards": form}
    text = full.text("export_objects", {"objects": OBJECTS, **written})
    assert text.startswith("\ufeff") == bom
    assert ("77,30211" in text) == (form != "value")
    other = new_desk()
    for name in ("devices", "groups"):
        other.ask("destroy_objects", {"object": name})
    other.ask("import_objects", {"data": text})
    for wanted in OBJECTS:
        assert rows(other, wanted["object"]) == rows(full, wanted["object"])
