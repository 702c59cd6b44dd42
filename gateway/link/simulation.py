"""The message that drives the simulated board."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.link.values import LinkMessage


class Simulate(LinkMessage):
    """Drive the simulated board at pin and byte level; refused on a real board."""

    kind: Literal["simulate"] = "simulate"
    verb: Literal[
        "swipe",
        "key",
        "frame",
        "qr",
        "tag",
        "type",
        "present",
        "remove",
        "door",
        "rex",
        "zone",
        "tamper",
        "fire",
        "mains_fail",
        "battery_low",
        "under_voltage",
        "clock",
        "unplug",
        "plug",
        "turn",
        "osdp",
        "adc",
        "state",
    ]
    reader: str | None = None
    door: str | None = None
    zone: int | None = None
    adc: str | None = None
    channel: Annotated[int, Field(ge=0, le=7)] = 0
    value: str | None = None
    """Card number, keys, bits, text, tag or serial number (hexadecimal), contact state (`open`,
    `closed`, `active`, `idle`, `on`, `off`), state of a loop (`cut`, `shorted`, ohms),
    direction of a turn or ISO time."""
    format: str | None = None
    hold: str | None = None
    """Seconds that a tag stays in the field."""
    pulse_us: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Width of the pulses of a frame."""
