"""Maps a site's inputs to their pins, readers or converters, and pins to device names."""

from __future__ import annotations

from gateway.hardware.events import TURN_INPUTS, InputKind, InputName
from gateway.settings import AdcInput, Input, ReaderInput, SiteFile

InputWire = Input | ReaderInput | AdcInput


def input_wiring(site: SiteFile) -> dict[InputName, Input]:
    """Return the wiring of every input at a pin by its name."""
    return {name: wire for name, wire in _wiring(site).items() if isinstance(wire, Input)}


def reader_wiring(site: SiteFile) -> dict[InputName, ReaderInput]:
    """Return the wiring of every input at a reader by its name."""
    return {name: wire for name, wire in _wiring(site).items() if isinstance(wire, ReaderInput)}


def adc_wiring(site: SiteFile) -> dict[InputName, AdcInput]:
    """Return the wiring of every input at a converter by its name."""
    return {name: wire for name, wire in _wiring(site).items() if isinstance(wire, AdcInput)}


def _wiring(site: SiteFile) -> dict[InputName, InputWire]:
    wiring: dict[InputName, InputWire] = {}
    for door in site.door:
        if door.sensor:
            wiring[InputName(InputKind.DOOR_SENSOR, door.id)] = door.sensor
        if door.rex:
            wiring[InputName(InputKind.REX, door.id)] = door.rex
        if door.bond:
            wiring[InputName(InputKind.BOND, door.id)] = door.bond
    if site.turnstile:
        for side, name in TURN_INPUTS.items():
            wiring[name] = site.turnstile.way(side).turn
    wiring.update(_alarm_wiring(site))
    return wiring


def line_names(site: SiteFile) -> dict[int, str]:
    """Return the device name of each pin, such as `door front strike`. It always contains a space,
    which no reader's name does."""
    switched = {output.pin for _name, output in site.switches()}
    names = {}
    for pin, key in site.pins():
        plain = key.replace("'", "")
        kind = "output" if pin in switched else "input"
        names[pin] = plain if " " in plain else f"{plain} {kind}"
    return names


def _alarm_wiring(site: SiteFile) -> dict[InputName, InputWire]:
    """Return the inputs that belong to no door."""
    wiring: dict[InputName, InputWire] = {}
    for zone in site.zone:
        wiring[InputName(InputKind.ZONE, zone.number)] = zone
    if site.tamper:
        wiring[InputName(InputKind.TAMPER)] = site.tamper
    if site.fire:
        wiring[InputName(InputKind.FIRE)] = site.fire
    for reader in site.reader:
        if reader.tamper:
            wiring[InputName(InputKind.READER_TAMPER, reader.index)] = reader.tamper
    for key, contact in site.power.contacts():
        wiring[InputName(InputKind(key))] = contact
    return wiring
