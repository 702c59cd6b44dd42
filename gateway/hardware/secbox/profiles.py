"""Profiles of Modbus RTU modules: coils, inputs, and what drops the relays.

The data is in `hw/modules`; each file names its source document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import SettingsError
from gateway.settings import LockState, SecBox, SiteFile
from gateway.settings.profiles import load_checked, names_in

Word = Annotated[int, Field(ge=0, le=0xFFFF)]


class _ProfileTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PulseCommand(_ProfileTable):
    """A write to a coil (function 5) that switches a relay on for a limited time."""

    coil: Word
    """Address for relay 0; the other relays follow."""
    unit_ms: Annotated[int, Field(ge=1, le=10_000)]
    most_units: Annotated[int, Field(ge=1, le=0xFFFF)]

    def units(self, hold_ms: int) -> int:
        """Return the value for at least `hold_ms`, rounded up to units."""
        return min(max(1, -(-hold_ms // self.unit_ms)), self.most_units)


class Setup(_ProfileTable):
    """Holding registers to write at initialisation (function 6)."""

    register_: Annotated[Word, Field(alias="register")]
    count: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of consecutive registers."""
    value: Word
    why: str


class ModuleProfile(_ProfileTable):
    """One file of `hw/modules`."""

    name: str
    title: str
    source: str
    """The source document."""
    unverified: tuple[str, ...] = ()
    """Facts that were not verified on a module."""
    coils: Annotated[int, Field(ge=1, le=256)]
    inputs: Annotated[int, Field(ge=0, le=256)]
    closed: bool = True
    """Reading of a discrete input with a closed contact."""
    pulse: PulseCommand | None = None
    setup: tuple[Setup, ...] = ()
    silence_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """Time without a request after which the module switches its relays off; None for never."""

    def drops(self, box: SecBox) -> bool:
        """Return whether the relay of `box` drops when the line is cut."""
        pulsed = self.pulse is not None and box.switches_on(LockState.UNLOCKED)
        return self.silence_ms is not None or pulsed


def module_names() -> list[str]:
    """Return the names of all modules with a profile."""
    return names_in("modules")


def load_module(name: str) -> ModuleProfile:
    """Load the profile of the module `name`.

    Raises SettingsError that names the allowed modules, or the wrong key of the profile.
    """
    if name not in module_names():
        raise SettingsError(f"module: {name!r} has no profile (allowed: {module_names()})")
    return load_checked(ModuleProfile, "modules", name)


def module_problems(site: SiteFile) -> Iterator[str]:
    """Yield relays and inputs in the site file that the modules lack."""
    for box in site.sec_box:
        where = f"sec_box {box.name!r}"
        try:
            profile = load_module(box.module)
        except SettingsError as error:
            yield f"{where} {error}"
            continue
        if box.coil >= profile.coils:
            yield f"{where} relay: found {box.coil}, allowed: 0 to {profile.coils - 1}"
        for key, number in box.inputs().items():
            if number >= profile.inputs:
                allowed = f"0 to {profile.inputs - 1}" if profile.inputs else "none"
                yield f"{where} {key}: found input {number}, allowed: {allowed}"


def module_warnings(site: SiteFile) -> list[str]:
    """Return warnings about doors on modules when their line is cut or this device stops."""
    found = []
    for box in site.sec_box:
        profile = load_module(box.module)
        off = LockState.UNLOCKED if box.energised_to_lock else LockState.LOCKED
        where = f"sec_box {box.name!r}"
        if not profile.drops(box):
            found.append(
                f"{where}: this module keeps its relay when the line is cut or this device stops "
                f"dead: an opening that runs then has no end"
            )
        elif off is not box.on_fault:
            found.append(
                f"{where}: when the line is cut this module switches its relay off, which is "
                f"{off}; on_fault says {box.on_fault}"
            )
        if profile.silence_ms is not None and off is not box.on_stop:
            found.append(
                f"{where}: while this device is stopped this module switches its relay off, which "
                f"is {off}; on_stop says {box.on_stop}"
            )
        found += [f"{where}: {profile.title}: {text}" for text in profile.unverified]
    return found
