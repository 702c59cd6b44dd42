"""What the edge thread reads and serves."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

FLOOD = 3_000
"""Most edges in a second; more are noise or tampering (45 cards of 66 bits would have to follow
each other without a pause) and must not take processor time from the doors."""
_NS = 1_000_000_000


@runtime_checkable
class PolledSource(Protocol):
    """An edge source with a file descriptor to poll."""

    @property
    def name(self) -> str:
        """The reader or the line."""

    def fileno(self) -> int | None:
        """Return the descriptor to poll; None while the source is not open."""

    def read(self) -> None:
        """Read the waiting edges. Raises OSError."""

    def drop(self, why: str) -> None:
        """Close a failed source; `why` is its failure."""

    def reopen(self) -> None:
        """Try to open the source again; `fileno` shows the result."""


class Collector(Protocol):
    """What makes frames of the edges of a source."""

    @property
    def due_ns(self) -> int | None:
        """When `service` is due without a new edge; None to wait for one."""

    def service(self, now_ns: int) -> None:
        """Take the edges that were read. All those before `now_ns` were."""


class FloodGuard:
    """Counts the edges of a source in each second."""

    def __init__(self) -> None:
        self._second_ns = 0
        """Stamp at the start of the current second."""
        self._edges = 0

    def note(self, edges: int, last_ns: int, most: int = FLOOD) -> None:
        """Note edges, the last of them at `last_ns`. Raises OSError for more than `most` within a
        second."""
        if last_ns - self._second_ns > _NS:
            self._second_ns, self._edges = last_ns, 0
        self._edges += edges
        if self._edges > most:
            raise OSError("more edges than any reader sends: noise or tampering with the wires")
