import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.line_frames import MAX_BYTES, Line, LineFramer, text_of
from gateway.errors import BrokenFrame

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=50)


def fed(framer: LineFramer, data: bytes, at_ns: int = 0) -> list[bytes]:
    return [line.data for line in framer.feed(data, at_ns)]


@given(st.lists(texts, max_size=5), st.sampled_from(["\r", "\n", "\r\n"]), st.integers(1, 20))
def test_every_text_with_a_line_end_comes_out_whatever_the_pieces(
    lines: list[str], end: str, size: int
) -> None:
    data = "".join(text + end for text in lines).encode()
    framer = LineFramer()
    found = [
        text_of(line)
        for start in range(0, len(data), size)
        for line in framer.feed(data[start : start + size], start)
    ]
    assert found == lines


def test_a_text_without_a_line_end_comes_out_at_a_silence() -> None:
    framer = LineFramer()
    assert fed(framer, b"abc", 5) == []
    assert fed(framer, b"def", 9) == []
    assert framer.silence() == [Line(b"abcdef", 9)]
    assert framer.silence() == []


def test_empty_lines_are_nothing() -> None:
    assert fed(LineFramer(), b"\r\n\r\n\n\r") == []


def test_the_longest_code_passes_and_one_byte_more_makes_one_bad_line() -> None:
    framer = LineFramer()
    (whole,) = framer.feed(b"x" * MAX_BYTES + b"\r", 0)
    assert text_of(whole) == "x" * MAX_BYTES
    (long,) = framer.feed(b"x" * (10 * MAX_BYTES) + b"\rnext\r", 0)[:1]
    with pytest.raises(BrokenFrame, match=f"more than {MAX_BYTES} bytes"):
        text_of(long)


def test_the_rest_of_a_text_that_is_too_long_is_dropped_up_to_its_end() -> None:
    framer = LineFramer()
    lines = framer.feed(b"x" * (3 * MAX_BYTES) + b"\rnext\r", 0)
    assert [len(line.data) for line in lines] == [MAX_BYTES + 1, 4]
    framer.feed(b"x" * (2 * MAX_BYTES), 0)
    assert framer.silence() == []
    assert fed(framer, b"next\r") == [b"next"]


def test_a_text_that_is_cut_off_is_forgotten_at_a_reset() -> None:
    framer = LineFramer()
    framer.feed(b"123", 0)
    framer.reset()
    assert fed(framer, b"45\r") == [b"45"]


@pytest.mark.parametrize("data", [b"a\x00b", b"\x02123\x03", b"a\tb", b"\x7f", b"\xc2\x85"])
def test_a_control_byte_makes_a_bad_line(data: bytes) -> None:
    with pytest.raises(BrokenFrame, match="control code"):
        text_of(Line(data, 0))


@pytest.mark.parametrize("data", [b"\xff", b"abc\xc3", b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8_make_a_bad_line(data: bytes) -> None:
    with pytest.raises(BrokenFrame, match="not UTF-8"):
        text_of(Line(data, 0))
