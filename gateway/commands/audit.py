"""What is written into the audit log, and how it is read.

Two ways lead into it. A change of rows or configuration goes through `audited_write`: the entry is
committed together with the change and tells the old and the new values. Any other command declares
`Command.audit`, and its entry is written once it has been carried out. Neither writes a secret:
the values of secret fields are three asterisks, passwords are not mentioned at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import structlog
from pydantic import BeforeValidator

from gateway.commands.answers import TextStream
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import RequestModel, flag
from gateway.commands.rights import Caller, Right
from gateway.errors import GatewayError, StorageError
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob
from gateway.store.query.tree import Clause, Condition, Every
from gateway.store.tables.audit import AuditType, entries, write_entry

SHOWN = 5
"""Rows and values of a list that an entry tells; of the others it gives the number."""
MASK = "***"

log = structlog.get_logger("commands")


@dataclass(slots=True)
class WriteOutcome:
    """What a write came to; the block that writes fills it in."""

    count: int = 0
    where: Condition | None = None
    """Which rows it changes, parsed; None for all."""


@contextmanager
def audited_write(
    call: Call[object],
    verb: str,
    object_name: str,
    *,
    new: Sequence[Mapping[str, object]] = (),
    where: object = None,
    existing: bool = False,
) -> Iterator[WriteOutcome]:
    """Run a write of rows of one object in a transaction, with its entry, until it is obeyed.

    `new` are the values that the client gave. With `existing` the rows that `where` selects are
    looked at before the write.
    """
    context, outcome = call.context, WriteOutcome()
    store, secrets = context.store, call.caller.sees_secrets
    declared = store.registry[object_name]
    with context.obeyed(), store.transaction():
        old: list[Mapping[str, object]] = []
        if existing:
            # No secret is shown, but the condition may name one if the caller may.
            shown = [field.name for field in declared.visible(show_secrets=False)]
            outcome.where = store.condition(object_name, where, show_secrets=secrets)
            search = {"object": object_name, "fields": shown, "where": outcome.where}
            old = list(store.load({**search, "limit": SHOWN}, show_secrets=secrets).rows)
        yield outcome
        parts = [f"{verb} {object_name}: {outcome.count} rows"]
        if existing:
            selected = _condition(context, outcome.where) if outcome.where else "all"
            parts.append(f"where {selected}")
            parts.append(f"old {_rows(declared, old, outcome.count)}")
        if new:
            parts.append(f"new {_rows(declared, new, len(new))}")
        write_entry(store, AuditType.API, _now(context), f"{_who(call.caller)}: {', '.join(parts)}")


@contextmanager
def audited_configuration(call: Call[object], values: Mapping[str, object]) -> Iterator[None]:
    """As `audited_write`, for configuration: module -> key -> value."""
    store = call.context.store
    asked = {
        module: list(keys) if isinstance(keys, Mapping) else [] for module, keys in values.items()
    }
    with call.context.obeyed(), store.transaction():
        before = store.configuration(asked, show_secrets=False) if asked else {}
        yield
        changes = [
            f"{module}.{key} {_change(before.get(module, {}).get(key), value)}"
            for module, keys in values.items()
            if isinstance(keys, Mapping)
            for key, value in keys.items()
        ]
        text = f"{_who(call.caller)}: set_configuration {', '.join(changes)}"
        write_entry(store, AuditType.CONFIG, _now(call.context), text)


def _change(old: str | None, new: object) -> str:
    # What is not shown without the right to see secrets is one.
    return f"{MASK} -> {MASK}" if old is None else f"{_json(old)} -> {_json(new)}"


@contextmanager
def audited(command: Command, call: Call[object]) -> Iterator[None]:
    """Run a command; if it is one of those to be told of, tell."""
    audit = command.audit
    if audit is None:
        yield
        return
    text = f"{_who(call.caller)}: {command.name}{audit.says(call.request)}"
    try:
        yield
    except GatewayError as error:
        if audit.refusals:
            # Whoever guesses chooses the words, but not where from.
            said = f"{command.name} refused at {call.caller.address}"
            _tell(call.context, audit, f"{text}, refused: {error}", said)
        raise
    _tell(call.context, audit, text, text)


def _tell(context: CommandContext, audit: Audit, text: str, same: str) -> None:
    """Write `text`, unless what is the `same` was written a while ago."""
    if audit.often:
        unsaid = context.repeats.worth_an_entry(same, context.clock.monotonic_ns())
        if unsaid is None:
            return
        text += f" ({unsaid} more since the last entry)" if unsaid else ""
    note(context, audit.kind, text)


def note(context: CommandContext, kind: AuditType, text: str) -> None:
    """Add an entry about something that has happened already.

    It cannot be undone any more because a disk is full, so that is logged and not raised.
    """
    try:
        write_entry(context.store, kind, _now(context), text)
    except StorageError as error:
        log.warning("audit entry lost", entry=text, reason=str(error))


def _now(context: CommandContext) -> int:
    return context.device_time.local(context.clock.utc())


def _who(caller: Caller) -> str:
    role = f" ({caller.role})" if caller.role else ""
    return f"{caller.login or 'nobody'}{role} at {caller.address or 'this device'}"


def _rows(declared: ObjectType, rows: Sequence[Mapping[str, object]], count: int) -> str:
    shown = [{name: _value(declared, name, row[name]) for name in row} for row in rows[:SHOWN]]
    more = count - len(shown)
    return f"{_json(shown)}{f' and {more} more' if more > 0 else ''}"


def _value(declared: ObjectType, name: str, value: object) -> object:
    name = declared.aliases.get(name, name)
    if not declared.has(name) or declared.field(name).secret:
        return MASK
    if isinstance(declared.field(name), Blob) and isinstance(value, str):
        return f"{len(value) * 3 // 4} bytes"
    return value


def _condition(context: CommandContext, condition: Condition) -> str:
    if isinstance(condition, Clause):
        return _clause(context, condition)
    word = " AND " if isinstance(condition, Every) else " OR "
    return f"({word.join(_condition(context, part) for part in condition.conditions)})"


def _clause(context: CommandContext, clause: Clause) -> str:
    column = clause.column
    text = f"{column.object_name}.{column.field} {clause.operator}"
    if not clause.values:
        return text
    if context.store.registry[column.object_name].field(column.field).secret:
        return f"{text} {MASK}"
    values = [value.hex() if isinstance(value, bytes) else value for value in clause.values]
    if len(values) == 1:
        return f"{text} {_json(values[0])}"
    more = len(values) - SHOWN
    return f"{text} {_json(values[:SHOWN])}{f' and {more} more' if more > 0 else ''}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


Filter = Annotated[bool | None, BeforeValidator(flag)]


class AuditRequest(RequestModel):
    """`export_audit_logs`: 1 for what is wanted. With no 1 at all: whatever has no 0."""

    config: Filter = None
    api: Filter = None
    usb: Filter = None
    network: Filter = None
    time: Filter = None
    online: Filter = None
    menu: Filter = None
    boot: Filter = None
    push: Filter = None

    def kinds(self) -> list[AuditType]:
        """The entries that are asked for."""
        asked = {kind: getattr(self, kind.name.lower()) for kind in AuditType}
        named = [kind for kind, wanted in asked.items() if wanted]
        return named or [kind for kind, wanted in asked.items() if wanted is None]


def export_audit_logs(call: Call[AuditRequest]) -> TextStream:
    """The kept entries as text, a line each."""
    lines = (f"{line}\r\n" for line in entries(call.context.store, call.request.kinds()))
    return TextStream(lines, file_name="audit_logs.txt")


COMMANDS = (Command(export_audit_logs, Right.ADMINISTRATOR, example={"config": True}),)
