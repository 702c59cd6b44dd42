"""Readers, portals, rules and doors that do not fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.access.passback import PassbackMode, Strictness
from gateway.access.policy import Policy, Portal
from gateway.cli.doctor.door_rows import door_row_findings
from gateway.cli.doctor.findings import Finding, fail, warn
from gateway.cli.doctor.gestures import gesture_findings
from gateway.cli.doctor.leaving import leaving_findings
from gateway.cli.doctor.lifts import lift_findings
from gateway.cli.doctor.portals import closed_portals, unserved
from gateway.cli.doctor.triggers import trigger_findings
from gateway.cli.doctor.zone_sets import zone_set_findings
from gateway.controller.doors.clashes import interlock_clashes
from gateway.controller.state.config import EffectiveConfig
from gateway.errors import GatewayError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import Reader, SiteFile
from gateway.store.files import STORE_FILE, database
from gateway.store.policy.snapshot import SnapshotReader
from gateway.store.policy.topology import CATRA_ACTION

MOST_NAMED = 10
"""The most people or groups that one finding names."""
_ADD = "`gateway portal add --data {data}` makes what is missing"


def rule_findings(data: Path, site: SiteFile) -> Iterator[Finding]:
    """Findings from the compiled rules and the site file."""
    try:
        config = _config(data, site)
    except GatewayError as error:
        yield fail("rules", f"the controller cannot apply them: {error}")
        return
    policy = config.snapshot.policy
    for reader in site.reader:
        subject = f"reader {reader.name}"
        portal = config.topology.portal_of_reader(reader.index)
        if portal == 0:
            text = f"stands for no portal: every read is denied; {_ADD.format(data=data)}"
            yield warn(subject, text)
        elif portal not in policy.portals:
            text = f"portal {portal} does not exist: every read is denied; {_ADD.format(data=data)}"
            yield warn(subject, text)
        elif portal != reader.portal:
            yield warn(
                subject,
                f"the site file says portal {reader.portal}, but the database decides and says "
                f"{portal}; `gateway portal bind --data {data} {reader.name}` makes it "
                f"{reader.portal}",
            )
        elif not list(config.topology.doors_of(policy.portals[portal].actions)):
            yield from _without_a_door(data, site, config, portal, reader)
    yield from _unopened(data, site, config)
    for why in config.unusable_formats:
        yield warn("card formats", f"{why}; it is ignored")
    for clashing, why in interlock_clashes(site, config):
        yield warn(f"portal {clashing.id} ({clashing.name})", why)
    yield from _unknown_conditions(policy)
    yield from _without_keypad(site, config)
    yield from _open_to_all(policy)
    yield from closed_portals(data, site, config)
    yield from unserved(config)
    yield from _unrecorded_exits(site, config)
    yield from door_row_findings(data, site, config)
    yield from lift_findings(site, config)
    yield from _occupancy(site, config)
    yield from leaving_findings(site, config)
    yield from threat_findings(policy)
    yield from _keypads_at_levels(site, config)
    yield from trigger_findings(data, site, config)
    yield from zone_set_findings(site, config)
    yield from gesture_findings(site, config)


def _unopened(data: Path, site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Doors that no portal opens."""
    portals = config.snapshot.policy.portals.values()
    opened = {door for portal in portals for door in config.topology.doors_of(portal.actions)}
    for door in site.doors():
        if door.id not in opened:
            text = f"no portal opens it, so no card does; {_ADD.format(data=data)}"
            yield warn(f"door {door.name}", text)


def _without_a_door(
    data: Path, site: SiteFile, config: EffectiveConfig, portal: int, reader: Reader
) -> Iterator[Finding]:
    """A reader at a portal that opens neither a door nor a side of the turnstile."""
    actions = config.snapshot.policy.portals[portal].actions
    if config.topology.sides_of(actions) or config.topology.elevators_of(actions):
        return
    doors = {door.id: door.name for door in site.door}
    listed = ", ".join(f"{number} ({name})" for number, name in doors.items()) or "none"
    text = (
        f"portal {portal} has no action: nothing opens. `gateway portal add --data {data}` makes "
        f"a portal for each door, with its number; then `gateway portal bind --data {data} "
        f"{reader.name} PORTAL` with the one that it stands at: {listed}"
    )
    if any(action.name.strip().lower() == CATRA_ACTION for action in actions):
        why = "names no side of it" if site.turnstile else "and this device has none"
        text = f"portal {portal} releases a turnstile, {why}: nothing opens"
    yield warn(f"reader {reader.name}", text)


def _unknown_conditions(policy: Policy) -> Iterator[Finding]:
    """Rules and people that never pass: their condition is unknown to this version."""
    for rule_id, rule in sorted(policy.rules.items()):
        if rule.unknown:
            effect = (
                "it blocks during each of its time zones" if rule.blocks else "it lets nobody in"
            )
            yield _conditional(f"rule {rule_id} ({rule.name})", rule.unknown, effect)
    for portal_id, portal in sorted(policy.portals.items()):
        for portal_rule in portal.portal_rules:
            if portal_rule.unknown:
                effect = f"it lets nobody pass portal {portal_id} ({portal.name})"
                subject = f"portal rule {portal_rule.id} ({portal_rule.name})"
                yield _conditional(subject, portal_rule.unknown, effect)
    for ids, what, table in (
        (policy.conditional_users, "user", "user_identification_rules"),
        (policy.conditional_groups, "group", "group_identification_rules"),
    ):
        if ids:
            listed = ", ".join(map(str, sorted(ids)[:MOST_NAMED]))
            more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
            yield _conditional(
                f"{what} {listed}{more}", (table,), "no rule lets them in by any portal"
            )


def _without_keypad(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Readers at which nobody can show what their portal asks for at times."""
    for reader in site.reader:
        portal = config.snapshot.policy.portals.get(config.topology.portal_of_reader(reader.index))
        if portal is None or reader.name in config.admission.keypads:
            continue
        if config.admission.second_factor and not portal.factors:
            yield warn(
                f"reader {reader.name}",
                "it has no keypad, and every portal asks for a card and a PIN "
                "(identifier.multi_factor_authentication is 1): nobody passes there. Add a row of "
                f"portal_factor_modes with mode 1 (card only) for portal {portal.id} "
                f"({portal.name}), or fit a reader with a keypad",
            )
        rows = [it.id for it in portal.factors if it.mode.needs_pin]
        if rows:
            yield warn(
                f"reader {reader.name}",
                f"it has no keypad, and portal {portal.id} ({portal.name}) asks for a PIN at times "
                f"(portal_factor_modes {', '.join(map(str, rows))}): nobody passes there then",
            )


def _conditional(subject: str, unknown: Iterable[str], effect: str) -> Finding:
    tables = " and ".join(unknown)
    return warn(
        subject,
        f"{tables} holds a condition that this device cannot evaluate: {effect}; delete those "
        "rows if the condition is not needed",
    )


def _open_to_all(policy: Policy) -> Iterator[Finding]:
    """Rules that let a whole group pass at any time, which is not always intended."""
    for group, rules in sorted(policy.group_rules.items()):
        for rule_id in sorted(rules):
            rule = policy.rules[rule_id]
            if (
                rule.releases
                and not rule.unknown
                and any(zone.full_week for zone in rule.when.zones)
            ):
                yield warn(
                    f"rule {rule_id}", f"{rule.name!r} lets all of group {group} pass at any time"
                )


def _unrecorded_exits(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Doors with an exit button at a portal where anti-passback needs every exit recorded."""
    buttons = {door.id: door for door in site.doors() if config.doors[door.id].settings.rex_enabled}
    for portal_id, portal in sorted(config.snapshot.policy.portals.items()):
        if not _refuses_by_area(config, portal):
            continue
        for door in config.topology.doors_of(portal.actions):
            if door in buttons:
                yield warn(
                    f"portal {portal_id}",
                    "anti-passback there needs a record of every exit, but people who leave by the "
                    f"exit button of door {buttons[door].name} have none: it refuses them when "
                    "they come back",
                )


def threat_findings(policy: Policy) -> Iterator[Finding]:
    """Levels at which nobody passes, or that do nothing."""
    for number, level in sorted(policy.threat_levels.items()):
        subject = f"threat level {number} ({level.name})"
        if level.group_ids is not None and not level.group_ids:
            yield warn(
                subject,
                "lists no group, so nobody passes while it is in force: list one "
                "(create_objects, threat_level_groups), or set listed_groups_only to 0",
            )
        elif level.group_ids is None and not (
            level.stops_unlock_schedules or level.stops_first_cards or level.factor_mode
        ):
            yield warn(subject, "changes nothing: it lets everyone pass and stops no schedule")


def _keypads_at_levels(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Readers at which a threat level lets nobody pass, since nothing can be keyed there."""
    without = [it.name for it in site.reader if it.name not in config.admission.keypads]
    levels = config.snapshot.policy.threat_levels
    asking = [number for number, it in levels.items() if it.factor_mode.needs_pin]
    if without and asking:
        yield warn(
            f"threat level {' and '.join(map(str, sorted(asking)))}",
            f"asks for a PIN, and nothing can be keyed at {', '.join(without)}: nobody passes "
            "there while it is in force",
        )


def _occupancy(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Limits of areas that no card leads into, or that people leave without a record."""
    policy = config.snapshot.policy
    buttons = {door.id: door for door in site.doors() if config.doors[door.id].settings.rex_enabled}
    for area in sorted(policy.area_limits):
        into = [it for it in policy.portals.values() if _leads(it, it.passage.area_to_id, area)]
        out = [it for it in policy.portals.values() if _leads(it, it.passage.area_from_id, area)]
        subject = f"area {area}"
        if not into:
            yield warn(subject, "has occupancy limits, and no portal leads into it from another")
        if not out:
            yield warn(
                subject,
                "has occupancy limits, and no portal leads out of it: whoever enters counts as "
                "inside until it is emptied (empty_at, empty_area)",
            )
        opened = {door for it in (*into, *out) for door in config.topology.doors_of(it.actions)}
        names = ", ".join(buttons[door].name for door in sorted(opened & buttons.keys()))
        if names:
            yield warn(
                subject,
                f"has occupancy limits, and people who leave by the exit button of {names} still "
                "count as inside",
            )


def _leads(portal: Portal, end: int, area: int) -> bool:
    return portal.passage.between_areas and end == area


def _refuses_by_area(config: EffectiveConfig, portal: Portal) -> bool:
    by_direction = config.admission.passback.mode in (
        PassbackMode.DAILY_BY_DIRECTION,
        PassbackMode.TIMED_BY_DIRECTION,
        PassbackMode.BY_DIRECTION,
    )
    hard = portal.passage.strictness is Strictness.HARD
    return hard or (by_direction and portal.passage.between_areas)


def _config(data: Path, site: SiteFile) -> EffectiveConfig:
    store = database.open_reader(data / STORE_FILE)
    compiling = SnapshotReader(store, Models(REGISTRY, store)).compile()
    try:
        while True:
            next(compiling)
    except StopIteration as done:
        return EffectiveConfig.proved(site, done.value)
    finally:
        store.close_all()
