"""How many people may be in an area: the most, and the fewest that may be there alone.

The most refuses an entry. The fewest makes the first people enter together, as many as that; who
leaves is never refused, even where too few stay behind: that is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.access.person import Person
from gateway.access.rows import OccupancyLimitsRow
from gateway.access.slices import sliced

NEVER = -1
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class AreaLimits:
    """A compiled row of `occupancy_limits`."""

    area_id: int
    maximum: int = 0
    """0 for no limit."""
    minimum: int = 0
    """0 for no limit, else 2 or more."""
    empty_at_s: int = NEVER
    """Second of the day at which the area counts as empty; NEVER for none."""

    def too_few(self, inside: int) -> bool:
        """True if somebody is inside, and fewer than may be there."""
        return 0 < inside < self.minimum

    def emptied_last(self, local_s: int) -> int | None:
        """The latest instant, in seconds of the site's wall clock, at which it counted as empty by
        its time of day; None if it has none."""
        if self.empty_at_s == NEVER:
            return None
        return (local_s - self.empty_at_s) // _DAY_S * _DAY_S + self.empty_at_s


def compile_limits(
    rows: Iterable[OccupancyLimitsRow],
) -> Generator[None, None, Mapping[int, AreaLimits]]:
    """By area."""
    found: dict[int, AreaLimits] = {}
    for part in sliced(rows):
        found.update((row.area_id, AreaLimits(*row)) for row in part)
        yield
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The area that a portal leads to, at the instant of an attempt."""

    limits: AreaLimits
    inside: Collection[int]
    """The people inside, and those who were let in and may enter yet."""

    def full_for(self, people: Iterable[Person]) -> bool:
        """True if `people` would be too many; who is inside already is not counted twice."""
        new = sum(id_ not in self.inside for id_ in {person.id for person in people})
        return bool(self.limits.maximum and new and len(self.inside) + new > self.limits.maximum)

    def missing(self, people: Collection[Person]) -> int:
        """How many more must enter together with `people`; 0 if they may."""
        new = sum(person.id not in self.inside for person in people)
        return max(0, self.limits.minimum - len(self.inside) - new)

    def facts(self) -> dict[str, int]:
        """The facts for the journal."""
        limits = self.limits
        return {"area_id": limits.area_id, "inside": len(self.inside), "maximum": limits.maximum}
