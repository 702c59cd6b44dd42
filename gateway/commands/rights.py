"""Callers, their sessions, and the rights that commands need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
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


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a command. Without a valid session, `login` and `role` are None and `token` is
    what the client sent."""

    login: str | None
    role: Role | None
    token: str | None
    address: str
    afterwards: list[Callable[[], None]] = field(default_factory=list, compare=False, repr=False)
    """What to do once the answer has been sent."""

    @property
    def sees_secrets(self) -> bool:
        """Whether the caller may read and search password hashes, PINs and other secrets."""
        return self.role is Role.ADMINISTRATOR


class Right(Enum):
    """What a command needs of its caller."""

    NONE = "none"
    SESSION_ONLY = "session only"
    """Of a login of any role, those of other devices included."""
    DOOR_STATE = "door state"
    OPEN_DOORS = "open doors"
    ANY_SESSION = "any session"
    """Of a person's login."""
    ADMINISTRATOR = "administrator"


_RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.OPERATOR: frozenset(Right) - {Right.ADMINISTRATOR},
    Role.DOOR_OPENER: frozenset({Right.SESSION_ONLY, Right.DOOR_STATE, Right.OPEN_DOORS}),
    Role.DOOR_READER: frozenset({Right.SESSION_ONLY, Right.DOOR_STATE}),
}


def check_right(caller: Caller, right: Right) -> None:
    """Raise NotAuthenticated without a session, or NotPermitted if the role lacks `right`.

    Both texts are the vendor's; clients compare them.
    """
    if right is Right.NONE:
        return
    if caller.role is None:
        raise NotAuthenticated("Invalid session")
    if right not in _RIGHTS[caller.role]:
        raise NotPermitted("Invalid access level")
