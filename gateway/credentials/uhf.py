"""Maps the hexadecimal text of a UHF tag to the credential to look up.

Access API, `uhf.identification_bits`: with 26, 32, 34 and 66 the tag is a number of the table
`cards`, with 96 the whole tag is looked up in `uhf_tags`. Unverified assumption, made in this
module: the number is in the tag's last bits, as many as a Wiegand frame of that length carries
without its two parity bits (32 has none), with a facility code where that frame has one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.credentials.values import Credential, CredentialKind

_HEX = re.compile(r"[0-9A-Fa-f]{1,24}")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Number of tag bits for facility and number."""

    facility: int
    number: int


_LAYOUTS = {26: _Layout(8, 16), 32: _Layout(0, 32), 34: _Layout(16, 16), 66: _Layout(0, 64)}


def credential_of_tag(credential: Credential, bits: int) -> Credential:
    """Return the credential to look up where `uhf.identification_bits` is `bits`.

    A text that is not a tag of at most 96 bits is returned unchanged and identifies nobody.
    """
    text = str(credential.value)
    if credential.kind is not CredentialKind.UHF_TAG or not _HEX.fullmatch(text):
        return credential
    layout = _LAYOUTS.get(bits)
    if layout is None:
        return Credential(CredentialKind.UHF_TAG, text.upper())
    tag = int(text, 16)
    facility = tag >> layout.number & ((1 << layout.facility) - 1)
    number = tag & ((1 << layout.number) - 1)
    return Credential(CredentialKind.CARD, facility << 32 | number)
