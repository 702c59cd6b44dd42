"""Every declared object over a real socket: its rows at the limits of their fields, each command
that writes them, and each refusal. The table `gateway/docs/api-objects.md` says what this proves.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.equipment import DoorList
from gateway.objects.fields import (
    HIGHEST_PORT,
    Blob,
    Choice,
    Digits,
    Field,
    HexText,
    Id,
    Int,
    PortNumber,
    Ref,
    Text,
    Word,
)
from gateway.objects.identification import CodeText, TagText
from gateway.objects.wiegand_modes import LayoutText, OrderText, ParitiesText

Row = dict[str, Any]
Ask = Callable[..., tuple[int, Any]]

NOBODY = 987_654_321_012
LOGS = [it for it in REGISTRY if it.log and not it.read_only]
READ_ONLY = [it for it in REGISTRY if it.read_only]
WRITABLE = [it for it in REGISTRY if it.addable]


def of_all(objects: list[ObjectType]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("declared", objects, ids=lambda it: it.name)


@pytest.fixture(scope="module")
def ask(throwaway: Any) -> Iterator[Ask]:
    """Posts a command over one connection and gives back status and body."""
    tokens = {login: throwaway.token(login) for login in ("admin", "operator")}
    with requests.Session() as line:

        def post(command: str, body: object, login: str = "admin") -> tuple[int, Any]:
            url = f"{throwaway.url}/{command}.fcgi?session={tokens[login]}"
            reply = line.post(url, json=body, timeout=60)
            return reply.status_code, reply.json()

        yield post


@pytest.fixture(scope="module")
def made(throwaway: Any, samples: Callable[..., Any]) -> Any:
    """Samples, with the rows that they refer to put straight into the store."""
    store = throwaway.context.store
    return samples(REGISTRY, lambda name, row: store.insert_or_modify(name, [row])[0])


@pytest.fixture(autouse=True)
def _the_site_has_every_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a site cannot do is refused in `test_door_rows.py`."""
    monkeypatch.setattr("gateway.commands.site_objects.CHECKS", {})


@pytest.fixture(autouse=True)
def _numbers_are_free(throwaway: Any, declared: ObjectType) -> None:
    """The five alarm zones and three threat levels have been taken by rows that refer to one."""
    if few_rows(declared) or (declared.key and not declared.key.auto):
        throwaway.context.store.destroy(declared.name)


def load(ask: Ask, name: str, where: object) -> list[Row]:
    # By name, since not all of them come unasked.
    fields = [field.name for field in REGISTRY[name].fields]
    status, body = ask("load_objects", {"object": name, "fields": fields, "where": where})
    assert status == 200, body
    assert list(body) == [name]
    rows: list[Row] = body[name]
    return rows


def count(ask: Ask, name: str) -> int:
    status, body = ask("load_objects", {"object": name, "fields": ["COUNT(*)"]})
    assert status == 200
    ((only,),) = [row.values() for row in body[name]]
    return int(only)


def create(ask: Ask, name: str, rows: list[Row]) -> list[int]:
    status, body = ask("create_objects", {"object": name, "values": rows})
    assert status == 200, body
    assert len(body["ids"]) == len(rows)
    ids: list[int] = body["ids"]
    return ids


def derived(declared: ObjectType) -> Row:
    """The fields that the device keeps itself, whatever clients send, as a new row has them."""
    return {field.name: field.encode(field.default) for field in declared.fields if field.derived}


def typed(row: Row) -> dict[str, tuple[type, Any]]:
    """1, 1.0 and true are equal to Python, and not to a client."""
    return {name: (type(value), value) for name, value in row.items()}


def edge(field: Field, made: Any, *, high: bool) -> Any:
    """The lowest or highest value that the field takes."""
    match field:
        case Ref() if field.enforced:
            return None if not (high or field.required) else made.value(field)
        case Choice():
            return field.choices[-high]
        case LayoutText() | ParitiesText() | OrderText() | DoorList():
            return made.value(field)
        case Text():
            longest = field.max_length
            ends: dict[type, tuple[str, str]] = {
                HexText: ("1", "E" * longest),
                TagText: ("1", "E" * longest),
                CodeText: (".", "\N{GRINNING FACE}" * longest),
                Digits: ("0", "9" * longest),
                PortNumber: ("", str(HIGHEST_PORT)),
                DoorList: ("", "1,2,65793"),
            }
            if isinstance(field, Word):
                ends[Word] = str(field.words[0]), str(field.words[-1])
            return ends.get(type(field), ("", "\N{GRINNING FACE}" * longest))[high]
        case Blob():
            return base64.b64encode(b"\xff" * field.max_bytes if high else b"").decode()
    return limits(field)[high]


def limits(field: Any) -> tuple[int, int]:
    return field.minimum, field.maximum


def between(field: Field, made: Any) -> Any:
    """A value between the two; ids are chosen by the client, too."""
    small = type(field) is Int and field.maximum - field.minimum <= 10
    return sum(limits(field)) // 2 if small or isinstance(field, Id) else made.value(field)


def few_rows(declared: ObjectType) -> bool:
    """Whether a field that is unique by itself has room for a few rows only."""
    alone = {names[0] for names in declared.pairs_unique if len(names) == 1}
    return any(
        it.name in alone and type(it) is Int and it.maximum - it.minimum < 10
        for it in declared.fields
    )


def whole(field: Field) -> bool:
    """Whether the field holds a number within limits."""
    return isinstance(field, Int.__mro__[1]) and not isinstance(field, Choice)


# rows


@pytest.fixture
def small_ids(throwaway: Any, declared: ObjectType) -> Iterator[None]:
    """Lets the ids that the device gives go on from small ones after the highest was used."""
    yield
    store = throwaway.context.store
    with store.alone() as connection:
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (declared.name,))


@of_all(WRITABLE)
@pytest.mark.usefixtures("small_ids")
def test_rows_at_the_limits_and_between_come_back_as_they_were_sent(
    ask: Ask, made: Any, declared: ObjectType
) -> None:
    name, before = declared.name, count(ask, declared.name)
    rows = [
        {field.name: edge(field, made, high=False) for field in declared.fields},
        {field.name: between(field, made) for field in declared.fields},
        {field.name: edge(field, made, high=True) for field in declared.fields},
    ]
    ids = create(ask, name, rows)
    if declared.key:
        assert ids == [row[declared.key.name] for row in rows]
    assert count(ask, name) == before + len(rows)
    for sent in rows:
        where = made.identity(declared, sent)
        (loaded,) = load(ask, name, where)
        known = {**sent, **derived(declared)}
        unset = {it.name: it.encode(None) for it in declared.fields if known[it.name] is None}
        assert typed(loaded) == typed({**known, **unset})
        assert ask("destroy_objects", {"object": name, "where": where}) == (200, {"changes": 1})
        assert load(ask, name, where) == []
    assert count(ask, name) == before


@of_all(WRITABLE)
def test_a_row_gets_its_defaults_and_is_changed_by_either_command(
    ask: Ask, made: Any, declared: ObjectType
) -> None:
    name, sent = declared.name, made.row(declared)
    (number,) = create(ask, name, [sent])
    known = {**made.defaults(declared), **sent}
    if declared.key:
        known[declared.key.name] = number
    where = made.identity(declared, known)
    assert [typed(row) for row in load(ask, name, where)] == [typed(known)]

    fields = [it for it in declared.fields if not isinstance(it, Id) and not it.derived]
    change = {field.name: made.other(field, known[field.name]) for field in fields}
    status, answer = ask("modify_objects", {"object": name, "values": change, "where": where})
    assert (status, answer) == (200, {"changes": 1})
    known |= {**change, **derived(declared)}
    where = made.identity(declared, known)
    assert [typed(row) for row in load(ask, name, where)] == [typed(known)]

    chosen = where[name]  # what tells the row from others: its id or its pair
    last = {field.name: made.other(field, known[field.name]) for field in fields[-1:]}
    change = {**chosen, **{key: value for key, value in last.items() if key not in chosen}}
    required = {field.name: known[field.name] for field in fields if field.required}
    present = count(ask, name)
    body = {"object": name, "values": [{**required, **change}]}
    status, answer = ask("create_or_modify_objects", body)
    assert (status, answer["changes"], len(answer["ids"])) == (200, 1, 1), answer
    known |= change
    assert count(ask, name) == present
    assert [typed(row) for row in load(ask, name, where)] == [typed(known)]

    assert ask("destroy_objects", {"object": name, "where": where}) == (200, {"changes": 1})
    assert load(ask, name, where) == []


# refusals


class Refusals:
    """Sends rows that must be refused, each behind one that is fine, which must not stay."""

    def __init__(self, ask: Ask, made: Any, declared: ObjectType) -> None:
        self._ask, self._made, self._declared = ask, made, declared
        # Its parents are made here, so that the count below is not theirs.
        self.good = made.row(declared)
        self._present = count(ask, declared.name)

    def create(self, row: Row, *said: str) -> None:
        name = self._declared.name
        first = [self.good] if set(row) == set(self.good) else []
        self._refused("create_objects", {"object": name, "values": [*first, row]}, said)

    def modify(self, values: Row, *said: str) -> None:
        self._refused("modify_objects", {"object": self._declared.name, "values": values}, said)

    def _refused(self, command: str, body: Row, said: tuple[str, ...]) -> None:
        status, answer = self._ask(command, body)
        assert (status, set(answer)) == (400, {"error", "code"}), (body, answer)
        for text in said:
            # That word is kept for the one refusal that clients take for a lost session.
            assert text.replace("session", "sess.") in answer["error"], (body, answer)

    def leave_nothing(self) -> None:
        assert count(self._ask, self._declared.name) == self._present


@pytest.fixture
def refusals(ask: Ask, made: Any, declared: ObjectType) -> Iterator[Refusals]:
    refusals = Refusals(ask, made, declared)
    yield refusals
    refusals.leave_nothing()


@of_all(WRITABLE)
def test_wrong_types_and_numbers_out_of_range_are_refused(
    refusals: Refusals, made: Any, declared: ObjectType
) -> None:
    good = refusals.good
    for field in declared.fields:
        said = f"Invalid member '{field.name}' ("
        refusals.create({**good, field.name: made.wrong(field)}, said)
        refusals.modify({field.name: True}, said)
        if whole(field):
            low, high = limits(field)
            refusals.create({**good, field.name: low - 1}, said)
            refusals.modify({field.name: high + 1}, said)
        if isinstance(field, Choice):
            refusals.create({**good, field.name: max(field.choices) + 1}, said)
        if isinstance(field, Text):
            refusals.modify({field.name: "A" * (field.max_length + 1)}, said)
        if isinstance(field, Blob):
            refusals.create({**good, field.name: "no base64!"}, said)


@of_all(WRITABLE)
def test_unknown_columns_and_missing_ones_are_refused(
    refusals: Refusals, declared: ObjectType
) -> None:
    good = refusals.good
    said = f"nonesuch is not a column of table {declared.name}"
    refusals.create({**good, "nonesuch": 1}, said)
    refusals.modify({"nonesuch": 1}, said)
    for field in declared.fields:
        if field.required:
            without = {name: value for name, value in good.items() if name != field.name}
            refusals.create(without, f"'{field.name}'", "got undefined")
            refusals.create({**good, field.name: None}, "NOT NULL", f"{declared.name}.{field.name}")


# Three threat levels are too few for the rows of this test: see `test_threat_level.py`.
@of_all([it for it in WRITABLE if not few_rows(it)])
def test_duplicates_and_references_to_nothing_are_refused(
    ask: Ask, made: Any, declared: ObjectType
) -> None:
    name, first = declared.name, made.row(declared)
    (number,) = create(ask, name, [first])
    if declared.key:
        first[declared.key.name] = number
    refusals = Refusals(ask, made, declared)
    unique = [(field.name,) for field in declared.fields if field.unique or isinstance(field, Id)]
    for names in (*declared.pairs_unique, *unique):
        known = {**made.defaults(declared), **first}
        twin = {**made.row(declared), **{member: known[member] for member in names}}
        columns = ", ".join(f"{name}.{member}" for member in names)
        refusals.create(twin, f"UNIQUE constraint failed: {columns}")
    for ref in declared.refs:
        if ref.enforced:
            said = f"FOREIGN KEY constraint failed: {name}.{ref.name}"
            refusals.create({**made.row(declared), ref.name: NOBODY}, said, str(NOBODY))
    refusals.leave_nothing()
    where = made.identity(declared, {**made.defaults(declared), **first})
    assert ask("destroy_objects", {"object": name, "where": where}) == (200, {"changes": 1})


# logs


def planted(throwaway: Any, made: Any, declared: ObjectType) -> Row:
    """A row of a log as the device writes it."""
    row = {
        field.name: field.decode(made.value(field))
        for field in declared.fields
        if not isinstance(field, Id) and not getattr(field, "enforced", False)
    }
    store = throwaway.context.store
    with store.transaction():
        for ref in declared.refs:
            if ref.enforced:
                row[ref.name] = store.model(ref.target).insert(time=1, event=7).execute()
        number = store.model(declared.name).insert(**row).execute()
    key = {declared.key.name: number} if declared.key else {}
    return {**key, **{name: declared.field(name).encode(value) for name, value in row.items()}}


@of_all(LOGS)
def test_a_log_is_read_changed_and_emptied_by_administrators_and_takes_no_rows(
    ask: Ask, throwaway: Any, made: Any, declared: ObjectType
) -> None:
    name, before = declared.name, count(ask, declared.name)
    known = planted(throwaway, made, declared)
    where = made.identity(declared, known)
    assert [typed(row) for row in load(ask, name, where)] == [typed(known)]
    assert count(ask, name) == before + 1

    field = next(it for it in declared.fields[::-1] if not getattr(it, "enforced", False))
    change = {field.name: made.other(field, known[field.name])}
    for command in ("modify_objects", "destroy_objects"):
        body = {"object": name, "values": change, "where": where}
        assert ask(command, body, "operator") == (403, {"error": "Invalid access level", "code": 1})
    for command in ("create_objects", "create_or_modify_objects"):
        status, answer = ask(command, {"object": name, "values": [{}]})
        assert status == 400
        assert "only the device writes" in answer["error"]
    wrong = {"object": name, "values": {field.name: made.wrong(field)}, "where": where}
    status, answer = ask("modify_objects", wrong)
    assert status == 400
    assert answer["error"].startswith(f"Invalid member '{field.name}' (")
    assert [typed(row) for row in load(ask, name, where)] == [typed(known)]

    body = {"object": name, "values": change, "where": where}
    assert ask("modify_objects", body) == (200, {"changes": 1})
    known |= change
    where = made.identity(declared, known)
    assert [typed(row) for row in load(ask, name, where)] == [typed(known)]
    assert ask("destroy_objects", {"object": name, "where": where}) == (200, {"changes": 1})
    assert load(ask, name, where) == []
    assert count(ask, name) == before


@of_all(READ_ONLY)
def test_what_is_read_only_is_read_and_nothing_else(
    ask: Ask, made: Any, declared: ObjectType
) -> None:
    name, before = declared.name, load(ask, declared.name, {})
    assert count(ask, name) >= len(before)
    field = next(it for it in declared.fields if not isinstance(it, Id))
    change = {field.name: made.value(field)}
    for command, members in (
        ("create_objects", {"values": [made.row(declared)]}),
        ("create_or_modify_objects", {"values": [made.row(declared)]}),
        ("modify_objects", {"values": change}),
        ("destroy_objects", {}),
    ):
        status, answer = ask(command, {"object": name, **members})
        assert status == 400
        assert "only the device writes" in answer["error"]
    assert load(ask, name, {})[: len(before)] == before
    status, answer = ask("load_objects", {"object": name}, "operator")
    assert status == (403 if declared.secret else 200), answer
