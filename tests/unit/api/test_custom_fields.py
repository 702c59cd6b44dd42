"""Custom fields over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

Order = Callable[..., requests.Response]

FIELD: dict[str, Any] = {
    "column_name": "cpf",
    "name": "CPF",
    "type": "TEXT",
    "constraint": "NONE",
    "default_value": "",
    "unique": False,
}
TABLE = {"object": "_Firm72250", "name": "Firm", "fields": [FIELD]}


@pytest.mark.effect("object_add_field", "object_add_fields", "object_remove_fields")
def test_a_field_is_there_for_the_next_request_and_gone_for_the_one_after(order: Order) -> None:
    [number] = order("object_add_field", {"object": "c_users", **FIELD}).json()["ids"]
    assert "cpf" in order("object_metadata", {"filter": "custom"}).json()["c_users"]["fields"]
    search = {"object": "c_users", "fields": ["cpf"]}
    assert order("load_objects", search).json() == {"c_users": []}
    assert order("object_remove_fields", {"ids": [number]}).json() == {"ids": [number]}
    assert order("load_objects", search).status_code == 400
    body = {"object": "c_users", "fields": [FIELD, {**FIELD, "column_name": "rg"}]}
    ids = order("object_add_fields", body).json()["ids"]
    assert len(ids) == 2
    assert order("object_remove_fields", {"ids": ids}).json() == {"ids": ids}


@pytest.mark.effect("object_add", "object_remove")
def test_a_table_is_there_for_the_next_request_and_gone_for_the_one_after(order: Order) -> None:
    ids = order("object_add", TABLE).json()["ids"]
    assert order("load_objects", {"object": "_Firm72250"}).json() == {"_Firm72250": []}
    assert order("object_remove", {"ids": ids}).json() == {"ids": ids}
    assert order("load_objects", {"object": "_Firm72250"}).status_code == 400


@pytest.mark.refusal(
    "object_add", "object_remove", "object_add_field", "object_add_fields", "object_remove_fields"
)
def test_what_cannot_be_is_refused_by_name(order: Order) -> None:
    wrong = {**FIELD, "column_name": "x; DROP TABLE users"}
    for command, body, said in (
        ("object_add_field", {"object": "c_users", **wrong}, "column_name"),
        ("object_add_fields", {"object": "c_users", "fields": [FIELD, wrong]}, "column_name"),
        ("object_add", {**TABLE, "object": "users"}, "object"),
        ("object_remove", {"ids": [1]}, "c_users cannot be removed"),
        ("object_remove_fields", {"ids": [4711]}, "4711 is not a row of custom_columns"),
    ):
        reply = order(command, body)
        assert reply.status_code == 400, command
        assert said in reply.json()["error"]
