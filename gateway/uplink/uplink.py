"""All that goes out, as the api process starts and stops it."""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock, DeviceTime
from gateway.commands.enrolment_runner import Enrolled
from gateway.host.process import boot_id
from gateway.settings import ServerSettings
from gateway.store.journal import JournalReader
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState
from gateway.uplink.monitor_channel import MonitorChannel
from gateway.uplink.outbox import Outbox
from gateway.uplink.peer_actions import PeerActions


class Uplink:
    """Every destination of the device. Any thread may call it."""

    def __init__(
        self,
        store: Store,
        journal: JournalReader,
        clock: Clock,
        device_time: DeviceTime,
        device_id: int,
        servers: ServerSettings,
        trusted: Callable[[], bool],
    ) -> None:
        """`trusted` tells whether the clock is trusted. Raises StorageError."""
        self._monitor = MonitorChannel(store, journal, clock, device_time, device_id, servers)
        outbox = Outbox(self._monitor, store, journal, clock, servers, trusted)
        self._outboxes = (outbox,)
        self._peers = PeerActions(store, journal, clock, device_id, servers, boot_id())

    def start(self) -> None:
        for outbox in self._outboxes:
            outbox.start()
        self._peers.start()

    @property
    def alive(self) -> bool:
        """Whether every thread runs."""
        return all(outbox.alive for outbox in self._outboxes) and self._peers.alive

    def close(self) -> None:
        """End running requests and wait for the threads."""
        self._peers.close()
        for outbox in self._outboxes:
            outbox.close()

    def wake(self) -> None:
        """There may be something new in the journal or the database."""
        for outbox in self._outboxes:
            outbox.wake()
        self._peers.wake()

    def states(self) -> list[DestinationState]:
        """How each destination that is on fares. Raises StorageError."""
        found = (outbox.state for outbox in self._outboxes)
        return [*(state for state in found if state is not None), *self._peers.states()]

    def journal_done(self) -> int | None:
        """The number of the last entry that no destination needs any more; None if all are off."""
        return min(
            (seq for it in self._outboxes if (seq := it.journal_seq) is not None), default=None
        )

    def enrolled(self, result: Enrolled) -> None:
        """Tell the result of an enrolment that nobody waited for and that was not saved."""
        if result.saved or result.value is None:
            return
        message = self._monitor.enrolled(result.kind, result.value, result.user_id)
        if message is not None:
            self._outboxes[0].send_soon(message)
