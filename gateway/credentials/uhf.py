"""UHF tags: what the hexadecimal text of a tag is looked up as.

Access API, `uhf.identification_bits`: 26, 32, 34 and 66 make it a number of the table `cards`, 96
looks up the whole tag in `uhf_tags`. Unverified, and decided here alone: the number stands in the
tag's last bits, as many as a Wiegand frame of that length carries beside its two parity bits (32
has none), and has a facility code where that frame has one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.credentials.values import Credential, CredentialKind

_HEX = re.compile(r"[0-9A-Fa-f]{1,24}")


@dataclass(frozen=True, slots=True)
class _Layout:
    """How many bits of a tag make facility and number."""

    facility: int
    number: int


_LAYOUTS = {26: _Layout(8, 16), 32: _Layout(0, 32), 34: _Layout(16, 16), 66: _Layout(0, 64)}


def credential_of_tag(credential: Credential, bits: int) -> Credential:
    """`credential` as it is looked up where the configuration says `bits`.

    A text that is no tag of at most 96 bits stays what it is, and so belongs to nobody.
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
