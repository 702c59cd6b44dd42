"""Who asks, and what a command needs of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from gateway.errors import NotAuthenticated, NotPermitted
from gateway.store.tables.accounts import Role


@dataclass(frozen=True, slots=True)
class Session:
    """A login that stands: what an API client got for its password."""

    token: str
    login: str
    stamp: str
    """Changes with the account's password and role (`Account.stamp`): a session outlives neither
    of them."""


class Sessions(Protocol):
    """The sessions that stand; a transport keeps them, any thread may use them."""

    def open(self, login: str, stamp: str) -> Session:
        """A new session; the one that has been idle longest makes room when there are too many."""

    def use(self, token: str) -> AbstractContextManager[Session | None]:
        """The session of `token`, in use as long as the block runs; None when it is dead."""

    def close(self, token: str) -> None:
        """End a session; a dead one is no error."""

    def close_login(self, login: str, *, keep: str | None = None) -> None:
        """End every session of `login`, except the one with the token `keep`."""

    def renew(self, token: str, login: str, stamp: str) -> None:
        """Tie a session to the account's new name and stamp."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a command. Without a valid session, `login` and `role` are None; `token` is then
    what was sent in its place."""

    login: str | None
    role: Role | None
    token: str | None
    address: str
    afterwards: list[Callable[[], None]] = field(default_factory=list, compare=False, repr=False)
    """What a command leaves to be done once its answer has gone out."""

    @property
    def sees_secrets(self) -> bool:
        """True when password hashes, PINs and the like may be shown and asked for."""
        return self.role is Role.ADMINISTRATOR


class Right(Enum):
    """What a command needs of its caller."""

    NONE = "none"
    ANY_SESSION = "any session"
    ADMINISTRATOR = "administrator"


def check_right(caller: Caller, right: Right) -> None:
    """Return when `caller` has `right`.

    Raises NotAuthenticated without a session, NotPermitted when the session's role is not enough.
    Both texts are the device's own, which clients match.
    """
    if right is Right.NONE:
        return
    if caller.role is None:
        raise NotAuthenticated("Invalid session")
    if right is Right.ADMINISTRATOR and caller.role is not Role.ADMINISTRATOR:
        raise NotPermitted("Invalid access level")
