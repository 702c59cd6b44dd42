"""Actions that a grant has other devices carry out (`actions.run_at` 1 and 2).

The committed entry of the grant is the order. It is carried out once, within seconds, or never: a
person who has gone must not open a door. So nothing is kept over a restart or repeated, and each
peer has a thread of its own, which delays no other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial

import structlog

from gateway.access.actions import AT_SERVER, EVERYWHERE
from gateway.clock import Clock, unix_s
from gateway.errors import StorageError
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, EntryKind, JournalReader
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState, DestinationTable, peer_key
from gateway.threads import WokenThread
from gateway.uplink.peer_client import Peer, checked_peer, peer_address
from gateway.uplink.peer_worker import PeerOrder, PeerWorker

LATE_S = 5.0
"""Time after a grant beyond which nothing is opened elsewhere."""
MOST_PEERS = 32
_BATCH = 200
AGAIN_S = 1.0
"""Pause after the journal could not be read: an order is soon too old."""
PEER_COLUMNS = ("id", "name", "ip", "login", "password", "fingerprint")

log = structlog.get_logger("peers")

Row = Mapping[str, object]


def left_s(entry: CommittedEntry, boot_id: str, now_ns: int) -> float:
    """The seconds within which what `entry` orders may be carried out; 0 if it is too late, or if
    nobody can tell how old the entry is. `now_ns` is monotonic."""
    passed_s = (now_ns - entry.monotonic_ns) / 1e9
    if entry.boot_id != boot_id or passed_s < 0:
        return 0.0
    return max(0.0, LATE_S - passed_s)


def devices_for(run_at: int, devices: Collection[int], own: int, server: int) -> set[int]:
    """The other devices that run an action, by id; `own` is this device, `server` the one of
    `online_client.server_id`."""
    if run_at == EVERYWHERE:
        return set(devices) - {own, server}
    return {server} & set(devices) - {own} if run_at == AT_SERVER else set()


def peer_of(row: Row, servers: ServerSettings) -> Peer:
    """The peer in a row of `devices`. Raises InvalidRequest."""
    found = {key: str(row[key] or "") for key in PEER_COLUMNS}
    address = peer_address("devices.ip", found["ip"])
    peer = Peer(
        found["name"],
        address,
        found["login"],
        found["password"],
        found["fingerprint"],
        servers.ca_file,
    )
    return checked_peer(peer, plain=servers.plain_secrets)


def device_rows(store: Store) -> dict[int, Row]:
    """The rows of `devices` by id, with their secrets. Raises StorageError."""
    found = store.load({"object": "devices", "fields": list(PEER_COLUMNS), "order": ["id"]}).rows
    return {int(str(row["id"])): row for row in found}


def server_id(store: Store) -> int:
    """The id of the online server's row of `devices`, 0 for none. Raises StorageError."""
    text = store.configuration({"online_client": ["server_id"]})["online_client"]["server_id"]
    with suppress(ValueError):
        return int(text)
    return 0


class PeerActions(WokenThread):
    """Carries out orders until closed. Any thread may call its methods."""

    def __init__(
        self,
        store: Store,
        journal: JournalReader,
        clock: Clock,
        device_id: int,
        servers: ServerSettings,
        boot_id: str,
    ) -> None:
        """`device_id` is this device's, `boot_id` that of the machine's start. Raises
        StorageError."""
        super().__init__("peers")
        self._store = store
        self._journal = journal
        self._clock = clock
        self._device_id = device_id
        self._servers = servers
        self._boot_id = boot_id
        self._table = DestinationTable(store)
        self._done: int | None = None
        """The last entry that was looked at; None before the first look."""
        self._workers: dict[int, PeerWorker] = {}
        self._failing = False

    @property
    def alive(self) -> bool:
        """Whether every thread runs."""
        workers = list(self._workers.values())
        return super().alive and all(worker.alive for worker in workers)

    def close(self) -> None:
        """End running requests, and wait for the threads."""
        super().close()
        workers = list(self._workers.values())
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()

    def states(self) -> list[DestinationState]:
        """How each device fares that was to carry out something. Raises StorageError."""
        found = (self._table.read(peer_key(device)) for device in device_rows(self._store))
        return [state for state in found if state is not None]

    # the thread

    def work(self) -> float | None:
        try:
            self._look()
        except StorageError as error:
            if not self._failing:
                log.warning("actions for other devices cannot be read", why=str(error))
            self._failing = True
            return AGAIN_S
        self._failing = False
        return None

    def _look(self) -> None:
        """Hand on what the journal orders."""
        last = self._journal.last_seq()
        if self._done is None or last < self._done:
            # Orders from before a start, or of another journal, are too old.
            self._done = last
        while self._done < last and not self._stop.is_set():
            batch = self._journal.batch(self._done, _BATCH)
            for entry in batch.entries:
                if entry.kind is EntryKind.ACCESS and entry.body.get("elsewhere"):
                    self._order(entry)
            self._done = batch.reached if batch.reached > self._done else last

    def _order(self, entry: CommittedEntry) -> None:
        ids = entry.body["elsewhere"]
        rows = self._store.load({"object": "actions", "where": {"actions": {"id": ids}}}).rows
        by_id = {int(str(row["id"])): row for row in rows}
        devices, server = device_rows(self._store), server_id(self._store)
        wanted: dict[int, list[Mapping[str, str]]] = {}
        for action in (by_id[id_] for id_ in ids if id_ in by_id):
            row = {"action": str(action["action"]), "parameters": str(action["parameters"])}
            run_at = int(str(action["run_at"]))
            for device in devices_for(run_at, devices, self._device_id, server):
                wanted.setdefault(device, []).append(row)
        self._forget(devices)
        for device in sorted(wanted):
            worker = self._worker(device)
            if worker is None:
                log.error("too many devices: actions are not carried out", most=MOST_PEERS)
                return
            worker.take(
                PeerOrder(
                    entry.body["row"]["id"],
                    tuple(wanted[device]),
                    partial(peer_of, devices[device], self._servers),
                    partial(self._left_s, entry),
                )
            )

    def _left_s(self, entry: CommittedEntry) -> float:
        return left_s(entry, self._boot_id, self._clock.monotonic_ns())

    def _worker(self, device: int) -> PeerWorker | None:
        """The thread of a device; None if there are too many."""
        worker = self._workers.get(device)
        if worker is None and len(self._workers) < MOST_PEERS:
            worker = PeerWorker(peer_key(device), self._table, self._utc_s)
            self._workers[device] = worker
        return worker

    def _forget(self, devices: Collection[int]) -> None:
        """End the threads of devices that have no row any more."""
        for device in set(self._workers) - set(devices):
            self._workers.pop(device).stop()
            self._table.forget(peer_key(device))

    def _utc_s(self) -> int:
        return unix_s(self._clock.utc())
