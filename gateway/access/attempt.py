"""What somebody does at a reader, as far as admission needs to know it."""

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
        """True for what is typed at a keypad, and can be guessed."""
        return self in (Factor.PIN, Factor.PASSWORD)


class Duress(StrEnum):
    """A credential that is presented under threat."""

    CARD = "card"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    FINGER = "finger"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A credential presented at a reader, with whoever owns it."""

    reader: str
    portal_id: int
    """The portal that the reader stands for, 0 for none."""
    factor: Factor
    person: Person | None
    """None when nobody owns what was presented."""
    contingency: bool = False
    """An emergency card of the site, nobody's own (`contingency_cards`): only looked up while
    no server answers."""
    duress: Duress | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """How the doors behind a portal stand at this instant."""

    released: bool = False
    """Fire or emergency holds them all open."""
    locked_down: bool = False
    """One of them is locked down."""
    interlocked: bool = False
    """A door that must be closed before one of them may open is not."""
    side_locked: bool = False
    """The turnstile among them lets nobody turn that way."""
    facts: Mapping[Reason, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    """By the reason that it would be a refusal for, what a record is to keep of it."""
