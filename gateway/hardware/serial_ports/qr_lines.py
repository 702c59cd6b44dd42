"""The protocol of readers that send each code or card number as a line of text."""

from __future__ import annotations

from gateway.credentials.burst_filter import BurstFilter
from gateway.credentials.card_number import CardFormat
from gateway.credentials.line_frames import LineFormat, LineFramer, TextLine, text_of
from gateway.credentials.texts import credential_of_text
from gateway.credentials.values import BadFrame, Identification
from gateway.errors import BrokenFrame
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import SerialQrReader


class QrLines:
    """Decodes the lines of one reader."""

    ends = b""
    """Empty: the silence after a line separates reads."""

    def __init__(self, reader: SerialQrReader) -> None:
        self.gap_s = reader.gap_ms / 1000
        self._name = reader.name
        self._framer = LineFramer()
        self._burst = BurstFilter(reader.name)
        self._shows = reader.shows
        self._card = CardFormat(reader.number, reader.byte_order)
        self._line = LineFormat(
            reader.prefix.encode(reader.encoding),
            reader.suffix.encode(reader.encoding),
            reader.encoding,
        )

    def feed(self, data: bytes, at_ns: int) -> list[Identification | BadFrame]:
        return self._read(self._framer.feed(data, at_ns))

    def silence(self) -> list[Identification | BadFrame]:
        return [*self._read(self._framer.silence()), *self._burst.silence()]

    def reset(self) -> None:
        self._framer.reset()
        self._burst.silence()

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: the look-up applies the QR mode."""

    def _read(self, lines: list[TextLine]) -> list[Identification | BadFrame]:
        read = list[Identification | BadFrame]()
        for line in lines:
            try:
                text = text_of(line, self._line)
                credential = credential_of_text(text, self._shows, self._card)
            except BrokenFrame as error:
                read.append(BadFrame(self._name, line.data.hex(), str(error), line.at_ns))
            else:
                read += self._burst.take(Identification(self._name, credential, line.at_ns))
        return read
