"""The simulated board's memory: levels, edge counts and recent edges, in a file.

The file is mapped into the controller's memory, so it outlives a killed controller as a real
board's output latches do, and another process can read it. One writer at a time; the runtime
directory's lock sees to that.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

import structlog

from gateway.errors import DeviceUnavailable
from gateway.files import move_aside

log = structlog.get_logger("hardware")

PINS = 64
HISTORY = 4096
"""Edges kept, the latest ones."""

_MAGIC = b"gwboard\x01"
_HEADER = struct.Struct("<8sQ")
"""Magic with the layout's version; edges counted since the board was made."""
_PIN = struct.Struct("<BBB5xQ")
"""Function, level, moved from outside, edges."""
_EDGE = struct.Struct("<QB?6x")
"""Stamp in monotonic nanoseconds, pin, level after the edge."""
_EDGES_AT = _HEADER.size + PINS * _PIN.size
_SIZE = _EDGES_AT + HISTORY * _EDGE.size


class PinFunction(IntEnum):
    """What a pin was last claimed as; an output stays one when its owner dies."""

    UNCLAIMED = 0
    INPUT = 1
    OUTPUT = 2


@dataclass(frozen=True, slots=True)
class PinRecord:
    """One pin of the board."""

    function: PinFunction
    high: bool
    driven: bool
    """True once something outside the board set the level, so that a pull no longer does."""
    edges: int
    """Level changes of a claimed pin since the board was made."""


@dataclass(frozen=True, slots=True)
class EdgeRecord:
    """One level change of a claimed pin."""

    stamp_ns: int
    pin: int
    high: bool


def record_path(runtime_dir: Path) -> Path:
    """Where the simulated board of a runtime directory keeps its record."""
    return runtime_dir / "board.record"


class BoardRecord:
    """The mapped record, open for writing (the board itself) or for reading (anybody)."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @classmethod
    def open(cls, path: Path, boot_level: Callable[[int], bool]) -> Self:
        """The record at `path` for its board; a missing one is made: every pin at its boot level.

        What is no record of this version is put aside. Raises DeviceUnavailable when none can be
        written.
        """
        try:
            if os.path.lexists(path):
                try:
                    return cls._opened(path)
                except OSError as error:
                    aside = move_aside(path)
                    log.warning("a new simulated board", why=str(error), aside=str(aside))
            _make(path, boot_level)
            return cls._opened(path)
        except OSError as error:
            raise DeviceUnavailable(f"the simulated board's record {path}: {error}") from error

    @classmethod
    def _opened(cls, path: Path) -> Self:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return cls(_map(path, descriptor, mmap.ACCESS_WRITE))
        finally:
            os.close(descriptor)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record at `path`, read-only and live; raises DeviceUnavailable as `open`."""
        try:
            with path.open("rb") as file:
                return cls(_map(path, file.fileno(), mmap.ACCESS_READ))
        except OSError as error:
            raise DeviceUnavailable(f"the simulated board's record {path}: {error}") from error

    def pin(self, number: int) -> PinRecord:
        """What is known of one pin."""
        function, high, driven, edges = _PIN.unpack_from(self._memory, _pin_at(number))
        return PinRecord(PinFunction(function), bool(high), bool(driven), edges)

    def claim(self, number: int, function: PinFunction) -> None:
        """Note what a pin is used as; its level stays."""
        old = self.pin(number)
        driven = old.driven and function is not PinFunction.OUTPUT
        self._write(number, PinRecord(function, old.high, driven, old.edges))

    def settle(self, number: int, *, high: bool, driven: bool) -> None:
        """Note a level that is none of the board's doing and no edge: a pull, a wire fitted."""
        old = self.pin(number)
        self._write(number, PinRecord(old.function, high, driven, old.edges))

    def edge(self, number: int, *, high: bool, driven: bool, stamp_ns: int) -> None:
        """Note a level change."""
        old = self.pin(number)
        count = self.edge_count
        # The history goes first: what a kill between the steps leaves is an uncounted last entry.
        slot = _EDGES_AT + count % HISTORY * _EDGE.size
        _EDGE.pack_into(self._memory, slot, max(stamp_ns, 0), number, high)
        self._write(number, PinRecord(old.function, high, driven, old.edges + 1))
        _HEADER.pack_into(self._memory, 0, _MAGIC, count + 1)

    @property
    def edge_count(self) -> int:
        """Edges of all pins since the board was made."""
        return int(_HEADER.unpack_from(self._memory, 0)[1])

    def recent(self, limit: int = HISTORY) -> list[EdgeRecord]:
        """The latest edges, oldest first."""
        count = self.edge_count
        first = max(count - min(limit, HISTORY), 0)
        return [self._edge(index % HISTORY) for index in range(first, count)]

    def close(self) -> None:
        """Unmap the file; it stays."""
        self._memory.close()

    def _edge(self, slot: int) -> EdgeRecord:
        return EdgeRecord(*_EDGE.unpack_from(self._memory, _EDGES_AT + slot * _EDGE.size))

    def _write(self, number: int, pin: PinRecord) -> None:
        _PIN.pack_into(self._memory, _pin_at(number), pin.function, pin.high, pin.driven, pin.edges)


def _pin_at(number: int) -> int:
    if not 0 <= number < PINS:
        raise ValueError(f"pin {number} is not in 0..{PINS - 1}")
    return _HEADER.size + number * _PIN.size


def _map(path: Path, descriptor: int, access: int) -> mmap.mmap:
    if os.fstat(descriptor).st_size == _SIZE:
        memory = mmap.mmap(descriptor, 0, access=access)
        if memory[: len(_MAGIC)] == _MAGIC:
            return memory
        memory.close()
    raise DeviceUnavailable(f"{path} is not a board record of this version")


def _make(path: Path, boot_level: Callable[[int], bool]) -> None:
    """Write a new record beside `path` and move it there, so that nobody reads half of one."""
    pins: Iterator[bytes] = (
        _PIN.pack(PinFunction.UNCLAIMED, boot_level(number), 0, 0) for number in range(PINS)
    )
    parts: Iterable[bytes] = (_HEADER.pack(_MAGIC, 0), *pins, bytes(HISTORY * _EDGE.size))
    draft = path.with_suffix(".new")
    draft.write_bytes(b"".join(parts))
    draft.replace(path)
