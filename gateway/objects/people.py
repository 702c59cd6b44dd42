"""People and the groups ("departments") they belong to."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Extension, Flag, Id, Int, NameText, OnDelete, Ref, Text, Time

USER_ID_MAX = 999_999_999_999_999
"""A user id has at most 15 digits (vendor's manual)."""

USERS = ObjectType(
    "users",
    (
        Id("id", minimum=1, maximum=USER_ID_MAX),
        NameText("registration", default=""),
        NameText("name", required=True),
        Text("password", default="", secret=True),
        Text("salt", default="", secret=True),
        Text("panic_password", default="", secret=True, duress=True),
        Text("panic_salt", default="", secret=True, duress=True),
        Time("expires", default=0, nullable=True),
        # None is an ordinary person, 1 a visitor; other types need no row.
        Ref("user_type_id", "user_types", on_delete=OnDelete.KEEP, selective=False),
        Time("begin_time", default=0, nullable=True),
        Time("end_time", default=0, nullable=True),
        # The time stamp of the stored photo, 0 without one; clients use different units.
        Int("image_timestamp", default=0, derived=True),
        Time("last_access", default=0, quiet=True),
        # 1: needs more time, see `door_settings`.
        Flag("extended_times", default=0, extension=Extension.OURS),
    ),
    change_logged=True,
)

GROUPS = ObjectType("groups", (Id("id"), NameText("name", required=True)))

USER_GROUPS = ObjectType(
    "user_groups",
    (
        Ref("user_id", "users", required=True),
        Ref("group_id", "groups", required=True),
        # The last second of the membership in device time, 0 for no end.
        Time("end_time", default=0, extension=Extension.OURS),
    ),
    pairs_unique=(("user_id", "group_id"),),
)

# Only for people with a special role: 1 is an administrator.
USER_ROLES = ObjectType(
    "user_roles",
    (Ref("user_id", "users", required=True), Int("role", required=True)),
    pairs_unique=(("user_id",),),
)
