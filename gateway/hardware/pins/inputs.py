"""Debounced inputs: an edge triggers a reading, and the stable level counts."""

from __future__ import annotations

from collections import deque

from gateway.clock import next_round_ns
from gateway.hardware.events import InputLevel, InputName, Loop
from gateway.hardware.pins.pin import PIN_FAILURES, PinFactory
from gateway.settings import Input

RECONCILE_NS = 1_000_000_000
"""Interval of readings without an edge, since an edge can be lost."""

_MS = 1_000_000
_NS = 1_000_000_000


class DebouncedInput:
    """One input pin. Its callback may run in any thread, all else in the loop's thread."""

    def __init__(
        self,
        factory: PinFactory,
        name: InputName,
        wiring: Input,
        loop: Loop,
    ) -> None:
        """Claim the pin with its pull; the first `service` posts its level."""
        self.name = name
        self._post = loop.post
        self._wake = loop.wake
        self._debounce_ns = wiring.debounce_ms * _MS
        self._moved: deque[int] = deque(maxlen=1)
        self._dirty_ns: int | None = None
        self._dirty_since_ns = 0
        self.edges = 0
        """Edges since the start."""
        self.changes = 0
        """Changes of the debounced level since the start; more edges than that are bounces."""
        self.changed_ns: int | None = None
        """Monotonic nanoseconds of the last change; None before the first."""
        self._read_ns: int | None = None
        self._retry_ns = 0
        self._high = False
        self._failure = ""
        self._pin = factory.pin(wiring.pin)
        self._pin.input_with_pull(wiring.pull.value)
        self._pin.edges = "both"
        self._pin.when_changed = self._edge

    @property
    def high(self) -> bool | None:
        """The debounced level; None before the first reading."""
        return None if self._read_ns is None else self._high

    @property
    def failure(self) -> str:
        """Why the level cannot be read; empty while it can. The last known level stays valid."""
        return self._failure

    @property
    def due_ns(self) -> int:
        """When `service` is due; 0 before the first call."""
        if self._read_ns is None:
            return self._retry_ns
        if self._moved and self._dirty_ns is None:
            # An edge that came while the one before it settled, and woke nobody.
            return self._moved[0]
        if self._dirty_ns is None:
            return next_round_ns(self._read_ns, RECONCILE_NS)
        return self._settled_ns(self._dirty_ns)

    def service(self, now_ns: int) -> None:
        """Post the level at start, and each change that is stable for the debounce time."""
        if self._read_ns is None:
            self._moved.clear()  # edges before the first reading
            if now_ns >= self._retry_ns and self._read(now_ns):
                self._post(InputLevel(self.name, self._high, now_ns))
            return
        while self._moved:
            self._touch(self._moved.popleft())
        if self._dirty_ns is not None:
            if now_ns >= self._settled_ns(self._dirty_ns):
                self._settle(now_ns)
        elif now_ns >= self.due_ns:
            before = self._high
            self._read(now_ns)
            if self._high is not before:
                # An edge was lost or is delayed: debounce the new level as after any edge.
                self._high = before
                self._touch(now_ns)

    def close(self) -> None:
        """Stop; the pin stays an input."""
        self._pin.close()

    def _edge(self, ticks: float, state: int) -> None:  # noqa: ARG002 - the level is read later
        self.edges += 1
        self._moved.append(round(ticks * _NS))
        if self._dirty_ns is None:
            self._wake()  # once for a change and its bounces

    def _touch(self, stamp_ns: int) -> None:
        if self._dirty_ns is None:
            self._dirty_since_ns = stamp_ns
        self._dirty_ns = stamp_ns

    def _settled_ns(self, dirty_ns: int) -> int:
        """Return when the level counts: after the debounce time, at the latest after
        RECONCILE_NS."""
        return min(dirty_ns + self._debounce_ns, self._dirty_since_ns + RECONCILE_NS)

    def _settle(self, now_ns: int) -> None:
        before = self._high
        self._dirty_ns = None
        self._read(now_ns)
        if self._high is not before:
            self.changes += 1
            self.changed_ns = now_ns
            self._post(InputLevel(self.name, self._high, now_ns))

    def _read(self, now_ns: int) -> bool:
        """Read the level; returns False on failure, which the next reading retries."""
        try:
            self._high = bool(self._pin.state)
        except PIN_FAILURES as error:
            self._failure = f"cannot be read: {error}"
            self._retry_ns = now_ns + RECONCILE_NS
            if self._read_ns is not None:
                self._read_ns = now_ns
            return False
        self._failure = ""
        self._read_ns = now_ns
        return True
