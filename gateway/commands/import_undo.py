"""How far an import is, and undoing the last one. These commands are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from gateway.commands.audit import audited_write
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers
from gateway.errors import NotPermitted
from gateway.store.tables.import_changes import NetCounts


class NetRows(TypedDict):
    """Rows of one object that an import, or its undoing, added, changed and removed."""

    added: int
    changed: int
    removed: int


class LastImport(TypedDict):
    """The last import: by which login, at which device time, and whether `undo_import` can undo
    it, which it cannot when it was too large."""

    by: str
    time: int
    objects: dict[str, NetRows]
    undo: bool


class ImportState(TypedDict):
    """Answer to `import_state`: of the running import, dry runs included, `done` of `total` rows;
    of the last one, what it did, unless it was undone."""

    running: bool
    by: str
    done: int
    total: int
    last: NotRequired[LastImport]


class Undone(TypedDict):
    """Answer to `undo_import`."""

    objects: dict[str, NetRows]


def import_facts(call: Call[object], counts: Mapping[str, NetCounts]) -> dict[str, object]:
    """What is kept about an import."""
    context = call.context
    return {
        "by": call.caller.login or "",
        "time": context.device_time.stamp(context.clock.utc()),
        "secrets": call.caller.sees_secrets,
        "objects": {
            name: asdict(count) for name, count in counts.items() if name in context.store.registry
        },
    }


def import_state(call: Call[NoMembers]) -> Annotated[Mapping[str, object], ImportState]:
    """How far the running import is, and what the last one did."""
    answer: dict[str, object] = call.context.import_progress.state()
    facts = call.context.import_changes.facts()
    if facts is not None:
        answer["last"] = {name: facts[name] for name in ("by", "time", "objects", "undo")}
    return answer


def undo_import(call: Call[NoMembers]) -> Annotated[Mapping[str, object], Undone]:
    """Undo the last import: every row that it added, changed or removed is as before, all or none.

    Refused, naming the row, if one of them has changed since. An import by an administrator is
    undone by administrators.
    """
    context = call.context
    facts = context.import_changes.facts()
    if facts is not None and facts["secrets"] and not call.caller.sees_secrets:
        raise NotPermitted("an administrator's import is undone by administrators")
    with context.policy_applied(), context.store.transaction():
        counts = context.import_changes.undo()
        for name, count in counts.items():
            if name in context.store.registry:
                with audited_write(call, "undo_import", name) as outcome:
                    outcome.count = count.added + count.changed + count.removed
    if facts is not None and not call.caller.sees_secrets:
        # What is counted now would tell whether a secret was the same before the import.
        return {"objects": {name: _reversed(it) for name, it in facts["objects"].items()}}
    registry = context.store.registry
    return {"objects": {name: asdict(it) for name, it in counts.items() if name in registry}}


def _reversed(count: Mapping[str, int]) -> dict[str, int]:
    """What undoing an import does that did `count`."""
    return {"added": count["removed"], "changed": count["changed"], "removed": count["added"]}


COMMANDS = (
    Command(import_state),
    Command(undo_import, heavy=True, errors=(NotPermitted,)),
)
