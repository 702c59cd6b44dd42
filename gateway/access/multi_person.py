"""Doors that open only to several people together.

A portal rule names departments and how many people of each must identify. A person of two
departments fills one place; a matching fills as many places as possible.

A portal rule without a time zone is always in force, as is every restricting rule. A rule without
a department has no effect. A rule with a condition that this build cannot evaluate is never
complete: it keeps the portal locked while it is in force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.access.actions import Action
from gateway.access.calendar import ScheduleInstant
from gateway.access.person import Person
from gateway.access.rows import LinkRow, PortalRuleGroupRow, PortalRuleRow
from gateway.access.schedule import NO_ZONE, CompiledZone, Condition, restricting
from gateway.access.slices import sliced
from gateway.access.trace import TimeVerdict

KNOWN_TYPE = 1
"""`portal_rules.type` of a rule that lets people pass together. The reference gives no values:
1 is what clients send, and by the analogy of `access_rules` the type that releases (unverified)."""


@dataclass(frozen=True, slots=True)
class PortalRule:
    """A compiled row of `portal_rules`."""

    id: int
    name: str
    needs: Mapping[int, int]
    """Department -> how many of its people (`portal_rule_groups.quantity`)."""
    when: Condition
    actions: tuple[Action, ...]
    unknown: tuple[str, ...] = ()
    """Its conditions that this build cannot evaluate, by table or column."""

    def in_force(self, instant: ScheduleInstant) -> bool:
        """True unless its time zones say for certain that it is not."""
        return self.when.at(instant) is not TimeVerdict.OUT_OF_TIME


def compile_portal_rules(
    rows: Iterable[PortalRuleRow],
    groups: Iterable[PortalRuleGroupRow],
    zones: Mapping[int, tuple[CompiledZone, ...]],
    actions: Mapping[int, tuple[Action, ...]],
    unknown: Mapping[int, tuple[str, ...]],
) -> Generator[None, None, dict[int, PortalRule]]:
    """The portal rules by id; `zones`, `actions` and `unknown` are those of each rule."""
    needs: dict[int, dict[int, int]] = {}
    for part in sliced(groups):
        for row in part:
            needs.setdefault(row.portal_rule_id, {})[row.group_id] = max(1, row.quantity)
        yield
    found: dict[int, PortalRule] = {}
    for rule_rows in sliced(rows):
        for rule in rule_rows:
            its_unknown = unknown.get(rule.id, ())
            if rule.type != KNOWN_TYPE:
                its_unknown = (*its_unknown, f"portal_rules.type {rule.type}")
            if rule.id in needs or its_unknown:
                found[rule.id] = PortalRule(
                    id=rule.id,
                    name=rule.name,
                    needs=MappingProxyType(needs.get(rule.id, {})),
                    when=restricting(zones.get(rule.id, ())),
                    actions=actions.get(rule.id, ()),
                    unknown=its_unknown,
                )
        yield
    return found


def zones_of(
    links: Iterable[LinkRow], zones: Mapping[int, CompiledZone]
) -> Generator[None, None, dict[int, tuple[CompiledZone, ...]]]:
    """Left side of a link -> its time zones; a missing one counts as empty."""
    found: dict[int, tuple[CompiledZone, ...]] = {}
    for part in sliced(links):
        for left, right in part:
            found[left] = (*found.get(left, ()), zones.get(right, NO_ZONE))
        yield
    return found


@dataclass(frozen=True, slots=True)
class Shortage:
    """Who is missing for one rule, or (rule 0) for the fewest that may be in an area."""

    rule_id: int
    name: str
    groups: tuple[tuple[int, int], ...]
    """Group -> how many of it, ascending by group; group 0 is anybody."""


@dataclass(frozen=True, slots=True)
class MultiPersonGroup:
    """The people who wait at one portal, in the order in which they came."""

    until_ms: int
    """When the group stops waiting (monotonic)."""
    people: tuple[Person, ...]
    missing: tuple[Shortage, ...] = ()
    """Who was missing for each rule in force when the last person came."""
    hostless: tuple[int, ...] = ()
    """The visitors among them who had no host then."""

    def joined_by(self, person: Person) -> MultiPersonGroup:
        """The group with `person`, who counts once however many cards they show."""
        return replace(self, people=(*self.left_by(person).people, person))

    def left_by(self, person: Person) -> MultiPersonGroup:
        """The group without `person`."""
        others = tuple(present for present in self.people if present.id != person.id)
        return replace(self, people=others)


def has_place(rules: Iterable[PortalRule], person: Person) -> bool:
    """True if one of the rules needs a person of a department of `person`."""
    return any(rule.needs.keys() & set(person.group_ids) for rule in rules)


def complete(rule: PortalRule, people: Iterable[Person]) -> bool:
    """True when `people` can fill every place of the rule, each at most one."""
    present = list(people)
    if sum(rule.needs.values()) > len(present):
        return False
    places = _places(rule)
    return len(_filled(places, present)) == len(places)


def shortage(rule: PortalRule, people: Iterable[Person]) -> Shortage:
    """Who is missing for the rule, once each of `people` fills a place where that is possible."""
    places = _places(rule)
    filled = _filled(places, list(people))
    left = Counter(group for place, group in enumerate(places) if place not in filled)
    return Shortage(rule.id, rule.name, tuple(sorted(left.items())))


def _places(rule: PortalRule) -> list[int]:
    """The group that each place of the rule is for."""
    return [group for group, count in rule.needs.items() for _ in range(count)]


def _filled(places: list[int], people: list[Person]) -> dict[int, int]:
    """Place -> who fills it, for as many as can be filled at once (augmenting paths)."""
    filled_by: dict[int, int] = {}

    def seat(person: int, tried: set[int]) -> bool:
        for place, group in enumerate(places):
            if place in tried or group not in people[person].group_ids:
                continue
            tried.add(place)
            sitting = filled_by.get(place)
            if sitting is None or seat(sitting, tried):
                filled_by[place] = person
                return True
        return False

    for person in range(len(people)):
        seat(person, set())
    return filled_by
