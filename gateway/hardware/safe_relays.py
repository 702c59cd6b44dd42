"""Drives a site's relays to their declared levels without the controller.

A Raspberry Pi's kernel keeps an output's level when its owner dies, so a strike may stay unlocked
and a siren on. Each line is claimed with its level, so a line that has it already does not move.
External modules drop their relays by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import DeviceUnavailable
from gateway.hardware.boards.profiles import BoardProfile, check_site
from gateway.hardware.factory import open_factory
from gateway.settings import Door, LockState, Side, SiteFile, Turnstile

KERNEL_MODULES = Path("/sys/module")
_RP1 = "pinctrl-rp1"
"""Label of the Raspberry Pi 5's chip."""


class DeclaredState(StrEnum):
    """One of a door's declared states: `on_start`, `on_stop` or `on_fault`."""

    START = "start"
    STOP = "stop"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class SafeLine:
    """One output and its safe level."""

    name: str
    """Its key in the site file."""
    pin: int
    high: bool
    state: str
    """The effect of the level: `locked`, `unlocked`, `on` or `off`."""

    def __str__(self) -> str:
        return f"{self.name}: pin {self.pin} {'high' if self.high else 'low'}, {self.state}"


def safe_lines(site: SiteFile, moment: DeclaredState) -> Iterator[SafeLine]:
    """Yield every output of `site` with its level of `moment`: locks first, then switched outputs.

    Lights of readers are off, so that none keeps showing a grant."""
    for door in site.door:
        state = _state(door, moment)
        name = f"door {door.name!r} {door.strike.called}"
        yield SafeLine(name, door.strike.pin, door.strike.level(state), state)
    if site.turnstile:
        state = _state(site.turnstile, moment)
        for side in Side:
            relay = site.turnstile.way(side).relay
            name = f"turnstile {site.turnstile.name!r} {side} relay"
            yield SafeLine(name, relay.pin, relay.level(state), state)
    for name, output in site.switches():
        on = output.declared(moment.value)
        yield SafeLine(name, output.pin, output.level(on=on), "on" if on else "off")


def put_safe(
    site: SiteFile, profile: BoardProfile, clock: Clock, runtime_dir: Path, moment: DeclaredState
) -> Iterator[tuple[SafeLine, str]]:
    """Claim each output with its level and release it; yields each line and why it failed.

    The reason is empty on success; a failing line does not stop the others. Raises SettingsError
    for a site that does not fit the board and DeviceUnavailable when the pins are not available,
    both before any line is touched.
    """
    check_site(profile, site)
    factory = open_factory(profile, clock, runtime_dir)
    try:
        for line in safe_lines(site, moment):
            try:
                factory.pin(line.pin).output_with_state(line.high)
            except DeviceUnavailable as error:
                yield line, str(error)
            else:
                yield line, ""
    finally:
        factory.close()


def keeps_outputs(profile: BoardProfile, modules: Path = KERNEL_MODULES) -> bool | None:
    """Return whether an output keeps its level when its owner exits; None if unknown.

    The driver has this parameter since Linux 6.11 and in Raspberry Pi's kernels since 6.6;
    `dtparam=strict_gpiod` in config.txt clears it.
    """
    if profile.simulated:
        return True
    try:
        found = (modules / kernel_module(profile) / "parameters/persist_gpio_outputs").read_text(
            encoding="ascii"
        )
    except OSError:
        return None
    return found.strip() == "Y"


def kernel_module(profile: BoardProfile) -> str:
    """The driver of the board's lines."""
    return "pinctrl_rp1" if profile.chip == _RP1 else "pinctrl_bcm2835"


def _state(owner: Door | Turnstile, moment: DeclaredState) -> LockState:
    match moment:
        case DeclaredState.START:
            return owner.on_start
        case DeclaredState.STOP:
            return owner.on_stop
        case DeclaredState.FAULT:
            return owner.on_fault
