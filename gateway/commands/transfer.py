r"""Exports and imports tables as CSV.

The vendor's API names these commands without their formats, which are ours (unverified):

- RFC 4180 with commas, semicolons or tabs; the first row has the names of the fields. Several
  objects are several such blocks, separated by a blank line, each after a row with one cell, `#`
  and the name of the object. An import accepts what `gateway.commands.sheets` reads.
- `\N` is null and an empty cell is an empty text; in other kinds of fields an empty cell is no
  value. A text that starts with a backslash gets another one in front.
- Numbers are decimal and bytes are base64, as in JSON. A card is its value or `facility,number`;
  with a column `facility` beside it, it is the number alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from gateway.commands.answers import TextStream
from gateway.commands.audit import MASK, audited_write, note_dry_run
from gateway.commands.cells import NOTHING, Cells, card_cell, cell_of, text_cell
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.objects import refresh_for
from gateway.commands.requests import QueryFlag, RequestModel
from gateway.commands.secret_writes import check_rows, require_writable
from gateway.commands.sheets import ENCODINGS, Row, Sheet, sheets, text_of
from gateway.errors import InvalidRequest, NotPermitted
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob, Text
from gateway.objects.fields import Field as FieldKind
from gateway.objects.identification import CardValue
from gateway.settings import CardNumbering
from gateway.store.objects.store import Store

BATCH = 500
MOST_REPORTED = 1_000
"""Most rows in the answer to a dry run."""
MOST_NAMES = 1_000
_FACILITY, _NUMBER = "facility", "number"
"""Columns beside and instead of `value` of a card."""
_ROW = re.compile(r"\brow (\d+)")


class Counts(TypedDict):
    """Rows of one object."""

    written: int
    skipped: int


class ImportedRow(TypedDict):
    """The result of one row in a dry run: its new values, its changes or its refusal."""

    object: str
    row: int
    action: str
    values: NotRequired[dict[str, Any]]
    changes: NotRequired[dict[str, Any]]
    error: NotRequired[str]


class Imported(TypedDict):
    """Answer to `import_objects`; `rows` and `more` for a dry run."""

    objects: dict[str, Counts]
    dry_run: bool
    notes: NotRequired[list[str]]
    rows: NotRequired[list[ImportedRow]]
    more: NotRequired[int]


def _names_of_query(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_names_of_query), Field(max_length=MOST_NAMES)]


class _Form(RequestModel):
    """The format of an export."""

    delimiter: Literal[",", ";", "\t", "tab"] = ","
    bom: QueryFlag = False
    """Start with a byte order mark, by which spreadsheets recognise UTF-8."""
    cards: Literal["value", "facility,number"] = "value"
    """How to write cards that have a facility."""


class ExportedObject(RequestModel):
    """One object of `export_objects`."""

    object_name: str = Field(alias="object")
    columns: list[str] | None = None


class ExportOneRequest(ExportedObject, _Form):
    """`export_object`."""


class ExportRequest(_Form):
    """`export_objects`."""

    objects: list[ExportedObject] = Field(min_length=1)


class ImportRequest(RequestModel):
    """`import_objects`: JSON, or the file as the body with the other members in the query."""

    data: Annotated[str | bytes, WithJsonSchema({"type": "string"})]
    """The answer of `export_objects`, or of `export_object` for `object`."""
    object_name: str | None = Field(None, alias="object")
    resolution: Literal["fail", "skip", "replace"] = "fail"
    """For a row that exists, by id, pair or another unique value: refuse the import, keep the
    existing row, or change the given fields."""
    ignore_columns: Names = Field(default_factory=list)
    ignore_tables: Names = Field(default_factory=list)
    dry_run: QueryFlag = False
    """Import, report the result of each row, and roll back."""
    encoding: Literal[ENCODINGS] | None = None  # type: ignore[valid-type] # - a dynamic Literal
    card_number: Literal["plain", "w26", "w34", "3+5"] | None = None
    """The meaning of a card number without a facility."""


def export_object(call: Call[ExportOneRequest]) -> TextStream:
    """One table as CSV; secrets for administrators alone."""
    request = call.request
    refresh_for(call.context, request.object_name)
    rows = _table(call, request, request)
    pieces = chain([_mark(request)], rows)
    return TextStream(pieces, file_name=f"{request.object_name}.csv", csv=True)


def export_objects(call: Call[ExportRequest]) -> TextStream:
    """Several tables as blocks of CSV; secrets for administrators alone."""
    request = call.request
    seen: set[str] = set()
    for at, requested in enumerate(request.objects):
        if requested.object_name in seen:
            text = f"Invalid member 'objects[{at}]' ({requested.object_name} occurs twice)"
            raise InvalidRequest(text)
        seen.add(requested.object_name)
    refresh_for(call.context, list(seen))
    # Checked before the answer starts, so that a wrong name refuses the whole request.
    tables = [_table(call, requested, request) for requested in request.objects]

    def pieces() -> Iterator[str]:
        yield _mark(request)
        for number, (requested, rows) in enumerate(zip(request.objects, tables, strict=True)):
            yield f"{chr(13) + chr(10) if number else ''}#{requested.object_name}\r\n"
            yield from rows

    return TextStream(pieces(), file_name="objects.csv", csv=True)


def _mark(form: _Form) -> str:
    return "\ufeff" if form.bom else ""


def _table(call: Call[object], requested: ExportedObject, form: _Form) -> Iterator[str]:
    declared = call.context.store.registry[requested.object_name]
    secrets = call.caller.sees_secrets
    names = requested.columns or [field.name for field in declared.visible(show_secrets=secrets)]
    search = {"object": declared.name, "fields": names}
    store = call.context.store
    store.check(search, show_secrets=secrets)
    # A repeated name or an alias gives one column.
    columns = list(dict.fromkeys(declared.aliases.get(name, name) for name in names))
    pairs = form.cards != "value"
    kinds = [declared.field(name) for name in columns]
    writers = [_writer(kind, pairs=pairs) for kind in kinds]
    delimiter = "\t" if form.delimiter == "tab" else form.delimiter

    def lines() -> Iterator[str]:
        yield _line(columns, delimiter)
        for row in store.load(search, show_secrets=secrets).rows:
            cells = [write(row[name]) for write, name in zip(writers, columns, strict=True)]
            if isinstance(kinds[0], Text) and not any(cell.strip() for cell in cells[1:]):
                cells[0] = _marked(cells[0])
            yield _line(cells, delimiter)

    return lines()


def _writer(kind: FieldKind, *, pairs: bool) -> Callable[[object], str]:
    if isinstance(kind, Text):
        return text_cell
    return card_cell if pairs and isinstance(kind, CardValue) else cell_of


def _marked(cell: str) -> str:
    """Escape the only cell of a row with a value: an import ignores empty rows, and `#users` names
    an object."""
    return f"\\{cell}" if not cell.strip() or cell.startswith("#") else cell


def _line(cells: Sequence[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue()


@dataclass(slots=True)
class _Table:
    """The rows of one object in an import."""

    declared: ObjectType
    columns: list[str | None]
    """None for an ignored column, and for the facility."""
    facility: int | None
    """The index of the column with the facility of cards."""
    rows: list[Row]

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


class _RolledBack(Exception):
    """Ends a dry run."""


@contextmanager
def _all_or_none(store: Store, *, keep: bool) -> Iterator[None]:
    """A transaction that is rolled back at its end unless `keep`, with `_RolledBack`."""
    with store.transaction():
        yield
        if not keep:
            raise _RolledBack


def import_objects(call: Call[ImportRequest]) -> Annotated[Mapping[str, object], Imported]:
    """Add the rows of a CSV file, all or none; a refusal names object, row, column and remedy.

    Rows are numbered as in a spreadsheet. A dry run reports the result of each row, including
    refused ones.
    """
    request, store = call.request, call.context.store
    tables = _tables(store, request)
    order = [declared.name for declared in store.registry.by_dependence()]
    tables.sort(key=lambda table: order.index(table.declared.name))
    for table in tables:
        _check_columns(call, table)
    work = _Import(call)
    counts: dict[str, dict[str, int]] = {}
    transaction = _all_or_none(store, keep=not request.dry_run)
    with suppress(_RolledBack), call.context.policy_applied(), transaction:
        for table in tables:
            name = table.declared.name
            with audited_write(call, "import_objects", name) as outcome:
                counts[name] = work.write(table)
                outcome.count = counts[name]["written"]
    if request.dry_run:
        note_dry_run(call, counts)
    answer: dict[str, object] = {"objects": counts, "dry_run": request.dry_run}
    if notes := work.cells.notes():
        answer["notes"] = notes
    if request.dry_run:
        answer["rows"] = work.reported
        answer["more"] = work.unreported
    return answer


def _check_columns(call: Call[ImportRequest], table: _Table) -> None:
    """Raise NotPermitted for columns that the caller may not write, or not try."""
    declared = table.declared
    names = [name for name in table.columns if name is not None]
    require_writable(call, declared, names)
    tried = [name for name in names if declared.field(name).secret and declared.field(name).unique]
    if call.request.dry_run and tried and not call.caller.sees_secrets:
        raise NotPermitted(
            f"{declared.name}.{tried[0]}: a dry run would tell which ones are used; "
            "ignore the column, or ask an administrator"
        )


def _tables(store: Store, request: ImportRequest) -> list[_Table]:
    found = sheets(text_of(request.data, request.encoding), request.object_name)
    tables = [_table_of(store, request, sheet) for sheet in found]
    names = [table.declared.name for table in tables]
    if len(set(names)) < len(names):
        raise InvalidRequest("an object occurs twice: give each object once")
    return [table for table in tables if table.declared.name not in request.ignore_tables]


def _table_of(store: Store, request: ImportRequest, sheet: Sheet) -> _Table:
    declared = store.registry[sheet.object_name]
    facility, columns = None, list[str | None]()
    cards = any(isinstance(member, CardValue) for member in declared.fields)
    for at, title in enumerate(sheet.columns):
        name = _column(declared, title)
        if title in request.ignore_columns or name in request.ignore_columns:
            columns.append(None)
        elif cards and name == _FACILITY:
            columns.append(None)
            facility = at
        else:
            columns.append(declared.field("value" if cards and name == _NUMBER else name).name)
    named = [column for column in columns if column is not None]
    if len(set(named)) < len(named):
        raise InvalidRequest(f"{declared.name}: a column occurs twice")
    return _Table(declared, columns, facility, sheet.rows)


def _column(declared: ObjectType, title: str) -> str:
    """The field that a header names; the header may be capitalised."""
    names = (title, title.lower())
    known = [declared.aliases.get(name, name) for name in names]
    return next((name for name in known if declared.has(name)), known[-1])


class _Import:
    """Writes tables and reports on each row of a dry run."""

    def __init__(self, call: Call[ImportRequest]) -> None:
        request = call.request
        self._call = call
        self._store = call.context.store
        self._secrets = call.caller.sees_secrets
        self._resolution = request.resolution
        self._dry = request.dry_run
        numbering = request.card_number
        self.cells = Cells(None if numbering is None else CardNumbering(numbering))
        self.reported: list[dict[str, object]] = []
        self.unreported = 0

    def write(self, table: _Table) -> dict[str, int]:
        """Write all rows of `table`; returns the numbers of written and of skipped rows."""
        written = 0
        for at in range(0, len(table.rows), BATCH):
            written += self._write_some(table, table.rows[at : at + BATCH])
        return {"written": written, "skipped": len(table.rows) - written}

    def _write_some(self, table: _Table, rows: Sequence[Row]) -> int:
        """Write rows in one batch; in a dry run with a refused row, row by row."""
        reported, unreported = len(self.reported), self.unreported
        try:
            with self._store.transaction():
                return self._write_batch(table, rows)
        except InvalidRequest as error:
            if not self._dry:
                raise
            del self.reported[reported:]
            self.unreported = unreported
            if len(rows) == 1:
                self._report(table, rows[0], "refused", error=str(error))
                return 0
        return sum(self._write_some(table, [row]) for row in rows)

    def _write_batch(self, table: _Table, rows: Sequence[Row]) -> int:
        declared, name = table.declared, table.declared.name
        numbers: list[int] = []
        batch: list[dict[str, object]] = []
        seen: set[tuple[object, ...]] = set()
        for row in rows:
            with _named(name, row.number):
                values = table.values(row, self.cells)
                found = None
                if self._resolution != "fail":
                    found = self._present(declared, values, seen)
            if found is not None and self._resolution == "skip":
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
            if replaces:
                self._store.insert_or_modify(name, batch)
            else:
                self._store.insert(name, batch)
        except InvalidRequest as error:
            taken = None
            if "UNIQUE constraint" in str(error):
                taken = self._taken(declared, batch, numbers)
            said = taken or _numbered(str(error), numbers)
            raise type(error)(f"{name}: {said}") from error
        return len(batch)

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
        """The old and the new value of each changed field, for rows that are reported."""
        if not self._dry or len(self.reported) >= MOST_REPORTED:
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

    def _report(self, table: _Table, row: Row, action: str, **more: object) -> None:
        if not self._dry:
            return
        if len(self.reported) >= MOST_REPORTED:
            self.unreported += 1
            return
        about = {"object": table.declared.name, "row": row.number, "action": action}
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
        raise type(error)(f"{object_name}: {error} (row {row})") from error


def _numbered(text: str, numbers: Sequence[int]) -> str:
    """Replace the number of a row in its batch by that in the file; a batch of one has none."""
    if len(numbers) == 1 and not _ROW.search(text):
        return f"{text} (row {numbers[0]})"
    return _ROW.sub(lambda found: f"row {numbers[int(found[1]) - 1]}", text)


def _exported(request: ExportRequest) -> str:
    return f" {', '.join(requested.object_name for requested in request.objects)}"[:500]


COMMANDS = (
    Command(
        export_object,
        audit=Audit(lambda request: f" {request.object_name}"[:200]),
        example={"object": "users", "columns": ["id", "name"]},
    ),
    Command(
        export_objects,
        audit=Audit(_exported),
        example={"objects": [{"object": "users"}, {"object": "cards"}]},
    ),
    Command(
        import_objects,
        heavy=True,
        example={"object": "users", "data": "name,registration\r\nEva,50\r\n", "dry_run": True},
    ),
)
