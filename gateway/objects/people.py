"""People and the groups ("departments") they belong to."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Id, Int, OnDelete, Ref, Text

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
        # Null and 0 stand for an ordinary person, so it may name no row. 1 is a visitor.
        Ref("user_type_id", "user_types", on_delete=OnDelete.KEEP, selective=False),
        Int("begin_time", default=0, nullable=True),
        Int("end_time", default=0, nullable=True),
        # The time stamp of the photo, 0 without one. It claims no photo that is not there.
        Int("image_timestamp", default=0, derived=True),
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

# A row for those alone who are more than an ordinary person: 1 is an administrator.
USER_ROLES = ObjectType(
    "user_roles",
    (Ref("user_id", "users", required=True), Int("role", required=True)),
    pairs_unique=(("user_id",),),
)
