"""Settings, state and results of admission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.access.attempt import Attempt, Duress, Factor, PortalState
from gateway.access.decision import Decision
from gateway.access.escort import HostPass
from gateway.access.factor_modes import FactorMode
from gateway.access.guessing import Guard, GuardSettings
from gateway.access.multi_person import MultiPersonGroup
from gateway.access.occupancy import Occupancy
from gateway.access.passback import UNKNOWN_POSITION, Now, PassbackPosition, PassbackSettings
from gateway.access.person import Person
from gateway.access.threat import ThreatLevel
from gateway.clock import Moment


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """How a site identifies people. Times are milliseconds."""

    second_factor: bool = False
    """A card or code needs a PIN or password after it (`multi_factor_authentication`)."""
    keypads: frozenset[str] = frozenset()
    """The readers with a keypad."""
    whole_pins: frozenset[str] = frozenset()
    """Keypads that send a PIN in one frame, after its last key."""
    second_factor_ms: int = 30_000
    """Time for the second factor, from the first one."""
    next_key_ms: int = 10_000
    """Longest time between two keys, and from the first factor to the first key."""
    persons_ms: int = 15_000
    """Time for a multi-person group, from its first person."""
    guard: GuardSettings = field(default_factory=GuardSettings)
    passback: PassbackSettings = field(default_factory=PassbackSettings)
    contingency: bool = False
    """No server answers, so contingency cards count."""
    any_factors: bool = False
    """What is shown counts as every factor: tells what comes after a second factor that is due."""

    @property
    def factor_mode(self) -> FactorMode:
        """What a portal asks for that no row of `portal_factor_modes` speaks of."""
        return FactorMode.CARD_AND_PIN if self.second_factor else FactorMode.CARD_OR_PIN


@dataclass(frozen=True, slots=True)
class PendingFactor:
    """A person whose second factor a reader awaits."""

    person: Person
    portal_id: int
    until_ms: int
    """When the time for the second factor ends."""
    next_key_until_ms: int
    duress: Duress | None = None
    """Set if the first factor was presented under duress."""
    wanted: tuple[Factor, ...] = (Factor.PIN, Factor.PASSWORD)
    """What counts as the second factor; a server may ask for another than a keyed one."""

    @property
    def due_ms(self) -> int:
        return min(self.until_ms, self.next_key_until_ms)


@dataclass(frozen=True, slots=True)
class AdmissionState:
    """What admission remembers between two attempts; only `admission` changes it."""

    pending: Mapping[str, PendingFactor] = field(default_factory=lambda: MappingProxyType({}))
    """By reader."""
    guards: Mapping[str, Guard] = field(default_factory=lambda: MappingProxyType({}))
    """By reader."""
    groups: Mapping[int, MultiPersonGroup] = field(default_factory=lambda: MappingProxyType({}))
    """By portal."""
    hosts: Mapping[int, tuple[HostPass, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By portal, the hosts who were let in last."""


@dataclass(frozen=True, slots=True)
class AdmissionOutcome:
    """One decision to log; the last one of an attempt is its answer."""

    decision: Decision
    reader: str = ""
    """Where the attempt was made; empty for a person whose multi-person group timed out."""
    person: Person | None = None
    duress: Duress | None = None
    """The duress alarm of the attempt, for a grant and a refusal alike."""
    portal_rule_ids: tuple[int, ...] = ()
    """The portal rules that a multi-person group completes, or waits for."""
    company: tuple[Person, ...] = ()
    """Everyone who enters by this grant: the person and the group that waited."""
    passback_violation: bool = False
    """The person was let in although their position is another area."""
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the outcome rests on beside the rules, as `facts` names it: for the record."""
    logged_portal_id: int = 0
    """The portal that a server named for the log; 0 for that of the reader."""


@dataclass(frozen=True, slots=True)
class KeypadChange:
    """A keypad locked after too many wrong entries, or accepts entries again."""

    reader: str
    locked_ms: int
    """For how long it is locked, 0 if it is free again."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """An attempt on which a server is to decide."""

    attempt: Attempt
    first: PendingFactor | None = None
    """The first factor, if the attempt is a second one."""


@dataclass(frozen=True, slots=True)
class AdmissionStep:
    """The state after a step, the outcomes to log in this order, and changes of keypads."""

    state: AdmissionState
    outcomes: tuple[AdmissionOutcome, ...] = ()
    keypads: tuple[KeypadChange, ...] = ()
    undecided: Undecided | None = None
    """The attempt on which a server is to decide: no outcome is its answer."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts at the instant of an attempt, other than the rules."""

    moment: Moment
    now_ms: int
    """Monotonic."""
    now: Now
    """Wall clock, for anti-passback."""
    portal_state: PortalState = field(default_factory=PortalState)
    position: PassbackPosition = UNKNOWN_POSITION
    """The position of the person, for the portal of the attempt."""
    waiting: tuple[Person, ...] | None = None
    """The people who wait at the portal and still own all that they presented, as read now;
    None counts everyone as they came."""
    first_holds: bool = True
    """The first factor still belongs to the person whose second factor the reader waits for."""
    threat: ThreatLevel | None = None
    """The threat level in force; None for the ordinary one."""
    first_now: Person | None = None
    """Who showed that first factor, as read now, with the first factor; None counts them as they
    were then."""
    occupancy: Occupancy | None = None
    """Of the area that the portal leads to; None where that has no limits."""
