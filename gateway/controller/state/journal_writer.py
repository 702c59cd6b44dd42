"""Commits the journal beside the loop: batches what has piled up, keeps rows while a disk is full.

The loop hands over entries and goes on; each batch is one durable transaction. What waits is
bounded and counted, so that a full disk costs memory up to a limit and never a door.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.errors import StorageError
from gateway.store.journal import Entry, Journal

LONGEST_QUEUE = 10_000
"""Entries kept in memory while they cannot be written: some 10 MB, days of an ordinary door."""
RETRY_S = 1.0
LARGEST_BATCH = 500


@dataclass(frozen=True, slots=True)
class Committed:
    """All entries handed over up to the `ticket`-th are durable; `seq` is the last one's number."""

    ticket: int
    seq: int


@dataclass(frozen=True, slots=True)
class WriterFault:
    """The journal could not be written (`why`), or can be again (None)."""

    why: str | None


class JournalWriter:
    """One thread that owns the journal. `report` is called from it."""

    def __init__(
        self,
        journal: Journal,
        last_ids: dict[str, int],
        report: Callable[[Committed | WriterFault], None],
        committed: Callable[[Sequence[Entry]], None] = lambda _entries: None,
    ) -> None:
        """`committed` gets each batch of entries once it is durable."""
        self._journal = journal
        self._last_ids = last_ids
        self._report = report
        self._committed = committed
        self._waiting: deque[Entry] = deque()
        self._tickets = 0
        self._done = 0
        self._stopping = False
        self._fault: str | None = None
        self.dropped = 0
        """Entries that found the queue full and are lost: a figure that is shown, never hidden."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Entries handed over and not yet durable."""
        return len(self._waiting)

    @property
    def fault(self) -> str | None:
        """Why nothing can be written at the moment."""
        return self._fault

    def give_id(self, table: str) -> int:
        """The next id of an API log table. The loop's thread alone calls this."""
        with self._changed:
            self._last_ids[table] = self._last_ids.get(table, 0) + 1
            return self._last_ids[table]

    def add(self, entry: Entry) -> int:
        """Hand `entry` over; its ticket is reported as Committed once it is durable."""
        with self._changed:
            self._tickets += 1
            if len(self._waiting) >= LONGEST_QUEUE:
                # The newest is what is dropped: what led to the fault is worth more than its echo.
                self.dropped += 1
                self._tickets -= 1
            else:
                self._waiting.append(entry)
                self._changed.notify()
            return self._tickets

    def close(self) -> None:
        """Write what waits, if it can be written, and stop."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        self._journal.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if not self._waiting:
                    return
                batch = [self._waiting[i] for i in range(min(len(self._waiting), LARGEST_BATCH))]
                last_ids = dict(self._last_ids)
            if not self._write(batch, last_ids):
                with self._changed:
                    if self._stopping:
                        return
                    self._changed.wait(RETRY_S)

    def _write(self, batch: list[Entry], last_ids: dict[str, int]) -> bool:
        try:
            seq = self._journal.append(batch, last_ids)
        except StorageError as error:
            if self._fault is None:
                self._report(WriterFault(str(error)))
            self._fault = str(error)
            return False
        with self._changed:
            for _ in batch:
                self._waiting.popleft()
            self._done += len(batch)
            done = self._done
        if self._fault is not None:
            self._fault = None
            self._report(WriterFault(None))
        self._report(Committed(done, seq))
        self._committed(batch)
        return True
