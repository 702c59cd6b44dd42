"""Threads that work whenever there may be something to do, and those of one destination."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace

import structlog

from gateway.clock import Clock
from gateway.errors import StorageError
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState
from gateway.uplink.destination import DestinationRecord

AGAIN_S = 10.0
"""Pause after the database could not be read."""
CLOSE_S = 2.0
"""Longest wait for a thread that ends."""

log = structlog.get_logger("outbox")


class WokenThread(ABC):
    """Works, waits until it is woken or a pause is over, and works again, until closed. Any thread
    may call its public methods."""

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
            self._thread.join(CLOSE_S)
        else:
            self._disconnect()

    @abstractmethod
    def work(self) -> float | None:
        """Do what can be done now; the seconds until there may be more, None for until woken."""

    def _interrupt(self) -> None:  # noqa: B027 - some send no request of their own
        """End a request that runs."""

    def _disconnect(self) -> None:  # noqa: B027 - as above
        """Close connections, at the end."""

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self._wake.wait(self.work())
        self._disconnect()


class DestinationThread(WokenThread):
    """Works for one destination and stores how it fares."""

    def __init__(self, name: str, store: Store, clock: Clock) -> None:
        """Raises StorageError."""
        super().__init__(name)
        self._store = store
        self._clock = clock
        self._name = name
        self._record = DestinationRecord(store, name, clock)
        self._failing = False

    @property
    def state(self) -> DestinationState | None:
        """How it fares now; None while it is off. Raises StorageError."""
        state = self._record.state
        return None if state is None else replace(state, backlog=self._backlog(state))

    def work(self) -> float | None:
        try:
            while not self._stop.is_set():
                pause_s = self._step()
                if pause_s is None or pause_s > 0:
                    self._store_state(at_once=True)
                    return pause_s
                self._store_state(at_once=False)
        except StorageError as error:
            self._report(f"it stands still: {error}")
            return AGAIN_S
        return None

    @abstractmethod
    def _step(self) -> float | None:
        """One request, or one step towards it; the pause before the next one, 0 for none."""

    @abstractmethod
    def _backlog(self, state: DestinationState) -> int:
        """What waits. Raises StorageError."""

    def _run(self) -> None:
        super()._run()
        with suppress(StorageError):
            self._store_state(at_once=True)

    def _store_state(self, *, at_once: bool) -> None:
        if not self._record.due(at_once=at_once):
            return
        backlog = self._backlog(self._record.required())
        try:
            self._record.keep(backlog)
        except StorageError as error:
            # Servers are told what happens while the disk is full; a restart then repeats it.
            self._report(f"its state is not stored: {error}")
        else:
            self._report(None)

    def _report(self, why: str | None) -> None:
        """Log that the database fails, once."""
        if why and not self._failing:
            log.warning("a destination has no database", to=self._name, why=why)
        self._failing = bool(why)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
