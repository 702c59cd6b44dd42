"""The one thread that reads the edges of all readers; it decides nothing and decodes nothing."""

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
"""Of SCHED_FIFO: above everything ordinary, below the kernel's own interrupt threads (50)."""

_ROUND_MS = 1_000
"""The longest wait: the thread gives a sign of life as often."""
RETRY_NS = 5_000_000_000
"""Until lines that failed are tried again."""

log = structlog.get_logger("edges")


@runtime_checkable
class PolledSource(Protocol):
    """A source whose edges wait behind a file descriptor."""

    reader: str

    def fileno(self) -> int | None:
        """What to poll; None while the source is not open."""

    def read(self) -> None:
        """Take what waits. Raises OSError."""

    def drop(self, why: str) -> None:
        """Give up what fails."""

    def reopen(self) -> None:
        """Try once more; whether that went well is told by `fileno`."""


class EdgeThread:
    """Reads for its sources while it is open. A driver like any, though it posts nothing."""

    name = "edges"
    due_ns = None

    def __init__(
        self, sources: Sequence[PolledSource], loop: Loop, backoff: Backoff | None = None
    ) -> None:
        """Start reading; the sources stay those of the caller, to be closed after this."""
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
        """Nothing in the database is about edges."""

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - sources tell what came of them
        for report in self._thread.take():
            if isinstance(report, DeviceState) and not report.online:
                log.error("the reading of edges failed and begins again", why=report.why)

    def close(self) -> None:
        """End the thread."""
        self._thread.close()
        os.close(self._wake_fd)

    # From here on: the thread.

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
        """Let a source read; False when it failed, which is no matter of the others."""
        why = "the GPIO chip is gone"
        if what & select.POLLIN:
            try:
                source.read()
            except OSError as error:
                why = error.strerror or str(error)
            else:
                return True
        log.error("lines failed", reader=source.reader, why=why)
        source.drop(f"edges cannot be read: {why}")
        self._retry_ns = self._clock.monotonic_ns() + RETRY_NS
        return False

    def _reopened(self) -> bool:
        """Try lines that failed once more, when it is time; whether there are more sources now."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._retry_ns:
            return False
        self._retry_ns = now_ns + RETRY_NS
        for source in self._sources:
            if source.fileno() is None:
                source.reopen()
        return True

    def _ask_for_priority(self) -> None:
        """Ask for real-time scheduling of this thread; without it all works, but for busy times."""
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        except OSError as error:
            if not self._priority_warned:
                self._priority_warned = True
                log.warning("edges are read without real-time priority", why=error.strerror)
