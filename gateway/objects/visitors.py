"""Kinds of person, visits, and the names of custom fields.

The tables that hold custom values (`c_users`, `c_visits`, `_visitors`) get their columns from
rows of these two at run time on a device; here they do not exist.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Flag, Id, Int, OnDelete, Ref, Text

CUSTOM_TABLES = ObjectType(
    "custom_tables",
    (
        Id("id"),
        Text("table_name", required=True, unique=True),
        Text("name", required=True),
    ),
)

CUSTOM_COLUMNS = ObjectType(
    "custom_columns",
    (
        Id("id"),
        Ref("custom_table_id", "custom_tables", required=True),
        Text("column_name", required=True),
        Text("name", required=True),
    ),
    pairs_unique=(("custom_table_id", "column_name"),),
)

USER_TYPES = ObjectType(
    "user_types",
    (
        Id("id"),
        Ref("custom_table_id", "custom_tables", on_delete=OnDelete.SET_NULL),
        Flag("require_visitor", default=0),
    ),
)

VISITS = ObjectType(
    "visits",
    (
        Id("id"),
        # A visit goes with its visitor; it outlives the host, whom it then no longer names.
        Ref("visitor_id", "users"),
        Ref("host_id", "users", on_delete=OnDelete.SET_NULL, joins=False),
        Int("begin_time", required=True),
        Int("end_time", default=0),
        Flag("finished", default=0),
    ),
)
