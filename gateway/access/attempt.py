"""An attempt at a reader, and the state of the doors behind its portal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gateway.access.person import Person
from gateway.access.reasons import Reason


class Factor(StrEnum):
    """How a person identifies."""

    CARD = "card"
    QRCODE = "qrcode"
    UHF_TAG = "uhf_tag"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    """User id and password, or the password alone as a second factor."""

    @property
    def keyed(self) -> bool:
        """True for what is typed at a keypad."""
        return self in (Factor.PIN, Factor.PASSWORD)


class Duress(StrEnum):
    """The kind of a credential that was presented under duress."""

    CARD = "card"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    FINGER = "finger"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A credential presented at a reader, with its owner."""

    reader: str
    portal_id: int
    """The portal of the reader, 0 for none."""
    factor: Factor
    person: Person | None
    """None if the credential has no owner."""
    contingency: bool = False
    """A contingency card of the site (`contingency_cards`), which has no owner and counts
    only while no server answers."""
    duress: Duress | None = None
    first: Person | None = None
    """Who showed what came before a factor that nobody here owns: a server decides on all of it."""


@dataclass(frozen=True, slots=True)
class PortalState:
    """State of the doors and the turnstile behind a portal at one instant."""

    released: bool = False
    """Fire or emergency keeps them all unlocked."""
    locked_down: bool = False
    """One of them is locked down."""
    interlocked: bool = False
    """A door of the interlock that must be closed is not."""
    side_locked: bool = False
    """The turnstile is locked in that direction."""
    facts: Mapping[Reason, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    """Refusal reason -> the facts that the journal keeps of it."""

    @property
    def barred_by(self) -> Reason | None:
        """Why nothing may be opened now; None if it may."""
        if self.locked_down:
            return Reason.LOCK_DOWN
        if self.side_locked:
            return Reason.TURNSTILE_BLOCKED
        return Reason.INTERLOCK if self.interlocked else None
