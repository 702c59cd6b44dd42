"""Counts decisions by reason, and how long people wait for their door, for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.controller.state.component import Component, Decided, Effect
from gateway.credentials.values import Identification
from gateway.hardware.events import HardwareEvent
from gateway.link.messages import READ_TO_RELAY_MS, DecisionStatus

_MS = 1_000_000


class DecisionFigures(Component):
    """The figures since the start; no decision depends on them, so a flight record has none."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """`now_ns` is the monotonic clock, which runs while a decision is made."""
        self._now_ns = now_ns
        self._read_ns: int | None = None
        """When the credential was read that is decided on just now."""
        self._verdict_counts: Counter[str] = Counter()
        self._wait_counts = [0] * (len(READ_TO_RELAY_MS) + 1)
        self._wait_sum_ns = 0

    @contextmanager
    def deciding(self, read: Identification) -> Iterator[None]:
        """Measure what opens a door meanwhile. Decisions that wait for a server or for other
        devices are carried out later, and only counted."""
        self._read_ns = read.at_ns
        try:
            yield
        finally:
            self._read_ns = None

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        del now_ms
        if not isinstance(event, Decided):
            return
        self._verdict_counts[event.outcome.decision.reason.value] += 1
        if event.unlocked_ms and self._read_ns is not None:
            took_ns = max(0, self._now_ns() - self._read_ns)
            self._wait_counts[bisect_left(READ_TO_RELAY_MS, took_ns / _MS)] += 1
            self._wait_sum_ns += took_ns

    def status(self) -> DecisionStatus:
        return DecisionStatus(
            verdicts=dict(self._verdict_counts),
            opened=tuple(self._wait_counts),
            opened_sum_s=self._wait_sum_ns / 1e9,
        )
