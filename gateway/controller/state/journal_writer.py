"""Commits the journal beside the loop: batches what has piled up, keeps rows while a disk is full.

The loop hands over entries and goes on; each batch is one durable transaction. What waits is
bounded and counted, so that a full disk costs memory up to a limit and never a door.

A journal that cannot be opened is tried again like one that cannot be written. One that turns out
to be damaged is put aside, and a new one takes its place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from gateway.errors import DamagedFile, ReadOnlyFile, StorageError
from gateway.store.journal import Entry, Journal
from gateway.store.journal.retention import Retention

LONGEST_QUEUE = 10_000
"""Entries kept in memory while they cannot be written: some 10 MB, days of an ordinary door."""
RETRY_S = 1.0
LARGEST_BATCH = 500

log = structlog.get_logger("journal")


@dataclass(frozen=True, slots=True)
class Committed:
    """All entries handed over up to the `ticket`-th are durable; `seq` is the last one's number."""

    ticket: int
    seq: int


@dataclass(frozen=True, slots=True)
class WriterFault:
    """The journal could not be written (`why`), or can be again (None)."""

    why: str | None


class Opener(Protocol):
    """Where the journal comes from; see JournalFile. Both raise StorageError."""

    def open(self) -> Journal: ...

    def renew(self, why: DamagedFile, /) -> Journal: ...


class JournalWriter:
    """One thread that owns the journal. `report` is called from it."""

    def __init__(
        self,
        journal: Journal | None,
        last_ids: dict[str, int],
        report: Callable[[Committed | WriterFault], None],
        committed: Callable[[Sequence[Entry]], None] = lambda _entries: None,
        opener: Opener | None = None,
        fault: str | None = None,
        retention: Retention | None = None,
    ) -> None:
        """`committed` gets each batch of entries once it is durable. `opener` opens a journal that
        is not open yet (None, because of `fault`), and makes anew one that is damaged."""
        self._journal = journal
        self._opener = opener
        self._retention = retention
        self._trim_at = 0
        """The number of an entry from which on the bounds are looked at again."""
        self._trimming = False
        """More is to go."""
        self._trusted_utc: datetime | None = None
        self._newest_ns = 0
        """Of the newest entry (monotonic)."""
        """The time of the newest entry, if the clock was trusted."""
        self._unproved = False
        """Made anew and not written yet: where that is damaged too, another would be no better."""
        self._last_ids = last_ids
        self._report = report
        self._committed = committed
        self._waiting: deque[Entry] = deque()
        self._tickets = 0
        self._done = 0
        self._stopping = False
        self._fault = fault
        self.dropped = 0
        """Entries that are lost, since they found the queue full or cannot be stored: a figure that
        is shown, never hidden."""
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
        self._close()

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._stopping or self._trimming):
                    self._changed.wait()
                if not self._waiting and self._stopping:
                    return
                batch = [self._waiting[i] for i in range(min(len(self._waiting), LARGEST_BATCH))]
                last_ids = dict(self._last_ids)
            if not batch:
                self._trim()
            elif not self._write(batch, last_ids):
                with self._changed:
                    if self._stopping:
                        return
                    self._changed.wait(RETRY_S)

    def _write(self, batch: list[Entry], last_ids: dict[str, int]) -> bool:
        try:
            seq = self._append(batch, last_ids)
        except DamagedFile as error:
            self._failed(error)
            return self._renewed(error)
        except StorageError as error:
            self._failed(error)
            if isinstance(error, ReadOnlyFile) and self._opener is not None:
                self._close()
            return False
        self._unproved = False
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
        if self._trimming or seq >= self._trim_at:
            self._trim_at = seq + LARGEST_BATCH
            self._trusted_utc = batch[-1].utc if batch[-1].clock_trusted else None
            self._newest_ns = batch[-1].monotonic_ns
            self._trim()
        return True

    def _trim(self) -> None:
        """Drop a few of the oldest entries, if that is due; what waits to be written goes first."""
        self._trimming = False
        if self._retention is None or self._journal is None:
            return
        try:
            self._trimming = self._retention.trim(self._journal, self._trusted_utc, self._newest_ns)
            self._trimming |= self._journal.seal_some()
        except StorageError as error:
            log.warning("no old entries can be dropped", why=str(error))

    def _append(self, batch: list[Entry], last_ids: dict[str, int]) -> int:
        journal = self._journal or self._opened()
        try:
            return journal.append(batch, last_ids)
        except _NOT_STORABLE:
            # One such entry must not keep the others waiting for ever.
            return self._append_apart(journal, batch, last_ids)

    def _opened(self) -> Journal:
        if self._opener is None:
            raise StorageError("the journal is not open")
        journal = self._opener.open()
        self._adopt(journal)
        return journal

    def _append_apart(self, journal: Journal, batch: list[Entry], last_ids: dict[str, int]) -> int:
        seq = journal.append([], last_ids)
        storable = []
        for entry in batch:
            try:
                journal.check(entry)
            except _NOT_STORABLE:
                log.exception("an entry cannot be stored", kind=entry.kind.value)
                self.dropped += 1
            else:
                storable.append(entry)
        return journal.append(storable, last_ids) if storable else seq

    def _renewed(self, why: DamagedFile) -> bool:
        """Whether another journal has taken the place of one that is damaged: then nothing waits
        for the next attempt."""
        if self._opener is None or self._unproved:
            return False
        self._close()
        try:
            self._adopt(self._opener.renew(why))
            self._unproved = True
        except StorageError as error:
            self._failed(error)
            return False
        return True

    def _adopt(self, journal: Journal) -> None:
        """Go on in `journal`; ids go on above those that it has."""
        self._journal = journal
        with self._changed:
            for table, highest in journal.last_ids().items():
                self._last_ids[table] = max(highest, self._last_ids.get(table, 0))

    def _failed(self, error: StorageError) -> None:
        if self._fault is None:
            self._report(WriterFault(str(error)))
        self._fault = str(error)


_NOT_STORABLE = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
"""What an entry raises that no JSON and no column can hold."""
