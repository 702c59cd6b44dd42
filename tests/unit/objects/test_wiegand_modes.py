"""What the texts of `wiegand_modes` mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.wiegand_modes import ParityBit, WiegandMode, mode_of

H10304: dict[str, Any] = {
    "name": "37(H10304)",
    "size": 37,
    "format": "F[2:17], C[18:36]",
    "parities": "E(1)[2:19], O(37)[19:36]",
    "parities_calculation_order": "1,37",
    "inverted_facility": 0,
    "inverted_card": 0,
}


def mode(**changes: Any) -> WiegandMode:
    return mode_of({**H10304, **changes})


def test_a_row_as_the_vendors_page_writes_it_is_understood() -> None:
    assert mode() == WiegandMode(
        name="37(H10304)",
        bits=37,
        facility=range(2, 18),
        card=range(18, 37),
        parities=(
            ParityBit(1, True, tuple(range(2, 20))),
            ParityBit(37, False, tuple(range(19, 37))),
        ),
    )


@pytest.mark.parametrize(
    "text", ["C[18:36]", "F[0:-1], C[18:36]", "F[1:0],C[18:36]", "C[18:36] I[37:37]", "C[18:36],"]
)
def test_a_format_may_have_no_facility_and_an_issue_code_is_left_aside(text: str) -> None:
    assert (mode(format=text).facility, mode(format=text).card) == (None, range(18, 37))


def test_inverted_fields_are_read_backwards() -> None:
    inverted = mode(inverted_facility=1, inverted_card=1)
    assert (inverted.facility, inverted.card) == (range(17, 1, -1), range(36, 17, -1))
    assert mode(format="C[18:36]", inverted_facility=1).facility is None


def test_a_parity_bit_may_cover_ranges_and_single_bits() -> None:
    (parity,) = mode(parities="O(1)[3:4, 6:7,9, 11:11]").parities
    assert parity == ParityBit(1, False, (3, 4, 6, 7, 9, 11))


@pytest.mark.parametrize(
    ("order", "bits"),
    [("", [1, 37]), ("37,1", [37, 1]), (" 37 ", [37, 1]), ("5,37", [37, 1]), ("1,37", [1, 37])],
)
def test_parities_are_worked_out_in_the_order_that_is_named(order: str, bits: list[int]) -> None:
    found = mode(parities_calculation_order=order).parities
    assert [parity.bit for parity in found] == bits


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"format": "PFFFCCCP"}, "format", "fields such as"),
        ({"format": "F[2:17] X[18:36]"}, "format", "fields such as"),
        ({"format": "C[2:17], C[18:36]"}, "format", "fields such as"),
        ({"format": "F[2:17]"}, "format", "a card number"),
        ({"format": "F[2:17], C[0:-1]"}, "format", "a card number"),
        ({"format": ""}, "format", "a card number"),
        ({"format": "F[2:18], C[18:36]"}, "format", "apart"),
        ({"format": "C[0:36]"}, "format", "from 1"),
        ({"format": "F[1:1], C[2:34]"}, "format", "at most 32 bits"),
        ({"format": "C[1:65]"}, "format", "at most 64 bits"),
        ({"size": 36}, "size", "at least 37"),
        ({"size": 8}, "size", "between 9 and 256"),
        ({"size": 257}, "size", "between 9 and 256"),
        ({"parities": "E(38)[2:19]"}, "size", "at least 38"),
        ({"parities": "even 1"}, "parities", "parity bits such as"),
        ({"parities": "E(1)[]"}, "parities", "parity bits such as"),
        ({"parities": "E(1)[19:2]"}, "parities", "parity bits such as"),
        ({"parities": "E(1)[0:2]"}, "parities", "parity bits such as"),
        ({"parities": "E(1)[2 3]"}, "parities", "parity bits such as"),
        ({"parities": "E(1)[1:2]"}, "parities", "cover themselves"),
        ({"parities": "E(1)[2], O(1)[3]"}, "parities", "each once"),
        ({"parities": "E(0)[2]"}, "parities", "from 1"),
        ({"parities": "E(2)[3]"}, "parities", "outside of facility and card"),
        ({"parities_calculation_order": "1;37"}, "parities_calculation_order", "bit numbers"),
        ({"parities_calculation_order": "1,-1"}, "parities_calculation_order", "bit numbers"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_naming_the_field(
    changes: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"^Invalid member '{field}' .*{said}"):
        mode(**changes)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("format", "x"), ("parities", "x"), ("parities_calculation_order", "x")],
)
def test_each_text_is_checked_by_itself_too(field: str, wrong: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^Invalid member '{field}' "):
        REGISTRY["wiegand_modes"].field(field).decode(wrong)


characters = st.text("FCIEO[](),:0123456789- ", max_size=40)


@given(characters, characters, characters, st.integers(-1, 300))
def test_any_texts_are_a_format_or_refused(
    layout: str, parities: str, order: str, size: int
) -> None:
    try:
        found = mode(format=layout, parities=parities, parities_calculation_order=order, size=size)
    except InvalidRequest:
        return
    bits = [*found.card, *(found.facility or ()), *(parity.bit for parity in found.parities)]
    assert len(set(bits)) == len(bits)
    assert set(bits) <= set(range(1, found.bits + 1))
