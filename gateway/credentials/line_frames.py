"""Texts of serial readers: framing by line end or silence, and the check of what was framed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from gateway.errors import BrokenFrame

MAX_BYTES = 2953
"""The most a QR code can hold (version 40, level L, bytes)."""

LINE_ENDS = b"\r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """The bytes between two line ends or silences; never empty."""

    data: bytes
    at_ns: int
    """When its last byte came."""


def text_of(line: Line) -> str:
    """The text of a line; raises BrokenFrame when it is too long, not UTF-8 or has control bytes.

    A control byte in a text is a reader set to another protocol, or damage: never a credential.
    """
    if len(line.data) > MAX_BYTES:
        raise BrokenFrame(f"more than {MAX_BYTES} bytes without a line end")
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenFrame(f"byte {error.start + 1} is not UTF-8: {error.reason}") from error
    for position, char in enumerate(text, 1):
        if unicodedata.category(char) == "Cc":
            raise BrokenFrame(f"character {position} is the control code {ord(char):#04x}")
    return text


class LineFramer:
    """Cuts a stream of bytes into lines that end at CR, LF or a silence.

    Whether there was a silence is for the one who waits at the port to say: stamps taken after
    the wait would take a busy processor for one, and hand out half a text.
    A line that passes MAX_BYTES is handed out at once, one byte longer than that, and the rest up
    to its end is dropped.
    """

    def __init__(self) -> None:
        self._running = bytearray()
        self._overlong = False
        self._last_ns = 0

    def feed(self, data: bytes, at_ns: int) -> list[Line]:
        """Take bytes that came at `at_ns`; the lines that they end."""
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

    def silence(self) -> list[Line]:
        """End the running line, if there is one."""
        ended = [Line(bytes(self._running), self._last_ns)] if self._running else []
        self.reset()
        return ended

    def reset(self) -> None:
        """Forget a running line: its rest is lost, and a part of a text could be another's."""
        self._running.clear()
        self._overlong = False
