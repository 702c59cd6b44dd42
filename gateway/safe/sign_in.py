"""Signing in at the safe page: by a code that is made anew whenever the page starts.

The logins are in the store, which may be what is broken, and their hashes need a library of the
bundle. A second copy of a password elsewhere would be one more secret on the card, and would
outlive the login that was taken away. So whoever is at the device, or signed in to its system,
reads the code there; it is worth nothing at the next start.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without what is misread."""
LENGTH = 10
"""50 bits."""
WRONG_S = 1.0
"""Pause after a wrong code, for whoever gave it: each connection of the few that there are gets one
guess a second, of 50 bits."""
SESSION_S = 1_800.0
MOST_SESSIONS = 8


def new_code() -> str:
    """Such as 7KQ2M-XB49T."""
    found = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{found[: LENGTH // 2]}-{found[LENGTH // 2 :]}"


class SignIn:
    """The code and the sessions of one run of the page. Any thread may use it."""

    def __init__(
        self,
        code: str,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._code = _plain(code)
        self._now = now
        self._pause = pause
        self._sessions: dict[str, float] = {}
        self._changing = threading.Lock()

    def try_code(self, code: str) -> str | None:
        """A new session, None for a wrong code."""
        if not hmac.compare_digest(_plain(code).encode(), self._code.encode()):
            self._pause(WRONG_S)
            return None
        session = secrets.token_urlsafe(24)
        with self._changing:
            self._forget()
            while len(self._sessions) >= MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[session] = self._now() + SESSION_S
        return session

    def is_in(self, session: str) -> bool:
        """Whether a session is good."""
        with self._changing:
            self._forget()
            return session in self._sessions

    def _forget(self) -> None:
        now = self._now()
        self._sessions = {it: end for it, end in self._sessions.items() if end > now}


def _plain(code: str) -> str:
    return "".join(code.upper().split()).replace("-", "")
