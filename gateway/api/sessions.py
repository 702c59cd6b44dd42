"""Sessions of API clients, in memory: a restart ends all, as on the vendor's devices.

Clients log in every few seconds and never log out, so number and age of sessions are bounded.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.commands.rights import Session

TOKEN_LENGTH = 24
"""Characters of [A-Za-z0-9], since clients paste tokens into URLs without escaping: 142 bits."""
IDLE_S = 3_600
"""A session that no client has used for this long is expired."""
ABSOLUTE_S = 86_400
"""A session is expired after this time, even if clients use it."""
MOST_SESSIONS = 1_000
MOST_OF_LOGIN = 100
"""Sessions of one login, so that it ends none of another one."""

_ALPHABET = string.ascii_letters + string.digits
_NS = 1_000_000_000


@dataclass(slots=True)
class _Entry:
    session: Session
    opened_ns: int
    used_ns: int
    users: int = 0
    """Requests that are running on this session right now."""


class MemorySessions:
    """Implements `gateway.commands.rights.Sessions`; any thread may call it."""

    def __init__(
        self,
        monotonic_ns: Callable[[], int],
        *,
        idle_s: int = IDLE_S,
        absolute_s: int = ABSOLUTE_S,
        most: int = MOST_SESSIONS,
        most_of_login: int = MOST_OF_LOGIN,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._idle_ns = idle_s * _NS
        self._absolute_ns = absolute_s * _NS
        self._most = most
        self._most_of_login = most_of_login
        self._lock = threading.Lock()
        # The least recently used one comes first.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def open(self, login: str, stamp: str) -> Session:
        """A new session.

        Over the limit of a login its longest idle session ends, over that of all the longest idle
        one of the login that has most, and never one in use.
        """
        token = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))
        session = Session(token, login, stamp)
        now = self._monotonic_ns()
        with self._lock:
            self._make_room(login, now)
            self._entries[token] = _Entry(session, now, now)
        return session

    @contextmanager
    def use(self, token: str) -> Iterator[Session | None]:
        """The session of `token`, in use while the block runs; None if it has ended."""
        entry = self._take(token)
        if entry is None:
            yield None
            return
        try:
            yield entry.session
        finally:
            with self._lock:
                entry.users -= 1
                entry.used_ns = self._monotonic_ns()

    def close(self, token: str) -> None:
        """End a session; it may have ended already."""
        with self._lock:
            self._entries.pop(token, None)

    def close_login(self, login: str, *, keep: str | None = None) -> None:
        """End every session of `login`, except the one with the token `keep`."""
        with self._lock:
            for token, entry in list(self._entries.items()):
                if entry.session.login == login and token != keep:
                    del self._entries[token]

    def renew(self, token: str, login: str, stamp: str) -> None:
        """Give a session the account's new name and stamp; it may have ended already."""
        with self._lock:
            entry = self._entries.get(token)
            if entry is not None:
                entry.session = replace(entry.session, login=login, stamp=stamp)

    def _take(self, token: str) -> _Entry | None:
        now = self._monotonic_ns()
        with self._lock:
            entry = self._entries.get(token)
            if entry is None:
                return None
            if self._expired(entry, now):
                del self._entries[token]
                return None
            entry.users += 1
            entry.used_ns = now
            self._entries.move_to_end(token)
            return entry

    def _expired(self, entry: _Entry, now: int) -> bool:
        if now - entry.opened_ns >= self._absolute_ns:
            return True
        return not entry.users and now - entry.used_ns >= self._idle_ns

    def _make_room(self, login: str, now: int) -> None:
        # Sessions in use may exceed the limits, by at most the number of server threads.
        for token, entry in list(self._entries.items()):
            if self._expired(entry, now):
                del self._entries[token]
        counts = Counter(entry.session.login for entry in self._entries.values())
        if counts[login] >= self._most_of_login:
            self._end_idlest(login)
        elif len(self._entries) >= self._most:
            self._end_idlest(max(counts, key=counts.__getitem__))

    def _end_idlest(self, login: str) -> None:
        for token, entry in self._entries.items():
            if entry.session.login == login and not entry.users:
                del self._entries[token]
                return
