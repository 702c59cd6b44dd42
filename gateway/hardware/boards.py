"""Board profiles: which pins a board has, which it reserves, and what they do while it boots."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.credentials.wiegand import FORMATS
from gateway.errors import SettingsError
from gateway.settings import Input, LockState, Pull, Side, SiteFile, WiegandReader, describe

SIMULATED_PORT = "simulated"
"""The port, device or name of a reader that hangs on the simulated board."""

GpioNumber = Annotated[int, Field(ge=0, le=63)]


class BoardProfile(BaseModel):
    """One file of `hw/boards`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    backend: Literal["simulated", "lgpio"]
    chip: str | None = None
    """Label of the GPIO chip; only for `lgpio`."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{6}$")]
    """Raspberry Pi revision code, hexadecimal, from which the GPIO library takes its pin map."""
    pins: tuple[GpioNumber, ...]
    """GPIO numbers that a site may use."""
    boot_high: tuple[GpioNumber, ...] = ()
    """Pins that are high from power-up until they are claimed; all others are low."""
    fixed_pull_up: tuple[GpioNumber, ...] = ()
    """Pins with a pull-up resistor that cannot be switched off."""
    reserved: dict[GpioNumber, str] = {}
    """Pins that must not be used, with the reason."""
    notes: dict[GpioNumber, str] = {}
    """What a technician should know about a pin."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.backend == "lgpio") is (self.chip is None):
            raise ValueError("chip: the label is needed with backend lgpio, and only there")
        for key in ("boot_high", "fixed_pull_up", "notes"):
            unknown = sorted(set(getattr(self, key)) - set(self.pins))
            if unknown:
                raise ValueError(f"{key}: {unknown} are not in pins")
        both = sorted(set(self.reserved) & set(self.pins))
        if both:
            raise ValueError(f"reserved: {both} are in pins too")
        return self

    @property
    def simulated(self) -> bool:
        """True where pins are moved by `gateway sim` and not by wires."""
        return self.backend == "simulated"

    def boot_level(self, pin: int) -> bool:
        """The level (True = high) of a pin that nothing has claimed since power-up."""
        return pin in self.boot_high


def _boards() -> Traversable:
    """The folder of profiles: in the installed package, else in the source checkout."""
    package = resources.files("gateway")
    shipped = package / "_share" / "hw" / "boards"
    if shipped.is_dir():
        return shipped
    return Path(str(package)).parent / "hw" / "boards"


def board_names() -> list[str]:
    """Every board that has a profile."""
    names = [entry.name for entry in _boards().iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_profile(name: str) -> BoardProfile:
    """The profile of the board `name`.

    Raises SettingsError naming the allowed boards, or the key of the profile that is wrong.
    """
    if name not in board_names():
        raise SettingsError(f"site.board: {name!r} has no profile (allowed: {board_names()})")
    source = f"hw/boards/{name}.toml"
    try:
        data = tomllib.loads((_boards() / f"{name}.toml").read_text(encoding="utf-8"))
        profile = BoardProfile.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{source}: {describe(error)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{source} cannot be read: {error}") from error
    if profile.name != name:
        raise SettingsError(f"{source}: name is {profile.name!r}, the file says {name!r}")
    return profile


def check_site(profile: BoardProfile, site: SiteFile) -> None:
    """Refuse a site that this board or these drivers cannot serve.

    Touches no hardware. Raises SettingsError with every problem: pins that the board lacks or
    reserves, pulls that a board's resistor overrules, unknown Wiegand formats, a simulated port on
    a real board.
    """
    problems = [*_pin_problems(profile, site), *_pull_problems(profile, site)]
    problems += _reader_problems(profile, site)
    if problems:
        raise SettingsError("; ".join(problems))


def warnings(profile: BoardProfile, site: SiteFile) -> list[str]:
    """What works on this board but should be known, one sentence each."""
    found = []
    for door in site.door:
        pin = door.strike.pin
        if door.strike.level(LockState.UNLOCKED) is profile.boot_level(pin):
            level = door.strike.unlocked
            found.append(
                f"door {door.name!r}: pin {pin} is {level} while the board boots, and {level} "
                f"unlocks: the door is open from power-up until the controller runs"
            )
    if site.turnstile:
        ways = ((side, site.turnstile.way(side).relay) for side in Side)
        found += [
            f"turnstile {side}: pin {relay.pin} is {relay.unlocked} while the board boots, and "
            f"{relay.unlocked} unlocks: it turns from power-up until the controller runs"
            for side, relay in ways
            if relay.level(LockState.UNLOCKED) is profile.boot_level(relay.pin)
        ]
    found += [
        f"{name}: pin {output.pin} is {output.active} while the board boots, and {output.active} "
        f"sounds: it is heard from power-up until the controller runs"
        for name, output in site.sounders()
        if output.level(on=True) is profile.boot_level(output.pin)
    ]
    found += [
        f"{key}: pin {pin}: {profile.notes[pin]}"
        for pin, key in site.pins()
        if pin in profile.notes
    ]
    return found


def _pin_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for pin, key in site.pins():
        if pin in profile.reserved:
            yield f"{key}: pin {pin} is reserved: {profile.reserved[pin]}"
        elif pin not in profile.pins:
            allowed = ", ".join(str(number) for number in sorted(profile.pins))
            yield f"{key}: {profile.title} has no pin {pin} (allowed: {allowed})"


def _pull_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for key, wired in _inputs(site):
        if wired.pin in profile.fixed_pull_up and wired.pull is not Pull.UP:
            yield (
                f"{key}: pull is {wired.pull!s}, but pin {wired.pin} has a fixed pull-up"
                f" (allowed: up)"
            )


def _inputs(site: SiteFile) -> Iterator[tuple[str, Input]]:
    for door in site.door:
        if door.sensor:
            yield f"door {door.name!r} sensor", door.sensor
        if door.rex:
            yield f"door {door.name!r} rex", door.rex
        if door.bond:
            yield f"door {door.name!r} bond", door.bond
    if site.turnstile:
        for side in Side:
            yield f"turnstile {side} turn", site.turnstile.way(side).turn
    for zone in site.zone:
        yield f"zone {zone.number}", zone
    yield from site.contacts()


def _reader_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for reader in site.reader:
        if isinstance(reader, WiegandReader):
            unknown = [name for name in reader.formats if name not in FORMATS]
            if unknown or not reader.formats:
                yield (
                    f"reader {reader.name!r} formats: found {list(reader.formats)},"
                    f" allowed: one or more of {sorted(FORMATS)}"
                )
        elif reader.place == SIMULATED_PORT and not profile.simulated:
            yield (
                f"reader {reader.name!r}: 'simulated' needs the simulated board,"
                f" here it is {profile.name!r} (allowed: what the reader really hangs on)"
            )
