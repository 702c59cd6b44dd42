"""`identifier_id` of logs and events: an ASCII tag of three letters and a port byte, big-endian.

Access API, data conventions. 0x77696E00 is "win" with port 0: the first Wiegand input.
"""

from __future__ import annotations

from gateway.credentials.values import CredentialKind
from gateway.settings import (
    BitReader,
    HidReader,
    PcscReader,
    Reader,
    SerialCardReader,
    SerialQrReader,
    SerialUhfReader,
    Shows,
)

FINGERPRINT = "bio"
FACE = "fac"
WIEGAND = "win"
QRCODE = "qrc"
CARD = "crd"
"""A card reader that is not on a Wiegand line."""
UHF = "uhf"
# The three tags above are unverified: no log of a device with such a reader was available.


def identifier_id(tag: str, index: int) -> int:
    """Return the id of the reader with this 1-based site file `index`; the port byte is 0-based.

    Raises ValueError unless `tag` is three ASCII letters and `index` is in 1..256.
    """
    if len(tag) != 3 or not (tag.isascii() and tag.isalpha()):
        raise ValueError(f"a tag is three ASCII letters, found {tag!r}")
    if not 1 <= index <= 256:
        raise ValueError(f"reader index {index} is not in 1..256")
    return int.from_bytes(tag.encode() + bytes([index - 1]), "big")


_TAGS = {
    CredentialKind.CARD: CARD,
    CredentialKind.QRCODE: QRCODE,
    CredentialKind.UHF_TAG: UHF,
}


def reads(reader: Reader) -> frozenset[CredentialKind]:
    """What can be shown to it."""
    match reader:
        case BitReader():
            keyed = {CredentialKind.PIN} if reader.keypad else set()
            return frozenset({CredentialKind.CARD, *keyed})
        case SerialUhfReader():
            return frozenset({CredentialKind.UHF_TAG})
        case HidReader() | SerialQrReader():
            is_code = reader.shows is Shows.QRCODE
            return frozenset({CredentialKind.QRCODE if is_code else CredentialKind.CARD})
        case SerialCardReader() | PcscReader():
            return frozenset({CredentialKind.CARD})


def identifier_of(reader: Reader) -> int:
    """The API's `identifier_id` of a reader."""
    if isinstance(reader, BitReader):
        return identifier_id(WIEGAND, reader.index)
    (kind,) = reads(reader)
    return identifier_id(_TAGS[kind], reader.index)
