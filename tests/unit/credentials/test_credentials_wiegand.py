import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.values import Credential, CredentialKind
from gateway.credentials.wiegand import FORMATS, WiegandFormat, decode, encode
from gateway.errors import BrokenFrame

W26 = FORMATS["w26"]
W34 = FORMATS["w34"]

# Facility 123, number 45678: 1 | 01111011 | 1011001001101110 | parities worked out by hand.
FRAME_26 = "1" + "01111011" + "1011001001101110" + "1"

layouts = st.sampled_from(sorted(FORMATS.values(), key=lambda layout: layout.name))


@st.composite
def cards(draw: st.DrawFn) -> tuple[WiegandFormat, int, int]:
    layout = draw(layouts)
    facility = draw(st.integers(0, 2 ** len(layout.facility or ()) - 1))
    return layout, facility, draw(st.integers(0, 2 ** len(layout.number) - 1))


def test_a_frame_worked_out_by_hand_decodes_to_facility_and_number() -> None:
    ones_first, ones_second = FRAME_26[:13].count("1"), FRAME_26[13:].count("1")
    assert (ones_first % 2, ones_second % 2) == (0, 1)
    assert decode(FRAME_26, [W26]) == Credential(CredentialKind.CARD, 123 << 32 | 45678)
    assert encode(W26, 123, 45678) == FRAME_26


def test_w34_splits_into_sixteen_and_sixteen_bits() -> None:
    bits = encode(W34, 0xABCD, 0x1234)
    assert bits[1:17] == f"{0xABCD:016b}"
    assert bits[17:33] == f"{0x1234:016b}"
    assert decode(bits, [W26, W34]).value == 0xABCD << 32 | 0x1234


@given(cards())
def test_every_card_comes_back_from_its_frame(card: tuple[WiegandFormat, int, int]) -> None:
    layout, facility, number = card
    assert decode(encode(layout, facility, number), [layout]).value == facility << 32 | number


@given(cards(), st.data())
def test_a_single_flipped_bit_is_refused(
    card: tuple[WiegandFormat, int, int], data: st.DataObject
) -> None:
    bits = encode(*card)
    at = data.draw(st.integers(0, len(bits) - 1))
    damaged = bits[:at] + ("1" if bits[at] == "0" else "0") + bits[at + 1 :]
    with pytest.raises(BrokenFrame, match="parity bit"):
        decode(damaged, [card[0]])


@given(cards())
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


@pytest.mark.parametrize("bits", ["", "1", FRAME_26[:-1], FRAME_26 + "0", "0" * 257])
def test_a_frame_of_another_length_names_its_length_and_those_allowed(bits: str) -> None:
    with pytest.raises(BrokenFrame, match=rf"{len(bits)} bits .*w26 has 26, w34 has 34"):
        decode(bits, [W26, W34])


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
    ],
)
def test_a_number_that_does_not_fit_the_format_is_refused(
    layout: WiegandFormat, facility: int, number: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        encode(layout, facility, number)


@pytest.mark.parametrize("layout", FORMATS.values(), ids=lambda layout: layout.name)
def test_every_bit_of_a_format_is_a_field_or_a_parity(layout: WiegandFormat) -> None:
    fields = [*(layout.facility or ()), *layout.number, *(p.bit for p in layout.parities)]
    assert sorted(fields) == list(range(1, layout.bits + 1))
    assert all(parity.bit not in parity.covered for parity in layout.parities)
