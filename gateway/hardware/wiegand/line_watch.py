"""Supervises the two data lines of a Wiegand reader.

A line that stays low is a short, a broken wire or a reader without power. Lost edges mean that
cards must be presented again.
"""

from __future__ import annotations

from gateway.clock import next_round_ns
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.pins.pin import PIN_FAILURES
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.wiegand.edges import EdgeSource

STUCK_NS = 500_000_000
"""A line that is low for so long without an edge is stuck: the longest pulse is 100 us."""
LOOK_NS = 1_000_000_000
"""Interval of checks while both lines are high, as when idle."""
LOW_LOOK_NS = 100_000_000
"""Interval of checks while a line is low and may be stuck."""
LOST_NS = 60_000_000_000
"""How long a reader is degraded after a lost edge."""

_S = 1_000_000_000
_LINES = ("D0", "D1")


class LineWatch:
    """The driver that reports the state of a reader's lines as the reader's state."""

    def __init__(self, reader: str, source: EdgeSource, loop: Loop) -> None:
        """The reader starts as online."""
        self.name = reader
        self._source = source
        self._post = loop.post
        self.due_ns = loop.clock.monotonic_ns()
        self._low_since: list[int | None] = [None, None]
        self._edges_then = [0, 0]
        """Edge count of each line when it was first seen low."""
        self._lost_then = 0
        self._lost_until_ns = 0
        self._reported = (Health.ONLINE, "")
        self._counted_ns = self.due_ns
        self._counted = 0
        self._per_s = 0

    def counters(self) -> dict[str, int]:
        """Return the counters of the lines; `edges_per_s` covers the last second."""
        counts = self._source.counts
        return {
            "edges": counts.edges,
            "edges_per_s": self._per_s,
            "edges_lost": counts.lost,
            "largest_batch": counts.largest_batch,
        }

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - there is no thread
        return True

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: lines have no settings in the database."""

    def service(self, now_ns: int) -> None:
        if now_ns < self.due_ns:
            return
        self._count(now_ns)
        state = self._read_lines(now_ns)
        maybe_stuck = any(since is not None for since in self._low_since)
        offline = state[0] is Health.OFFLINE
        pace_ns = LOW_LOOK_NS if maybe_stuck and not offline else LOOK_NS
        self.due_ns = next_round_ns(now_ns, pace_ns)
        if state != self._reported:
            self._reported = state
            self._post(DeviceState(self.name, *state, now_ns))

    def close(self) -> None:
        """Does nothing: the reader's driver closes the lines."""

    def _count(self, now_ns: int) -> None:
        counts = self._source.counts
        passed_ns = now_ns - self._counted_ns
        if now_ns // _S != self._counted_ns // _S:
            self._per_s = (counts.edges - self._counted) * _S // passed_ns
            self._counted, self._counted_ns = counts.edges, now_ns
        if counts.lost != self._lost_then:
            self._lost_then = counts.lost
            self._lost_until_ns = now_ns + LOST_NS

    def _read_lines(self, now_ns: int) -> tuple[Health, str]:
        """Return the present state of the lines and its reason."""
        if self._source.failure:
            return Health.OFFLINE, self._source.failure
        try:
            levels = self._source.levels()
        except PIN_FAILURES as error:
            return Health.OFFLINE, f"lines cannot be read: {error}"
        counts = self._source.counts
        for line, (high, edges) in enumerate(zip(levels, (counts.d0, counts.d1), strict=True)):
            if high:
                self._low_since[line] = None
            elif self._low_since[line] is None or edges != self._edges_then[line]:
                self._low_since[line] = now_ns
                self._edges_then[line] = edges
        stuck = [
            name
            for name, since in zip(_LINES, self._low_since, strict=True)
            if since is not None and now_ns - since >= STUCK_NS
        ]
        if stuck:
            verb = "is" if len(stuck) == 1 else "are"
            return Health.OFFLINE, f"{' and '.join(stuck)} {verb} low: short or no power"
        if now_ns < self._lost_until_ns:
            return Health.DEGRADED, "edges were lost: present the card again"
        return Health.ONLINE, ""
