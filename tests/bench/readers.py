"""Readers on serial ports: what a frame costs, and how long it takes from its last byte to the
event that the loop gets.

A real pseudo-terminal, the driver's own thread, and this thread in the place of the loop. A line of
9,600 baud takes 15 ms for a card and one without a line end waits for its silence; neither is in
these figures.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.credentials.protocols import CARD_PROTOCOLS, UHF_PROTOCOLS
from gateway.credentials.values import Identification
from gateway.hardware.events import HardwareEvent, Loop
from gateway.hardware.reading_settings import ReadingSettings, UhfReading
from gateway.hardware.serial_ports.driver import SerialDriver, SerialProtocol
from gateway.hardware.serial_ports.polled_driver import PolledDriver
from gateway.hardware.serial_ports.qr_lines import QrLines
from gateway.hardware.serial_ports.rfid_frames import RfidFrames
from gateway.hardware.serial_ports.uhf_poller import UhfPoller
from gateway.hardware.simulated.port import SimulatedPort
from gateway.settings import SerialCardReader, SerialQrReader, SerialUhfReader

from .figures import Expectations, p50, p99, say, table

FRAMES = 5_000
SAMPLES = 500
_PACE_S = 0.003
_PATIENCE_S = 10.0
_FIELDS = {"name": "reader", "index": 1, "portal": 1, "port": "simulated"}
_EAGER = ReadingSettings(uhf=UhfReading(same_tag_ms=0, other_tag_ms=0))


@dataclass(frozen=True, slots=True)
class _Kind:
    """One protocol, and the frame of a credential that it has not seen yet."""

    protocol: Callable[[], Any]
    frame: Callable[[random.Random], bytes]


def _card(protocol: str) -> _Kind:
    settings = {**_FIELDS, "kind": "serial_card", "protocol": protocol}
    reader = SerialCardReader.model_validate(settings)
    return _Kind(
        lambda: RfidFrames(reader),
        lambda draw: CARD_PROTOCOLS[reader.protocol].encode(draw.randbytes(5)),
    )


def _uhf(protocol: str) -> _Kind:
    settings = {**_FIELDS, "kind": "serial_uhf", "protocol": protocol}
    reader = SerialUhfReader.model_validate(settings)
    codec = UHF_PROTOCOLS[reader.protocol].codec(reader.address)
    return _Kind(lambda: UhfPoller(reader), lambda draw: codec.encode_tags([draw.randbytes(12)]))


def _lines() -> _Kind:
    reader = SerialQrReader.model_validate({**_FIELDS, "kind": "serial_qr"})
    return _Kind(lambda: QrLines(reader), lambda draw: draw.randbytes(20).hex().encode() + b"\r")


KINDS = {
    "rdm6300": _card("rdm6300"),
    "id12": _card("id12"),
    "40 characters of QR": _lines(),
    "uhfreader18": _uhf("uhfreader18"),
    "r200": _uhf("r200"),
}


def measure(directory: Path, expected: Expectations) -> None:
    """Measure every protocol in turn."""
    say()
    say(
        f"Serial readers: {FRAMES:,} frames of CPU, {SAMPLES} from last byte to event; milliseconds"
    )
    rows = []
    for number, (name, kind) in enumerate(KINDS.items()):
        cost = _cost(kind)
        waits = _waits(kind, directory / f"port{number}")
        rows.append((name, cost, p50(waits), p99(waits), max(waits) / 1e6))
        expected.below(f"{name}: CPU of a frame", cost, 0.5, " ms")
        expected.below(f"{name}: last byte to event, p50", p50(waits), 2.0, " ms")
    table(("protocol", "CPU a frame", "p50", "p99", "max"), rows)


def _cost(kind: _Kind) -> float:
    """CPU milliseconds of one frame, in the loop."""
    draw = random.Random(1)  # noqa: S311 - a sample
    protocol: SerialProtocol = kind.protocol()
    protocol.configure(_EAGER)
    frames = [kind.frame(draw) for _ in range(FRAMES)]
    before_ns = time.thread_time_ns()
    found = sum(len(protocol.feed(frame, at * 1_000)) for at, frame in enumerate(frames))
    spent_ns = time.thread_time_ns() - before_ns
    if found != FRAMES:
        raise RuntimeError(f"{found} of {FRAMES} frames were read")
    return spent_ns / FRAMES / 1e6


def _waits(kind: _Kind, path: Path) -> list[int]:
    """Nanoseconds from the write of a frame to its event."""
    draw = random.Random(2)  # noqa: S311 - a sample
    woken, clock, posted = threading.Event(), SystemClock(), list[HardwareEvent]()
    loop = Loop(clock, posted.append, woken.set)
    protocol = kind.protocol()
    port = SimulatedPort(path)
    make = PolledDriver if isinstance(protocol, UhfPoller) else SerialDriver
    driver: Any = make("reader", str(path), 115_200, protocol, loop)
    driver.configure(_EAGER)

    def turn() -> None:
        """What the loop does between two waits."""
        if not woken.wait(_PATIENCE_S):
            raise RuntimeError("the driver says nothing")
        woken.clear()
        driver.service(clock.monotonic_ns())

    waits = []
    turn()  # the port is open
    for _ in range(SAMPLES):
        time.sleep(_PACE_S)
        frame = kind.frame(draw)
        posted.clear()
        began_ns = clock.monotonic_ns()
        port.send(frame)
        while not any(isinstance(event, Identification) for event in posted):
            turn()
        waits.append(clock.monotonic_ns() - began_ns)
    driver.close()
    port.unplug()
    return waits
