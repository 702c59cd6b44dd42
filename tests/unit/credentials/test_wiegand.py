import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.credentials.placeholders import placeholder_card
from gateway.credentials.values import CredentialKind
from gateway.credentials.wiegand import (
    FORMATS,
    ParityCheck,
    ParityKind,
    WiegandFormat,
    decode,
    encode,
    lacks_a_bit,
    pin_of_frame,
)
from gateway.credentials.wiegand.readings import raw_readings
from gateway.errors import BrokenFrame

W26 = FORMATS["w26"]
W34 = FORMATS["w34"]
FRAME_26 = "1" + "01111011" + "1011001001101110" + "1"
"""Facility 123, number 45678."""

KNOWN: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "frames" / "wiegand.toml").read_text(encoding="utf-8")
)["frame"]
CHECKED = [layout for layout in FORMATS.values() if layout.parities]

layouts = st.sampled_from(list(FORMATS.values()))
checked = st.sampled_from(CHECKED)


@st.composite
def cards(
    draw: st.DrawFn, chosen: st.SearchStrategy[WiegandFormat] = layouts
) -> tuple[WiegandFormat, int, int]:
    layout = draw(chosen)
    facility = draw(st.integers(0, 2 ** len(layout.facility or ()) - 1))
    return layout, facility, draw(st.integers(0, 2 ** len(layout.number) - 1))


def bits_of(known: dict[str, Any]) -> str:
    if "bits" in known:
        return str(known["bits"]).replace(" ", "")
    return f"{int(known['hex'], 16):0{FORMATS[known['format']].bits}b}"


def flipped(bits: str, at: int) -> str:
    return bits[:at] + ("1" if bits[at] == "0" else "0") + bits[at + 1 :]


def of_each_format(test: Any) -> Any:
    return pytest.mark.parametrize("layout", FORMATS.values(), ids=lambda it: it.name)(test)


@pytest.mark.parametrize("known", KNOWN, ids=lambda it: f"{it['format']}-{it['number']}")
def test_a_known_frame_is_the_card_that_it_is_known_for(known: dict[str, Any]) -> None:
    layout = FORMATS[known["format"]]
    facility = known.get("facility", 0)
    assert decode(bits_of(known), [layout]).value == facility << 32 | known["number"]
    assert encode(layout, facility, known["number"]) == bits_of(known)


def test_every_format_has_a_known_frame_and_says_where_it_is_from() -> None:
    assert {known["format"] for known in KNOWN} == set(FORMATS)
    for known in KNOWN:
        assert known["origin"] in ("published", "computed")
        assert (known["origin"] == "published") is ("source" in known)


@given(cards())
def test_every_card_comes_back_from_its_frame(card: tuple[WiegandFormat, int, int]) -> None:
    layout, facility, number = card
    assume(not placeholder_card(facility << 32 | number))
    assert decode(encode(layout, facility, number), [layout]).value == facility << 32 | number


@of_each_format
@pytest.mark.parametrize("ones", [False, True])
def test_a_card_of_which_all_bits_are_the_same_is_none(layout: WiegandFormat, ones: bool) -> None:
    widths = (len(layout.facility or ()), len(layout.number))
    facility, number = ((1 << width) - 1 if ones else 0 for width in widths)
    with pytest.raises(BrokenFrame, match="all bits of the card are the same"):
        decode(encode(layout, facility, number), [layout])
    assert placeholder_card(facility << 32 | number)


@given(cards(checked))
def test_each_flipped_bit_that_a_parity_covers_is_refused(
    card: tuple[WiegandFormat, int, int],
) -> None:
    bits = encode(*card)
    for at in range(len(bits)):
        with pytest.raises(BrokenFrame, match="parity bit"):
            decode(flipped(bits, at), [card[0]])


@of_each_format
def test_parities_cover_every_bit_of_a_format_or_none(layout: WiegandFormat) -> None:
    covered = {number for parity in layout.parities for number in (parity.bit, *parity.covered)}
    assert covered in (set(), set(range(1, layout.bits + 1)))
    assert all(parity.bit not in parity.covered for parity in layout.parities)


@of_each_format
def test_no_bit_of_a_format_has_two_uses(layout: WiegandFormat) -> None:
    used = [*(layout.facility or ()), *layout.number, *(p.bit for p in layout.parities)]
    left = set(range(1, layout.bits + 1)) - set(used)
    assert len(used) == len(set(used))
    # The manufacturer's ten bits of C15001 are no part of the card.
    assert left == (set(range(2, 12)) if layout.name == "w36" else set())


@of_each_format
def test_facility_and_number_fit_a_cards_value(layout: WiegandFormat) -> None:
    assert layout.bits == int("".join(filter(str.isdigit, layout.name)))
    assert len(layout.facility or ()) <= 32
    assert len(layout.number) <= (32 if layout.facility else 64)


def test_the_manufacturers_bits_of_c15001_are_left_aside() -> None:
    bare = encode(FORMATS["w36"], 118, 1603)
    # Two of them set: the even parity stays.
    assert decode(flipped(flipped(bare, 1), 10), [FORMATS["w36"]]).value == 118 << 32 | 1603


@given(cards(st.sampled_from([FORMATS[name] for name in ("w26", "w34", "w37", "w37f")])))
def test_an_inverted_frame_is_refused_with_a_hint_at_swapped_lines(
    card: tuple[WiegandFormat, int, int],
) -> None:
    swapped = encode(*card).translate(str.maketrans("01", "10"))
    with pytest.raises(BrokenFrame, match="D0 and D1 may be swapped"):
        decode(swapped, [card[0]])


def test_a_damaged_frame_is_not_taken_for_swapped_lines() -> None:
    with pytest.raises(BrokenFrame) as refusal:
        decode("0" + FRAME_26[1:], [W26])
    assert "even parity bit 1 is wrong" in str(refusal.value)
    assert "swapped" not in str(refusal.value)


@given(cards(), st.data())
def test_a_frame_that_lost_a_bit_is_refused_and_said_to_lack_one(
    card: tuple[WiegandFormat, int, int], data: st.DataObject
) -> None:
    bits = encode(*card)
    at = data.draw(st.integers(0, len(bits) - 1))
    short = bits[:at] + bits[at + 1 :]
    assert lacks_a_bit(short, [card[0]]) is card[0]
    with pytest.raises(BrokenFrame, match=f"it could be {card[0].name}: a bit may have been lost"):
        decode(short, [card[0]])


@pytest.mark.parametrize("bits", ["1" * 24, "1" * 26, "1" * 27, "1111"])
def test_only_a_frame_one_bit_short_lacks_a_bit(bits: str) -> None:
    assert lacks_a_bit(bits, [W26]) is None


@pytest.mark.parametrize("bits", ["", "1", FRAME_26[:-1], FRAME_26 + "0", "0" * 257])
def test_a_frame_of_another_length_names_its_length_and_those_allowed(bits: str) -> None:
    with pytest.raises(BrokenFrame, match=rf"{len(bits)} bits .*w26 has 26, w34 has 34"):
        decode(bits, [W26, W34])


def test_of_two_formats_of_a_length_the_first_with_right_parity_counts() -> None:
    both = [FORMATS["w37f"], FORMATS["w37"]]
    bits = encode(FORMATS["w37"], 0, 1 << 20 | 5)
    assert decode(bits, both).value == 2 << 32 | 5
    assert decode(bits, both[::-1]).value == 1 << 20 | 5
    odd = WiegandFormat("odd", 26, None, range(2, 26), (ParityCheck(1, ParityKind.ODD, (2,)),))
    assert decode(FRAME_26, [odd, W26]).value == 0x7BB26E
    assert decode(encode(W26, 0, 2), [odd, W26]).value == 2


def test_a_format_that_the_reader_is_not_set_to_is_refused() -> None:
    with pytest.raises(BrokenFrame, match="26 bits"):
        decode(FRAME_26, [W34])


def test_text_that_is_no_frame_is_refused() -> None:
    with pytest.raises(BrokenFrame, match="0 and 1"):
        decode("2" * 26, [W26])


@pytest.mark.parametrize(
    ("layout", "facility", "number", "named"),
    [
        (W26, 256, 0, "facility 256 is not in 0..255"),
        (W26, 0, 65536, "number 65536 is not in 0..65535"),
        (W34, 65536, 0, "facility 65536"),
        (W26, -1, 0, "facility -1"),
        (FORMATS["w32"], 1, 0, "facility 1 is not in 0..0"),
    ],
)
def test_a_number_that_does_not_fit_the_format_is_refused(
    layout: WiegandFormat, facility: int, number: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        encode(layout, facility, number)


@pytest.mark.parametrize(
    ("name", "sent", "meant"),
    [
        ("w32", (0, 0x89D41B81), 0x811BD489),
        ("w64", (0, 0xE004010012345678), 0x78563412000104E0),
        ("w66", (0, 0xE004010012345678), 0x78563412000104E0),
        ("w34n", (0, 0x89D41B81), 0x811BD489),
        ("w34", (0x89D4, 0x1B81), 0x811B << 32 | 0xD489),
        ("w26", (0x12, 0x3456), 0x56 << 32 | 0x3412),
        # 35 bits are no whole bytes.
        ("w37", (0, 0x123456789), 0x123456789),
        ("w37f", (0x1234, 0x5678), 0x1234 << 32 | 0x5678),
    ],
)
def test_bytes_that_come_in_the_other_order_are_turned_round_where_there_are_whole_ones(
    name: str, sent: tuple[int, int], meant: int
) -> None:
    bits = encode(FORMATS[name], *sent)
    assert decode(bits, [FORMATS[name]], last_byte_first=True).value == meant


def test_a_field_whose_last_bit_counts_most_is_read_backwards() -> None:
    turned = WiegandFormat("turned", 26, W26.facility, range(25, 9, -1), W26.parities)
    bits = encode(turned, 1, 0b1)
    assert bits[9:25] == "1000000000000000"
    assert decode(bits, [turned]).value == 1 << 32 | 1


@pytest.mark.parametrize(("pin_bits", "layout"), [(24, "w26"), (32, "w34")])
@given(data=st.data())
def test_a_whole_pin_is_the_number_of_its_frame(
    pin_bits: int, layout: str, data: st.DataObject
) -> None:
    pin = data.draw(st.integers(0, (1 << pin_bits) - 1))
    bits = encode(FORMATS[layout], pin >> 16, pin & 0xFFFF)
    assert pin_of_frame(bits, pin_bits) == str(pin)
    assert pin_of_frame(f"{pin:0{pin_bits}b}", pin_bits) == str(pin)
    with pytest.raises(BrokenFrame, match="whole PIN"):
        pin_of_frame(flipped(bits, data.draw(st.integers(0, len(bits) - 1))), pin_bits)


@pytest.mark.parametrize(("bits", "pin_bits"), [(26, 32), (34, 24), (24, 32), (32, 24), (4, 24)])
def test_a_frame_of_another_length_is_no_whole_pin(bits: int, pin_bits: int) -> None:
    assert pin_of_frame("0" * bits, pin_bits) is None


def test_the_readings_of_a_frame_name_the_formats_that_it_would_be_right_in() -> None:
    assert raw_readings(encode(FORMATS["w37f"], 1, 5)) == {
        "whole": "68720525323 = 100010000B",
        "inner": "524293 = 000080005",
        "fits": "w37; w37f 1,5",
    }
    assert raw_readings("1" * 27) == {
        "whole": "134217727 = 7FFFFFF",
        "inner": "33554431 = 1FFFFFF",
    }


@pytest.mark.parametrize("bits", ["", "0001", "11100001", "2" * 26])
def test_what_may_be_a_key_has_no_readings(bits: str) -> None:
    assert raw_readings(bits) == {}


@given(st.text("01", max_size=260))
def test_any_bits_have_readings_or_none(bits: str) -> None:
    found = raw_readings(bits)
    assert (found == {}) is (len(bits) <= 8)
    assert not found or int(found["whole"].split(" = ")[1], 16) == int(bits, 2)


@given(st.text("01", max_size=260), st.booleans())
def test_any_bits_are_a_card_or_refused(bits: str, last_byte_first: bool) -> None:
    with suppress(BrokenFrame):
        read = decode(bits, list(FORMATS.values()), last_byte_first=last_byte_first)
        assert read.kind is CredentialKind.CARD
