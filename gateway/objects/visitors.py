"""Types of people, visits, and custom fields."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Flag, Id, NameText, OnDelete, Ref, Text, Time

CUSTOM_TABLES = ObjectType(
    "custom_tables",
    (
        Id("id"),
        Text("table_name", required=True, unique=True, derived=True),
        NameText("name", required=True),
    ),
    made_by="object_add and object_remove",
)

CUSTOM_COLUMNS = ObjectType(
    "custom_columns",
    (
        Id("id"),
        Ref("custom_table_id", "custom_tables", required=True, derived=True),
        Text("column_name", required=True, derived=True),
        NameText("name", required=True),
    ),
    pairs_unique=(("custom_table_id", "column_name"),),
    made_by="object_add_field and object_remove_fields",
)

# Ours: the vendor's devices have it in their schema only.
CUSTOM_COLUMN_TYPES = ObjectType(
    "custom_column_types",
    (
        Ref("custom_column_id", "custom_columns", required=True),
        Text("type", required=True),
        Text("constraint", required=True),
        Text("default_value"),
        Flag("unique", default=0),
        # The object that a foreign key refers to.
        Text("target", default=""),
    ),
    pairs_unique=(("custom_column_id",),),
    read_only=True,
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
        # A visit is deleted with its visitor, but not with its host.
        Ref("visitor_id", "users"),
        Ref("host_id", "users", on_delete=OnDelete.SET_NULL, joins=False),
        Time("begin_time", required=True),
        Time("end_time", default=0),
        Flag("finished", default=0),
    ),
)


def _values(name: str, ref: Ref) -> ObjectType:
    """Custom values: one row for each row that they belong to, deleted with it."""
    return ObjectType(name, (Id("id"), ref), pairs_unique=((ref.name,),), custom=True)


C_USERS = _values("c_users", Ref("user_id", "users", required=True))
C_VISITS = _values("c_visits", Ref("visit_id", "visits", required=True))
VISITORS = _values("_visitors", Ref("user_id", "users", required=True))

CUSTOM_TABLE_NAMES = {"c_users": "Users", "c_visits": "Visits", "_visitors": "Visitors"}
"""The rows of `custom_tables` on every device, in the order of their ids from 1."""
