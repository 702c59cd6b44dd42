"""The protocol of 125 kHz readers, which repeat a card's frame while it is held."""

from __future__ import annotations

from gateway.credentials.card_number import CardFormat
from gateway.credentials.protocols import CARD_PROTOCOLS
from gateway.credentials.rfid_serial import card_of_tag
from gateway.credentials.stream_frames import Cut, FrameCutter
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import SerialCardReader

_MS = 1_000_000


class RfidFrames:
    """Decodes the frames of one reader; a held card is one identification."""

    ends = b"\x03"
    gap_s = 0.1
    """Several times the longest frame at 9,600 baud."""

    def __init__(self, reader: SerialCardReader) -> None:
        self._name = reader.name
        self._form = CardFormat(reader.number, reader.byte_order)
        self._absent_ns = reader.absent_ms * _MS
        self._protocol = CARD_PROTOCOLS[reader.protocol]
        self._cutter = FrameCutter(self._protocol)
        self._held: dict[bytes, int] = {}
        """When each present tag was last seen."""
        self._received_ns = 0

    def feed(self, data: bytes, at_ns: int) -> list[Identification | BadFrame]:
        self._received_ns = at_ns
        return self._read(self._cutter.feed(data))

    def silence(self) -> list[Identification | BadFrame]:
        return self._read(self._cutter.silence())

    def reset(self) -> None:
        self._cutter.reset()

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: all settings of these readers are in the site file."""

    def _read(self, cuts: list[Cut]) -> list[Identification | BadFrame]:
        at_ns, read = self._received_ns, list[Identification | BadFrame]()
        for cut in cuts:
            if cut.flaw:
                read.append(BadFrame(self._name, cut.data.hex(), cut.flaw, at_ns))
                continue
            tag = self._protocol.tag(cut.data)
            if not self._is_held(tag, at_ns):
                card = Credential(CredentialKind.CARD, card_of_tag(tag, self._form))
                read.append(Identification(self._name, card, at_ns))
        return read

    def _is_held(self, tag: bytes, at_ns: int) -> bool:
        """Return whether the tag was present within the absence time, and note it as present."""
        held = {
            other: seen_ns
            for other, seen_ns in self._held.items()
            if at_ns - seen_ns < self._absent_ns
        }
        self._held = {**held, tag: at_ns}
        return tag in held
