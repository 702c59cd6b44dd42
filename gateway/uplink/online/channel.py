"""The server of the online modes as a destination of the outbox: what it is told unasked."""

from __future__ import annotations

from collections.abc import Collection

from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.tables.destinations import ONLINE
from gateway.uplink.delivery import SendOutcome, outcome_of
from gateway.uplink.http_client import HttpClient
from gateway.uplink.monitor import Notification
from gateway.uplink.online.client import OnlineClient
from gateway.uplink.online.messages import REX, created, query_of, rex_log
from gateway.uplink.online.target import OnlineTarget
from gateway.uplink.outbox import Change


class OnlineChannel:
    """POSTs what the server does not decide: exit buttons, results of enrolments."""

    name = ONLINE
    kinds: Collection[EntryKind] = (EntryKind.ACCESS,)
    tables: Collection[str] = ()
    probed = True
    alive_s = 0.0
    """The keep-alive is the client's."""

    def __init__(self, client: OnlineClient, device_id: int, servers: ServerSettings) -> None:
        self._client = client
        self._device_id = device_id
        self._http = HttpClient(servers.ca_file)
        self._target: OnlineTarget | None = None

    def configure(self) -> str | None:
        self._target = self._client.destination()
        return self._target.address.shown if self._target else None

    @property
    def held(self) -> str | None:
        return self._client.held

    @property
    def success_utc(self) -> int:
        state = self._client.state
        return state.last_success_utc if state else 0

    def told_of(self, entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        return [
            (entry.seq, [rex_log(entry.body["row"], self._device_id)])
            for entry in entries
            if entry.body["row"]["event"] == REX
        ]

    def told_of_change(self, change: Change) -> Notification | None:  # noqa: ARG002 - of no table
        return None

    def alive(self) -> Notification:
        return self._client.keep_alive()

    def enrolled(self, kind: str, value: int | str, user_id: int) -> Notification | None:
        """The message of a credential that was read for an enrolment, if there is one. Any thread
        may ask."""
        target = self._target
        if target is None:
            return None
        return created(kind, value, user_id, self._device_id, secrets=target.secrets)

    def send(self, message: Notification) -> tuple[SendOutcome, str]:
        target = self._target
        if target is None:
            raise RuntimeError("the online modes are off")
        query = query_of(message.topic, self._device_id)
        answer = self._http.post(
            target.address, message.topic, message.body, target.timeout_s, query
        )
        return outcome_of(answer.status), answer.fault

    def abort(self) -> None:
        self._http.abort()

    def close(self) -> None:
        self._http.close()
