"""How much of the journal is kept: the oldest entries go, a few at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.clock import EPOCH
from gateway.store.journal.journal import Journal

SLICE = 500
"""Entries that one transaction drops."""
SPARED_PER_HOUR = 1_000
"""Entries that go by their age, or since the bounds are lower than before. The api process may set
the clock and propose a site file with other bounds: neither must take with it, in seconds, all
that the process has done. More than so many events an hour, in the mean of a month, are bounded by
the size."""
_HARD = 1.25
"""So many times the size is what a journal may take that nobody projects."""
_SLACK_BYTES = 512 * 1024
"""More than a transaction drops as a rule, so that a little growth takes no more than it brings."""
_HOUR_NS = 3_600_000_000_000

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
    _may_go: float = 0.0
    """Entries that may go now though the journal does not grow; none at a start, since the api
    process may ask for starts too."""
    _earned_ns: int | None = None
    _largest: int | None = None
    """Bytes beyond which entries go at once, as many as come: what it had at the start."""

    def trim(self, journal: Journal, trusted_utc: datetime | None, now_ns: int) -> bool:
        """Drop the oldest entries beyond the bounds; whether more may have to go at once.

        Age counts only by a clock that is trusted. By their age, and by a size that was larger at
        the start, few entries go in a time (monotonic `now_ns`). Raises StorageError.
        """
        self._earn(now_ns)
        used = journal.used_bytes()
        if self._largest is None:
            self._largest = max(self.size_bytes, used + _SLACK_BYTES)
        oldest = None
        if trusted_utc is not None:
            oldest = (trusted_utc - timedelta(days=self.days) - EPOCH) // timedelta(microseconds=1)
        going = []
        spared = 0
        for seq, utc_us in journal.oldest(SLICE):
            projected = seq <= self.projected
            grown = used > self._largest
            unwanted = used > self.size_bytes or (oldest is not None and (utc_us or 0) < oldest)
            if not (grown or (unwanted and spared + 1 <= self._may_go)):
                break
            if not projected and used <= self.size_bytes * _HARD:
                break
            going.append(seq)
            spared += not grown
        if not going:
            journal.give_back()
            return False
        journal.drop(going)
        if spared:
            self._may_go -= spared
            left = journal.used_bytes() + _SLACK_BYTES
            self._largest = max(self.size_bytes, min(self._largest, left))
        unread = sum(seq > self.projected for seq in going)
        if unread and not self.dropped:
            log.error("entries are dropped that the API has not shown yet", from_entry=going[0])
        self.dropped += unread
        return len(going) == SLICE

    def _earn(self, now_ns: int) -> None:
        passed_ns = now_ns - self._earned_ns if self._earned_ns is not None else 0
        self._earned_ns = now_ns
        earned = passed_ns * SPARED_PER_HOUR / _HOUR_NS
        self._may_go = min(self._may_go + max(earned, 0.0), SPARED_PER_HOUR)
