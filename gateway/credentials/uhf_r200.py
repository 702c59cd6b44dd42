"""Frames of the UHF modules R200, M100 and QM100 (also sold as YRM100, JRD-100, EL-UHF).

A frame is `BB, type, command, length (2), parameters, sum, 7E`; the sum is the low byte of the sum
from type to the last parameter. BB and 7E may occur inside, so the length delimits a frame. A tag
arrives as a notice: RSSI, PC (2), EPC, the tag's own CRC (2). The upper five bits of PC are the
number of words in the EPC; the CRC is that of ISO/IEC 18000-63 over PC and EPC. Sources: "R200 user
protocol V2.3.3" and "M100 module command manual", as quoted in public code.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable

from gateway.credentials.uhf_values import UhfReply

HEAD, END = 0xBB, 0x7E
COMMAND, ANSWER, NOTICE = 0x00, 0x01, 0x02
IDENTIFY, INVENTORY, POWER, FAILED = 0x03, 0x22, 0xB6, 0xFF
NO_TAG = 0x15
LONGEST = 128
"""Most parameter bytes of a frame; a tag of 31 words is the longest that a module sends."""
_ERRORS = {
    0x17: "the reader does not know the command",
    0x20: "all channels of the reader are in use",
}
_PARAMETERS = 5
"""Offset of the parameters."""
_AROUND = 7
"""Size of a frame without parameters."""
_BESIDE_EPC = 5
"""Bytes of RSSI, PC and CRC."""


def framed(kind: int, command: int, parameters: bytes = b"") -> bytes:
    """Return a frame of this protocol."""
    body = bytes([kind, command]) + len(parameters).to_bytes(2, "big") + parameters
    return bytes([HEAD, *body, sum(body) & 0xFF, END])


def tag_crc(pc_and_epc: bytes) -> int:
    """Return the CRC that a tag sends after PC and EPC (ISO/IEC 18000-63)."""
    return binascii.crc_hqx(pc_and_epc, 0xFFFF) ^ 0xFFFF


class R200Protocol:
    """The frames that a module sends."""

    def size(self, beginning: bytearray) -> int | None:
        """See FrameProtocol."""
        if beginning[0] != HEAD or (len(beginning) > 1 and beginning[1] not in (ANSWER, NOTICE)):
            return 0
        if len(beginning) < _PARAMETERS:
            return None
        length = beginning[3] << 8 | beginning[4]
        return length + _AROUND if length <= LONGEST else 0

    def flaw(self, frame: bytes) -> str:
        if frame[-1] != END:
            return f"the frame ends with {frame[-1]:02X}, should be {END:02X}"
        right = sum(frame[1:-2]) & 0xFF
        if frame[-2] != right:
            return f"checksum {frame[-2]:02X}, should be {right:02X}"
        return self._flaw_of_tag(frame) if frame[1] == NOTICE and frame[2] == INVENTORY else ""

    @staticmethod
    def _flaw_of_tag(frame: bytes) -> str:
        parameters = frame[_PARAMETERS:-2]
        if len(parameters) <= _BESIDE_EPC or len(parameters) - _BESIDE_EPC != 2 * (
            parameters[1] >> 3
        ):
            return "the tag's length does not fit the notice"
        found, right = int.from_bytes(parameters[-2:], "big"), tag_crc(parameters[1:-2])
        return "" if found == right else f"the tag's CRC is {found:04X}, should be {right:04X}"


class R200Codec:
    """The frames of one module; it has no address."""

    inventory = framed(COMMAND, INVENTORY)
    identify = framed(COMMAND, IDENTIFY, b"\x00")

    def __init__(self) -> None:
        self.protocol = R200Protocol()

    def power(self, centidbm: int) -> bytes:
        return framed(COMMAND, POWER, centidbm.to_bytes(2, "big"))

    def reply(self, frame: bytes) -> UhfReply:
        kind, command, parameters = frame[1], frame[2], frame[_PARAMETERS:-2]
        if kind == NOTICE:
            return UhfReply((parameters[3:-2],) if command == INVENTORY else ())
        if command != FAILED or parameters[:1] == bytes([NO_TAG]):
            return UhfReply()
        code = parameters[0] if parameters else 0
        return UhfReply(error=_ERRORS.get(code, f"the reader answers with error {code:#04x}"))

    @staticmethod
    def acknowledge(asked: bytes) -> bytes:
        """Return the success answer to a command; empty for bytes that are not a command."""
        return framed(ANSWER, asked[2], b"\x00") if len(asked) >= _AROUND else b""

    def encode_tags(self, tags: Iterable[bytes]) -> bytes:
        """Return the answer to an inventory that found `tags`: one notice each, or "no tag".

        Raises ValueError for a tag that is not 1 to 31 words long.
        """
        notices = b"".join(framed(NOTICE, INVENTORY, self._notice(tag)) for tag in tags)
        return notices or framed(ANSWER, FAILED, bytes([NO_TAG]))

    @staticmethod
    def _notice(tag: bytes) -> bytes:
        words, half = divmod(len(tag), 2)
        if half or not 1 <= words <= 31:
            raise ValueError(f"a tag has 1 to 31 words of two bytes, found {len(tag)} bytes")
        parameters = bytes([words << 3, 0]) + tag
        return b"\xc9" + parameters + tag_crc(parameters).to_bytes(2, "big")
