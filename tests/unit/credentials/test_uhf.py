"""What a UHF tag is looked up as, by the configured number of bits."""

from __future__ import annotations

import pytest

from gateway.credentials.uhf import credential_of_tag
from gateway.credentials.values import Credential, CredentialKind

TAG = "E2003412DC03011A7B00B26E"


def tag(text: str) -> Credential:
    return Credential(CredentialKind.UHF_TAG, text)


@pytest.mark.parametrize(
    ("bits", "value"),
    [
        (26, 0x00 << 32 | 0xB26E),
        (32, 0x7B00B26E),
        (34, 0x7B00 << 32 | 0xB26E),
        (66, 0xDC03011A7B00B26E),
    ],
)
def test_the_last_bits_of_a_tag_are_a_card(bits: int, value: int) -> None:
    assert credential_of_tag(tag(TAG), bits) == Credential(CredentialKind.CARD, value)


def test_a_facility_of_8_bits_stands_before_the_number() -> None:
    assert credential_of_tag(tag("FF7BB26E"), 26).value == 123 << 32 | 45678


def test_a_tag_of_96_bits_is_looked_up_whole_in_upper_case() -> None:
    assert credential_of_tag(tag(TAG.lower()), 96) == tag(TAG)


def test_a_short_tag_is_a_small_number() -> None:
    assert credential_of_tag(tag("7b"), 66) == Credential(CredentialKind.CARD, 0x7B)


@pytest.mark.parametrize("text", ["", "0x12", "12 34", TAG + "0", "GG", "\u0661"])
@pytest.mark.parametrize("bits", [26, 96])
def test_what_is_no_tag_stays_what_it_is(text: str, bits: int) -> None:
    assert credential_of_tag(tag(text), bits) == tag(text)


def test_other_credentials_are_left_alone() -> None:
    code = Credential(CredentialKind.QRCODE, "7B")
    assert credential_of_tag(code, 26) == code
