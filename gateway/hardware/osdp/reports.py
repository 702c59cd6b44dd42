"""What the thread of a bus and the loop send each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class ReaderInputChanged:
    """An input of the reader."""

    reader: str
    number: int
    active: bool | None
    """None: not known any more."""
    why: str
    """Why it is not known."""
    at_ns: int


class KeyPhase(StrEnum):
    """How far an exchange is: a new key, or another address and speed."""

    PAIRING = "pairing"
    """A reader in installation mode is awaited."""
    ROTATING = "rotating"
    """The new key was sent over the channel of the old one."""
    MOVING = "moving"
    """Another address and speed were sent over the channel."""
    DONE = "done"
    """The reader has shown that it knows the key."""
    MOVED = "moved"
    """It has another address and speed, and is found there."""
    FAILED = "failed"


class KeyFailure(StrEnum):
    """Why an exchange with a reader failed."""

    CALLED_OFF = "called_off"
    NOBODY = "nobody"
    """No reader in installation mode answered in time."""
    NO_CHANNEL = "no_channel"
    """A new key needs the secure channel of the present one."""
    NOT_TAKEN = "not_taken"
    """The reader refused the new key, or was lost meanwhile."""
    NOT_MOVED = "not_moved"
    """The reader refused another address and speed, or was lost meanwhile."""
    LOST = "lost"
    """The reader took another address and speed, and is not found there."""
    PORT = "port"
    NOT_STORED = "not_stored"
    """The file of keys cannot be written."""


FAILURES: Mapping[KeyFailure, str] = {
    KeyFailure.CALLED_OFF: "it was called off",
    KeyFailure.NOBODY: f"no reader in installation mode answered within {PAIRING_S} s",
    KeyFailure.NO_CHANNEL: "the reader has no secure channel now",
    KeyFailure.NOT_TAKEN: "the reader did not take the key; both are tried",
    KeyFailure.NOT_MOVED: "the reader did not take another address and speed; if it is not online"
    " soon, search for it with gateway osdp scan",
    KeyFailure.LOST: "the reader took another address and speed, and is not there; the former ones"
    " are tried again. If it stays offline, switch it off and on, and search for it with gateway"
    " osdp scan",
    KeyFailure.PORT: "the port of the bus has failed",
    KeyFailure.NOT_STORED: "the key cannot be stored",
}
"""In words."""


@dataclass(frozen=True, slots=True)
class KeyProgress:
    """The exchange with a reader went on."""

    reader: str
    phase: KeyPhase
    failure: KeyFailure | None = None
    detail: str = ""
    """What the system says of the failure, or what else must be done."""
    until_ms: int | None = None
    """Monotonic milliseconds when a pairing ends by itself."""

    @property
    def why(self) -> str:
        """Why it failed or what else must be done, in words."""
        words = FAILURES[self.failure] if self.failure else ""
        return ": ".join(filter(None, (words, self.detail)))

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.phase not in {KeyPhase.DONE, KeyPhase.MOVED, KeyPhase.FAILED}


@dataclass(frozen=True, slots=True)
class ReaderIdentity:
    """What a reader says of itself. Numbers are the maker's own."""

    vendor: int
    """Of 24 bits: the maker's part of an Ethernet address."""
    model: int
    version: int
    serial: int
    firmware: int
    """Three bytes: major, minor, build."""


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """What is known of a reader, besides its health."""

    reader: str
    paired: bool = False
    """There is a key of this controller's for it."""
    tamper: bool = False
    """Its own contact is open."""
    power_fault: bool = False
    new_serial: bool = False
    """It has the key, but not the serial number that it was paired with."""
    dropped: bool = False
    """Messages outside its secure channel were dropped since that was last established."""
    identity: ReaderIdentity | None = None
    """As of its latest secure channel since the port was opened."""


BusReport = (
    DeviceState
    | ReaderRead
    | Broken
    | TamperChanged
    | ReaderInputChanged
    | KeyProgress
    | ReaderFacts
)
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
class MoveReader:
    """Give a reader another address and speed over its secure channel."""

    reader: str
    address: int
    baud: int


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Try to reach a reader now."""

    reader: str


BusOrder = ShowAtReader | PairReader | RotateKey | MoveReader | RetryNow
"""From the loop to the thread."""


def unavailable(reader: str) -> DeviceUnavailable:
    """For an order that needs a reader that answers."""
    return DeviceUnavailable(f"reader {reader!r} is offline: nothing can be sent to it")
