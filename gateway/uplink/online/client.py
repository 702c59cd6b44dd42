"""Whether the server of the online modes can be asked: its settings, the keep-alive, and what the
controller is told of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import structlog

from gateway.clock import Clock, unix_s
from gateway.commands.online_server import OnlineServer
from gateway.errors import ControllerUnavailable, InvalidRequest, StorageError
from gateway.link.messages import Command, ControllerStatus, ReportServer
from gateway.objects.server_address import ServerAddress
from gateway.settings import ServerSettings
from gateway.store.objects.store import Store
from gateway.threads import WokenThread
from gateway.uplink.http_clients import HttpClients
from gateway.uplink.monitor import Notification
from gateway.uplink.online.messages import SESSION_IS_VALID, alive_message, query_of
from gateway.uplink.online.session import OnlineSession, SessionPace, settle_alive, settle_request
from gateway.uplink.online.target import OnlineTarget, named_server, online_target

KEYS = {
    "general": ["online"],
    "online_client": ["server_id", "max_request_attempts", "request_timeout", "alive_interval"],
}
"""What a target is made of."""
OFF = "no online mode is on"
AGAIN_S = 1.0
"""Pause after the settings could not be read."""

log = structlog.get_logger("online")


class ControllerLink(Protocol):
    """What is told of the server, and of its answers."""

    def ask(self, command: Command) -> object:
        """Raises ControllerUnavailable, and the error in the answer."""


class OnlineClient(WokenThread):
    """Speaks to the server until closed. Any thread may call its methods."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        device_id: int,
        servers: ServerSettings,
        controller: ControllerLink,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when the server was found or lost."""
        super().__init__("online")
        self._store = store
        self._clock = clock
        self._device_id = device_id
        self._servers = servers
        self._controller = controller
        self._changed = changed
        self._state = threading.Condition()
        """Guards what follows."""
        self._configured = False
        self._target: OnlineTarget | None = None
        self._refusal = ""
        """Why there is no target although an online mode is on."""
        self._session = OnlineSession()
        self._shown = OnlineServer()
        self._proving: set[ServerAddress] = set()
        """Servers that a keep-alive is on its way to."""
        self._controller_pid = 0
        self._believed: bool | None = None
        """What the controller believed in its last heartbeat after the last report."""
        self._reported: tuple[int, bool] | None = None
        """The controller's process that was told last, and what."""
        self._access_logs = 0
        self._clients = HttpClients(servers.ca_file)
        # A second one for the server that is named while the one before hangs.
        self._provers = ThreadPoolExecutor(2, thread_name_prefix="keep-alive")

    def start(self) -> None:
        self._configure()
        super().start()

    def close(self) -> None:
        """End running requests and wait for the threads."""
        super().close()
        self._provers.shutdown(cancel_futures=True)
        self._clients.close()

    def _interrupt(self) -> None:
        with self._state:
            self._state.notify_all()
        self._clients.abort()

    def heard(self, status: ControllerStatus) -> None:
        """Compare what the controller believes with what is so."""
        self._controller_pid = status.pid
        self._believed = status.online.reachable if status.online else None
        if self._to_report() is not None:
            self.wake()

    def destination(self) -> OnlineTarget | None:
        """The server; None in standalone mode.

        Raises InvalidRequest if an online mode has no server, StorageError while the settings could
        not be read.
        """
        with self._state:
            if not self._configured:
                raise StorageError("the settings of the online modes were not read yet")
            if self._refusal:
                raise InvalidRequest(self._refusal)
            return self._target

    def keep_alive(self) -> Notification:
        """The message that proves the server."""
        try:
            rows = self._store.model("access_logs").select()
            self._access_logs = int(rows.count(self._store.reader()))
        except StorageError:
            pass  # the last count
        return alive_message(self._access_logs)

    @property
    def reachable(self) -> bool:
        """Whether the server is asked."""
        return self._session.reachable

    @property
    def held(self) -> str | None:
        """None while the server may be sent to; else why not, empty while nothing is known yet."""
        session = self._session
        if session.reachable:
            return None
        return session.why if session.away else ""

    @property
    def state(self) -> OnlineServer | None:
        """How the server fares; None in standalone mode."""
        with self._state:
            if self._target is None and not self._refusal:
                return None
            return replace(
                self._shown,
                server=self._target.address.shown if self._target else "",
                reachable=self._session.reachable,
                failures=self._session.failures,
            )

    # the thread

    def work(self) -> float | None:
        """Do what is due; the seconds until there is more, None for until woken."""
        if not self._configure():
            return AGAIN_S
        self._report()
        with self._state:
            target, session = self._target, self._session
            if target is None or target.address in self._proving or self._stop.is_set():
                return None
            left_s = session.alive_at_s - self._now_s()
            if left_s > 0:
                return left_s if left_s != float("inf") else None
            self._proving.add(target.address)
        self._provers.submit(self._prove, target, first=session == OnlineSession())
        return None

    def _configure(self) -> bool:
        """Take over what clients have set, without a new start; whether it could be read."""
        try:
            values = self._store.configuration(KEYS)
            refusal, target = "", None
            try:
                number = named_server(values)
                if number is not None:
                    plain = self._servers.plain_secrets
                    target = online_target(values, number, self._ip(number), plain_secrets=plain)
            except InvalidRequest as error:
                refusal = str(error)
        except StorageError:
            return False  # as it was; others report the database
        aim = self._aim(self._target, self._refusal)
        with self._state:
            self._configured = True
            self._target, self._refusal = target, refusal
            if self._aim(target, refusal) != aim:
                self._session = OnlineSession(away=bool(refusal), why=refusal)
                self._reported = None
                self._shown = OnlineServer()
                if refusal:
                    log.warning("the online mode has no server", why=refusal)
                    self._lost(refusal)
            self._state.notify_all()
        return True

    @staticmethod
    def _aim(target: OnlineTarget | None, refusal: str) -> object:
        """What a session is with."""
        return target.address if target else refusal

    def _ip(self, server_id: int) -> str | None:
        """Raises StorageError."""
        request = {"object": "devices", "where": {"devices": {"id": server_id}}}
        rows = self._store.load(request).rows
        return next((str(row["ip"]) for row in rows), None)

    def _prove(self, target: OnlineTarget, *, first: bool) -> None:
        """Send the keep-alive; `first` asks about the session before, as the vendor's devices do,
        whatever the answer."""
        try:
            with self._clients.one() as client:
                if first:
                    where = target.address.target(SESSION_IS_VALID, self._query(SESSION_IS_VALID))
                    client.request(target.address, where, target.timeout_s)
                message = self.keep_alive()
                answer = client.post(
                    target.address,
                    message.topic,
                    message.body,
                    target.timeout_s,
                    self._query(message.topic),
                )
            failure = None if answer.accepted else f"{message.topic}: {answer.fault}"
            self._settle(target, failure, settle_alive)
        except Exception:
            log.exception("a keep-alive failed")
            self._settle(target, "internal error", settle_alive)
        finally:
            with self._state:
                self._proving.discard(target.address)
            self.wake()

    def await_server(self, deadline_ns: int) -> tuple[OnlineTarget | None, str]:
        """The server to ask, once it is proved; None, and why, if there is none before the
        monotonic `deadline_ns`."""
        if self._target is None:  # the controller may have read before this thread what is new
            self._configure()
            self.wake()
        with self._state:
            while not self._stop.is_set():
                left_s = deadline_ns / 1e9 - self._now_s()
                if left_s <= 0:
                    return None, ""
                if self._target is None:
                    return None, self._refusal or OFF
                if self._session.reachable:
                    return self._target, ""
                if self._session.away:
                    return None, self._session.why
                self._state.wait(left_s)
        return None, ""

    def settle(self, target: OnlineTarget, failure: str | None) -> bool:
        """Take into account that `target` has answered a request, or its `failure`; whether it is
        still the server."""
        return self._settle(target, failure, settle_request)

    def _settle(
        self,
        target: OnlineTarget,
        failure: str | None,
        settle: Callable[[OnlineSession, str | None, SessionPace, float, float], OnlineSession],
    ) -> bool:
        pace = SessionPace(target.attempts, target.alive_s)
        jitter = random.random()  # noqa: S311 - spreads load, keeps no secret
        with self._state:
            now = self._target
            if now is None or now.address != target.address or self._stop.is_set():
                return False
            before = self._session
            self._session = settle(before, failure, pace, self._now_s(), jitter)
            if failure is None:
                self._shown = replace(self._shown, last_success_utc=self._utc_s())
            else:
                self._shown = replace(self._shown, last_error=failure, last_error_utc=self._utc_s())
            if self._session.reachable and not before.reachable:
                log.info("the server can be asked", server=target.address.shown)
                self._shown = replace(self._shown, since_utc=self._utc_s())
            elif self._session.away and not before.away:
                log.warning("the server is away", server=target.address.shown, why=failure)
                self._lost(failure or "")
            changed = self._session.reachable != before.reachable
            self._state.notify_all()
        if changed:
            self.wake()
            self._changed()
        return True

    def _lost(self, why: str) -> None:
        now = self._utc_s()
        self._shown = replace(self._shown, since_utc=now, last_error=why, last_error_utc=now)

    def _to_report(self) -> OnlineSession | None:
        """What the controller must be told, if it believes something else."""
        session, on = self._session, self._target is not None or bool(self._refusal)
        known = session.reachable or session.away
        if not (on and known and self._controller_pid):
            return None
        told = (self._controller_pid, session.reachable)
        same = told == self._reported and self._believed in {None, session.reachable}
        return None if same else session

    def _report(self) -> None:
        """Tell the controller whether the server can be asked."""
        pid, session = self._controller_pid, self._to_report()
        if session is None:
            return
        try:
            self._controller.ask(ReportServer(reachable=session.reachable, why=session.why[:1_000]))
        except ControllerUnavailable:
            return  # the next heartbeat tries again
        self._reported, self._believed = (pid, session.reachable), None

    def _query(self, topic: str) -> str:
        return query_of(topic, self._device_id)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def _utc_s(self) -> int:
        return unix_s(self._clock.utc())
