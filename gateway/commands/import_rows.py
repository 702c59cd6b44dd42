"""Writes the rows of an import and reports on each row of a dry run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from gateway.commands.audit import MASK
from gateway.commands.cells import NOTHING, Cells, card_cell
from gateway.commands.context import Call
from gateway.commands.secret_writes import check_rows
from gateway.commands.sheets import Row, SheetRows
from gateway.errors import InvalidRequest
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob
from gateway.objects.fields import Field as FieldKind
from gateway.objects.identification import CardValue
from gateway.store.query.compile import members
from gateway.store.tables.import_changes import ImportChanges, NetCounts

BATCH = 500
MOST_REPORTED = 1_000
"""Most rows of one object and action in the answer to a dry run."""
_ROW = re.compile(r"\brow (\d+)")


@dataclass(slots=True)
class ImportedTable:
    """The rows of one object in an import."""

    declared: ObjectType
    columns: list[str | None]
    """None for an ignored column, and for the facility."""
    facility: int | None
    """The index of the column with the facility of cards."""
    rows: SheetRows

    def values(self, row: Row, cells: Cells) -> dict[str, object]:
        """The row as in JSON. Raises InvalidRequest, which names the column."""
        facility = "" if self.facility is None else row.cells[self.facility]
        found: dict[str, object] = {}
        for column, cell in zip(self.columns, row.cells, strict=True):
            if column is not None:
                value = cells.value(self.declared.field(column), cell, facility)
                if value is not NOTHING:
                    found[column] = value
        return found


class RowImport:
    """Writes tables and reports on each row of a dry run."""

    def __init__(
        self,
        call: Call[object],
        cells: Cells,
        resolution: Literal["fail", "skip", "replace"],
        *,
        dry_run: bool,
    ) -> None:
        self._call = call
        self._store = call.context.store
        self._progress = call.context.import_progress
        self._secrets = call.caller.sees_secrets
        self._resolution = resolution
        self._dry = dry_run
        self._cells = cells
        self._present_keys: set[int] | None = None
        """The keys of the rows of the present table that the file has; None if nobody asks."""
        self._actions: Counter[tuple[str, str]] = Counter()
        self.reported: list[dict[str, object]] = []

    @property
    def unreported(self) -> int:
        """Rows that are beyond MOST_REPORTED."""
        return self._actions.total() - len(self.reported)

    @property
    def refused(self) -> int:
        """Rows that a dry run refused."""
        return sum(count for (_, action), count in self._actions.items() if action == "refused")

    def write(self, table: ImportedTable, *, removes_missing: bool = False) -> int:
        """Write all rows of `table`; returns the number of written ones. `removes_missing` says
        that `remove_missing` follows."""
        written = 0
        self._present_keys = set() if removes_missing else None
        rows = iter(table.rows)
        while some := list(islice(rows, BATCH)):
            written += self._write_some(table, some)
            self._progress.advance(len(some))
        return written

    def remove_missing(self, declared: ObjectType) -> int:
        """Delete the rows of the table just written that the file does not have; returns their
        number."""
        key = self._store.models.key(declared.name)
        present = members(sorted(self._present_keys or ()))
        query: Any = self._store.model(declared.name).select(key).where(key.not_in(present))
        gone = [number for (number,) in query.tuples()]
        for at in range(0, len(gone), BATCH):
            where = {declared.name: {declared.key_name: gone[at : at + BATCH]}}
            self._store.destroy(declared.name, where)
        return len(gone)

    def report_removed(self, changes: ImportChanges, counts: Mapping[str, NetCounts]) -> None:
        """Report the rows that the import removed, also by cascade."""
        for name, count in counts.items():
            if count.removed and name in self._store.registry:
                declared = self._store.registry[name]
                for stored in changes.removed(name, MOST_REPORTED):
                    values = {
                        field.name: field.encode(
                            self._store.models.column(name, field.name).python_value(
                                stored[field.name]
                            )
                        )
                        for field in declared.ordinary(show_secrets=False)
                    }
                    shown = self._shown(declared, values)
                    self.reported.append({"object": name, "action": "removed", "values": shown})
                self._actions[name, "removed"] += count.removed

    def _write_some(self, table: ImportedTable, rows: Sequence[Row]) -> int:
        """Write rows in one batch; in a dry run with a refused row, row by row."""
        reported, actions = len(self.reported), self._actions.copy()
        try:
            with self._store.transaction():
                return self._write_batch(table, rows)
        except InvalidRequest as error:
            if not self._dry:
                raise
            del self.reported[reported:]
            self._actions = actions
            if len(rows) == 1:
                self._report(table, rows[0], "refused", error=str(error))
                return 0
        return sum(self._write_some(table, [row]) for row in rows)

    def _write_batch(self, table: ImportedTable, rows: Sequence[Row]) -> int:
        declared, name = table.declared, table.declared.name
        numbers: list[int] = []
        batch: list[dict[str, object]] = []
        seen: set[tuple[object, ...]] = set()
        for row in rows:
            with _named(name, row.number):
                values = table.values(row, self._cells)
                found = None
                if self._resolution != "fail":
                    found = self._present(declared, values, seen)
            if found is not None and self._resolution == "skip":
                self._note_present([found])
                self._report(table, row, "skipped")
                continue
            if found is None:
                self._report(table, row, "added", values=self._shown(declared, values))
            else:
                changes = self._changes(declared, values, found)
                self._report(table, row, "changed" if changes else "unchanged", changes=changes)
                if declared.key:
                    values[declared.key_name] = found
            numbers.append(row.number)
            batch.append(values)
        try:
            replaces = self._resolution == "replace"
            keys = (declared.key_name,) if replaces else ()
            check_rows(self._call, declared, batch, own=lambda row: [row.get(it) for it in keys])
            write = self._store.insert_or_modify if replaces else self._store.insert
            self._note_present(write(name, batch))
        except InvalidRequest as error:
            taken = None
            if "UNIQUE constraint" in str(error):
                taken = self._taken(declared, batch, numbers)
            said = taken or _numbered(str(error), numbers)
            raise error.reworded(f"{name}: {said}") from error
        return len(batch)

    def _note_present(self, keys: Iterable[int]) -> None:
        if self._present_keys is not None:
            self._present_keys.update(keys)

    def _taken(
        self, declared: ObjectType, batch: Sequence[Mapping[str, object]], numbers: Sequence[int]
    ) -> str | None:
        """Which row of a refused batch exists or is repeated, and the remedy."""
        if self._resolution == "replace":
            return None
        seen: dict[tuple[object, ...], int] = {}
        for number, values in zip(numbers, batch, strict=True):
            for names in declared.identities(show_secrets=self._secrets):
                if not all(values.get(name) is not None for name in names):
                    continue
                shown = self._shown(declared, {name: values[name] for name in names})
                what = ", ".join(f"{name} {value}" for name, value in shown.items())
                first = seen.setdefault((names, *(values[name] for name in names)), number)
                if first != number:
                    return f"{what} occurs twice (row {first} and row {number}): delete one of them"
                if self._present(declared, {name: values[name] for name in names}, set()):
                    return (
                        f"{what} is there already (row {number}): say resolution=skip to leave "
                        "what is there, or resolution=replace to change it"
                    )
        return None

    def _present(
        self, declared: ObjectType, values: Mapping[str, object], seen: set[tuple[object, ...]]
    ) -> int | None:
        """The key of the row that `values` identify; 0 for an earlier row of the same batch."""
        for names in declared.identities(show_secrets=self._secrets):
            if not all(values.get(name) is not None for name in names):
                continue
            identity = [declared.field(name).decode(values[name]) for name in names]
            query = self._store.model(declared.name).select(self._store.models.key(declared.name))
            for name, value in zip(names, identity, strict=True):
                query = query.where(self._store.models.column(declared.name, name) == value)
            number = query.scalar()
            if number is not None:
                return int(number)
            if self._resolution == "skip" and (names, *identity) in seen:
                return 0
            seen.add((names, *identity))
        return None

    def _changes(
        self, declared: ObjectType, values: Mapping[str, object], key: int
    ) -> dict[str, list[object]]:
        """The old and the new value of each changed field, in a dry run."""
        if not self._dry:
            return {}
        names = [name for name in values if declared.has(name) and name != declared.key_name]
        columns = [self._store.models.column(declared.name, name) for name in names]
        if not columns:
            return {}
        model, own = self._store.model(declared.name), self._store.models.key(declared.name)
        found: Any = model.select(*columns).where(own == key).tuples()
        (old,) = found
        before = {
            name: declared.field(name).encode(value) for name, value in zip(names, old, strict=True)
        }
        return {
            name: [_cell_shown(declared.field(name), it) for it in (value, values[name])]
            for name, value in before.items()
            # That a secret stays the same would tell it.
            if value != values[name] or (declared.field(name).secret and not self._secrets)
        }

    @staticmethod
    def _shown(declared: ObjectType, values: Mapping[str, object]) -> dict[str, object]:
        return {name: _cell_shown(declared.field(name), value) for name, value in values.items()}

    def _report(self, table: ImportedTable, row: Row, action: str, **more: object) -> None:
        if not self._dry:
            return
        name = table.declared.name
        self._actions[name, action] += 1
        if self._actions[name, action] <= MOST_REPORTED:
            about = {"object": name, "row": row.number, "action": action}
            self.reported.append({**about, **more})


def _cell_shown(kind: FieldKind, value: object) -> object:
    if kind.secret:
        return MASK
    if isinstance(kind, CardValue):
        return card_cell(value)
    return f"{len(str(value))} characters" if isinstance(kind, Blob) else value


@contextmanager
def _named(object_name: str, row: int) -> Iterator[None]:
    try:
        yield
    except InvalidRequest as error:
        raise error.reworded(f"{object_name}: {error} (row {row})") from error


def _numbered(text: str, numbers: Sequence[int]) -> str:
    """Replace the number of a row in its batch by that in the file; a batch of one has none."""
    if len(numbers) == 1 and not _ROW.search(text):
        return f"{text} (row {numbers[0]})"
    return _ROW.sub(lambda found: f"row {numbers[int(found[1]) - 1]}", text)
