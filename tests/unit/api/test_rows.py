"""Rows as typed clients read them: no null, known columns, no value that nobody can mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import LAST_SECOND, Extension
from gateway.store.objects.store import Store

Ask = Callable[..., tuple[int, Any]]
Row = dict[str, Any]

EVA = 9_301
MILLISECONDS = 1_795_419_000_000
ORDINARY = {
    "users": [
        "id", "registration", "name", "password", "salt", "panic_password", "panic_salt",
        "expires", "user_type_id", "begin_time", "end_time", "image_timestamp", "last_access",
    ],
    "cards": ["id", "value", "user_id"],
    "access_logs": [
        "id", "time", "event", "device_id", "identifier_id", "user_id", "portal_id",
        "identification_rule_id", "card_value", "qrcode_value", "pin_value", "confidence", "mask",
        "log_type_id",
    ],
}  # fmt: skip
WRITABLE = [it for it in REGISTRY if not (it.log or it.read_only or it.made_by)]


@pytest.fixture
def eva(ask: Ask) -> Iterator[int]:
    rows = [{"id": EVA, "name": "Eva"}]
    assert ask("create_objects", {"object": "users", "values": rows})[0] == 200
    yield EVA
    ask("destroy_objects", {"object": "users", "where": {"users": {"id": EVA}}})


@pytest.fixture
def made(device: Any, samples: Callable[..., Any]) -> Any:
    store = device.context.store
    return samples(REGISTRY, lambda name, row: store.insert_or_modify(name, [row])[0])


def load(ask: Ask, name: str, **search: Any) -> list[Row]:
    status, body = ask("load_objects", {"object": name, **search})
    assert status == 200, body
    rows: list[Row] = body[name]
    return rows


def test_no_row_holds_null_and_each_has_the_columns_of_the_metadata(
    ask: Ask, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The samples know no site: what it cannot do is refused elsewhere.
    monkeypatch.setattr("gateway.commands.site_objects.CHECKS", {})
    _, described = ask("object_metadata", {})
    for declared in WRITABLE:
        name, sent = declared.name, made.row(declared)
        status, body = ask("create_or_modify_objects", {"object": name, "values": [sent]})
        assert status == 200, body
        for row in load(ask, name):
            assert None not in row.values(), name
            assert list(row) == list(described[name]["fields"]), name
        where = {name: {declared.key_name: body["ids"]}} if declared.key else {name: sent}
        ask("destroy_objects", {"object": name, "where": where})


@pytest.mark.usefixtures("eva")
def test_a_person_of_no_type_has_type_0_and_is_found_by_0_and_null(ask: Ask) -> None:
    (row,) = load(ask, "users", where={"users": {"id": EVA}})
    assert list(row) == ORDINARY["users"]
    numbers = ("expires", "user_type_id", "begin_time", "end_time", "last_access")
    assert all(row[name] == 0 and type(row[name]) is int for name in numbers)
    for value in (0, None, [0]):
        where = {"users": {"id": EVA, "user_type_id": value}}
        assert [it["id"] for it in load(ask, "users", where=where)] == [EVA]
    change = {"object": "users", "values": {"user_type_id": 0}, "where": {"users": {"id": EVA}}}
    assert ask("modify_objects", change) == (200, {"changes": 1})


@pytest.mark.usefixtures("eva")
def test_a_role_that_nobody_gave_is_0(ask: Ask) -> None:
    fields = ["id", "name", {"object": "user_roles", "field": "role"}]
    search = {"fields": fields, "join": "LEFT", "where": {"users": {"id": EVA}}}
    assert load(ask, "users", **search) == [{"id": EVA, "name": "Eva", "user_roles.role": 0}]


@pytest.mark.usefixtures("eva")
def test_columns_that_clients_do_not_know_come_when_they_are_named(ask: Ask) -> None:
    card = {"value": 93_010, "user_id": EVA, "panic": 1, "secret": "JBSWY3DPEHPK3PXP"}
    assert ask("create_objects", {"object": "cards", "values": [card]})[0] == 200
    where = {"cards": {"value": 93_010}}
    (row,) = load(ask, "cards", where=where)
    assert list(row) == ORDINARY["cards"]
    named = load(ask, "cards", fields=["value", "panic", "secret"], where=where)
    assert named == [{"value": 93_010, "panic": 1, "secret": "JBSWY3DPEHPK3PXP"}]
    assert load(ask, "cards", where={"cards": {"panic": 1, "value": 93_010}}) == [row]
    status, _ = ask("load_objects", {"object": "access_logs", "fields": ["uhf_tag"]})
    assert status == 200


def test_a_log_of_accesses_has_tags_where_there_is_a_reader_for_them(
    ask: Ask, device: Any, tmp_path: Any
) -> None:
    store = device.context.store
    with store.transaction():
        number = store.model("access_logs").insert(time=1, event=7).execute()
    (row,) = load(ask, "access_logs", where={"access_logs": {"id": number}})
    assert list(row) == ORDINARY["access_logs"]
    ask("destroy_objects", {"object": "access_logs", "where": {"access_logs": {"id": number}}})
    fitted = REGISTRY.fitted({Extension.UHF_READER})
    with Store.create(tmp_path / "store.db", fitted, lambda: 0) as other:
        with other.transaction():
            other.model("access_logs").insert(time=1, event=7).execute()
        (row,) = other.load({"object": "access_logs"}).rows
        assert row["uhf_tag"] == ""
        assert set(row) == {*ORDINARY["access_logs"], "uhf_tag"}
        assert fitted["cards"].ordinary(show_secrets=True) == REGISTRY["cards"].ordinary(
            show_secrets=True
        )


def test_an_export_keeps_the_columns_that_rows_do_not_show(
    device: Any, new_token: Callable[..., str]
) -> None:
    url = f"{device.url}/export_object.fcgi?session={new_token()}"
    text = requests.post(url, json={"object": "cards"}, timeout=30).text
    assert text.splitlines()[0] == (
        "id,value,user_id,secret,panic,status,begin_time,end_time,uses,used"
    )


# values that nobody can mean

PEER = {"ip": "a", "login": "a", "password": "a"}
BAD: list[tuple[str, Row, str]] = [
    ("users", {"name": "x", "end_time": MILLISECONDS}, "end_time"),
    ("users", {"name": "x", "begin_time": MILLISECONDS}, "begin_time"),
    ("users", {"name": "x", "end_time": LAST_SECOND + 1}, "end_time"),
    ("users", {"name": "x", "end_time": -1}, "end_time"),
    ("users", {"name": "x", "expires": MILLISECONDS}, "expires"),
    ("users", {"name": "x\0y"}, "name"),
    ("visits", {"visitor_id": EVA, "begin_time": MILLISECONDS}, "begin_time"),
    ("visits", {"visitor_id": EVA, "begin_time": 1, "end_time": MILLISECONDS}, "end_time"),
    ("pins", {"user_id": EVA, "value": ""}, "value"),
    ("pins", {"user_id": EVA, "value": "abc"}, "value"),
    ("pins", {"user_id": EVA, "value": "12 4"}, "value"),
    ("pins", {"user_id": EVA, "value": "-1234"}, "value"),
    ("pins", {"user_id": EVA, "value": "1" * 33}, "value"),
    ("pins", {"user_id": EVA, "value": "1" * 35}, "value"),
    ("pins", {"user_id": EVA, "value": "\uff11\uff12\uff13\uff14"}, "value"),
    ("pins", {"user_id": EVA, "value": "\u0661\u0662\u0663\u0664"}, "value"),
    ("pins", {"user_id": EVA, "value": "\u00b2\u00b2\u00b2\u00b2"}, "value"),
    ("holidays", {"name": "h", "start": MILLISECONDS, "end": MILLISECONDS}, "start"),
    ("holidays", {"name": "h", "start": 86_400, "end": 0}, "end"),
    ("time_spans", {"time_zone_id": 1, "start": 86_400, "end": 86_400}, "start"),
    ("time_spans", {"time_zone_id": 1, "start": 0, "end": 86_401}, "end"),
    ("timed_alarms", {"name": "t", "start": 86_400}, "start"),
    ("opening_times", {"user_id": EVA, "door_id": 0, "time": 1}, "door_id"),
    ("network_interlocking_rules", {**PEER, "port": "65536"}, "port"),
    ("network_interlocking_rules", {**PEER, "port": "http"}, "port"),
]  # fmt: skip
DAYS = dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 1)
HOLIDAY = {"hol1": 1, "hol2": 0, "hol3": 0, "repeats": 0}
MORE = {"time_spans": DAYS, "holidays": HOLIDAY}


@pytest.mark.usefixtures("eva")
@pytest.mark.parametrize(("name", "row", "field"), BAD)
def test_a_value_that_nobody_can_mean_is_refused_by_name(
    ask: Ask, name: str, row: Row, field: str
) -> None:
    whole = {**MORE.get(name, {}), **row}
    for command in ("create_objects", "create_or_modify_objects"):
        status, body = ask(command, {"object": name, "values": [whole]})
        assert (status, body["error"].startswith(f"Invalid member '{field}' (")) == (400, True), (
            body
        )
    change = {"object": name, "values": {field: row[field]}, "where": {name: {field: 5}}}
    if row[field] != 0:
        assert ask("modify_objects", change)[0] == 400


@pytest.mark.usefixtures("eva")
def test_what_can_be_meant_is_taken(ask: Ask) -> None:
    for values in ({"end_time": LAST_SECOND}, {"begin_time": 1, "end_time": 0}):
        body = {"object": "users", "values": values, "where": {"users": {"id": EVA}}}
        assert ask("modify_objects", body) == (200, {"changes": 1})
    for pin in ("0", "9" * 32):
        row = {"user_id": EVA, "value": pin}
        assert ask("create_objects", {"object": "pins", "values": [row]})[0] == 200
        body = {"object": "pins", "where": {"pins": {"value": pin}}}
        assert ask("destroy_objects", body) == (200, {"changes": 1})


def test_milliseconds_are_called_by_their_name(ask: Ask) -> None:
    row = {"name": "visitor", "end_time": MILLISECONDS}
    status, body = ask("create_objects", {"object": "users", "values": [row]})
    said = (
        "Invalid member 'end_time' (seconds up to the year 9999 expected, "
        f"got {MILLISECONDS}, which looks like milliseconds)"
    )
    assert (status, body["error"]) == (400, said)


@pytest.mark.usefixtures("eva")
def test_how_short_a_pin_may_be_is_a_setting(ask: Ask) -> None:
    def create(*pins: str) -> tuple[int, Any]:
        rows = [{"user_id": EVA, "value": pin, "pin_type": kind} for kind, pin in enumerate(pins)]
        return ask("create_objects", {"object": "pins", "values": rows})

    configure = {"identifier": {"pin_min_length": 5}}
    assert ask("set_configuration", configure)[0] == 200
    try:
        status, body = create("12345", "1234")
        said = "Invalid member 'value' (at least 5 digits expected, got 4) (row 2)"
        assert (status, body["error"]) == (400, said)
        assert create("12345")[0] == 200
        change = {"object": "pins", "values": {"value": "1"}, "where": {"pins": {"user_id": EVA}}}
        assert ask("modify_objects", change)[0] == 400
    finally:
        ask("set_configuration", {"identifier": {"pin_min_length": 1}})


@pytest.mark.parametrize(
    "declared", [it for it in WRITABLE if it.has("name")], ids=lambda it: str(it.name)
)
def test_no_name_holds_what_moves_a_terminals_cursor(
    ask: Ask, made: Any, declared: ObjectType
) -> None:
    row = made.row(declared)
    for name in ("\x1b[2J", "a\x07", "a\x7f", "a\x85"):
        status, answer = ask(
            "create_objects", {"object": declared.name, "values": [{**row, "name": name}]}
        )
        assert (status, "text without control characters" in answer["error"]) == (400, True)


def test_a_name_of_two_lines_from_a_spreadsheet_is_kept(ask: Ask) -> None:
    body = {"object": "users", "values": [{"id": EVA, "name": "Eva\r\n\tEvans"}]}
    assert ask("create_objects", body)[0] == 200
    where = {"users": {"id": EVA}}
    assert load(ask, "users", where=where)[0]["name"] == "Eva\r\n\tEvans"
    ask("destroy_objects", {"object": "users", "where": where})
