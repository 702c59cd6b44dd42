"""Keys of the site file that former releases had.

A site file outlives the release that it was written for, so a key that is gone must not refuse it:
the upgrade would go back. Such a key is ignored whatever its value, and `doctor`, `check`, the page
and the start of the controller warn of it. A key whose loss changes how a door behaves does not
belong here; it needs a migration or a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RemovedKey:
    """A key that is ignored."""

    table: str
    """The table's name, such as reader; its tables may be several."""
    key: str
    last: str
    """The last release that had it."""
    why: str
    """What became of it, for an installer."""
    kind: str | None = None
    """The `kind` of the tables that had it; None for every one."""

    def is_in(self, table: object) -> bool:
        """Whether a table of the file has this key."""
        return (
            isinstance(table, Mapping)
            and self.key in table
            and self.kind in {None, table.get("kind")}
        )


REMOVED_KEYS = (
    RemovedKey(
        *("reader", "edges", "0.1.0"),
        "its edges always come from the kernel",
        kind="wiegand",
    ),
)


def without_removed(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The tables of a site file without the keys that are gone, and a warning for each of these.

    `data` stays as it is.
    """
    kept = dict(data)
    warnings: list[str] = []
    for removed in REMOVED_KEYS:
        found = kept.get(removed.table)
        if isinstance(found, list):
            names = _names(found, removed)
            warnings.extend(_warning(f"{removed.table} {name}", removed) for name in names)
            kept[removed.table] = [_without(it, removed) for it in found]
        elif removed.is_in(found):
            warnings.append(_warning(f"{removed.table}", removed))
            kept[removed.table] = _without(found, removed)
    return kept, tuple(warnings)


def _without(table: Any, removed: RemovedKey) -> Any:
    if not removed.is_in(table):
        return table
    return {key: value for key, value in table.items() if key != removed.key}


def _names(tables: list[Any], removed: RemovedKey) -> Iterator[str]:
    """Of the tables that have the key: their name or number, else their position."""
    for position, table in enumerate(tables, start=1):
        if removed.is_in(table):
            name = table.get("name", table.get("number"))
            yield f"no. {position}" if name is None else repr(name)


def _warning(place: str, removed: RemovedKey) -> str:
    return (
        f"{place} {removed.key}: is ignored since the release after {removed.last}: {removed.why};"
        " delete this line"
    )
