"""The connections of the safe page: how many there are, for how long, and which gives way.

An address has a few, and all of them together have fewer than the unit has tasks. When all places
are taken, a new connection gets that of the oldest one: whoever opens connections and says nothing
keeps nobody out, from however many addresses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket

MOST = 32
MOST_OF_ONE_ADDRESS = 8
"""Browsers open six at once."""
MOST_ENDING = 8
"""Beyond MOST: those that gave way and have not ended yet."""
REQUEST_S = 20.0
"""A whole request, but for the body of an update: one byte now and then keeps no place."""
LOOK_S = 0.5
"""How often requests that take too long are looked for."""


@dataclass(eq=False)
class Connection:
    """One client; its thread and the one that looks for slow requests share it."""

    address: str
    since_s: float
    socket: socket
    """That of TLS once there is one."""
    lasting: bool = False
    """Somebody who signed in sends an update: it may take its time."""
    ended: bool = False
    """It gave way, or took too long."""

    def end(self) -> None:
        """Wake its thread, which closes it. The method is that of a plain socket: that of TLS takes
        its state from under the reading thread."""
        self.ended = True
        with suppress(OSError):
            socket.shutdown(self.socket, SHUT_RDWR)


class Connections:
    """Those of all addresses at which the page listens. Any thread may use it."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._all: list[Connection] = []
        self._guard = threading.Lock()

    def admit(self, connection: socket, address: str) -> Connection | None:
        """A place for a new connection; None if there is none."""
        with self._guard:
            open_ = [it for it in self._all if not it.ended]
            of_address = sum(it.address == address for it in open_)
            if of_address >= MOST_OF_ONE_ADDRESS or len(self._all) >= MOST + MOST_ENDING:
                return None
            if len(open_) >= MOST:
                oldest = next((it for it in open_ if not it.lasting), None)
                if oldest is None:
                    return None
                oldest.end()
            made = Connection(address, self._now_s(), connection)
            self._all.append(made)
            return made

    def gone(self, connection: Connection) -> None:
        """Its thread has ended, or could not be started."""
        with self._guard:
            self._all.remove(connection)

    def end_slow(self) -> None:
        """End requests that take too long."""
        with self._guard:
            for each in self._all:
                if not each.lasting and self._now_s() - each.since_s > REQUEST_S:
                    each.end()
