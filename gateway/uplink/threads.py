"""The thread of one destination."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace

import structlog

from gateway.clock import Clock
from gateway.errors import StorageError
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState
from gateway.threads import WokenThread
from gateway.uplink.destination import DestinationRecord

AGAIN_S = 10.0
"""Pause after the database could not be read."""

log = structlog.get_logger("outbox")


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
