"""Threads that have an owner who ends them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class OwnedThread(ABC):
    """A thread from `start` to `close`. Any thread may call its public methods."""

    close_s: float | None = 2.0
    """Longest wait for its end; None for as long as that takes."""

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There may be something to do, or other settings."""
        self._wake.set()

    def close(self) -> None:
        """End what runs, and wait for the thread."""
        self._stop.set()
        self._wake.set()
        self._interrupt()
        if self._thread.ident is not None:
            self._thread.join(self.close_s)
        else:
            self._release()

    def _interrupt(self) -> None:  # noqa: B027 - most have nothing that runs for long
        """End what runs, called on another thread; `_stop` is set."""

    def _release(self) -> None:  # noqa: B027 - most keep nothing open
        """Close what is open, at the end."""

    @abstractmethod
    def _run(self) -> None:
        """Run until `_stop` is set."""


class WokenThread(OwnedThread):
    """Works, waits until it is woken or a pause is over, and works again, until closed."""

    @abstractmethod
    def work(self) -> float | None:
        """Do what can be done now; the seconds until there may be more, None for until woken."""

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self._wake.wait(self.work())
        self._release()
