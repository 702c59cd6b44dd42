"""`gpio_state`: the vendor's pin numbers, answered from the wires of this site.

The numbers are those of the models with relays of their own (iDFit, iDAccess): 0..4 alarm zones 1
to 5, 5..6 sensors of doors 1 and 2, 7..8 their buttons, 11..12 their relays, 13 the case's contact,
20..23 the Wiegand lines: taken as D0 and D1 of reader 1, then of reader 2 (unverified). 9 (alarm
output) and 10 (LED of the sensor) have no wire here. Doors 3 and 4 have no documented number, and
get none of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import TypedDict

from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import RequestModel
from gateway.errors import ControllerUnavailable, DeviceUnavailable, NotFound
from gateway.link.messages import ControllerStatus
from gateway.settings import Door, Input, Level, LockState, Pull, SiteFile, WiegandReader

_RELAY = "relay"


class GpioRequest(RequestModel):
    """`gpio_state`: the vendor's number of a pin."""

    gpio: int


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire of the site, as `gpio_state` names it."""

    pin: str
    """The name that is answered."""
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
    """Level, level at rest, direction and switch of one wire, by the vendor's pin number.

    `value` is the level as the controller takes it, bounces left out; `notify` and `notified` mean
    nothing here and are 0.
    """
    wire = _wire(call.context.site, call.request.gpio)
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


def _wire(site: SiteFile, gpio: int) -> Wire | None:
    for first, last, find in _RANGES:
        if first <= gpio <= last:
            return find(site, gpio - first)
    return None


def _zone(site: SiteFile, at: int) -> Wire | None:
    for zone in site.zone:
        if zone.number == at + 1:
            return _input(f"zone{zone.number}", "zone", zone.number, zone)
    return None


def _sensor(site: SiteFile, at: int) -> Wire | None:
    door = _door(site, at + 1)
    if door is None or door.sensor is None:
        return None
    return _input(f"door_sensor{door.id}", "door_sensor", door.id, door.sensor)


def _button(site: SiteFile, at: int) -> Wire | None:
    door = _door(site, at + 1)
    if door is None or door.rex is None:
        return None
    return _input(f"button{door.id}", "rex", door.id, door.rex)


def _relay(site: SiteFile, at: int) -> Wire | None:
    door = _door(site, at + 1)
    return None if door is None else Wire(f"relay{door.id}", _RELAY, door.id)


def _tamper(site: SiteFile, at: int) -> Wire | None:
    del at
    return None if site.tamper is None else _input("tamper", "tamper", 0, site.tamper)


def _data_line(site: SiteFile, at: int) -> Wire | None:
    index, line = at // 2 + 1, at % 2
    for reader in site.reader:
        if reader.index == index and isinstance(reader, WiegandReader):
            # The driver pulls both lines up, so that an unplugged reader's do not float.
            return Wire(f"w_in{index - 1}_d{line}", f"wiegand_d{line}", index, pull_up=True)
    return None


_RANGES: tuple[tuple[int, int, Callable[[SiteFile, int], Wire | None]], ...] = (
    (0, 4, _zone),
    (5, 6, _sensor),
    (7, 8, _button),
    (11, 12, _relay),
    (13, 13, _tamper),
    (20, 23, _data_line),
)
"""First and last number, and what finds the wire by its place between them."""


def _input(pin: str, kind: str, number: int, wiring: Input) -> Wire:
    return Wire(pin, kind, number, pull_up=wiring.pull is Pull.UP)


def _door(site: SiteFile, number: int) -> Door | None:
    return next((door for door in site.door if door.id == number), None)


def _settings(context: CommandContext, wire: Wire) -> tuple[bool, bool]:
    """Whether the wire is looked at, or driven, and whether it is high at rest."""
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
            return True, True  # data lines are always listened to, and high while nothing is sent


def _contact(context: CommandContext, key: str) -> tuple[bool, bool]:
    return _on(context, "general", f"{key}_enabled"), _on(context, "general", f"{key}_idle")


def _on(context: CommandContext, module: str, key: str) -> bool:
    return context.store.configuration({module: [key]}).get(module, {}).get(key) == "1"


def _high(site: SiteFile, status: ControllerStatus, wire: Wire) -> bool:
    """The level of the wire now. Raises DeviceUnavailable when it has not been read yet."""
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
