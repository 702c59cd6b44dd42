"""What an operator learns of secrets over a socket: nothing, by any command."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.commands.rights import Right
from gateway.commands.secret_refusals import FIRST_WAIT_S, FREE
from gateway.commands.table import COMMANDS
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Digits, Field, Text
from gateway.store.tables.audit import Repeats

Order = Callable[..., requests.Response]
Ask = Callable[..., tuple[int, str]]
Asked = Callable[..., Any]
Sampler = Callable[..., Any]

SECRETS = [
    (declared, field)
    for declared in REGISTRY
    for field in declared.fields
    if field.secret and declared.addable
]
DURESS = [(declared, field) for declared, field in SECRETS if field.duress]
PINS = REGISTRY["pins"]

NOT_COMPARED = {
    *("login", "logout", "remote_enroll", "cancel_remote_enroll", "user_hash_password"),
    *("create_objects", "create_or_modify_objects", "modify_objects", "destroy_objects"),
    *("execute_actions", "buzzer_buzz", "alarm_status", "alarm_arm", "alarm_disarm"),
    "fire_reset",
    *(
        "set_access_rule",
        "set_schedule",
        "set_exception_mode",
        "set_threat_level",
        "empty_area",
        "forgive_antipassback",
        "system_information",
    ),
    *("user_set_image", "user_set_image_list", "user_destroy_image", "user_test_image"),
}
"""Their examples have an effect, or answer differently each time."""


def named(pairs: list[tuple[ObjectType, Field]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("declared", "field"), pairs, ids=[f"{it.name}.{field.name}" for it, field in pairs]
    )


@pytest.fixture
def ask(order: Order) -> Ask:
    """The status and the whole answer of a command of the operator."""

    def send(command: str, body: object = None) -> tuple[int, str]:
        reply = order(command, body, login="operator")
        return reply.status_code, reply.text

    return send


@pytest.fixture
def asked(order: Order) -> Asked:
    """The answer to a command of the administrator, which succeeds."""

    def send(command: str, body: object) -> Any:
        reply = order(command, body)
        assert reply.ok, reply.text
        return reply.json()

    return send


@pytest.fixture(autouse=True)
def _nothing_was_refused(throwaway: SimpleNamespace) -> Iterator[None]:
    yield
    throwaway.context.secret_refusals._known.clear()
    throwaway.context.store.destroy("pins")


@pytest.fixture(scope="module")
def sampler(throwaway: SimpleNamespace, samples: Sampler) -> Any:
    """Makes rows for the administrator."""

    def put_parent(name: str, row: dict[str, Any]) -> int:
        return int(throwaway.context.store.insert_or_modify(name, [row])[0])

    return samples(REGISTRY, put_parent)


def put(asked: Asked, name: str, row: dict[str, Any]) -> int:
    body = {"object": name, "values": [row]}
    return int(asked("create_or_modify_objects", body)["ids"][0])


def new_user(asked: Asked) -> int:
    return put(asked, "users", {"name": "Eva"})


def values_of(field: Field) -> tuple[Any, Any]:
    if isinstance(field, Digits):
        return "48291377", "59302488"
    return ("aaaa", "zzzz") if isinstance(field, Text) else (0, 1)


def as_csv(row: dict[str, Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([row.keys(), row.values()])
    return text.getvalue()


def questions(
    declared: ObjectType, field: Field, row: dict[str, Any], guess: Any
) -> Iterator[tuple[str, object]]:
    """Every way to ask whether `field` of `row` is `guess`; none changes anything."""
    name, key = declared.name, declared.key_name
    mine = {name: {key: row[key]}}
    conditions: list[object] = [
        {name: {field.name: guess}},
        *({name: {field.name: {it: guess}}} for it in ("=", "!=", ">", "<", "LIKE", "IN")),
        [{"object": name, "field": field.name, "value": guess}],
        [{"field": field.name, "operator": "IS NOT NULL"}],
    ]
    column = {"object": name, "field": field.name}
    searches: list[dict[str, object]] = [
        {"object": name},
        {"object": name, "fields": ["COUNT(*)"]},
        {"object": name, "fields": [field.name]},
        {"object": name, "order": [field.name]},
        {"object": name, "order": [f"{field.name} desc"]},
        {"object": name, "group": [field.name], "fields": ["COUNT(*)"]},
        {"object": "users", "order": [column]},
        {"object": "users", "group": [column], "fields": ["COUNT(*)"]},
        {"object": "users", "fields": [column]},
        *({"object": it, "where": where} for it in (name, "users") for where in conditions),
        *({"object": name, "fields": ["COUNT(*)"], "where": where} for where in conditions),
    ]
    shown = [{"type": "object_field", **column}]
    plain = [{"type": "object_field", "object": name, "field": key}]
    for search in searches:
        yield "load_objects", search
    for where in conditions:
        yield "report_generate", {"object": name, "columns": plain, "where": where}
        yield "destroy_objects", {"object": name, "where": where}
        yield "modify_objects", {"object": name, "values": {}, "where": where}
    yield "report_generate", {"object": name, "columns": shown}
    yield "report_generate", {"object": name, "columns": plain, "order": [column]}
    yield "export_object", {"object": name}
    yield "export_object", {"object": name, "columns": [field.name]}
    yield "export_objects", {"objects": [{"object": name}]}
    for resolution in ("fail", "skip", "replace"):
        given = {**{it.name: row[it.name] for it in declared.fields if it.required}, key: row[key]}
        data = as_csv({**given, field.name: guess})
        body = {"object": name, "data": data, "resolution": resolution, "dry_run": True}
        yield "import_objects", body
        yield "import_objects", {**body, "ignore_columns": [field.name]}
    if field.duress:
        for value in (0, 1) if not isinstance(field, Text) else ("", guess):
            values = {field.name: value}
            yield "modify_objects", {"object": name, "values": values, "where": mine}
            changed = [{key: row[key], field.name: value}]
            yield "create_or_modify_objects", {"object": name, "values": changed}


@named(SECRETS)
def test_no_answer_to_an_operator_depends_on_a_secret(
    ask: Ask, asked: Asked, sampler: Any, declared: ObjectType, field: Field
) -> None:
    first, second = values_of(field)
    given = {**sampler.row(declared), field.name: first}
    if "name" in given:
        given["name"] = "Eva"
    key = put(asked, declared.name, given)
    row = {**given, declared.key_name: key}
    answers = []
    for value in (first, second):
        change = {"object": declared.name, "values": {field.name: value}}
        asked("modify_objects", {**change, "where": {declared.name: {declared.key_name: key}}})
        # A row whose required value is the secret itself is asked about with the guess alone.
        about = {**row, field.name: first}
        answers.append(
            [
                (command, body, ask(command, body))
                for command, body in questions(declared, field, about, first)
            ]
        )
        for user in {row.get("user_id"), key if declared.name == "users" else None} - {None}:
            for command in ("explain", "who_can_open", "when_can"):
                body = {"user_id": user, "portal_id": 1}
                answers[-1].append((command, body, ask(command, body)))
    assert answers[0] == answers[1]
    assert 200 in {status for _, _, (status, _) in answers[0]}


@named(DURESS)
def test_the_examples_of_all_reading_commands_show_an_operator_no_mark_of_duress(
    ask: Ask, asked: Asked, sampler: Any, declared: ObjectType, field: Field
) -> None:
    reading = [
        it
        for it in COMMANDS.values()
        if it.needs not in {Right.ADMINISTRATOR, Right.OWNER} and it.name not in NOT_COMPARED
    ]
    key = put(asked, declared.name, sampler.row(declared))
    answers = []
    for value in values_of(field):
        change = {"object": declared.name, "values": {field.name: value}}
        asked("modify_objects", {**change, "where": {declared.name: {declared.key_name: key}}})
        answers.append({it.name: ask(it.name, it.example or {}) for it in reading})
    assert answers[0] == answers[1]


@named(DURESS)
def test_an_operator_sets_and_takes_no_mark_of_duress(
    ask: Ask, asked: Asked, sampler: Any, declared: ObjectType, field: Field
) -> None:
    name, key = declared.name, declared.key_name
    mark = "aa" if isinstance(field, Text) else 1
    id_ = put(asked, name, {**sampler.row(declared), field.name: mark})
    mine = {name: {key: id_}}
    fresh = {**sampler.row(declared), field.name: mark}
    for value in (mark, "" if isinstance(field, Text) else 0):
        values = {field.name: value}
        for command, body in (
            ("modify_objects", {"object": name, "values": values, "where": mine}),
            ("create_or_modify_objects", {"object": name, "values": [{key: id_, **values}]}),
            ("import_objects", {"object": name, "data": as_csv({**fresh, **values})}),
        ):
            status, text = ask(command, body)
            assert (status, f"{name}.{field.name}" in text) == (403, True), (command, text)
    assert ask("create_objects", {"object": name, "values": [fresh]})[0] == 403
    rows = asked("load_objects", {"object": name, "fields": [field.name], "where": mine})[name]
    assert rows == [{field.name: mark}]
    default = {**fresh, field.name: field.encode(field.default)}
    assert ask("create_objects", {"object": name, "values": [default]})[0] == 200


def test_whether_the_pin_that_somebody_has_is_for_duress_refuses_no_other_one(
    ask: Ask, asked: Asked
) -> None:
    answers = []
    for pin_type in (0, 1):
        user = new_user(asked)
        pin = {"value": f"7007{pin_type}", "user_id": user, "pin_type": pin_type}
        id_ = put(asked, "pins", pin)
        other = put(asked, "pins", {"value": f"7117{pin_type}", "user_id": new_user(asked)})
        again = [{"value": f"7227{pin_type}", "user_id": user}]
        here = {"object": "pins", "values": {"user_id": user}}
        answers.append(
            [
                ask("create_objects", {"object": "pins", "values": again}),
                ask("create_or_modify_objects", {"object": "pins", "values": again}),
                ask("import_objects", {"object": "pins", "data": as_csv(again[0])}),
                ask("modify_objects", {**here, "where": {"pins": {"id": other}}}),
                ask("modify_objects", {**here, "where": {"pins": {"id": id_}}}),
            ]
        )
    assert answers[0] == answers[1]
    assert [status for status, _ in answers[0]] == [400, 400, 400, 400, 200]


GIVEN: dict[str, Callable[[int, str], tuple[str, object]]] = {
    "create": lambda user, pin: (
        "create_objects",
        {"object": "pins", "values": [{"user_id": user, "value": pin}]},
    ),
    "put": lambda user, pin: (
        "create_or_modify_objects",
        {"object": "pins", "values": [{"user_id": user, "value": pin}]},
    ),
    "import": lambda user, pin: (
        "import_objects",
        {"object": "pins", "data": as_csv({"user_id": user, "value": pin})},
    ),
}
"""Ways to give a person a PIN."""


@pytest.mark.parametrize("way", GIVEN)
def test_a_pin_that_is_used_is_refused_without_row_or_owner_and_then_with_a_wait(
    throwaway: SimpleNamespace, ask: Ask, asked: Asked, way: str
) -> None:
    owner, user = new_user(asked), new_user(asked)
    put(asked, "pins", {"user_id": owner, "value": "6543219"})
    for _ in range(FREE):
        status, text = ask(*GIVEN[way](user, "6543219"))
        assert status == 400
        assert "UNIQUE constraint failed: pins.value" in text
        assert "row" not in text
        assert str(owner) not in text
    for pin in ("6543219", "777888"):
        status, text = ask(*GIVEN[way](user, pin))
        assert (status, "try again in" in text) == (403, True)
    entries = asked("load_objects", {"object": "audit_logs", "order": ["id"]})["audit_logs"]
    assert any("UNIQUE constraint failed" in it["details"] for it in entries)
    assert not any("6543219" in it["details"] for it in entries)
    assert put(asked, "pins", {"user_id": user, "value": "777888"})
    throwaway.context.clock.advance(FIRST_WAIT_S)
    assert ask(*GIVEN[way](new_user(asked), "777999"))[0] == 200


def test_many_requests_at_once_get_no_more_guesses_than_one_after_another(
    ask: Ask, asked: Asked
) -> None:
    put(asked, "pins", {"user_id": new_user(asked), "value": "6543219"})
    user = new_user(asked)
    with ThreadPoolExecutor(12) as pool:
        guesses = [pool.submit(ask, *GIVEN["create"](user, "6543219")) for _ in range(24)]
    statuses = [guess.result()[0] for guess in guesses]
    assert (statuses.count(400), statuses.count(403)) == (FREE, 24 - FREE)


def test_a_dry_run_with_pins_is_refused_to_an_operator_and_others_are_in_the_audit_log(
    throwaway: SimpleNamespace, ask: Ask, asked: Asked
) -> None:
    throwaway.context.clock.advance(Repeats.PAUSE_S)
    user = new_user(asked)
    pin = {"object": "pins", "data": as_csv({"user_id": user, "value": "123454"})}
    status, text = ask("import_objects", {**pin, "dry_run": True})
    assert (status, "a dry run would tell" in text) == (403, True)
    body = {"object": "users", "data": "name\r\nEva\r\n", "dry_run": True}
    assert ask("import_objects", body)[0] == 200
    search = {"object": "audit_logs", "order": ["id", "descending"], "limit": 1}
    (entry,) = asked("load_objects", search)["audit_logs"]
    assert ": import_objects as a dry run users: 1 rows" in entry["details"]


def test_an_operator_enters_no_access_into_the_log_and_enrols_nothing_for_duress(ask: Ask) -> None:
    for command, body in (
        ("remote_user_authorization", {"event": 7, "user_id": 1, "portal_id": 1}),
        ("remote_enroll", {"type": "pin", "user_id": 1, "panic_finger": 1}),
        ("explain", {"pin": "1234", "portal_id": 1}),
    ):
        assert ask(command, body)[0] == 403


@pytest.mark.parametrize("name", ["devices", "network_interlocking_rules"])
def test_an_operator_sends_no_question_and_no_password_to_another_machine(
    ask: Ask, asked: Asked, sampler: Any, name: str
) -> None:
    row = {**sampler.row(REGISTRY[name]), "ip": "192.0.2.1", "password": "of a peer"}
    key = put(asked, name, row)
    mine = {name: {"id": key}}
    moved = {"id": key, "ip": "192.0.2.66", "password": "x", "login": "x", "name": "x"}
    moved = {field: value for field, value in moved.items() if REGISTRY[name].has(field)}
    change = {"object": name, "where": mine}
    for command, body in (
        ("modify_objects", {**change, "values": {"ip": "192.0.2.66"}}),
        ("create_or_modify_objects", {"object": name, "values": [moved]}),
        ("create_objects", {"object": name, "values": [{**moved, "id": key + 1}]}),
        ("destroy_objects", change),
        ("import_objects", {"object": name, "data": as_csv(moved), "resolution": "replace"}),
    ):
        assert ask(command, body)[0] == 403, command
    (found,) = asked("load_objects", {**change, "fields": ["ip", "password"]})[name]
    assert found == {"ip": "192.0.2.1", "password": "of a peer"}
    assert asked("destroy_objects", change) == {"changes": 1}
