"""The compiled rules of a site: immutable, small, in memory.

`compile_policy` works in slices, so that the loop that serves doors can build a new policy while it
uses the old one, and then swap them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from gateway.access.actions import RUN_HERE, Action
from gateway.access.calendar import Calendar, compile_calendar
from gateway.access.multi_person import PortalRule, compile_portal_rules, zones_of
from gateway.access.passback import NO_PASSAGE, Passage, passage
from gateway.access.person import Person
from gateway.access.rows import ActionRow, LinkRow, PolicyRows, PortalRow, RuleRow, TimeSpanRow
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
from gateway.access.trace import PersonTie, PlaceTie, RuleOutcome, RuleTrace, TimeVerdict
from gateway.access.unlocks import (
    FirstCard,
    UnlockSchedule,
    compile_first_cards,
    compile_unlocks,
    unlocked_by,
)
from gateway.clock import Moment

BLOCK = 0
RELEASE = 1
"""`access_rules.type`."""

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

    def is_conditional(self, person: Person) -> bool:
        """Whether the person may pass only on a condition that this build cannot evaluate."""
        return person.id in self.conditional_users or not self.conditional_groups.isdisjoint(
            person.group_ids
        )

    def portal_rules_at(self, portal: Portal, moment: Moment) -> tuple[PortalRule, ...]:
        """The portal rules in force at `moment`."""
        if not portal.portal_rules:
            return ()
        instant = self.calendar.instant(moment)
        return tuple(rule for rule in portal.portal_rules if rule.in_force(instant))

    def unlocked_at(self, portal: Portal, moment: Moment) -> UnlockSchedule | None:
        """The schedule that lets everyone pass at `moment`, None for none."""
        if not portal.unlocks:
            return None
        return unlocked_by(portal.unlocks, self.calendar.instant(moment))


def compile_policy(rows: PolicyRows) -> Generator[None, None, Policy]:
    """Build the policy of `rows`, which the generator returns; yields every few rows.

    The time is proportional to the number of rows. Invalid rows never raise: what they would
    release stays locked, what they would block stays blocked.
    """
    zones = yield from _zones(rows)
    calendar = yield from compile_calendar(rows.holidays)
    actions = yield from _map(rows.actions, lambda row: (row.id, _action(row)))
    zone_links = yield from _grouped(rows.access_rule_time_zones)
    action_links = yield from _grouped(rows.access_rule_actions)
    unknown = yield from _unknown(access_rule_validations=rows.access_rule_validations)

    def rule(row: RuleRow) -> tuple[int, Rule]:
        its_zones = tuple(zones.get(zone, NO_ZONE) for zone in zone_links.get(row.id, ()))
        its_actions = _runnable(action_links.get(row.id, ()), actions)
        return row.id, _rule(row, its_zones, its_actions, unknown.get(row.id, ()))

    rules = yield from _map(rows.access_rules, rule)
    group_links = yield from _grouped(rows.group_access_rules)

    def group(link: tuple[int, list[int]]) -> tuple[int, Mapping[int, RuleTrace]]:
        found = (rules[id_] for id_ in link[1] if id_ in rules)
        return link[0], MappingProxyType({rule.id: rule.elsewhere_by_group for rule in found})

    group_rules = yield from _map(group_links.items(), group)
    portal_rules = yield from _portal_rules(rows, zones, actions)
    unlocks = yield from compile_unlocks(
        rows.scheduled_unlocks,
        rows.scheduled_unlock_access_rules,
        {rule.id: rule.when for rule in rules.values() if rule.releases and not rule.unknown},
    )
    first_cards = yield from compile_first_cards(
        rows.first_card_unlocks, rows.first_card_unlock_groups, zones
    )
    portals = yield from _portals(rows, actions, portal_rules, unlocks, first_cards)
    users = yield from _unknown(user_identification_rules=rows.user_identification_rules)
    groups = yield from _unknown(group_identification_rules=rows.group_identification_rules)
    return Policy(
        version=rows.version,
        portals=MappingProxyType(portals),
        rules=MappingProxyType(rules),
        group_rules=MappingProxyType(group_rules),
        calendar=calendar,
        contingency_rules=tuple(rows.contingency_rules),
        conditional_users=frozenset(users),
        conditional_groups=frozenset(groups),
    )


def _zones(rows: PolicyRows) -> Generator[None, None, dict[int, CompiledZone]]:
    spans: dict[int, list[TimeSpanRow]] = {}
    for zone_rows in sliced(rows.time_zones):
        spans.update((row.id, []) for row in zone_rows)
        yield
    for span_rows in sliced(rows.time_spans):
        for row in span_rows:
            if row.time_zone_id in spans:
                spans[row.time_zone_id].append(row)
        yield
    zones = {}
    for id_, its_spans in spans.items():
        zones[id_] = yield from compile_zone(its_spans)
    return zones


def _portal_rules(
    rows: PolicyRows, zones: Mapping[int, CompiledZone], actions: Mapping[int, Action]
) -> Generator[None, None, dict[int, PortalRule]]:
    its_zones = yield from zones_of(rows.portal_rule_time_zones, zones)
    links = yield from _grouped(rows.portal_rule_actions)
    its_actions = yield from _map(
        links.items(), lambda link: (link[0], _runnable(link[1], actions))
    )
    unknown = yield from _unknown(
        portal_rule_users=rows.portal_rule_users,
        portal_rule_validations=rows.portal_rule_validations,
    )
    return (
        yield from compile_portal_rules(
            rows.portal_rules, rows.portal_rule_groups, its_zones, its_actions, unknown
        )
    )


def _unknown(**tables: Iterable[LinkRow]) -> Generator[None, None, dict[int, tuple[str, ...]]]:
    """Left side of a link -> the names of the tables that contain it."""
    found: dict[int, tuple[str, ...]] = {}
    for name, links in tables.items():
        for left in (yield from _grouped(links)):
            found[left] = (*found.get(left, ()), name)
    return found


def _portals(
    rows: PolicyRows,
    actions: Mapping[int, Action],
    portal_rules: Mapping[int, PortalRule],
    unlocks: Mapping[int, list[UnlockSchedule]],
    first_cards: Mapping[int, tuple[FirstCard, ...]],
) -> Generator[None, None, dict[int, Portal]]:
    action_links = yield from _grouped(rows.portal_actions)
    portal_links = yield from _grouped(rows.portal_access_rules)
    area_links = yield from _grouped(rows.area_access_rules)
    # Once per area, not per portal: many portals may lead into an area with many rules.
    area_rules = yield from _map(area_links.items(), lambda link: (link[0], frozenset(link[1])))

    rule_links = yield from _grouped(rows.portal_portal_rules)
    passback_areas = dict(rows.passback_areas)
    unlocking = frozenset(unlocks)

    def portal(row: PortalRow) -> tuple[int, Portal]:
        own = frozenset(portal_links.get(row.id, ()))
        by_area = area_rules.get(row.area_to_id, frozenset())
        return row.id, Portal(
            id=row.id,
            name=row.name,
            own_rules=own,
            area_rules=by_area,
            actions=_runnable(action_links.get(row.id, ()), actions),
            portal_rules=tuple(
                portal_rules[id_] for id_ in rule_links.get(row.id, ()) if id_ in portal_rules
            ),
            unlocks=tuple(
                unlock
                for id_ in sorted((own & unlocking) | (by_area & unlocking))
                for unlock in unlocks[id_]
            ),
            first_cards=first_cards.get(row.id, ()),
            passage=passage(row.area_from_id, row.area_to_id, passback_areas),
        )

    return (yield from _map(rows.portals, portal))


def _rule(
    row: RuleRow,
    zones: tuple[CompiledZone, ...],
    actions: tuple[Action, ...],
    unknown: tuple[str, ...],
) -> Rule:
    return Rule(
        id=row.id,
        name=row.name,
        type=row.type,
        blocks=row.type == BLOCK,
        releases=row.type == RELEASE,
        when=_when(row, zones),
        actions=actions,
        unknown=unknown,
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


def _runnable(ids: Iterable[int], actions: Mapping[int, Action]) -> tuple[Action, ...]:
    found = (actions[id_] for id_ in dict.fromkeys(ids) if id_ in actions)
    return tuple(action for action in found if action.run_at in RUN_HERE)


def _grouped(links: Iterable[LinkRow]) -> Generator[None, None, dict[int, list[int]]]:
    """Left side -> right sides, in the order of the rows."""
    groups: dict[int, list[int]] = {}
    for part in sliced(links):
        for left, right in part:
            groups.setdefault(left, []).append(right)
        yield
    return groups


def _map(
    rows: Iterable[R], entry: Callable[[R], tuple[int, V]]
) -> Generator[None, None, dict[int, V]]:
    """A dictionary of the `entry` of each row."""
    found: dict[int, V] = {}
    for part in sliced(rows):
        found.update(map(entry, part))
        yield
    return found
