"""Puts a site's relays at a declared level without the controller, and leaves them there.

A Raspberry Pi's kernel keeps an output as it was driven when its owner dies, so a strike may stay
unlocked and a siren go on. What is put here moves no line that has its level already, since a line
is claimed with its level. External modules drop their relays by themselves.
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
    """Which of a door's declared states is meant: `on_start`, `on_stop` or `on_fault`."""

    START = "start"
    STOP = "stop"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class SafeLine:
    """One output and the level that it is to have."""

    name: str
    """The key of the site file that names it."""
    pin: int
    high: bool
    state: str
    """What that level does: `locked`, `unlocked` or `off`."""

    def __str__(self) -> str:
        return f"{self.name}: pin {self.pin} {'high' if self.high else 'low'}, {self.state}"


def safe_lines(site: SiteFile, moment: DeclaredState) -> Iterator[SafeLine]:
    """Every output of `site` at its level of `moment`: locks first, then what sounds or shines,
    off: the lights and buzzers of readers would go on telling a grant."""
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
        yield SafeLine(name, output.pin, output.level(on=False), "off")


def put_safe(
    site: SiteFile, profile: BoardProfile, clock: Clock, runtime_dir: Path, moment: DeclaredState
) -> Iterator[tuple[SafeLine, str]]:
    """Claim each output with its level and leave it so; each line comes with why it failed.

    The reason is empty for a line that has its level; one that is busy or broken keeps no other
    from its own. Raises SettingsError for a site that this board cannot serve and
    DeviceUnavailable when its pins cannot be had, before any line is touched.
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
    """Whether an output keeps its level when its owner ends; None where the kernel does not tell.

    The driver's parameter is that of Linux 6.11 and of Raspberry Pi's kernels since 6.6;
    `dtparam=strict_gpiod` in config.txt clears it.
    """
    if profile.simulated:
        return True
    module = "pinctrl_rp1" if profile.chip == _RP1 else "pinctrl_bcm2835"
    try:
        found = (modules / module / "parameters/persist_gpio_outputs").read_text(encoding="ascii")
    except OSError:
        return None
    return found.strip() == "Y"


def _state(owner: Door | Turnstile, moment: DeclaredState) -> LockState:
    match moment:
        case DeclaredState.START:
            return owner.on_start
        case DeclaredState.STOP:
            return owner.on_stop
        case DeclaredState.FAULT:
            return owner.on_fault
