"""Tells the service log, or the terminal, what happened: one line for each committed entry.

A thread of its own reads the names and writes the lines, after the relay has moved and the row is
durable. A terminal that nobody reads, or a slow store, keeps it waiting and nothing else.
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
"""Entries that wait to be told. Those beyond it are counted; the journal has them all the same."""

log = structlog.get_logger("event")


class EventLog:
    """Turns committed entries into lines. `tell` may be called from any thread."""

    def __init__(self, names: SiteNames) -> None:
        self._names = names
        self._waiting: queue.Queue[Entry | None] = queue.Queue()
        self._untold = 0
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)

    def tell(self, entries: Sequence[Entry]) -> None:
        """Have `entries` told; never waits."""
        for entry in entries:
            if self._waiting.qsize() >= LONGEST_QUEUE:
                self._untold += 1
            else:
                self._waiting.put(entry)

    @contextmanager
    def running(self) -> Iterator[EventLog]:
        """Tell while the context lasts; what waits at its end is told, if the log is read."""
        self._thread.start()
        try:
            yield self
        finally:
            self._waiting.put(None)
            self._thread.join(_END_S)  # a terminal that is paused must not hold up the end

    def _run(self) -> None:
        while (entry := self._waiting.get()) is not None:
            self._say(entry)
            if self._waiting.empty():
                self._say_untold()
        self._say_untold()

    def _say_untold(self) -> None:
        untold, self._untold = self._untold, 0
        if untold:
            log.warning("lines left out: nobody read the log fast enough", lines=untold)

    def _say(self, entry: Entry) -> None:
        try:
            line = line_of(
                entry.kind, entry.body, entry.utc, self._names, clock_trusted=entry.clock_trusted
            )
        except (LookupError, TypeError, ValueError):  # one entry must not end all that follow
            log.exception("there are no words for an entry", kind=entry.kind.value)
            return
        if line is None:
            return
        say = log.info
        if line.priority <= Priority.ERROR:
            say = log.error
        elif line.priority is Priority.WARNING:
            say = log.warning
        say(line.text, priority=int(line.priority), at=self._names.local(entry.utc))


_END_S = 2.0
"""How long the end waits for the last lines to be written."""
