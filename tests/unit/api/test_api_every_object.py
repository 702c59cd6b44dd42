"""Every declared object over a real socket: sent, read back, refused once, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def made(ask: Ask, samples: Callable[..., Any]) -> Iterator[Any]:
    """Samples whose rows are all gone afterwards."""

    def put(name: str, row: dict[str, Any]) -> int:
        status, body = ask("create_or_modify_objects", {"object": name, "values": [row]})
        assert status == 200, body
        return int(body["ids"][0])

    made = samples(REGISTRY, put)
    yield made
    for name, key in reversed(made.made):
        key_name = REGISTRY[name].key_name
        ask("destroy_objects", {"object": name, "where": {name: {key_name: key}}})


def load(ask: Ask, name: str, where: object) -> list[dict[str, Any]]:
    status, body = ask("load_objects", {"object": name, "where": where})
    assert status == 200, body
    assert list(body) == [name]
    rows: list[dict[str, Any]] = body[name]
    return rows


@pytest.mark.parametrize("declared", [it for it in REGISTRY if not it.log], ids=lambda it: it.name)
def test_an_object_is_created_read_back_changed_refused_and_deleted(
    ask: Ask, made: Any, declared: ObjectType
) -> None:
    name = declared.name
    sent = made.row(declared)
    status, body = ask("create_objects", {"object": name, "values": [sent]})
    assert (status, len(body["ids"])) == (200, 1), body
    known = {**made.defaults(declared), **sent}
    if declared.key:
        known[declared.key.name] = body["ids"][0]
    where = made.identity(declared, known)
    assert load(ask, name, where) == [known]

    field = declared.fields[-1]
    if field is not declared.key:
        known[field.name] = made.other(field, known[field.name])
        change = {"object": name, "values": {field.name: known[field.name]}, "where": where}
        assert ask("modify_objects", change) == (200, {"changes": 1})
        where = made.identity(declared, known)
        assert load(ask, name, where) == [known]

    refused = {**made.row(declared), field.name: made.wrong(field)}
    status, body = ask("create_objects", {"object": name, "values": [refused]})
    assert status == 400
    assert body["error"].startswith(f"Invalid member '{field.name}' ("), body

    assert ask("destroy_objects", {"object": name, "where": where}) == (200, {"changes": 1})
    assert load(ask, name, where) == []


@pytest.mark.parametrize("declared", [it for it in REGISTRY if it.log], ids=lambda it: it.name)
def test_a_log_is_read_and_takes_no_rows(ask: Ask, declared: ObjectType) -> None:
    name = declared.name
    assert isinstance(load(ask, name, {}), list)
    status, body = ask("create_objects", {"object": name, "values": [{}]})
    assert status == 400
    assert "device alone" in body["error"]


def test_nobody_changes_or_deletes_the_audit_log(ask: Ask) -> None:
    for command, body in (
        ("destroy_objects", {"object": "audit_logs"}),
        ("modify_objects", {"object": "audit_logs", "values": {"details": "nothing"}}),
    ):
        status, answer = ask(command, body)
        assert status == 400
        assert "device alone" in answer["error"]
