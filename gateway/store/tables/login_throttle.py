"""Throttles guessing of API passwords, per login and address."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import NotAuthenticated

FREE_FAILURES = 5
"""Wrong passwords in a row without a wait."""
LONGEST_WAIT_S = 30
"""The longest wait, since the guesser may be the owner."""
FORGET_S = 900
"""Failures older than this are forgotten."""
MOST_SOURCES = 1_000
"""The most pairs of login and address that are remembered; the oldest is forgotten first."""

_NS = 1_000_000_000


@dataclass(slots=True)
class _Source:
    failures: int = 0
    last_ns: int = 0

    @property
    def wait_ns(self) -> int:
        beyond = self.failures - FREE_FAILURES
        if beyond < 0:
            return 0
        return min(1 << min(beyond, 10), LONGEST_WAIT_S) * _NS


class LoginThrottle:
    """Counts wrong passwords of each login at each address; others do not wait for them.

    An attempt during the wait is refused without a look at the password, and does not extend the
    wait.
    """

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._lock = threading.Lock()
        self._sources: OrderedDict[tuple[str, str], _Source] = OrderedDict()

    def check(self, login: str, address: str) -> None:
        """Raise NotAuthenticated, with the remaining time, while `login` waits at `address`."""
        now = self._monotonic_ns()
        with self._lock:
            source = self._sources.get((login, address))
            if source is None:
                return
            if now - source.last_ns >= FORGET_S * _NS:
                del self._sources[login, address]
                return
            left_ns = source.last_ns + source.wait_ns - now
        if left_ns > 0:
            left_s = -(-left_ns // _NS)
            raise NotAuthenticated(f"Too many failed logins, try again in {left_s} s")

    def failed(self, login: str, address: str) -> None:
        """Count a wrong password."""
        with self._lock:
            source = self._sources.setdefault((login, address), _Source())
            source.failures += 1
            source.last_ns = self._monotonic_ns()
            self._sources.move_to_end((login, address))
            while len(self._sources) > MOST_SOURCES:
                self._sources.popitem(last=False)

    def succeeded(self, login: str, address: str) -> None:
        """Forget the count after a right password."""
        with self._lock:
            self._sources.pop((login, address), None)
