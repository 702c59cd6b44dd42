"""Sessions of API clients, in memory: a restart ends all, as on the vendor's devices.

A start that this process asks for itself hands them on: whoever tries another address or site file
must confirm it within a minute. What is written then are digests, from which no token follows.

Clients log in every few seconds and never log out, so number and age of sessions are bounded.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import boot_id
from gateway.commands.rights import Session
from gateway.files import read_whole, write_whole

TOKEN_LENGTH = 24
"""Characters of [A-Za-z0-9], since clients paste tokens into URLs without escaping: 142 bits."""
IDLE_S = 3_600
"""A session that no client has used for this long is expired."""
ABSOLUTE_S = 86_400
"""A session is expired after this time, even if clients use it."""
HANDED_ON_S = 60
"""Sessions that were handed on longer ago are over."""
MOST_SESSIONS = 1_000
MOST_OF_LOGIN = 100
"""Sessions of one login, so that it ends none of another one."""

_LARGEST = 1 << 19
_ALPHABET = string.ascii_letters + string.digits
_NS = 1_000_000_000


@dataclass(slots=True)
class _Entry:
    login: str
    stamp: str
    opened_ns: int
    used_ns: int
    users: int = 0
    """Requests that are running on this session right now."""


class MemorySessions:
    """Implements `gateway.commands.rights.Sessions`; any thread may call it."""

    def __init__(
        self,
        monotonic_ns: Callable[[], int],
        handed_on: Path | None = None,
        *,
        idle_s: int = IDLE_S,
        absolute_s: int = ABSOLUTE_S,
        most: int = MOST_SESSIONS,
        most_of_login: int = MOST_OF_LOGIN,
    ) -> None:
        """`handed_on` is the file in which the process before may have left its sessions."""
        self._monotonic_ns = monotonic_ns
        self._idle_ns = idle_s * _NS
        self._absolute_ns = absolute_s * _NS
        self._most = most
        self._most_of_login = most_of_login
        self._lock = threading.Lock()
        # By digest of the token; the least recently used one comes first.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        if handed_on is not None:
            self._take_over(handed_on)

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def open(self, login: str, stamp: str) -> Session:
        """A new session.

        Over the limit of a login its longest idle session ends, over that of all the longest idle
        one of the login that has most, and never one in use.
        """
        token = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))
        now = self._monotonic_ns()
        with self._lock:
            self._make_room(login, now)
            self._entries[_digest(token)] = _Entry(login, stamp, now, now)
        return Session(token, login, stamp)

    @contextmanager
    def use(self, token: str) -> Iterator[Session | None]:
        """The session of `token`, in use while the block runs; None if it has ended."""
        entry = self._take(token)
        if entry is None:
            yield None
            return
        try:
            yield Session(token, entry.login, entry.stamp)
        finally:
            with self._lock:
                entry.users -= 1
                entry.used_ns = self._monotonic_ns()

    def close(self, token: str) -> None:
        """End a session; it may have ended already."""
        with self._lock:
            self._entries.pop(_digest(token), None)

    def close_login(self, login: str, *, keep: str | None = None) -> None:
        """End every session of `login`, except the one with the token `keep`."""
        with self._lock:
            kept = keep and _digest(keep)
            for key, entry in list(self._entries.items()):
                if entry.login == login and key != kept:
                    del self._entries[key]

    def renew(self, token: str, login: str, stamp: str) -> None:
        """Give a session the account's new name and stamp; it may have ended already."""
        with self._lock:
            entry = self._entries.get(_digest(token))
            if entry is not None:
                entry.login, entry.stamp = login, stamp

    def hand_on(self, path: Path | None) -> None:
        """Leave the sessions in `path` for the next start; None, or a failure, ends them."""
        if path is None:
            return
        with self._lock:
            entries = [
                [key, entry.login, entry.stamp, entry.opened_ns, entry.used_ns]
                for key, entry in self._entries.items()
            ]
        handed = {"boot": boot_id(), "at_ns": self._monotonic_ns(), "sessions": entries}
        with suppress(OSError):
            write_whole(path, json.dumps(handed).encode())

    def _take(self, token: str) -> _Entry | None:
        now = self._monotonic_ns()
        with self._lock:
            key = _digest(token)
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._expired(entry, now):
                del self._entries[key]
                return None
            entry.users += 1
            entry.used_ns = now
            self._entries.move_to_end(key)
            return entry

    def _expired(self, entry: _Entry, now: int) -> bool:
        if now - entry.opened_ns >= self._absolute_ns:
            return True
        return not entry.users and now - entry.used_ns >= self._idle_ns

    def _take_over(self, path: Path) -> None:
        """Go on with the sessions that the process before handed on just now, if any."""
        now = self._monotonic_ns()
        try:
            handed: Any = json.loads(read_whole(path, _LARGEST))
            path.unlink()  # before they count: none may be taken over twice
            if handed["boot"] != boot_id() or not 0 <= now - handed["at_ns"] <= HANDED_ON_S * _NS:
                return
            found = [
                (str(key), _Entry(str(login), str(stamp), int(opened_ns), int(used_ns)))
                for key, login, stamp, opened_ns, used_ns in handed["sessions"]
            ]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return
        with self._lock:
            self._entries.update(found[-self._most :])

    def _make_room(self, login: str, now: int) -> None:
        # Sessions in use may exceed the limits, by at most the number of server threads.
        for key, entry in list(self._entries.items()):
            if self._expired(entry, now):
                del self._entries[key]
        counts = Counter(entry.login for entry in self._entries.values())
        if counts[login] >= self._most_of_login:
            self._end_idlest(login)
        elif len(self._entries) >= self._most:
            self._end_idlest(max(counts, key=counts.__getitem__))

    def _end_idlest(self, login: str) -> None:
        for key, entry in self._entries.items():
            if entry.login == login and not entry.users:
                del self._entries[key]
                return


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
