"""Join paths from one object to another along their references.

The shortest path is used, at most four references long, the first declared of several; LONG_PATHS
names longer documented ones. Two references to the same row are joined directly, without that row:
`user_groups.user_id = access_logs.user_id` (Control iD Access API, 2.7). Logs only end a path: what
a person may do is not what a person did. Custom tables only end a path too, so that paths between
other objects do not change when a client adds one.
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
LONG_PATHS = (
    ("portals", *_DEVICES_OF_A_PORTAL),
    ("access_rules", "portal_access_rules", "portals", *_DEVICES_OF_A_PORTAL),
)
"""Longer paths that the API documents, for both directions. Between two of their objects the first
reference is used, even if it is excluded from joins."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`left` and `right` are equal in joined rows; each is (object, field)."""

    left: tuple[str, str]
    right: tuple[str, str]


class Joins:
    """The join paths between the objects of a registry, found on demand."""

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
        for names in LONG_PATHS:
            if all(name in registry for name in names):
                self._know(names)
                self._know(names[::-1])

    def path(self, start: str, end: str) -> tuple[Pair, ...]:
        """The pairs to join on, from `start` to `end`. Raises InvalidRequest without a path."""
        known = self._known.get((start, end))
        if known is None:
            known = _collapsed(self._shortest(self._registry[start], self._registry[end]))
            self._known[start, end] = known
        if not known:
            raise InvalidRequest(f"{end} cannot be joined with {start}")
        return known

    def reachable(self, start: str) -> Iterator[tuple[str, tuple[Pair, ...]]]:
        """Every object but links that can be joined with `start`, with the path."""
        for declared in self._registry:
            if declared.name != start and not declared.link:
                try:
                    yield declared.name, self.path(start, declared.name)
                except InvalidRequest:
                    continue

    def _know(self, names: tuple[str, ...]) -> None:
        path = tuple(starmap(self._direct, pairwise(names)))
        self._known[names[0], names[-1]] = _collapsed(path)

    def _direct(self, here: str, there: str) -> Pair:
        """The pair of two objects of which one refers to the other."""
        for ref in self._registry[here].refs:
            if ref.target == there:
                return Pair((here, ref.name), (there, self._registry[there].key_name))
        back = self._direct(there, here)
        return Pair(back.right, back.left)

    def _shortest(self, start: ObjectType, end: ObjectType) -> tuple[Pair, ...]:
        waiting: deque[tuple[Pair, ...]] = deque([()])
        seen = {start.name}
        while waiting:
            path = waiting.popleft()
            here = path[-1].right[0] if path else start.name
            if here == end.name:
                return path
            if len(path) == LONGEST or (path and not self._passable(here, start, end)):
                continue
            for step in self._steps[here]:
                if step.right[0] not in seen:
                    seen.add(step.right[0])
                    waiting.append((*path, step))
        return ()

    def _passable(self, name: str, start: ObjectType, end: ObjectType) -> bool:
        passed = self._registry[name]
        if passed.custom:
            return False
        return not passed.log or (passed.link and (start.log or end.log))


def _collapsed(path: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """`path` without the rows that it enters and leaves by the same field."""
    pairs: list[Pair] = []
    for step in path:
        if pairs and pairs[-1].right == step.left:
            pairs[-1] = Pair(pairs[-1].left, step.right)
        else:
            pairs.append(step)
    return tuple(pairs)
