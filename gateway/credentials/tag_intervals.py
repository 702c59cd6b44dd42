"""Limits how often a tag in a UHF reader's field is an identification."""

from __future__ import annotations

from dataclasses import dataclass

_TAGS_KEPT = 1_000
"""More tags than a reader can see within an interval."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Access API, module `uhf`, in nanoseconds."""

    same_ns: int
    """`read_interval`: shortest time between two identifications by the same tag."""
    other_ns: int
    """`read_interval_diff_tags`: shortest time between identifications by different tags."""


class TagIntervals:
    """Remembers when each tag was last an identification."""

    def __init__(self) -> None:
        self._counted: dict[bytes, int] = {}
        self._latest: tuple[bytes, int] | None = None

    def counts(self, tag: bytes, at_ns: int, intervals: Intervals) -> bool:
        """Return whether a tag seen at `at_ns` is an identification, and remember it as one."""
        last_ns = self._counted.get(tag)
        if last_ns is not None and at_ns - last_ns < intervals.same_ns:
            return False
        if self._latest is not None:
            latest, latest_ns = self._latest
            if latest != tag and at_ns - latest_ns < intervals.other_ns:
                return False
        # Insertion order: the oldest comes first.
        self._counted.pop(tag, None)
        self._counted[tag] = at_ns
        if len(self._counted) > _TAGS_KEPT:
            del self._counted[next(iter(self._counted))]
        self._latest = tag, at_ns
        return True
