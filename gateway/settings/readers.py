"""Readers: their pins or ports, and what they send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.settings.addresses import DevicePath, SerialPath
from gateway.settings.serial_lines import Direction
from gateway.settings.wires import FixedInput, Level, Name, Output, Pin, Section, Title

Key = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
"""A key of a keypad."""


class Encoding(StrEnum):
    """How a reader writes the characters of a code."""

    UTF_8 = "utf-8"
    ASCII = "ascii"
    LATIN_1 = "latin-1"
    CP1252 = "cp1252"
    SHIFT_JIS = "shift-jis"
    GBK = "gbk"


class ByteOrder(StrEnum):
    """Which byte of a card's number is the most significant."""

    MSB = "msb"
    """The first one sent."""
    LSB = "lsb"
    """The last one sent."""


class CardNumbering(StrEnum):
    """How a card's number is formed from the bytes of its serial number."""

    W26 = "w26"
    """The last three bytes, as facility and number of a 26-bit Wiegand reader."""
    W34 = "w34"
    """The last four bytes, as facility (16 bits) and number (16 bits) of a 34-bit reader."""
    PLAIN = "plain"
    """The number unchanged."""
    DIGITS = "3+5"
    """Eight decimal digits: three of the facility and five of the number, as printed on many cards
    and sent by many USB readers."""


class Shows(StrEnum):
    """What the text of a reader is."""

    QRCODE = "qrcode"
    CARD = "card"
    """A card number, decimal (or `facility,number`)."""
    CARD_HEX = "card_hex"
    """A card number in hexadecimal digits."""


class CardProtocol(StrEnum):
    """The protocol of a 125 kHz reader; see `gateway.credentials.protocols`."""

    RDM6300 = "rdm6300"
    ID12 = "id12"


class UhfProtocol(StrEnum):
    """The protocol of a UHF reader; see `gateway.credentials.protocols`."""

    UHFREADER18 = "uhfreader18"
    UHFREADER288 = "uhfreader288"
    """Also sends antenna and RSSI (288M, 86)."""
    R200 = "r200"

    @property
    def factory_baud(self) -> int:
        """The factory setting of its readers."""
        match self:
            case UhfProtocol.UHFREADER18 | UhfProtocol.UHFREADER288:
                return 57_600
            case UhfProtocol.R200:
                return 115_200


class SixBitKeys(StrEnum):
    """The meaning of keys in bursts of 6 bits."""

    ROSSLARE = "rosslare"
    """Rosslare's keypad option 1, the factory setting: 10 = 0, 11 = *, 12 = #."""
    PLAIN = "plain"
    """Option 2: as in bursts of 4 bits."""


class _Reader(Section):
    name: Name
    title: Title | None = None
    index: Annotated[int, Field(ge=1, le=16)]
    portal: Annotated[int, Field(ge=1)]
    tamper: FixedInput | None = None
    """The contact that opens or closes when somebody removes the reader from the wall."""
    tamper_disables: bool = False
    """Reads are ignored while that contact is active."""
    green: Output | None = None
    """The reader's light for a grant."""
    red: Output | None = None
    """The reader's light for a denial."""
    buzzer: Output | None = None
    """The reader's own buzzer."""

    @model_validator(mode="after")
    def _disabled_by_something(self) -> Self:
        if self.tamper_disables and self.tamper_high is None:
            raise ValueError("tamper_disables needs a tamper contact")
        return self

    @property
    def tamper_high(self) -> bool | None:
        """The level of its active tamper contact; None without one."""
        return None if self.tamper is None else self.tamper.idle is Level.LOW

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or self.name

    @property
    def place(self) -> str:
        """Its port, device or name; empty for a reader on pins."""
        return ""

    def outputs(self) -> Iterator[tuple[str, Output]]:
        """The lights and the buzzer that it has, with their keys."""
        for key in ("green", "red", "buzzer"):
            output = getattr(self, key)
            if output is not None:
                yield key, output


def _bits_of_whole_pins(given: object) -> object:
    """`false` is none; `true`, the only value of earlier versions, is 24 bits."""
    return {False: None, True: 24}[given] if isinstance(given, bool) else given


WholePins = Annotated[Literal[24, 32] | None, BeforeValidator(_bits_of_whole_pins)]


class BitReader(_Reader):
    """A reader of cards by their bits, with or without a keypad."""

    formats: tuple[str, ...] = ("w26", "w34")
    """Names of `gateway.credentials.wiegand.FORMATS`. The first one with the frame's length and a
    correct parity applies."""
    keypad: bool = True
    """The reader has a keypad: a card there may require a PIN."""
    key_timeout_ms: Annotated[int, Field(ge=500, le=60_000)] = 5_000
    """Silence that clears the keys typed so far."""
    end_key: Key = "#"
    """Ends a PIN."""
    clear_key: Key = "*"
    """Clears the keys typed so far."""
    pin_length: Annotated[int, Field(ge=1, le=32)] | None = None
    """Number of digits that end a PIN without the end key, which still ends a shorter one."""

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        if self.end_key == self.clear_key:
            raise ValueError("end_key and clear_key must be different keys")
        return self


class WiegandReader(BitReader):
    """A reader on two data lines, with or without a keypad."""

    kind: Literal["wiegand"]
    d0: Pin
    d1: Pin
    gap_ms: Annotated[int, Field(ge=5, le=250)] = 25
    """Silence, in event time, that ends a frame."""
    whole_pins: WholePins = None
    """The keypad collects a PIN and sends it as a number of this many bits, with or without two
    parity bits. Each frame of these lengths is a PIN and no card."""
    six_bit_keys: SixBitKeys = SixBitKeys.ROSSLARE

    @model_validator(mode="after")
    def _keypad_makes_sense(self) -> Self:
        if self.whole_pins and not self.keypad:
            raise ValueError("whole_pins needs a keypad, and keypad = false says there is none")
        return self


def _of_bytes(number: CardNumbering) -> CardNumbering:
    if number is CardNumbering.DIGITS:
        raise ValueError('"3+5" needs a reader of digits; allowed here: w26, w34, plain')
    return number


NumberOfBytes = Annotated[CardNumbering, AfterValidator(_of_bytes)]
"""For readers that send bytes."""


class _TextReader(_Reader):
    """A reader that sends text, which is a code or a card's number."""

    shows: Shows = Shows.QRCODE
    prefix: Annotated[str, Field(max_length=32)] = ""
    """The reader sends it before each text; a text without it is ignored."""
    suffix: Annotated[str, Field(max_length=32)] = ""
    """The reader sends it after each text, before the line end or end key."""
    number: CardNumbering = CardNumbering.PLAIN
    byte_order: ByteOrder = ByteOrder.MSB

    @model_validator(mode="after")
    def _number_is_shown(self) -> Self:
        formed = self.number is not CardNumbering.PLAIN or self.byte_order is not ByteOrder.MSB
        if self.shows is Shows.QRCODE and formed:
            raise ValueError('number and byte_order are for cards: shows = "card" or "card_hex"')
        if self.number is CardNumbering.DIGITS and self.shows is not Shows.CARD:
            raise ValueError('number = "3+5" needs decimal digits: shows = "card"')
        return self


Baud = Annotated[int, Field(ge=300, le=921_600)]


class _SerialReader(_Reader):
    port: SerialPath
    """A device path, `socket://HOST:PORT` or `rfc2217://HOST:PORT`, or `simulated` (a
    pseudo-terminal of the simulated board)."""

    @property
    def place(self) -> str:
        return self.port


class SerialQrReader(_SerialReader, _TextReader):
    """A line-oriented QR, barcode or card reader on a serial port."""

    kind: Literal["serial_qr"]
    baud: Baud = 9600
    gap_ms: Annotated[int, Field(ge=10, le=1000)] = 50
    """Silence that ends a text without a line end."""
    encoding: Encoding = Encoding.UTF_8

    @model_validator(mode="after")
    def _affixes_can_be_sent(self) -> Self:
        for key, affix in (("prefix", self.prefix), ("suffix", self.suffix)):
            try:
                affix.encode(self.encoding)
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"{key} {affix!r} cannot be written in {self.encoding}: {error.reason}"
                ) from error
            if set(affix) & {"\r", "\n"}:
                raise ValueError(f"{key} {affix!r} holds a line end, which ends the code itself")
        return self


class SerialCardReader(_SerialReader):
    """A 125 kHz card reader on a serial port."""

    kind: Literal["serial_card"]
    protocol: CardProtocol
    baud: Baud = 9600
    number: NumberOfBytes = CardNumbering.W26
    """By default a card enrolled at a Wiegand reader is known here too. If all readers are on
    serial ports, `plain` (the last four bytes) distinguishes more cards."""
    byte_order: ByteOrder = ByteOrder.MSB
    absent_ms: Annotated[int, Field(ge=200, le=10_000)] = 1_000
    """Silence after which a card counts as removed: the reader repeats it while it is held
    there."""


class SerialUhfReader(_SerialReader):
    """A UHF reader on a serial port. The API's module `uhf` has the intervals of tags."""

    kind: Literal["serial_uhf"]
    protocol: UhfProtocol
    baud: Baud | None = None
    """By default the protocol's factory setting."""
    address: Annotated[int, Field(ge=0, le=255)] = 0
    """255 addresses any reader; `r200` has no addresses."""

    @property
    def speed(self) -> int:
        """The baud rate in use."""
        return self.baud or self.protocol.factory_baud


class HidReader(_TextReader):
    """A USB reader that types like a keyboard."""

    kind: Literal["hid"]
    device: DevicePath
    """A stable path such as /dev/input/by-id/...-event-kbd, or `simulated`."""
    gap_ms: Annotated[int, Field(ge=10, le=5_000)] = 200
    """Silence that clears a text without an end key."""

    @property
    def place(self) -> str:
        return self.device


class PcscReader(_Reader):
    """A contactless card reader of pcscd."""

    kind: Literal["pcsc"]
    reader: Annotated[str, Field(min_length=1)]
    """Its name at pcscd, or the beginning of the name; or `simulated`."""
    number: NumberOfBytes = CardNumbering.PLAIN
    byte_order: ByteOrder = ByteOrder.MSB

    @property
    def place(self) -> str:
        return self.reader


OsdpSpeed = Literal[9_600, 19_200, 38_400, 57_600, 115_200, 230_400]
OSDP_SPEEDS: tuple[int, ...] = get_args(OsdpSpeed)
"""Bauds."""
OsdpAddress = Annotated[int, Field(ge=0, le=126)]


class IdleLight(StrEnum):
    """The usual colour of an OSDP reader's light."""

    OFF = "off"
    RED = "red"
    GREEN = "green"
    AMBER = "amber"
    BLUE = "blue"
    """Not every reader has it."""


class OsdpReader(BitReader):
    """A reader on an RS-485 bus that speaks OSDP; several readers may share one port."""

    kind: Literal["osdp"]
    port: SerialPath
    """A stable device path of the RS-485 port, or `simulated`."""
    baud: OsdpSpeed = 9_600
    direction: Direction = Direction.AUTO
    address: OsdpAddress = 0
    """A new reader has 0."""
    clear_text: bool = False
    """Talk to it without encryption: whoever reaches the cable opens the door. For a reader
    that cannot encrypt."""
    idle_light: IdleLight = IdleLight.OFF
    """The colour of its light while it signals nothing."""
    inside: bool = False
    """It hangs on the safe side of its door, so that nobody outside reaches its wires. Only then
    may an exit button be at one of its inputs."""

    @property
    def place(self) -> str:
        return self.port

    @property
    def tamper_high(self) -> bool:
        """The reader reports its contact itself, as a level of its own."""
        return True

    @model_validator(mode="after")
    def _reports_by_itself(self) -> Self:
        for key in ("tamper", "green", "red", "buzzer"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} needs no pin: the reader has it on its bus")
        return self

    @property
    def line(self) -> tuple[object, ...]:
        """The settings that all readers of one port must share."""
        return self.baud, self.direction


def osdp_problems(readers: Iterable[Reader]) -> Iterator[str]:
    """Conflicts between several readers of one bus."""
    seen: list[OsdpReader] = []
    for reader in readers:
        if not isinstance(reader, OsdpReader):
            continue
        for other in seen:
            if reader.port != other.port:
                continue
            pair = f"reader {other.name!r} and {reader.name!r}"
            if reader.line != other.line:
                yield f"{pair} share port {reader.port!r}: baud and direction must be the same"
            if reader.address == other.address:
                yield f"{pair} have the same address {reader.address} on port {reader.port!r}"
        seen.append(reader)


SerialReader = SerialQrReader | SerialCardReader | SerialUhfReader
"""Readers on a serial port."""

Reader = Annotated[
    WiegandReader
    | SerialQrReader
    | SerialCardReader
    | SerialUhfReader
    | HidReader
    | PcscReader
    | OsdpReader,
    Field(discriminator="kind"),
]
