"""Placeholder identifiers that readers and exports write when there is no credential.

Creating or reading a placeholder is refused, and one in an older database identifies nobody.
"""

from __future__ import annotations

from gateway.credentials.values import Credential, CredentialKind
from gateway.credentials.wiegand.formats import FORMATS


def _ones(field: range | None) -> int:
    return (1 << len(field or ())) - 1


_SHORTEST_TAG = 8
"""Hexadecimal digits from which an all-ones tag counts as unwritten; a shorter tag is a number of
the site's own."""
_PLAIN_BITS = (24, 32)
"""Sizes of a frame that is read as one number."""
_ALL_ONES = frozenset(
    _ones(each.facility) << 32 | _ones(each.number) for each in FORMATS.values()
) | {(1 << bits) - 1 for bits in _PLAIN_BITS}
"""The card value with all bits set, for each known format and as one number."""


def placeholder_card(value: int) -> str:
    """Return why a card value is a placeholder, in words; empty when it is not."""
    if value == 0:
        return "card number 0 stands for no card"
    if value in _ALL_ONES:
        return f"card {value:X} (hexadecimal) has all bits set, which is not a card"
    return ""


def placeholder_code(text: str) -> str:
    """Like `placeholder_card`, for the text of a QR code."""
    return "" if text.strip() else "an empty code identifies nobody"


def placeholder_tag(text: str) -> str:
    """Like `placeholder_card`, for the hexadecimal digits of a UHF tag."""
    blank = not text.strip("0") or (len(text) >= _SHORTEST_TAG and not text.strip("Ff"))
    return f"tag {text} was never written: all its bits are the same" if blank else ""


def placeholder(credential: Credential) -> str:
    """Like `placeholder_card`, for any credential. A PIN has no placeholders."""
    match credential.kind:
        case CredentialKind.CARD:
            return placeholder_card(int(credential.value))
        case CredentialKind.QRCODE:
            return placeholder_code(str(credential.value))
        case CredentialKind.UHF_TAG:
            return placeholder_tag(str(credential.value))
        case CredentialKind.PIN:
            return ""
