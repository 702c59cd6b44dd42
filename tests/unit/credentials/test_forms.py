import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.card_number import format_card, parse_card
from gateway.credentials.identifier import QRCODE, WIEGAND, identifier_id
from gateway.credentials.password_hash import hash_password, new_salt, verify

# The vendor's published example (Access API, user_hash_password).
PASSWORD = "abc123"
SALT = r"y2a2B`Lt.A]8iI|\M]Ao:?\>FT-L](Xv"
HASH = "ab5d13cea3c4c20c954711c7006004f83c5e86486cc1736b231881cf63c08f19"

values = st.integers(0, 2**64 - 1)


def test_facility_and_number_make_the_published_value() -> None:
    assert parse_card("123,45678") == 528281023086
    assert parse_card(" 123 , 45678 ") == 528281023086


def test_a_plain_number_is_taken_as_it_is() -> None:
    assert parse_card("0") == 0
    assert parse_card("18446744073709551615") == 2**64 - 1


@given(values)
def test_decimal_and_facility_forms_are_read_back(value: int) -> None:
    readings = format_card(value)
    assert parse_card(readings.decimal) == value
    assert parse_card(readings.facility_number) == value
    facility, number = divmod(value, 2**32)
    # A card of 26 or 34 bits is shown by the bytes that it holds.
    short = 0 < facility < 2**16 and number < 2**16
    assert int(readings.hexadecimal, 16) == (facility << 16 | number if short else value)
    assert len(readings.hexadecimal) % 2 == 0


def test_the_readings_of_a_card_stand_side_by_side() -> None:
    readings = format_card(123 << 32 | 45678)
    assert readings.facility_number == "123,45678"
    assert readings.decimal == "528281023086"
    assert readings.hexadecimal == "7BB26E"
    assert (readings.plain, readings.digits) == ("0008106606", "12345678")
    assert readings.w26 == readings.w34 == "123,45678"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-1",
        "1,2,3",
        "1,",
        "4294967296,0",
        "0,4294967296",
        "18446744073709551616",
        "1.5",
        "٣",
        "1_0",
        "9" * 100,
    ],
)
def test_text_that_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"card|facility|number"):
        parse_card(text)


@pytest.mark.parametrize("value", [-1, 2**64])
def test_a_value_beyond_64_bits_has_no_readings(value: int) -> None:
    with pytest.raises(ValueError, match="unsigned 64-bit"):
        format_card(value)


def test_the_published_password_gives_the_published_hash() -> None:
    assert hash_password(PASSWORD, SALT) == HASH


@given(st.text(), st.text())
def test_a_password_is_verified_and_another_is_not(password: str, other: str) -> None:
    hashed = hash_password(password, SALT)
    assert verify(password, hashed, SALT)
    assert verify(password, hashed.upper(), SALT)
    assert verify(other, hashed, SALT) is (password == other)


@pytest.mark.parametrize("stored", ["", "abc123", HASH[:-1], HASH + "0", "é"])
def test_what_is_stored_but_is_no_hash_matches_nothing(stored: str) -> None:
    assert not verify(PASSWORD, stored, SALT)


def test_another_salt_does_not_match() -> None:
    assert not verify(PASSWORD, HASH, SALT[::-1])


def test_a_password_that_is_not_unicode_is_refused_and_not_an_error() -> None:
    assert not verify("\ud800", HASH, SALT)


def test_salts_are_32_printable_characters_and_never_the_same() -> None:
    salts = [new_salt() for _ in range(50)]
    assert len(set(salts)) == 50
    assert all(len(salt) == 32 for salt in salts)
    assert all(0x20 <= ord(char) <= 0x7D for salt in salts for char in salt)


def test_the_first_wiegand_reader_has_the_published_identifier() -> None:
    assert identifier_id(WIEGAND, 1) == 2003398144
    assert identifier_id(WIEGAND, 2) == 2003398145
    assert identifier_id("bio", 1) == 1651076864
    assert identifier_id("fac", 1) == 1717658368


def test_readers_of_different_kinds_have_different_identifiers() -> None:
    assert identifier_id(QRCODE, 1) != identifier_id(WIEGAND, 1)


@pytest.mark.parametrize(("tag", "index"), [("win", 0), ("win", 257), ("wi", 1), ("wi1", 1)])
def test_an_identifier_outside_its_four_bytes_is_refused(tag: str, index: int) -> None:
    with pytest.raises(ValueError, match=r"tag|index"):
        identifier_id(tag, index)
