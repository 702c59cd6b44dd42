"""Sentences about wiring, from frames whose fault is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.wiegand import FORMATS, Frame, WiegandFormat, encode
from gateway.credentials.wiegand.assembler import pulse_widths_ns
from gateway.credentials.wiegand.diagnosis import WiringFault, WiringFinding, diagnose
from gateway.credentials.wiegand.readings import Sent, frame_readings

CHECKED = tuple(layout for layout in FORMATS.values() if layout.parities)
W26, W34 = FORMATS["w26"], FORMATS["w34"]
USUAL = (W26, W34)
INVERSE = str.maketrans("01", "10")

formats = st.sampled_from(CHECKED)


@st.composite
def cards(draw: st.DrawFn) -> tuple[WiegandFormat, str]:
    """A format with parity, and a frame of a card in it."""
    layout = draw(formats)
    facility = draw(st.integers(0, (1 << len(layout.facility or ())) - 1))
    number = draw(st.integers(0, (1 << len(layout.number)) - 1))
    return layout, encode(layout, facility, number)


def found(
    bits: str,
    known: tuple[WiegandFormat, ...] = USUAL,
    *,
    width_us: int | None = 50,
    interval_us: int = 2_000,
) -> list[WiringFault]:
    starts = [interval_us * at for at in range(len(bits))]
    return [it.fault for it in diagnose(bits, starts, [width_us] * len(bits), known)]


@given(cards())
def test_a_frame_of_the_readers_own_format_has_no_fault(card: tuple[WiegandFormat, str]) -> None:
    layout, bits = card
    assert found(bits, (layout,)) == []


@given(cards())
def test_a_frame_that_only_another_format_accepts_names_that_format(
    card: tuple[WiegandFormat, str],
) -> None:
    layout, bits = card
    (finding,) = diagnose(bits, [], [], ())
    assert finding.fault is WiringFault.FORMAT_NOT_SET
    assert FORMATS[finding.format].bits == layout.bits


@given(st.integers(0, 255), st.integers(0, 65_535))
def test_exchanged_lines_are_named(facility: int, number: int) -> None:
    bits = encode(W26, facility, number).translate(INVERSE)
    assert found(bits) == [WiringFault.LINES_SWAPPED]


@given(st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 25))
def test_a_lost_bit_is_noticed(facility: int, number: int, lost: int) -> None:
    whole = encode(W26, facility, number)
    bits = whole[:lost] + whole[lost + 1 :]
    faults = found(bits)
    assert faults in ([WiringFault.BIT_MISSING], [WiringFault.LINE_SILENT])


@given(st.integers(9, 256), st.sampled_from("01"))
def test_a_line_without_a_pulse_is_named(length: int, bit: str) -> None:
    (finding,) = diagnose(bit * length, [], [], USUAL)
    assert finding == WiringFinding(WiringFault.LINE_SILENT, line="D1" if bit == "0" else "D0")


@pytest.mark.parametrize(
    ("width_us", "interval_us", "fault", "limits"),
    [
        (12, 2_000, WiringFault.PULSES_SHORT, (20, 100)),
        (400, 2_000, WiringFault.PULSES_LONG, (20, 100)),
        (30, 150, WiringFault.INTERVALS_SHORT, (200, 20_000)),
        (50, 22_000, WiringFault.INTERVALS_LONG, (200, 20_000)),
    ],
)
def test_timing_outside_its_limits_is_measured(
    width_us: int, interval_us: int, fault: WiringFault, limits: tuple[int, int]
) -> None:
    bits = encode(W26, 123, 45678)
    starts = [interval_us * at for at in range(26)]
    (finding,) = diagnose(bits, starts, [width_us] * 26, USUAL)
    measured = width_us if "pulses" in fault else interval_us
    assert finding == WiringFinding(fault, "", "", measured, *limits)


def test_pulses_at_the_limits_and_unmeasured_ones_are_good() -> None:
    bits = encode(W26, 123, 45678)
    assert found(bits, width_us=20, interval_us=200) == []
    assert found(bits, width_us=100, interval_us=20_000) == []
    assert found(bits, width_us=None) == []


def test_pulses_of_both_lines_at_once_are_the_first_cause() -> None:
    bits = encode(W26, 123, 45678)
    starts = [2_000 * at for at in range(26)]
    starts[2] = starts[1] + 5
    assert bits[1] != bits[2]
    assert diagnose(bits, starts, [12] * 26, USUAL)[0].fault is WiringFault.LINES_TOUCH


def test_wrong_parity_and_an_unknown_length_are_told_apart() -> None:
    bits = encode(W26, 123, 45678)
    flipped = bits[:5] + bits[5].translate(INVERSE) + bits[6:]
    assert found(flipped) == [WiringFault.PARITY_WRONG]
    assert found("10" * 15) == [WiringFault.LENGTH_UNKNOWN]
    assert found("1010101011") == [WiringFault.LENGTH_UNKNOWN]


def test_keys_are_judged_by_their_timing_alone() -> None:
    assert found("0101") == []
    assert found("0101", width_us=10) == [WiringFault.PULSES_SHORT]
    assert [it.fault for it in diagnose("", [0, 2_000], [10, 11], USUAL)] == [
        WiringFault.PULSES_SHORT
    ]


@given(
    st.text("01", max_size=257),
    st.lists(st.integers(0, 1 << 40), max_size=257),
    st.lists(st.none() | st.integers(0, 1 << 40), max_size=257),
)
def test_any_frame_gets_a_diagnosis(bits: str, starts: list[int], widths: list[int | None]) -> None:
    faults = [it.fault for it in diagnose(bits, sorted(starts), widths, USUAL)]
    assert faults == sorted(faults, key=list(WiringFault).index)


@given(cards())
def test_the_right_reading_is_among_the_readings(card: tuple[WiegandFormat, str]) -> None:
    layout, bits = card
    readings = frame_readings(bits, [*FORMATS.values()])
    assert {reading.format for reading in readings} == {
        known.name for known in FORMATS.values() if known.bits == layout.bits
    }
    (own,) = [
        it
        for it in readings
        if it.format == layout.name and it.sent is Sent.AS_SENT and not it.last_byte_first
    ]
    assert own.right
    assert encode(layout, own.facility or 0, own.number) == bits


def test_the_readings_of_a_w26_frame() -> None:
    readings = frame_readings(encode(W26, 123, 45678), [W26, FORMATS["w37"]])
    shown = [(it.sent, it.last_byte_first, it.facility, it.number) for it in readings]
    card = 123 << 16 | 45678
    assert shown == [
        (Sent.AS_SENT, False, 123, 45678),
        (Sent.AS_SENT, True, *divmod(int.from_bytes(card.to_bytes(3, "big"), "little"), 1 << 16)),
        (Sent.INVERTED, False, 255 - 123, 65535 - 45678),
        (Sent.BACKWARDS, False, *divmod(int(f"{card:024b}"[::-1], 2), 1 << 16)),
    ]
    assert [it.right for it in readings[:3]] == [True, True, False]
    assert frame_readings("01" * 4, [W26]) == ()


def test_widths_belong_to_their_pulses() -> None:
    stamps = (1_000_000, 3_000_000, 5_000_000)
    frame = Frame("010", stamps)
    rises = [(5_060_000, 0), (1_050_000, 0), (900_000, 1)]
    assert pulse_widths_ns(frame, rises) == (50_000, None, 60_000)
    # An end after the line's next pulse is not that of this one.
    assert pulse_widths_ns(frame, [(5_060_000, 0)]) == (None, None, 60_000)
    assert pulse_widths_ns(frame, [(30_000_000, 1)]) == (None, None, None)
