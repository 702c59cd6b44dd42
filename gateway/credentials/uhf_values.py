"""What a UHF reader answers, whichever family it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.credentials.stream_frames import FrameShape


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
    """The frames of one family of readers, both ways."""

    @property
    def shape(self) -> FrameShape:
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
