"""The commands of the second vendor's API ("Minop"), carried out on the objects of this device.

Not documented by the vendor and decided here:

- `UserID` is `users.id` and, for a new person, `users.registration`: 1 to 15 digits without a
  leading zero, since `007` and `7` would be the same person.
- Add User of an existing person changes the given members only: there is no other way to correct
  a name, and a client may repeat a command. A new person needs FirstName and UserType.
- `UserType`: 1, standard, joins group 1 of the factory; 14, device administrator, also gets the
  role of an administrator; 0, guest, is a visitor without a group, admitted only within an access
  time. The groups of an existing person do not change.
- FaceTemplate and FingerTemplate are stored and served, not matched. A repeated template is stored
  once.
- Update AccessTime replaces the access time; `gateway.store.tables.access_times` says what it means
  at the door. It ends with the second of AccessEndTime. A span that starts later than it ends runs
  past midnight and belongs to the day on which it starts. On a holiday only an access time for all
  days of the week applies.
- Unknown members are refused, since "done" would say that they were carried out.

A command is one transaction: a refused command changes nothing.
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
from gateway.objects.fields import invalid_value
from gateway.objects.schedules import HOLIDAY_GROUPS
from gateway.store.objects.store import Store
from gateway.store.tables.access_times import drop_access_time, set_access_time

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
    """Add a person, or change the given members of an existing one; add templates."""
    request = call.request
    if all(value is None for member, value in request if member != "UserID"):
        raise InvalidRequest("Add User needs a name, a type or a template")
    store, user_id = call.context.store, request.UserID
    with call.context.policy_applied(), store.transaction():
        if not call.context.has_row("users", user_id):
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
            raise invalid_value(member, "a new person needs it")
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
    """Delete a person with their credentials and ties; the logs stay."""
    store = call.context.store
    with call.context.policy_applied(), store.transaction():
        if not store.destroy("users", {"users": {"id": call.request.UserID}}):
            raise _unknown(call.request.UserID)
        drop_access_time(store, call.request.UserID)
    return DONE


def delete_attendance_log(call: Call[DeleteAttendanceLog]) -> Done:
    """Delete the rows of `access_logs` from StartDate to EndDate, both days included."""
    context, request = call.context, call.request
    if request.EndDate < request.StartDate:
        raise invalid_value("EndDate", "it is before StartDate")
    context.catch_up()
    begin = context.device_time.midnight(request.StartDate)
    end = context.device_time.midnight(request.EndDate + timedelta(days=1))
    where = {_LOG: {"time": {">=": begin, "<": end}}}
    with audited_write(call, _DELETE_LOG, _LOG, where=where, existing=True) as outcome:
        outcome.count = context.store.destroy(_LOG, outcome.where)
    return DONE


def update_access_time(call: Call[UpdateAccessTime]) -> Done:
    """Admit a person only within one span of the day, on the given days of the week."""
    request, store = call.request, call.context.store
    every_day = len(request.AccessDays) == len(WEEK)
    span: dict[str, object] = {
        "start": _second_of_day(request.AccessStartTime),
        "end": _second_of_day(request.AccessEndTime),
        **{field: int(day in request.AccessDays) for day, field in WEEK.items()},
        **dict.fromkeys(HOLIDAY_GROUPS, int(every_day)),
    }
    with call.context.policy_applied(), store.transaction():
        call.context.require_user(request.UserID)
        set_access_time(store, request.UserID, span)
    return DONE


def _second_of_day(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _unknown(user_id: int) -> NotFound:
    return NotFound(f"there is no user {user_id}")


def _audit_detail(request: OperationData) -> str:
    """The given members; of a template only its length."""
    words = []
    for member, value in request:
        if isinstance(value, bytes):
            words.append(f"{member} of {len(value)} bytes")
        elif isinstance(value, frozenset):
            words.append(f"{member} {','.join(map(str, sorted(value)))}")
        elif value is not None:
            words.append(f"{member} {value}")
    return f": {', '.join(words)}"


_AUDIT = Audit(_audit_detail)

_ALL = (
    Command(
        add_user,
        Right.ADMINISTRATOR,
        name="Add User",
        example={"UserID": "100", "FirstName": "Ana", "UserType": "1"},
        audit=_AUDIT,
        errors=(NotFound,),
    ),
    Command(
        delete_user,
        Right.ADMINISTRATOR,
        name="Delete User",
        example={"UserID": "100"},
        audit=_AUDIT,
        errors=(NotFound,),
    ),
    # Its entry is written together with its rows.
    Command(
        delete_attendance_log,
        Right.ADMINISTRATOR,
        name=_DELETE_LOG,
        example={"StartDate": "2025-01-01", "EndDate": "2025-01-31"},
    ),
    Command(
        update_access_time,
        Right.ADMINISTRATOR,
        name="Update AccessTime",
        example={
            "UserID": "100",
            "AccessStartTime": "08:00:00",
            "AccessEndTime": "18:00:00",
            "AccessDays": "1,2,3,4,5",
        },
        audit=_AUDIT,
        errors=(NotFound,),
    ),
)

MINOP_COMMANDS: Mapping[str, Command] = MappingProxyType(
    {command.name: command for command in _ALL}
)
"""From CommandName and CommandEntity, separated by a space, to the command."""


def execute_minop(context: CommandContext, caller: Caller, envelope: Envelope) -> Answer:
    """Run the command that `envelope` names. Raises InvalidRequest for an unknown one."""
    name = f"{envelope.CommandName} {envelope.CommandEntity}"
    command = MINOP_COMMANDS.get(name)
    if command is None:
        raise InvalidRequest(f"{name} is not a command: {', '.join(MINOP_COMMANDS)} are")
    return execute(command, context, caller, lambda: envelope.OperationData)
