"""Commands that take much memory or hold up every other write run one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import TooBusy

MOST_WAITING = 2
"""Commands that wait for their turn; each holds a thread of the server."""
WAIT_S = 10.0


class HeavyCommands:
    """The turn of the heavy commands of one process."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._places = threading.BoundedSemaphore(1 + MOST_WAITING)
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Run the block alone. Raises TooBusy if others wait already, or after WAIT_S."""
        if not self._places.acquire(blocking=False):
            raise TooBusy("Imports, backups and restores run one at a time: try again later")
        try:
            if not self._turn.acquire(timeout=self._wait_s):
                raise TooBusy("An import, backup or restore is running: try again later")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()
