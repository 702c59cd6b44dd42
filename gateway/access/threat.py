"""Threat levels: while one is in force, fewer people pass and doors are not unlocked by schedule.

A level counts after fire, emergency and lock-down, and before validity and rules. It takes rights
and gives none; exit buttons do not depend on it.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.access.factor_modes import FactorMode, factor_mode
from gateway.access.rows import LinkRow, ThreatLevelRow
from gateway.access.slices import sliced


@dataclass(frozen=True, slots=True)
class ThreatLevel:
    """A compiled row of `threat_levels`."""

    level: int
    name: str
    group_ids: frozenset[int] | None
    """The departments whose people pass; None for everyone."""
    stops_unlock_schedules: bool
    stops_first_cards: bool
    factor_mode: FactorMode
    """What everyone must show at least."""

    def admits(self, group_ids: Collection[int]) -> bool:
        """True if it refuses nobody of these departments."""
        return self.group_ids is None or not self.group_ids.isdisjoint(group_ids)


def compile_threat_levels(
    rows: Iterable[ThreatLevelRow], links: Iterable[LinkRow]
) -> Generator[None, None, Mapping[int, ThreatLevel]]:
    """The levels that the site has defined; `links` name their departments."""
    groups: dict[int, set[int]] = {}
    for links_part in sliced(links):
        for id_, group in links_part:
            groups.setdefault(id_, set()).add(group)
        yield
    found: dict[int, ThreatLevel] = {}
    for part in sliced(rows):
        for row in part:
            listed = frozenset(groups.get(row.id, ()))
            found[row.level] = ThreatLevel(
                row.level,
                row.name,
                listed if row.listed_groups_only else None,
                bool(row.stops_unlock_schedules),
                bool(row.stops_first_cards),
                factor_mode(row.factor_mode),
            )
        yield
    return MappingProxyType(found)


def _lost(level: int) -> ThreatLevel:
    return ThreatLevel(
        level,
        "",
        frozenset(),
        stops_unlock_schedules=True,
        stops_first_cards=True,
        factor_mode=FactorMode.CARD_AND_PIN,
    )


def in_force(levels: Mapping[int, ThreatLevel], level: int) -> ThreatLevel | None:
    """What `level` does; None for level 0.

    One whose definition was deleted, or cannot be read, refuses everyone and stops every schedule:
    losing it must not let anybody in.
    """
    if level == 0:
        return None
    return levels.get(level, _lost(level))
