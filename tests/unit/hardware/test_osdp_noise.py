"""Random bytes and forged packets from the bus into the driver, a million bytes in `make fuzz`.

A real reader with its key is on the bus, behind a line that flips bits, replays what the reader has
said, forges answers to the driver's own questions and adds noise. Nobody presents a card meanwhile,
so whatever identifies or types a key is forged.
"""

from __future__ import annotations

import binascii
import os
import random
import select
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import serial

from gateway.clock import ManualClock
from gateway.credentials.values import Identification
from gateway.credentials.wiegand import FORMATS, encode
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import DeviceState, HardwareEvent, KeyPressed, Loop
from gateway.hardware.osdp.bus import LIBRARY_FAILED, OsdpBus
from gateway.hardware.osdp.keys import KeyFile, ReaderKeys, new_key
from gateway.hardware.osdp.reports import RetryNow
from gateway.hardware.osdp.station import CHANNEL_LOST
from gateway.hardware.osdp.supervision import CONNECTING, REFUSES, SILENT, UNPAIRED
from gateway.hardware.simulated.osdp_readers import OsdpReaders
from gateway.settings import OsdpReader

pytestmark = pytest.mark.hypothesis  # more of it in `make fuzz`

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
BYTES = 1_000_000 if LONG else 5_000
SEED = random.SystemRandom().randrange(1 << 32) if LONG else 1

CARD = b"\0\1\x1a\0" + bytes.fromhex("123456c0")
"""Reader, format, number of bits, and the bits."""
KEYS = b"\0\x051234#"
REPLIES = (0x40, 0x41, 0x45, 0x46, 0x48, 0x49, 0x50, 0x51, 0x53, 0x54, 0x76, 0x78, 0x79, 0x7A, 0x90)
"""Every answer that the library knows, and some more."""
_PAUSE_S = 0.002
EPISODE = 5_000
"""Bytes of noise between two secure channels."""
TURNS = 20_000
"""Most turns of the line for one condition: a minute or more."""
WHYS = {"", CHANNEL_LOST, CONNECTING, LIBRARY_FAILED, REFUSES, SILENT, UNPAIRED}


def packet(address: int, control: int, body: bytes) -> bytes:
    """A whole message of a reader, with a checksum that fits."""
    head = bytes((0x53, address | 0x80)) + (len(body) + 7).to_bytes(2, "little")
    message = head + bytes((control | 0x04,)) + body
    return message + binascii.crc_hqx(message, 0x1D0F).to_bytes(2, "little")


class NoisyLine:
    """Between the driver's port and the readers' one, and in nobody's trust."""

    def __init__(self, port: Path, far: Path, draw: random.Random) -> None:
        self.density = 0.0
        """Share of turns in which something is added."""
        self.carried = 0
        """Bytes that the driver's port took."""
        self._draw = draw
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        port.symlink_to(os.ttyname(self._slave))
        self._far = serial.Serial(str(far), timeout=0)
        self._asked = b""
        self._said: deque[bytes] = deque([b"\xff"], maxlen=200)

    def turn(self) -> None:
        """Pass on what came, soon, and add to it."""
        select.select([self._master, self._far.fileno()], [], [], _PAUSE_S)
        with suppress(BlockingIOError):
            asked = os.read(self._master, 1024)
            self._far.write(asked)
            at = asked.find(0x53)
            self._asked = asked[at:] if 0 <= at < len(asked) - 5 else self._asked
        said = self._far.read(1024)
        if said:
            self._said.append(said)
        harmed = self._draw.random() < self.density
        for piece in self._pieces(said) if harmed else (said,):
            with suppress(BlockingIOError):
                self.carried += os.write(self._master, piece)

    def _pieces(self, said: bytes) -> Iterator[bytes]:
        draw = self._draw
        address, control = (self._asked[1] & 0x7F, self._asked[4] & 3) if self._asked else (0, 0)
        match draw.randrange(8):
            case 0:
                yield draw.randbytes(draw.randint(1, 300))
            case 1:
                yield self._damaged(said or draw.choice(self._said))
                return
            case 2:
                yield draw.choice(self._said)
            case 3:
                yield packet(address, control, b"\x50" + CARD)
            case 4:
                yield packet(address, draw.randrange(4), b"\x53" + KEYS)
            case 5:
                code = bytes((draw.choice(REPLIES),))
                yield packet(address, control, code + draw.randbytes(draw.randint(0, 60)))
            case 6:
                kind = draw.choice((0x12, 0x14, 0x16, 0x18))
                block = bytes((3, kind, draw.randrange(2), draw.choice(REPLIES)))
                yield packet(address, control | 0x08, block + draw.randbytes(draw.randint(0, 60)))
        yield said

    def _damaged(self, message: bytes) -> bytes:
        harmed = bytearray(message)
        at = self._draw.randrange(len(harmed))
        if self._draw.random() < 0.5:
            harmed[at] ^= 1 << self._draw.randrange(8)
        else:
            del harmed[at:]
        return bytes(harmed)

    def close(self) -> None:
        self._far.close()
        os.close(self._master)
        os.close(self._slave)


def test_noise_and_forged_packets_identify_nobody_and_the_reader_is_back_after_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_key()
    keys = KeyFile(tmp_path / "keys.json")
    keys.put("front", ReaderKeys(key))
    events: list[HardwareEvent] = []
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    fields = {"name": "front", "index": 1, "portal": 1, "kind": "osdp", "port": "/dev/ttyX"}
    settings = OsdpReader.model_validate({**fields, "baud": 115_200})
    with ExitStack() as stack:
        far = tmp_path / "far"
        played = OsdpReaders(far, [{"name": "front", "address": 0, "key": key.hex()}])
        stack.callback(played.close)
        assert played.answer() == "ready"
        draw = random.Random(SEED)  # noqa: S311 - a stream to try
        line = NoisyLine(tmp_path / "port", far, draw)
        stack.callback(line.close)
        backoff = Backoff(first_s=0.01, longest_s=0.05)
        loop = Loop(clock, events.append, lambda: None)
        bus = OsdpBus([settings], str(tmp_path / "port"), keys, loop, backoff=backoff)
        stack.callback(bus.close)

        def until(condition: Callable[[], bool]) -> None:
            for number in range(TURNS):
                if number % 500 == 0:
                    bus.order(RetryNow("front"))  # a reader that is lost is asked seldom
                line.turn()
                bus.service(0)
                if condition():
                    return
            raise AssertionError(
                f"the driver takes or says nothing more after {line.carried} bytes; seed {SEED}"
            )

        def online() -> bool:
            return [it.online for it in events if isinstance(it, DeviceState)][-1:] == [True]

        channels = 0
        while line.carried < BYTES:
            # Into a channel that is up, and then until it is lost or the noise is all there is.
            line.density = 0.0
            until(online)
            channels += 1
            line.density, goal = draw.choice((0.1, 0.3, 1.0)), line.carried + EPISODE
            until(partial(lambda goal: line.carried >= goal, goal))
        assert not [it for it in events if isinstance(it, Identification | KeyPressed)], (
            f"seed {SEED}"
        )
        states = [it for it in events if isinstance(it, DeviceState)]
        assert {it.why for it in states} <= WHYS, f"seed {SEED}"
        # The driver lives, and its key is untouched: the reader is back, and reads.
        line.density = 0.0
        until(online)
        played.order({"reader": "front", "card": encode(FORMATS["w26"], 1, 7)})
        until(lambda: any(isinstance(it, Identification) for it in events))
    if LONG:
        with capsys.disabled():
            print(  # noqa: T201 - the figures of the run
                f"\nosdp: {line.carried:,} bytes in {channels:,} channels; seed {SEED}"
            )
