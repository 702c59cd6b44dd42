"""Bounds how fast one login can fill the journal, whose oldest entries go when it is full.

The sustained rate is that of four doors which a server opens for 30 persons a minute each; a login
that keeps to it all day writes some 100 MB. The reserve is smaller than what the link takes at once
(`gateway/link/server.py`), so one login alone cannot have the commands of others refused there.
"""

from __future__ import annotations

import threading

from gateway.errors import TooBusy

RESERVE = 150
"""Entries that a login may have written at once."""
PER_SECOND = 2
"""Entries by which the reserve fills again."""
_NS = 1_000_000_000


class CommandPace:
    """What each login may still have written into the journal. Thread-safe.

    It knows as many logins as there are accounts.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._full_ns: dict[str, int] = {}
        """By login: the monotonic time at which its reserve is full again."""

    def take(self, login: str, count: int, now_ns: int) -> None:
        """Count entries of `login`. Raises TooBusy where the reserve is too small for all."""
        with self._guard:
            full_ns = max(self._full_ns.get(login, 0), now_ns) + count * _NS // PER_SECOND
            if full_ns - now_ns > RESERVE * _NS // PER_SECOND:
                raise TooBusy(
                    "this login has sent too many commands that are logged:"
                    f" {PER_SECOND} a second is the rate that lasts"
                )
            self._full_ns[login] = full_ns
