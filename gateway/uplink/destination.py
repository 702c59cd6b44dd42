"""The state of one destination: what successes and failures make of it, and when it is stored."""

from __future__ import annotations

from dataclasses import replace

import structlog

from gateway.clock import Clock, unix_s
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState, DestinationTable

STORE_S = 1.0
"""Longest time for which a cursor that has moved is not stored."""
STORE_IDLE_S = 300.0
"""The same for a state of which only the time of the last success or of the same failure is new."""

log = structlog.get_logger("outbox")


class DestinationRecord:
    """The state of one destination in memory and in the store. One thread changes it."""

    def __init__(self, store: Store, name: str, clock: Clock) -> None:
        """Raises StorageError."""
        self._table = DestinationTable(store)
        self._name = name
        self._clock = clock
        self._stored_s = 0.0
        self.state = self._table.read(name)
        """None while the destination is off."""
        self._stored = self.state

    def required(self) -> DestinationState:
        """The state of a destination that is on."""
        if self.state is None:
            raise RuntimeError("the destination is off")
        return self.state

    def count(self, *, dropped: int) -> None:
        state = self.required()
        self.state = replace(state, dropped=state.dropped + max(0, dropped))

    def succeeded(self, remark: str = "") -> None:
        """The server answered; `remark` is what it does not do."""
        state, now = self.required(), self.utc_s()
        if state.failing_since_utc:
            log.info("the server answers again", to=self._name, server=state.server)
        state = replace(state, last_success_utc=now, failing_since_utc=0)
        if remark and remark != state.last_error:
            state = replace(state, last_error=remark, last_error_utc=now)
        self.state = state

    def failed(self, why: str) -> None:
        """The server is away or fails."""
        state, now = self.required(), self.utc_s()
        if not state.failing_since_utc:
            log.warning("a server fails", to=self._name, why=why)
        self.state = replace(
            state,
            last_error=why,
            last_error_utc=now,
            failing_since_utc=state.failing_since_utc or now,
        )

    def stays_failed(self, why: str) -> None:
        """As `failed`, of a state that is looked at again and again: each cause counts once."""
        state = self.required()
        if why != state.last_error or not state.failing_since_utc:
            self.failed(why)

    def due(self, *, at_once: bool) -> bool:
        """Whether the state is to be stored now."""
        state, old = self.state, self._stored
        if state is None or state == old:
            return False
        idle = (
            old is not None
            and replace(
                state,
                last_success_utc=old.last_success_utc,
                last_error_utc=old.last_error_utc,
                backlog=old.backlog,
            )
            == old
        )
        since_s = self._now_s() - self._stored_s
        return since_s >= STORE_IDLE_S if idle else at_once or since_s >= STORE_S

    def keep(self, backlog: int) -> None:
        """Store the state, with what waits. Raises StorageError; it counts as stored for a while
        all the same."""
        self.state = replace(self.required(), backlog=backlog)
        self._stored_s = self._now_s()
        self._table.keep(self.state)
        self._stored = self.state

    def forget(self) -> None:
        """The destination is off. Raises StorageError."""
        self._table.forget(self._name)
        self.state = self._stored = None

    def utc_s(self) -> int:
        return unix_s(self._clock.utc())

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
