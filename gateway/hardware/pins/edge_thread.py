"""The thread that reads the edges of all lines of a real board, and assembles readers' frames.

The kernel stamps and keeps edges, so they are read in batches: the loop is woken for a frame or a
change of an input, never for an edge of a data line.
"""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence

import structlog

from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.pins.polled import Collector, PolledSource
from gateway.hardware.reading_settings import ReadingSettings

PRIORITY = 10
"""SCHED_FIFO priority: above ordinary threads, below the kernel's interrupt threads (50)."""
GATHER_MS = 10
"""Wait after an edge for those that follow it: a few batches for a frame, not a turn of the thread
for each bit. A card that may end early may end so much later."""
RETRY_NS = 5_000_000_000
"""Interval of attempts to reopen failed lines."""

_ROUND_MS = 1_000
"""Longest wait, and so the longest time between heartbeats."""
_MS = 1_000_000

log = structlog.get_logger("edges")


class EdgeThread:
    """The driver that reads for its sources. It posts no events."""

    name = "edges"
    due_ns = None

    def __init__(
        self,
        sources: Sequence[tuple[PolledSource, Collector | None]],
        loop: Loop,
        backoff: Backoff | None = None,
    ) -> None:
        """Start reading. The caller closes the sources after this driver."""
        self._sources = [source for source, _ in sources]
        self._collectors = [collector for _, collector in sources if collector is not None]
        self._clock = loop.clock
        self._retry_ns = 0
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopped = select.poll()
        self._stopped.register(self._wake_fd, select.POLLIN)
        self._priority_warned = False
        self._thread: DeviceThread[None] = DeviceThread(
            self.name, self._carry, loop, backoff=backoff
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: edges have no settings in the database."""

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - the sources report their edges
        for report in self._thread.take():
            if isinstance(report, DeviceState) and not report.online:
                log.error("reading edges failed and is restarted", why=report.why)

    def close(self) -> None:
        """End the thread."""
        self._thread.close()
        os.close(self._wake_fd)

    # Called by the thread.

    def _carry(self, thread: DeviceThread[None]) -> None:
        self._ask_for_priority()
        with thread.interrupted_by(lambda: os.eventfd_write(self._wake_fd, 1)):
            thread.report(Health.ONLINE)
            poller, sources = self._listen()
            ready: list[tuple[int, int]] = []
            while not thread.stopping:
                wait_ms = self._wait_ms()
                if ready or poller.poll(wait_ms):
                    self._stopped.poll(min(wait_ms, GATHER_MS))
                thread.beat()
                # Taken before the last look: no edge before this instant is left unread.
                now_ns = self._clock.monotonic_ns()
                ready = poller.poll(0)
                failed = [not self._read(sources[fd], what) for fd, what in ready if fd in sources]
                for collector in self._collectors:
                    collector.service(now_ns)
                if any(failed) or (len(sources) < len(self._sources) and self._reopened()):
                    poller, sources = self._listen()

    def _wait_ms(self) -> int:
        """Return how long to wait for an edge."""
        dues = [due for each in self._collectors if (due := each.due_ns) is not None]
        if not dues:
            return _ROUND_MS
        wait_ns = min(dues) - self._clock.monotonic_ns()
        return min(max(-(-wait_ns // _MS), 0), _ROUND_MS)

    def _listen(self) -> tuple[select.poll, Mapping[int, PolledSource]]:
        poller = select.poll()
        poller.register(self._wake_fd, select.POLLIN)
        sources = {}
        for source in self._sources:
            fd = source.fileno()
            if fd is not None:
                poller.register(fd, select.POLLIN)
                sources[fd] = source
        return poller, sources

    def _read(self, source: PolledSource, what: int) -> bool:
        """Let a source read; returns False on failure, which does not affect the others."""
        why = "the GPIO chip is gone"
        if what & select.POLLIN:
            try:
                source.read()
            except OSError as error:
                why = error.strerror or str(error)
            else:
                return True
        log.error("edges cannot be read", source=source.name, why=why)
        source.drop(f"edges cannot be read: {why}")
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS
        return False

    def _reopened(self) -> bool:
        """Reopen failed sources if it is time; returns whether it tried."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._retry_ns:
            return False
        self._retry_ns = now_ns + RETRY_NS
        for source in self._sources:
            if source.fileno() is None:
                source.reopen()
        return True

    def _ask_for_priority(self) -> None:
        """Request real-time scheduling for this thread; it is needed only under heavy load."""
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        except OSError as error:
            if not self._priority_warned:
                self._priority_warned = True
                log.warning("edges are read without real-time priority", why=error.strerror)
