"""How much of the journal is kept: the oldest entries go, a few at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from gateway.store.journal.journal import Journal

SLICE = 500
"""Entries that one transaction drops."""
_HARD = 1.25
"""So many times the size is what a journal may take that nobody projects."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger("journal")


@dataclass(slots=True)
class Retention:
    """The bounds, and what they led to. The loop's thread sets `projected`, the journal's the rest.

    An entry that the api process has not projected yet is dropped only where the file would else
    grow beyond 1.25 times its size: the controller neither waits for that process nor trusts it.
    """

    days: int
    size_bytes: int
    projected: int = 0
    """The number of the last entry that is in the API's log tables, as the api process says."""
    dropped: int = 0
    """Entries that were dropped before they were projected."""

    def trim(self, journal: Journal, trusted_utc: datetime | None) -> bool:
        """Drop the oldest entries beyond the bounds; whether more may have to go at once.

        Age counts only by a clock that is trusted. Raises StorageError.
        """
        used = journal.used_bytes()
        oldest = None
        if trusted_utc is not None:
            oldest = (trusted_utc - timedelta(days=self.days) - _EPOCH) // timedelta(microseconds=1)
        going = []
        for seq, utc_us in journal.oldest(SLICE):
            projected = seq <= self.projected
            too_old = oldest is not None and (utc_us or 0) < oldest
            if not (used > self.size_bytes or too_old):
                break
            if not projected and used <= self.size_bytes * _HARD:
                break
            going.append(seq)
        if not going:
            journal.give_back()
            return False
        journal.drop(going)
        unread = sum(seq > self.projected for seq in going)
        if unread and not self.dropped:
            log.error("entries are dropped that the API has not shown yet", from_entry=going[0])
        self.dropped += unread
        return len(going) == SLICE
