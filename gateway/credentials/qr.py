"""What the text of a QR code stands for, by the device's QR mode.

Access API, `face_id.qrcode_legacy_mode_enabled`: 0 the text itself is the credential (table
`qrcodes`), 1 it is a decimal and 2 a hexadecimal card number (table `cards`).
"""

from __future__ import annotations

from enum import IntEnum

from gateway.credentials.values import Credential, CredentialKind

_LARGEST = (1 << 64) - 1


class QrMode(IntEnum):
    """How a QR code is read."""

    ALPHANUMERIC = 0
    DECIMAL = 1
    HEXADECIMAL = 2


def credential_of_code(credential: Credential, mode: QrMode) -> Credential:
    """`credential` as it is looked up: a QR code that is a number becomes a card.

    Text that is no number of 64 bits stays what it is, and so belongs to nobody in these modes.
    """
    if credential.kind is not CredentialKind.QRCODE or mode is QrMode.ALPHANUMERIC:
        return credential
    text = str(credential.value)
    digits = "0123456789abcdefABCDEF" if mode is QrMode.HEXADECIMAL else "0123456789"
    if not text or any(character not in digits for character in text):
        return credential
    number = int(text, 16 if mode is QrMode.HEXADECIMAL else 10)
    return Credential(CredentialKind.CARD, number) if number <= _LARGEST else credential
