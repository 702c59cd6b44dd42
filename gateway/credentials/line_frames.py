"""Lines of text from serial readers: framing by line end or silence, and decoding."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from gateway.errors import BrokenFrame

MAX_BYTES = 2953
"""Capacity of a QR code (version 40, level L)."""

LINE_ENDS = b"\r\n"


@dataclass(frozen=True, slots=True)
class TextLine:
    """The bytes between two line ends or silences; never empty."""

    data: bytes
    at_ns: int
    """Monotonic nanoseconds of the last byte."""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How a reader writes a code: prefix, suffix and encoding."""

    prefix: bytes = b""
    suffix: bytes = b""
    encoding: str = "utf-8"


def text_of(line: TextLine, form: LineFormat | None = None) -> str:
    """Return the code on a line, without prefix and suffix.

    Raises BrokenFrame for a line that is too long, lacks prefix or suffix, holds nothing else, or
    is not text in the encoding. A control byte means a wrong reader protocol, a stray command
    answer (GM65 and relatives put `02 00 00 01 00 33 31` in front of the next code) or damage.
    """
    if len(line.data) > MAX_BYTES:
        raise BrokenFrame(f"more than {MAX_BYTES} bytes without a line end")
    form = form or LineFormat()
    data = _between(line.data, form)
    try:
        text = data.decode(form.encoding)
    except UnicodeDecodeError as error:
        at, name = len(form.prefix) + error.start + 1, form.encoding.upper()
        raise BrokenFrame(f"byte {at} is not {name}: {error.reason}") from error
    for position, char in enumerate(text, 1):
        if unicodedata.category(char) == "Cc":
            raise BrokenFrame(f"character {position} is the control code {ord(char):#04x}")
    return text


def _between(data: bytes, form: LineFormat) -> bytes:
    for name, affix, there in (
        ("prefix", form.prefix, data.startswith(form.prefix)),
        ("suffix", form.suffix, data.endswith(form.suffix)),
    ):
        if not there:
            raise BrokenFrame(f"the {name} {affix!r} is missing")
    held = len(data) - len(form.prefix) - len(form.suffix)
    if held <= 0:
        raise BrokenFrame("there is no code between prefix and suffix")
    return data[len(form.prefix) : len(form.prefix) + held]


class LineFramer:
    """Cuts a stream of bytes into lines that end at CR, LF or a silence.

    The caller at the port reports a silence: a time stamp taken after its wait would mistake a busy
    processor for a silence and split a text.
    A line longer than MAX_BYTES is returned at once with one byte more than that; the rest up to
    its end is dropped.
    """

    def __init__(self) -> None:
        self._running = bytearray()
        self._overlong = False
        self._last_ns = 0

    def feed(self, data: bytes, at_ns: int) -> list[TextLine]:
        """Take bytes that arrived at `at_ns`; returns the lines that they end."""
        self._last_ns = at_ns
        lines = []
        for byte in data:
            if byte in LINE_ENDS:
                lines += self.silence()
            elif not self._overlong:
                self._running.append(byte)
                if len(self._running) > MAX_BYTES:
                    lines += self.silence()
                    self._overlong = True
        return lines

    def silence(self) -> list[TextLine]:
        """End the current line, if any, and return it."""
        ended = [TextLine(bytes(self._running), self._last_ns)] if self._running else []
        self.reset()
        return ended

    def reset(self) -> None:
        """Discard the current line: a partial text could be another person's credential."""
        self._running.clear()
        self._overlong = False
