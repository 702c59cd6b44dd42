"""Events as a destination of the outbox: each is sent until the broker has confirmed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

import structlog

from gateway.settings import MqttSettings
from gateway.store.journal import CommittedEntry
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.monitor import Notification
from gateway.uplink.mqtt.connection import Outgoing
from gateway.uplink.mqtt.events import KINDS, EventTeller
from gateway.uplink.mqtt.topics import ONLINE, Topics
from gateway.uplink.outbox import Change

ALIVE_S = 30.0
"""Time between two messages that show whether the broker still answers."""

Deliver = Callable[[Outgoing], tuple[SendOutcome, str]]

log = structlog.get_logger("mqtt")


class MqttChannel:
    """Publishes the events of doors and device over the connection of the bridge."""

    name = "mqtt"
    kinds = KINDS
    tables: Collection[str] = ()
    alive_s = ALIVE_S
    probed = True
    held = None
    success_utc = 0

    def __init__(
        self, settings: MqttSettings, topics: Topics, teller: EventTeller, deliver: Deliver
    ) -> None:
        self._server = settings.shown
        self._topics = topics
        self._teller = teller
        self._deliver = deliver

    def configure(self) -> str | None:
        return self._server

    def told_of(self, entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        told = []
        for entry in entries:
            try:
                messages = [
                    Notification(self._event_topic(door), payload)
                    for door, payload in self._teller.events(entry)
                ]
            except (LookupError, TypeError, ValueError) as error:
                # Such an entry has no place in the log tables either; the others must go out.
                log.error("an entry is not sent", entry=entry.seq, why=repr(error))  # noqa: TRY400 - a line
                continue
            if messages:
                told.append((entry.seq, messages))
        return told

    def _event_topic(self, door: int) -> str:
        return self._topics.door(door, "event") if door else self._topics.of("event")

    def told_of_change(self, change: Change) -> Notification | None:
        del change
        return None

    def alive(self) -> Notification:
        return Notification(self._topics.status, {})

    def send(self, message: Notification) -> tuple[SendOutcome, str]:
        if message.topic == self._topics.status:
            return self._deliver(Outgoing(message.topic, ONLINE, retain=True))
        payload = json.dumps(message.body, ensure_ascii=False, separators=(",", ":"))
        return self._deliver(Outgoing(message.topic, payload))

    def abort(self) -> None:
        """A wait for the broker's confirmation ends by itself."""

    def close(self) -> None:
        """The connection is the bridge's."""
