"""Custom fields and custom tables, as clients make, fill and remove them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import GatewayError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.custom import MOST_COLUMNS, MOST_TABLES
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

CPF = {
    "object": "c_users",
    "column_name": "cpf",
    "name": "CPF",
    "type": "TEXT",
    "constraint": "NONE",
    "default_value": "",
    "unique": False,
}
"""As the vendor's collection sends it."""
CONTRACTORS = {
    "object": "_Contractors72250",
    "name": "Contractors",
    "fields": [
        {"column_name": "id", "name": "id", "type": "INTEGER", "constraint": "PRIMARY_KEY"},
        {
            "column_name": "user_id",
            "name": "user_id",
            "type": "INTEGER",
            "constraint": "FOREIGN_KEY",
            "foreign_key": {"object": "users", "field": "id"},
        },
    ],
}
"""As a device's own page sends it."""


@pytest.fixture
def people(desk: Desk) -> Desk:
    values = [{"id": 1, "name": "Ana"}, {"id": 2, "name": "Bruno"}]
    desk.ask("create_objects", {"object": "users", "values": values})
    return desk


def field(name: str, **more: Any) -> dict[str, Any]:
    return {**CPF, "column_name": name, "name": name, **more}


def rows(desk: Desk, name: str, **search: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.ask("load_objects", {"object": name, **search})[name]
    return found


def test_the_tables_of_custom_fields_are_there_and_empty(desk: Desk) -> None:
    for name in ("c_users", "c_visits", "_visitors"):
        assert desk.ask("load_objects", {"object": name}) == {name: []}
    assert rows(desk, "custom_tables") == [
        {"id": 1, "table_name": "c_users", "name": "Users"},
        {"id": 2, "table_name": "c_visits", "name": "Visits"},
        {"id": 3, "table_name": "_visitors", "name": "Visitors"},
    ]
    assert rows(desk, "custom_columns") == []


def test_a_field_is_added_filled_joined_filtered_ordered_and_removed(people: Desk) -> None:
    assert people.ask("object_add_field", CPF) == {"ids": [1]}
    [column] = rows(people, "custom_columns")
    assert column == {"id": 1, "custom_table_id": 1, "column_name": "cpf", "name": "CPF"}

    values = [{"user_id": 1, "cpf": "111"}, {"user_id": 2, "cpf": "222"}]
    assert people.ask("create_objects", {"object": "c_users", "values": values}) == {"ids": [1, 2]}
    # As a client of 2020 asks for one person's.
    where = [{"object": "users", "field": "id", "value": 2, "connector": ") AND ("}]
    asked = {"join": "LEFT", "fields": ["user_id", "cpf"], "where": where, "order": ["id"]}
    assert rows(people, "c_users", **asked) == [{"user_id": 2, "cpf": "222"}]
    named = {"fields": ["name", {"object": "c_users", "field": "cpf"}]}
    by_field = {"where": {"c_users": {"cpf": {"LIKE": "2%"}}}}
    assert rows(people, "users", **named, **by_field) == [{"name": "Bruno", "c_users.cpf": "222"}]
    assert [row["cpf"] for row in rows(people, "c_users", order=["cpf", "descending"])] == [
        "222",
        "111",
    ]

    change = {"object": "c_users", "values": {"cpf": "333"}, "where": {"c_users": {"user_id": 1}}}
    assert people.ask("modify_objects", change) == {"changes": 1}
    assert people.ask("object_remove_fields", {"ids": [1]}) == {"ids": [1]}
    assert rows(people, "c_users") == [{"id": 1, "user_id": 1}, {"id": 2, "user_id": 2}]
    refused = people.refusal("modify_objects", change)
    assert refused == (400, "cpf is not a column of table c_users")
    # Its number is not given again.
    assert people.ask("object_add_field", CPF) == {"ids": [2]}


def test_a_row_of_custom_fields_is_found_by_its_person(people: Desk) -> None:
    people.ask("object_add_field", CPF)
    for cpf in ("1", "2"):
        body = {"object": "c_users", "values": [{"user_id": 1, "cpf": cpf}]}
        assert people.ask("create_or_modify_objects", body)["ids"] == [1]
    assert rows(people, "c_users") == [{"id": 1, "user_id": 1, "cpf": "2"}]
    body = {"object": "c_users", "values": [{"user_id": 1, "cpf": "3"}]}
    assert people.refusal("create_objects", body)[0] == 400


def test_a_person_s_custom_fields_go_with_the_person(people: Desk) -> None:
    people.ask("object_add_field", CPF)
    people.ask("object_add", CONTRACTORS)
    for table in ("c_users", "_Contractors72250"):
        people.ask("create_objects", {"object": table, "values": [{"user_id": 1}, {"user_id": 2}]})
    people.ask("destroy_objects", {"object": "users", "where": {"users": {"id": 1}}})
    assert [row["user_id"] for row in rows(people, "c_users")] == [2]
    assert [row["user_id"] for row in rows(people, "_Contractors72250")] == [2]


def test_a_kind_of_person_is_made_and_removed_as_a_device_s_page_does(people: Desk) -> None:
    assert people.ask("object_add", CONTRACTORS) == {"ids": [4]}
    kind = {"custom_table_id": 4, "require_visitor": 0}
    ids = people.ask("create_objects", {"object": "user_types", "values": [kind]})["ids"]
    rename = {"values": {"name": "Firms"}, "where": {"custom_tables": {"id": 4}}}
    assert people.ask("modify_objects", {"object": "custom_tables", **rename}) == {"changes": 1}
    assert rows(people, "custom_tables")[3] == {
        "id": 4,
        "table_name": "_Contractors72250",
        "name": "Firms",
    }
    people.ask("create_objects", {"object": "_Contractors72250", "values": [{"user_id": 2}]})
    assert people.ask("object_remove", {"ids": [4]}) == {"ids": [4]}
    assert len(rows(people, "custom_tables")) == 3
    assert rows(people, "custom_columns") == []
    assert ids[0] not in [row["id"] for row in rows(people, "user_types")]
    assert people.refusal("load_objects", {"object": "_Contractors72250"})[0] == 400


def test_several_fields_are_added_and_removed_by_name(people: Desk) -> None:
    fields = [field("age", type="INTEGER", default_value=0), field("floor", constraint="NOT_NULL")]
    body = {"object": "c_users", "fields": fields}
    assert people.ask("object_add_fields", body) == {"ids": [1, 2]}
    people.ask("create_objects", {"object": "c_users", "values": [{"user_id": 1}]})
    assert rows(people, "c_users") == [{"id": 1, "user_id": 1, "age": 0, "floor": ""}]
    named = {"object": "c_users", "column_name": "age"}
    assert people.ask("object_remove_field", named) == {"ids": [1]}
    assert rows(people, "c_users") == [{"id": 1, "user_id": 1, "floor": ""}]


def test_metadata_and_reports_know_custom_fields(people: Desk) -> None:
    people.ask("object_add_field", {**CPF, "constraint": "NOT_NULL"})
    people.ask("object_add_field", field("badge", type="INTEGER", unique=True))
    described = people.ask("object_metadata", {})
    assert described["c_users"]["fields"]["cpf"] == {
        "type": "TEXT",
        "primary key": False,
        "foreign key": None,
        "not null": True,
        "default value": "",
        "unique": False,
    }
    assert described["c_users"]["fields"]["badge"]["unique"] is True
    assert described["users"]["joins"]["c_users"]
    custom = people.ask("object_metadata", {"filter": "custom"})
    assert set(custom) == {"c_users", "c_visits", "_visitors"}

    values = [{"user_id": 1, "cpf": "111", "badge": 5}]
    people.ask("create_objects", {"object": "c_users", "values": values})
    columns = [
        {"type": "object_field", "object": "users", "field": "name"},
        {"type": "object_field", "object": "c_users", "field": "cpf"},
    ]
    search = {"object": "users", "columns": columns, "where": {"c_users": {"badge": 5}}}
    assert people.text("report_generate", search) == "Ana;111\r\n"


def test_a_removed_field_leaves_saved_reports(people: Desk) -> None:
    people.ask("object_add_field", CPF)
    report = {"id": 1, "name": "People", "object": "users"}
    people.ask("create_objects", {"object": "reports", "values": [report]})
    columns = [{"id": number, "report_id": 1, "type": 3, "sequence": number} for number in (1, 2)]
    people.ask("create_objects", {"object": "report_columns", "values": columns})
    fields = [
        {"report_column_id": 1, "object": "users", "field": "name"},
        {"report_column_id": 2, "object": "c_users", "field": "cpf"},
    ]
    people.ask("create_objects", {"object": "object_field_report_columns", "values": fields})
    people.ask("object_remove_fields", {"ids": [1]})
    assert rows(people, "object_field_report_columns") == fields[:1]
    assert [row["id"] for row in rows(people, "report_columns")] == [1]


def test_custom_fields_are_exported_and_imported(people: Desk) -> None:
    people.ask("object_add_fields", {"object": "c_users", "fields": [field("cpf"), field("_B")]})
    people.ask("create_objects", {"object": "c_users", "values": [{"user_id": 1, "cpf": "0,1"}]})
    text = people.text("export_object", {"object": "c_users"})
    before = rows(people, "c_users")
    people.ask("destroy_objects", {"object": "c_users"})
    people.ask("import_objects", {"object": "c_users", "data": text})
    assert rows(people, "c_users") == before


REFUSED = [
    ({"object": "users"}, "users is no custom table: its custom fields are in c_users"),
    ({"object": "cards"}, "cards is no custom table"),
    ({"object": "nothing"}, "'nothing' is not an object of this device"),
    ({"column_name": 'x" TEXT); DROP TABLE users; --'}, "Invalid member 'column_name'"),
    ({"column_name": ""}, "Invalid member 'column_name'"),
    ({"column_name": "9lives"}, "Invalid member 'column_name'"),
    ({"column_name": "maße"}, "Invalid member 'column_name'"),
    ({"column_name": "x" * 64}, "Invalid member 'column_name'"),
    ({"column_name": "cpf\n"}, "Invalid member 'column_name'"),
    ({"column_name": "rowid"}, "rowid is reserved"),
    ({"column_name": "RowID"}, "RowID is reserved"),
    ({"column_name": "select"}, "select is reserved"),
    ({"column_name": "descending"}, "descending is reserved"),
    ({"column_name": "ID"}, "c_users has a field ID already"),
    ({"column_name": "user_id"}, "c_users has a field user_id already"),
    ({"type": "varchar(50)"}, "Invalid member 'type' (one of TEXT, INTEGER, BIGINT expected"),
    ({"type": None}, "Invalid member 'type'"),
    ({"constraint": "CHECK (1)"}, "Invalid member 'constraint'"),
    ({"constraint": "PRIMARY_KEY"}, "c_users has two primary keys"),
    ({"constraint": "FOREIGN_KEY"}, "Invalid member 'foreign_key' (object expected"),
    (
        {"constraint": "FOREIGN_KEY", "foreign_key": {"object": "users", "field": "name"}},
        "users.name is not a key",
    ),
    (
        {"constraint": "FOREIGN_KEY", "foreign_key": {"object": "c_users", "field": "id"}},
        "no field can refer to c_users",
    ),
    ({"type": "INTEGER", "default_value": "many"}, "Invalid member 'default_value' (int expected"),
    ({"type": "INTEGER", "default_value": 1 << 63}, "int between"),
    ({"default_value": [1]}, "Invalid member 'default_value'"),
    ({"default_value": "\0"}, "NUL"),
    ({"name": "\ud800"}, "surrogate"),
]


@pytest.mark.parametrize(("wrong", "said"), REFUSED)
def test_a_field_that_cannot_be_is_refused_and_nothing_changes(
    desk: Desk, wrong: dict[str, Any], said: str
) -> None:
    before = desk.content()
    status, text = desk.refusal("object_add_field", {**CPF, **wrong})
    assert status == 400
    assert said in text
    assert desk.content() == before
    assert list(desk.store.registry) == list(REGISTRY)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("users", "begins with c_ or _"),
        ("gateway_logins", "begins with c_ or _"),
        ("sqlite_x", "begins with c_ or _"),
        ("__x", "begins with c_ or _"),
        ("C_USERS", "begins with c_ or _"),
        ("_VISITORS", "_VISITORS exists already"),
        ('_x"', "Invalid member 'object'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(desk: Desk, name: str, said: str) -> None:
    status, text = desk.refusal("object_add", {**CONTRACTORS, "object": name})
    assert status == 400
    assert said in text
    assert list(desk.store.registry) == list(REGISTRY)


def test_one_wrong_field_keeps_the_others_from_being_added(desk: Desk) -> None:
    body = {"object": "c_users", "fields": [field("a"), field("A")]}
    assert desk.refusal("object_add_fields", body) == (400, "c_users has a field A already")
    assert rows(desk, "custom_columns") == []
    desk.ask("object_add_field", field("a"))
    assert desk.refusal("object_remove_fields", {"ids": [1, 77]})[0] == 400
    assert desk.store.registry["c_users"].has("a")


def test_tables_and_fields_have_a_limit(desk: Desk) -> None:
    count = MOST_COLUMNS - 2
    fields = [field(f"f{number}") for number in range(count)]
    desk.ask("object_add_fields", {"object": "c_users", "fields": fields})
    status, said = desk.refusal("object_add_field", field("more"))
    assert (status, said) == (400, f"c_users has {MOST_COLUMNS} fields, which is the limit")
    for number in range(MOST_TABLES - 3):
        desk.ask("object_add", {"object": f"_{number}", "fields": [field("x")]})
    status, said = desk.refusal("object_add", {"object": "_more", "fields": [field("x")]})
    assert status == 400
    assert str(MOST_TABLES) in said


def test_only_administrators_change_what_fields_there_are(desk: Desk) -> None:
    for command, body in (
        ("object_add_field", CPF),
        ("object_add_fields", {"object": "c_users", "fields": [CPF]}),
        ("object_add", CONTRACTORS),
        ("object_remove_fields", {"ids": [1]}),
        ("object_remove", {"ids": [1]}),
    ):
        assert desk.refusal(command, body, login="operator") == (403, "Invalid access level")


def test_rows_that_name_fields_are_changed_by_their_commands_alone(desk: Desk) -> None:
    desk.ask("object_add_field", CPF)
    for name, row in (
        ("custom_tables", {"table_name": "_x", "name": "x"}),
        ("custom_columns", {"custom_table_id": 1, "column_name": "x", "name": "x"}),
    ):
        for command, body in (
            ("create_objects", {"values": [row]}),
            ("create_or_modify_objects", {"values": [row]}),
            ("destroy_objects", {}),
        ):
            status, said = desk.refusal(command, {"object": name, **body})
            assert status == 400
            assert "object_add" in said
        # A row may be sent back whole; the name for people is what changes.
        whole = {**rows(desk, name)[0], "name": "Other"}
        values = {key: value for key, value in whole.items() if key != "id"}
        where = {name: {"id": 1}}
        desk.ask("modify_objects", {"object": name, "values": values, "where": where})
        assert rows(desk, name)[0] == whole
    assert desk.refusal("object_remove", {"ids": [1]})[0] == 400
    assert desk.refusal("object_remove", {})[0] == 400
    assert (
        desk.refusal("object_remove_fields", {"object": "c_users", "column_name": "id"})[0] == 400
    )


def test_a_unique_field_holds_each_value_once_and_may_be_left_out(people: Desk) -> None:
    people.ask("object_add_field", field("badge", unique=True))
    body = {"object": "c_users", "values": [{"user_id": 1}, {"user_id": 2}]}
    people.ask("create_objects", body)
    change = {"object": "c_users", "values": {"badge": "7"}}
    assert people.ask("modify_objects", {**change, "where": {"c_users": {"id": 1}}})
    status, said = people.refusal("modify_objects", {**change, "where": {"c_users": {"id": 2}}})
    assert status == 400
    assert "UNIQUE constraint failed: c_users.badge" in said
    obliged = field("code", unique=True, constraint="NOT_NULL")
    status, said = people.refusal("object_add_field", obliged)
    assert status == 400
    assert "a unique field needs the constraint NONE" in said
    assert not people.store.registry["c_users"].has("code")


def test_tables_whose_names_run_together_keep_their_own_rules(people: Desk) -> None:
    for table, column in (("_a", "b_c"), ("_a_b", "c")):
        body = {"object": table, "fields": [field(column, unique=True)]}
        people.ask("object_add", body)
        values = {"object": table, "values": [{column: "1"}]}
        people.ask("create_objects", values)
        assert people.refusal("create_objects", values)[0] == 400


def test_ways_between_other_objects_stay_as_they_are(desk: Desk) -> None:
    before = desk.ask("object_metadata", {})
    fields = [
        field(
            f"{target[:-1]}_id",
            constraint="FOREIGN_KEY",
            foreign_key={"object": target, "field": "id"},
        )
        for target in ("users", "portals", "time_zones")
    ]
    desk.ask("object_add", {"object": "c_x", "fields": fields})
    after = desk.ask("object_metadata", {})
    for name, table in before.items():
        joins = {other: way for other, way in after[name]["joins"].items() if other != "c_x"}
        assert joins == table["joins"], name


def test_a_factory_reset_removes_them(people: Desk) -> None:
    people.ask("object_add_field", CPF)
    people.ask("object_add", CONTRACTORS)
    people.ask("reset_to_factory_default", {})
    assert list(people.store.registry) == list(REGISTRY)
    assert [row["name"] for row in rows(people, "custom_tables")] == ["Users", "Visits", "Visitors"]
    tables = people.store.reader().get_tables()
    assert "_Contractors72250" not in tables
    assert people.ask("object_add_field", CPF)["ids"]


def test_a_backup_brings_them_to_a_device_without_any(
    people: Desk, new_desk: Callable[..., Desk]
) -> None:
    people.ask("object_add_field", CPF)
    people.ask("object_add", CONTRACTORS)
    people.ask("create_objects", {"object": "c_users", "values": [{"user_id": 1, "cpf": "1"}]})
    saved = people.send("backup_objects").data
    other = new_desk(999)
    other.ask("object_add_field", {**CPF, "column_name": "gone"})
    assert other.send("restore_objects", data=saved).status_code == 200
    assert rows(other, "c_users") == [{"id": 1, "user_id": 1, "cpf": "1"}]
    assert rows(other, "_Contractors72250") == []
    other.ask("create_objects", {"object": "c_users", "values": [{"user_id": 2, "cpf": "2"}]})
    # And back: what was added since is gone.
    empty = new_desk(998).send("backup_objects").data
    assert other.send("restore_objects", data=empty).status_code == 200
    assert list(other.store.registry) == list(REGISTRY)


def test_a_change_of_fields_that_fails_halfway_leaves_all_as_it_was(
    people: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise GatewayError("the disk is full")

    before = people.content()
    schema = "SELECT sql FROM sqlite_master ORDER BY name"
    tables = people.store.reader().execute_sql(schema).fetchall()
    monkeypatch.setattr("gateway.store.objects.store.fit", fails)
    people.refusal("object_add_field", CPF)
    assert people.content() == before
    assert people.store.reader().execute_sql(schema).fetchall() == tables
    assert not people.store.registry["c_users"].has("cpf")


def test_writes_and_reads_meet_a_change_of_fields_whole(people: Desk) -> None:
    """While one thread adds and removes a field, others that use it are answered or refused."""
    store = people.store
    people.ask("create_objects", {"object": "c_users", "values": [{"user_id": 1}]})
    surprises: list[BaseException] = []
    ended = threading.Event()

    def use(act: Callable[[Store], object]) -> None:
        while not ended.is_set():
            try:
                act(store)
            except GatewayError as error:
                if "cpf" not in str(error):
                    surprises.append(error)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
                surprises.append(error)

    acts = (
        lambda it: list(it.load({"object": "c_users", "fields": ["cpf"]}).rows),
        lambda it: it.modify("c_users", {"cpf": "1"}),
    )
    threads = [threading.Thread(target=use, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for _ in range(15):
        ids = people.ask("object_add_field", CPF)["ids"]
        people.ask("object_remove_fields", {"ids": ids})
    ended.set()
    for thread in threads:
        thread.join()
    store.reader().close_all()
    assert surprises == []


def test_a_row_that_names_what_cannot_be_is_left_out_and_the_rest_is_there(people: Desk) -> None:
    people.ask("object_add_field", CPF)
    path = people.directory / "store.db"
    with people.store.transaction():
        model = people.store.model("custom_columns")
        model.insert({"custom_table_id": 1, "column_name": 'x"y', "name": "x"}).execute()
        model.insert({"custom_table_id": 1, "column_name": "old", "name": "x"}).execute()
    with Store.open(path, REGISTRY, lambda: 0) as again:
        names = [field.name for field in again.registry["c_users"].fields]
        assert names == ["id", "user_id", "cpf", "old"]
