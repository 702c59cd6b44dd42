from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import (
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.slices import drain


@pytest.fixture(scope="session")
def compiled() -> Callable[[PolicyRows], Policy]:
    """Compiles at once."""
    return lambda rows: drain(compile_policy(rows))


def _random_site(chance: random.Random, monday: int) -> PolicyRows:
    """Rules of both kinds, tied in every way, with spans whose ends lie close together."""

    def second() -> int:
        close = chance.choice((0, 1, 3_599, 7_199, 7_200, 9_000, 10_800, 43_200, 86_398, 86_399))
        return chance.choice((close, chance.randrange(86_400)))

    def flags(count: int) -> list[int]:
        return [int(chance.random() < 0.6) for _ in range(count)]

    rules, zones, groups = range(1, 7), range(1, 6), range(1, 4)
    pairs = [(left, right) for left in rules for right in zones]
    return PolicyRows(
        version=1,
        portals=[PortalRow(1, "front", 1, 2)],
        access_rules=[RuleRow(id_, "", int(id_ > 1)) for id_ in rules],
        portal_access_rules=[LinkRow(1, id_) for id_ in rules if chance.random() < 0.6],
        area_access_rules=[LinkRow(2, id_) for id_ in rules if chance.random() < 0.3],
        group_access_rules=[
            LinkRow(group, id_) for group in groups for id_ in rules if chance.random() < 0.4
        ],
        access_rule_time_zones=[LinkRow(*pair) for pair in pairs if chance.random() < 0.4],
        time_zones=[TimeZoneRow(id_, "") for id_ in zones],
        time_spans=[
            TimeSpanRow(number, chance.choice(zones), second(), second(), *flags(10))
            for number in range(chance.randrange(10))
        ],
        holidays=[
            HolidayRow(number, "", begin, begin + chance.randrange(200_000), *flags(4))
            for number in range(chance.randrange(4))
            for begin in [monday + chance.randrange(-86_400, 8 * 86_400)]
        ],
    )


def _random_person(chance: random.Random, monday: int) -> Person:
    def bound() -> int | None:
        return chance.choice((None, 0, monday + chance.randrange(7 * 86_400)))

    groups = tuple(group for group in (1, 2, 3) if chance.random() < 0.6)
    own = tuple(rule for rule in range(1, 7) if chance.random() < 0.15)
    return Person(1, bound(), bound(), groups, own)


@pytest.fixture(scope="session")
def random_site() -> Callable[[random.Random, int], PolicyRows]:
    """Makes rules of both kinds about portal 1, with holidays in the week from a second on."""
    return _random_site


@pytest.fixture(scope="session")
def random_person() -> Callable[[random.Random, int], Person]:
    """Makes somebody of the random site, valid in a part of that week or all of it."""
    return _random_person
