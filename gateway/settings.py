"""The site file `gateway.toml` as typed, checked settings.

It says which board, which readers, doors and zones hang on which pins and ports. What the API has
a key or a row for lives in the database alone; the `initial` tables only seed it once.
Every refusal names the key, what was found and what is allowed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from gateway.clock import WireTime
from gateway.errors import SettingsError

SITE_FILE = "gateway.toml"
LAST_GOOD = "gateway.toml.last-good"
"""Copy of the site file with which a controller last came up."""

ACCESS_LOG_CAPACITY = 100_000
"""Rows of `access_logs` where the site file does not say."""

Pin = Annotated[int, Field(ge=0, le=63)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Level(StrEnum):
    """Voltage at a pin."""

    LOW = "low"
    HIGH = "high"


class Pull(StrEnum):
    """Resistor of the board at an input pin."""

    UP = "up"
    DOWN = "down"
    FLOATING = "floating"


class LockState(StrEnum):
    """What a strike output does to its door."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"


class Egress(StrEnum):
    """How a person leaves when this controller is dead."""

    MECHANICAL = "mechanical"
    """The handle or push bar opens the door from inside."""
    DIRECT_CUT = "direct_cut"
    """A release button in the lock's own supply."""
    SOFTWARE = "software"
    """Only the REX input of this controller."""


class RexMode(StrEnum):
    """What the exit button does."""

    UNLOCK = "unlock"
    """A press unlocks for the door's relay time."""
    UNLOCK_WHILE_PRESSED = "unlock_while_pressed"
    """It unlocks for as long as it is pressed, and the relay time after that."""
    SHUNT = "shunt"
    """It drives nothing: the handle opens, and for that time the opening is not a forced one."""


class Side(StrEnum):
    """The way that a turnstile turns, seen from above."""

    CLOCKWISE = "clockwise"
    ANTICLOCKWISE = "anticlockwise"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Strike(_Strict):
    """The output that drives a lock, with the pin level of each lock state."""

    pin: Pin
    locked: Level
    unlocked: Level

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        if self.locked is self.unlocked:
            raise ValueError("locked and unlocked must be different levels")
        return self

    def level(self, state: LockState) -> bool:
        """The pin level (True = high) of `state`."""
        wanted = self.locked if state is LockState.LOCKED else self.unlocked
        return wanted is Level.HIGH

    @property
    def energised_to_lock(self) -> bool:
        """True for a magnet: power keeps the door shut."""
        return self.locked is Level.HIGH


class Input(_Strict):
    """A contact or button at a pin. Its rest level is the API's `*_idle` key, not kept here."""

    pin: Pin
    pull: Pull = Pull.UP
    debounce_ms: Annotated[int, Field(ge=1, le=1000)] = 20


class FixedInput(Input):
    """An input without a key in the API: its rest level is declared here."""

    idle: Level


class Output(_Strict):
    """An output that is off at the start, at a stop and at a fault."""

    pin: Pin
    active: Level
    """The level that switches on what hangs on it."""

    def level(self, *, on: bool) -> bool:
        """The pin level (True = high) of on and off."""
        return on is (self.active is Level.HIGH)


class Siren(Output):
    """What sounds in an alarm; `alarm.siren_enabled` switches it."""

    time_s: Annotated[int, Field(ge=5, le=3_600)] = 180
    """How long it sounds at most; each new alarm begins it anew."""


class Power(_Strict):
    """Contacts of the power supply. The API knows no such alarm: they are faults of the device."""

    mains_fail: FixedInput | None = None
    battery_low: FixedInput | None = None
    under_voltage: FixedInput | None = None

    def contacts(self) -> Iterator[tuple[str, FixedInput]]:
        """Those that the site has, by the names of their keys."""
        for name in ("mains_fail", "battery_low", "under_voltage"):
            contact = getattr(self, name)
            if contact is not None:
                yield name, contact


class ExitButton(Input):
    """A door's request-to-exit button, or the contact of its inner handle."""

    mode: RexMode = RexMode.UNLOCK


class Door(_Strict):
    """One door: its number in the API and its wires."""

    id: Annotated[int, Field(ge=1, le=4)]
    name: Name
    strike: Strike
    sensor: Input | None = None
    rex: ExitButton | None = None
    bond: FixedInput | None = None
    """A contact of the lock that moves when it unlocks; `idle` is its level while it is locked."""
    egress: Egress
    on_start: LockState = LockState.LOCKED
    on_stop: LockState = LockState.LOCKED
    on_fault: LockState = LockState.LOCKED
    fire_release: bool = True
    rex_bypasses_interlock: bool = True
    """The exit button unlocks even while another door of its interlock is open. False keeps people
    in until that one is closed; a fire lets them out all the same."""
    pre_alarm_s: Annotated[int, Field(ge=0, le=3_600)] = 0
    """How long before the alarm of a door that is held open its pre-alarm comes; 0 for none."""
    output_limit_s: Annotated[int, Field(ge=1, le=3_600)] = 600
    """The longest that one opening unlocks the door, whatever time was asked for. Only a hold
    (timeout=0 of the API), an unlock schedule or a mode lasts longer."""

    @model_validator(mode="after")
    def _lets_people_out(self) -> Self:
        shunts = self.rex is not None and self.rex.mode is RexMode.SHUNT
        if shunts and self.egress is Egress.SOFTWARE:
            raise ValueError(
                "rex.mode shunt drives nothing, and egress software says that nothing else opens"
            )
        return self

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use with the key that claims it."""
        wires = {"strike": self.strike, "sensor": self.sensor, "rex": self.rex, "bond": self.bond}
        for key, wire in wires.items():
            if wire:
                yield wire.pin, f"door {self.name!r} {key}"


class TurnstileWay(_Strict):
    """What belongs to one way of turning."""

    relay: Strike
    """The output that lets the arm turn this way."""
    turn: FixedInput
    """The contact that moves once for each turn this way; it must move while the relay is on."""


class Turnstile(_Strict):
    """The device's turnstile. Its times and its mode of operation are keys of the API."""

    name: Name
    clockwise: TurnstileWay
    anticlockwise: TurnstileWay
    egress: Egress
    on_start: LockState = LockState.LOCKED
    """Both ways, from the claim of the outputs until the rules have been read."""
    on_stop: LockState = LockState.LOCKED
    on_fault: LockState = LockState.LOCKED
    fire_release: bool = True
    """Both ways are free while the fire input reports a fire."""

    def way(self, side: Side) -> TurnstileWay:
        """What belongs to `side`."""
        return self.clockwise if side is Side.CLOCKWISE else self.anticlockwise

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use with the key that claims it."""
        for side in Side:
            where = f"turnstile {self.name!r} {side}"
            yield self.way(side).relay.pin, f"{where} relay"
            yield self.way(side).turn.pin, f"{where} turn"


class _Reader(_Strict):
    name: Name
    index: Annotated[int, Field(ge=1, le=16)]
    portal: Annotated[int, Field(ge=1)]
    tamper: FixedInput | None = None
    """The contact that tells that somebody takes the reader off its wall."""
    tamper_disables: bool = False
    """What is read while that contact is active is left aside."""

    @model_validator(mode="after")
    def _disabled_by_something(self) -> Self:
        if self.tamper_disables and self.tamper is None:
            raise ValueError("tamper_disables needs a tamper contact")
        return self


class WiegandReader(_Reader):
    """A reader on two data lines, with or without a keypad."""

    kind: Literal["wiegand"]
    d0: Pin
    d1: Pin
    formats: tuple[str, ...] = ("w26", "w34")
    gap_ms: Annotated[int, Field(ge=5, le=250)] = 25
    """Silence, in event time, that ends a frame."""
    keypad: bool = True
    """Something can be keyed at it: a card there may ask for a PIN."""
    key_timeout_ms: Annotated[int, Field(ge=500, le=60_000)] = 5_000
    """Silence after which keys typed so far are forgotten."""


class SerialQrReader(_Reader):
    """A line-oriented QR or barcode reader on a serial port."""

    kind: Literal["serial_qr"]
    port: Annotated[str, Field(min_length=1)]
    """A device path, a pyserial URL, or `simulated` (a pseudo-terminal of the simulated board)."""
    baud: Annotated[int, Field(ge=300, le=921_600)] = 9600
    gap_ms: Annotated[int, Field(ge=10, le=1000)] = 50
    """Silence that ends a text which came without a line end."""


Reader = Annotated[WiegandReader | SerialQrReader, Field(discriminator="kind")]


class Zone(Input):
    """An alarm zone's input. Level, delay and switch are rows of `alarm_zones`."""

    number: Annotated[int, Field(ge=1, le=5)]
    entry_delay_s: Annotated[int, Field(ge=0, le=600)] = 0
    """How long somebody who came in this way has to disarm before it is an alarm."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("an IANA time zone such as America/Sao_Paulo is needed") from error
    return name


class Site(_Strict):
    """What the whole device is."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    timezone: Annotated[str, AfterValidator(_known_zone)]
    board: Name
    """A profile in `hw/boards`, without its `.toml`."""
    wire_time: WireTime = WireTime.LOCAL
    sec_box_door: Annotated[int, Field(ge=1, le=4)] = 1
    """The door that `sec_box` 65793 means where no SecBox is fitted."""
    access_log_capacity: Annotated[int, Field(ge=1_000)] = ACCESS_LOG_CAPACITY
    """Rows that clients find in `access_logs`; when there are more, the oldest go. The journal,
    which destinations read, has a bound of its own."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Admission(_Strict):
    """What the API has no key for: how long people have, and how often they may be wrong."""

    next_key_s: Annotated[int, Field(ge=2, le=60)] = 10
    """From the card to the first key of its PIN, and from key to key."""
    second_factor_s: Annotated[int, Field(ge=5, le=300)] = 30
    """From the card to the end of its PIN."""
    persons_s: Annotated[int, Field(ge=5, le=300)] = 15
    """From the first to the last of several persons."""
    wrong_entries: Annotated[int, Field(ge=3, le=20)] = 5
    """So many wrong entries at one keypad ..."""
    wrong_within_s: Annotated[int, Field(ge=10, le=3_600)] = 60
    """... within this time lock it ..."""
    locked_s: Annotated[int, Field(ge=10, le=3_600)] = 90
    """... for this long."""
    forgive_at_midnight: bool = False
    """Anti-passback forgets at midnight where everyone is, as with `catra.daily_reset`."""


class FlightRecord(_Strict):
    """The record of everything that the controller hears, decides and does, for `gateway replay`.

    It holds people's ids and card numbers; what is secret only as digests.
    """

    enabled: bool = False
    size_mb: Annotated[int, Field(ge=2, le=1024)] = 16
    """All its files together; of more than that the oldest goes."""


class Interlock(_Strict):
    """What the API has no key for. Which doors it joins is `doorN_interlock`."""

    margin_s: Annotated[int, Field(ge=0, le=60)] = 2
    """A door without a sensor counts as occupied for its time and so much longer."""


Address = Annotated[str, Field(pattern=r"^[^:\s]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")]
"""HOST:PORT, or [IPv6]:PORT."""


class Http(_Strict):
    """Where the API listens."""

    listen: Address
    """For plain HTTP."""
    tls: Address | None = None
    """For HTTPS, with the certificate in the data directory; none without it."""
    plain: bool = True
    """False leaves `tls` alone."""

    @model_validator(mode="after")
    def _listens_somewhere(self) -> Self:
        if not self.plain and self.tls is None:
            raise ValueError("plain = false needs an address for tls")
        return self

    @property
    def plain_address(self) -> str | None:
        """Where plain HTTP is served, None when it is off."""
        return self.listen if self.plain else None


class SiteFile(_Strict):
    """The whole of `gateway.toml`."""

    site: Site
    http: Http = Http(listen="127.0.0.1:8080")
    door: tuple[Door, ...] = ()
    turnstile: Turnstile | None = None
    reader: tuple[Reader, ...] = ()
    zone: tuple[Zone, ...] = ()
    tamper: FixedInput | None = None
    fire: FixedInput | None = None
    siren: Siren | None = None
    bell: Output | None = None
    """What rings for `timed_alarms`; `general.bell_enabled` switches it."""
    power: Power = Power()
    admission: Admission = Admission()
    flight_record: FlightRecord = FlightRecord()
    interlock: Interlock = Interlock()
    initial: dict[str, dict[str, str | int | bool]] = {}
    """Configuration values that `init` writes into the database once: module -> key -> value."""

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use with the key that claims it."""
        yield from self._door_pins()
        for reader in self.reader:
            if isinstance(reader, WiegandReader):
                yield reader.d0, f"reader {reader.name!r} d0"
                yield reader.d1, f"reader {reader.name!r} d1"
        for name, output in self.sounders():
            yield output.pin, name
        for zone in self.zone:
            yield zone.pin, f"zone {zone.number}"
        for name, contact in self.contacts():
            yield contact.pin, name

    def contacts(self) -> Iterator[tuple[str, FixedInput]]:
        """The contacts that belong to no door and no zone, by the names of their keys."""
        if self.tamper:
            yield "tamper", self.tamper
        if self.fire:
            yield "fire", self.fire
        for reader in self.reader:
            if reader.tamper:
                yield f"reader {reader.name!r} tamper", reader.tamper
        for name, contact in self.power.contacts():
            yield f"power {name}", contact

    def _door_pins(self) -> Iterator[tuple[int, str]]:
        for door in self.door:
            yield from door.pins()
        if self.turnstile:
            yield from self.turnstile.pins()

    def sounders(self) -> Iterator[tuple[str, Output]]:
        """The outputs that can be heard, by the names of their tables."""
        if self.siren:
            yield "siren", self.siren
        if self.bell:
            yield "bell", self.bell

    @model_validator(mode="after")
    def _each_thing_once(self) -> Self:
        owner: dict[int, str] = {}
        for pin, key in self.pins():
            if pin in owner:
                raise ValueError(f"pin {pin} is used twice: {owner[pin]} and {key}")
            owner[pin] = key
        for what, values in (
            ("door id", [str(door.id) for door in self.door]),
            ("door name", [door.name for door in self.door]),
            ("reader name", [reader.name for reader in self.reader]),
            ("reader index", [str(reader.index) for reader in self.reader]),
            ("zone number", [str(zone.number) for zone in self.zone]),
        ):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} is used twice")
        return self


def read_site(path: Path) -> SiteFile:
    """The checked site file at `path`.

    Raises SettingsError when it is missing, is not TOML, or breaks a rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"there is no site file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    return parse_site(text, str(path))


def parse_site(text: str, name: str) -> SiteFile:
    """The checked site file in `text`, called `name` in the SettingsError that it may raise."""
    try:
        return SiteFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} cannot be read: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{name}: {describe(error)}") from error


def read_running_site(data: Path) -> SiteFile:
    """The site file of a device that is at work, or its last good copy, loudly.

    A door must come up after a power cut even if somebody left a typo in the file. Raises
    SettingsError when neither can be used.
    """
    try:
        return read_site(data / SITE_FILE)
    except SettingsError as error:
        if not (data / LAST_GOOD).exists():
            raise
        # Only here: it takes a third of the time in which the relays are put safe.
        import structlog

        log = structlog.get_logger("site")
        log.warning("the site file is refused; going on with its last good copy", why=str(error))
        return read_site(data / LAST_GOOD)


def describe(error: ValidationError) -> str:
    """Each refusal of a settings file on a line: the key, what was wrong, what was found."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "file"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        if problem["type"] == "missing":
            lines.append(f"{key}: missing key")
        elif isinstance(problem["input"], dict):
            lines.append(f"{key}: {message}")
        else:
            lines.append(f"{key}: {message} (found {problem['input']!r})")
    return "; ".join(lines)
