from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.card_number import CardFormat
from gateway.credentials.contactless import card_kind, card_of_serial, serial_of_answer
from gateway.errors import BrokenFrame
from gateway.settings import ByteOrder, CardNumbering

MSB, LSB = (CardFormat(CardNumbering.PLAIN, order) for order in ByteOrder)


@pytest.mark.parametrize(
    ("atr", "kind"),
    [
        # Gemalto Prox-DU reference manual, "ATR of a contactless storage card".
        ("3B8F8001804F0CA000000306030001000000006A", "MIFARE Classic 1K"),
        ("3B8F8001804F0CA0000003060300020000000069", "MIFARE Classic 4K"),
        ("3B8F8001804F0CA0000003060300030000000068", "MIFARE Ultralight or NTAG"),
        # Computed from the same table.
        ("3B8F8001804F0CA000000306030026000000004D", "MIFARE Mini"),
        ("3B8F8001804F0CA00000030611003B0000000042", "FeliCa"),
    ],
)
def test_the_answer_to_reset_of_a_storage_card_names_it(atr: str, kind: str) -> None:
    assert card_kind(bytes.fromhex(atr)) == kind


@pytest.mark.parametrize(
    ("atr", "words"),
    [
        ("", "unknown card"),
        ("3B8180018080", "unknown card (3B8180018080)"),  # a DESFire's
        ("3B8F8001804F0CA000000306", "unknown card (3B8F8001804F0CA000000306)"),
        (
            "3B8F8001804F0CA00000030603FFFF0000000000",
            "unknown card of ISO 14443 A (3B8F8001804F0CA00000030603FFFF0000000000)",
        ),
        (
            "3B8F8001804F0CA000000306FFFFFF0000000000",
            "unknown card of an unknown standard (3B8F8001804F0CA000000306FFFFFF0000000000)",
        ),
    ],
)
def test_a_card_that_is_in_no_table_is_called_unknown(atr: str, words: str) -> None:
    assert card_kind(bytes.fromhex(atr)) == words


@given(st.binary(max_size=40))
def test_no_answer_to_reset_raises_anything(atr: bytes) -> None:
    assert card_kind(atr)


def test_the_serial_number_stands_before_the_status() -> None:
    assert serial_of_answer(bytes.fromhex("04A1B2C3D4E5F69000")).hex() == "04a1b2c3d4e5f6"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "after 0 bytes"),
        ("90", "after 1 bytes"),
        ("6A81", r"the card has none \(6A81\)"),
        ("6300", r"the card has none \(6300\)"),
        ("04A1B2C36982", r"the card refuses \(6982\)"),
    ],
)
def test_any_other_status_is_no_serial_number(answer: str, why: str) -> None:
    with pytest.raises(BrokenFrame, match=why):
        serial_of_answer(bytes.fromhex(answer))


@pytest.mark.parametrize(
    ("serial", "order", "value"),
    [
        ("DEADBEEF", MSB, 0xDEADBEEF),
        ("DEADBEEF", LSB, 0xEFBEADDE),
        ("04A1B2C3D4E5F6", MSB, 0x04A1B2C3D4E5F6),
        ("04A1B2C3D4E5F6", LSB, 0xF6E5D4C3B2A104),
        ("E004010012345678", MSB, 0xE004010012345678),
        # Only of a number of 4 bytes does it say anything.
        ("08A1B2C3D4E5F6", MSB, 0x08A1B2C3D4E5F6),
        ("A1B2C308", LSB, 0x08C3B2A1),
    ],
)
def test_a_serial_number_is_a_plain_number(serial: str, order: CardFormat, value: int) -> None:
    assert card_of_serial(bytes.fromhex(serial), order) == value


@given(st.binary(min_size=7, max_size=8))
def test_the_byte_orders_mirror_each_other(serial: bytes) -> None:
    assert card_of_serial(serial, MSB) == card_of_serial(serial[::-1], LSB)


@pytest.mark.parametrize("order", [MSB, LSB])
@pytest.mark.parametrize(
    ("serial", "why"),
    [
        ("08A1B2C3", "random identifier"),
        ("01020304", "many phones"),
        ("04A1B2C3D4E5F6A7B8C9", "10 bytes does not fit"),
        ("", "found 0"),
        ("A1B2C3", "found 3"),
        ("A1B2C3D4E5", "found 5"),
        ("A1B2C3D4E5F6A7B8C9", "found 9"),
    ],
)
def test_a_number_that_tells_nobody_from_anybody_is_refused(
    serial: str, order: CardFormat, why: str
) -> None:
    with pytest.raises(BrokenFrame, match=why):
        card_of_serial(bytes.fromhex(serial), order)
