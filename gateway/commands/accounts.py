"""API logins with their roles and the bearer tokens of the second vendor's API, for administrators.

The vendor's device has one login and `change_login`; the names of these commands are ours.
Passwords are stored as hashes and never answered. There is always an administrator. A login that is
deleted or gets another role or password loses its sessions, the caller's own included.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NewLoginRequest, NewPassword, NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, NotFound
from gateway.store.tables.accounts import LONGEST_LOGIN, Account, Role
from gateway.store.tables.tokens import Token

RoleName = Literal["administrator", "operator", "door_opener", "door_reader"]


class CreateLoginRequest(NewLoginRequest):
    """`create_login`."""

    role: RoleName


class ModifyLoginRequest(RequestModel):
    """`modify_login`: changes the given members."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]
    role: RoleName | None = None
    password: NewPassword | None = None


class DeleteLoginRequest(RequestModel):
    """`delete_login`, `end_login_sessions`."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]


class LoginShown(TypedDict):
    """A login as lists show it."""

    login: str
    role: str


class Logins(TypedDict):
    """Answer to `list_logins`."""

    logins: list[LoginShown]


class TokenRequest(RequestModel):
    """`create_token`, `revoke_token`."""

    name: str


class TokenAnswer(TypedDict):
    """Answer to `create_token`."""

    token: str


class TokenShown(TypedDict):
    """A token as lists show it; `created` is ISO 8601 in UTC."""

    name: str
    created: str


class Tokens(TypedDict):
    """Answer to `list_tokens`."""

    tokens: list[TokenShown]


def create_login(call: Call[CreateLoginRequest]) -> Done:
    """Create a login; refused if it exists."""
    call.context.accounts.create(call.request.login, call.request.password, Role(call.request.role))
    return DONE


def list_logins(call: Call[NoMembers]) -> Logins:
    """Every login with its role, by name."""
    return {"logins": [login_shown(account) for account in call.context.accounts.logins()]}


def modify_login(call: Call[ModifyLoginRequest]) -> Done:
    """Change the role, the password or both of a login, and end its sessions.

    The last administrator stays one.
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


def end_login_sessions(call: Call[DeleteLoginRequest]) -> Done:
    """End the sessions of a login, except the caller's own."""
    account = call.context.accounts.find(call.request.login)
    if account is None:
        raise NotFound(f"there is no login {call.request.login}")
    call.context.sessions.close_login(account.login, keep=call.caller.token)
    return DONE


def create_token(call: Call[TokenRequest]) -> TokenAnswer:
    """Create a token; only this answer ever shows it."""
    return {"token": call.context.tokens.create(call.request.name)}


def list_tokens(call: Call[NoMembers]) -> Tokens:
    """The names of the valid tokens, and when each was created."""
    return {"tokens": [token_shown(token) for token in call.context.tokens.all()]}


def revoke_token(call: Call[TokenRequest]) -> Done:
    """Revoke a token, effective from the next request."""
    call.context.tokens.revoke(call.request.name)
    return DONE


def login_shown(account: Account) -> LoginShown:
    """A login as lists show it."""
    return {"login": account.login, "role": account.role.value}


def token_shown(token: Token) -> TokenShown:
    """A token as lists show it; `created` is ISO 8601 in UTC."""
    return {"name": token.name, "created": token.created.isoformat()}


def _created(request: CreateLoginRequest) -> str:
    return f" of {request.login!r} as {request.role}"


def _modified(request: ModifyLoginRequest) -> str:
    changes = [f"role {request.role}"] if request.role else []
    changes += ["password"] if request.password is not None else []
    return f" of {request.login!r}: {', '.join(changes) or 'nothing'}"


def _deleted(request: DeleteLoginRequest) -> str:
    return f" of {request.login!r}"


_TOKEN_AUDIT = Audit(lambda request: f": {request.name}")

COMMANDS = (
    Command(
        create_login,
        Right.OWNER,
        audit=Audit(_created, refusals=True),
        example={"login": "reception", "password": "staple-cow", "role": "operator"},
    ),
    Command(list_logins, Right.OWNER),
    Command(
        modify_login,
        Right.OWNER,
        errors=(NotFound,),
        audit=Audit(_modified, refusals=True),
        example={"login": "reception", "role": "administrator"},
    ),
    Command(
        delete_login,
        Right.OWNER,
        errors=(NotFound,),
        audit=Audit(_deleted, refusals=True),
        example={"login": "reception"},
    ),
    Command(
        end_login_sessions,
        Right.OWNER,
        errors=(NotFound,),
        audit=Audit(_deleted, refusals=True),
        example={"login": "reception"},
    ),
    Command(create_token, Right.OWNER, audit=_TOKEN_AUDIT, example={"name": "turnstile"}),
    Command(list_tokens, Right.OWNER),
    Command(
        revoke_token,
        Right.OWNER,
        audit=_TOKEN_AUDIT,
        errors=(NotFound,),
        example={"name": "turnstile"},
    ),
)
