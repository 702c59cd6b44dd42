"""The object commands: what clients do with tables, and how the door comes to obey it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.commands.answers import Answer, Rows
from gateway.commands.command import Command
from gateway.commands.context import CommandContext
from gateway.commands.requests import (
    CreateRequest,
    DestroyRequest,
    LoadRequest,
    MetadataRequest,
    ModifyRequest,
)
from gateway.commands.rights import Caller, Right, check_right
from gateway.objects.metadata import object_metadata as metadata_of


def load_objects(context: CommandContext, caller: Caller, request: LoadRequest) -> Answer:
    """Rows of one object."""
    search = request.search()
    logs = {declared.name for declared in context.store.registry if declared.log}
    if not logs.isdisjoint(_words(search)):
        context.refresh_logs()
    result = context.store.load(search, show_secrets=caller.sees_secrets)
    return Rows(result.object_name, result.rows)


def create_objects(context: CommandContext, caller: Caller, request: CreateRequest) -> Answer:
    """Add rows, all or none."""
    del caller
    with context.obeyed():
        ids = context.store.insert(request.object_name, request.values)
    return {"ids": ids}


def create_or_modify_objects(
    context: CommandContext, caller: Caller, request: CreateRequest
) -> Answer:
    """Add rows, or change those whose key exists already, all or none.

    `changes` and `ids` are both answered, since clients read one or the other.
    """
    del caller
    with context.obeyed():
        ids = context.store.insert_or_modify(request.object_name, request.values)
    return {"changes": len(ids), "ids": ids}


def modify_objects(context: CommandContext, caller: Caller, request: ModifyRequest) -> Answer:
    """Change the rows that match, all of them without `where`."""
    _prepare_log_write(context, caller, request.object_name)
    with context.obeyed():
        changes = context.store.modify(
            request.object_name, request.values, request.where, show_secrets=caller.sees_secrets
        )
    return {"changes": changes}


def destroy_objects(context: CommandContext, caller: Caller, request: DestroyRequest) -> Answer:
    """Delete the rows that match, all of them without `where`."""
    _prepare_log_write(context, caller, request.object_name)
    with context.obeyed():
        changes = context.store.destroy(
            request.object_name, request.where, show_secrets=caller.sees_secrets
        )
    return {"changes": changes}


def object_metadata(context: CommandContext, caller: Caller, request: MetadataRequest) -> Answer:
    """Fields and join paths of every object; `custom` ones do not exist here."""
    del caller
    return {} if request.filter == "custom" else metadata_of(context.store.registry)


def _prepare_log_write(context: CommandContext, caller: Caller, object_name: str) -> None:
    """Before a log is changed: only administrators may, and the log is whole."""
    if context.store.registry[object_name].log:
        check_right(caller, Right.ADMINISTRATOR)
        context.catch_up()


def _words(value: object) -> Iterator[str]:
    """Every text in a search, since any of them may name a table."""
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
    Command("load_objects", LoadRequest, load_objects),
    Command("create_objects", CreateRequest, create_objects),
    Command(
        "create_or_modify_objects",
        CreateRequest,
        create_or_modify_objects,
        aliases=("create_or_update_objects",),
    ),
    Command("modify_objects", ModifyRequest, modify_objects),
    Command("destroy_objects", DestroyRequest, destroy_objects),
    Command("object_metadata", MetadataRequest, object_metadata),
)
