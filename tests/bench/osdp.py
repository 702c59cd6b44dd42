"""OSDP readers: how long from a card to the event that the loop gets, and from a cable that is
plugged in again to a reader that is back.

Two readers with keys of their own on one bus of pseudo-terminals, in a process of their own; a
third process is the line between, which takes the time of 10 bits for each byte. The driver's own
thread, and this thread in the place of the loop.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import select
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import serial
import structlog

from gateway.clock import SystemClock
from gateway.credentials.values import Identification
from gateway.credentials.wiegand import FORMATS, encode
from gateway.hardware.events import DeviceState, HardwareEvent, Loop
from gateway.hardware.osdp.bus import OsdpBus
from gateway.hardware.osdp.keys import KeyFile, ReaderKeys, new_key
from gateway.hardware.simulated.osdp_readers import OsdpReaders
from gateway.settings import OsdpReader

from .figures import Expectations, p50, p99, say, table

CARDS = 100
CUTS = 5
SPEEDS = {9_600: (84.0, 127.0), 115_200: (53.0, 116.0)}
"""Bauds -> p50 and the slowest that were found when the library was chosen, in ms."""
BACK_S = 3.0
_NAMES = ("front", "back")
_FIELDS = {"portal": 1, "kind": "osdp", "port": "/dev/ttyX"}
_BITS = 10
_PATIENCE_S = 30.0
_LOST_S = 3.0
"""A card that takes longer is lost."""


def measure(directory: Path, expected: Expectations) -> None:
    """Measure at each speed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    say()
    say(f"OSDP: two readers on a bus, {CARDS} cards and {CUTS} cuts at each speed; ms")
    rows = []
    for baud, (median, slowest) in SPEEDS.items():
        with _bus(directory, baud) as bus:
            waits = bus.cards(CARDS, _NAMES)
            backs, others = bus.cuts(CUTS)
        rows += [
            (f"{baud} Bd: card to event", *_shown(waits)),
            (f"{baud} Bd: card at the other one while one is cut", *_shown(others)),
            (f"{baud} Bd: plugged in to back", *_shown(backs)),
        ]
        expected.below(f"osdp at {baud} Bd: card to event, p50", p50(waits), median, " ms")
        expected.below(f"osdp at {baud} Bd: card to event, p99", p99(waits), slowest, " ms")
        expected.below(f"osdp at {baud} Bd: lost cards", bus.lost, 0, "")
        expected.below(f"osdp at {baud} Bd: longest to be back", max(backs) / 1e9, BACK_S, " s")
    table(("bus", "p50", "p99", "max"), rows)


def _shown(waits: Sequence[int]) -> tuple[float, float, float]:
    return p50(waits), p99(waits), max(waits) / 1e6


class _Bus:
    """The driver, and this thread as its loop."""

    def __init__(self, driver: OsdpBus, played: OsdpReaders, events: list[HardwareEvent]) -> None:
        self._driver = driver
        self._played = played
        self._events = events
        self._online: dict[str, bool] = {}
        self.lost = 0
        """Cards that never arrived."""
        self._draw = random.Random(5)  # noqa: S311 - a sample

    def until(
        self, condition: Callable[[HardwareEvent], bool], patience_s: float = _PATIENCE_S
    ) -> int:
        """Nanoseconds until an event for which `condition` holds; raises TimeoutError."""
        began_ns = time.monotonic_ns()
        while time.monotonic_ns() - began_ns < patience_s * 1e9:
            self._driver.service(0)
            events, self._events[:] = list(self._events), ()
            for event in events:
                if isinstance(event, DeviceState):
                    self._online[event.device] = event.online
            if any(condition(event) for event in events):
                return time.monotonic_ns() - began_ns
            time.sleep(0.0005)
        raise TimeoutError(f"the driver says nothing more; online: {self._online}")

    def both_online(self) -> None:
        self.until(lambda _event: all(self._online.get(name) for name in _NAMES))

    def cards(self, count: int, names: Sequence[str]) -> list[int]:
        """Present cards at these readers in turn."""
        waits = []
        for number in range(count):
            time.sleep(self._draw.uniform(0.05, 0.15))  # at any time between two polls
            name, bits = names[number % len(names)], encode(FORMATS["w26"], 1, number)
            self._played.order({"reader": name, "card": bits})
            read = partial(_read_at, name)
            try:
                waits.append(self.until(read, _LOST_S))
            except TimeoutError:
                self.lost += 1
        return waits

    def cuts(self, count: int) -> tuple[list[int], list[int]]:
        """Cut one reader, present cards at the other, and plug the first one in again."""
        backs, waits = [], []
        for _ in range(count):
            self._played.order({"reader": "front", "plugged": False})
            self.until(lambda _event: not self._online["front"])
            waits += self.cards(CARDS // 10, ("back",))
            self._played.order({"reader": "front", "plugged": True})
            backs.append(self.until(lambda _event: self._online["front"]))
            if not self._online["back"]:
                raise RuntimeError("the other reader went offline too")
        return backs, waits


def _read_at(name: str, event: HardwareEvent) -> bool:
    return isinstance(event, Identification) and event.reader == name


@contextmanager
def _bus(directory: Path, baud: int) -> Iterator[_Bus]:
    place = directory / f"osdp-{baud}"
    place.mkdir()
    keys = {name: new_key() for name in _NAMES}
    file = KeyFile(place / "keys.json")
    for name, key in keys.items():
        file.put(name, ReaderKeys(key))
    ends = [
        {"name": name, "address": address, "key": keys[name].hex()}
        for address, name in enumerate(_NAMES)
    ]
    readers = [
        OsdpReader.model_validate(
            {**_FIELDS, "name": name, "index": address + 1, "address": address, "baud": baud}
        )
        for address, name in enumerate(_NAMES)
    ]
    far, near = place / "far", place / "near"
    played = OsdpReaders(far, ends)
    played.answer()
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    line = context.Process(target=_line, args=(str(near), str(far), baud, ready), daemon=True)
    line.start()
    ready.wait(_PATIENCE_S)
    events: list[HardwareEvent] = []
    driver = OsdpBus(readers, str(near), file, Loop(SystemClock(), events.append, lambda: None))
    try:
        bus = _Bus(driver, played, events)
        bus.both_online()
        yield bus
    finally:
        driver.close()
        line.terminate()
        line.join()
        played.close()


def _line(near: str, far: str, baud: int, ready: Any) -> None:
    """The line: half duplex, so a byte of either side waits for the one before it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    Path(near).symlink_to(os.ttyname(slave))
    port = serial.Serial(far, timeout=0)  # it closes itself when nobody has it any more
    other = port.fileno()
    ready.set()
    byte_s, free_s = _BITS / baud, 0.0
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        due_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select([master, other], [], [], due_s)[0]:
            # A message of the driver goes on when it is whole, an answer byte by byte.
            data = os.read(end, 1024)
            for piece in (data,) if end == master else [bytes((byte,)) for byte in data]:
                free_s = max(free_s, time.monotonic()) + byte_s * len(piece)
                waiting.append((free_s, other if end == master else master, piece))
        while waiting and waiting[0][0] <= time.monotonic():
            _due_s, end, data = waiting.popleft()
            os.write(end, data)
