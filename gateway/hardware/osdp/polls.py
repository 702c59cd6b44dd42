"""Messages in the bytes of the bus, and which polls are answered. Pure."""

from __future__ import annotations

_SOM = 0x53
"""Begins every message."""
_REPLY = 0x80
"""Set in the address of an answer."""
_MARK = 0xFF
"""May stand before a message."""
_LENGTHS = range(7, 512)
"""Bytes of a message; the library takes no longer ones."""

_HAS_SECURITY = 0x08
"""In the control byte: a security block follows it."""
_AUTHENTICATED = (0x16, 0x18)
"""Security blocks of an answer within the channel; the library checks their code."""
_WITHOUT_CHANNEL = (0x40, 0x41, 0x45, 0x46, 0x76, 0x78, 0x79)
"""ACK, NAK, PDID, PDCAP, CCRYPT, RMAC_I and BUSY."""


def next_message(data: bytes) -> tuple[bytes, bytes]:
    """Return the first whole message of `data`, empty for none yet, and what follows.

    Bytes that begin no message are dropped; checksums are left to the library.
    """
    at = -1
    while (at := data.find(_SOM, at + 1)) >= 0:
        start = at - (at > 0 and data[at - 1] == _MARK)
        head = data[at : at + 4]
        if len(head) < 4:
            return b"", data[start:]
        length = int.from_bytes(head[2:], "little")
        if length in _LENGTHS:
            end = at + length
            return (data[start:end], data[end:]) if len(data) >= end else (b"", data[start:])
    return b"", data[-1:] if data.endswith(bytes((_MARK,))) else b""


def address_of(message: bytes) -> int:
    """The reader's address in a whole message."""
    return message[message.find(_SOM) + 1] & ~_REPLY


def needs_channel(message: bytes) -> bool:
    """Whether a whole answer says what counts over a secure channel alone, and is outside of one.

    Without a channel a reader may acknowledge, refuse, describe itself and set the channel up.
    libosdp 3.2.9 also takes cards and keys in clear text while a channel is active.
    """
    at = message.find(_SOM)
    control = message[at + 4]
    if not control & _HAS_SECURITY:
        return message[at + 5] not in _WITHOUT_CHANNEL
    length, kind = message[at + 5], message[at + 6]
    code = message[at + 5 + length] if len(message) > at + 5 + length else None
    return kind not in _AUTHENTICATED and code not in _WITHOUT_CHANNEL


class PollCounter:
    """Finds out for each message of the panel whether the reader of its address answered."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._came = b""
        self.answered: list[int] = []
        """Addresses that answered since this was last emptied."""
        self.missed: list[int] = []
        """Addresses that did not."""

    def sent(self, data: bytes) -> None:
        """Note a message of the panel."""
        if self._asked is not None:
            self.missed.append(self._asked)
        at = data.find(_SOM)
        known = 0 <= at < len(data) - 1
        self._asked = data[at + 1] & 0x7F if known else None
        self._came = b""

    def received(self, data: bytes) -> None:
        """Note bytes of the bus."""
        if self._asked is None or not data:
            return
        self._came = (self._came + data)[-512:]
        if bytes((_SOM, self._asked | _REPLY)) in self._came:
            self.answered.append(self._asked)
            self._asked = None
