"""How often the tags in a UHF reader's field count."""

from __future__ import annotations

from dataclasses import dataclass

_TAGS_KEPT = 1_000
"""More than any reader tells apart within an interval."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Access API, module `uhf`, in nanoseconds."""

    same_ns: int
    """`read_interval`: a tag that stays in the field counts once in so long."""
    other_ns: int
    """`read_interval_diff_tags`: after one tag another one counts when so long has passed."""


class TagIntervals:
    """Remembers which tags counted when."""

    def __init__(self) -> None:
        self._counted: dict[bytes, int] = {}
        self._latest: tuple[bytes, int] | None = None

    def counts(self, tag: bytes, at_ns: int, intervals: Intervals) -> bool:
        """Whether a tag seen at `at_ns` is an identification; if so it is remembered as one."""
        last_ns = self._counted.get(tag)
        if last_ns is not None and at_ns - last_ns < intervals.same_ns:
            return False
        if self._latest is not None:
            latest, latest_ns = self._latest
            if latest != tag and at_ns - latest_ns < intervals.other_ns:
                return False
        # In the order in which they counted: the oldest is the first.
        self._counted.pop(tag, None)
        self._counted[tag] = at_ns
        if len(self._counted) > _TAGS_KEPT:
            del self._counted[next(iter(self._counted))]
        self._latest = tag, at_ns
        return True
