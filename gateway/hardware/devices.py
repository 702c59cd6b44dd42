"""How everything that hangs on the board is, kept for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.hardware.events import DeviceState, Health

NOT_OPEN_YET = "not open yet"

Counters = Callable[[], Mapping[str, int]]
"""What is counted at a device so far, by its name."""


@dataclass(frozen=True, slots=True)
class Device:
    """The health of one reader, module or line."""

    name: str
    kind: str
    """Of a reader its own; `output` or `input` of a line."""
    health: Health
    """A Wiegand reader counts as online while nothing speaks against it: its lines cannot tell
    whether it is there."""
    why: str
    """What is wrong; empty when online."""
    since_ns: int
    counters: Mapping[str, int] = field(default_factory=dict)
    """What is worth counting there, by its name; empty where nothing is."""

    @property
    def online(self) -> bool:
        """Whether it can be used at all."""
        return self.health is not Health.OFFLINE


class Devices:
    """The devices of a site in the order in which they were added. The loop's thread alone uses
    it."""

    def __init__(self) -> None:
        self._known: dict[str, Device] = {}
        self._counters: dict[str, Counters] = {}

    def add(self, device: Device, counters: Counters | None = None) -> None:
        """Know `device` from now on; `counters` tells what is counted there."""
        self._known[device.name] = device
        if counters is not None:
            self._counters[device.name] = counters

    def update(self, state: DeviceState) -> None:
        """Take note of how a known device is."""
        self._known[state.device] = replace(
            self._known[state.device], health=state.health, why=state.why, since_ns=state.at_ns
        )

    def is_online(self, name: str) -> bool:
        """Whether a known device can be used at all."""
        return self._known[name].online

    def all(self) -> list[Device]:
        """All of them, with what was counted."""
        return [
            replace(device, counters=self._counters[name]()) if name in self._counters else device
            for name, device in self._known.items()
        ]
