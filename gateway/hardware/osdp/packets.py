"""Packets of the bus: questions of a scan, answers to it, and what a capture may show. Pure.

IEC 60839-11-5. A capture is a pcap file as libosdp makes it, with one packet each, from its SOM or
the mark before it to its check.
"""

from __future__ import annotations

import binascii
import struct

from gateway.hardware.osdp.reports import ReaderIdentity

_SOM = 0x53
_MARK = 0xFF
_REPLY = 0x80
_CRC = 0x04
_SECURE = 0x08
_HEAD = 5
"""SOM, address, two bytes of length, control."""
ID, CAPABILITIES = 0x61, 0x62
"""Questions."""
PDID, PDCAP = 0x45, 0x46
"""Answers."""
_SECURITY = 9
"""The capability that says which encryption a reader knows."""

_OPEN_QUESTIONS = frozenset({0x60, 0x61, 0x62, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6E})
"""POLL, ID, CAP, LSTAT, ISTAT, OSTAT, RSTAT, OUT, LED, BUZ, COMSET."""
_OPEN_ANSWERS = frozenset({0x40, 0x41, 0x45, 0x46, 0x48, 0x49, 0x4A, 0x4B, 0x54, 0x79})
"""ACK, NAK, PDID, PDCAP, LSTATR, ISTATR, OSTATR, RSTATR, COM, BUSY."""

LINK_TYPE = 162
"""LINKTYPE_USER15, for which libosdp's dissector for Wireshark registers itself."""
_LARGEST = 1024
PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _LARGEST, LINK_TYPE)


def question(address: int, sequence: int, code: int, data: bytes = b"") -> bytes:
    """A packet of the panel outside of a secure channel, with its mark. `sequence` 0 begins anew,
    and ends the reader's channel."""
    head = struct.pack("<BBHB", _SOM, address, _HEAD + 1 + len(data) + 2, _CRC | sequence)
    return bytes((_MARK,)) + _checked(head + bytes((code,)) + data)


def answer_to(address: int, packet: bytes) -> tuple[int, bytes] | None:
    """Code and data of a whole, intact packet of the reader at `address` outside of a channel;
    None for any other."""
    packet = packet.removeprefix(bytes((_MARK,)))
    if packet[1] != address | _REPLY or packet[4] & _SECURE or not _intact(packet):
        return None
    body = packet[_HEAD : -_check_size(packet)]
    return (body[0], body[1:]) if body else None


def identity_of(data: bytes) -> ReaderIdentity | None:
    """The reader in the data of a PDID; None for one that is too short."""
    if len(data) < 12:
        return None
    return ReaderIdentity(
        vendor=int.from_bytes(data[:3], "little"),
        model=data[3],
        version=data[4],
        serial=int.from_bytes(data[5:9], "little"),
        firmware=int.from_bytes(data[9:12]),
    )


def encrypts(data: bytes) -> bool:
    """Whether the data of a PDCAP name AES-128."""
    return any(
        data[at] == _SECURITY and bool(data[at + 1] & 1) for at in range(0, len(data) - 2, 3)
    )


def shown(packet: bytes) -> bytes:
    """A whole packet as a capture may have it: codes, lengths and what readers say of themselves.

    Cards, keys of a keypad, keys of readers, and all of an exchange or channel from which a key
    could be calculated are zeros. The check is made anew, so that the packet is still a valid one.
    """
    mark, bare = packet[: packet[0] == _MARK], packet[packet[0] == _MARK :]
    at = _HEAD
    if bare[4] & _SECURE:
        at += max(bare[_HEAD], 2)  # the length counts itself
    last = len(bare) - _check_size(bare)
    if at >= last:
        return mark + _checked(bare[:_HEAD] + bytes(last - _HEAD), like=bare)
    opened = _OPEN_ANSWERS if bare[1] & _REPLY else _OPEN_QUESTIONS
    keeps = bare[at] in opened and not bare[4] & _SECURE
    data = bare[at + 1 : last] if keeps else bytes(last - at - 1)
    return mark + _checked(bare[: at + 1] + data, like=bare)


def record(packet: bytes, at_us: int) -> bytes:
    """A record of a pcap file; `at_us` are microseconds of UTC since 1970."""
    seconds, rest = divmod(at_us, 1_000_000)
    return struct.pack("<IIII", seconds, rest, len(packet), len(packet)) + packet


def _check_size(bare: bytes) -> int:
    return 2 if bare[4] & _CRC else 1


def _intact(bare: bytes) -> bool:
    return _checked(bare[: -_check_size(bare)], like=bare) == bare


def _checked(text: bytes, like: bytes = bytes(4) + bytes((_CRC,))) -> bytes:
    """A packet with its check, of the kind that `like` has."""
    if like[4] & _CRC:
        return text + binascii.crc_hqx(text, 0x1D0F).to_bytes(2, "little")
    return text + bytes((-sum(text) % 256,))
