"""The interlock between this device and others: who may open a door now.

The rules are those of `gateway.doors.peer_interlock`. A peer that does not know announcements, as a
device of the vendor does not, is asked for the states of its doors instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from uuid import uuid4

import structlog

from gateway.commands.clearance import Clearance
from gateway.doors.peer_interlock import (
    WAIT_MS,
    Claims,
    Reply,
    announced,
    attempted,
    concluded,
)
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    StorageError,
)
from gateway.link.client import ControllerClient
from gateway.link.messages import AnswerClearance, ClearanceQuestion
from gateway.settings import ServerSettings
from gateway.store.objects.store import Store
from gateway.uplink.peer_client import (
    NotServed,
    Peer,
    PeerClient,
    PeerSession,
    checked_peer,
    peer_address,
)

RULE_COLUMNS = ("id", "ip", "port", "login", "password", "portal_name", "fingerprint")
AT_ONCE = 16
"""Openings that are asked about, and peers that are asked, at the same time."""
_SPARE_S = 0.05
"""For the way of the answer to the controller."""

log = structlog.get_logger("peers")


def interlock_peer(row: Mapping[str, object], servers: ServerSettings) -> Peer:
    """The peer in a row of `network_interlocking_rules`. Raises InvalidRequest."""
    found = {key: str(row[key] or "") for key in RULE_COLUMNS}
    address = peer_address("network_interlocking_rules.ip", found["ip"], found["port"])
    peer = Peer(
        found["portal_name"] or address.shown,
        address,
        found["login"],
        found["password"],
        found["fingerprint"],
        servers.ca_file,
    )
    return checked_peer(peer, plain=servers.plain_secrets)


class PeerInterlock:
    """Asks and answers peers. Any thread may call its methods."""

    def __init__(
        self,
        store: Store,
        controller: ControllerClient,
        device_id: int,
        servers: ServerSettings,
    ) -> None:
        self._store = store
        self._controller = controller
        self._device_id = device_id
        self._servers = servers
        self._guard = threading.Lock()
        self._claims = Claims()
        self._lines: dict[int, _Line] = {}
        self._questions = ThreadPoolExecutor(AT_ONCE, "clearance")
        self._asking = ThreadPoolExecutor(AT_ONCE, "peer")

    def close(self) -> None:
        """End running requests, and wait for the threads."""
        with self._guard:
            for line in self._lines.values():
                line.close()
        self._questions.shutdown(cancel_futures=True)
        self._asking.shutdown(cancel_futures=True)

    def question(self, question: ClearanceQuestion) -> None:
        """Answer a question of the controller, later."""
        with suppress(RuntimeError):  # it was closed meanwhile
            self._questions.submit(self._answer, question)

    def clear(self) -> Clearance:
        """Whether this device may open a door now; takes WAIT_MS at most."""
        return self._cleared(uuid4().hex, time.monotonic() + WAIT_MS / 1000)

    def announced(self, device: int) -> Reply:
        """Answer the announcement of another device."""
        try:
            occupied = any(door.occupied for door in self._controller.status().doors)
        except ControllerUnavailable:
            occupied = True  # nobody can tell
        with self._guard:
            self._claims, reply = announced(
                self._claims, self._device_id, device, _now_ms(), occupied=occupied
            )
        return reply

    def _answer(self, question: ClearanceQuestion) -> None:
        found = self._cleared(question.id, question.deadline_ns / 1e9 - _SPARE_S)
        answer = AnswerClearance(
            question=question.id, free=found.free, peer=found.peer, why=found.why
        )
        try:
            self._controller.ask(answer)
        except GatewayError as error:  # late, or the controller has gone: nothing opens
            log.warning("an answer of the interlock came to nothing", why=str(error))

    def _cleared(self, key: str, ends_s: float) -> Clearance:
        with self._guard:
            self._claims, holder = attempted(self._claims, key, _now_ms())
        if holder is not None:
            return Clearance(free=False, peer=str(holder), why="opens a door now")
        try:
            asked = self._ask_all(ends_s)
        except (InvalidRequest, StorageError) as error:
            found = Clearance(free=False, why=str(error))
            replies: list[Reply] = [Reply.OCCUPIED]
        else:
            wait(asked, max(0.0, ends_s - time.monotonic()))
            found, replies = _judged(asked)
        with self._guard:
            self._claims, free = concluded(self._claims, key, replies, _now_ms())
        if found.free and not free:
            return Clearance(free=False, why="another device goes first, or took too long")
        if not found.free:
            log.warning("the interlock keeps a door locked", peer=found.peer, why=found.why)
        return found

    def _ask_all(self, ends_s: float) -> dict[Future[Reply], str]:
        """Announce to every peer. Raises InvalidRequest, StorageError."""
        where = {"network_interlocking_rules": {"enabled": 1}}
        rows = self._store.load(
            {
                "object": "network_interlocking_rules",
                "fields": list(RULE_COLUMNS),
                "where": where,
                "order": ["id"],
            }
        ).rows
        peers = {int(str(row["id"])): interlock_peer(row, self._servers) for row in rows}
        with self._guard:
            for id_ in set(self._lines) - set(peers):
                self._lines.pop(id_).close()
            for id_, peer in peers.items():
                line = self._lines.get(id_)
                if line is None or line.peer != peer:
                    if line is not None:
                        line.close()
                    self._lines[id_] = _Line(peer)
            lines = [self._lines[id_] for id_ in peers]
        return {
            self._asking.submit(line.announce, self._device_id, ends_s): line.peer.name
            for line in lines
        }


def _judged(asked: Mapping[Future[Reply], str]) -> tuple[Clearance, list[Reply]]:
    """What the peers' answers come to, and the answers."""
    found, replies = Clearance(free=True), []
    for answer, peer in asked.items():
        why = ""
        if not answer.done():
            reply, why = Reply.OCCUPIED, "is silent"
        else:
            try:
                reply = answer.result()
            except DeviceUnavailable as error:
                reply, why = Reply.OCCUPIED, f"cannot be asked: {error}"
        replies.append(reply)
        if reply is not Reply.FREE and found.free:
            found = Clearance(free=False, peer=peer, why=why or _WORDS[reply])
    return found, replies


_WORDS = {
    Reply.OCCUPIED: "has a door that is not closed and locked",
    Reply.CLAIMED: "opens a door at the same time, and goes first",
}


class _Line:
    """The way to one peer, with a session that is kept. Any thread may call it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._client = PeerClient(peer)
        self._session: PeerSession | None = None
        self._announces = True
        """Whether the peer may know announcements."""
        self._busy = threading.Lock()

    def close(self) -> None:
        """End the running request, if there is one, and refuse others."""
        self._client.abort()
        if self._busy.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._busy.release()

    def announce(self, own: int, ends_s: float) -> Reply:
        """The peer's answer to the announcement of the device `own`. Raises DeviceUnavailable."""
        if not self._busy.acquire(timeout=max(0.0, ends_s - time.monotonic())):
            raise DeviceUnavailable("no answer in time")
        try:
            if self._session is not None:
                # A session that has expired there, or a connection that was closed.
                with suppress(DeviceUnavailable):
                    return self._asked(self._session, own, ends_s)
                self._drop()
            self._session = self._client.opened(ends_s)
            return self._asked(self._session, own, ends_s)
        except DeviceUnavailable:
            self._drop()
            raise
        finally:
            self._busy.release()

    def _drop(self) -> None:
        self._session, self._announces = None, True
        self._client.close()

    def _asked(self, session: PeerSession, own: int, ends_s: float) -> Reply:
        session.ends_s = ends_s
        if self._announces:
            try:
                return Reply(session.announce(own))
            except NotServed:
                self._announces = False
            except ValueError:
                raise DeviceUnavailable("announce_opening: its answer is not known") from None
        return Reply.OCCUPIED if any(session.doors().values()) else Reply.FREE


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
