r"""Tables as CSV, out and in.

The API names these commands and not their formats, so the forms here are ours (unverified):

- RFC 4180 with commas, the first row naming the fields. Several objects make several such blocks,
  each after a row with one cell, `#` and the object's name, and a blank line between two of them.
- `\N` is null, an empty cell an empty text; in any other kind of field an empty cell is no value
  at all, as spreadsheets leave it. A text that begins with a backslash gets another in front.
- Numbers are decimal, bytes are base64, as in JSON.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gateway.commands.answers import Answer, TextStream
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import CommandContext
from gateway.commands.objects import refresh_for
from gateway.commands.requests import RequestModel, flag
from gateway.commands.rights import Caller
from gateway.errors import InvalidRequest
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Text
from gateway.store.audit import AuditType
from gateway.store.dependence import by_dependence
from gateway.store.objects_store import Store

BATCH = 500
LONGEST_IMPORT = 16 * 1024 * 1024
"""Bytes of an import: some 200,000 people."""
_NULL = "\\N"
_ROW = re.compile(r"\brow (\d+)")


class ExportedObject(RequestModel):
    """One object of `export_objects`, and the whole of `export_object`."""

    object_name: str = Field(alias="object")
    columns: list[str] | None = None


class ExportRequest(RequestModel):
    """`export_objects`."""

    objects: list[ExportedObject] = Field(min_length=1)


class ImportRequest(RequestModel):
    """`import_objects`."""

    data: str
    """What `export_objects` gives, or what `export_object` gives of `object`."""
    object_name: str | None = Field(None, alias="object")
    resolution: Literal["fail", "skip", "replace"] = "fail"
    """What becomes of a row whose id, or pair, is there already: refuse everything, leave the old
    row, or change the given fields of it."""
    ignore_columns: list[str] = Field(default_factory=list)
    ignore_tables: list[str] = Field(default_factory=list)
    dry_run: Annotated[bool, BeforeValidator(flag)] = False
    """Do all of it, tell what came of it, and take it back."""


def export_object(context: CommandContext, caller: Caller, request: ExportedObject) -> Answer:
    """One table as CSV; secrets for administrators alone."""
    refresh_for(context, request.object_name)
    rows = _table(context, caller, request)
    return TextStream(rows, file_name=f"{request.object_name}.csv", csv=True)


def export_objects(context: CommandContext, caller: Caller, request: ExportRequest) -> Answer:
    """Several tables as blocks of CSV; secrets for administrators alone."""
    refresh_for(context, [wanted.object_name for wanted in request.objects])
    # All are begun now, so that a wrong name refuses the whole.
    tables = [_table(context, caller, wanted) for wanted in request.objects]

    def pieces() -> Iterator[str]:
        for number, (wanted, rows) in enumerate(zip(request.objects, tables, strict=True)):
            yield f"{chr(13) + chr(10) if number else ''}#{wanted.object_name}\r\n"
            yield from rows

    return TextStream(pieces(), file_name="objects.csv", csv=True)


def _table(context: CommandContext, caller: Caller, wanted: ExportedObject) -> Iterator[str]:
    declared = context.store.registry[wanted.object_name]
    secrets = caller.sees_secrets
    names = wanted.columns or [field.name for field in declared.visible(show_secrets=secrets)]
    search = {"object": declared.name, "fields": names}
    rows = context.store.load(search, show_secrets=secrets).rows
    # Twice the same, or by another name: the answer has each column once.
    columns = list(dict.fromkeys(declared.aliases.get(name, name) for name in names))

    def lines() -> Iterator[str]:
        yield _line(columns)
        for row in rows:
            yield _line([_cell(row[name]) for name in columns])

    return lines()


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return _NULL
    text = str(value)
    return f"\\{text}" if text.startswith("\\") else text


@dataclass(slots=True)
class _Block:
    """The rows of one object in an import, in the order in which they came."""

    declared: ObjectType
    columns: list[str | None]
    """None for one that is ignored."""
    rows: list[list[str]] = field(default_factory=list)


class _TakenBack(Exception):
    """Ends a dry run."""


@contextmanager
def _all_or_none(store: Store, *, keep: bool) -> Iterator[None]:
    """A transaction that is undone at its end unless `keep`, with `_TakenBack`."""
    with store.transaction():
        yield
        if not keep:
            raise _TakenBack


def import_objects(context: CommandContext, caller: Caller, request: ImportRequest) -> Answer:
    """Add the rows of CSV text, all or none. A refusal names object, row and field."""
    store = context.store
    blocks = _blocks(store, request)
    order = [declared.name for declared in by_dependence(store.registry)]
    blocks.sort(key=lambda block: order.index(block.declared.name))
    counts: dict[str, dict[str, int]] = {}
    with suppress(_TakenBack), context.obeyed(), _all_or_none(store, keep=not request.dry_run):
        for block in blocks:
            name = block.declared.name
            with audited_write(context, caller, "import_objects", name) as outcome:
                outcome.count = _write(store, block, request.resolution)
            skipped = len(block.rows) - outcome.count
            counts[name] = {"written": outcome.count, "skipped": skipped}
    return {"objects": counts, "dry_run": request.dry_run}


def _blocks(store: Store, request: ImportRequest) -> list[_Block]:
    blocks: list[_Block] = []
    name, begins = request.object_name, True
    block: _Block | None = None
    reader = csv.reader(io.StringIO(request.data, newline=""), strict=True)
    try:
        for cells in reader:
            if not cells:
                begins, block = True, None
            elif begins and len(cells) == 1 and cells[0].startswith("#"):
                name = cells[0][1:]
            elif block is None:
                if name is None:
                    raise InvalidRequest("the first line names no object, nor does the request")
                begins = False
                block = _block(store, request, name, cells)
                if name not in request.ignore_tables:
                    blocks.append(block)
            else:
                block.rows.append(cells)
    except csv.Error as error:
        raise InvalidRequest(f"line {reader.line_num} is no CSV: {error}") from error
    names = [block.declared.name for block in blocks]
    if len(set(names)) < len(names):
        raise InvalidRequest("an object comes twice")
    return blocks


def _block(store: Store, request: ImportRequest, name: str, header: list[str]) -> _Block:
    declared = store.registry[name]
    names = [declared.aliases.get(cell, cell) for cell in header]
    for column in names:
        if column not in request.ignore_columns:
            declared.field(column)
    if len(set(names)) < len(names):
        raise InvalidRequest(f"{name}: a column comes twice")
    kept = [None if column in request.ignore_columns else column for column in names]
    return _Block(declared, kept)


def _write(store: Store, block: _Block, resolution: str) -> int:
    """How many rows were added or changed."""
    name = block.declared.name
    written = 0
    for at in range(0, len(block.rows), BATCH):
        rows = [
            _values(block, cells, number)
            for number, cells in enumerate(block.rows[at : at + BATCH], start=at + 1)
        ]
        if resolution == "skip":
            rows = [row for row in rows if not _present(store, block.declared, row)]
        try:
            if resolution == "replace":
                store.insert_or_modify(name, rows)
            else:
                store.insert(name, rows)
        except InvalidRequest as error:
            raise type(error)(f"{name}: {_numbered(str(error), at, len(rows))}") from error
        written += len(rows)
    return written


def _numbered(text: str, before: int, rows: int) -> str:
    """The store counts the rows of one batch, and mentions the only one of a batch not at all."""
    if rows == 1 and not _ROW.search(text):
        return f"{text} (row {before + 1})"
    return _ROW.sub(lambda found: f"row {before + int(found[1])}", text)


def _values(block: _Block, cells: list[str], number: int) -> dict[str, object]:
    if len(cells) != len(block.columns):
        raise InvalidRequest(
            f"{block.declared.name}: row {number} has {len(cells)} cells,"
            f" {len(block.columns)} columns are named"
        )
    values: dict[str, object] = {}
    for column, cell in zip(block.columns, cells, strict=True):
        if column is None:
            continue
        kind = block.declared.field(column)
        if cell == _NULL:
            values[column] = None
        elif isinstance(kind, Text):
            values[column] = cell.removeprefix("\\")
        elif cell:
            values[column] = _number(cell) if kind.expected == "int" else cell
    return values


def _number(cell: str) -> object:
    """The number that the cell holds; a text that is none, for the field to refuse."""
    try:
        return int(cell) if len(cell) <= 20 else cell
    except ValueError:
        return cell


def _present(store: Store, declared: ObjectType, row: Mapping[str, object]) -> bool:
    """Whether a row of that id, or pair, is there; seen from within the transaction."""
    names = (declared.key_name,) if declared.key else next(iter(declared.pairs_unique), ())
    if not names or not all(name in row for name in names):
        return False
    query = store.model(declared.name).select()
    for name in names:
        query = query.where(store.models.column(declared.name, name) == row[name])
    return bool(query.exists())


def _exported(request: ExportRequest) -> str:
    return f" {', '.join(wanted.object_name for wanted in request.objects)}"[:500]


COMMANDS = (
    Command(
        "export_object",
        ExportedObject,
        export_object,
        answers="text/csv",
        audit=Audit(AuditType.API, lambda request: f" {request.object_name}"[:200]),
    ),
    Command(
        "export_objects",
        ExportRequest,
        export_objects,
        answers="text/csv",
        audit=Audit(AuditType.API, _exported),
    ),
    Command("import_objects", ImportRequest, import_objects, longest_body=LONGEST_IMPORT),
)
