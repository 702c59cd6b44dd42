"""What the thread of a bus and the loop send each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import DeviceUnavailable
from gateway.hardware.events import DeviceState
from gateway.hardware.osdp.messages import CardBits, KeysTyped
from gateway.hardware.osdp.patterns import Command

PAIRING_S = 120
"""Longest pairing."""


@dataclass(frozen=True, slots=True)
class ReaderRead:
    """A card or keys that count."""

    reader: str
    read: CardBits | KeysTyped
    at_ns: int


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that cannot be read, or does not count."""

    reader: str
    why: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class TamperChanged:
    """The reader's own contact is open, or something pretends to be the reader."""

    reader: str
    active: bool
    at_ns: int


class KeyPhase(StrEnum):
    """How far a new key is."""

    PAIRING = "pairing"
    """A reader in installation mode is awaited."""
    ROTATING = "rotating"
    """The new key was sent over the channel of the old one."""
    DONE = "done"
    """The reader has shown that it knows the key."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KeyProgress:
    """The exchange of a reader's key went on."""

    reader: str
    phase: KeyPhase
    why: str = ""


BusReport = DeviceState | ReaderRead | Broken | TamperChanged | KeyProgress
"""From the thread to the loop."""


@dataclass(frozen=True, slots=True)
class ShowAtReader:
    """Light and sound of one reader."""

    reader: str
    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class PairReader:
    """Begin or end (`on` False) the pairing of one reader."""

    reader: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Give a reader a new key over the channel of the present one."""

    reader: str


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Try to reach a reader now."""

    reader: str


BusOrder = ShowAtReader | PairReader | RotateKey | RetryNow
"""From the loop to the thread."""


def unavailable(reader: str) -> DeviceUnavailable:
    """For an order that needs a reader that answers."""
    return DeviceUnavailable(f"reader {reader!r} is offline: nothing can be sent to it")
