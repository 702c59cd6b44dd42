"""First cards: a door that is to be unlocked for a time waits for somebody who opens the place.

The window comes from one time zone, the place is one portal. Nothing is unlocked before somebody
of a listed department has entered by that portal in the window.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass

from gateway.access.condition import Condition, releasing
from gateway.access.rows import FirstCardRow, LinkRow
from gateway.access.schedule import NO_ZONE, Zone
from gateway.access.slices import sliced


@dataclass(frozen=True, slots=True)
class FirstCard:
    """A compiled row of `first_card_unlocks`."""

    id: int
    name: str
    group_ids: frozenset[int]
    """The departments whose people start it; without one nobody does."""
    when: Condition

    def started_by(self, group_ids: Collection[int]) -> bool:
        """Whether somebody of these departments starts it."""
        return not self.group_ids.isdisjoint(group_ids)


def compile_first_cards(
    rows: Iterable[FirstCardRow], links: Iterable[LinkRow], zones: Mapping[int, Zone]
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
