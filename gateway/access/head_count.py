"""Doors that open only to several people together.

A portal rule names departments and how many people of each have to identify. Somebody of two
departments fills one place, and fills it where that lets the others in: a matching, not a count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.access.person import Person
from gateway.access.portal_rules import PortalRule


@dataclass(frozen=True, slots=True)
class Gathering:
    """The people who wait at one portal, in the order in which they came."""

    until_ms: int
    """When those who are still missing come too late (monotonic)."""
    people: tuple[Person, ...]

    def joined_by(self, person: Person) -> Gathering:
        """The gathering with `person`, who counts once however many cards they show."""
        return Gathering(self.until_ms, (*self.left_by(person).people, person))

    def left_by(self, person: Person) -> Gathering:
        """The gathering without `person`."""
        others = tuple(present for present in self.people if present.id != person.id)
        return Gathering(self.until_ms, others)


def has_place(rules: Iterable[PortalRule], person: Person) -> bool:
    """True when one of the rules needs somebody of a department of `person`."""
    return any(rule.needs.keys() & set(person.group_ids) for rule in rules)


def complete(rule: PortalRule, people: Iterable[Person]) -> bool:
    """True when `people` can fill every place of the rule, each at most one."""
    present = list(people)
    if sum(rule.needs.values()) > len(present):
        return False
    places = [group for group, count in rule.needs.items() for _ in range(count)]
    return _matched(places, present) == len(places)


def _matched(places: list[int], people: list[Person]) -> int:
    """How many of the places can be filled at once (augmenting paths)."""
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

    return sum(seat(person, set()) for person in range(len(people)))
