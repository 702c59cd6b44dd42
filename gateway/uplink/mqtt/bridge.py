"""The thread that keeps a connection to the broker, publishes state, and carries out commands."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.link.messages import ControllerStatus
from gateway.settings import MqttSettings, SiteFile
from gateway.threads import OwnedThread
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.mqtt.connection import BrokerAway, BrokerConnection, OldBroker, Outgoing
from gateway.uplink.mqtt.discovery import BridgeIdentity, discovery_messages
from gateway.uplink.mqtt.guards import (
    BrokerCommand,
    CommandGuard,
    CommandOutcome,
    Incoming,
    Stopped,
)
from gateway.uplink.mqtt.orders import command_targets
from gateway.uplink.mqtt.retained import RetainedPublisher, TopicMemory
from gateway.uplink.mqtt.state import away_messages, diagnosis, state_messages
from gateway.uplink.mqtt.topics import OFFLINE, ONLINE, Topics

REFRESH_S = 0.1
"""Shortest time between two looks at the controller's state."""
AWAY_S = 1.0
"""Between two looks for a controller that does not answer."""
DIAGNOSIS_S = 10.0
"""Shortest time between two messages on `diag`."""
MOST_WAITING = 100
"""Commands that wait to be looked at."""
BIRTH_WAIT_S = 5.0
"""Home Assistant has started: everything is published again within so long."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 30.0
"""A connection that lasted for so long was a good one."""
LOG_S = 60.0
"""Shortest time between two lines about commands that were stopped for the same reason."""
_LONGEST_TOPIC = 256

log = structlog.get_logger("mqtt")


class BridgedDevice(Protocol):
    """What the bridge knows of the device."""

    def status(self) -> ControllerStatus | None:
        """The controller's state, None while it is away."""

    def utc_s(self) -> float | None:
        """Unix seconds, None while the clock is not trusted."""

    def run(self, command: BrokerCommand) -> None:
        """Carry out `command`. Raises GatewayError."""

    def backlogs(self) -> Mapping[str, int]:
        """What waits for each destination."""


class MqttBridge(OwnedThread):
    """One device at one broker. `close` says `offline` and disconnects; `wake` says that the state
    may have changed."""

    close_s = 3.0

    def __init__(
        self,
        settings: MqttSettings,
        site: SiteFile,
        identity: BridgeIdentity,
        device: BridgedDevice,
        memory: TopicMemory,
        clock: Clock,
    ) -> None:
        super().__init__("mqtt")
        self.topics = Topics(settings.prefix, identity.device_id)
        self._settings = settings
        self._site = site
        self._identity = identity
        self._device = device
        self._clock = clock
        self.on_connected: Callable[[], object] = lambda: None
        """Called on the thread after each connection; set before the start."""
        self._targets = command_targets(self.topics, site) if settings.commands else {}
        self._birth = f"{settings.discovery_prefix}/status" if settings.discovery else ""
        self._described = (
            discovery_messages(self.topics, site, identity, settings) if settings.discovery else {}
        )
        self.guard = CommandGuard(
            require_at=settings.require_at, allow_unlock=settings.allow_unlock
        )
        self._waiting: deque[Incoming] = deque()
        self._connection: BrokerConnection | None = None
        self._why = "not connected yet"
        self._retained = RetainedPublisher(memory)
        self._state: dict[str, str] = {}
        self._complete = False
        """Whether the controller has answered, so that `_state` has every topic."""
        self._away = False
        """Whether the controller does not answer."""
        self._diagnosed_s = -DIAGNOSIS_S
        self._again_s: float | None = None
        """When everything is published again."""
        self._logged_s: dict[CommandOutcome, float] = {}

    def deliver(self, message: Outgoing) -> tuple[SendOutcome, str]:
        """Send a message and wait for the broker's confirmation."""
        connection = self._connection
        if connection is None:
            return SendOutcome.FAILED, self._why
        return connection.deliver(message)

    # the thread

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began_s = self._now_s()
            try:
                self._session()
            except GatewayError as error:
                self._lost(str(error))
            except Exception as error:  # noqa: BLE001 - the next connection may do better
                self._lost(repr(error))
            failures = 1 if self._now_s() - began_s > STEADY_S else failures + 1
            longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 10))
            jitter = random.random()  # noqa: S311 - spreads load, keeps no secret
            self._stop.wait(longest_s * (1 + jitter) / 2)

    def _lost(self, why: str) -> None:
        if why != self._why and not self._stop.is_set():
            log.warning("no connection to the broker", broker=self._settings.shown, why=why)
        self._why = why

    def _session(self) -> None:
        """One connection, to its end. Raises BrokerAway, SettingsError."""
        connection = self._connect()
        self._retained.forget_published()
        self._waiting.clear()  # of the connection before
        self._complete = False
        try:
            self._retained.publish(connection, {self.topics.status: ONLINE})
            topics = [*self._targets, *filter(None, [self._birth])]
            if topics:
                connection.subscribe(topics)
            self._connection = connection
            log.info("connected to the broker", broker=self._settings.shown)
            self._why = ""
            self.on_connected()
            while not self._stop.is_set():
                self._wake.clear()
                if not connection.alive:
                    raise BrokerAway(connection.why)
                self._carry_out(connection)
                self._refresh(connection)
                self._wake.wait(self._idle_s())
                # Many things may happen at once; commands do not wait for it.
                if not self._waiting:
                    self._stop.wait(REFRESH_S)
        finally:
            self._connection = None
            farewell = Outgoing(self.topics.status, OFFLINE, retain=True)
            connection.close(farewell if self._stop.is_set() else None)

    def _idle_s(self) -> float:
        """How long nothing is to be done unless something happens."""
        now_s = self._now_s()
        due_s = now_s + AWAY_S if self._away else self._diagnosed_s + DIAGNOSIS_S
        if self._again_s is not None:
            due_s = min(due_s, self._again_s)
        return max(0.0, due_s - now_s)

    def _connect(self) -> BrokerConnection:
        try:
            return self._opened(mqtt5=True)
        except OldBroker:
            log.info("the broker does not speak MQTT 5; trying 3.1.1")
            return self._opened(mqtt5=False)

    def _opened(self, *, mqtt5: bool) -> BrokerConnection:
        connection = BrokerConnection(
            self._settings,
            f"gateway-{self._identity.device_id}",
            self.topics.status,
            self._clock,
            self._received,
            self._wake.set,
            mqtt5=mqtt5,
        )
        connection.open()
        return connection

    def _received(self, incoming: Incoming) -> None:
        if incoming.topic == self._birth:
            if incoming.payload == ONLINE.encode() and not incoming.retain:
                wait_s = BIRTH_WAIT_S * random.random()  # noqa: S311 - spreads load
                self._again_s = self._now_s() + wait_s
                self._wake.set()
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append(incoming)
            self._wake.set()
        else:
            self.guard.counts[CommandOutcome.FLOODED] += 1

    # commands

    def _carry_out(self, connection: BrokerConnection) -> None:
        while self._waiting and not self._stop.is_set():
            incoming = self._waiting.popleft()
            target = self._targets.get(incoming.topic)
            if target is None or not incoming.payload:  # what was cleared comes back empty
                continue
            found = self.guard.judge(incoming, target, self._now_s(), self._device.utc_s())
            if isinstance(found, BrokerCommand):
                self._run_command(connection, incoming, found)
                continue
            self._note(incoming, found)
            if found.outcome is CommandOutcome.RETAINED:
                connection.publish(Outgoing(incoming.topic, "", retain=True))
            if found.answered:
                self._answer(connection, incoming, {"id": found.id}, found.why)

    def _run_command(
        self, connection: BrokerConnection, incoming: Incoming, command: BrokerCommand
    ) -> None:
        why = ""
        try:
            self._device.run(command)
        except GatewayError as error:
            why = str(error)
        self.guard.counts[CommandOutcome.FAILED if why else CommandOutcome.DONE] += 1
        self._answer(connection, incoming, {"id": command.id, "do": command.do}, why)

    def _answer(
        self, connection: BrokerConnection, incoming: Incoming, about: Mapping[str, str], why: str
    ) -> None:
        topic = self.topics.reply(incoming.topic)
        wanted = incoming.response_topic
        # Below the usual topic only: nobody makes this device write where they may not.
        if wanted.startswith(f"{topic}/") and len(wanted) <= _LONGEST_TOPIC:
            topic = topic if set(wanted) & set("+#") else wanted
        answer = {**about, "ok": not why, **({"error": why} if why else {})}
        connection.publish(Outgoing(topic, json.dumps(answer), correlation=incoming.correlation))

    def _note(self, incoming: Incoming, stopped: Stopped) -> None:
        now_s = self._now_s()
        if now_s - self._logged_s.get(stopped.outcome, -LOG_S) >= LOG_S:
            self._logged_s[stopped.outcome] = now_s
            log.warning(
                "a command is not carried out",
                topic=incoming.topic,
                outcome=stopped.outcome.value,
                why=stopped.why,
                so_far=self.guard.counts[stopped.outcome],
            )

    # state

    def _refresh(self, connection: BrokerConnection) -> None:
        """Publish what has changed, all of it where the broker may have lost it."""
        now_s = self._now_s()
        if self._again_s is not None and now_s >= self._again_s:
            self._again_s = None
            self._retained.forget_published()
        status = self._device.status()
        if (status is None) is not self._away:
            self._away = status is None
            self._diagnosed_s = -DIAGNOSIS_S
        if status is None:
            self._state |= away_messages(self.topics, self._site)
        else:
            self._state = state_messages(self.topics, self._site, status)
            self._complete = True
        wanted = {self.topics.status: ONLINE, **self._state}
        figures = self.topics.of("diag")
        if now_s - self._diagnosed_s >= DIAGNOSIS_S or not self._retained.has_published(figures):
            self._diagnosed_s = now_s
            wanted[figures] = diagnosis(
                status, self._identity.version, self._device.backlogs(), self.counts()
            )
        self._retained.describe(connection, self._described)
        self._retained.publish(connection, wanted)
        if self._complete:
            self._retained.clear_others(connection, {*wanted, figures, *self._described})

    def counts(self) -> dict[str, int]:
        """Messages on command topics by what became of them."""
        return {outcome.value: self.guard.counts[outcome] for outcome in CommandOutcome}

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
