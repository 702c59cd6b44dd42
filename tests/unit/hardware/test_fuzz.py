"""Bytes and edges at random through the readers' drivers, a million and ten million in `make fuzz`.

Nothing may be raised or hang, memory stays bounded, and whatever identifies stood on the line as a
whole and valid frame: a random frame with right parity may identify, never more. What is valid is
worked out here anew, from the stream alone.
"""

from __future__ import annotations

import binascii
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.credentials.line_frames import MAX_BYTES
from gateway.credentials.protocols import CARD_PROTOCOLS
from gateway.credentials.uhf_r200 import R200Codec
from gateway.credentials.uhf_reader18 import Reader18Codec
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.hardware.events import DeviceState, KeyPressed, Loop, ReplaySuspected
from gateway.hardware.reading_settings import ReadingSettings, UhfReading
from gateway.hardware.serial_ports.qr_lines import QrLines
from gateway.hardware.serial_ports.rfid_frames import RfidFrames
from gateway.hardware.serial_ports.uhf_poller import UhfPoller
from gateway.hardware.wiegand.edges import EdgeCounts
from gateway.hardware.wiegand.reader import WiegandDriver
from gateway.settings import (
    CardProtocol,
    SerialCardReader,
    SerialQrReader,
    SerialUhfReader,
    UhfProtocol,
    WiegandReader,
)

pytestmark = pytest.mark.hypothesis  # more of it in `make fuzz`

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
BYTES = 1_000_000 if LONG else 20_000
EDGES = 10_000_000 if LONG else 50_000
SEED = random.SystemRandom().randrange(1 << 32) if LONG else 1

MS = 1_000_000
TAIL = 4_096
"""Bytes of the stream that are kept to find a frame in; more than any read and frame."""
FIELDS = {"name": "gate", "index": 1, "portal": 1, "port": "/dev/x"}


@dataclass
class Line:
    """One protocol at work, what its readers send, and what is valid on their lines."""

    protocol: Any
    make: Callable[[random.Random], bytes]
    """A good frame, or what follows a request."""
    stands: Callable[[bytes, Any], bool]
    """Whether a credential stands whole, in a valid frame, in a stretch of the stream."""


def rfid(name: str) -> Line:
    settings = {**FIELDS, "kind": "serial_card", "protocol": name, "number": "plain"}
    tail = rb"\r\n\x03" if name == "id12" else rb"\x03"
    pattern = re.compile(rb"(?=\x02([0-9A-Fa-f]{12})" + tail + rb")")

    def stands(stream: bytes, value: int) -> bool:
        found = [bytes.fromhex(each.decode()) for each in pattern.findall(stream)]
        return any(
            each[0] ^ each[1] ^ each[2] ^ each[3] ^ each[4] == each[5]
            and int.from_bytes(each[1:5], "big") == value
            for each in found
        )

    return Line(
        RfidFrames(SerialCardReader.model_validate(settings)),
        lambda draw: CARD_PROTOCOLS[CardProtocol(name)].encode(draw.randbytes(5)),
        stands,
    )


def lines(encoding: str) -> Line:
    settings = {**FIELDS, "kind": "serial_qr", "prefix": "Q", "encoding": encoding}

    def stands(stream: bytes, value: str) -> bool:
        return b"Q" + value.encode(encoding) in re.split(rb"[\r\n]", stream)

    def make(draw: random.Random) -> bytes:
        return b"Q" + draw.randbytes(3).hex().encode() + draw.choice([b"\r", b"\n", b"\r\n"])

    return Line(QrLines(SerialQrReader.model_validate(settings)), make, stands)


def poller(protocol: str) -> UhfPoller:
    made = UhfPoller(
        SerialUhfReader.model_validate({**FIELDS, "kind": "serial_uhf", "protocol": protocol})
    )
    made.configure(ReadingSettings(uhf=UhfReading(same_tag_ms=0, other_tag_ms=0)))
    return made


def some_tags(draw: random.Random) -> list[bytes]:
    return [draw.randbytes(2 * draw.randint(1, 8)) for _ in range(draw.randint(0, 3))]


def reader18(protocol: str) -> Line:
    codec = Reader18Codec(0, detailed=protocol == "uhfreader288")

    def stands(stream: bytes, value: str) -> bool:
        for match in re.finditer(rb"(?=.\x00\x01)", stream, re.DOTALL):
            frame = stream[match.start() : match.start() + stream[match.start()] + 1]
            if len(frame) == frame[0] + 1 and bytes.fromhex(value) in frame and _intact(frame):
                return True
        return False

    return Line(poller(protocol), lambda draw: codec.encode_tags(some_tags(draw)), stands)


_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _intact(frame: bytes) -> bool:
    """Whether its CRC fits: the same polynomial in the other direction, over turned bytes."""
    return binascii.crc_hqx(frame.translate(_TURNED), 0xFFFF) == 0


def r200() -> Line:
    codec = R200Codec()

    def stands(stream: bytes, value: str) -> bool:
        for match in re.finditer(rb"(?=\xbb\x02\x22)", stream):
            at = match.start()
            frame = stream[at : at + int.from_bytes(stream[at + 3 : at + 5], "big") + 7]
            summed = sum(frame[1:-2]) & 0xFF == frame[-2] and frame[-1] == 0x7E
            if summed and frame[8:-4] == bytes.fromhex(value):
                return True
        return False

    return Line(poller("r200"), lambda draw: codec.encode_tags(some_tags(draw)), stands)


def damaged(draw: random.Random, frame: bytes) -> bytes:
    """A frame with a bit flipped, cut short, doubled, or with something in it."""
    at = draw.randrange(len(frame))
    match draw.randrange(4):
        case 0:
            return frame[:at] + bytes([frame[at] ^ 1 << draw.randrange(8)]) + frame[at + 1 :]
        case 1:
            return frame[:at]
        case 2:
            return frame[:at] + frame
        case _:
            return frame[:at] + draw.randbytes(draw.randint(1, 4)) + frame[at:]


def stretches(draw: random.Random, line: Line) -> Iterator[bytes]:
    """Noise, good frames and damaged ones, in pieces as a port gives them."""
    while True:
        match draw.randrange(4):
            case 0:
                data = draw.randbytes(draw.randint(1, 200))
            case 1:
                data = damaged(draw, line.make(draw))
            case 2:
                data = b"".join(line.make(draw) for _ in range(draw.randint(1, 3)))
            case _:
                data = line.make(draw)
        size = draw.randint(1, max(1, len(data)))
        yield from (data[start : start + size] for start in range(0, len(data), size))


def held(protocol: Any) -> int:
    """How much a protocol keeps of what has not ended yet."""
    if isinstance(protocol, QrLines):
        return len(protocol._framer._running)
    return len(protocol._cutter._running) + len(protocol._cutter._noise)


LINES: dict[str, Callable[[], Line]] = {
    "rdm6300": lambda: rfid("rdm6300"),
    "id12": lambda: rfid("id12"),
    "utf-8 lines": lambda: lines("utf-8"),
    "shift-jis lines": lambda: lines("shift-jis"),
    "uhfreader18": lambda: reader18("uhfreader18"),
    "uhfreader288": lambda: reader18("uhfreader288"),
    "r200": r200,
}


def test_every_protocol_is_tried() -> None:
    assert {*CardProtocol, *UhfProtocol} <= set(LINES)


@pytest.mark.parametrize("name", LINES)
def test_random_bytes_identify_only_what_stands_valid_on_the_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(SEED)  # noqa: S311 - a stream to try
    line = LINES[name]()
    protocol, now_ns, stream, fed = line.protocol, 0, b"", 0
    identified = bad = 0
    for piece in stretches(draw, line):
        now_ns += draw.choice([0, MS, 90 * MS, 300 * MS])
        stream = (stream + piece)[-TAIL:]
        read = protocol.feed(piece, now_ns)
        if draw.random() < 0.1:
            read += protocol.silence()
            stream += b"\n" if isinstance(protocol, QrLines) else b""
        if isinstance(protocol, UhfPoller):
            protocol.request(now_ns)
        identities = [each for each in read if isinstance(each, Identification)]
        for each in identities:
            assert line.stands(stream, each.credential.value), f"seed {SEED}"
        identified += len(identities)
        bad += len(read) - len(identities)
        assert all(isinstance(each, Identification | BadFrame) for each in read)
        assert held(protocol) <= MAX_BYTES + 1
        fed += len(piece)
        if fed >= BYTES:
            break
    assert identified
    assert bad
    with capsys.disabled():
        if LONG:
            print(  # noqa: T201 - the figures of the run
                f"\n{name}: {fed:,} bytes, {identified:,} identifications, {bad:,} bad frames told;"
                f" seed {SEED}"
            )


class Lines:
    """Edges as a source gives them."""

    stamp_lag_ns = 0
    measuring = False
    failure = ""

    def __init__(self) -> None:
        self.counts = EdgeCounts()
        self.edges: list[tuple[int, int]] = []

    def drain(self) -> list[tuple[int, int]]:
        drained, self.edges = self.edges, []
        return drained

    def measure(self, *, on: bool) -> None:
        self.measuring = on

    def rises(self) -> list[tuple[int, int]]:
        return []

    def levels(self) -> tuple[bool, bool]:
        return True, True

    def responsive(self, now_ns: int) -> bool:
        return now_ns >= 0

    def lost_until(self, stamp_ns: int) -> int:
        return 0 * stamp_ns

    def close(self) -> None:
        """Nothing is held."""


def parity_fits(bits: str) -> bool:
    """Whether a frame of 26 or 34 bits is even in its first half and odd in its second."""
    half = len(bits) // 2
    return bits[:half].count("1") % 2 == 0 and bits[half:].count("1") % 2 == 1


def card_of(bits: str) -> int:
    """The card of a frame that has a number of 16 bits behind its facility."""
    value = int(bits[1:-1], 2)
    return value >> 16 << 32 | value & 0xFFFF


def test_random_edges_identify_only_frames_with_right_parity(
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw = random.Random(SEED)  # noqa: S311 - edges to try
    settings = {**FIELDS, "kind": "wiegand", "d0": 5, "d1": 6}
    del settings["port"]
    source, clock, posted = Lines(), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), list[Any]()
    loop = Loop(clock, posted.append, lambda: None)
    driver = WiegandDriver(WiegandReader.model_validate(settings), source, loop)
    now_ns, fed, cards, pins, bad, shown = 0, 0, 0, 0, 0, ""
    lengths = (1, 3, 4, 4, 4, 8, 8, 13, 25, 26, 26, 26, 26, 27, 34, 34, 34, 35, 200)
    while fed < EDGES:
        length = draw.choice(lengths)
        value = draw.getrandbits(length)
        bits = [value >> place & 1 for place in range(length)]
        for bit in bits:
            now_ns += draw.choice((200_000, 1_000_000, 2_000_000, 20_000_000))
            source.edges.append((now_ns, bit))
        fed += length
        if draw.random() < 0.5:
            driver.service(now_ns)
        # Mostly a gap that ends the frame, at times one that does not.
        ends = draw.random() < 0.9
        now_ns += 60 * MS if ends else 3 * MS
        driver.service(now_ns)
        shown += "".join(map(str, bits))
        valid = {card_of(f) for f in (shown[:26], shown[:34]) if len(f) > 25 and parity_fits(f)}
        for event in posted:
            match event:
                case Identification(credential=credential):
                    if credential.kind is CredentialKind.CARD:
                        assert credential.value in valid, f"seed {SEED}: {shown}"
                        cards += 1
                    else:
                        assert str(credential.value).isdecimal()
                        pins += 1
                case BadFrame():
                    bad += 1
                case _:
                    assert isinstance(event, KeyPressed | DeviceState | ReplaySuspected)
        posted.clear()
        assert not source.edges
        if ends:
            shown = ""
    assert cards
    assert bad
    with capsys.disabled():
        if LONG:
            print(  # noqa: T201 - the figures of the run
                f"\nwiegand: {fed:,} edges, {cards:,} cards, {pins:,} PINs, {bad:,} bad frames;"
                f" seed {SEED}"
            )
