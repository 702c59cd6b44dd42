"""The states of all devices on the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.hardware.events import DeviceState, Health

NOT_OPEN_YET = "not open yet"

Counters = Callable[[], Mapping[str, int]]
"""Returns a device's counters by name."""


@dataclass(frozen=True, slots=True)
class Device:
    """The health of one reader, module or line."""

    name: str
    kind: str
    """The reader's kind, `sec_box`, `output` or `input`."""
    health: Health
    """A Wiegand reader is online without a fault: its lines do not show whether it is connected."""
    why: str
    """What is wrong; empty when online."""
    since_ns: int
    counters: Mapping[str, int] = field(default_factory=dict)
    """Counters by name."""

    @property
    def online(self) -> bool:
        """Whether the device is online or degraded."""
        return self.health is not Health.OFFLINE


class Devices:
    """The devices of a site in order of addition. Only the loop's thread uses it."""

    def __init__(self) -> None:
        self._known: dict[str, Device] = {}
        self._counters: dict[str, Counters] = {}

    def add(self, device: Device, counters: Counters | None = None) -> None:
        """Add `device`; `counters` returns its counters."""
        self._known[device.name] = device
        if counters is not None:
            self._counters[device.name] = counters

    def update(self, state: DeviceState) -> None:
        """Store the state of a known device."""
        self._known[state.device] = replace(
            self._known[state.device], health=state.health, why=state.why, since_ns=state.at_ns
        )

    def is_online(self, name: str) -> bool:
        """Return whether a known device is online or degraded."""
        return self._known[name].online

    def all(self) -> list[Device]:
        """Return all devices with their counters."""
        return [
            replace(device, counters=self._counters[name]()) if name in self._counters else device
            for name, device in self._known.items()
        ]
