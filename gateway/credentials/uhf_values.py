"""The interface of UHF protocols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.credentials.stream_frames import FrameProtocol


@dataclass(frozen=True, slots=True)
class UhfReply:
    """The contents of one good frame of a reader."""

    tags: tuple[bytes, ...] = ()
    """EPC of each tag seen, first byte first."""
    error: str = ""
    """Error that the reader reports, in words for a technician."""
    last: bool = True
    """False when more frames follow for the same request."""


class UhfCodec(Protocol):
    """Encodes and decodes the frames of one protocol, both directions."""

    @property
    def protocol(self) -> FrameProtocol:
        """The framing of the reader's answers."""

    @property
    def inventory(self) -> bytes:
        """Command that requests the tags in the field."""

    @property
    def identify(self) -> bytes:
        """Command that requests the reader's identity, without RF transmission."""

    def power(self, centidbm: int) -> bytes:
        """Return the command that sets the transmit power, in hundredths of dBm."""

    def reply(self, frame: bytes) -> UhfReply:
        """Decode a frame without a flaw."""

    def acknowledge(self, asked: bytes) -> bytes:
        """Return the success answer to a command; empty for bytes that are not a command."""

    def encode_tags(self, tags: Iterable[bytes]) -> bytes:
        """Return the answer to an inventory that found `tags`.

        Raises ValueError for a tag that the protocol cannot carry.
        """
