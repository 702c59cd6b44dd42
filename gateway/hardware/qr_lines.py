"""QR and barcode readers that send each code as a line of text."""

from __future__ import annotations

from gateway.credentials.line_frames import LINE_ENDS, Line, LineFramer, text_of
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.errors import BrokenFrame
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import SerialQrReader

_BYTES_SHOWN = 256
"""Of a bad frame's bytes, the first so many are reported."""


class QrLines:
    """The lines of one reader."""

    ends = LINE_ENDS

    def __init__(self, reader: SerialQrReader) -> None:
        self.gap_s = reader.gap_ms / 1000
        self._name = reader.name
        self._framer = LineFramer()

    def feed(self, data: bytes, at_ns: int) -> list[Identification | BadFrame]:
        return [self._read(line) for line in self._framer.feed(data, at_ns)]

    def silence(self) -> list[Identification | BadFrame]:
        return [self._read(line) for line in self._framer.silence()]

    def reset(self) -> None:
        self._framer.reset()

    def configure(self, reading: ReadingSettings) -> None:
        """What a code stands for is decided by who looks it up."""

    def _read(self, line: Line) -> Identification | BadFrame:
        try:
            credential = Credential(CredentialKind.QRCODE, text_of(line))
        except BrokenFrame as error:
            return BadFrame(self._name, line.data[:_BYTES_SHOWN].hex(), str(error), line.at_ns)
        return Identification(self._name, credential, line.at_ns)
