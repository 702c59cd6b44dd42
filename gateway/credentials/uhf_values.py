"""What a UHF reader of any protocol answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.credentials.stream_frames import FrameProtocol


@dataclass(frozen=True, slots=True)
class UhfReply:
    """One good frame of a reader."""

    tags: tuple[bytes, ...] = ()
    """The EPC of each tag seen, first byte first."""
    error: str = ""
    """What the reader says is wrong, in words for a technician."""
    last: bool = True
    """False when more frames answer the same request."""


class UhfCodec(Protocol):
    """The frames of one protocol, those of the controller and those of the reader."""

    @property
    def protocol(self) -> FrameProtocol:
        """How a frame of the reader looks."""

    @property
    def inventory(self) -> bytes:
        """Asks which tags are in the field."""

    @property
    def identify(self) -> bytes:
        """Asks what the reader is; nothing is transmitted for it."""

    def power(self, centidbm: int) -> bytes:
        """Sets the transmit power, in hundredths of dBm."""

    def reply(self, frame: bytes) -> UhfReply:
        """What a frame says in which the shape finds no flaw."""

    def acknowledge(self, asked: bytes) -> bytes:
        """The answer that a command was carried out; empty to bytes that are none."""

    def encode_tags(self, tags: Iterable[bytes]) -> bytes:
        """The answer to an inventory that found `tags`.

        Raises ValueError for a tag that the protocol cannot carry.
        """
