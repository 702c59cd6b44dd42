"""Readers: what hangs on which lines or port, and what it sends."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.settings.addresses import DevicePath, SerialPath
from gateway.settings.wires import FixedInput, Name, Output, Pin, Section, Title

Key = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
"""A key of a keypad."""


class Edges(StrEnum):
    """Who reports the edges of a Wiegand reader's lines."""

    KERNEL = "kernel"
    """The GPIO character device itself: stamped in the interrupt, numbered, so that a lost edge is
    known. Only on a real board."""
    PINS = "pins"
    """The pins of the GPIO library: no lost edge is noticed."""


class Encoding(StrEnum):
    """How a reader writes the characters of a code."""

    UTF_8 = "utf-8"
    ASCII = "ascii"
    LATIN_1 = "latin-1"
    CP1252 = "cp1252"
    SHIFT_JIS = "shift-jis"
    GBK = "gbk"


class ByteOrder(StrEnum):
    """Which byte of a card's number counts most."""

    MSB = "msb"
    """The first one sent."""
    LSB = "lsb"
    """The last one sent."""


class CardNumbering(StrEnum):
    """What a reader that gives a card's number makes of it."""

    W26 = "w26"
    """Its last three bytes, as a Wiegand reader of 26 bits sends them: facility and number."""
    W34 = "w34"
    """Its last four bytes, as one of 34 bits does: a facility of 16 bits and a number of 16."""
    PLAIN = "plain"
    """The number as it is."""
    DIGITS = "3+5"
    """Eight decimal digits: three of the facility, five of the number, as printed on many cards
    and sent by many USB readers."""


class Shows(StrEnum):
    """What the text of a reader stands for."""

    QRCODE = "qrcode"
    CARD = "card"
    """A card number, decimal (or `facility,number`)."""
    CARD_HEX = "card_hex"
    """A card number in hexadecimal digits."""


class CardProtocol(StrEnum):
    """What a 125 kHz reader sends; `gateway.credentials.protocols` has the frames of each."""

    RDM6300 = "rdm6300"
    ID12 = "id12"


class UhfProtocol(StrEnum):
    """What a UHF reader answers; `gateway.credentials.protocols` has the frames of each."""

    UHFREADER18 = "uhfreader18"
    UHFREADER288 = "uhfreader288"
    """Tells antenna and RSSI, too (288M, 86)."""
    R200 = "r200"

    @property
    def factory_baud(self) -> int:
        """The baud rate with which its readers leave the factory."""
        match self:
            case UhfProtocol.UHFREADER18 | UhfProtocol.UHFREADER288:
                return 57_600
            case UhfProtocol.R200:
                return 115_200


class SixBitKeys(StrEnum):
    """What keys in bursts of 6 bits stand for."""

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
    """The contact that tells that somebody takes the reader off its wall."""
    tamper_disables: bool = False
    """What is read while that contact is active is left aside."""
    green: Output | None = None
    """The reader's light for a grant."""
    red: Output | None = None
    """The reader's light for a denial."""
    buzzer: Output | None = None
    """The reader's own buzzer."""

    @model_validator(mode="after")
    def _disabled_by_something(self) -> Self:
        if self.tamper_disables and self.tamper is None:
            raise ValueError("tamper_disables needs a tamper contact")
        return self

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.title or self.name

    @property
    def place(self) -> str:
        """The port, device or name by which it is reached; empty for one that hangs on pins."""
        return ""

    def outputs(self) -> Iterator[tuple[str, Output]]:
        """The lights and the buzzer that it has, by the names of their keys."""
        for key in ("green", "red", "buzzer"):
            output = getattr(self, key)
            if output is not None:
                yield key, output


def _bits_of_whole_pins(given: object) -> object:
    """`false` is none; `true`, which was all there was once, is the shorter number."""
    return {False: None, True: 24}[given] if isinstance(given, bool) else given


WholePins = Annotated[Literal[24, 32] | None, BeforeValidator(_bits_of_whole_pins)]


class WiegandReader(_Reader):
    """A reader on two data lines, with or without a keypad."""

    kind: Literal["wiegand"]
    d0: Pin
    d1: Pin
    edges: Edges | None = None
    """Left out, it is `kernel` on a real board and `pins` on the simulated one."""
    formats: tuple[str, ...] = ("w26", "w34")
    """Names of `gateway.credentials.wiegand.FORMATS`. Of two with the same length and a right
    parity, the first counts."""
    gap_ms: Annotated[int, Field(ge=5, le=250)] = 25
    """Silence, in event time, that ends a frame."""
    keypad: bool = True
    """Something can be keyed at it: a card there may ask for a PIN."""
    key_timeout_ms: Annotated[int, Field(ge=500, le=60_000)] = 5_000
    """Silence after which keys typed so far are forgotten."""
    end_key: Key = "#"
    """Hands the typed PIN out."""
    clear_key: Key = "*"
    """Forgets what was typed."""
    pin_length: Annotated[int, Field(ge=1, le=32)] | None = None
    """So many digits are a PIN without the end key, which ends a shorter one."""
    whole_pins: WholePins = None
    """The keypad collects a PIN itself and sends it as a number of so many bits: in a frame of two
    parity bits more, or in a bare one. Each frame of these lengths is a PIN, and no card."""
    six_bit_keys: SixBitKeys = SixBitKeys.ROSSLARE

    @model_validator(mode="after")
    def _keypad_makes_sense(self) -> Self:
        if self.end_key == self.clear_key:
            raise ValueError("end_key and clear_key must be different keys")
        if self.whole_pins and not self.keypad:
            raise ValueError("whole_pins needs a keypad, and keypad = false says there is none")
        return self


def _of_bytes(number: CardNumbering) -> CardNumbering:
    if number is CardNumbering.DIGITS:
        raise ValueError('"3+5" needs a reader of digits; allowed here: w26, w34, plain')
    return number


NumberOfBytes = Annotated[CardNumbering, AfterValidator(_of_bytes)]
"""The forms for readers that give bytes and no digits."""


class _TextReader(_Reader):
    """One that gives text, which is a code or a card's number."""

    shows: Shows = Shows.QRCODE
    prefix: Annotated[str, Field(max_length=32)] = ""
    """What the reader puts before each text; one without it is none."""
    suffix: Annotated[str, Field(max_length=32)] = ""
    """What it puts behind each text, before the line end or end key."""
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
    """A device path, a pyserial URL, or `simulated` (a pseudo-terminal of the simulated board)."""

    @property
    def place(self) -> str:
        return self.port


class SerialQrReader(_SerialReader, _TextReader):
    """A line-oriented QR, barcode or card reader on a serial port."""

    kind: Literal["serial_qr"]
    baud: Baud = 9600
    gap_ms: Annotated[int, Field(ge=10, le=1000)] = 50
    """Silence that ends a text which came without a line end."""
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
    """So that a card enrolled at a Wiegand reader is known here. Where all readers are on serial
    ports, `plain` (of the last four bytes) tells more cards apart."""
    byte_order: ByteOrder = ByteOrder.MSB
    absent_ms: Annotated[int, Field(ge=200, le=10_000)] = 1_000
    """A card that was not heard for so long has been taken away: the reader repeats it while it is
    held there."""


class SerialUhfReader(_SerialReader):
    """A UHF reader on a serial port. How often a tag counts is a key of the API (`uhf`)."""

    kind: Literal["serial_uhf"]
    protocol: UhfProtocol
    baud: Baud | None = None
    """Left out, it is the protocol's own."""
    address: Annotated[int, Field(ge=0, le=255)] = 0
    """255 is whichever reader is there; `r200` has none."""

    @property
    def speed(self) -> int:
        """The baud rate in use."""
        return self.baud or self.protocol.factory_baud


class HidReader(_TextReader):
    """A USB reader that types what it reads, as a keyboard does."""

    kind: Literal["hid"]
    device: DevicePath
    """A lasting path such as /dev/input/by-id/...-event-kbd, or `simulated`."""
    gap_ms: Annotated[int, Field(ge=10, le=5_000)] = 200
    """Silence that forgets a text whose end key did not come."""

    @property
    def place(self) -> str:
        return self.device


class PcscReader(_Reader):
    """A contactless card reader that pcscd serves."""

    kind: Literal["pcsc"]
    reader: Annotated[str, Field(min_length=1)]
    """Its name at pcscd, or the beginning of it; or `simulated`."""
    number: NumberOfBytes = CardNumbering.PLAIN
    byte_order: ByteOrder = ByteOrder.MSB

    @property
    def place(self) -> str:
        return self.reader


SerialReader = SerialQrReader | SerialCardReader | SerialUhfReader
"""Those on a serial port."""

Reader = Annotated[
    WiegandReader | SerialQrReader | SerialCardReader | SerialUhfReader | HidReader | PcscReader,
    Field(discriminator="kind"),
]
