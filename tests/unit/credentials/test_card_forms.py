"""One card has one value at readers of every kind, where their `number` says the same."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.card_number import CardFormat, cards_of_text, format_card, parse_card
from gateway.credentials.wiegand import FORMATS, decode, encode
from gateway.errors import SettingsError
from gateway.settings import ByteOrder, CardNumbering, SiteFile, parse_site

W26, W34, PLAIN, DIGITS = (CardNumbering(form) for form in ("w26", "w34", "plain", "3+5"))
MSB, LSB = ByteOrder
CARD = 77 << 32 | 30211

serials = st.sampled_from([4, 5, 7, 8]).flatmap(
    lambda width: st.binary(min_size=width, max_size=width)
)
orders = st.sampled_from(ByteOrder)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (W26, "0005076483"),  # ten digits, as printed
        (W26, "05076483"),
        (W26, "3729618435"),  # with a fourth byte in front, as of a serial number
        (W34, "5076483"),
        (DIGITS, "07730211"),
        *((form, "77,30211") for form in (W26, W34, PLAIN)),
    ],
)
def test_a_card_of_a_wiegand_door_is_the_same_card_typed(form: CardNumbering, text: str) -> None:
    assert CardFormat(form).card_of_text(text) == CARD


def test_a_card_of_a_wiegand_door_is_the_same_card_in_hexadecimal() -> None:
    assert CardFormat(W26).card_of_text("4d7603", hexadecimal=True) == CARD
    assert CardFormat(W26).card_of_text("DE4D7603", hexadecimal=True) == CARD
    assert CardFormat(W26, LSB).card_of_text("03764DDE", hexadecimal=True) == CARD


@given(st.integers(1, 255), st.integers(0, 65534))
def test_every_form_of_a_card_of_26_bits_is_what_its_frame_is(facility: int, number: int) -> None:
    (card,) = {decode(encode(FORMATS["w26"], facility, number), [FORMATS["w26"]]).value}
    whole = facility << 16 | number
    assert CardFormat(W26).card_of_text(f"{whole:010d}") == card
    assert CardFormat(W34).card_of_text(f"{whole:010d}") == card
    assert CardFormat(DIGITS).card_of_text(f"{facility:03d}{number:05d}") == card
    assert CardFormat(W26).card_of_text(f"{whole:06X}", hexadecimal=True) == card
    assert CardFormat(W26).card_of_bytes(b"\x4c" + whole.to_bytes(4, "big")) == card
    assert CardFormat(PLAIN).card_of_text(f"{facility},{number}") == card


@given(st.binary(min_size=4, max_size=4).filter(lambda data: len({*data}) > 1))
def test_a_serial_number_is_the_card_of_a_door_of_34_bits(uid: bytes) -> None:
    facility, number = divmod(int.from_bytes(uid, "big"), 1 << 16)
    frame = encode(FORMATS["w34"], facility, number)
    for form, layout in ((W34, "w34"), (PLAIN, "w34n")):
        at_door = decode(frame, [FORMATS[layout]]).value
        assert CardFormat(form).card_of_bytes(uid) == at_door
        assert CardFormat(form, LSB).card_of_bytes(uid[::-1]) == at_door
        assert CardFormat(form).card_of_text(f"{facility << 16 | number:010d}") == at_door


@given(serials, orders)
def test_the_two_byte_orders_mirror_each_other(serial: bytes, order: ByteOrder) -> None:
    (other,) = {*ByteOrder} - {order}
    for form in (W26, W34, PLAIN):
        there = CardFormat(form, order).card_of_bytes(serial)
        assert CardFormat(form, other).card_of_bytes(serial[::-1]) == there


@given(serials.filter(lambda serial: serial[0] > 0))
def test_the_readings_of_a_plain_number_name_what_any_form_makes_of_it(serial: bytes) -> None:
    value = int.from_bytes(serial, "big")
    if value >> 32 in range(1, 1 << 16) and not value >> 16 & 0xFFFF:
        return  # a card with a facility
    shown = format_card(value)
    assert bytes.fromhex(shown.hexadecimal) == serial
    for order, prefix in ((MSB, ""), (LSB, "reversed_")):
        for form in (W26, W34, PLAIN):
            told = asdict(shown)[f"{prefix}{form}"]
            assert parse_card(told) == CardFormat(form, order).card_of_bytes(serial)


@given(st.integers(1, 0xFFFF), st.integers(0, 0xFFFF))
def test_the_readings_of_a_card_with_a_facility_are_those_of_its_frame(
    facility: int, number: int
) -> None:
    shown = format_card(facility << 32 | number)
    assert shown.facility_number == shown.w34 == f"{facility},{number}"
    assert int(shown.plain) == int(shown.hexadecimal, 16) == facility << 16 | number
    if facility <= 0xFF:
        assert shown.w26 == f"{facility},{number}"
        assert shown.digits == f"{facility:03d}{number:05d}"


@pytest.mark.parametrize(
    ("value", "turned"),
    [
        (0x01020304, 0x04030201),
        (0x0102030405, 0x0504030201),
        (0x04A1B2C3D4E5F6, 0xF6E5D4C3B2A104),
        (0xE004010012345678, 0x78563412000104E0),
    ],
)
def test_a_number_is_reversed_in_the_bytes_that_it_has(value: int, turned: int) -> None:
    assert int(format_card(value).reversed_plain) == turned


@pytest.mark.parametrize("text", ["", "7730211", "007730211", "25600001", "00165536", "77,30211"])
def test_a_text_that_is_not_three_and_five_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="three digits of the facility"):
        CardFormat(DIGITS).card_of_text(text)


SITE = """
[site]
name = "House"
timezone = "Europe/Berlin"
board = "simulated"
"""
DESK = {
    "hid": 'device = "simulated"',
    "serial_qr": 'port = "simulated"',
    "serial_card": 'port = "simulated"\nprotocol = "rdm6300"',
    "pcsc": 'reader = "simulated"',
}


def site(kind: str, more: str) -> SiteFile:
    reader = f'[[reader]]\nname = "desk"\nindex = 1\nportal = 1\nkind = "{kind}"\n{DESK[kind]}\n'
    return parse_site(SITE + reader + more, "gateway.toml")


@pytest.mark.parametrize("kind", DESK)
@pytest.mark.parametrize("number", ["w26", "w34", "plain"])
def test_every_kind_of_reader_that_gives_a_number_has_the_same_settings(
    kind: str, number: str
) -> None:
    shows = 'shows = "card"\n' if kind in ("hid", "serial_qr") else ""
    (reader,) = site(kind, f'{shows}number = "{number}"\nbyte_order = "lsb"').reader
    assert (reader.number, reader.byte_order) == (number, "lsb")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "more", "why"),
    [
        ("hid", 'number = "w26"', 'shows = "card"'),
        ("serial_qr", 'byte_order = "lsb"', 'shows = "card"'),
        ("hid", 'shows = "card_hex"\nnumber = "3+5"', "decimal digits"),
        ("pcsc", 'number = "3+5"', "needs a reader of digits"),
        ("serial_card", 'number = "3+5"', "needs a reader of digits"),
        ("hid", 'shows = "card"\nnumber = "w27"', "reader 'desk' number"),
    ],
)
def test_a_form_that_a_reader_cannot_have_is_refused(kind: str, more: str, why: str) -> None:
    with pytest.raises(SettingsError, match=r"reader 'desk'") as refusal:
        site(kind, more)
    assert why in str(refusal.value)


_WIEGAND = st.builds(
    lambda facility, number: facility << 32 | number,
    st.integers(1, 0xFFFF),
    st.integers(0, 0xFFFF),
)
_SERIALS = st.integers(1, 2**64 - 2)


@given(_WIEGAND)
def test_a_card_with_a_facility_is_found_by_every_one_of_its_readings(card: int) -> None:
    readings = format_card(card)
    whole = {"decimal", "facility_number", "hexadecimal", "plain", "w34", "reversed_plain"}
    narrow = {"w26", "digits", "reversed_w26"} if card >> 32 <= 0xFF else set()
    for name in whole | narrow:
        assert card in cards_of_text(getattr(readings, name)), name


@given(_SERIALS)
def test_a_serial_number_is_found_by_what_shows_all_of_it(card: int) -> None:
    readings = format_card(card)
    for name in ("decimal", "facility_number", "hexadecimal", "plain", "reversed_plain"):
        assert card in cards_of_text(getattr(readings, name)), name
    separated = bytes.fromhex(readings.hexadecimal).hex(":")
    for text in (readings.hexadecimal.lower(), separated, f"0x{readings.hexadecimal}"):
        assert card in cards_of_text(f" {text} "), text


@given(st.text())
def test_any_text_may_be_searched_as_a_card(text: str) -> None:
    assert all(0 <= card < 2**64 for card in cards_of_text(text))


@pytest.mark.parametrize("text", ["", "ana", "1,2,3", "99999999999999999999999", "5000000000,1"])
def test_what_is_no_card_is_none(text: str) -> None:
    assert not cards_of_text(text)
