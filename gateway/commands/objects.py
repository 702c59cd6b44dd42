"""The object commands: clients read and write the rows of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from typing_extensions import TypedDict

from gateway.commands.answers import Ids, Rows, StoredRows
from gateway.commands.audit import audited_write
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import (
    CreateRequest,
    DestroyRequest,
    LoadRequest,
    MetadataRequest,
    ModifyRequest,
)
from gateway.commands.rights import Right, check_right
from gateway.commands.secret_writes import check_new_rows, check_rows, require_writable
from gateway.objects.declaration import ObjectType
from gateway.objects.metadata import object_metadata as metadata_of
from gateway.store.query.tree import Condition


class Changes(TypedDict):
    """How many rows were changed or deleted."""

    changes: int


class ChangesAndIds(Changes):
    """Answer to `create_or_modify_objects`; clients read one or the other."""

    ids: list[int]


class ObjectMetadata(TypedDict):
    """The fields of one object and its joins."""

    fields: dict[str, object]
    joins: dict[str, object]


def load_objects(call: Call[LoadRequest]) -> Annotated[Rows, StoredRows]:
    """Rows of one object."""
    search = call.request.search()
    refresh_for(call.context, search)
    result = call.context.store.load(search, show_secrets=call.caller.sees_secrets)
    return Rows(result.object_name, result.rows)


def refresh_for(context: CommandContext, search: object) -> None:
    """Bring the logs up to date if the search may read one."""
    logs = {declared.name for declared in context.store.registry if declared.log}
    if not logs.isdisjoint(_words(search)):
        context.refresh_logs()


def create_objects(call: Call[CreateRequest]) -> Ids:
    """Add rows, all or none."""
    name, values = call.request.object_name, call.request.values
    declared = call.context.store.registry[name]
    with audited_write(call, "create_objects", name, new=values) as outcome:
        check_new_rows(call, declared, values)
        ids = call.context.store.insert(name, values)
        outcome.count = len(ids)
    return {"ids": ids}


def create_or_modify_objects(call: Call[CreateRequest]) -> ChangesAndIds:
    """Add rows, or change those whose key exists, all or none.

    Answers both `changes` and `ids`, since clients read one or the other.
    """
    name, values = call.request.object_name, call.request.values
    declared = call.context.store.registry[name]
    with audited_write(call, "create_or_modify_objects", name, new=values) as outcome:
        require_writable(call, declared, {given for row in values for given in row})
        check_rows(call, declared, values, own=lambda row: (row.get(declared.key_name),))
        ids = call.context.store.insert_or_modify(name, values)
        outcome.count = len(ids)
    return {"changes": len(ids), "ids": ids}


def modify_objects(call: Call[ModifyRequest]) -> Changes:
    """Change the rows that match, without `where` all rows."""
    request = call.request
    _prepare_log_write(call, request.object_name)
    name, values, where = request.object_name, request.values, request.where
    declared = call.context.store.registry[name]
    with audited_write(
        call, "modify_objects", name, new=[values], where=where, existing=True
    ) as outcome:
        require_writable(call, declared, values)
        own = _first_keys(call, declared, outcome.where)
        check_rows(call, declared, [values], own=lambda _: own)
        outcome.count = call.context.store.modify(name, values, outcome.where)
    return {"changes": outcome.count}


def destroy_objects(call: Call[DestroyRequest]) -> Changes:
    """Delete the rows that match, without `where` all rows."""
    name, where = call.request.object_name, call.request.where
    _prepare_log_write(call, name)
    with audited_write(call, "destroy_objects", name, where=where, existing=True) as outcome:
        outcome.count = call.context.store.destroy(name, outcome.where)
    return {"changes": outcome.count}


def object_metadata(
    call: Call[MetadataRequest],
) -> Annotated[Mapping[str, object], dict[str, ObjectMetadata]]:
    """Fields and joins of all objects or, with the filter `custom`, of the custom tables."""
    return metadata_of(call.context.store.registry, custom=call.request.filter == "custom")


def _prepare_log_write(call: Call[object], object_name: str) -> None:
    """Before a write to a log: require an administrator and bring the log up to date."""
    if call.context.store.registry[object_name].log:
        check_right(call.caller, Right.OWNER)
        call.context.catch_up()


def _first_keys(call: Call[object], declared: ObjectType, where: Condition | None) -> list[int]:
    """Up to two keys of the rows that `where` selects, if a rule for secrets needs them."""
    if call.caller.sees_secrets or not declared.key or not declared.pairs_unique:
        return []
    search = {"object": declared.name, "fields": [declared.key_name], "where": where, "limit": 2}
    rows = call.context.store.load(search, show_secrets=False).rows
    return [key for row in rows if isinstance(key := row[declared.key_name], int)]


def _words(value: object) -> Iterator[str]:
    """Every text in a search, since each may name an object."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


COMMANDS = (
    Command(
        load_objects,
        example={
            "object": "users",
            "fields": ["id", "name"],
            "where": {"users": {"name": "A%"}},
            "order": ["name", "ascending"],
            "limit": 100,
        },
        answered={"users": [{"id": 2, "name": "Ana"}, {"id": 7, "name": "André"}]},
    ),
    Command(
        create_objects,
        example={"object": "users", "values": [{"name": "Eva", "registration": "50"}]},
    ),
    Command(
        create_or_modify_objects,
        example={"object": "users", "values": [{"id": 50, "name": "Eva", "registration": "50"}]},
    ),
    Command(
        modify_objects,
        example={"object": "users", "values": {"name": "Ana"}, "where": {"users": {"id": 50}}},
    ),
    Command(destroy_objects, example={"object": "users", "where": {"users": {"id": [50, 51]}}}),
    Command(object_metadata, example={}),
)
