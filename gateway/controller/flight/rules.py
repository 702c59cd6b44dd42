"""The rules that decide, as a record has them: the rows they were compiled from, by table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args, get_type_hints

from gateway.access.policy import compile_policy
from gateway.access.rows import PolicyRows
from gateway.access.slices import drain
from gateway.controller.flight.codec import Hide, decode, encode
from gateway.errors import BrokenRecord
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.store.policy.snapshot import Snapshot

_ROWS = "rows."


def rules_of(snapshot: Snapshot, hide: Hide) -> dict[str, Any]:
    """The parts of a snapshot by name, those of its policy as the rows it was compiled from."""
    rows = snapshot.rows
    if rows is None:
        raise ValueError("the rows of the rules were not kept")
    parts = {
        f"{_ROWS}{each.name}": _rows(getattr(rows, each.name), hide)
        for each in fields(rows)
        if each.name != "version"
    }
    for each in fields(snapshot):
        if each.name not in ("policy", "rows", "configuration"):
            parts[each.name] = encode(getattr(snapshot, each.name), hide)
    secret = {(key.module, key.key) for key in CONFIGURATION if key.secret}
    parts["configuration"] = [
        [*name, value] for name, value in snapshot.configuration.items() if name not in secret
    ]
    return parts


def _rows(table: Any, hide: Hide) -> list[Any]:
    """A row is a list of its columns: its type is known by the name of its table."""
    return [
        [encode(value, hide) for value in row] if isinstance(row, tuple) else encode(row, hide)
        for row in table
    ]


def snapshot_of(parts: dict[str, Any]) -> Snapshot:
    """The snapshot that `rules_of` took apart. Raises BrokenRecord."""
    hints = get_type_hints(PolicyRows)
    try:
        version = parts["version"]
        tables = {
            name.removeprefix(_ROWS): _table(hints, name.removeprefix(_ROWS), rows)
            for name, rows in parts.items()
            if name.startswith(_ROWS)
        }
        rows = PolicyRows(version, **tables)
        others = {
            name: decode(part)
            for name, part in parts.items()
            if not name.startswith(_ROWS) and name != "configuration"
        }
        configuration = {(key.module, key.key): key.default for key in CONFIGURATION}
        configuration |= {(module, key): value for module, key, value in parts["configuration"]}
        policy = drain(compile_policy(rows))
        return Snapshot(policy=policy, rows=rows, configuration=configuration, **others)
    except (LookupError, TypeError, ValueError) as error:
        raise BrokenRecord(f"the record's rules do not fit this version: {error}") from error


def _table(hints: dict[str, Any], name: str, rows: list[Any]) -> tuple[Any, ...]:
    (kind,) = get_args(hints[name])
    if not hasattr(kind, "_make"):
        return tuple(rows)
    return tuple(kind._make(row) for row in rows)
