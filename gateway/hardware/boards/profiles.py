"""Board profiles: pins, reserved pins and boot levels; checks a site against its board."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.credentials.wiegand import FORMATS
from gateway.errors import SettingsError
from gateway.hardware.boards.hats import Hats, reader_outputs, strikes_of
from gateway.hardware.boards.headers import Header, load_header
from gateway.hardware.secbox.profiles import module_problems, module_warnings
from gateway.hardware.usb.pcsc_names import name_problems
from gateway.settings import (
    BitReader,
    HidReader,
    Input,
    Level,
    LockState,
    OsdpReader,
    PcscReader,
    Pull,
    Side,
    SiteFile,
    WiegandReader,
)
from gateway.settings.addresses import SIMULATED_PORT
from gateway.settings.hats import load_hat
from gateway.settings.profiles import load_checked, names_in
from gateway.settings.refusals import closest


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Watchdog(_Fact):
    """The board's hardware watchdog."""

    device: str
    driver: str
    longest_s: Annotated[int, Field(ge=1)]
    """Longest time-out."""


class SerialPort(_Fact):
    """A serial port on the header."""

    device: str
    what: str
    config: tuple[str, ...]
    """Lines that config.txt needs for the port."""


class BoardProfile(_Fact):
    """One file of `hw/boards`."""

    name: str
    title: str
    backend: Literal["simulated", "gpiod"]
    header: Header
    """The file names one of `hw/headers`."""
    models: tuple[str, ...] = ()
    """Names of the board in the device tree, without the revision."""
    chip: str | None = None
    """Label of the GPIO chip; only for `gpiod`."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{6}$")]
    """Raspberry Pi revision code, hexadecimal; the GPIO library's pin map depends on it."""
    config_sections: tuple[str, ...] = ()
    """Sections of config.txt for this board, in addition to `all`."""
    supply_a: float | None = None
    """Supply current needed at 5.1 V, USB devices included."""
    rtc: bool = False
    """The board has a battery clock."""
    watchdog: Watchdog | None = None
    serial: tuple[SerialPort, ...] = ()
    unverified: tuple[str, ...] = ()
    """Facts that were not verified on a board."""

    @field_validator("header", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return load_header(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.backend == "gpiod") is (self.chip is None):
            raise ValueError("chip: the label is needed with backend gpiod, and only there")
        if (self.backend == "gpiod") is (not self.models):
            raise ValueError("models: the names are needed with backend gpiod, and only there")
        return self

    @property
    def simulated(self) -> bool:
        """True for the simulated board, whose pins `gateway sim` controls."""
        return self.backend == "simulated"

    @property
    def pins(self) -> tuple[int, ...]:
        """GPIO numbers that a site may use, ascending."""
        free = (pin.gpio for pin in self.header.gpios if pin.reserved is None)
        return tuple(sorted(number for number in free if number is not None))

    def boot_level(self, pin: int) -> bool:
        """Return the level (True = high) of a pin from power-up until it is claimed."""
        found = self.header.pin_of(pin)
        return found is not None and found.boot is Level.HIGH


def board_names() -> list[str]:
    """Return the names of all boards with a profile."""
    return names_in("boards")


def load_profile(name: str) -> BoardProfile:
    """Load the profile of the board `name`.

    Raises SettingsError that names the allowed boards, or the wrong key of the profile.
    """
    if name not in board_names():
        raise SettingsError(_no_board(name))
    return load_checked(BoardProfile, "boards", name)


def _no_board(name: str) -> str:
    titles = {it: load_checked(BoardProfile, "boards", it).title for it in board_names()}
    # Compare the number first: by letters "Raspberry Pi 4" is nearer to "5" than to "4 Model B".
    number = re.search(r"\d", name)
    alike = {it: title for it, title in titles.items() if not number or number[0] in it}
    words = {word: it for it, title in alike.items() for word in (it, title)}
    near = words.get(closest(name, words) or "")
    known = ", ".join(f"{it!r} ({title})" for it, title in titles.items())
    meant = f"; did you mean {near!r}?" if near else ""
    return f"site.board: {name!r} has no profile (allowed: {known}){meant}"


def load_hats(site: SiteFile) -> Hats:
    """Load the modules in site.hats. Raises SettingsError as `load_hat` does."""
    return Hats([load_hat(name) for name in site.site.hats])


def check_site(profile: BoardProfile, site: SiteFile) -> None:
    """Raise SettingsError with every problem of `site_problems`."""
    problems = site_problems(profile, site)
    if problems:
        raise SettingsError("; ".join(problems))


_BUS_OF = {"/dev/spidev0.0": "SPI0", "/dev/spidev0.1": "SPI0", "/dev/i2c-1": "I2C1"}
"""The header's bus of each device of a converter."""


def bus_of(device: str) -> str:
    """The name of the header's bus with this device; empty for others."""
    return _BUS_OF.get(device, "")


def site_problems(profile: BoardProfile, site: SiteFile) -> list[str]:
    """Every problem of a site on this board, beginning with its place; touches no hardware.

    Problems are pins that the board lacks or reserves, pulls that a board resistor overrides,
    unknown Wiegand formats, a simulated port on a real board, one port for two devices, two names
    for one PC/SC reader, and conflicts with the add-on modules.
    """
    hats = load_hats(site)
    problems = [*_pin_problems(profile, site), *_pull_problems(profile, site)]
    problems += [*_reader_problems(profile, site), *hats.problems(site)]
    problems += _adc_problems(profile, site)
    return [*problems, *_module_problems(profile, site)]


def warnings(profile: BoardProfile, site: SiteFile) -> list[str]:
    """Return warnings about a site that works on this board, one sentence each.

    Raises SettingsError for a module without a profile.
    """
    hats = load_hats(site)
    found = [*_open_at_boot(profile, site), *_sounding_at_boot(profile, site)]
    found += [
        *_lit_at_boot(profile, site),
        *_energised_at_boot(profile, hats, site),
        *hats.warnings(site, simulated=profile.simulated),
    ]
    for number, key in site.pins():
        pin = profile.header.pin_of(number)
        if pin and pin.note:
            found.append(f"{key}: pin {number}: {pin.note}")
    return found + module_warnings(site)


def _open_at_boot(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for door in site.door:
        pin = door.strike.pin
        if door.strike.level(LockState.UNLOCKED) is profile.boot_level(pin):
            level = door.strike.unlocked
            yield (
                f"door {door.name!r}: pin {pin} is {level} while the board boots, and {level} "
                f"unlocks: the door may be open from power-up until the controller runs (measure); "
                f"{_sooner(pin, door.strike.locked)}"
            )
    if site.turnstile:
        for side in Side:
            relay = site.turnstile.way(side).relay
            if relay.level(LockState.UNLOCKED) is profile.boot_level(relay.pin):
                yield (
                    f"turnstile {side}: pin {relay.pin} is {relay.unlocked} while the board boots, "
                    f"and {relay.unlocked} unlocks: it may turn from power-up until the controller "
                    f"runs (measure); {_sooner(relay.pin, relay.locked)}"
                )


def _sounding_at_boot(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for name, output in site.loads():
        if output.level(on=True) is profile.boot_level(output.pin):
            off = Level.LOW if output.active is Level.HIGH else Level.HIGH
            yield (
                f"{name}: pin {output.pin} is {output.active} while the board boots, and "
                f"{output.active} switches it on: it may sound from power-up until the controller "
                "runs (measure); "
                f"{_sooner(output.pin, off)}"
            )


def _lit_at_boot(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for key, output in reader_outputs(site):
        if output.level(on=True) is profile.boot_level(output.pin):
            off = Level.LOW if output.active is Level.HIGH else Level.HIGH
            yield (
                f"{key}: pin {output.pin} is {output.active} while the board boots: it may be on "
                f"from power-up until the controller runs (measure); {_sooner(output.pin, off)}"
            )


def _energised_at_boot(profile: BoardProfile, hats: Hats, site: SiteFile) -> Iterator[str]:
    """Yield relays that may switch during boot while their door stays locked."""
    for key, strike in strikes_of(site):
        driven = hats.relay_at(strike.pin)
        if driven is None or strike.unlocked is driven.active:
            continue  # _open_at_boot reports that case
        if profile.boot_level(strike.pin) is not (driven.active is Level.HIGH):
            continue
        yield (
            f"{key}: pin {strike.pin} is {driven.active} while the board boots, which may energise "
            f"the relay (measure) and lock before the controller runs"
        )


def _sooner(pin: int, level: Level) -> str:
    """Return how to set the pin's level before this program starts."""
    drive = "dh" if level is Level.HIGH else "dl"
    pull = "up" if level is Level.HIGH else "down"
    return (
        f"`gpio={pin}=op,{drive}` in config.txt sets it seconds earlier; a resistor that pulls the"
        f" relay input {pull} sets it from power-up"
    )


def _pin_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for pin, key in site.pins():
        found = profile.header.pin_of(pin)
        if found and found.reserved:
            yield f"{key}: pin {pin} is reserved: {found.reserved}"
        elif found is None:
            allowed = ", ".join(str(number) for number in profile.pins)
            yield f"{key}: {profile.title} has no pin {pin} (allowed: {allowed})"


def _pull_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for key, wired in _inputs(site):
        found = profile.header.pin_of(wired.pin)
        if found and found.fixed_pull_up and wired.pull is not Pull.UP:
            yield (
                f"{key}: pull is {wired.pull!s}, but pin {wired.pin} has a fixed pull-up"
                f" (allowed: up)"
            )


def _inputs(site: SiteFile) -> Iterator[tuple[str, Input]]:
    for door in site.door:
        for key in ("sensor", "rex", "bond"):
            wired = getattr(door, key)
            if isinstance(wired, Input):
                yield f"door {door.name!r} {key}", wired
    if site.turnstile:
        for side in Side:
            yield f"turnstile {side} turn", site.turnstile.way(side).turn
    for zone in site.zone:
        if isinstance(zone, Input):
            yield f"zone {zone.number}", zone
    yield from site.contacts()


def _reader_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    for reader in site.reader:
        if isinstance(reader, BitReader):
            unknown = [name for name in reader.formats if name not in FORMATS]
            if unknown or not reader.formats:
                yield (
                    f"reader {reader.name!r} formats: found {list(reader.formats)},"
                    f" allowed: one or more of {sorted(FORMATS)}"
                )
        if isinstance(reader, WiegandReader) or profile.simulated:
            continue
        if reader.place == SIMULATED_PORT:
            yield (
                f"reader {reader.name!r}: 'simulated' needs the simulated board,"
                f" here it is {profile.name!r} (allowed: the port or device of the reader)"
            )
    yield from _shared_ports(site)
    contactless = (reader for reader in site.reader if isinstance(reader, PcscReader))
    yield from name_problems(it for it in contactless if it.reader != SIMULATED_PORT)


def _adc_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    """Yield simulated converters on a real board, and pins that a converter's bus needs."""
    for adc in site.adc:
        if adc.device == SIMULATED_PORT:
            if not profile.simulated:
                yield (
                    f"adc {adc.name!r}: 'simulated' needs the simulated board,"
                    f" here it is {profile.name!r} (allowed: the path of its bus)"
                )
            continue
        taken = bus_of(adc.device)
        gpios = next((bus.gpios for bus in profile.header.buses if bus.name == taken), ())
        for pin, key in site.pins():
            if pin in gpios:
                yield f"{key}: pin {pin} belongs to {taken}, where adc {adc.name!r} is"


def _shared_ports(site: SiteFile) -> Iterator[str]:
    """Yield ports named for two devices: the second device would stay offline."""
    owner = {box.port: f"sec_box {box.name!r}" for box in site.sec_box}
    buses: set[str] = set()
    for reader in site.reader:
        place = "" if isinstance(reader, PcscReader) else reader.place
        if place in {"", SIMULATED_PORT}:
            continue
        key = f"reader {reader.name!r} {'device' if isinstance(reader, HidReader) else 'port'}"
        bus = isinstance(reader, OsdpReader)
        if place in owner and not (bus and place in buses):
            yield f"{key}: {place!r} is already used by {owner[place]}"
        if bus and place not in owner:
            buses.add(place)
        owner.setdefault(place, f"reader {reader.name!r}")


def _module_problems(profile: BoardProfile, site: SiteFile) -> Iterator[str]:
    yield from module_problems(site)
    for box in site.sec_box:
        if box.port == SIMULATED_PORT and not profile.simulated:
            yield (
                f"sec_box {box.name!r}: 'simulated' needs the simulated board,"
                f" here it is {profile.name!r} (allowed: the path of the RS-485 port)"
            )
