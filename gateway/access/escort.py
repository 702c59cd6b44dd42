"""Visitors who pass a portal only with a host.

A visitor and a host show their cards one after the other at the same portal, in either order,
within the seconds of the rule. A host is somebody of the host group who was let in there.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from dataclasses import dataclass

from gateway.access.person import Person
from gateway.access.rows import EscortRuleRow
from gateway.access.slices import sliced


@dataclass(frozen=True, slots=True)
class EscortRule:
    """A compiled row of `escort_rules`."""

    id: int
    name: str
    visitor_group_id: int
    host_group_id: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class HostPass:
    """Somebody who was let in at a portal, and may be the host of visitors there."""

    group_ids: tuple[int, ...]
    at_ms: int
    """Monotonic."""


MOST_HOSTS = 16
"""Hosts that a portal remembers: more do not pass it while a visitor comes after them."""


def compile_escorts(
    rows: Iterable[EscortRuleRow],
) -> Generator[None, None, dict[int, tuple[EscortRule, ...]]]:
    """The escort rules by portal."""
    found: dict[int, tuple[EscortRule, ...]] = {}
    for part in sliced(rows):
        for row in part:
            rule = EscortRule(
                row.id, row.name, row.visitor_group_id, row.host_group_id, row.within_s * 1000
            )
            found[row.portal_id] = (*found.get(row.portal_id, ()), rule)
        yield
    return found


def escorts_of(rules: Iterable[EscortRule], person: Person) -> tuple[EscortRule, ...]:
    """The rules by which `person` is a visitor; any of their hosts is enough. None for a person who
    is a host themselves. A membership that cannot be told makes a visitor, and no host."""
    perhaps = (*person.group_ids, *person.doubtful_group_ids)
    own = tuple(rule for rule in rules if rule.visitor_group_id in perhaps)
    return () if any(rule.host_group_id in person.group_ids for rule in own) else own


def is_host(rules: Iterable[EscortRule], person: Person) -> bool:
    """True if visitors may pass with `person`."""
    return any(rule.host_group_id in person.group_ids for rule in rules)


def hosted(
    own: Iterable[EscortRule], people: Iterable[Person], passes: Iterable[HostPass], now_ms: int
) -> bool:
    """Whether a visitor under the rules `own` has a host: one of `people`, or one who has passed in
    time."""
    here = [person.group_ids for person in people]
    passed = list(passes)
    return any(
        any(rule.host_group_id in groups for groups in here)
        or any(
            rule.host_group_id in it.group_ids and now_ms - it.at_ms <= rule.within_ms
            for it in passed
        )
        for rule in own
    )


def remembered(
    rules: Collection[EscortRule],
    passes: Iterable[HostPass],
    people: Iterable[Person],
    now_ms: int,
) -> tuple[HostPass, ...]:
    """The hosts to remember for the visitors who come after `people`, who were let in now; none at
    a portal without `rules`."""
    longest_ms = max((rule.within_ms for rule in rules), default=-1)
    recent = (it for it in passes if now_ms - it.at_ms <= longest_ms)
    new = (HostPass(it.group_ids, now_ms) for it in people if is_host(rules, it))
    return (*recent, *new)[-MOST_HOSTS:]
