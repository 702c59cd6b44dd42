"""Frames of UHFReader18 and its relatives (Chafon CF-RU51xx, ZK; with antenna and RSSI: 288M, 86).

`length, address, command, data, CRC` from the host and `length, address, command, status, data,
CRC` back; the length counts the bytes after it. The CRC has the polynomial 0x8408 and begins at
0xFFFF; low byte first, so that over a whole frame it comes to 0. Sources: "UHF RFID Reader
UHFReader18 User's Manual V2.0", 3 (frames), 5 (status) and 8.2.1 (inventory); "UHF RFID Reader
UR-Series User Manual v1.14", 8.2.1, for antenna, RSSI and FastID.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.credentials.uhf_values import UhfReply

EVERYONE = 0xFF
"""The address to which every reader answers, with its own."""
INVENTORY, IDENTIFY, POWER, REPORT = 0x01, 0x21, 0x2F, 0xEE
NO_TAG = 0xFB
_MORE = 0x03
_FOUND = frozenset({0x00, 0x01, 0x02, _MORE, 0x04})
"""Done, all told; out of time; more frames follow; its memory is full: tags may be in each."""
_ERRORS = {
    0x13: "its settings cannot be saved",
    0xF8: "its antenna is not connected",
    0xF9: "it cannot carry out the command",
    0xFD: "it finds the command too long or too short",
    0xFE: "it does not know the command, or its CRC was damaged",
    0xFF: "it refuses the parameters",
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
    """The CRC of `data`; 0 for a whole frame that has its own."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value


def _framed(body: bytes) -> bytes:
    counted = bytes([len(body) + _CRC]) + body
    return counted + crc(counted).to_bytes(_CRC, "little")


@dataclass(frozen=True, slots=True)
class Reader18Protocol:
    """Frames of the reader at `address`."""

    address: int
    detailed: bool
    """Antenna and RSSI stand beside the tags."""

    def size(self, beginning: bytearray) -> int | None:
        """See FrameProtocol. A frame has no mark at its beginning: length, address and command have
        to be such as this reader may send."""
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
            return "the number of tags and their lengths do not fit the answer"
        return ""

    def tags(self, frame: bytes) -> tuple[bytes, ...] | None:
        """The tags of an inventory's answer; None when it contradicts itself."""
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
        """`address` 0 to 254, or EVERYONE where it is the only one on its line."""
        self.protocol = Reader18Protocol(address, detailed)
        self.inventory = _framed(bytes([address, INVENTORY]))
        self.identify = _framed(bytes([address, IDENTIFY]))

    def power(self, centidbm: int) -> bytes:
        """Sets the transmit power; the reader takes whole dBm, so what is over is left out."""
        return _framed(bytes([self.protocol.address, POWER, centidbm // 100]))

    def reply(self, frame: bytes) -> UhfReply:
        command, status = frame[2], frame[3]
        if command == REPORT:
            return UhfReply(error="it reports tags unasked: set it to answer mode")
        if command == INVENTORY and status in _FOUND:
            return UhfReply(self.protocol.tags(frame) or (), last=status != _MORE)
        if status in (0, NO_TAG):
            return UhfReply()
        return UhfReply(error=_ERRORS.get(status, f"it answers with status {status:#04x}"))

    def encode(self, command: int, status: int, data: bytes = b"") -> bytes:
        """The frame with which the reader answers."""
        return _framed(bytes([self.protocol.address, command, status]) + data)

    def acknowledge(self, asked: bytes) -> bytes:
        """The answer that a command was carried out; empty to bytes that are none."""
        return self.encode(asked[2], 0) if len(asked) >= _SHORTEST else b""

    def encode_tags(self, tags: Iterable[bytes], *, more: bool = False) -> bytes:
        """The answer to an inventory that found `tags`; with none: no tag."""
        found = list(tags)
        if not found:
            return self.encode(INVENTORY, NO_TAG)
        beside = b"\x40" if self.protocol.detailed else b""
        data = bytes([len(found)]) + b"".join(bytes([len(tag)]) + tag + beside for tag in found)
        antenna = b"\x01" if self.protocol.detailed else b""
        return self.encode(INVENTORY, _MORE if more else 0x01, antenna + data)
