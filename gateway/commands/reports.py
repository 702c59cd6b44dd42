"""`report_generate`: a search as lines of text (Control iD Access API, 3.2).

Not documented by the vendor and decided here: adjustment 1 pads on the right, 2 on the left
(unverified); a value longer than its width is cut, since readers of fixed widths read by position;
a counter starts at its offset; line breaks within a value become blanks, so that each row is one
line. In a format with `%s` the value replaces it; any other format writes a number as a time of the
site's wall clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.clock import WireTime
from gateway.commands.answers import TextStream
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.objects import refresh_for
from gateway.commands.requests import LoadRequest, RequestModel
from gateway.objects.fields import TEXT_LIMIT, invalid_value
from gateway.store.query.request import COUNT

MOST_COLUMNS = 100
WIDEST = 1_000
LONGEST_SEPARATOR = 16

# `strftime` of the C library accepts widths, which can make one directive a gigabyte of text.
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_KNOWN = frozenset("%aAbBdHIjmMpSyYwu")
_BREAKS = re.compile(r"[\r\n]+")

Line = Callable[[int, Mapping[str, object]], str]
"""From the number of a row, from 0, and the row to the text of one column."""


class Format(RequestModel):
    """How to write a value."""

    adjustment: Literal[1, 2] = 1
    width: Annotated[int, Field(ge=0, le=WIDEST)] = 0
    fill: Annotated[str, Field(max_length=1)] = " "
    format: Annotated[str, Field(max_length=64)] = ""


class FieldColumn(RequestModel):
    """The value of a field."""

    type: Literal["object_field"]
    object_name: str | None = Field(None, alias="object")
    field: str
    format: Format = Format()


class CounterColumn(RequestModel):
    """The number of the line."""

    type: Literal["counter"]
    offset: int = 0
    step: int = 1
    format: Format = Format()


class FixedColumn(RequestModel):
    """The same text on every line."""

    type: Literal["fixed"]
    fixed: Annotated[str, Field(max_length=TEXT_LIMIT)] = ""
    format: Format = Format()


AnyColumn = Annotated[FieldColumn | CounterColumn | FixedColumn, Field(discriminator="type")]


class ReportRequest(LoadRequest):
    """`report_generate`; the members of the search are those of `load_objects`."""

    file_name: str = ""
    delimiter: Annotated[str, Field(max_length=LONGEST_SEPARATOR)] = ";"
    line_break: Annotated[str, Field(max_length=LONGEST_SEPARATOR)] = "\r\n"
    header: str = ""
    columns: Annotated[list[AnyColumn], Field(min_length=1, max_length=MOST_COLUMNS)]


def report_generate(call: Call[ReportRequest]) -> TextStream:
    """One line per row that the search finds."""
    context, request = call.context, call.request
    field_columns = [column for column in request.columns if isinstance(column, FieldColumn)]
    fields = [_search_field(request.object_name, column) for column in field_columns]
    search = {**request.search(), "fields": fields or None}
    refresh_for(context, search)
    zone = UTC if context.site.site.wire_time is WireTime.LOCAL else context.site.site.zone
    columns = [_column(context, request.object_name, column, zone) for column in request.columns]
    rows = context.store.load(search, show_secrets=call.caller.sees_secrets).rows

    def lines() -> Iterator[str]:
        if request.header:
            yield request.header + request.line_break
        for number, row in enumerate(rows):
            values = (column(number, row) for column in columns)
            yield request.delimiter.join(values) + request.line_break

    return TextStream(lines(), file_name=request.file_name or None)


def _search_field(loaded: str, column: FieldColumn) -> object:
    if "".join(column.field.split()).upper() == COUNT or column.object_name in {None, loaded}:
        return column.field
    return {"object": column.object_name, "field": column.field}


def _column(context: CommandContext, loaded: str, column: AnyColumn, zone: tzinfo) -> Line:
    shape = _shaper(column.format, zone)
    if isinstance(column, FixedColumn):
        fixed = shape(column.fixed)
        return lambda _number, _row: fixed
    if isinstance(column, CounterColumn):
        offset, step = column.offset, column.step
        return lambda number, _row: shape(offset + step * number)
    name = _name(context, loaded, column)
    return lambda _number, row: shape(row[name])


def _name(context: CommandContext, loaded: str, column: FieldColumn) -> str:
    """The member of a result row that holds the column."""
    if "".join(column.field.split()).upper() == COUNT:
        return COUNT
    named = column.object_name or loaded
    declared = context.store.registry[named]
    field = declared.aliases.get(column.field, column.field)
    return field if named == loaded else f"{named}.{field}"


def _shaper(form: Format, zone: tzinfo) -> Callable[[Any], str]:
    write = _writer(form.format, zone)
    fill = form.fill or " "

    def shape(value: Any) -> str:
        text = _BREAKS.sub(" ", "" if value is None else write(value))
        if not form.width:
            return text
        cut = text[: form.width]
        return cut.ljust(form.width, fill) if form.adjustment == 1 else cut.rjust(form.width, fill)

    return shape


def _writer(form: str, zone: tzinfo) -> Callable[[Any], str]:
    if not form or form in {"%d", "%i"}:
        return str
    if "%s" in form:
        return lambda value: form.replace("%s", str(value))
    for found in _DIRECTIVE.finditer(form):
        if found[1] not in _KNOWN or not found[1]:
            raise invalid_value("format", f"{found[0]!r} is not known")

    def moment(value: Any) -> str:
        if not isinstance(value, int):
            return str(value)
        try:
            return datetime.fromtimestamp(value, zone).strftime(form)
        except (OverflowError, ValueError, OSError):
            return str(value)

    return moment


COMMANDS = (
    Command(
        report_generate,
        audit=Audit(lambda request: f" {request.object_name}"[:200]),
        example={
            "object": "users",
            "order": ["id"],
            "delimiter": ";",
            "header": "Number;Name",
            "columns": [
                {"type": "object_field", "field": "id"},
                {"type": "object_field", "field": "name"},
            ],
        },
    ),
)
