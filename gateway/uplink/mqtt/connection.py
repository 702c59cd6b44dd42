"""One connection to a broker, which ends once and never comes back: the next one is a new one.

The client library keeps messages over a loss of the connection and sends them again, so a client is
never used for a second connection. An error in a callback would end its thread unseen, so none
leaves a callback.
"""

from __future__ import annotations

import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

import structlog

from gateway.clock import Clock
from gateway.errors import GatewayError, SettingsError
from gateway.files import read_whole
from gateway.settings import MqttSettings
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.mqtt.guards import Incoming
from gateway.uplink.mqtt.topics import OFFLINE

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

CONNECT_S = 15.0
"""For name, connection, TLS and the broker's answer."""
KEEPALIVE_S = 30
LOOP_S = 1.0
"""Longest wait for something to happen on the connection."""
ACKNOWLEDGE_S = 10.0
LARGEST_PACKET = 16_384
"""Bytes of a message that the broker may send (MQTT 5)."""
MOST_UNANSWERED = 20
"""Messages that it may send before the first is confirmed (MQTT 5)."""
MOST_QUEUED = 2_000
"""Messages that may wait for the broker's confirmation."""
_MOST_ACKNOWLEDGED = 4_096
_LARGEST_PASSWORD = 1_024
_WRONG_VERSION = 0x84
"""Reason of MQTT 5; older brokers end the connection, or answer 1."""
_NOT_SERVED = frozenset({0x87, 0x90})
"""Reasons of MQTT 5 for one topic: not authorised, topic name invalid."""

P = ParamSpec("P")

log = structlog.get_logger("mqtt")


class BrokerAway(GatewayError, ConnectionError):
    """There is no connection; the text says why."""


class OldBroker(BrokerAway):
    """The broker may not know MQTT 5."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to the broker."""

    topic: str
    payload: str
    retain: bool = False
    correlation: bytes | None = None
    """Of MQTT 5."""


class BrokerConnection:
    """Any thread may call it, except for `open`, which the owner calls once."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        will_topic: str,
        clock: Clock,
        on_message: Callable[[Incoming], None],
        on_end: Callable[[], object] = lambda: None,
        *,
        mqtt5: bool = True,
    ) -> None:
        """`on_message` is called on the network's thread and must not block, `on_end` when the
        connection has ended. Without a `will_topic` nobody is told when it is lost.

        Raises SettingsError for files that cannot be used.
        """
        # Loaded by sites with a broker only.
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self._settings = settings
        self._clock = clock
        self._mqtt5 = mqtt5
        self._on_message = on_message
        self._on_end = on_end
        self._changed = threading.Condition()
        self._connected = False
        self._ended = ""
        """Why, once it has."""
        self._reached = False
        """Whether connection and TLS stand."""
        self._answered = False
        """Whether the broker has said anything."""
        self._listens = False
        """Whether it has answered the subscriptions."""
        self._refusal: int = 0
        self._acknowledged: OrderedDict[int, int] = OrderedDict()
        """Reasons by the number of the message."""
        self.errors = 0
        """Errors in callbacks."""
        self._client: Client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if mqtt5 else True,
            reconnect_on_failure=False,
        )
        client = self._client
        client.connect_timeout = CONNECT_S
        client.max_queued_messages_set(MOST_QUEUED)
        if will_topic:
            client.will_set(will_topic, OFFLINE, qos=1, retain=True)
        if settings.user:
            client.username_pw_set(settings.user, broker_password(settings))
        if settings.tls:
            client.tls_set_context(broker_tls(settings))
        client.on_connect = self._guarded(self._connect_answered)
        client.on_disconnect = self._guarded(self._disconnected)
        client.on_publish = self._guarded(self._published)
        client.on_subscribe = self._guarded(self._subscribed)
        client.on_message = self._guarded(self._received)
        # With it, a message is written by the network's thread alone; two that write mix them up.
        client.on_socket_register_write = lambda *_: None
        self._thread = threading.Thread(target=self._run, name="mqtt-network", daemon=True)

    def open(self, within_s: float = CONNECT_S) -> None:
        """Connect. Raises BrokerAway, and OldBroker where MQTT 3.1.1 is worth a try."""
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._ended, within_s)
            if self._connected and not self._ended:
                return
            why = self._ended or f"no answer within {within_s:.0f} s"
            old = self._mqtt5 and (
                self._refusal == _WRONG_VERSION or (self._reached and not self._answered)
            )
        self.close()
        raise (OldBroker if old else BrokerAway)(why)

    @property
    def alive(self) -> bool:
        """Whether it is connected and its thread runs."""
        with self._changed:
            return self._connected and not self._ended and self._thread.is_alive()

    @property
    def why(self) -> str:
        """Why it ended."""
        with self._changed:
            return self._ended or "the thread of the connection has died"

    def subscribe(self, topics: Collection[str]) -> None:
        """Take messages of `topics`, none of them retained; wait for the broker's answer.

        Topics that it refuses are logged. Raises BrokerAway.
        """
        from paho.mqtt.subscribeoptions import SubscribeOptions

        if self._mqtt5:
            options = SubscribeOptions(
                qos=1,
                noLocal=True,
                retainAsPublished=True,
                retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND,
            )
            self._client.subscribe([(topic, options) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])
        with self._changed:
            self._changed.wait_for(lambda: self._listens or self._ended, ACKNOWLEDGE_S)
            if not self._listens:
                raise BrokerAway(self._ended or "subscriptions are not answered")

    def publish(self, message: Outgoing) -> int:
        """Send `message` without waiting for the broker; its number. Raises BrokerAway, after which
        it may or may not arrive."""
        if not self.alive:
            raise BrokerAway(self.why)
        info = self._client.publish(
            message.topic,
            message.payload.encode(),
            qos=1,
            retain=message.retain,
            properties=self._properties(message),
        )
        if info.rc:
            self._end(f"a message cannot be sent: {info.rc.name}")
            raise BrokerAway(self.why)
        return info.mid

    def deliver(self, message: Outgoing) -> tuple[SendOutcome, str]:
        """Send `message` and wait until the broker confirms it."""
        try:
            number = self.publish(message)
        except BrokerAway as error:
            return SendOutcome.FAILED, str(error)
        with self._changed:
            self._changed.wait_for(
                lambda: number in self._acknowledged or self._ended, ACKNOWLEDGE_S
            )
            reason = self._acknowledged.pop(number, None)
            ended = self._ended
        if reason is None:
            return SendOutcome.FAILED, ended or f"not confirmed within {ACKNOWLEDGE_S:.0f} s"
        if reason in _NOT_SERVED:
            return SendOutcome.UNKNOWN, f"the broker refuses it with reason 0x{reason:02x}"
        if reason >= 0x80:
            return SendOutcome.FAILED, f"the broker refuses it with reason 0x{reason:02x}"
        return SendOutcome.ACCEPTED, ""

    def close(self, farewell: Outgoing | None = None) -> None:
        """Send `farewell` if that is possible, disconnect, and wait for the thread a little."""
        if farewell is not None and self.alive:
            self.deliver(farewell)
        self._end("closed")
        if self._thread.ident is not None:
            self._client.disconnect()
            self._thread.join(2.0)

    # the network's thread

    def _run(self) -> None:
        from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY

        host, port = self._settings.address
        why = "the broker ended the connection"
        try:
            self._client.connect(
                host,
                port,
                KEEPALIVE_S,
                clean_start=True if self._mqtt5 else MQTT_CLEAN_START_FIRST_ONLY,
                properties=self._connect_properties(),
            )
            with self._changed:
                self._reached = True
            while not self._client.loop(LOOP_S):
                pass
        except Exception as error:  # noqa: BLE001 - whatever a broker sends ends this connection only
            why = str(error) or type(error).__name__
        self._end(why)

    def _connect_properties(self) -> Any:
        if not self._mqtt5:
            return None
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # has none
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = LARGEST_PACKET
        properties.ReceiveMaximum = MOST_UNANSWERED
        return properties

    def _properties(self, message: Outgoing) -> Any:
        if not self._mqtt5 or message.correlation is None:
            return None
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # has none
        properties.CorrelationData = message.correlation
        return properties

    def _guarded(self, callback: Callable[P, None]) -> Callable[P, None]:
        def guarded(*args: P.args, **named: P.kwargs) -> None:
            try:
                callback(*args, **named)
            except Exception as error:  # noqa: BLE001 - it would end the network's thread unseen
                self.errors += 1
                log.error("a message of the broker is skipped", why=repr(error))  # noqa: TRY400

        return guarded

    def _connect_answered(self, _c: Client, _u: Any, _flags: Any, reason: Any, *_: Any) -> None:
        with self._changed:
            self._answered = True
            if reason.is_failure:
                self._refusal = reason.value
            else:
                self._connected = True
            self._changed.notify_all()
        if reason.is_failure:
            self._end(f"the broker refuses the connection: {reason}")

    def _disconnected(self, _c: Client, _u: Any, _flags: Any, reason: Any, *_: Any) -> None:
        self._end(f"the connection ended: {reason}")

    def _published(self, _c: Client, _u: Any, number: int, reason: Any, *_: Any) -> None:
        with self._changed:
            self._acknowledged[number] = reason.value
            while len(self._acknowledged) > _MOST_ACKNOWLEDGED:
                self._acknowledged.popitem(last=False)
            self._changed.notify_all()

    def _subscribed(self, _c: Client, _u: Any, _mid: int, reasons: Any, *_: Any) -> None:
        with self._changed:
            self._listens = True
            self._changed.notify_all()
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.warning("the broker refuses subscriptions: commands do not arrive", why=refused[0])

    def _received(self, _c: Client, _u: Any, message: MQTTMessage) -> None:
        given: Mapping[str, Any] = vars(message.properties) if message.properties else {}
        self._on_message(
            Incoming(
                message.topic,
                bytes(message.payload),
                self._clock.monotonic_ns() / 1e9,
                message.retain,
                message.dup,
                given.get("CorrelationData"),
                given.get("ResponseTopic", ""),
            )
        )

    def _end(self, why: str) -> None:
        with self._changed:
            self._ended = self._ended or why
            self._changed.notify_all()
        self._on_end()


def broker_password(settings: MqttSettings) -> str | None:
    """The content of `password_file`, None without one. Raises SettingsError."""
    path = settings.password_file
    if path is None:
        return None
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"mqtt.password_file {path} is open to others: chmod 600 {path}")
        return read_whole(path, _LARGEST_PASSWORD).decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"mqtt.password_file {path} cannot be read: {reason}") from None


def broker_tls(settings: MqttSettings) -> ssl.SSLContext:
    """Checks the broker's certificate, and shows this device's. Raises SettingsError."""
    named = {"ca_file": settings.ca_file, "certificate": settings.certificate, "key": settings.key}
    context = ssl.create_default_context()
    try:
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        if settings.certificate is not None:
            # A key with a passphrase would ask for it at the terminal.
            context.load_cert_chain(settings.certificate, settings.key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        files = ", ".join(f"{key} {path}" for key, path in named.items() if path)
        raise SettingsError(f"mqtt: {files} cannot be used: {error}") from None
    return context


def _no_passphrase() -> str:
    raise ValueError("the key must have no passphrase")
