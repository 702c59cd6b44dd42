"""Readers on USB: how long from a card that is laid on, or from the last key of a code, to the
event that the loop gets, and what it costs.

Contactless readers at a real pcscd, whose reader is a virtual one; readers that type on a FIFO that
carries what the kernel would write. The driver's own thread, and this thread in the place of the
loop. The daemon asks its readers several times a second whether a card is there: that wait is in
the first figure of a card and not in the second. CPU is that of this process, with the played card
or keyboard in it and without the daemon.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.clock import SystemClock
from gateway.credentials.values import Identification
from gateway.hardware.events import DeviceState, HardwareEvent, Loop
from gateway.hardware.simulated.keyboard import SimulatedKeyboard, open_simulated_keyboard
from gateway.hardware.usb.hid_driver import HidDriver
from gateway.hardware.usb.pcsc_driver import PcscDriver
from gateway.settings import HidReader, PcscReader

from .figures import Expectations, p50, p99, say, table

CARDS = 40
CODES = 500
_CODE_CHARACTERS = 40
_PACE_S = 0.003
_SETTLING_S = 1.5
"""A card that is noticed earlier may have lain there when the reader was opened."""
_PATIENCE_S = 60.0
_FIELDS = {"name": "reader", "index": 1, "portal": 1}


class _Turns:
    """This thread as a driver's loop."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self._posted: list[HardwareEvent] = []
        self._woken = threading.Event()
        self.loop = Loop(self.clock, self._posted.append, self._woken.set)

    def until(self, driver: HidDriver | PcscDriver, kind: type[HardwareEvent]) -> int:
        """Service `driver` at each wake-up until it has posted a `kind`; when that was."""
        while True:
            driver.service(self.clock.monotonic_ns())
            now_ns = self.clock.monotonic_ns()
            posted, self._posted[:] = list(self._posted), ()
            if any(isinstance(event, kind) for event in posted):
                return now_ns
            if not self._woken.wait(_PATIENCE_S):
                raise RuntimeError(f"the driver says nothing but {posted}")
            self._woken.clear()


def measure(directory: Path, expected: Expectations) -> None:
    """Measure both kinds of reader."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    say()
    say(f"Readers on USB: {CARDS} cards, {CODES} codes of {_CODE_CHARACTERS} characters; ms")
    waits, cpu_ms = _typed(directory / "keyboard")
    rows = [("hid: last key to event", *_shown(waits), cpu_ms)]
    missing = ""
    try:
        with _pcscd(directory) as daemon:
            laid, noticed, cpu_ms = _cards(daemon)
    except pytest.skip.Exception as skipped:
        missing = str(skipped)
    else:
        rows.append(("pcsc: card laid on to event", *_shown(laid), cpu_ms))
        rows.append(("pcsc: noticed by pcscd to event", *_shown(noticed), cpu_ms))
        expected.below("pcsc: noticed by pcscd to event, p50", p50(noticed), 5.0, " ms")
        expected.below("pcsc: CPU of a card", cpu_ms, 5.0, " ms")
    expected.below("hid: last key to event, p50", p50(waits), 5.0, " ms")
    table(("reader", "p50", "p99", "max", "CPU each"), rows)
    if missing:
        expected.missed.append("pcsc: NOT MEASURED")
        say(f"  MISS  PC/SC IS NOT MEASURED: {missing}")


def _shown(waits: list[int]) -> tuple[float, float, float]:
    return p50(waits), p99(waits), max(waits) / 1e6


def _typed(path: Path) -> tuple[list[int], float]:
    """Nanoseconds from the last key of each code to its event; CPU milliseconds of one."""
    draw, turns = random.Random(3), _Turns()  # noqa: S311 - a sample
    keyboard = SimulatedKeyboard(path)
    reader = HidReader.model_validate({**_FIELDS, "kind": "hid", "device": str(path)})
    driver = HidDriver(reader, str(path), turns.loop, opener=open_simulated_keyboard)
    turns.until(driver, DeviceState)
    waits = []
    spent_ns = time.process_time_ns()
    for _ in range(CODES):
        time.sleep(_PACE_S)
        code = draw.randbytes(_CODE_CHARACTERS // 2).hex()
        began_ns = turns.clock.monotonic_ns()
        keyboard.type(code, began_ns)
        waits.append(turns.until(driver, Identification) - began_ns)
    spent_ns = time.process_time_ns() - spent_ns
    driver.close()
    keyboard.unplug()
    return waits, spent_ns / CODES / 1e6


@contextmanager
def _pcscd(directory: Path) -> Iterator[Any]:
    """The daemon that the tests have; raises pytest's Skipped where it cannot be had."""
    tests = import_module("unit.hardware.test_pcscd")
    tests.skip_without_pcscd()
    place = directory / "pcscd"
    place.mkdir()
    os.environ["PCSCLITE_CSOCK_NAME"] = str(place / "run" / "pcscd.comm")
    daemon = tests.Pcscd(place)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def _cards(daemon: Any) -> tuple[list[int], list[int], float]:
    """Nanoseconds to the event of each card since it was laid on, and since it was noticed; CPU
    milliseconds of one."""
    draw, turns = random.Random(4), _Turns()  # noqa: S311 - a sample
    reader = PcscReader.model_validate({**_FIELDS, "kind": "pcsc", "reader": "Virtual PCD 00 00"})
    driver = PcscDriver(reader, turns.loop)
    turns.until(driver, DeviceState)
    time.sleep(_SETTLING_S)
    laid, noticed, spent_ns = [], [], 0
    for _ in range(CARDS):
        serial = b"\x04" + draw.randbytes(6)
        before_ns, began_ns = time.process_time_ns(), turns.clock.monotonic_ns()
        card = daemon.insert(serial.hex())
        ended_ns = turns.until(driver, Identification)
        spent_ns += time.process_time_ns() - before_ns
        laid.append(ended_ns - began_ns)
        noticed.append(ended_ns - card.told_ns[0])
        daemon.remove(card)
    driver.close()
    return laid, noticed, spent_ns / CARDS / 1e6
