"""`gpio_state`: the state of a wire of this site, by the vendor's pin number.

The numbers are those of models with relays of their own (iDFit, iDAccess): 0 to 4 are alarm zones 1
to 5, 5 and 6 the sensors of doors 1 and 2, 7 and 8 their buttons, 11 and 12 their relays, 13 the
tamper contact, 20 to 23 the Wiegand lines, taken as D0 and D1 of reader 1, then of reader 2
(unverified). 9 (alarm output) and 10 (LED of the sensor) have no wire here. Doors 3 and 4 have no
documented number, so they have none here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import TypedDict

from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import RequestModel
from gateway.errors import ControllerUnavailable, DeviceUnavailable, NotFound
from gateway.link.messages import ControllerStatus
from gateway.settings import (
    AdcInput,
    Input,
    Level,
    LockState,
    Pull,
    ReaderInput,
    SiteFile,
    WiegandReader,
)

_RELAY = "relay"
_NUMBERED_DOORS = 2
_NUMBERED_READERS = 2


class GpioRequest(RequestModel):
    """`gpio_state`: the vendor's number of a pin."""

    gpio: int


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire of the site."""

    pin: str
    """The vendor's name."""
    kind: str
    """As in `LineLevel.kind`, or `relay`."""
    number: int
    pull_up: bool = False


GpioAnswer = TypedDict(
    "GpioAnswer",
    {
        "pin": str,
        "enabled": int,
        "value": int,
        "idle": int,
        "in": int,
        "pullup": int,
        "notify": int,
        "notified": int,
    },
)
"""Answer to `gpio_state`."""


def gpio_state(call: Call[GpioRequest]) -> GpioAnswer:
    """The level, idle level, direction and enabled flag of one wire, by the vendor's pin number.

    `value` is the debounced level; `notify` and `notified` have no meaning here and are 0.
    """
    wire = _wires(call.context.site).get(call.request.gpio)
    if wire is None:
        raise NotFound(f"gpio {call.request.gpio}: no wire of this site has this number")
    enabled, idle_high = _settings(call.context, wire)
    return {
        "pin": wire.pin,
        "enabled": int(enabled),
        "value": int(_high(call.context.site, call.context.controller.status(), wire)),
        "idle": int(idle_high),
        "in": int(wire.kind != _RELAY),
        "pullup": int(wire.pull_up),
        "notify": 0,
        "notified": 0,
    }


def _wires(site: SiteFile) -> Mapping[int, Wire]:
    """The wires of the site by the vendor's number."""
    found = {zone.number - 1: _input("zone", "zone", zone.number, zone) for zone in site.zone}
    for door in site.door:
        if door.id > _NUMBERED_DOORS:
            continue
        if door.sensor is not None:
            found[4 + door.id] = _input("door_sensor", "door_sensor", door.id, door.sensor)
        if door.rex is not None:
            found[6 + door.id] = _input("button", "rex", door.id, door.rex)
        found[10 + door.id] = Wire(f"relay{door.id}", _RELAY, door.id)
    if site.tamper is not None:
        found[13] = Wire("tamper", "tamper", 0, pull_up=site.tamper.pull is Pull.UP)
    for reader in site.reader:
        if reader.index <= _NUMBERED_READERS and isinstance(reader, WiegandReader):
            before = reader.index - 1
            for line in (0, 1):
                # The driver pulls both lines up, so that those of an unplugged reader do not float.
                wire = Wire(f"w_in{before}_d{line}", f"wiegand_d{line}", reader.index, pull_up=True)
                found[20 + 2 * before + line] = wire
    return found


def _input(name: str, kind: str, number: int, wiring: Input | ReaderInput | AdcInput) -> Wire:
    return Wire(f"{name}{number}", kind, number, pull_up=wiring.pull is Pull.UP)


def _settings(context: CommandContext, wire: Wire) -> tuple[bool, bool]:
    """Whether the wire is enabled, and whether it is high at rest."""
    match wire.kind:
        case "zone":
            search = {"object": "alarm_zones", "where": {"alarm_zones": {"zone": wire.number}}}
            row = next(context.store.load(search).rows, {"enabled": 0, "active_level": 1})
            return row["enabled"] == 1, row["active_level"] == 0
        case "door_sensor":
            return _contact(context, f"door_sensor{wire.number}")
        case "rex":
            return _contact(context, f"buttonhole{wire.number}")
        case "relay":
            enabled = _on(context, "general", f"relay{wire.number}_enabled")
            return enabled, _relay_high(context.site, wire.number, LockState.LOCKED)
        case "tamper":
            contact = context.site.tamper
            idle_high = contact is not None and contact.idle is Level.HIGH
            return _on(context, "alarm", "device_violation_enabled"), idle_high
        case _:
            return True, True  # data lines are always enabled, and high while idle


def _contact(context: CommandContext, key: str) -> tuple[bool, bool]:
    return _on(context, "general", f"{key}_enabled"), _on(context, "general", f"{key}_idle")


def _on(context: CommandContext, module: str, key: str) -> bool:
    return context.setting(module, key) == "1"


def _high(site: SiteFile, status: ControllerStatus, wire: Wire) -> bool:
    """The level of the wire now. Raises DeviceUnavailable if the controller has not read it yet."""
    if wire.kind == _RELAY:
        for door in status.doors:
            if door.id == wire.number:
                state = LockState.UNLOCKED if door.unlocked else LockState.LOCKED
                return _relay_high(site, door.id, state)
    for level in status.levels:
        if (level.kind, level.number) == (wire.kind, wire.number):
            return level.high
    raise DeviceUnavailable(f"{wire.pin}: its level is not known yet")


def _relay_high(site: SiteFile, number: int, state: LockState) -> bool:
    return any(door.strike.level(state) for door in site.door if door.id == number)


COMMANDS = (
    Command(
        gpio_state,
        errors=(ControllerUnavailable, DeviceUnavailable, NotFound),
        example={"gpio": 11},
    ),
)
