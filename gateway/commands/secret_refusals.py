"""Counts the secrets that were refused to each login because they are used already."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from gateway.errors import NotPermitted

FREE = 5
"""Refusals without a wait: people choose PINs that others have."""
FORGIVE_S = 4 * 3_600
"""After this time one refusal is forgotten, then the next."""
FIRST_WAIT_S = 600
LONGEST_WAIT_S = 4 * 3_600
MOST_LOGINS = 1_000

_NS = 1_000_000_000


@dataclass(slots=True)
class _Refused:
    count: float
    at_ns: int

    @property
    def wait_ns(self) -> int:
        beyond = int(self.count) - FREE
        return 0 if beyond < 0 else min(FIRST_WAIT_S << min(beyond, 10), LONGEST_WAIT_S) * _NS


class SecretRefusals:
    """In memory. Any thread may call it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[str, _Refused] = OrderedDict()

    def check(self, login: str, now_ns: int) -> None:
        """Raise NotPermitted, with the remaining time, while `login` has to wait."""
        with self._guard:
            known = self._known.get(login)
            left_ns = 0 if known is None else known.at_ns + known.wait_ns - now_ns
        if left_ns > 0:
            minutes = -(-left_ns // (60 * _NS))
            raise NotPermitted(
                f"Too many codes were refused because they are used: try again in {minutes} min, "
                "or ask an administrator"
            )

    def count(self, login: str, now_ns: int) -> None:
        """Count a refusal."""
        with self._guard:
            known = self._known.pop(login, None)
            old = 0.0
            if known is not None:
                old = max(0.0, known.count - (now_ns - known.at_ns) / (FORGIVE_S * _NS))
            self._known[login] = _Refused(old + 1, now_ns)
            while len(self._known) > MOST_LOGINS:
                self._known.popitem(last=False)
