"""API logins and their roles, for administrators.

The vendor's device has one login and `change_login`; the names of these commands are ours. No
password is ever answered, since only its hash is kept. The last administrator stays one. Whoever
is deleted, or gets another role or password, has no session any more: also when it was done to
oneself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import LoginRequest, NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, NotFound
from gateway.store.tables.accounts import LONGEST_LOGIN, LONGEST_PASSWORD, Account, Role
from gateway.store.tables.audit import AuditType

RoleName = Literal["administrator", "operator"]


class CreateLoginRequest(LoginRequest):
    """`create_login`."""

    role: RoleName


class ModifyLoginRequest(RequestModel):
    """`modify_login`: the members that are there change."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]
    role: RoleName | None = None
    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)] | None = None


class DeleteLoginRequest(RequestModel):
    """`delete_login`."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]


class LoginShown(TypedDict):
    """A login as lists show it."""

    login: str
    role: str


class Logins(TypedDict):
    """Answer to `list_logins`."""

    logins: list[LoginShown]


def create_login(call: Call[CreateLoginRequest]) -> Done:
    """Make a login that does not exist yet."""
    call.context.accounts.create(call.request.login, call.request.password, Role(call.request.role))
    return DONE


def list_logins(call: Call[NoMembers]) -> Logins:
    """Every login with its role, by name."""
    return {"logins": [shown(account) for account in call.context.accounts.logins()]}


def modify_login(call: Call[ModifyLoginRequest]) -> Done:
    """Give a login another role, another password or both, and end its sessions.

    The last administrator cannot become an operator.
    """
    request = call.request
    if request.role is None and request.password is None:
        raise InvalidRequest("modify_login: role or password is needed")
    role = None if request.role is None else Role(request.role)
    call.context.accounts.modify(request.login, password=request.password, role=role)
    call.context.sessions.close_login(request.login)
    return DONE


def delete_login(call: Call[DeleteLoginRequest]) -> Done:
    """Delete a login, and end its sessions. The last administrator cannot be deleted."""
    call.context.accounts.delete(call.request.login)
    call.context.sessions.close_login(call.request.login)
    return DONE


def shown(account: Account) -> LoginShown:
    """A login as lists show it."""
    return {"login": account.login, "role": account.role.value}


def _created(request: CreateLoginRequest) -> str:
    return f" of {request.login!r} as {request.role}"


def _modified(request: ModifyLoginRequest) -> str:
    changes = [f"role {request.role}"] if request.role else []
    changes += ["password"] if request.password is not None else []
    return f" of {request.login!r}: {', '.join(changes) or 'nothing'}"


def _deleted(request: DeleteLoginRequest) -> str:
    return f" of {request.login!r}"


COMMANDS = (
    Command(
        create_login,
        Right.ADMINISTRATOR,
        audit=Audit(AuditType.API, _created, refusals=True),
        example={"login": "reception", "password": "secret", "role": "operator"},
    ),
    Command(list_logins, Right.ADMINISTRATOR),
    Command(
        modify_login,
        Right.ADMINISTRATOR,
        errors=(NotFound,),
        audit=Audit(AuditType.API, _modified, refusals=True),
        example={"login": "reception", "role": "administrator"},
    ),
    Command(
        delete_login,
        Right.ADMINISTRATOR,
        errors=(NotFound,),
        audit=Audit(AuditType.API, _deleted, refusals=True),
        example={"login": "reception"},
    ),
)
