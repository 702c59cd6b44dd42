"""Identifiers that stand for no credential."""

from __future__ import annotations

import pytest

from gateway.credentials.placeholders import placeholder
from gateway.credentials.values import Credential, CredentialKind

CARD, QRCODE, TAG = CredentialKind.CARD, CredentialKind.QRCODE, CredentialKind.UHF_TAG


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (CARD, 0),
        (CARD, 0xFF << 32 | 0xFFFF),  # 26 bits
        (CARD, 0xFFFF << 32 | 0xFFFF),  # 34 bits, with a facility
        (CARD, 0xFFFFFF),  # one number of 24 bits
        (CARD, 0xFFFFFFFF),  # a serial number of 4 bytes
        (CARD, (1 << 35) - 1),  # 37 bits
        (CARD, (1 << 40) - 1),
        (CARD, (1 << 56) - 1),
        (CARD, (1 << 64) - 1),
        (QRCODE, ""),
        (QRCODE, " \t"),
        (TAG, "0"),
        (TAG, "0" * 24),
        (TAG, "f" * 24),
        (TAG, "F" * 8),
    ],
)
def test_a_placeholder_is_nobodys_and_says_why(kind: CredentialKind, value: int | str) -> None:
    assert placeholder(Credential(kind, value))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (CARD, 1),
        (CARD, 1 << 32),
        (CARD, 255 << 32 | 65534),
        (CARD, 0xFFFFFFFE),
        (QRCODE, "0"),
        (QRCODE, " 1"),
        (TAG, "F"),
        (TAG, "E" * 24),
        (TAG, "00000001"),
        (CredentialKind.PIN, "0000"),
    ],
)
def test_what_may_be_somebodys_is_no_placeholder(kind: CredentialKind, value: int | str) -> None:
    assert placeholder(Credential(kind, value)) == ""
