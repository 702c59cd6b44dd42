"""What a reader of the site file can read, and what the API calls it."""

from __future__ import annotations

from gateway.credentials.identifier import CARD, QRCODE, UHF, WIEGAND, identifier_id
from gateway.credentials.values import CredentialKind
from gateway.settings import (
    HidReader,
    PcscReader,
    Reader,
    SerialCardReader,
    SerialQrReader,
    SerialUhfReader,
    Shows,
    WiegandReader,
)

_TAGS = {
    CredentialKind.CARD: CARD,
    CredentialKind.QRCODE: QRCODE,
    CredentialKind.UHF_TAG: UHF,
}


def reads(reader: Reader) -> frozenset[CredentialKind]:
    """What can be shown to it."""
    match reader:
        case WiegandReader():
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
    if isinstance(reader, WiegandReader):
        return identifier_id(WIEGAND, reader.index)
    (kind,) = reads(reader)
    return identifier_id(_TAGS[kind], reader.index)
