"""People and the groups ("departments") they belong to."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Id, Int, Ref, Text

USER_ID_MAX = 999_999_999_999_999
"""A user id has at most 15 digits (vendor's manual)."""

USERS = ObjectType(
    "users",
    (
        Id("id", minimum=1, maximum=USER_ID_MAX),
        Text("registration", default=""),
        Text("name", required=True),
        Text("password", default="", secret=True),
        Text("salt", default="", secret=True),
        Text("panic_password", default="", secret=True),
        Text("panic_salt", default="", secret=True),
        Int("expires", default=0, nullable=True),
        Int("user_type_id"),
        Int("begin_time", default=0, nullable=True),
        Int("end_time", default=0, nullable=True),
        Int("image_timestamp", default=0),
        Int("last_access", default=0, quiet=True),
    ),
    change_logged=True,
)

GROUPS = ObjectType("groups", (Id("id"), Text("name", required=True)))

USER_GROUPS = ObjectType(
    "user_groups",
    (Ref("user_id", "users", required=True), Ref("group_id", "groups", required=True)),
    pairs_unique=(("user_id", "group_id"),),
)
