"""Tamper alarms of supervised wires: cut or shorted ones, whatever hangs at them, armed or not."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alarms.causes import AlarmCause
from gateway.alarms.register import AlarmSource
from gateway.alarms.zones import (
    EntryChanged,
    ZoneAlarmOn,
    ZoneEvent,
    ZoneInputLevel,
    ZoneSettings,
    ZoneSettingsChanged,
    ZoneState,
    step,
)
from gateway.controller.alarms.alarm_memory import AlarmMemory
from gateway.controller.state.component import Effect, Emit, InputAlarmChanged
from gateway.hardware.events import (
    HardwareEvent,
    InputKind,
    InputLevel,
    InputLost,
    InputName,
)
from gateway.hardware.wiring import adc_wiring
from gateway.settings import SiteFile

_OF_DOORS = (InputKind.DOOR_SENSOR, InputKind.REX)
_DISTURBED = True
"""The level that the machine of the wires takes as active."""


@dataclass(frozen=True, slots=True)
class WireWatchState:
    """Whether a disturbance is an alarm, and the machine of each input's wires."""

    enabled: bool
    wires: tuple[tuple[InputName, ZoneState], ...]


class WireWatch:
    """Feeds the machine of each supervised input's wires: disturbed is its active level."""

    def __init__(self, site: SiteFile, emit: Emit, memory: AlarmMemory) -> None:
        self._emit = emit
        self._parts = {name: f"wires of {_called(site, name)}" for name in adc_wiring(site)}
        on = {source.part for source in memory.on if source.cause is AlarmCause.TAMPER}
        self._wires = {
            name: ZoneState.initial(alarm=part in on) for name, part in self._parts.items()
        }
        self._settings = _settings(enabled=False)

    def watches(self, source: AlarmSource) -> bool:
        """Whether `source` is one of the wires."""
        return source.cause is AlarmCause.TAMPER and source.part in self._parts.values()

    def state(self) -> WireWatchState:
        return WireWatchState(self._settings.enabled, tuple(self._wires.items()))

    def restore(self, state: WireWatchState) -> None:
        self._settings = _settings(enabled=state.enabled)
        self._wires = dict(state.wires)

    def bind(self, now_ms: int, *, enabled: bool) -> None:
        """Take over whether disturbed wires are an alarm."""
        self._settings = _settings(enabled=enabled)
        for name in self._wires:
            self._feed(name, ZoneSettingsChanged(), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Take the wires of an input that are cut or shorted, or in order again. Silence of the
        converter, or a wrong resistance, says neither."""
        match event:
            case InputLevel(name=name) if name in self._wires:
                self._feed(name, ZoneInputLevel(high=not _DISTURBED), now_ms)
            case InputLost(name=name, tampered=True) if name in self._wires:
                self._feed(name, ZoneInputLevel(high=_DISTURBED), now_ms)

    def _feed(self, name: InputName, event: ZoneEvent, now_ms: int) -> None:
        transition = step(self._settings, self._wires[name], event, now_ms)
        self._wires[name] = transition.state
        door_id = name.number if name.kind in _OF_DOORS else 0
        for effect in transition.effects:
            if not isinstance(effect, EntryChanged):
                source = AlarmSource(effect.cause, door_id, self._parts[name])
                self._emit(InputAlarmChanged(source, isinstance(effect, ZoneAlarmOn)), now_ms)


def _settings(*, enabled: bool) -> ZoneSettings:
    return ZoneSettings(AlarmCause.TAMPER, enabled, active_high=_DISTURBED)


def _called(site: SiteFile, name: InputName) -> str:
    if name.kind in _OF_DOORS:
        door = next(it.name for it in site.door if it.id == name.number)
        return f"door {door} {'sensor' if name.kind is InputKind.DOOR_SENSOR else 'exit button'}"
    return {InputKind.TAMPER: "the case's contact", InputKind.FIRE: "the fire input"}.get(
        name.kind, str(name)
    )
