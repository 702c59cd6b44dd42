"""What admission works with: its settings, its memory, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.access.attempt import Duress, Place
from gateway.access.decision import Decision
from gateway.access.keypad_guard import Guard, GuardSettings
from gateway.access.multi_person import MultiPersonGroup
from gateway.access.passback import UNKNOWN_POSITION, Now, PassbackPosition, PassbackSettings
from gateway.access.person import Person
from gateway.clock import Moment


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """How a site identifies, beside its rules. Times are milliseconds."""

    second_factor: bool = False
    """A card or code needs a PIN or password after it (`multi_factor_authentication`)."""
    keypads: frozenset[str] = frozenset()
    """The readers at which something can be keyed."""
    whole_pins: frozenset[str] = frozenset()
    """Those among them that send a PIN as one: nothing is heard there before its last key."""
    second_factor_ms: int = 30_000
    """From the first factor to the end of the second."""
    next_key_ms: int = 10_000
    """From one key to the next, and from the first factor to the first key."""
    persons_ms: int = 15_000
    """From the first of several persons to the last."""
    guard: GuardSettings = field(default_factory=GuardSettings)
    passback: PassbackSettings = field(default_factory=PassbackSettings)
    contingency: bool = False
    """No server answers, so the site's emergency cards count."""


@dataclass(frozen=True, slots=True)
class PendingFactor:
    """Somebody whose second factor is awaited at a reader."""

    person: Person
    portal_id: int
    until_ms: int
    """The end of the whole time."""
    next_key_until_ms: int
    duress: Duress | None = None
    """What the first factor was presented under."""

    @property
    def due_ms(self) -> int:
        return min(self.until_ms, self.next_key_until_ms)


@dataclass(frozen=True, slots=True)
class AdmissionState:
    """What admission remembers between two attempts; changed by the functions here alone."""

    pending: Mapping[str, PendingFactor] = field(default_factory=lambda: MappingProxyType({}))
    """By reader."""
    guards: Mapping[str, Guard] = field(default_factory=lambda: MappingProxyType({}))
    """By reader."""
    gatherings: Mapping[int, MultiPersonGroup] = field(default_factory=lambda: MappingProxyType({}))
    """By portal."""


@dataclass(frozen=True, slots=True)
class AdmissionOutcome:
    """One decision to be logged; the last one of an attempt is its answer."""

    decision: Decision
    reader: str = ""
    """Where the attempt was made; empty for one of several persons who waited in vain."""
    person: Person | None = None
    duress: Duress | None = None
    """The alarm that goes with the attempt, whatever the verdict."""
    portal_rule_ids: tuple[int, ...] = ()
    """Of several persons: the rules that they complete, or that wait."""
    company: tuple[Person, ...] = ()
    """Everyone who enters by this grant: the person, and those who waited for them."""
    passback_violation: bool = False
    """Let in although the record says that they are elsewhere."""
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the outcome rests on beside the rules, as `facts` names it: for the record."""


@dataclass(frozen=True, slots=True)
class KeypadLocked:
    """Too many wrong entries: none is looked at for this long."""

    reader: str
    for_ms: int


@dataclass(frozen=True, slots=True)
class KeypadFreed:
    """Entries are looked at again."""

    reader: str


@dataclass(frozen=True, slots=True)
class AdmissionStep:
    """The state after a step, what is to be logged in this order, and what became of keypads."""

    state: AdmissionState
    outcomes: tuple[AdmissionOutcome, ...] = ()
    keypads: tuple[KeypadLocked | KeypadFreed, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is true at the instant of an attempt, beside the rules."""

    moment: Moment
    now_ms: int
    """Monotonic."""
    now: Now
    """Wall clock, for anti-passback."""
    place: Place = field(default_factory=Place)
    position: PassbackPosition = UNKNOWN_POSITION
    """Of the attempt's person at its portal."""
    waiting: tuple[Person, ...] | None = None
    """Of the people who wait at the portal those to whom everything still belongs that they
    showed, as they are now; None counts everyone as they came."""
    first_holds: bool = True
    """The first factor still belongs to the person whose second factor the reader waits for."""
