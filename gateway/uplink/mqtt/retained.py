"""What this device has the broker retain: published on change, and cleared when it is no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import structlog

from gateway.errors import StorageError
from gateway.uplink.mqtt.connection import Outgoing

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

    def clear_others(self, sink: MessageSink, wanted: Collection[str]) -> None:
        """Clear every known topic that is not in `wanted`."""
        try:
            if self._known is None:
                self._known = dict(self._memory.read())
            for topic in [topic for topic in self._known if topic not in wanted]:
                sink.publish(Outgoing(topic, "", retain=True))
                self._memory.forget(topic)
                del self._known[topic]
                self._published.pop(topic, None)
            new: dict[str, Components] = {topic: {} for topic in wanted if topic not in self._known}
            if new:
                self._memory.keep(new)
                self._known |= new
        except StorageError as error:
            log.warning("topics cannot be remembered; they are not cleared later", why=str(error))
