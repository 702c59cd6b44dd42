"""Doors that open only to several people together.

A portal rule names departments and how many people of each must identify. A person of two
departments fills one place; a matching fills as many places as possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.access.person import Person
from gateway.access.portal_rules import PortalRule


@dataclass(frozen=True, slots=True)
class Shortage:
    """Who is missing for one rule."""

    rule_id: int
    name: str
    groups: tuple[tuple[int, int], ...]
    """Group -> how many of it, ascending by group."""


@dataclass(frozen=True, slots=True)
class MultiPersonGroup:
    """The people who wait at one portal, in the order in which they came."""

    until_ms: int
    """When the group stops waiting (monotonic)."""
    people: tuple[Person, ...]
    missing: tuple[Shortage, ...] = ()
    """Who was missing for each rule in force when the last person came."""

    def joined_by(self, person: Person) -> MultiPersonGroup:
        """The group with `person`, who counts once however many cards they show."""
        return replace(self, people=(*self.left_by(person).people, person))

    def left_by(self, person: Person) -> MultiPersonGroup:
        """The group without `person`."""
        others = tuple(present for present in self.people if present.id != person.id)
        return replace(self, people=others)


def has_place(rules: Iterable[PortalRule], person: Person) -> bool:
    """True when one of the rules needs somebody of a department of `person`."""
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
