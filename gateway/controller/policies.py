"""Keeps the rules in memory up to date: compiled beside the old ones, in slices, swapped whole."""

from __future__ import annotations

from collections.abc import Callable, Generator

import structlog

from gateway.clock import Clock
from gateway.errors import StorageError
from gateway.store.snapshot import Snapshot, SnapshotReader

SLICE_NS = 2_000_000
"""Longest piece of compilation between two turns of the loop."""
RETRY_NS = 1_000_000_000

log = structlog.get_logger("policy")


class PolicyKeeper:
    """Compiles whenever the store's version is another than the one that decides."""

    def __init__(self, reader: SnapshotReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self.adopt: Callable[[Snapshot], None] = _nobody
        """Gets each new snapshot, on the loop's thread."""
        self._running: Generator[None, None, Snapshot] | None = None
        self._next: int | None = None
        """A version asked for while another compilation runs."""
        self._retry_ns: int | None = None
        self.version = 0
        """The version that decides; 0 before the first."""
        self.fault: str | None = None

    def want(self, version: int) -> None:
        """The store has `version`: compile unless it decides already."""
        if version == self.version:
            return
        # One that runs is never begun anew: writes that follow each other faster than a
        # compilation lasts would keep it from ever ending.
        if self._running is not None:
            self._next = version
        elif self._retry_ns is None:
            self._running = self._reader.compile()

    def finish(self) -> None:
        """Compile to the end in one go, before any door is served. Raises StorageError."""
        running = self._reader.compile()
        try:
            while True:
                next(running)
        except StopIteration as done:
            self._take(done.value)

    @property
    def compiling(self) -> bool:
        """Whether newer rules than those that decide are on their way."""
        return self._running is not None or self._retry_ns is not None

    def due_ns(self) -> int | None:
        """When `slice` has something to do; None for never."""
        return 0 if self._running is not None else self._retry_ns

    def slice(self) -> None:
        """Go on compiling for at most SLICE_NS."""
        now_ns = self._clock.monotonic_ns()
        if self._retry_ns is not None and now_ns >= self._retry_ns:
            self._retry_ns = None
            self._running = self._reader.compile()
        if self._running is None:
            return
        try:
            while self._clock.monotonic_ns() - now_ns < SLICE_NS:
                next(self._running)
        except StopIteration as done:
            self._running = None
            self._take(done.value)
        except StorageError as error:
            self._running = None
            self._fail(error)

    def _take(self, snapshot: Snapshot) -> None:
        self.version = snapshot.version
        self.fault = None
        self.adopt(snapshot)
        wanted, self._next = self._next, None
        if wanted is not None:
            self.want(wanted)

    def _fail(self, error: StorageError) -> None:
        if self.fault is None:
            log.error("rules cannot be compiled", error=str(error))
        self.fault = str(error)
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS


def _nobody(_snapshot: Snapshot) -> None:
    """Before the loop has said who adopts, there is nothing to compile."""
