"""Compiles new rules in slices, beside those in force, and replaces these as a whole."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.errors import StorageError, UnusableRules
from gateway.store.policy.snapshot import Snapshot

SLICE_NS = 2_000_000
"""Longest slice of compilation between two turns of the loop."""
RETIRED_PER_SLICE = 200
"""Old rules, departments and portals freed per slice: some 0.3 ms."""
RETRY_NS = 1_000_000_000

log = structlog.get_logger("policy")


class Snapshots(Protocol):
    """Where snapshots come from; see SnapshotReader."""

    def compile(self) -> Generator[None, None, Snapshot]: ...

    def settings(self) -> Snapshot: ...


class PolicyKeeper:
    """Compiles whenever the store's version is another than the one that decides."""

    def __init__(self, reader: Snapshots, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self.adopt: Callable[[Snapshot], None] = _nobody
        """Puts a new snapshot in force, on the loop's thread. Raises UnusableRules, and then
        changes nothing."""
        self.refuse: Callable[[UnusableRules, Snapshot | None], None] = _nobody_hears
        """Takes why new rules cannot be put in force, on the loop's thread, and the settings
        without rules if no rules are in force."""
        self._refused: int | None = None
        """The version that cannot be put in force; it is not compiled again."""
        self._running: Generator[None, None, Snapshot] | None = None
        self._next: int | None = None
        """A version requested while another compilation runs."""
        self._done: Snapshot | None = None
        """Compiled, and adopted in the next slice."""
        self._deciding: Snapshot | None = None
        self._retired: list[object] = []
        """Parts of earlier rules, freed in slices too."""
        self._retry_ns: int | None = None
        self.version = 0
        """The version in force; 0 before the first."""
        self.fault: str | None = None

    def want(self, version: int) -> None:
        """The store has `version`: compile it unless it is in force."""
        if version in (self.version, self._refused):
            return
        # A running compilation is never restarted: frequent writes would keep it from ending.
        if self._running is not None or self._done is not None:
            self._next = version
        elif self._retry_ns is None:
            self._begin()

    def forget_version(self) -> None:
        """The reader reads another file, whose versions say nothing of the rules in force.

        These decide until the next `want` has others compiled, whatever its version.
        """
        if self._running is not None:
            with suppress(StorageError):  # its file is closed
                self._running.close()
        self._running = self._done = self._refused = self._next = self._retry_ns = None
        self.version = 0
        gc.enable()

    def finish(self) -> None:
        """Compile to the end in one go, before any door is served.

        Where nothing can be read, cards are denied and people can leave, until it can.
        """
        running = self._reader.compile()
        try:
            while True:
                next(running)
        except StopIteration as done:
            self._take(done.value)
        except UnusableRules as error:
            self._turn_down(error)
        except StorageError as error:
            # Whoever brings something to read wants it compiled.
            self.fault = str(error)
            self.refuse(UnusableRules(0, str(error)), self._reader.settings())

    @property
    def compiling(self) -> bool:
        """Whether newer rules are being compiled, or wait for a retry."""
        return not (self._running is None and self._done is None and self._retry_ns is None)

    def due_ns(self) -> int | None:
        """When `slice` is due; None for never."""
        busy = self._retired or self._done is not None or self._running is not None
        return 0 if busy else self._retry_ns

    def slice(self) -> None:
        """Compile for at most SLICE_NS, or put compiled rules in force."""
        if self._done is not None:
            compiled, self._done = self._done, None
            self._take(compiled)
            return
        del self._retired[-RETIRED_PER_SLICE:]
        now_ns = self._clock.monotonic_ns()
        if self._retry_ns is not None and now_ns >= self._retry_ns:
            self._retry_ns = None
            self._begin()
        if self._running is None:
            return
        try:
            while self._clock.monotonic_ns() - now_ns < SLICE_NS:
                next(self._running)
        except StopIteration as done:
            self._running = None
            self._done = done.value
        except StorageError as error:
            self._running = None
            self._fail(error)
        except UnusableRules as error:
            self._running = None
            self._turn_down(error)

    def _begin(self) -> None:
        # A compilation makes many objects and no cycles: a garbage collection meanwhile would find
        # nothing and take longer than a slice.
        gc.disable()
        self._running = self._reader.compile()

    def _take(self, snapshot: Snapshot) -> None:
        before, self.version = self.version, snapshot.version
        try:
            self.adopt(snapshot)
        except UnusableRules as error:
            self.version = before
            self._turn_down(error)
            return
        finally:
            gc.enable()
        if self._deciding is not None:
            self._retired += _parts_of(self._deciding)
        self._deciding, self._refused, self.fault = snapshot, None, None
        self._request_next()

    def _turn_down(self, error: UnusableRules) -> None:
        """Keep the rules in force until the store has another version."""
        gc.enable()
        self._refused, self.fault = error.version, str(error)
        self.refuse(error, None if self._deciding else self._reader.settings())
        self._request_next()

    def _request_next(self) -> None:
        requested, self._next = self._next, None
        if requested is not None:
            self.want(requested)

    def _fail(self, error: StorageError) -> None:
        if self.fault is None:
            log.error("rules cannot be compiled", error=str(error))
        self.fault = str(error)
        gc.enable()
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS


def _parts_of(snapshot: Snapshot) -> list[object]:
    """The large parts of a snapshot: freeing all at once would delay the loop."""
    policy = snapshot.policy
    return [*policy.rules.values(), *policy.group_rules.values(), *policy.portals.values()]


def _nobody(_snapshot: Snapshot) -> None:
    """Stands in until the controller is built."""


def _nobody_hears(_error: UnusableRules, _settings: Snapshot | None) -> None:
    """As `_nobody`."""
