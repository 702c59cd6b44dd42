"""Sessions, the API's own logins, and the hash of people's passwords."""

from __future__ import annotations

from gateway.commands.answers import DONE, Answer
from gateway.commands.command import GET_OR_POST, Audit, Command
from gateway.commands.context import CommandContext
from gateway.commands.requests import LoginRequest, NoMembers, PasswordRequest
from gateway.commands.rights import Caller, Right
from gateway.credentials.password_hash import hash_password, new_salt
from gateway.errors import NotAuthenticated
from gateway.store.audit import AuditType


def login(context: CommandContext, caller: Caller, request: LoginRequest) -> Answer:
    """A session for a login and its password."""
    account = context.accounts.verify(request.login, request.password, caller.address)
    if account is None:
        raise NotAuthenticated("Invalid login or password")
    return {"session": context.sessions.open(account.login, account.stamp).token}


def logout(context: CommandContext, caller: Caller, request: NoMembers) -> Answer:
    """End the caller's session."""
    del request
    if caller.token is not None:
        context.sessions.close(caller.token)
    return DONE


def session_is_valid(context: CommandContext, caller: Caller, request: NoMembers) -> Answer:
    """Whether the caller's session stands; clients ask before every command."""
    del context, request
    return {"session_is_valid": caller.role is not None}


def change_login(context: CommandContext, caller: Caller, request: LoginRequest) -> Answer:
    """Set the password of a login.

    A name that is not a login yet renames the caller's: the vendor's device has one login, and
    this is how it gets another name. Sessions of that login end, except the caller's own.
    """
    accounts, sessions = context.accounts, context.sessions
    own = caller.login
    if own is None or caller.token is None:
        raise NotAuthenticated("Invalid session")
    if request.login == own or accounts.find(request.login):
        account = accounts.set_password(request.login, request.password)
    else:
        account = accounts.rename(own, request.login, request.password)
        sessions.close_login(own, keep=caller.token)
        own = account.login
    if account.login == own:
        sessions.renew(caller.token, account.login, account.stamp)
    sessions.close_login(account.login, keep=caller.token)
    return DONE


def user_hash_password(context: CommandContext, caller: Caller, request: PasswordRequest) -> Answer:
    """Hash and salt that a client stores in `users`."""
    del context, caller
    salt = new_salt()
    return {"password": hash_password(request.password, salt), "salt": salt}


def _named(request: LoginRequest) -> str:
    return f" of {request.login!r}"


COMMANDS = (
    Command(
        "login",
        LoginRequest,
        login,
        Right.NONE,
        aliases=("hidlogin",),
        form=True,
        audit=Audit(AuditType.API, _named, refusals=True, often=True),
    ),
    Command("logout", NoMembers, logout, methods=GET_OR_POST),
    Command("session_is_valid", NoMembers, session_is_valid, Right.NONE, methods=GET_OR_POST),
    Command(
        "change_login",
        LoginRequest,
        change_login,
        Right.ADMINISTRATOR,
        audit=Audit(AuditType.API, _named, refusals=True),
    ),
    Command("user_hash_password", PasswordRequest, user_hash_password),
)
