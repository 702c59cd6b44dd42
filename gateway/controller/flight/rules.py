"""The rules in force in the form of a record: the rows they are compiled from, by table."""

from __future__ import annotations

from typing import Any, get_args

from gateway.access.policy import compile_policy
from gateway.access.rows import PolicyRows
from gateway.access.slices import drain
from gateway.controller.flight.forms import Hide, dump, load, rule_parts, rule_tables
from gateway.errors import BrokenRecord
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.store.policy.snapshot import Snapshot

_ROWS = "rows."
_CONFIGURATION = "configuration"


def rules_of(snapshot: Snapshot, hide: Hide) -> dict[str, Any]:
    """The parts of a snapshot by name; its policy as the rows it was compiled from."""
    rows = snapshot.rows
    if rows is None:
        raise ValueError("the snapshot does not keep the rows of its rules")
    # A row is the list of its columns, with any values: compiling accepts them.
    parts: dict[str, Any] = {
        f"{_ROWS}{name}": [
            list(row) if isinstance(row, tuple) else row for row in getattr(rows, name)
        ]
        for name in rule_tables()
    }
    for name, kind in rule_parts().items():
        parts[name] = dump(kind, getattr(snapshot, name), hide)
    secret = {(key.module, key.key) for key in CONFIGURATION if key.secret}
    parts[_CONFIGURATION] = [
        [*name, value] for name, value in snapshot.configuration.items() if name not in secret
    ]
    return parts


def snapshot_of(parts: dict[str, Any]) -> Snapshot:
    """The inverse of `rules_of`. Raises BrokenRecord."""
    try:
        tables = {
            name: _table(kind, parts[f"{_ROWS}{name}"])
            for name, kind in rule_tables().items()
            if f"{_ROWS}{name}" in parts
        }
        others = {
            name: load(kind, parts[name]) for name, kind in rule_parts().items() if name in parts
        }
        rows = PolicyRows(others["version"], **tables)
        configuration = {(key.module, key.key): key.default for key in CONFIGURATION}
        configuration |= {(module, key): value for module, key, value in parts[_CONFIGURATION]}
        policy = drain(compile_policy(rows))
        return Snapshot(policy=policy, rows=rows, configuration=configuration, **others)
    except (LookupError, TypeError, ValueError) as error:
        raise BrokenRecord(f"the record's rules do not fit this version: {error}") from error


def _table(kind: Any, rows: list[Any]) -> tuple[Any, ...]:
    (row_kind, _ellipsis) = get_args(kind)
    if not hasattr(row_kind, "_make"):
        return tuple(rows)
    return tuple(row_kind._make(row) for row in rows)
