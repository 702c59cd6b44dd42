"""A thread that looks after one device: opens it, carries what it says to the loop, tries again.

A device that is missing, vanishes or fails is a state, told once and tried again with back-off; the
thread ends when it is told to, and by nothing else.
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
"""A thread that gave no sign for so long hangs: no wait of a driver is longer than a second, and
the slowest opening of a USB device takes a few."""
CLOSE_S = 4.0
"""A thread that has not ended so long after it was told to hangs, and is left behind. An end that
took longer would be cut short by the service manager (TimeoutStopSec=), which counts as a fault:
`on_fault` would be put where the doors were to have `on_stop`."""
_ITEMS_KEPT = 4096
"""What waits for the loop before the device counts as failed."""

Item = TypeVar("Item")

log = structlog.get_logger("devices")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting time between attempts to open a device: doubles from the first to the longest."""

    first_s: float = 0.1
    longest_s: float = 5.0


class DeviceThread(Generic[Item]):
    """Looks after one device; made running.

    `work` opens the device, tells that it is there, hands on what it says, and returns only when
    `stopping`; whatever it raises is the reason why the device is offline.
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
        """`explain` puts an OSError or ValueError of `work` in words for a technician."""
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

    # From here on: the loop's side.

    def responsive(self, now_ns: int) -> bool:
        """Whether the thread lives and gave a sign of it lately."""
        return self._thread.is_alive() and now_ns - self._beat_ns < HUNG_NS

    def take(self) -> Iterator[Item | DeviceState]:
        """What came in since the last call; the thread wakes the loop for it."""
        while self._inbox:
            yield self._inbox.popleft()

    @property
    def alive(self) -> bool:
        """Whether the thread has not ended; it may hang."""
        return self._thread.is_alive()

    def close(self, patience_s: float = CLOSE_S) -> None:
        """End the thread; returns when it has given the device back, or after `patience_s`."""
        self._stop.set()
        self.interrupt()
        self._thread.join(patience_s)
        if self._thread.is_alive():
            log.error("a device's thread hangs and is left behind", device=self.name)

    def interrupt(self) -> None:
        """End the wait that the thread is in, or the next one."""
        with self._guard:
            if self._interrupt is not None:
                self._interrupt()

    # From here on: the thread's side, for `work`.

    @property
    def stopping(self) -> bool:
        """Whether the thread is to end."""
        return self._stop.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the thread is to end."""
        self._stop.wait(seconds)

    def beat(self) -> None:
        """Give a sign of life; due at least every few seconds."""
        self._beat_ns = self._clock.monotonic_ns()

    @contextmanager
    def interrupted_by(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While inside, `interrupt` ends a wait that `close` must not wait for. From any thread."""
        with self._guard:
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._guard:
                self._interrupt = None

    def deliver(self, item: Item) -> None:
        """Hand something to the loop. Raises OSError when the loop takes nothing any more."""
        if len(self._inbox) >= _ITEMS_KEPT:
            raise OSError("more comes than is taken")
        self._inbox.append(item)
        self._wake()

    def report(self, health: Health, why: str = "") -> None:
        """Tell the loop how the device is; the same thing only once."""
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
            # What worked for a while gets a quick second chance, what flaps does not.
            if self._clock.monotonic_ns() - started_ns >= self._backoff.longest_s * _NS:
                delay_s = self._backoff.first_s
            self.pause(delay_s)
            delay_s = min(delay_s * 2, self._backoff.longest_s)
