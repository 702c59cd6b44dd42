"""Whether a server can be reached with the settings that clients have stored for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from gateway.clock import Clock
from gateway.commands.online_server import ReachedServer
from gateway.errors import GatewayError, NotFound, TooBusy
from gateway.host.probes import Unreachable
from gateway.objects.server_address import ServerAddress, server_address
from gateway.settings import MqttSettings, ServerSettings
from gateway.store.objects.store import Store
from gateway.uplink.http_client import HttpClient
from gateway.uplink.monitor import MONITOR_KEYS, monitor_settings
from gateway.uplink.mqtt.connection import BrokerConnection, OldBroker
from gateway.uplink.online.target import OnlineTarget
from gateway.uplink.push_protocol import PUSH_KEYS, push_settings

LIMIT_S = 5.0
"""Limit of one test. API clients wait 10 s."""
BETWEEN_S = 1.0
"""Shortest time from the end of a test to the next one."""
_FAILS = 500
"""Statuses from here on are failures of the server itself."""


class DestinationProbe:
    """Tests one server after another. One thread at a time calls it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        device_id: int,
        servers: ServerSettings,
        mqtt: MqttSettings | None,
        online: Callable[[], OnlineTarget | None],
    ) -> None:
        """`online` gives the server of the online modes."""
        self._store = store
        self._clock = clock
        self._device_id = device_id
        self._servers = servers
        self._mqtt = mqtt
        self._online = online
        self._not_before_s = 0.0

    def __call__(self, name: str) -> ReachedServer:
        """The server `name` of `test_destination`, as it answered.

        Raises Unreachable, NotFound where the settings name none, InvalidRequest for an address
        that is none, TooBusy, StorageError.
        """
        if time.monotonic() < self._not_before_s:
            raise TooBusy("a server was tested just now: wait a second")
        try:
            return self._broker() if name == "mqtt" else self._http(name)
        finally:
            self._not_before_s = time.monotonic() + BETWEEN_S

    def _http(self, name: str) -> ReachedServer:
        address = self._address(name)
        if address is None:
            raise NotFound(f"no server is set for {name}")
        client = HttpClient(self._servers.ca_file)
        began_s = time.monotonic()
        try:
            answer = client.request(address, address.target(), LIMIT_S, method="OPTIONS")
        finally:
            client.close()
        if not answer.status:
            raise Unreachable(f"{address.shown}: {answer.why}")
        if answer.status >= _FAILS:
            raise Unreachable(f"{address.shown} answered {answer.status}")
        return ReachedServer(address.shown, _since_ms(began_s), answer.status)

    def _address(self, name: str) -> ServerAddress | None:
        match name:
            case "monitor":
                monitor = monitor_settings(self._values(MONITOR_KEYS))
                return monitor.address if monitor else None
            case "push":
                push = push_settings(self._values(PUSH_KEYS), plain=self._servers.plain_push)
                return push.address if push else None
            case "minop":
                text = self._values({"minop": ["listener"]})["listener"]
                return server_address("minop.listener", text) if text.strip() else None
            case _:
                target = self._online()
                return target.address if target else None

    def _values(self, keys: Mapping[str, list[str]]) -> Mapping[str, str]:
        """The values of the keys of one module."""
        (module,) = keys
        return self._store.configuration(keys)[module]

    def _broker(self) -> ReachedServer:
        settings = self._mqtt
        if settings is None:
            raise NotFound("no broker is set: [mqtt] of the site file names it")
        began_s = time.monotonic()
        try:
            try:
                self._log_in(settings, LIMIT_S, mqtt5=True)
            except OldBroker:
                left_s = max(1.0, began_s + LIMIT_S - time.monotonic())
                self._log_in(settings, left_s, mqtt5=False)
        except GatewayError as error:
            raise Unreachable(f"{settings.shown}: {error}") from error
        return ReachedServer(settings.shown, _since_ms(began_s))

    def _log_in(self, settings: MqttSettings, within_s: float, *, mqtt5: bool) -> None:
        """Under a name of its own: the broker would end the other connection of the same name."""
        connection = BrokerConnection(
            settings,
            f"gateway-{self._device_id}-test",
            "",
            self._clock,
            lambda _: None,
            mqtt5=mqtt5,
        )
        connection.open(within_s)
        connection.close()


def _since_ms(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)
