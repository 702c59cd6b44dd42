"""Lifts that no portal releases, and floors that nobody may choose, or not as their rows say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.access.factor_modes import FactorMode, strictest
from gateway.access.policy import Policy, Portal
from gateway.access.trace import TimeVerdict
from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.doors.door_settings import elevator_row_problems
from gateway.doors.elevator import ElevatorFloorRow
from gateway.settings import SiteFile

_FACTORS = {
    FactorMode.CARD: "a card",
    FactorMode.PIN: "a PIN",
    FactorMode.CARD_AND_PIN: "a card and a PIN",
}


def lift_findings(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Findings of the site's lifts and of `elevator_floors`."""
    policy = config.snapshot.policy
    cabs = _cabs(config)
    for row in config.snapshot.floors:
        for field, why in elevator_row_problems(site, row):
            yield warn("elevator_floors", f"{field}: {why}; correct or delete the row")
        portal = policy.portals.get(row.portal_id)
        if portal is not None:
            its_cabs = cabs.get(row.elevator_id, ())
            for text in _floor(policy, portal, its_cabs, config.admission.factor_mode):
                yield warn(_named(row), text)
            if config.admission.passback.applies_to(portal.passage):
                yield warn(
                    _named(row),
                    f"anti-passback does not count at portal {portal.id}, since nobody knows where "
                    "people leave the cab: it counts at the cab's portal and at doors alone",
                )
    for lift in site.elevator:
        if lift.id not in cabs:
            yield warn(
                f"elevator {lift.name}",
                f"no portal has an action elevator with id={lift.id}: no card releases a floor",
            )
        without = config.elevators[lift.id].floors - config.floor_portals[lift.id].keys()
        for floor in sorted(without):
            yield warn(
                f"elevator {lift.name}",
                f"floor {floor} has no row of elevator_floors: nobody may choose it",
            )


def _named(row: ElevatorFloorRow) -> str:
    return f"floor {row.floor} ({row.name})"


def _cabs(config: EffectiveConfig) -> dict[int, tuple[Portal, ...]]:
    """Lift -> the portals that release its floors."""
    found: dict[int, tuple[Portal, ...]] = {}
    for portal in config.snapshot.policy.portals.values():
        for lift in config.topology.elevators_of(portal.actions):
            found[lift] = (*found.get(lift, ()), portal)
    return found


def _floor(
    policy: Policy, portal: Portal, cabs: Sequence[Portal], site: FactorMode
) -> Iterator[str]:
    """Why a floor is withheld from people whom its rules let pass, although they meet all that the
    cab asks for."""
    if portal.portal_rules:
        yield (
            f"portal {portal.id} needs several persons, so no card releases the floor while "
            "that holds"
        )
    asked = strictest(row.mode for row in portal.factors)
    more = [cab for cab in cabs if asked & ~_asks_always(cab, site)]
    if more:
        yield (
            f"portal {portal.id} asks for {_FACTORS[asked]} at times, and portal "
            f"{more[0].id} ({more[0].name}) of the cab may ask for less then: the floor is "
            "withheld from whoever shows less. Have the cab ask for as much (portal_factor_modes)"
        )
    limits = policy.limits_beyond(portal)
    alone = [cab for cab in cabs if not (policy.escorts.get(cab.id) or cab.portal_rules)]
    if limits is not None and limits.minimum and alone:
        yield (
            f"nobody may be alone in the area of portal {portal.id} (occupancy_limits.minimum "
            f"{limits.minimum}), and portal {alone[0].id} ({alone[0].name}) of the cab lets people "
            "pass one by one: the floor is withheld while fewer are there"
        )


def _asks_always(cab: Portal, site: FactorMode) -> FactorMode:
    """The factors that the portal of a cab asks for at every time; `site` is what it asks for
    outside of its rows."""
    always = [row.mode for row in cab.factors if row.when.fixed is not None]
    if any(row.when.fixed is TimeVerdict.ALWAYS for row in cab.factors):
        return strictest(always)
    least = int(site)
    for row in cab.factors:
        if row.when.fixed is None:
            least &= row.mode
    return strictest((FactorMode(least), *always))
