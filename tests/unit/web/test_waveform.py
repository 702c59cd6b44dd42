"""Waveforms as files: any frame is a well-formed drawing of all its pulses."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from gateway.web.waveform import BITS_IN_PIECE, document, pieces_of, pulses_of
from gateway.web.wiring_words import pulse_words

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, list[int], list[int | None]]:
    """Bits, or none of them where they are hidden, with starts and widths of pulses."""
    intervals = draw(st.lists(st.integers(1, 30_000), min_size=1, max_size=257))
    starts = [sum(intervals[:at]) for at in range(len(intervals))]
    widths = [draw(st.none() | st.integers(0, 20_000)) for _ in starts]
    bits = draw(st.just("") | st.text("01", min_size=len(starts), max_size=len(starts)))
    return bits, starts, widths


@given(frames(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_any_frame_is_drawn_with_each_of_its_pulses(
    frame: tuple[str, list[int], list[int | None]], caption: str
) -> None:
    bits, starts, widths = frame
    pieces = pieces_of(pulses_of(bits, starts, widths))
    assert all(len(piece) <= BITS_IN_PIECE for piece in pieces)
    words = [[pulse_words(pulse) for pulse in piece] for piece in pieces]
    root = ET.fromstring(document(pieces, {1, len(starts)}, words, caption))  # noqa: S314 - our own
    drawn = root.findall(f".//{SVG}g[@class='pulse']")
    assert len(drawn) == len(starts)
    shown = "".join(it.text or "" for it in root.iter(f"{SVG}text") if it.get("class") == "bit")
    assert shown == (bits or "•" * len(starts))
    said = [it.text or "" for it in root.iter(f"{SVG}text") if it.get("class") == "caption"]
    assert "".join("".join(said).split()) == "".join(caption.split())


def test_the_pulse_under_a_finger_is_told_with_width_and_interval() -> None:
    first, second = pulses_of("01", [0, 2_000], [50, None])
    assert pulse_words(first) == "Bit 1 = 0 (D0): 50 µs wide, first pulse"
    assert pulse_words(second) == (
        "Bit 2 = 1 (D1): width not measured, 2000 µs after the one before"
    )


def test_a_long_pause_is_marked() -> None:
    pulses = pulses_of("0000", [0, 2_000, 9_000, 11_000], [50] * 4)
    assert [pulse.unusual for pulse in pulses] == [False, False, True, False]
