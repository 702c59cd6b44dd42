"""Unlock schedules and first cards: while one is in force, doors let everyone pass.

An unlock schedule takes its hours from the time zones of its releasing rules, and its places from
the portals and areas that those rules are tied to (Access API, `scheduled_unlocks`). A blocking
rule tied to it unlocks nothing.

A first card has the window of one time zone, at one portal. It unlocks nothing before a person
of a listed department has entered by that portal in the window.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass

from gateway.access.calendar import ScheduleInstant
from gateway.access.rows import FirstCardRow, LinkRow, ScheduledUnlockRow
from gateway.access.schedule import NO_ZONE, CompiledZone, Condition, releasing
from gateway.access.slices import sliced


@dataclass(frozen=True, slots=True)
class UnlockSchedule:
    """One rule of an unlock schedule."""

    id: int
    name: str
    rule_id: int
    when: Condition


def compile_unlocks(
    rows: Iterable[ScheduledUnlockRow],
    links: Iterable[LinkRow],
    by_rule: Mapping[int, Condition],
) -> Generator[None, None, dict[int, list[UnlockSchedule]]]:
    """Rule -> the unlock schedules that use it; `by_rule` has the conditions of releasing rules."""
    names: dict[int, str] = {}
    for part in sliced(rows):
        names.update((row.id, row.name) for row in part)
        yield
    found: dict[int, list[UnlockSchedule]] = {}
    for links_part in sliced(links):
        for schedule, rule in links_part:
            if schedule in names and rule in by_rule:
                unlock = UnlockSchedule(schedule, names[schedule], rule, by_rule[rule])
                found.setdefault(rule, []).append(unlock)
        yield
    return found


def unlocked_by(
    unlocks: Iterable[UnlockSchedule], instant: ScheduleInstant
) -> UnlockSchedule | None:
    """The schedule that holds the place unlocked at `instant`, None for none.

    Only a schedule that is certain counts: with a clock that is not trusted, one of all week.
    """
    return next((unlock for unlock in unlocks if unlock.when.holds(instant)), None)


@dataclass(frozen=True, slots=True)
class FirstCard:
    """A compiled row of `first_card_unlocks`."""

    id: int
    name: str
    group_ids: frozenset[int]
    """The departments whose people start it."""
    when: Condition

    def started_by(self, group_ids: Collection[int]) -> bool:
        """True if a person of these departments starts it."""
        return not self.group_ids.isdisjoint(group_ids)


def compile_first_cards(
    rows: Iterable[FirstCardRow], links: Iterable[LinkRow], zones: Mapping[int, CompiledZone]
) -> Generator[None, None, dict[int, tuple[FirstCard, ...]]]:
    """The first cards by portal; `links` name their departments."""
    groups: dict[int, set[int]] = {}
    for links_part in sliced(links):
        for id_, group in links_part:
            groups.setdefault(id_, set()).add(group)
        yield
    found: dict[int, tuple[FirstCard, ...]] = {}
    for part in sliced(rows):
        for row in part:
            its_groups = frozenset(groups.get(row.id, ()))
            when = releasing((zones.get(row.time_zone_id, NO_ZONE),))
            first_card = FirstCard(row.id, row.name, its_groups, when)
            found[row.portal_id] = (*found.get(row.portal_id, ()), first_card)
        yield
    return found
