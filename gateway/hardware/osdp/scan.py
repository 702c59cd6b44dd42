"""Finds the readers of a bus by asking each address at each speed who is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.hardware.osdp.packets import (
    CAPABILITIES,
    ID,
    PDCAP,
    PDID,
    answer_to,
    encrypts,
    identity_of,
    question,
)
from gateway.hardware.osdp.polls import next_message
from gateway.hardware.osdp.reports import ReaderIdentity
from gateway.settings import OSDP_SPEEDS

if TYPE_CHECKING:
    import serial

ADDRESSES = range(127)
_USUAL = range(8)
"""Asked first, at every speed."""
ANSWER_S = 0.2
"""The standard gives a reader so long."""
_STEP_S = 0.003
_NOISE = 4
"""Bytes without a packet in them that are more than the noise of a line that is switched."""
MOST_FOUND = 254
"""After so many answers, most of which cannot be readers, a scan ends."""
_BITS = 10
"""Of a byte on the line."""


@dataclass(frozen=True, slots=True)
class FoundReader:
    """What answered a scan."""

    address: int
    baud: int
    identity: ReaderIdentity | None
    """None for answers that cannot be read: several readers at one address, or a bad line."""
    secure: bool = False
    """It knows how to encrypt."""


@dataclass(slots=True)
class ScanProgress:
    """How far a scan is."""

    steps: int
    done: int = 0
    running: bool = True
    why: str = ""
    """Why it ended early."""
    found: list[FoundReader] = field(default_factory=list)

    @property
    def longest_s(self) -> int:
        """How long it takes at most, from its beginning."""
        return round(self.steps * (ANSWER_S + 0.02)) + 1


def plan(
    speeds: Sequence[int] = OSDP_SPEEDS, addresses: Sequence[int] = ADDRESSES
) -> list[tuple[int, int]]:
    """Speeds and addresses to ask, the likely ones first."""
    usual = [it for it in addresses if it in _USUAL]
    others = [it for it in addresses if it not in _USUAL]
    return [(speed, it) for part in (usual, others) for speed in speeds for it in part]


def scan(
    port: serial.Serial,
    steps: Sequence[tuple[int, int]],
    progress: ScanProgress,
    *,
    on: Callable[[], bool],
    pause: Callable[[float], object] = time.sleep,
) -> Iterator[FoundReader]:
    """Ask each of `steps` while `on`; `port` must not block, and nobody else may use it. Yields
    what answers, which `progress` gets, too. Raises OSError."""
    for baud, address in steps:
        if len(progress.found) >= MOST_FOUND:
            progress.why = "noise on the line answers everywhere"
            break
        if not on():
            break
        if port.baudrate != baud:
            port.baudrate = baud
        found = _ask(port, baud, address, pause)
        progress.done += 1
        if found is not None:
            progress.found.append(found)
            yield found


def _ask(
    port: serial.Serial, baud: int, address: int, pause: Callable[[float], object]
) -> FoundReader | None:
    told = _answer(port, baud, address, question(address, 0, ID, b"\0"), pause)
    if isinstance(told, int):
        if told < _NOISE:
            return None
        # Once more: it may have been noise.
        told = _answer(port, baud, address, question(address, 0, ID, b"\0"), pause)
    if isinstance(told, int):
        return FoundReader(address, baud, None) if told >= _NOISE else None
    identity = identity_of(told[1]) if told[0] == PDID else None
    able = _answer(port, baud, address, question(address, 1, CAPABILITIES, b"\0"), pause)
    secure = not isinstance(able, int) and able[0] == PDCAP and encrypts(able[1])
    return FoundReader(address, baud, identity, secure)


def _answer(
    port: serial.Serial, baud: int, address: int, asked: bytes, pause: Callable[[float], object]
) -> tuple[int, bytes] | int:
    """Code and data of the answer, or how many bytes came that are none."""
    port.reset_input_buffer()
    port.write(asked)
    end_s = time.monotonic() + _BITS * len(asked) / baud + ANSWER_S
    last_s = end_s + ANSWER_S
    come, left = 0, b""
    while time.monotonic() < end_s:
        data = port.read(1024)
        if data:
            end_s = min(last_s, max(end_s, time.monotonic() + ANSWER_S / 4))  # for the rest
        come += len(data)
        packet, left = next_message(left + data)
        while packet:
            answer = answer_to(address, packet)
            if answer is not None:
                return answer
            if packet.removeprefix(b"\xff") == asked.removeprefix(b"\xff"):
                come -= len(asked)  # an adapter that hears itself
            packet, left = next_message(left)
        pause(_STEP_S)
    return come
