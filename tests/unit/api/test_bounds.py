"""One request cannot take all memory, all threads or the database for itself."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.commands.context import Call
from gateway.commands.heavy import MOST_WAITING, HeavyCommands
from gateway.commands.requests import parse
from gateway.commands.rights import Caller
from gateway.commands.table import COMMANDS, execute
from gateway.commands.transfer import ExportRequest, export_objects
from gateway.errors import TooBusy
from gateway.store.objects.store import Store
from gateway.store.query import deadline
from gateway.store.tables.accounts import Role

Order = Callable[..., requests.Response]
EACH = 400


@pytest.fixture(scope="module", autouse=True)
def person(throwaway: SimpleNamespace) -> int:
    """Somebody with so much of everything that a join of it takes minutes."""
    store: Store = throwaway.context.store
    [user_id] = store.insert("users", [{"name": "Collector"}])
    for name, column in (("cards", "value"), ("qrcodes", "value"), ("uhf_tags", "value")):
        rows = [{"user_id": user_id, column: _value(name, number)} for number in range(EACH)]
        store.insert(name, rows)
    return user_id


def _value(name: str, number: int) -> object:
    return 10_000_000 + number if name == "cards" else f"E200{number:020X}"


def clause(name: str, value: object, **more: object) -> dict[str, object]:
    return {"object": name, "field": "value", "operator": "=", "value": value, **more}


SLOW_WHERE = [
    clause("cards", 1, connector=") OR ("),
    clause("qrcodes", "none", connector=") OR ("),
    clause("uhf_tags", "none"),
]
SLOW = {"object": "users", "fields": ["COUNT(*)"], "where": SLOW_WHERE}


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("load_objects", SLOW),
        ("destroy_objects", {"object": "users", "where": SLOW_WHERE}),
        ("modify_objects", {"object": "users", "values": {"name": "X"}, "where": SLOW_WHERE}),
        ("report_generate", {**SLOW, "columns": [{"type": "object_field", "field": "id"}]}),
    ],
)
def test_a_search_that_takes_too_long_is_refused_and_changes_nothing(
    order: Order,
    person: int,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    body: dict[str, object],
) -> None:
    monkeypatch.setattr(deadline, "READ_S", 0.2)
    reply = order(command, body)
    assert reply.status_code == 400
    assert "took longer than 0.2 s" in reply.json()["error"]
    named = {"object": "users", "where": {"users": {"id": person}}, "fields": ["name"]}
    assert order("load_objects", named).json() == {"users": [{"name": "Collector"}]}
    assert order("modify_objects", {**named, "values": {"registration": "7"}}).status_code == 200


def test_searches_whose_clients_have_gone_make_room_for_others(
    throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "READ_S", 600.0)
    host, port = throwaway.url.removeprefix("http://").split(":")
    body = json.dumps(SLOW).encode()
    head = (
        f"POST /load_objects.fcgi?session={throwaway.token()} HTTP/1.1\r\n"
        f"Host: a\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(24):
            connection = socket.create_connection((host, int(port)), timeout=30)
            stack.enter_context(connection)
            connection.sendall(head.encode() + body)
    assert requests.get(f"{throwaway.url}/session_is_valid.fcgi", timeout=25).status_code == 200


def test_a_reader_between_two_pieces_does_not_keep_the_log_from_being_emptied(
    throwaway: SimpleNamespace,
) -> None:
    store: Store = throwaway.context.store
    many = {"object": "users", "where": {"cards": {"value": {">": 1}}}, "fields": ["id"]}
    with_cards = {"object": "cards", "fields": ["id", {"object": "users", "field": "name"}]}
    rows = [store.load(search).rows for search in (many, with_cards, {"object": "cards"})]
    first = [next(each) for each in rows]
    store.insert("groups", [{"name": f"g{number}"} for number in range(100)])
    with store.alone() as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (len(first), busy) == (3, 0)


def test_order_by_a_count_needs_a_count(order: Order) -> None:
    for spelling in ("COUNT(*)", "count( * )", "COUNT(*) desc"):
        reply = order("load_objects", {"object": "users", "order": [spelling]})
        assert reply.status_code == 400
        assert "order by COUNT(*)" in reply.json()["error"]
    grouped = {"object": "cards", "fields": ["COUNT(*)"], "group": ["user_id"]}
    assert (
        order("load_objects", {**grouped, "order": ["COUNT(*)", "descending"]}).status_code == 200
    )


@pytest.mark.parametrize("member", ["fields", "order", "group"])
def test_a_column_fifty_thousand_times_is_a_column(order: Order, member: str) -> None:
    reply = order("load_objects", {"object": "groups", member: ["id"] * 50_000, "limit": 1})
    assert reply.status_code == 200
    assert len(reply.json()["groups"]) == 1


def test_an_object_twice_in_an_export_is_refused_by_name(order: Order) -> None:
    reply = order("export_objects", {"objects": [{"object": "users"}] * 50_000})
    assert reply.status_code == 400
    assert reply.json()["error"] == "Invalid member 'objects[1]' (users occurs twice)"


def test_an_export_begins_a_table_when_the_one_before_is_done(
    throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    load = Store.load

    def noting(store: Store, request: Any, **more: Any) -> Any:
        begun.append(request["object"])
        return load(store, request, **more)

    monkeypatch.setattr(Store, "load", noting)
    request = parse(ExportRequest, {"objects": [{"object": "cards"}, {"object": "qrcodes"}]})
    caller = Caller("admin", Role.ADMINISTRATOR, None, "")
    pieces = export_objects(Call(throwaway.context, caller, request)).pieces
    assert begun == []
    assert _until(pieces, "#cards").startswith("#cards")
    next(pieces), next(pieces)
    assert begun == ["cards"]
    _until(pieces, "#qrcodes")
    list(pieces)
    assert begun == ["cards", "qrcodes"]


def _until(pieces: Iterator[str], text: str) -> str:
    return next(piece for piece in pieces if text in piece).strip()


@pytest.mark.parametrize("body", [b"[" * 3_000, b'{"a":' * 100 + b"1" + b"}" * 100])
def test_json_of_a_hundred_levels_is_refused(order: Order, body: bytes) -> None:
    for command in ("load_objects", "create_objects", "set_configuration", "login"):
        reply = order(command, data=body)
        assert reply.status_code == 400
        assert reply.json()["error"].startswith("Invalid JSON: ")


def test_a_heavy_command_waits_for_its_turn_and_only_a_few_do(
    throwaway: SimpleNamespace, order: Order
) -> None:
    heavy: HeavyCommands = throwaway.context.heavy
    form = {"object": "groups", "data": "name\r\nMany\r\n", "dry_run": True}
    waiting: list[threading.Thread] = []
    answers: list[int] = []

    def ask() -> None:
        answers.append(order("import_objects", form).status_code)

    with heavy.turn():
        waiting = [threading.Thread(target=ask) for _ in range(MOST_WAITING + 1)]
        for thread in waiting:
            thread.start()
        # One too many: which of the threads it is does not matter.
        while not answers:
            waiting[0].join(0.01)
        assert answers == [429]
        reply = order("backup_objects", {})
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "10")
        # What is not heavy goes on.
        assert order("create_objects", {"object": "groups", "values": []}).status_code == 200
    for thread in waiting:
        thread.join()
    assert sorted(answers) == [200] * MOST_WAITING + [429]


def test_a_slow_body_holds_no_turn_of_the_heavy_commands(throwaway: SimpleNamespace) -> None:
    context = throwaway.context
    caller = Caller("admin", Role.ADMINISTRATOR, None, "127.0.0.1")
    free = []

    def body() -> dict[str, object]:
        with context.heavy.turn():
            free.append(True)
        return {"object": "users", "data": "name\nEva\n", "dry_run": True}

    execute(COMMANDS["import_objects"], context, caller, body)
    assert free


def test_a_heavy_command_does_not_wait_for_ever() -> None:
    heavy = HeavyCommands(wait_s=0.01)
    with heavy.turn(), pytest.raises(TooBusy, match="is running"), heavy.turn():
        pass
    with heavy.turn():
        pass
