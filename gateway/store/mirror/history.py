"""How far a store is, and which of its tables changed since the mirror was copied last."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.store.mirror.rows import TABLES
from gateway.store.mirror.store_side import StoreSnapshot
from gateway.store.objects.schema import CHANGES, EPOCH, HIGHEST_VERSION


@dataclass(frozen=True, slots=True)
class Head:
    """How far the store is."""

    version: int
    epoch: int | None
    seq: int
    mark: int | None
    """Of the change `seq`."""

    def holds(self, head: Head) -> bool:
        """Whether nothing changed up to `head`."""
        same = (self.epoch, self.seq, self.mark) == (head.epoch, head.seq, head.mark)
        return same and head.version <= self.version


def head_of(store: StoreSnapshot) -> Head:
    """How far the store is. What is not there, in a store of an older program or a damaged one, is
    0 or None: then all is compared."""
    tables = {name for (name,) in store.rows("SELECT name FROM sqlite_master")}

    def number(query: str, table: str) -> int | None:
        row = store.row(query) if table in tables else None
        return row[0] if row is not None and type(row[0]) is int else None

    version = number("SELECT version FROM policy_version", "policy_version") or 0
    seq = number(f"SELECT seq FROM sqlite_sequence WHERE name = '{CHANGES}'", CHANGES) or 0  # noqa: S608 - a constant
    return Head(
        # The mirror's own go on from it.
        version if version <= HIGHEST_VERSION else 0,
        number(f"SELECT epoch FROM {EPOCH}", EPOCH),  # noqa: S608 - a constant
        seq,
        _mark_of(store, seq) if CHANGES in tables else None,
    )


def _mark_of(store: StoreSnapshot, seq: int) -> int | None:
    row = store.row(f"SELECT mark FROM {CHANGES} WHERE seq = ?", (seq,))  # noqa: S608 - a constant
    return row[0] if row is not None and type(row[0]) is int else None


def changed_tables(store: StoreSnapshot, head: Head, before: Head | None) -> list[str] | None:
    """The tables of which rows changed since `before`; None where nobody can tell."""
    if before is None or head.epoch is None or head.epoch != before.epoch or head.seq < before.seq:
        return None
    if _mark_of(store, before.seq) != before.mark:
        return None
    usable = "typeof(row) IN ('integer', 'text')"
    since = f"SELECT name, count(*), sum({usable}) FROM {CHANGES} WHERE seq > ? GROUP BY name"  # noqa: S608 - constants
    noted = store.rows(since, (before.seq,))
    if any(name not in TABLES or count != whole for name, count, whole in noted):
        return None
    if sum(count for _, count, _ in noted) != head.seq - before.seq:
        return None
    return [name for name, _, _ in noted]
