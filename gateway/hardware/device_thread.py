"""A thread for one device: opens it, passes its data to the loop, and reopens it after errors.

A missing or failed device is reported as offline once and retried with back-off. Only `close` ends
the thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from gateway.hardware.events import DeviceState, Health, Loop

_NS = 1_000_000_000
HUNG_NS = 20 * _NS
"""A thread without a heartbeat for so long hangs: no wait of a driver exceeds a second, and opening
a slow USB device takes a few seconds."""
CLOSE_S = 4.0
"""Longest wait for the thread's end; after it the thread is abandoned. A longer wait would exceed
TimeoutStopSec=, which counts as a fault and would put doors at `on_fault` instead of `on_stop`."""
_ITEMS_KEPT = 4096
"""Items queued for the loop before the device counts as failed."""

Item = TypeVar("Item")

log = structlog.get_logger("devices")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Wait between attempts to open a device; doubles from the first to the longest."""

    first_s: float = 0.1
    longest_s: float = 5.0


class DeviceThread(Generic[Item]):
    """The thread of one device; starts on construction.

    `work` opens the device, reports it online, delivers its data, and returns only when `stopping`.
    An exception from it is reported as the reason why the device is offline.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[DeviceThread[Item]], None],
        loop: Loop,
        *,
        backoff: Backoff | None = None,
        explain: Callable[[Exception], str] = str,
    ) -> None:
        """`explain` words an OSError or ValueError of `work` for a technician."""
        self.name = name
        self._work = work
        self._clock = loop.clock
        self._wake = loop.wake
        self._backoff = backoff or Backoff()
        self._explain = explain
        self._inbox: deque[Item | DeviceState] = deque()
        self._reported: tuple[Health, str] | None = None
        self._stop = threading.Event()
        self._interrupt: Callable[[], None] | None = None
        self._guard = threading.Lock()
        self._beat_ns = self._clock.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name=f"device-{name}", daemon=True)
        self._thread.start()

    # Called by the loop.

    def responsive(self, now_ns: int) -> bool:
        """Return whether the thread is alive and sent a heartbeat within HUNG_NS."""
        return self._thread.is_alive() and now_ns - self._beat_ns < HUNG_NS

    def take(self) -> Iterator[Item | DeviceState]:
        """Yield the items and states since the last call."""
        while self._inbox:
            yield self._inbox.popleft()

    @property
    def alive(self) -> bool:
        """Whether the thread has not ended; it may hang."""
        return self._thread.is_alive()

    def close(self, patience_s: float = CLOSE_S) -> None:
        """End the thread; returns when it has closed the device, or after `patience_s`."""
        self._stop.set()
        self.interrupt()
        self._thread.join(patience_s)
        if self._thread.is_alive():
            log.error("the device's thread hangs and was abandoned", device=self.name)

    def interrupt(self) -> None:
        """End the thread's current or next wait."""
        with self._guard:
            if self._interrupt is not None:
                self._interrupt()

    # Called by the thread, in `work`.

    @property
    def stopping(self) -> bool:
        """Whether the thread must end."""
        return self._stop.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, at most until the thread must end."""
        self._stop.wait(seconds)

    def beat(self) -> None:
        """Send a heartbeat; due at least every few seconds."""
        self._beat_ns = self._clock.monotonic_ns()

    @contextmanager
    def interrupted_by(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Within the context, `close` calls `interrupt`, from any thread, to end a wait."""
        with self._guard:
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._guard:
                self._interrupt = None

    def deliver(self, item: Item) -> None:
        """Queue an item for the loop. Raises OSError when the loop does not take items."""
        if len(self._inbox) >= _ITEMS_KEPT:
            raise OSError("the device sends faster than the controller reads")
        self._inbox.append(item)
        self._wake()

    def report(self, health: Health, why: str = "") -> None:
        """Report the device's state to the loop, if it has changed."""
        self.beat()
        if (health, why) != self._reported:
            self._reported = (health, why)
            self._inbox.append(DeviceState(self.name, health, why, self._clock.monotonic_ns()))
            self._wake()

    def _run(self) -> None:
        delay_s = self._backoff.first_s
        while not self._stop.is_set():
            started_ns = self._clock.monotonic_ns()
            self.beat()
            try:
                self._work(self)
            except (OSError, ValueError) as error:
                why = self._explain(error)
            except Exception as error:  # noqa: BLE001 - a device's thread must not die unseen
                why = f"{type(error).__name__}: {error}"
            else:
                break
            self.report(Health.OFFLINE, why)
            # Retry quickly after a period of work, slowly when the device flaps.
            if self._clock.monotonic_ns() - started_ns >= self._backoff.longest_s * _NS:
                delay_s = self._backoff.first_s
            self.pause(delay_s)
            delay_s = min(delay_s * 2, self._backoff.longest_s)
