"""The thread that reads the edges of all Wiegand readers, without decoding them."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import structlog

from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings

PRIORITY = 10
"""SCHED_FIFO priority: above ordinary threads, below the kernel's interrupt threads (50)."""

_ROUND_MS = 1_000
"""Longest wait, and so the longest time between heartbeats."""
RETRY_NS = 5_000_000_000
"""Interval of attempts to reopen failed lines."""

log = structlog.get_logger("edges")


@runtime_checkable
class PolledSource(Protocol):
    """An edge source with a file descriptor to poll."""

    reader: str

    def fileno(self) -> int | None:
        """Return the descriptor to poll; None while the source is not open."""

    def read(self) -> None:
        """Read the waiting edges. Raises OSError."""

    def drop(self, why: str) -> None:
        """Close a failed source; `why` is its failure."""

    def reopen(self) -> None:
        """Try to open the source again; `fileno` shows the result."""


class EdgeThread:
    """The driver that reads for its sources. It posts no events."""

    name = "edges"
    due_ns = None

    def __init__(
        self, sources: Sequence[PolledSource], loop: Loop, backoff: Backoff | None = None
    ) -> None:
        """Start reading. The caller closes the sources after this driver."""
        self._sources = sources
        self._clock = loop.clock
        self._retry_ns = 0
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
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
            while not thread.stopping:
                ready = poller.poll(_ROUND_MS)
                thread.beat()
                failed = [not self._read(sources[fd], what) for fd, what in ready if fd in sources]
                if any(failed) or (len(sources) < len(self._sources) and self._reopened()):
                    poller, sources = self._listen()

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
        log.error("the reader's data lines failed", reader=source.reader, why=why)
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
