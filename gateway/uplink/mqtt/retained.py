"""What this device has the broker retain: published on change, and cleared when it is no more."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Protocol

import structlog

from gateway.errors import StorageError
from gateway.uplink.mqtt.connection import Outgoing
from gateway.uplink.mqtt.discovery import components_of

log = structlog.get_logger("mqtt")

Components = Mapping[str, str]
"""Id -> platform, of a message of Home Assistant's discovery; empty for any other."""


class TopicMemory(Protocol):
    """Remembers topics that the broker holds, over a restart. Methods raise StorageError."""

    def read(self) -> dict[str, dict[str, str]]:
        """Topic -> the components that its message describes."""

    def keep(self, topics: Mapping[str, Components]) -> None: ...

    def forget(self, topic: str) -> None: ...


class MessageSink(Protocol):
    """Takes messages for the broker. Raises BrokerAway."""

    def publish(self, message: Outgoing) -> int: ...


class RetainedPublisher:
    """The retained messages of one device. Not thread-safe."""

    def __init__(self, memory: TopicMemory) -> None:
        self._memory = memory
        self._published: dict[str, str] = {}
        """What the broker was given and must still have."""
        self._known: dict[str, Components] | None = None
        """What the broker may hold, from this start or an earlier one; None before it was read."""

    def forget_published(self) -> None:
        """Everything is published again: the broker, or who listens, may have lost it."""
        self._published.clear()

    def has_published(self, topic: str) -> bool:
        return topic in self._published

    def publish(self, sink: MessageSink, wanted: Mapping[str, str]) -> None:
        """Publish what differs from what the broker has."""
        for topic, payload in wanted.items():
            if self._published.get(topic) != payload:
                sink.publish(Outgoing(topic, payload, retain=True))
                self._published[topic] = payload

    def describe(self, sink: MessageSink, configs: Mapping[str, Mapping[str, Any]]) -> None:
        """Publish Home Assistant's configurations where they differ from what the broker has.

        Home Assistant keeps an entity that a later configuration leaves out, unless one before it
        has nothing but its platform.
        """
        for topic, config in configs.items():
            payload = json.dumps(config, separators=(",", ":"))
            if self._published.get(topic) == payload:
                continue
            components = components_of(config)
            known = self._recall().get(topic, {})
            gone = {name: {"platform": known[name]} for name in known if name not in components}
            if gone:
                last = {**config, "components": {**config["components"], **gone}}
                sink.publish(Outgoing(topic, json.dumps(last), retain=True))
            sink.publish(Outgoing(topic, payload, retain=True))
            self._published[topic] = payload
            if known != components:
                self._keep({topic: components})

    def clear_others(self, sink: MessageSink, wanted: Collection[str]) -> None:
        """Clear every known topic that is not in `wanted`."""
        known = self._recall()
        for topic in [topic for topic in known if topic not in wanted]:
            sink.publish(Outgoing(topic, "", retain=True))
            self._published.pop(topic, None)
            self._forget(topic)
        self._keep({topic: {} for topic in wanted if topic not in known})

    def _recall(self) -> dict[str, Components]:
        if self._known is None:
            try:
                self._known = dict(self._memory.read())
            except StorageError as error:
                log.warning("topics of the last start are not known", why=str(error))
                self._known = {}
        return self._known

    def _keep(self, topics: Mapping[str, Components]) -> None:
        self._recall().update(topics)
        if topics:
            try:
                self._memory.keep(topics)
            except StorageError as error:
                log.warning("topics are not cleared after a restart", why=str(error))

    def _forget(self, topic: str) -> None:
        self._recall().pop(topic)
        with suppress(StorageError):  # it is cleared once more at the next start
            self._memory.forget(topic)
