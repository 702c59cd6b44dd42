"""Sessions, the password of a login, and the hash of a person's password."""

from __future__ import annotations

from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import LoginRequest, NewLoginRequest, NoMembers, PasswordRequest
from gateway.commands.rights import Right
from gateway.credentials.password_hash import hash_password, new_salt
from gateway.errors import NotAuthenticated


class SessionAnswer(TypedDict):
    """Answer to `login`."""

    session: str


class SessionState(TypedDict):
    """Answer to `session_is_valid`."""

    session_is_valid: bool


class HashedPassword(TypedDict):
    """Answer to `user_hash_password`: two fields of `users`."""

    password: str
    salt: str


def login(call: Call[LoginRequest]) -> SessionAnswer:
    """A session for a login and its password."""
    account = call.context.accounts.verify(call.request.login, call.request.password)
    if account is None:
        raise NotAuthenticated("Invalid login or password")
    return {"session": call.context.sessions.open(account.login, account.stamp).token}


def logout(call: Call[NoMembers]) -> Done:
    """End the caller's session."""
    if call.caller.token is not None:
        call.context.sessions.close(call.caller.token)
    return DONE


def session_is_valid(call: Call[NoMembers]) -> SessionState:
    """Whether the caller's session is valid; clients ask before every command."""
    return {"session_is_valid": call.caller.role is not None}


def change_login(call: Call[NewLoginRequest]) -> Done:
    """Set the password of a login.

    An unknown name renames the caller's login: this is how clients rename the only login of the
    vendor's device. The sessions of the login end, except the caller's own.
    """
    request = call.request
    accounts, sessions = call.context.accounts, call.context.sessions
    own = call.caller.login
    if own is None or call.caller.token is None:
        raise NotAuthenticated("Invalid session")
    if request.login == own or accounts.find(request.login):
        account = accounts.set_password(request.login, request.password)
    else:
        account = accounts.rename(own, request.login, request.password)
        sessions.close_login(own, keep=call.caller.token)
        own = account.login
    if account.login == own:
        sessions.renew(call.caller.token, account.login, account.stamp)
    sessions.close_login(account.login, keep=call.caller.token)
    return DONE


def user_hash_password(call: Call[PasswordRequest]) -> HashedPassword:
    """Hash and salt that a client stores in `users`."""
    salt = new_salt()
    return {"password": hash_password(call.request.password, salt), "salt": salt}


def _audit_detail(request: LoginRequest) -> str:
    return f" of {request.login!r}"


COMMANDS = (
    Command(
        login,
        Right.LOG_IN,
        audit=Audit(_audit_detail, refusals=True, throttled=True),
        example={"login": "admin", "password": "secret"},
    ),
    Command(logout, Right.SESSION_ONLY),
    Command(session_is_valid, Right.NONE),
    Command(
        change_login,
        Right.OWNER,
        audit=Audit(_audit_detail, refusals=True),
        example={"login": "admin", "password": "better secret"},
    ),
    Command(user_hash_password, example={"password": "1234"}),
)
