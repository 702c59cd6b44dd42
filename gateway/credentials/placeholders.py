"""Identifiers that stand for no credential: what readers and exports put where they have none.

They are refused where a credential is created and where one is read, and belong to nobody even if
an older database holds one.
"""

from __future__ import annotations

from gateway.credentials.values import Credential, CredentialKind
from gateway.credentials.wiegand.formats import FORMATS


def _ones(field: range | None) -> int:
    return (1 << len(field or ())) - 1


_SHORTEST_TAG = 8
"""Digits of a tag that may be one which was never written; fewer are a number of the site's own."""
_PLAIN_BITS = (24, 32)
"""Of a frame that is taken as one number."""
_ALL_ONES = frozenset(
    _ones(each.facility) << 32 | _ones(each.number) for each in FORMATS.values()
) | {(1 << bits) - 1 for bits in _PLAIN_BITS}
"""Card values of which every bit is 1, in each known format, and as one number."""


def placeholder_card(value: int) -> str:
    """Why a card value is nobody's, in words; empty for one that may be somebody's."""
    if value == 0:
        return "card number 0 means that there is no card"
    if value in _ALL_ONES:
        return f"card {value:X} (hexadecimal) has all bits set, which no card has"
    return ""


def placeholder_code(text: str) -> str:
    """The same of the text of a QR code."""
    return "" if text.strip() else "an empty code identifies nobody"


def placeholder_tag(text: str) -> str:
    """The same of the hexadecimal digits of a UHF tag."""
    blank = not text.strip("0") or (len(text) >= _SHORTEST_TAG and not text.strip("Ff"))
    return f"tag {text} was never written: all its bits are the same" if blank else ""


def placeholder(credential: Credential) -> str:
    """The same of any credential. A PIN has no placeholders."""
    match credential.kind:
        case CredentialKind.CARD:
            return placeholder_card(int(credential.value))
        case CredentialKind.QRCODE:
            return placeholder_code(str(credential.value))
        case CredentialKind.UHF_TAG:
            return placeholder_tag(str(credential.value))
        case CredentialKind.PIN:
            return ""
