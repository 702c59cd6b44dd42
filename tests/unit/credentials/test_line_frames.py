import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.line_frames import MAX_BYTES, LineFormat, LineFramer, TextLine, text_of
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
    assert framer.silence() == [TextLine(b"abcdef", 9)]
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
        text_of(TextLine(data, 0))


@pytest.mark.parametrize("data", [b"\xff", b"abc\xc3", b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8_make_a_bad_line(data: bytes) -> None:
    with pytest.raises(BrokenFrame, match="not UTF-8"):
        text_of(TextLine(data, 0))


AFFIXED = LineFormat(prefix=b"\x02Q:", suffix=b"$")


@given(texts)
def test_prefix_and_suffix_are_taken_off(text: str) -> None:
    assert text_of(TextLine(b"\x02Q:" + text.encode() + b"$", 0), AFFIXED) == text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"ABC$", "prefix b'\\\\x02Q:' is missing"),
        (b"\x02Q:ABC", "suffix b'[$]' is missing"),
        (b"\x02Q:$", "no code between"),
        (b"\x02Q:A\x02$", "control code"),
        (b"\x02Q:A\xff$", "byte 5 is not UTF-8"),
    ],
)
def test_a_line_that_its_reader_would_not_send_is_a_bad_line(data: bytes, why: str) -> None:
    with pytest.raises(BrokenFrame, match=why):
        text_of(TextLine(data, 0), AFFIXED)


def test_prefix_and_suffix_do_not_share_bytes() -> None:
    with pytest.raises(BrokenFrame, match="no code between"):
        text_of(TextLine(b"ab", 0), LineFormat(prefix=b"ab", suffix=b"b"))


@pytest.mark.parametrize(
    ("encoding", "data", "text"),
    [
        ("latin-1", b"Ol\xe1", "Olá"),
        ("cp1252", b"\x80", "€"),
        ("shift-jis", b"\x83e", "テ"),
        ("gbk", b"\xc4\xe3", "你"),
    ],
)
def test_a_text_is_read_in_the_encoding_of_its_reader(
    encoding: str, data: bytes, text: str
) -> None:
    assert text_of(TextLine(data, 0), LineFormat(encoding=encoding)) == text


def test_a_text_in_another_encoding_is_a_bad_line_that_names_the_right_one() -> None:
    with pytest.raises(BrokenFrame, match="byte 3 is not ASCII"):
        text_of(TextLine("Olá".encode(), 0), LineFormat(encoding="ascii"))


def test_an_answer_to_a_command_that_nobody_sent_is_no_part_of_a_code() -> None:
    # GM65, user manual: the reply to "trigger" stands in front of the code that it leads to.
    with pytest.raises(BrokenFrame, match="character 1 is the control code 0x02"):
        text_of(TextLine(bytes.fromhex("02 00 00 01 00 33 31") + b"CODE", 0))
