"""Which floors of a lift a person may choose, and which anybody may. Pure.

A floor is a portal: its rules, schedules and unlock schedules are those of the rule engine. What a
card alone cannot settle there, several persons, never releases a floor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.access.decision import decide
from gateway.access.person import Person
from gateway.access.policy import Policy
from gateway.access.threat import ThreatLevel
from gateway.clock import Moment

Floors = Mapping[int, int]
"""Floor -> its portal."""


def floors_for(
    policy: Policy, people: Collection[Person], floors: Floors, moment: Moment
) -> frozenset[int]:
    """The floors at whose portals all of `people` may pass at `moment`."""
    return frozenset(
        floor
        for floor, portal_id in floors.items()
        if people
        and not _needs_several(policy, portal_id, moment)
        and all(decide(policy, person, portal_id, moment).allowed for person in people)
    )


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


def _needs_several(policy: Policy, portal_id: int, moment: Moment) -> bool:
    portal = policy.portals.get(portal_id)
    return portal is not None and bool(policy.portal_rules_at(portal, moment))
