"""Which floors of a lift a person may choose, and which anybody may. Pure.

A floor is a portal: its rules, schedules and unlock schedules are those of the rule engine. What
else its portal asks for must be met by the people in the cab, with what they have shown there: a
floor that asks for more is withheld, and the journal says why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gateway.access.credential_terms import CredentialKey
from gateway.access.decision import decide
from gateway.access.escort import HostPass, escorts_of, hosted
from gateway.access.factor_modes import FactorMode
from gateway.access.occupancy import Occupancy
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.threat import ThreatLevel
from gateway.clock import Moment

Floors = Mapping[int, int]
"""Floor -> its portal."""


class FloorHindrance(StrEnum):
    """Why a floor is withheld from people whom its rules let pass; the words are in the journal."""

    SEVERAL_PERSONS = "several_persons"
    """Its portal needs several persons, whom nobody can count in a cab."""
    THREAT_LEVEL = "threat_level"
    """The threat level in force lets only listed groups pass."""
    FACTORS = "factors"
    """Its portal asks for more than somebody has shown."""
    AREA_FULL = "area_full"
    AREA_MINIMUM = "area_minimum"
    """Fewer than may be alone in its area."""
    HOST = "host"
    """A visitor has no host."""


@dataclass(frozen=True, slots=True)
class FloorCircumstances:
    """The facts at the instant of a choice, other than the rules."""

    moment: Moment
    now_ms: int
    """Monotonic."""
    threat: ThreatLevel | None = None
    """The threat level in force; None for the ordinary one."""
    shown: FactorMode = FactorMode.CARD_OR_PIN
    """What everybody has shown beside the credentials that they carry."""
    occupancies: Mapping[int, Occupancy] = field(default_factory=lambda: MappingProxyType({}))
    """By area with limits."""
    hosts: Mapping[int, tuple[HostPass, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By portal of a floor, the hosts who could choose it last."""


@dataclass(frozen=True, slots=True)
class FloorChoices:
    """What people in the cab may choose."""

    released: frozenset[int] = frozenset()
    withheld: Mapping[int, FloorHindrance] = field(default_factory=lambda: MappingProxyType({}))
    """Floors that their rules alone would release."""

    def within(self, floors: Collection[int]) -> FloorChoices:
        """The choices among `floors`, those with a relay."""
        kept = {floor: why for floor, why in self.withheld.items() if floor in floors}
        return FloorChoices(self.released.intersection(floors), MappingProxyType(kept))


def floors_for(
    policy: Policy, people: Collection[Person], floors: Floors, seen: FloorCircumstances
) -> FloorChoices:
    """The floors at whose portals all of `people` may pass, and those withheld from them."""
    released, withheld = set(), {}
    for floor, portal_id in floors.items():
        portal = policy.portals.get(portal_id)
        if portal is None or not people:
            continue
        if not all(decide(policy, it, portal_id, seen.moment).allowed for it in people):
            continue
        present = [person.at(seen.moment) for person in people]
        why = _hindrance(policy, present, portal, seen)
        if why is None:
            released.add(floor)
        else:
            withheld[floor] = why
    return FloorChoices(frozenset(released), MappingProxyType(withheld))


def free_floors(
    policy: Policy, floors: Floors, moment: Moment, threat: ThreatLevel | None = None
) -> frozenset[int]:
    """The floors whose portals an unlock schedule releases for everybody at `moment`, unless the
    threat level in force stops such schedules."""
    if threat is not None and threat.stops_unlock_schedules:
        return frozenset()
    found = ((floor, policy.portals.get(portal_id)) for floor, portal_id in floors.items())
    return frozenset(
        floor
        for floor, portal in found
        if portal is not None and policy.unlocked_at(portal, moment) is not None
    )


def shown_by(person: Person) -> FactorMode:
    """The factors that a person has shown."""
    pins = sum(terms.kind is CredentialKey.PINS for terms in person.credentials)
    shown = 0
    if len(person.credentials) > pins:
        shown |= FactorMode.CARD
    if pins or person.by_password:
        shown |= FactorMode.PIN
    return FactorMode(shown)


def of_floors(choices: Mapping[int, FloorChoices]) -> dict[str, Any]:
    """Facts for the journal of what was released and withheld, by lift."""
    withheld = {
        str(lift): {str(floor): why.value for floor, why in sorted(its.withheld.items())}
        for lift, its in choices.items()
        if its.withheld
    }
    released = {str(lift): sorted(its.released) for lift, its in choices.items()}
    return {"floors": released, **({"withheld": withheld} if withheld else {})}


def _hindrance(
    policy: Policy, people: list[Person], portal: Portal, seen: FloorCircumstances
) -> FloorHindrance | None:
    """Why people whom the rules let pass may not choose the floor of `portal`; None if they may."""
    if policy.portal_rules_at(portal, seen.moment):
        return FloorHindrance.SEVERAL_PERSONS
    if _refused_at_level(people, portal, seen.threat):
        return FloorHindrance.THREAT_LEVEL
    # A floor without rows of its own asks for no more than the cab does.
    asked = policy.factors_at(portal, seen.moment, FactorMode.CARD_OR_PIN, seen.threat).mode
    # An emergency card is nobody's: nothing is asked for beside it.
    if any(person.id and asked & ~(shown_by(person) | seen.shown) for person in people):
        return FloorHindrance.FACTORS
    return _among_others(policy, people, portal, seen)


def _among_others(
    policy: Policy, people: list[Person], portal: Portal, seen: FloorCircumstances
) -> FloorHindrance | None:
    """As `_hindrance`, for who else is there."""
    occupancy = _occupancy(policy, portal, seen)
    if occupancy is not None and occupancy.full_for(people):
        return FloorHindrance.AREA_FULL
    escorts, passes = policy.escorts.get(portal.id, ()), seen.hosts.get(portal.id, ())
    for person in people:
        own = escorts_of(escorts, person)
        if own and not hosted(own, people, passes, seen.now_ms):
            return FloorHindrance.HOST
    if occupancy is not None and occupancy.missing(people):
        return FloorHindrance.AREA_MINIMUM
    return None


def _refused_at_level(
    people: Collection[Person], portal: Portal, threat: ThreatLevel | None
) -> bool:
    """Whether the level refuses somebody here: nobody was, where the cab is a way out."""
    if threat is None or portal.passage.leads_out:
        return False
    return not all(threat.admits(person.group_ids) for person in people)


def _occupancy(policy: Policy, portal: Portal, seen: FloorCircumstances) -> Occupancy | None:
    limits = policy.limits_beyond(portal)
    # Nobody is known to be in an area of which nothing was told.
    return None if limits is None else seen.occupancies.get(limits.area_id, Occupancy(limits, ()))
