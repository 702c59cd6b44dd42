"""The contacts of the power supply. The API has no cause for them: they are faults and set off no
alarm.
"""

from __future__ import annotations

from gateway.controller.alarms.faults import POWER, Faults
from gateway.controller.state.component import Component, Effect
from gateway.hardware.events import (
    POWER_INPUTS,
    HardwareEvent,
    InputKind,
    InputLevel,
    InputName,
)
from gateway.settings import Level, Power

_WORDS = {
    InputKind.MAINS_FAIL: "the mains has failed",
    InputKind.BATTERY_LOW: "the battery is low",
    InputKind.UNDER_VOLTAGE: "the supply is under its voltage",
}


class PowerWatch(Component):
    """Tells which contacts report a fault. The loop's thread alone uses it."""

    def __init__(self, power: Power, faults: Faults) -> None:
        self._contacts = {InputKind(name): contact for name, contact in power.contacts()}
        self._faults = faults

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        del now_ms
        match event:
            case InputLevel(name=InputName(kind=kind), high=high) if kind in POWER_INPUTS:
                self.level(kind, high=high)

    def level(self, kind: InputKind, *, high: bool) -> None:
        """The contact `kind` was read."""
        active = high is (self._contacts[kind].idle is Level.LOW)
        self._faults.tell(POWER, kind.value, _WORDS[kind] if active else None)
