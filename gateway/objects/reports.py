"""Saved report definitions.

A column's `type` selects the one of three tables below that describes it; devices send 3 for a
field of an object. The fields of the other two follow the columns of `report_generate` (Control iD
Access API, 3.2), unverified.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Flag, Id, Int, NameText, Ref, Text

REPORTS = ObjectType(
    "reports",
    (
        Id("id"),
        NameText("name", required=True),
        Text("object", required=True),
        Text("file_name", default=""),
        Text("header", default=""),
        Text("delimiter", default=";"),
        Text("line_break", default="\r\n"),
    ),
)

REPORT_FILTERS = ObjectType(
    "report_filters",
    (
        Id("id"),
        Ref("report_id", "reports", required=True),
        Text("object", required=True),
        Text("field", required=True),
        # The filter's value as JSON text, or empty.
        Text("value", default=""),
        Flag("visible", default=1),
        Flag("editable", default=1),
    ),
)

REPORT_COLUMNS = ObjectType(
    "report_columns",
    (
        Id("id"),
        Ref("report_id", "reports", required=True),
        Int("sequence", default=0),
        Int("type", required=True),
    ),
)


def _of_column(name: str, *fields: Field) -> ObjectType:
    """A description of report columns: at most one row per column."""
    column = Ref("report_column_id", "report_columns", required=True)
    return ObjectType(name, (column, *fields), pairs_unique=((column.name,),))


OBJECT_FIELD_REPORT_COLUMNS = _of_column(
    "object_field_report_columns", Text("object", required=True), Text("field", required=True)
)
FIXED_REPORT_COLUMNS = _of_column("fixed_report_columns", Text("fixed", required=True))
COUNTER_REPORT_COLUMNS = _of_column(
    "counter_report_columns", Int("offset", default=0), Int("step", default=1)
)
REPORT_COLUMN_FORMATS = _of_column(
    "report_column_formats",
    # 1 left, 2 right.
    Int("adjustment", default=1),
    Int("width", default=0, minimum=0),
    Text("fill", default=" "),
    Text("format", default=""),
)
