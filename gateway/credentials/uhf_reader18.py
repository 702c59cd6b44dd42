"""Frames of UHFReader18 and compatibles (Chafon CF-RU51xx, ZK; with antenna and RSSI: 288M, 86).

The host sends `length, address, command, data, CRC`, the reader `length, address, command, status,
data, CRC`; the length counts the bytes after it. The CRC has polynomial 0x8408, initial value
0xFFFF and comes low byte first, so that the CRC over a whole frame is 0. Sources: "UHF RFID Reader
UHFReader18 User's Manual V2.0", 3 (frames), 5 (status) and 8.2.1 (inventory); "UHF RFID Reader
UR-Series User Manual v1.14", 8.2.1, for antenna, RSSI and FastID.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.credentials.uhf_values import UhfReply

EVERYONE = 0xFF
"""Broadcast address; a reader answers with its own."""
INVENTORY, IDENTIFY, POWER, REPORT = 0x01, 0x21, 0x2F, 0xEE
NO_TAG = 0xFB
_MORE = 0x03
_FOUND = frozenset({0x00, 0x01, 0x02, _MORE, 0x04})
"""Statuses with tags: complete, all reported, timed out, more frames follow, memory full."""
_ERRORS = {
    0x13: "the reader cannot save its settings",
    0xF8: "the reader's antenna is not connected",
    0xF9: "the reader cannot carry out the command",
    0xFD: "the reader refuses the length of the command",
    0xFE: "the reader does not know the command, or the command's CRC was damaged",
    0xFF: "the reader refuses the parameters",
}
_HEAD, _CRC = 4, 2
_SHORTEST = 5
_FAST_ID = 0x80
_TID_BYTES = 12


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(_crc_of_byte(byte) for byte in range(256))


def crc(data: bytes) -> int:
    """Return the CRC of `data`; 0 for a whole frame with its CRC."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value


def _framed(body: bytes) -> bytes:
    counted = bytes([len(body) + _CRC]) + body
    return counted + crc(counted).to_bytes(_CRC, "little")


@dataclass(frozen=True, slots=True)
class Reader18Protocol:
    """The frames of the reader at `address`."""

    address: int
    detailed: bool
    """The frames include antenna and RSSI."""

    def size(self, beginning: bytearray) -> int | None:
        """See FrameProtocol. Frames have no start mark: length, address and command must be valid
        for this reader."""
        length = beginning[0]
        if length < _SHORTEST:
            return 0
        if len(beginning) > 1 and self.address not in (EVERYONE, beginning[1]):
            return 0
        if len(beginning) > 2 and beginning[2] not in (INVENTORY, IDENTIFY, POWER, REPORT):
            return 0
        return length + 1

    def flaw(self, frame: bytes) -> str:
        if crc(frame) != 0:
            return "wrong CRC"
        inventory = frame[2] == INVENTORY and frame[3] in _FOUND
        if inventory and self.tags(frame) is None:
            return "the number and lengths of the tags do not fit the answer"
        return ""

    def tags(self, frame: bytes) -> tuple[bytes, ...] | None:
        """Return the tags of an inventory's answer; None for inconsistent lengths."""
        data = frame[_HEAD:-_CRC]
        at, rssi = (1, 1) if self.detailed else (0, 0)
        if not data:
            return ()
        if len(data) <= at:
            return None
        count, at = data[at], at + 1
        tags = []
        for _ in range(count):
            if at >= len(data):
                return None
            length = data[at] & ~_FAST_ID if self.detailed else data[at]
            epc_bytes = length - (_TID_BYTES if length != data[at] else 0)
            if epc_bytes <= 0:
                return None
            tags.append(data[at + 1 : at + 1 + epc_bytes])
            at += 1 + length + rssi
        return tuple(tags) if at == len(data) else None


class Reader18Codec:
    """The frames of one reader."""

    def __init__(self, address: int, *, detailed: bool = False) -> None:
        """`address` is 0 to 254, or EVERYONE for the only reader on its line."""
        self.protocol = Reader18Protocol(address, detailed)
        self.inventory = _framed(bytes([address, INVENTORY]))
        self.identify = _framed(bytes([address, IDENTIFY]))

    def power(self, centidbm: int) -> bytes:
        """Return the command that sets the transmit power, rounded down to whole dBm."""
        return _framed(bytes([self.protocol.address, POWER, centidbm // 100]))

    def reply(self, frame: bytes) -> UhfReply:
        command, status = frame[2], frame[3]
        if command == REPORT:
            return UhfReply(
                error="the reader reports tags without a request: set it to answer mode"
            )
        if command == INVENTORY and status in _FOUND:
            return UhfReply(self.protocol.tags(frame) or (), last=status != _MORE)
        if status in (0, NO_TAG):
            return UhfReply()
        return UhfReply(error=_ERRORS.get(status, f"the reader answers with status {status:#04x}"))

    def encode(self, command: int, status: int, data: bytes = b"") -> bytes:
        """Return an answer frame of the reader."""
        return _framed(bytes([self.protocol.address, command, status]) + data)

    def acknowledge(self, asked: bytes) -> bytes:
        """Return the success answer to a command; empty for bytes that are not a command."""
        return self.encode(asked[2], 0) if len(asked) >= _SHORTEST else b""

    def encode_tags(self, tags: Iterable[bytes], *, more: bool = False) -> bytes:
        """Return the answer to an inventory that found `tags`; without any: "no tag"."""
        found = list(tags)
        if not found:
            return self.encode(INVENTORY, NO_TAG)
        beside = b"\x40" if self.protocol.detailed else b""
        data = bytes([len(found)]) + b"".join(bytes([len(tag)]) + tag + beside for tag in found)
        antenna = b"\x01" if self.protocol.detailed else b""
        return self.encode(INVENTORY, _MORE if more else 0x01, antenna + data)
