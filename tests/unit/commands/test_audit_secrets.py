"""No value of a secret field comes into the audit log, whichever command carries it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.objects.catalogue import REGISTRY
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Digits, Field, Flag, Int

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

SECRETS = [(declared, field) for declared in REGISTRY for field in declared.fields if field.secret]
WRITABLE = [it for it in SECRETS if it[0].addable and not isinstance(it[1], Choice | Flag | Int)]
"""Those whose values can be told apart from everything else: no marks of 0 and 1."""
LOGS = [it for it in SECRETS if it[0].log and not it[0].read_only]

MARKERS = st.text("0123456789abcdef", min_size=16, max_size=16)
AROUND = st.text(st.sampled_from("aé\U0001f600\"'\\%_,;: \r\n{}[]()\u2028"), max_size=6)
OPERATORS = st.sampled_from(["=", "==", "!=", "<", ">=", "LIKE", "NOT LIKE", "IN", "NOT IN"])

quickly = settings(
    max_examples=settings().max_examples // 6,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def named(pairs: list[tuple[ObjectType, Field]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("declared", "field"), pairs, ids=[f"{it.name}.{field.name}" for it, field in pairs]
    )


def told(desk: Desk) -> str:
    """The whole audit log, as rows and as the export."""
    rows = desk.ask("load_objects", {"object": "audit_logs"})["audit_logs"]
    return "\n".join([*(row["details"] for row in rows), desk.text("export_audit_logs")])


def wheres(declared: ObjectType, field: Field, operator: str, value: str) -> list[object]:
    """The same condition in both dialects."""
    given_value: object = [value] if operator.endswith("IN") else value
    clause = {
        "object": declared.name,
        "field": field.name,
        "operator": operator,
        "value": given_value,
    }
    return [[clause], {declared.name: {field.name: {operator: given_value}}}]


def as_csv(row: dict[str, Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([row.keys(), row.values()])
    return text.getvalue()


@named(WRITABLE)
def test_writing_a_secret_tells_that_it_was_written_and_not_what(
    desk: Desk, samples: Callable[..., Any], declared: ObjectType, field: Field
) -> None:
    name = declared.name

    def put(parent: str, row: dict[str, Any]) -> int:
        body = {"object": parent, "values": [row]}
        return int(desk.ask("create_or_modify_objects", body)["ids"][0])

    sample = samples(REGISTRY, put)

    @quickly
    @given(MARKERS, AROUND, AROUND, OPERATORS)
    def write(marker: str, before: str, after: str, operator: str) -> None:
        digits = isinstance(field, Digits)
        if digits:
            marker = marker.translate(str.maketrans("abcdef", "123456"))

        def secret() -> str:
            write_count[0] += 1
            if digits:
                return f"{marker}{write_count[0]}"
            return f"{before}{marker}{write_count[0]}{after}"

        write_count = [0]
        row = {**sample.row(declared), field.name: secret()}
        key = desk.ask("create_objects", {"object": name, "values": [row]})["ids"][0]
        mine = {name: {declared.key_name: key}}
        for values in ({field.name: secret()}, {declared.key_name: key, field.name: secret()}):
            body = {"object": name, "values": values, "where": mine}
            desk.ask("modify_objects", body)
        again = {**sample.row(declared), declared.key_name: key, field.name: secret()}
        desk.ask("create_or_modify_objects", {"object": name, "values": [again]})
        csv_row = {**sample.row(declared), field.name: secret()}
        desk.ask("import_objects", {"object": name, "data": as_csv(csv_row)})
        for where in wheres(declared, field, operator, secret()):
            desk.send("modify_objects", json={"object": name, "values": {}, "where": where})
            desk.send("destroy_objects", json={"object": name, "where": where})
            desk.send("report_generate", json={"object": name, "where": where, "columns": []})
        wrong = [{**row, field.name: [secret()]}, {**row, "no_such_field": secret()}]
        for values in wrong:
            answer = desk.send("create_objects", json={"object": name, "values": [values]})
            assert answer.status_code == 400
        desk.ask("destroy_objects", {"object": name})
        entries = told(desk)
        assert marker not in entries
        assert f"create_objects {name}: 1 rows" in entries
        assert f'"{field.name}":"***"' in entries

    write()


@named(LOGS)
def test_a_condition_on_a_log_tells_no_secret(
    desk: Desk, declared: ObjectType, field: Field
) -> None:
    @quickly
    @given(MARKERS, OPERATORS)
    def search(marker: str, operator: str) -> None:
        for where in wheres(declared, field, operator, marker):
            body = {"object": declared.name, "where": where}
            desk.ask("modify_objects", {**body, "values": {field.name: marker}})
            desk.ask("destroy_objects", body)
        entries = told(desk)
        assert marker not in entries
        assert f"destroy_objects {declared.name}" in entries

    search()


@pytest.mark.parametrize(
    "key", [it for it in CONFIGURATION if it.secret], ids=lambda it: f"{it.module}.{it.key}"
)
def test_a_secret_setting_is_told_without_its_value(desk: Desk, key: Any) -> None:
    @quickly
    @given(MARKERS, AROUND)
    def change(marker: str, around: str) -> None:
        for value in (marker, f"{around}{marker}", [marker], {"x": marker}):
            desk.send("set_configuration", json={key.module: {key.key: value}})
        entries = told(desk)
        assert marker not in entries
        assert f"{key.module}.{key.key} *** -> ***" in entries

    change()


def test_whatever_else_carries_a_secret_tells_none(desk: Desk) -> None:
    @quickly
    @given(MARKERS, AROUND)
    def carry(marker: str, around: str) -> None:
        secret = f"{marker}{around}"
        desk.refusal("login", {"login": "admin", "password": secret})
        desk.ask("change_login", {"login": "operator", "password": secret})
        desk.ask("user_hash_password", {"password": secret})
        created = desk.ask("create_token", {"name": marker[:8] + "-name"})
        desk.ask("revoke_token", {"name": marker[:8] + "-name"})
        block = f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"
        assert desk.send("ssl_certificate_change", data=block.encode()).status_code == 400
        assert desk.send("restore_objects", data=secret.encode()).status_code == 400
        for command in ("create_login", "modify_login"):
            refused = {"login": "x", "password": secret, "role": "nobody"}
            assert desk.refusal(command, refused)[0] == 400
        entries = told(desk)
        assert marker not in entries
        assert created["token"] not in entries
        for command in ("login", "change_login", "create_token", "ssl_certificate_change"):
            assert f": {command}" in entries

    carry()
