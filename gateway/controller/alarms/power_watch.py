"""The contacts of the power supply: faults, not alarms, since the API has no cause for them."""

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
    InputKind.UNDER_VOLTAGE: "the supply voltage is too low",
}


class PowerWatch(Component):
    """Reports the contacts of the power supply as faults."""

    def __init__(self, power: Power, faults: Faults) -> None:
        self._contacts = {InputKind(name): contact for name, contact in power.contacts()}
        self._faults = faults

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        del now_ms
        match event:
            case InputLevel(name=InputName(kind=kind), high=high) if kind in POWER_INPUTS:
                self.level(kind, high=high)

    def level(self, kind: InputKind, *, high: bool) -> None:
        """Take the level of the contact `kind`."""
        active = high is (self._contacts[kind].idle is Level.LOW)
        self._faults.report(POWER, kind.value, _WORDS[kind] if active else None)
