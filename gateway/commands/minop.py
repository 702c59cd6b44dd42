"""The commands of the second vendor's API ("Minop"), carried out on this device's own objects.

What its description leaves open is decided here:

- `UserID` is `users.id` and, when a person is made, `users.registration`: 1 to 15 digits without a
  leading zero, since `007` and `7` would be one person here.
- Add User of a person who is there changes what it brings, and nothing else: there is no other way
  to correct a name, and a command may come twice. A new person needs FirstName and UserType.
- `UserType`: 1, standard, joins the factory's group 1; 14, device administrator, too, and gets the
  administrator's role; 0, guest, is a visitor and joins no group, so that a guest gets in only
  within an access time. For a person who is there departments stay as they are.
- FaceTemplate and FingerTemplate are stored and served, not matched. The same template twice is
  one.
- Update AccessTime replaces what was set before; see `gateway.store.tables.access_times` for what
  it means at the door. It ends within the second of AccessEndTime. A start later than the end runs
  past midnight and belongs to the day on which it starts. A holiday is no weekday: it admits only
  whom every day of the week admits.
- A member that is not known is refused, since "done" would say that it was carried out.

One command is one transaction: a refused one has changed nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import time, timedelta
from types import MappingProxyType

from gateway.commands.answers import DONE, Answer, Done
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.minop_requests import (
    ADMINISTRATOR,
    GUEST,
    AddUser,
    DeleteAttendanceLog,
    DeleteUser,
    Envelope,
    OperationData,
    UpdateAccessTime,
)
from gateway.commands.rights import Caller, Right
from gateway.commands.table import execute
from gateway.errors import InvalidRequest, NotFound
from gateway.objects.schedules import HOLIDAY_GROUPS
from gateway.store.objects.store import Store
from gateway.store.tables.access_times import drop_access_time, set_access_time
from gateway.store.tables.audit import AuditType

WEEK = MappingProxyType(
    {1: "mon", 2: "tue", 3: "wed", 4: "thu", 5: "fri", 6: "sat", 7: "sun"},
)
"""`AccessDays` -> field of `time_spans`. That 1 is Monday is not verified."""

STANDARD_GROUP = 1
_VISITOR = 1
"""`users.user_type_id`."""
_ADMINISTRATOR_ROLE = 1
"""`user_roles.role`."""
_LOG = "access_logs"
_DELETE_LOG = "Delete AttendanceLog"


def add_user(call: Call[AddUser]) -> Done:
    """Add a person, or change what the request brings of one who is there; add templates."""
    request = call.request
    if all(value is None for member, value in request if member != "UserID"):
        raise InvalidRequest("Add User needs a name, a type or a template")
    store, user_id = call.context.store, request.UserID
    with call.context.obeyed(), store.transaction():
        if not _exists(store, user_id):
            _create_person(store, request)
        else:
            _change_person(store, request)
        for table, template in (
            ("face_templates", request.FaceTemplate),
            ("templates", request.FingerTemplate),
        ):
            if template is not None:
                _add_template(store, table, user_id, template)
    return DONE


def _create_person(store: Store, request: AddUser) -> None:
    user_id, kind, name = request.UserID, request.UserType, request.name()
    if name is None and kind is None:
        raise _unknown(user_id)
    for member, value in (("FirstName", name), ("UserType", kind)):
        if value is None:
            raise InvalidRequest(f"Invalid member '{member}' (a new person needs it)")
    row = {"id": user_id, "registration": str(user_id), "name": name}
    store.insert("users", [row])
    if kind != GUEST:
        store.insert("user_groups", [{"user_id": user_id, "group_id": STANDARD_GROUP}])
    _set_type(store, user_id, kind)


def _change_person(store: Store, request: AddUser) -> None:
    name = request.name()
    if name is not None:
        store.modify("users", {"name": name}, {"users": {"id": request.UserID}})
    if request.UserType is not None:
        _set_type(store, request.UserID, request.UserType)


def _set_type(store: Store, user_id: int, kind: int | None) -> None:
    visitor = _VISITOR if kind == GUEST else None
    store.modify("users", {"user_type_id": visitor}, {"users": {"id": user_id}})
    role = {"user_id": user_id, "role": _ADMINISTRATOR_ROLE}
    if kind == ADMINISTRATOR:
        store.insert_or_modify("user_roles", [role])
    else:
        store.destroy("user_roles", {"user_roles": role})


def _add_template(store: Store, table: str, user_id: int, template: bytes) -> None:
    model, column = store.model(table), store.models.column
    same = (column(table, "user_id") == user_id) & (column(table, "template") == template)
    if model.select().where(same).exists():
        return
    row: dict[str, object] = {"user_id": user_id, "template": base64.b64encode(template).decode()}
    if store.registry[table].has("length"):
        row["length"] = len(template)
    store.insert(table, [row])


def delete_user(call: Call[DeleteUser]) -> Done:
    """Delete a person with all that is theirs; the logs stay."""
    store = call.context.store
    with call.context.obeyed(), store.transaction():
        if not store.destroy("users", {"users": {"id": call.request.UserID}}):
            raise _unknown(call.request.UserID)
        drop_access_time(store, call.request.UserID)
    return DONE


def delete_attendance_log(call: Call[DeleteAttendanceLog]) -> Done:
    """Delete the rows of `access_logs` of days of the site's wall clock, both ends included."""
    context, request = call.context, call.request
    if request.EndDate < request.StartDate:
        raise InvalidRequest("Invalid member 'EndDate' (it is before StartDate)")
    context.catch_up()
    begin = context.device_time.midnight(request.StartDate)
    end = context.device_time.midnight(request.EndDate + timedelta(days=1))
    where = {_LOG: {"time": {">=": begin, "<": end}}}
    told = audited_write(call, _DELETE_LOG, _LOG, where=where, existing=True)
    with told as outcome:
        outcome.count = context.store.destroy(_LOG, outcome.where)
    return DONE


def update_access_time(call: Call[UpdateAccessTime]) -> Done:
    """Let a person pass within one span of the day on some days of the week, and only then."""
    request, store = call.request, call.context.store
    every_day = len(request.AccessDays) == len(WEEK)
    span: dict[str, object] = {
        "start": _second_of_day(request.AccessStartTime),
        "end": _second_of_day(request.AccessEndTime),
        **{field: int(day in request.AccessDays) for day, field in WEEK.items()},
        **dict.fromkeys(HOLIDAY_GROUPS, int(every_day)),
    }
    with call.context.obeyed(), store.transaction():
        if not _exists(store, request.UserID):
            raise _unknown(request.UserID)
        set_access_time(store, request.UserID, span)
    return DONE


def _second_of_day(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _exists(store: Store, user_id: int) -> bool:
    key = store.models.key("users")
    return store.model("users").select().where(key == user_id).exists()


def _unknown(user_id: int) -> NotFound:
    return NotFound(f"there is no user {user_id}")


def _said(request: OperationData) -> str:
    """What a request brought, for the audit log; of a template only its length."""
    words = []
    for member, value in request:
        if isinstance(value, bytes):
            words.append(f"{member} of {len(value)} bytes")
        elif isinstance(value, frozenset):
            words.append(f"{member} {','.join(map(str, sorted(value)))}")
        elif value is not None:
            words.append(f"{member} {value}")
    return f": {', '.join(words)}"


_TOLD = Audit(AuditType.API, _said)
_ADMINISTRATORS = Right.ADMINISTRATOR

_ALL = (
    Command(
        add_user,
        _ADMINISTRATORS,
        name="Add User",
        example={"UserID": "100", "FirstName": "Ana", "UserType": "1"},
        audit=_TOLD,
        errors=(NotFound,),
    ),
    Command(
        delete_user,
        _ADMINISTRATORS,
        name="Delete User",
        example={"UserID": "100"},
        audit=_TOLD,
        errors=(NotFound,),
    ),
    # Its entry is written together with its rows.
    Command(
        delete_attendance_log,
        _ADMINISTRATORS,
        name=_DELETE_LOG,
        example={"StartDate": "2025-01-01", "EndDate": "2025-01-31"},
    ),
    Command(
        update_access_time,
        _ADMINISTRATORS,
        name="Update AccessTime",
        example={
            "UserID": "100",
            "AccessStartTime": "08:00:00",
            "AccessEndTime": "18:00:00",
            "AccessDays": "1,2,3,4,5",
        },
        audit=_TOLD,
        errors=(NotFound,),
    ),
)

MINOP_COMMANDS: Mapping[str, Command] = MappingProxyType(
    {command.name: command for command in _ALL}
)
"""CommandName and CommandEntity, with a space between -> command."""


def execute_minop(context: CommandContext, caller: Caller, envelope: Envelope) -> Answer:
    """Run the command that `envelope` names. Raises InvalidRequest for one that there is not."""
    name = f"{envelope.CommandName} {envelope.CommandEntity}"
    command = MINOP_COMMANDS.get(name)
    if command is None:
        raise InvalidRequest(f"{name} is not a command: {', '.join(MINOP_COMMANDS)} are")
    return execute(command, context, caller, lambda: envelope.OperationData)
