"""Writes and exports the audit log.

`audited_write` and `audited_configuration` commit the entry of a change together with the change;
the entry has the old and the new values. Other commands declare `Command.audit`; their entry is
written after they have been carried out. No entry holds a secret: secret fields are masked with
three asterisks, passwords are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import structlog

from gateway.commands.answers import TextStream
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.reader_fit import readers_fit
from gateway.commands.requests import OptionalFlag, RequestModel
from gateway.commands.rights import Caller, Right, check_right
from gateway.commands.site_objects import fits_site
from gateway.errors import ConstraintViolation, GatewayError, SecretTaken, StorageError
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob
from gateway.store.query.tree import Clause, Condition, Every
from gateway.store.tables.audit import AuditType, entries, write_entry

SHOWN = 5
"""Rows and values of a list that an entry shows; it counts the others."""
MASK = "***"

log = structlog.get_logger("commands")


@dataclass(slots=True)
class WriteOutcome:
    """The outcome of a write, which the body of `audited_write` sets."""

    count: int = 0
    where: Condition | None = None
    """The parsed condition of the write; None for all rows."""


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
    """Write rows of one object and the audit entry in one transaction; wait for the controller.

    `new` are the values of the request. With `existing` the entry shows the rows that `where`
    selects as they were before the write. Raises NotPermitted for rows that only administrators
    write.
    """
    context, outcome = call.context, WriteOutcome()
    store, secrets = context.store, call.caller.sees_secrets
    declared = store.registry[object_name]
    if declared.administered:
        check_right(call.caller, Right.ADMINISTRATOR)
    with context.policy_applied(), store.transaction():
        old: list[Mapping[str, object]] = []
        if existing:
            # The entry shows no secret, but the condition may name one if the caller sees secrets.
            shown = [field.name for field in declared.visible(show_secrets=False)]
            outcome.where = store.condition(object_name, where, show_secrets=secrets)
            search = {"object": object_name, "fields": shown, "where": outcome.where}
            old = list(store.load({**search, "limit": SHOWN}, show_secrets=secrets).rows)
        try:
            with (
                readers_fit(context, object_name),
                fits_site(context.site, store, object_name),
            ):
                yield outcome
        except SecretTaken:
            # While no other write of this login can run: it must not get ahead of the count.
            if not secrets:
                now_ns = context.clock.monotonic_ns()
                context.secret_refusals.count(call.caller.login or "", now_ns)
            raise
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
    keys_by_module = {
        module: list(keys) if isinstance(keys, Mapping) else [] for module, keys in values.items()
    }
    with call.context.policy_applied(), store.transaction():
        before = store.configuration(keys_by_module, show_secrets=False) if keys_by_module else {}
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
    # The old value of a secret was not read.
    return f"{MASK} -> {MASK}" if old is None else f"{_json(old)} -> {_json(new)}"


@contextmanager
def audited(command: Command, call: Call[object]) -> Iterator[None]:
    """Run a command and write the audit entry that it declares.

    A secret that is used already is refused to callers who see no secrets without its row; that
    refusal always counts for the log.
    """
    audit = command.audit
    try:
        with _audited(command, audit, call) if audit else nullcontext():
            yield
    except SecretTaken as error:
        if call.caller.sees_secrets:
            raise
        if audit is None or not audit.refusals:
            text = f"{_who(call.caller)}: {command.name}, refused: {error.plain}"
            note_refusal(call, AuditType.API, command.name, text)
        raise ConstraintViolation(error.plain, members=error.members, why=error.why) from error


@contextmanager
def _audited(command: Command, audit: Audit, call: Call[object]) -> Iterator[None]:
    text = f"{_who(call.caller)}: {command.name}{audit.detail(call.request)}"
    try:
        yield
    except GatewayError as error:
        if audit.refusals:
            note_refusal(call, audit.kind, command.name, f"{text}, refused: {error}")
        raise
    more: str | None = ""
    if audit.throttled:
        now_ns = call.context.clock.monotonic_ns()
        more = call.context.repeats.note(text, call.caller.address, now_ns)
    if more is not None:
        note(call.context, audit.kind, text + more)


def note_refusal(call: Call[object], kind: AuditType, command: str, text: str) -> None:
    """Add an entry about a refusal, unless that command was refused to that login lately.

    Others are counted, so that refusals never displace changes from the log. The request is not
    part of what is compared, since a guesser varies it.
    """
    caller, repeats = call.caller, call.context.repeats
    more = repeats.note(
        f"{command} refused to {caller.login}",
        caller.address,
        call.context.clock.monotonic_ns(),
        repeats.REFUSALS_PAUSE_S,
    )
    if more is not None:
        note(call.context, kind, text + more)


def note_dry_run(call: Call[object], counts: Mapping[str, Mapping[str, int]]) -> None:
    """Add an entry about an import that was rolled back with its own entries."""
    rows = ", ".join(f"{name}: {count['written']} rows" for name, count in counts.items())
    text = f"{_who(call.caller)}: import_objects as a dry run {rows}"
    more = call.context.repeats.note(
        f"dry run of {call.caller.login}", call.caller.address, call.context.clock.monotonic_ns()
    )
    if more is not None:
        note(call.context, AuditType.API, text + more)


def note(context: CommandContext, kind: AuditType, text: str) -> None:
    """Add an entry about a completed action.

    The action cannot be undone, so a full disk is logged and not raised.
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


class AuditRequest(RequestModel):
    """`export_audit_logs`: the kinds with 1 or, without any 1, all kinds without a 0."""

    config: OptionalFlag = None
    api: OptionalFlag = None
    usb: OptionalFlag = None
    network: OptionalFlag = None
    time: OptionalFlag = None
    online: OptionalFlag = None
    menu: OptionalFlag = None
    boot: OptionalFlag = None
    push: OptionalFlag = None

    def kinds(self) -> list[AuditType]:
        """The requested kinds of entries."""
        flags = {kind: getattr(self, kind.name.lower()) for kind in AuditType}
        included = [kind for kind, flag in flags.items() if flag]
        return included or [kind for kind, flag in flags.items() if flag is None]


def export_audit_logs(call: Call[AuditRequest]) -> TextStream:
    """The audit entries as text, one line each."""
    lines = (f"{line}\r\n" for line in entries(call.context.store, call.request.kinds()))
    return TextStream(lines, file_name="audit_logs.txt")


COMMANDS = (Command(export_audit_logs, Right.OWNER, example={"config": True}),)
