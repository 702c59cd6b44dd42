"""Exception modes that are in force though the database could not be written.

The controller has them too, and each process has them from the other after a restart. They go
before the database until it has them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gateway.link.messages import UnstoredMode


class UnstoredModes:
    """What the api process knows of them. Change them, and store them, under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._by_door: dict[int, UnstoredMode] = {}
        self._stored: set[UnstoredMode] = set()
        """Those that the database got since: a controller may still have them."""

    def __bool__(self) -> bool:
        return bool(self._by_door)

    @property
    def modes(self) -> tuple[UnstoredMode, ...]:
        return tuple(self._by_door.values())

    def with_(self, modes: Iterable[UnstoredMode]) -> tuple[UnstoredMode, ...]:
        """`modes` as they are with the given ones, each of which replaces another of its door."""
        return tuple({**self._by_door, **{mode.door: mode for mode in modes}}.values())

    def put(self, modes: Iterable[UnstoredMode]) -> None:
        for mode in modes:
            self._stored.discard(mode)
            self._by_door[mode.door] = mode

    def learn(self, reported: tuple[UnstoredMode, ...]) -> None:
        """Take what the controller has and this process, which may be new, does not know."""
        for mode in reported:
            if mode not in self._stored:
                self._by_door.setdefault(mode.door, mode)

    def settle(self) -> None:
        """The database has them all."""
        self._stored.update(self._by_door.values())
        self._by_door.clear()
