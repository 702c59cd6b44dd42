"""Writes one line for each committed journal entry to the service log or the terminal.

It has its own thread, which reads names and writes lines after the relay has moved and the entry is
durable. A paused terminal or a slow store delays only this thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from gateway.explain.entry_words import Priority, line_of
from gateway.explain.names import SiteNames
from gateway.store.journal import Entry

LONGEST_QUEUE = 2_000
"""Entries that wait for their line. Further ones are counted and get none; the journal has them."""

log = structlog.get_logger("event")


class EventLog:
    """Turns committed entries into lines. Any thread may call `add`."""

    def __init__(self, names: SiteNames) -> None:
        self._names = names
        self._waiting: queue.Queue[Entry | None] = queue.Queue()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)

    def add(self, entries: Sequence[Entry]) -> None:
        """Queue `entries`; never waits."""
        for entry in entries:
            if self._waiting.qsize() >= LONGEST_QUEUE:
                self._left_out += 1
            else:
                self._waiting.put(entry)

    @contextmanager
    def running(self) -> Iterator[EventLog]:
        """Write lines while the context lasts, and those still queued at its end if possible."""
        self._thread.start()
        try:
            yield self
        finally:
            self._waiting.put(None)
            self._thread.join(_END_S)  # a terminal that is paused must not hold up the end

    def _run(self) -> None:
        while (entry := self._waiting.get()) is not None:
            self._write(entry)
            if self._waiting.empty():
                self._report_left_out()
        self._report_left_out()

    def _report_left_out(self) -> None:
        left_out, self._left_out = self._left_out, 0
        if left_out:
            log.warning("lines left out: nobody read the log fast enough", lines=left_out)

    def _write(self, entry: Entry) -> None:
        try:
            line = line_of(
                entry.kind, entry.body, entry.utc, self._names, clock_trusted=entry.clock_trusted
            )
        except (LookupError, TypeError, ValueError):  # one entry must not end the thread
            log.exception("an entry has no line", kind=entry.kind.value)
            return
        if line is None:
            return
        write = log.info
        if line.priority <= Priority.ERROR:
            write = log.error
        elif line.priority is Priority.WARNING:
            write = log.warning
        write(line.text, priority=int(line.priority), at=self._names.local(entry.utc))


_END_S = 2.0
"""How long the end waits for the last lines."""
