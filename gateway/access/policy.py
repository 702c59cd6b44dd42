"""The compiled rules of a site: immutable, small, in memory.

`compile_policy` works in slices, so that the loop that serves doors can build a new policy while it
uses the old one, and then swap them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from gateway.access.actions import RUN_AT, Action
from gateway.access.calendar import Calendar, compile_calendar
from gateway.access.escort import EscortRule, compile_escorts
from gateway.access.factor_modes import (
    FactorMode,
    FactorRuling,
    FactorSchedule,
    compile_factor_modes,
    ruling_at,
)
from gateway.access.multi_person import PortalRule, compile_portal_rules, zones_of
from gateway.access.occupancy import AreaLimits, compile_limits
from gateway.access.passback import NO_PASSAGE, Passage, passage
from gateway.access.person import Person
from gateway.access.rows import (
    ActionRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    ScheduledUnlockRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.schedule import (
    NO_ZONE,
    NOT_ASKED,
    CompiledZone,
    Condition,
    compile_zone,
    releasing,
    restricting,
)
from gateway.access.slices import sliced
from gateway.access.steps import Steps, Work
from gateway.access.threat import ThreatLevel, compile_threat_levels
from gateway.access.trace import PersonTie, PlaceTie, RuleOutcome, RuleTrace, TimeVerdict
from gateway.access.unlocks import (
    FirstCard,
    UnlockSchedule,
    compile_first_cards,
    compile_unlocks,
    unlocked_by,
)
from gateway.access.validations import Validation, compile_validations
from gateway.clock import Moment

BLOCK = 0
RELEASE = 1
"""`access_rules.type`."""

_Ties = tuple[tuple[CompiledZone, ...], tuple[Action, ...], tuple[str, ...], tuple[Validation, ...]]
"""Of a rule: its time zones, its actions, the tables of its conditions that are unknown, and its
conditions that are known."""
_NO_TIES: _Ties = ((), (), (), ())

R = TypeVar("R")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled row of `access_rules`. One of an unknown type neither blocks nor releases."""

    id: int
    name: str
    type: int
    blocks: bool
    releases: bool
    when: Condition
    actions: tuple[Action, ...]
    unknown: tuple[str, ...]
    """Tables of its conditions that this build cannot evaluate: with one, it never releases, but it
    still blocks."""
    validations: tuple[Validation, ...]
    """Its conditions that this build knows."""
    elsewhere_own: RuleTrace
    """Its trace as a person's own rule at a place that it is not tied to; built once, since it is
    the most frequent one."""
    elsewhere_by_group: RuleTrace
    """The same as the rule of a department."""


@dataclass(frozen=True, slots=True)
class Portal:
    """A compiled row of `portals`. Rule ids may name rules that do not exist."""

    id: int
    name: str
    own_rules: frozenset[int]
    """Rules tied to the portal itself."""
    area_rules: frozenset[int]
    """Rules tied to the area that it leads to."""
    actions: tuple[Action, ...]
    """What a grant runs, in order; with none, a grant opens nothing."""
    portal_rules: tuple[PortalRule, ...] = ()
    """How many people of which departments must identify together."""
    unlocks: tuple[UnlockSchedule, ...] = ()
    """The schedules that unlock it for everyone."""
    first_cards: tuple[FirstCard, ...] = ()
    """The first cards that unlock it for everyone."""
    passage: Passage = NO_PASSAGE
    """Its areas as anti-passback sees them."""
    factors: tuple[FactorSchedule, ...] = ()
    """Which factors it asks for when; the default of the site at all other times."""


@dataclass(frozen=True, slots=True)
class _Areas:
    """What makes an area other than a number."""

    watched: Mapping[int, int]
    """Those with anti-passback, and how strictly."""
    outside: frozenset[int]


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of a site, compiled from the rows of one version of the store."""

    version: int
    portals: Mapping[int, Portal]
    rules: Mapping[int, Rule]
    group_rules: Mapping[int, Mapping[int, RuleTrace]]
    """Department -> rule -> its trace where it is not tied to the place."""
    calendar: Calendar
    contingency_rules: tuple[int, ...] = ()
    """The rules of every contingency card."""
    conditional_users: frozenset[int] = frozenset()
    """People tied to an identification rule, which this build cannot evaluate."""
    conditional_groups: frozenset[int] = frozenset()
    """Departments tied to one."""
    threat_levels: Mapping[int, ThreatLevel] = field(default_factory=lambda: MappingProxyType({}))
    """Those that the site has defined."""
    area_limits: Mapping[int, AreaLimits] = field(default_factory=lambda: MappingProxyType({}))
    escorts: Mapping[int, tuple[EscortRule, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By portal."""
    outside_areas: frozenset[int] = frozenset()
    """Those that are not of the site."""

    def is_conditional(self, person: Person) -> bool:
        """Whether the person may pass only on a condition that this build cannot evaluate."""
        groups = (*person.group_ids, *person.doubtful_group_ids)
        return person.id in self.conditional_users or not self.conditional_groups.isdisjoint(groups)

    def portal_rules_at(self, portal: Portal, moment: Moment) -> tuple[PortalRule, ...]:
        """The portal rules in force at `moment`."""
        if not portal.portal_rules:
            return ()
        instant = self.calendar.instant(moment)
        return tuple(rule for rule in portal.portal_rules if rule.in_force(instant))

    def limits_beyond(self, portal: Portal) -> AreaLimits | None:
        """The limits of the area that the portal leads to; None for one without, where both of its
        sides are one area, and at the way out of the site."""
        if not portal.passage.between_areas or portal.passage.leads_out:
            return None
        return self.area_limits.get(portal.passage.area_to_id)

    def factors_at(
        self,
        portal: Portal,
        moment: Moment,
        default: FactorMode,
        threat: ThreatLevel | None = None,
    ) -> FactorRuling:
        """The factors that the portal asks for at `moment`, under the threat level in force, which
        asks for nothing at the way out; `default` is what the site asks for."""
        ruling = FactorRuling(default)
        if portal.factors:
            ruling = ruling_at(portal.factors, self.calendar.instant(moment), default)
        if threat is None or portal.passage.leads_out:
            return ruling
        return ruling.under(threat.level, threat.factor_mode)

    def unlocked_at(self, portal: Portal, moment: Moment) -> UnlockSchedule | None:
        """The schedule that lets everyone pass at `moment`, None for none."""
        if not portal.unlocks:
            return None
        return unlocked_by(portal.unlocks, self.calendar.instant(moment))


def compile_policy(rows: PolicyRows, steps: Steps | None = None) -> Work[Policy]:
    """Build the policy of `rows`, which the generator returns; yields every few rows.

    The time is proportional to the number of rows. With the `steps` of an earlier compilation, what
    follows from tables that are the same objects is not compiled again, nor are rules and time
    zones whose rows are equal. Invalid rows never raise: what they would release stays locked, what
    they would block stays blocked.
    """
    steps = Steps() if steps is None else steps
    zones = yield from steps.run("zones", partial(_zones, steps), rows.time_zones, rows.time_spans)
    calendar = yield from steps.run("calendar", compile_calendar, rows.holidays)
    actions = yield from steps.run("actions", _actions, rows.actions)
    ties = yield from steps.run(
        "ties",
        _ties,
        zones,
        (yield from _links(steps, rows, "access_rule_time_zones")),
        (yield from _its_actions(steps, rows, "access_rule_actions", actions)),
        (yield from _links(steps, rows, "access_rule_validations")),
        (yield from steps.run("validations", compile_validations, rows.validations)),
    )
    rules = yield from steps.run("rules", partial(_rules, steps), rows.access_rules, ties)
    group_rules = yield from steps.run(
        "group_rules",
        partial(_group_rules, steps),
        (yield from _links(steps, rows, "group_access_rules")),
        rules,
    )
    unlocks = yield from steps.run(
        "unlocks",
        _unlocks,
        rows.scheduled_unlocks,
        rows.scheduled_unlock_access_rules,
        rules,
    )
    # Most rules unlock nothing: another one does not concern the portals.
    unlocks = steps.same("unlocks", unlocks)
    first_cards = yield from steps.run(
        "first_cards",
        compile_first_cards,
        rows.first_card_unlocks,
        rows.first_card_unlock_groups,
        zones,
    )
    factors = yield from steps.run("factors", compile_factor_modes, rows.portal_factor_modes, zones)
    areas = yield from steps.run("areas", _areas, rows.passback_areas, rows.outside_areas)
    portals = yield from steps.run(
        "portals",
        _portals,
        rows.portals,
        (yield from _links(steps, rows, "portal_access_rules")),
        (yield from steps.run("area_rules", _sets, rows.area_access_rules)),
        (yield from _its_actions(steps, rows, "portal_actions", actions)),
        (yield from _portal_rules(steps, rows, zones, actions)),
        unlocks,
        first_cards,
        areas,
    )
    portals = yield from steps.run("factors of portals", _with_factors, portals, factors)
    return Policy(
        version=rows.version,
        portals=portals,
        rules=rules,
        group_rules=group_rules,
        calendar=calendar,
        contingency_rules=tuple(rows.contingency_rules),
        conditional_users=(yield from steps.run("users", _lefts, rows.user_identification_rules)),
        conditional_groups=(
            yield from steps.run("groups", _lefts, rows.group_identification_rules)
        ),
        threat_levels=(
            yield from steps.run(
                "threat_levels",
                compile_threat_levels,
                rows.threat_levels,
                rows.threat_level_groups,
            )
        ),
        area_limits=(yield from steps.run("limits", compile_limits, rows.occupancy_limits)),
        escorts=(yield from steps.run("escorts", compile_escorts, rows.escort_rules)),
        outside_areas=areas.outside,
    )


def _zones(
    steps: Steps, zone_rows: Iterable[TimeZoneRow], span_rows: Iterable[TimeSpanRow]
) -> Work[dict[int, CompiledZone]]:
    spans: dict[int, list[TimeSpanRow]] = {}
    for zones in sliced(zone_rows):
        spans.update((row.id, []) for row in zones)
        yield
    for some in sliced(span_rows):
        for row in some:
            if row.time_zone_id in spans:
                spans[row.time_zone_id].append(row)
        yield
    return (
        yield from steps.each("zones", ((id_, (its,)) for id_, its in spans.items()), compile_zone)
    )


def _actions(rows: Iterable[ActionRow]) -> Work[dict[int, Action]]:
    return (yield from _map(rows, lambda row: (row.id, _action(row))))


def _ties(
    zones: Mapping[int, CompiledZone],
    zone_links: Mapping[int, list[int]],
    actions: Mapping[int, tuple[Action, ...]],
    validation_links: Mapping[int, list[int]],
    validations: Mapping[int, Validation],
) -> Work[dict[int, _Ties]]:
    def ties(rule: int) -> tuple[int, _Ties]:
        its_zones = tuple([zones.get(zone, NO_ZONE) for zone in zone_links.get(rule, ())])
        asked = validation_links.get(rule, ())
        known = tuple([validations[id_] for id_ in asked if id_ in validations])
        unknown = () if len(known) == len(asked) else ("access_rule_validations",)
        return rule, (its_zones, actions.get(rule, ()), unknown, known)

    return (yield from _map(zone_links.keys() | actions.keys() | validation_links.keys(), ties))


def _rules(
    steps: Steps, rows: Iterable[RuleRow], ties: Mapping[int, _Ties]
) -> Work[Mapping[int, Rule]]:
    inputs = ((row.id, (row, ties.get(row.id, _NO_TIES))) for row in rows)
    return MappingProxyType((yield from steps.each("rules", inputs, _rule)))


def _group_rules(
    steps: Steps, links: Mapping[int, list[int]], rules: Mapping[int, Rule]
) -> Work[Mapping[int, Mapping[int, RuleTrace]]]:
    inputs = (
        (group, tuple([rules[id_].elsewhere_by_group for id_ in ids if id_ in rules]))
        for group, ids in links.items()
    )
    return MappingProxyType((yield from steps.each("group_rules", inputs, _by_rule)))


def _by_rule(*traces: RuleTrace) -> Work[Mapping[int, RuleTrace]]:
    yield from ()
    return MappingProxyType({trace.rule_id: trace for trace in traces})


def _unlocks(
    rows: Iterable[ScheduledUnlockRow], links: Iterable[LinkRow], rules: Mapping[int, Rule]
) -> Work[dict[int, list[UnlockSchedule]]]:
    linked = [rules[link[1]] for link in links if link[1] in rules]
    # An unlock schedule asks nobody, so no condition of a person can hold.
    conditions = {
        rule.id: rule.when
        for rule in linked
        if rule.releases and not rule.unknown and not rule.validations
    }
    return (yield from compile_unlocks(rows, links, conditions))


def _portal_rules(
    steps: Steps,
    rows: PolicyRows,
    zones: Mapping[int, CompiledZone],
    actions: Mapping[int, Action],
) -> Work[dict[int, tuple[PortalRule, ...]]]:
    """The portal rules of each portal."""
    its_zones = yield from steps.run(
        "portal_rule_time_zones", zones_of, rows.portal_rule_time_zones, zones
    )
    compiled = yield from steps.run(
        "portal_rules",
        compile_portal_rules,
        rows.portal_rules,
        rows.portal_rule_groups,
        its_zones,
        (yield from _its_actions(steps, rows, "portal_rule_actions", actions)),
        (yield from _unknown(steps, rows, "portal_rule_users", "portal_rule_validations")),
    )
    links = yield from _links(steps, rows, "portal_portal_rules")
    return (yield from steps.run("portal rules of portals", _found, links, compiled))


def _its_actions(
    steps: Steps, rows: PolicyRows, table: str, actions: Mapping[int, Action]
) -> Work[dict[int, tuple[Action, ...]]]:
    """Left side of the link `table` -> the actions that it runs."""
    links = yield from _links(steps, rows, table)
    return (yield from steps.run(f"actions of {table}", _runnable, links, actions))


def _unknown(steps: Steps, rows: PolicyRows, *tables: str) -> Work[dict[int, tuple[str, ...]]]:
    """Left side of a link -> the names of the tables that contain it."""

    def named(*links: Iterable[LinkRow]) -> Work[dict[int, tuple[str, ...]]]:
        found: dict[int, tuple[str, ...]] = {}
        for name, its_links in zip(tables, links, strict=True):
            for left in (yield from _grouped(its_links)):
                found[left] = (*found.get(left, ()), name)
        return found

    return (yield from steps.run(f"unknown {tables}", named, *(getattr(rows, it) for it in tables)))


def _portals(
    rows: Iterable[PortalRow],
    own_rules: Mapping[int, list[int]],
    area_rules: Mapping[int, frozenset[int]],
    actions: Mapping[int, tuple[Action, ...]],
    portal_rules: Mapping[int, tuple[PortalRule, ...]],
    unlocks: Mapping[int, list[UnlockSchedule]],
    first_cards: Mapping[int, tuple[FirstCard, ...]],
    areas: _Areas,
) -> Work[Mapping[int, Portal]]:
    unlocking = frozenset(unlocks)

    def portal(row: PortalRow) -> tuple[int, Portal]:
        own = frozenset(own_rules.get(row.id, ()))
        # Made once per area, not per portal: many portals may lead into an area with many rules.
        by_area = area_rules.get(row.area_to_id, frozenset())
        return row.id, Portal(
            id=row.id,
            name=row.name,
            own_rules=own,
            area_rules=by_area,
            actions=actions.get(row.id, ()),
            portal_rules=portal_rules.get(row.id, ()),
            unlocks=tuple(
                unlock
                for id_ in sorted((own & unlocking) | (by_area & unlocking))
                for unlock in unlocks[id_]
            ),
            first_cards=first_cards.get(row.id, ()),
            passage=passage(row.area_from_id, row.area_to_id, areas.watched, areas.outside),
        )

    return MappingProxyType((yield from _map(rows, portal)))


def _areas(passback: Iterable[LinkRow], outside: Iterable[int]) -> Work[_Areas]:
    yield from ()
    return _Areas(dict(passback), frozenset(outside))


def _with_factors(
    portals: Mapping[int, Portal], factors: Mapping[int, tuple[FactorSchedule, ...]]
) -> Work[Mapping[int, Portal]]:
    if not factors:
        return portals

    def portal(its: tuple[int, Portal]) -> tuple[int, Portal]:
        id_, known = its
        return id_, replace(known, factors=factors[id_]) if id_ in factors else known

    return MappingProxyType((yield from _map(portals.items(), portal)))


def _rule(row: RuleRow, ties: _Ties) -> Work[Rule]:
    yield from ()
    zones, actions, unknown, validations = ties
    return Rule(
        id=row.id,
        name=row.name,
        type=row.type,
        blocks=row.type == BLOCK,
        releases=row.type == RELEASE,
        when=_when(row, zones),
        actions=actions,
        unknown=unknown,
        validations=validations,
        elsewhere_own=_elsewhere(row, PersonTie.OWN),
        elsewhere_by_group=_elsewhere(row, PersonTie.GROUP),
    )


def _elsewhere(row: RuleRow, person: PersonTie) -> RuleTrace:
    return RuleTrace(
        rule_id=row.id,
        name=row.name,
        type=row.type,
        person=person,
        place=PlaceTie.NONE,
        time=TimeVerdict.NOT_CHECKED,
        applied=False,
        why=RuleOutcome.OTHER_PLACE,
    )


def _when(row: RuleRow, zones: tuple[CompiledZone, ...]) -> Condition:
    if row.type == BLOCK:
        return restricting(zones)
    return releasing(zones) if row.type == RELEASE else NOT_ASKED


def _action(row: ActionRow) -> Action:
    return Action(name=row.action, parameters=row.parameters, id=row.id, run_at=row.run_at)


def _runnable(
    links: Mapping[int, list[int]], actions: Mapping[int, Action]
) -> Work[dict[int, tuple[Action, ...]]]:
    def runnable(link: tuple[int, list[int]]) -> tuple[int, tuple[Action, ...]]:
        found = (actions[id_] for id_ in dict.fromkeys(link[1]) if id_ in actions)
        return link[0], tuple(action for action in found if action.run_at in RUN_AT)

    return (yield from _map(links.items(), runnable))


def _found(
    links: Mapping[int, list[int]], values: Mapping[int, V]
) -> Work[dict[int, tuple[V, ...]]]:
    """Left side of a link -> those of `values` that it names."""
    return (
        yield from _map(
            links.items(),
            lambda link: (link[0], tuple(values[id_] for id_ in link[1] if id_ in values)),
        )
    )


def _links(steps: Steps, rows: PolicyRows, table: str) -> Work[dict[int, list[int]]]:
    return (yield from steps.run(table, _grouped, getattr(rows, table)))


def _grouped(links: Iterable[LinkRow]) -> Work[dict[int, list[int]]]:
    """Left side -> right sides, in the order of the rows."""
    groups: dict[int, list[int]] = {}
    for part in sliced(links):
        for left, right in part:
            groups.setdefault(left, []).append(right)
        yield
    return groups


def _sets(links: Iterable[LinkRow]) -> Work[dict[int, frozenset[int]]]:
    """The same without an order."""
    groups = yield from _grouped(links)
    return (yield from _map(groups.items(), lambda link: (link[0], frozenset(link[1]))))


def _lefts(links: Iterable[LinkRow]) -> Work[frozenset[int]]:
    return frozenset((yield from _grouped(links)))


def _map(rows: Iterable[R], entry: Callable[[R], tuple[int, V]]) -> Work[dict[int, V]]:
    """A dictionary of the `entry` of each row."""
    found: dict[int, V] = {}
    for part in sliced(rows):
        found.update(map(entry, part))
        yield
    return found
