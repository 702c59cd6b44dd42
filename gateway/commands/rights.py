"""Callers, their sessions, and the rights that commands need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Protocol

from gateway.errors import NotAuthenticated, NotPermitted
from gateway.store.tables.accounts import Role


@dataclass(frozen=True, slots=True)
class Session:
    """A session, which an API client gets for login and password."""

    token: str
    login: str
    stamp: str
    """The account's `Account.stamp` at login: a session ends when password or role change."""


class Sessions(Protocol):
    """The valid sessions, which the transport keeps. Thread-safe."""

    def open(self, login: str, stamp: str) -> Session:
        """A new session; beyond the limit it replaces the longest idle one of the same login."""

    def use(self, token: str) -> AbstractContextManager[Session | None]:
        """The session of `token`, which cannot expire within the block; None for no session."""

    def close(self, token: str) -> None:
        """End a session, if there is one."""

    def close_login(self, login: str, *, keep: str | None = None) -> None:
        """End every session of `login`, except the one with the token `keep`."""

    def renew(self, token: str, login: str, stamp: str) -> None:
        """Give a session the account's new name and stamp."""


class ServerRole(StrEnum):
    """The role of a server whose commands this device pulls. No login can have it."""

    SERVER = "server"
    """May what an administrator may, without secrets and without what needs `Right.OWNER`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a command. Without a valid session, `login` and `role` are None and `token` is
    what the client sent."""

    login: str | None
    role: Role | ServerRole | None
    token: str | None
    address: str
    afterwards: list[Callable[[], None]] = field(default_factory=list, compare=False, repr=False)
    """What to do once the answer has been sent."""

    @property
    def sees_secrets(self) -> bool:
        """Whether the caller may read and search password hashes, PINs and other secrets."""
        return self.role is Role.ADMINISTRATOR


PUSH = "push"
"""The name of the caller of pulled commands, in the audit log and in counts of each login."""


def server_caller(server: str) -> Caller:
    """The caller of the commands that are pulled from the server with the address `server`."""
    return Caller(PUSH, ServerRole.SERVER, None, server)


class Right(Enum):
    """What a command needs of its caller."""

    NONE = "none"
    LOG_IN = "log in"
    """No session, as a person or program at the device's address: no server may guess passwords."""
    SESSION_ONLY = "session only"
    """Of a login of any role, those of other devices included."""
    DOOR_STATE = "door state"
    OPEN_DOORS = "open doors"
    ANY_SESSION = "any session"
    """Of a person's login."""
    ADMINISTRATOR = "administrator"
    OWNER = "owner"
    """An administrator, never a server: logins and tokens, all secrets at once (backup, restore,
    the HTTPS key), factory reset, the audit log, and writes to logs."""

    @property
    def with_session(self) -> bool:
        """Whether a caller needs a session."""
        return self not in {Right.NONE, Right.LOG_IN}


_WITHOUT_SESSION = frozenset(right for right in Right if not right.with_session)
_RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        Role.ADMINISTRATOR: frozenset(Right),
        Role.OPERATOR: frozenset(Right) - {Right.ADMINISTRATOR, Right.OWNER},
        Role.DOOR_OPENER: _WITHOUT_SESSION
        | {Right.SESSION_ONLY, Right.DOOR_STATE, Right.OPEN_DOORS},
        Role.DOOR_READER: _WITHOUT_SESSION | {Right.SESSION_ONLY, Right.DOOR_STATE},
        ServerRole.SERVER: frozenset(Right) - {Right.LOG_IN, Right.OWNER},
    }
)


def check_right(caller: Caller, right: Right) -> None:
    """Raise NotAuthenticated without a session, or NotPermitted if the role lacks `right`.

    Both texts are the vendor's; clients compare them.
    """
    if may(caller, right):
        return
    if caller.role is None:
        raise NotAuthenticated("Invalid session")
    raise NotPermitted("Invalid access level")


def may(caller: Caller, right: Right) -> bool:
    """Whether `check_right` lets the caller pass."""
    return not right.with_session if caller.role is None else right in _RIGHTS[caller.role]
