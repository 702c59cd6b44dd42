"""Whether people can leave: doors without an exit button, and what refuses them at the way out."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.access.passback import Strictness
from gateway.cli.doctor.findings import Finding, fail, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.settings import Egress, SiteFile


def leaving_findings(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Doors that lock people in, and rows that keep people from leaving or do nothing."""
    policy = config.snapshot.policy
    for door in site.doors():
        if door.egress is Egress.SOFTWARE and not config.doors[door.id].settings.rex_enabled:
            yield fail(
                f"door {door.name}",
                "egress software says that nothing but this device opens it, and it has no exit "
                "button: in a lock-down nobody can leave by it. Fit an exit button, or a handle "
                "or contact that opens the lock without this device",
            )
            yield from _refused(site, config, door.id, door.name)
    for portal in policy.portals.values():
        if not portal.passage.leads_out:
            continue
        here = [
            it.name for it in site.reader if config.topology.portal_of_reader(it.index) == portal.id
        ]
        if len(here) > 1:
            yield warn(
                f"portal {portal.id} ({portal.name})",
                f"leads out of the site, so no threat level refuses anybody at {', '.join(here)}: "
                "a reader of these that is outside needs a portal of its own that leads in",
            )
        if policy.escorts.get(portal.id) or portal.portal_rules:
            yield warn(
                f"portal {portal.id} ({portal.name})",
                "leads out of the site, and asks for a host or for several persons: whoever is "
                "alone cannot leave by a reader there. Tie such rules to portals that lead in",
            )
    for area in sorted(policy.outside_areas & policy.area_limits.keys()):
        yield warn(
            f"area {area}",
            "is outside of the site (outside_areas), so its occupancy_limits count for nobody: "
            "delete them",
        )


def _refused(site: SiteFile, config: EffectiveConfig, door: int, name: str) -> Iterator[Finding]:
    """What can refuse people at every reader of a door by which they leave."""
    policy, topology = config.snapshot.policy, config.topology
    read = {topology.portal_of_reader(reader.index) for reader in site.reader}
    portals = [
        it
        for it in policy.portals.values()
        if it.id in read and door in topology.doors_of(it.actions)
    ]
    if not portals or any(it.passage.leads_out for it in portals):
        return
    levels = [
        number
        for number, level in sorted(policy.threat_levels.items())
        if level.group_ids is not None or level.factor_mode
    ]
    whys = [f"threat level {number}" for number in levels]
    whys += dict.fromkeys(
        f"area {limits.area_id} while it is full"
        for it in portals
        if (limits := policy.limits_beyond(it)) is not None and limits.maximum
    )
    if any(it.passage.strictness is Strictness.HARD for it in portals):
        whys.append("anti-passback")
    if whys:
        listed = ", ".join(f"{it.id} ({it.name})" for it in portals)
        yield warn(
            f"door {name}",
            f"people leave by its readers alone, and these may refuse them: {', '.join(whys)}. "
            f"If one of its portals leads out of the site, list the area behind it in "
            f"outside_areas; its portals are {listed}",
        )
