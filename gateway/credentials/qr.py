"""Maps the text of a QR code to a credential by the device's QR mode.

Access API, `face_id.qrcode_legacy_mode_enabled`: with 0 the text itself is the credential (table
`qrcodes`), with 1 it is a decimal and with 2 a hexadecimal card number (table `cards`).
"""

from __future__ import annotations

from enum import IntEnum

from gateway.credentials.values import Credential, CredentialKind

_LARGEST = (1 << 64) - 1


class QrMode(IntEnum):
    """How the text of a QR code is interpreted."""

    ALPHANUMERIC = 0
    DECIMAL = 1
    HEXADECIMAL = 2


def credential_of_code(credential: Credential, mode: QrMode) -> Credential:
    """Return the credential to look up: in the numeric modes a QR code becomes a card.

    Text that is not a 64-bit number is returned unchanged and identifies nobody in these modes.
    """
    if credential.kind is not CredentialKind.QRCODE or mode is QrMode.ALPHANUMERIC:
        return credential
    text = str(credential.value)
    digits = "0123456789abcdefABCDEF" if mode is QrMode.HEXADECIMAL else "0123456789"
    if not text or any(character not in digits for character in text):
        return credential
    number = int(text, 16 if mode is QrMode.HEXADECIMAL else 10)
    return Credential(CredentialKind.CARD, number) if number <= _LARGEST else credential
