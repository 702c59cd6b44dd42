"""Ways from one object to another along their references.

The shortest way counts, in order of declaration, at most four references long; some longer ones
that are documented are named below. A reference to the
same row from both sides is crossed without touching that row: `user_groups.user_id =
access_logs.user_id` (Control iD Access API, 2.7). Logs are ends of ways, never stations: what a
person may do is not what a person did. Nor are custom tables: the ways between other objects stay
the same when a client adds one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, starmap

from gateway.errors import InvalidRequest
from gateway.objects.declaration import ObjectType, Registry

LONGEST = 4

_DEVICES_OF_A_PORTAL = (
    "portal_script_parameters",
    "script_instances",
    "identification_rules",
    "device_identification_rules",
    "devices",
)
LONG_WAYS = (
    ("portals", *_DEVICES_OF_A_PORTAL),
    ("access_rules", "portal_access_rules", "portals", *_DEVICES_OF_A_PORTAL),
)
"""Ways that the documentation names although they are longer; each leads both ways. Where two of
its stations are tied more than once, the first reference counts, whether it joins or not."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`left` and `right` are equal in joined rows; each is (object, field)."""

    left: tuple[str, str]
    right: tuple[str, str]


class Joins:
    """All ways between the objects of a registry, found when asked for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._steps: dict[str, list[Pair]] = {declared.name: [] for declared in registry}
        for declared in registry:
            for ref in declared.refs:
                if ref.joins:
                    here = (declared.name, ref.name)
                    there = (ref.target, registry[ref.target].key_name)
                    self._steps[declared.name].append(Pair(here, there))
                    self._steps[ref.target].append(Pair(there, here))
        self._known: dict[tuple[str, str], tuple[Pair, ...]] = {}
        for stations in LONG_WAYS:
            if all(name in registry for name in stations):
                self._know(stations)
                self._know(stations[::-1])

    def path(self, start: str, end: str) -> tuple[Pair, ...]:
        """The pairs to join on, from `start` to `end`.

        Raises InvalidRequest when there is no way.
        """
        known = self._known.get((start, end))
        if known is None:
            known = _collapsed(self._shortest(self._registry[start], self._registry[end]))
            self._known[start, end] = known
        if not known:
            raise InvalidRequest(f"{end} cannot be joined with {start}")
        return known

    def reachable(self, start: str) -> Iterator[tuple[str, tuple[Pair, ...]]]:
        """Every object with rows of its own that can be joined with `start`, and the way."""
        for declared in self._registry:
            if declared.name != start and not declared.link:
                try:
                    yield declared.name, self.path(start, declared.name)
                except InvalidRequest:
                    continue

    def _know(self, stations: tuple[str, ...]) -> None:
        way = tuple(starmap(self._direct, pairwise(stations)))
        self._known[stations[0], stations[-1]] = _collapsed(way)

    def _direct(self, here: str, there: str) -> Pair:
        """The pair that ties two objects of which one refers to the other."""
        for ref in self._registry[here].refs:
            if ref.target == there:
                return Pair((here, ref.name), (there, self._registry[there].key_name))
        back = self._direct(there, here)
        return Pair(back.right, back.left)

    def _shortest(self, start: ObjectType, end: ObjectType) -> tuple[Pair, ...]:
        waiting: deque[tuple[Pair, ...]] = deque([()])
        seen = {start.name}
        while waiting:
            way = waiting.popleft()
            here = way[-1].right[0] if way else start.name
            if here == end.name:
                return way
            if len(way) == LONGEST or (way and not self._passable(here, start, end)):
                continue
            for step in self._steps[here]:
                if step.right[0] not in seen:
                    seen.add(step.right[0])
                    waiting.append((*way, step))
        return ()

    def _passable(self, name: str, start: ObjectType, end: ObjectType) -> bool:
        station = self._registry[name]
        if station.custom:
            return False
        return not station.log or (station.link and (start.log or end.log))


def _collapsed(way: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """`way` without the rows that it enters and leaves by the same field."""
    pairs: list[Pair] = []
    for step in way:
        if pairs and pairs[-1].right == step.left:
            pairs[-1] = Pair(pairs[-1].left, step.right)
        else:
            pairs.append(step)
    return tuple(pairs)
