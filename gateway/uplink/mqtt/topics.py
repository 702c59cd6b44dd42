"""The topics of one device."""

from __future__ import annotations

from dataclasses import dataclass

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"
UNKNOWN = "None"
"""What Home Assistant shows as unknown."""


@dataclass(frozen=True, slots=True)
class Topics:
    """`PREFIX/ID/...`; `reply` is the topic of the answers to commands sent to a topic."""

    prefix: str
    device_id: int

    @property
    def root(self) -> str:
        return f"{self.prefix}/{self.device_id}"

    def of(self, leaf: str) -> str:
        """A topic of the device itself."""
        return f"{self.root}/{leaf}"

    def door(self, door: int, leaf: str) -> str:
        return f"{self.root}/door/{door}/{leaf}"

    def zone(self, zone: int) -> str:
        return f"{self.root}/zone/{zone}"

    def reader(self, name: str) -> str:
        return f"{self.root}/reader/{name}/online"

    def last_read(self, reader: str) -> str:
        return f"{self.root}/reader/{reader}/last_read"

    @property
    def status(self) -> str:
        """Whether the device is connected: the topic of the will."""
        return self.of("status")

    @property
    def controller(self) -> str:
        """Whether the process that drives the doors answers."""
        return self.of("controller")

    @staticmethod
    def reply(command_topic: str) -> str:
        return f"{command_topic.removesuffix('/set')}/result"
