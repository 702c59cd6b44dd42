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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from itertools import chain
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from gateway.commands.answers import TextStream
from gateway.commands.audit import audited_write, note_dry_run
from gateway.commands.cells import Cells, card_cell, cell_of, text_cell
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.import_rows import ImportedTable, RowImport
from gateway.commands.import_undo import NetRows, import_facts
from gateway.commands.objects import refresh_for
from gateway.commands.requests import QueryFlag, RequestModel
from gateway.commands.secret_writes import require_writable
from gateway.commands.sheets import ENCODINGS, Sheet, sheets, text_of
from gateway.errors import InvalidRequest, NotPermitted
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field as FieldKind
from gateway.objects.fields import Text, invalid_value
from gateway.objects.identification import CardValue
from gateway.settings import CardNumbering
from gateway.store.objects.store import Store
from gateway.store.tables.import_changes import NetCounts

MOST_NAMES = 1_000
_FACILITY, _NUMBER = "facility", "number"
"""Columns beside and instead of `value` of a card."""


class Counts(TypedDict):
    """Rows of one object in the file; those that a dry run refused are `skipped`."""

    written: int
    skipped: int


class ImportedRow(TypedDict):
    """The result of one row in a dry run: its new values, its changes or its refusal; or the values
    of a row of the device that would be removed, without `row`."""

    object: str
    row: NotRequired[int]
    action: str
    values: NotRequired[dict[str, Any]]
    changes: NotRequired[dict[str, Any]]
    error: NotRequired[str]


class Imported(TypedDict):
    """Answer to `import_objects`: the rows of the file, and those of the device that it changed or
    would change, with those that go with a removed one. `undo`, unless for a dry run, is whether
    `undo_import` can undo it."""

    objects: dict[str, Counts]
    changes: dict[str, NetRows]
    dry_run: bool
    undo: NotRequired[bool]
    refused: NotRequired[int]
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
    remove_missing: Names = Field(default_factory=list)
    """Objects of which the rows that the file does not have are removed; with `skip` or
    `replace`."""
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
    _check_removal(request, tables)
    numbering = request.card_number
    cells = Cells(None if numbering is None else CardNumbering(numbering))
    work = RowImport(call, cells, request.resolution, dry_run=request.dry_run)
    names = [table.declared.name for table in tables]
    changes, progress = call.context.import_changes, call.context.import_progress
    written: dict[str, int] = {}
    transaction = _all_or_none(store, keep=not request.dry_run)
    answer: dict[str, object] = {"dry_run": request.dry_run}
    with (
        suppress(_RolledBack),
        progress.running(call.caller.login or "", sum(len(table.rows) for table in tables)),
        call.context.policy_applied(),
        transaction,
    ):
        with changes.noted(names):
            for table in tables:
                name = table.declared.name
                removes = name in request.remove_missing
                with audited_write(call, "import_objects", name) as outcome:
                    written[name] = outcome.count = work.write(table, removes_missing=removes)
                if removes:
                    with audited_write(call, "import_objects, removed from", name) as outcome:
                        outcome.count = work.remove_missing(table.declared)
        net = _told(call, tables, written, changes.counts())
        answer["changes"] = {
            name: asdict(count) for name, count in net.items() if name in store.registry
        }
        if request.dry_run:
            work.report_removed(changes, net)
        else:
            answer["undo"] = changes.keep(import_facts(call, net))
    counts = {
        table.declared.name: {
            "written": written[table.declared.name],
            "skipped": len(table.rows) - written[table.declared.name],
        }
        for table in tables
    }
    answer["objects"] = counts
    if request.dry_run:
        note_dry_run(call, counts)
        answer |= {"refused": work.refused, "rows": work.reported, "more": work.unreported}
    if notes := cells.notes():
        answer["notes"] = notes
    return answer


def _told(
    call: Call[ImportRequest],
    tables: Sequence[ImportedTable],
    written: Mapping[str, int],
    net: Mapping[str, NetCounts],
) -> dict[str, NetCounts]:
    """`net` as the caller may know it. Without sight of secrets every row that was there counts as
    changed where the file has a secret: the count must not tell whether it was the same."""
    told = dict(net)
    if call.caller.sees_secrets:
        return told
    for table in tables:
        name = table.declared.name
        if any(it is not None and table.declared.field(it).secret for it in table.columns):
            count = told.get(name, NetCounts(0, 0, 0))
            told[name] = replace(count, changed=written[name] - count.added)
    return told


def _check_removal(request: ImportRequest, tables: Sequence[ImportedTable]) -> None:
    """Raise InvalidRequest for a removal that makes no sense, or that would empty an object."""
    if request.remove_missing and request.resolution == "fail":
        raise invalid_value("remove_missing", "resolution=skip or resolution=replace is needed")
    by_name = {table.declared.name: table for table in tables}
    for name in request.remove_missing:
        if name not in by_name:
            raise invalid_value("remove_missing", f"the file has no rows of {name}")
        if by_name[name].declared.key is None:
            raise invalid_value("remove_missing", f"rows of {name} have no id")
        if not by_name[name].rows:
            raise invalid_value("remove_missing", f"a file without rows would remove all {name}")


def _check_columns(call: Call[ImportRequest], table: ImportedTable) -> None:
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


def _tables(store: Store, request: ImportRequest) -> list[ImportedTable]:
    found = sheets(text_of(request.data, request.encoding), request.object_name)
    tables = [_table_of(store, request, sheet) for sheet in found]
    names = [table.declared.name for table in tables]
    if len(set(names)) < len(names):
        raise InvalidRequest("an object occurs twice: give each object once")
    return [table for table in tables if table.declared.name not in request.ignore_tables]


def _table_of(store: Store, request: ImportRequest, sheet: Sheet) -> ImportedTable:
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
    return ImportedTable(declared, columns, facility, sheet.rows)


def _column(declared: ObjectType, title: str) -> str:
    """The field that a header names; the header may be capitalised."""
    names = (title, title.lower())
    known = [declared.aliases.get(name, name) for name in names]
    return next((name for name in known if declared.has(name)), known[-1])


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
