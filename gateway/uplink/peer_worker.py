"""What one peer is to carry out, and what came of it: its thread, its queue, its state."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from gateway.errors import DeviceUnavailable, InvalidRequest, StorageError
from gateway.store.tables.destinations import DestinationState, DestinationTable
from gateway.uplink.peer_client import Peer, PeerClient

MOST_WAITING = 20
"""Orders that wait for one peer; those beyond are dropped."""
_CLOSE_S = 2.0

log = structlog.get_logger("peers")


class _TooLate(DeviceUnavailable):
    """Whoever was let in has gone."""


@dataclass(frozen=True, slots=True)
class PeerOrder:
    """What one grant has one peer carry out."""

    access_log_id: int
    actions: tuple[Mapping[str, str], ...]
    peer: Callable[[], Peer]
    """Raises InvalidRequest where the peer's row cannot be used."""
    left_s: Callable[[], float]
    """The seconds within which it may be carried out; 0 if it is too late."""


class PeerWorker:
    """Carries out orders in their sequence, each once or never. Any thread may call its methods."""

    def __init__(self, name: str, table: DestinationTable, utc_s: Callable[[], int]) -> None:
        """`name` is that of its state in `table`. Raises StorageError."""
        self._name = name
        self._table = table
        self._utc_s = utc_s
        self._state = table.read(name) or DestinationState(name)
        self._client: PeerClient | None = None
        self._orders: deque[PeerOrder] = deque()
        self._changed = threading.Condition()
        self._overflow = 0
        """Orders dropped since the last that was carried out or failed."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def take(self, order: PeerOrder) -> None:
        """Carry out `order` after those that wait; drop it where too many do."""
        with self._changed:
            full = len(self._orders) >= MOST_WAITING
            if full:
                self._overflow += 1
            else:
                self._orders.append(order)
                self._changed.notify()
        if full:
            log.warning("an action is dropped: too many wait", to=self._name)

    def stop(self) -> None:
        """End the running request; `join` waits for the thread."""
        with self._changed:
            self._stopped = True
            self._orders.clear()
            self._changed.notify()
            if self._client is not None:
                self._client.abort()

    def join(self) -> None:
        self._thread.join(_CLOSE_S)

    # the thread

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._orders or self._stopped):
                    self._changed.wait()
                if self._stopped:
                    return
                order = self._orders.popleft()
                overflow, self._overflow = self._overflow, 0
            self._state = replace(self._state, dropped=self._state.dropped + overflow)
            state = self._carried_out(order)
            if self._stopped:
                return
            self._state = state
            try:
                self._table.keep(state)
            except StorageError as error:
                log.warning("the state of a peer is not stored", to=self._name, why=str(error))

    def _carried_out(self, order: PeerOrder) -> DestinationState:
        """The state after `order`."""
        state, names = self._state, [action["action"] for action in order.actions]
        about = {"to": self._name, "access": order.access_log_id, "actions": names}
        try:
            peer = order.peer()
            if peer.address.shown != state.server:
                # Another device: what was counted before says nothing of it.
                state = DestinationState(self._name, peer.address.shown)
            self._ask(peer, order)
        except (InvalidRequest, DeviceUnavailable) as error:
            late, why, now = isinstance(error, _TooLate), str(error), self._utc_s()
            log.warning("actions were not carried out elsewhere", why=why, **about)
            return replace(
                state,
                dropped=state.dropped + late,
                refused=state.refused + (not late),
                last_error=why,
                last_error_utc=now,
                failing_since_utc=state.failing_since_utc or now,
            )
        log.info("actions were carried out elsewhere", **about)
        return replace(
            state,
            delivered=state.delivered + 1,
            last_success_utc=self._utc_s(),
            failing_since_utc=0,
        )

    def _ask(self, peer: Peer, order: PeerOrder) -> None:
        """Raises DeviceUnavailable."""
        client, left_s = self._client_for(peer), order.left_s()
        if left_s <= 0:
            raise _TooLate("too late, so nothing was opened")
        with client.session(left_s) as session:
            session.execute(order.actions)
            session.logout()

    def _client_for(self, peer: Peer) -> PeerClient:
        with self._changed:
            if self._client is None or self._client.peer != peer:
                self._client = PeerClient(peer)
            if self._stopped:
                self._client.abort()
            return self._client
