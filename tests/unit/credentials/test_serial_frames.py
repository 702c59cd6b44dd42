"""Frames of serial readers: those of `frames/serial.toml`, and any others, in any noise."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.credentials.card_number import CardFormat
from gateway.credentials.protocols import CARD_PROTOCOLS, UHF_PROTOCOLS
from gateway.credentials.rfid_serial import card_of_tag, tag_of_card
from gateway.credentials.stream_frames import NOISE_KEPT, Cut, FrameCutter, FrameProtocol
from gateway.credentials.uhf_r200 import LONGEST, R200Codec, tag_crc
from gateway.credentials.uhf_reader18 import EVERYONE, INVENTORY, POWER, Reader18Codec, crc
from gateway.credentials.wiegand import FORMATS, decode, encode
from gateway.settings import ByteOrder, CardNumbering, CardProtocol, UhfProtocol

FOUND: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "frames" / "serial.toml").read_text(encoding="utf-8")
)
CODECS = {protocol: entry.codec(0) for protocol, entry in UHF_PROTOCOLS.items()}
SHAPE_OF: dict[str, FrameProtocol] = {
    **{protocol.value: shape for protocol, shape in CARD_PROTOCOLS.items()},
    **{protocol.value: codec.protocol for protocol, codec in CODECS.items()},
}

card_protocols = st.sampled_from(list(CARD_PROTOCOLS))

rfid_tags = st.binary(min_size=5, max_size=5)
epcs = st.integers(1, 31).flatmap(lambda words: st.binary(min_size=2 * words, max_size=2 * words))
short_epcs = st.integers(1, 8).flatmap(lambda n: st.binary(min_size=2 * n, max_size=2 * n))
seen_tags = st.lists(short_epcs, max_size=8)
noises = st.lists(st.binary(max_size=20), min_size=2, max_size=2)


def names(frame: dict[str, Any]) -> str:
    return f"{frame['protocol']}-{frame['hex'].replace(' ', '')[:12]}-{frame['source'][:12]}"


def good(cuts: list[Cut]) -> list[bytes]:
    return [cut.data for cut in cuts if not cut.flaw]


def whole(shape: FrameProtocol, data: bytes, size: int = 1 << 20) -> list[Cut]:
    """All that a stream gives that comes in pieces and then ends."""
    cutter = FrameCutter(shape)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    return [cut for piece in pieces for cut in cutter.feed(piece)] + cutter.silence()


@pytest.mark.parametrize("frame", FOUND["frame"], ids=names)
def test_a_known_frame_says_what_its_source_says(frame: dict[str, Any]) -> None:
    protocol, data = frame["protocol"], bytes.fromhex(frame["hex"])
    (cut,) = whole(SHAPE_OF[protocol], data)[:1]
    assert cut.data == data
    if "flaw" in frame:
        assert frame["flaw"] in cut.flaw
        return
    assert not cut.flaw
    if protocol in set(CardProtocol):
        assert [CARD_PROTOCOLS[CardProtocol(protocol)].tag(data).hex().upper()] == frame["says"]
        return
    reply = CODECS[UhfProtocol(protocol)].reply(data)
    assert [tag.hex().upper() for tag in reply.tags] == frame.get("says", [])
    assert reply.last is not frame.get("more", False)
    assert frame.get("error", "") in reply.error
    assert bool(reply.error) is ("error" in frame)


@pytest.mark.parametrize("frame", FOUND["request"], ids=lambda frame: frame["hex"])
def test_a_request_is_the_one_of_its_source(frame: dict[str, Any]) -> None:
    codec = CODECS[UhfProtocol(frame["protocol"])]
    name, _, value = frame["name"].partition(" ")
    made = codec.power(int(value)) if value else getattr(codec, name)
    assert made == bytes.fromhex(frame["hex"])


def test_every_protocol_has_its_row_and_known_frames() -> None:
    assert set(CARD_PROTOCOLS) == set(CardProtocol)
    assert set(UHF_PROTOCOLS) == set(UhfProtocol)
    assert {frame["protocol"] for frame in FOUND["frame"]} == {*CardProtocol, *UhfProtocol}


def test_the_known_frames_name_an_origin() -> None:
    assert {frame["origin"] for frame in FOUND["frame"]} <= {
        "document",
        "published",
        "captured",
        "made",
    }


# 125 kHz


@given(
    card_protocols,
    st.lists(rfid_tags, min_size=1, max_size=5),
    st.integers(1),
)
def test_every_transponder_comes_back_from_its_frame_whatever_the_pieces(
    protocol: CardProtocol, tags: list[bytes], size: int
) -> None:
    shape = CARD_PROTOCOLS[protocol]
    cuts = whole(shape, b"".join(shape.encode(tag) for tag in tags), 1 + size % 40)
    assert [shape.tag(data) for data in good(cuts)] == tags
    assert len(cuts) == len(tags)


@given(card_protocols, rfid_tags, noises)
def test_a_transponder_is_found_in_noise(
    protocol: CardProtocol, tag: bytes, noise: list[bytes]
) -> None:
    shape = CARD_PROTOCOLS[protocol]
    before, behind = noise
    assert tag in map(shape.tag, good(whole(shape, before + shape.encode(tag) + behind)))


@given(card_protocols, rfid_tags, st.data())
def test_a_flipped_bit_never_makes_another_transponder(
    protocol: CardProtocol, tag: bytes, data: st.DataObject
) -> None:
    shape = CARD_PROTOCOLS[protocol]
    frame = bytearray(shape.encode(tag))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    # A digit in the other case is the same digit.
    assert set(map(shape.tag, good(whole(shape, bytes(frame))))) <= {tag}


@pytest.mark.parametrize("layout", ["w26", "w34"])
@given(facility=st.integers(0, 0xFFFF), number=st.integers(0, 0xFFFF))
def test_a_card_is_the_same_at_a_wiegand_reader(layout: str, facility: int, number: int) -> None:
    facility &= 0xFF if layout == "w26" else 0xFFFF
    bits = encode(FORMATS[layout], facility, number)
    assume(len(set(bits[1:-1])) > 1)
    at_wiegand = decode(bits, [FORMATS[layout]]).value
    tag = bytes.fromhex("4C") + int(bits[1:-1], 2).to_bytes(4, "big")
    assert (
        card_of_tag(tag, CardFormat(CardNumbering(layout))) == at_wiegand == facility << 32 | number
    )


def test_a_printed_number_is_the_card() -> None:
    tag = bytes.fromhex("0102B0A5FD")  # printed 0045131261 and 176,42493
    assert card_of_tag(tag, CardFormat(CardNumbering.PLAIN)) == 45131261
    assert card_of_tag(tag, CardFormat(CardNumbering.W26)) == 176 << 32 | 42493
    assert card_of_tag(tag, CardFormat(CardNumbering.W34)) == 688 << 32 | 42493


@given(
    st.builds(
        CardFormat,
        st.sampled_from(["w26", "w34", "plain"]).map(CardNumbering),
        st.sampled_from(ByteOrder),
    ),
    rfid_tags,
)
def test_a_card_gives_a_tag_that_is_read_as_it(form: CardFormat, tag: bytes) -> None:
    card = card_of_tag(tag, form)
    assert card_of_tag(tag_of_card(card, form), form) == card


@pytest.mark.parametrize(
    ("card", "numbering"),
    [
        (256 << 32, CardNumbering.W26),
        (1 << 16, CardNumbering.W26),
        (1 << 48, CardNumbering.W34),
        (1 << 32, CardNumbering.PLAIN),
    ],
)
def test_a_card_that_no_tag_is_read_as_is_refused(card: int, numbering: CardNumbering) -> None:
    with pytest.raises(ValueError, match=f"card {card} with number = {numbering}"):
        tag_of_card(card, CardFormat(numbering))


def test_a_tag_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes, found 4"):
        CARD_PROTOCOLS[CardProtocol.ID12].encode(b"1234")


# UHF


@pytest.mark.parametrize("protocol", sorted(CODECS))
@given(tags=seen_tags, size=st.integers(1, 40))
def test_every_tag_comes_back_from_an_answer_whatever_the_pieces(
    protocol: UhfProtocol, tags: list[bytes], size: int
) -> None:
    codec = CODECS[protocol]
    cuts = whole(codec.protocol, codec.encode_tags(tags), size)
    assert not any(cut.flaw for cut in cuts)
    assert [tag for cut in cuts for tag in codec.reply(cut.data).tags] == tags


@pytest.mark.parametrize("protocol", sorted(CODECS))
@given(tag=epcs, noise=noises)
def test_a_tag_is_found_in_noise(protocol: UhfProtocol, tag: bytes, noise: list[bytes]) -> None:
    codec = CODECS[protocol]
    before, behind = noise
    cuts = whole(codec.protocol, before + codec.encode_tags([tag]) + behind)
    assert (tag,) in [codec.reply(data).tags for data in good(cuts)]


@pytest.mark.parametrize("protocol", sorted(CODECS))
@given(tags=st.lists(short_epcs, min_size=1, max_size=4), data=st.data())
def test_a_flipped_bit_never_makes_another_tag(
    protocol: UhfProtocol, tags: list[bytes], data: st.DataObject
) -> None:
    codec = CODECS[protocol]
    frame = bytearray(codec.encode_tags(tags))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    read = [
        tag for cut in good(whole(codec.protocol, bytes(frame))) for tag in codec.reply(cut).tags
    ]
    assert set(read) <= set(tags)


def test_the_crc_has_its_published_check_value() -> None:
    assert crc(b"123456789") == 0x6F91  # CRC-16/MCRF4XX


def test_the_crc_of_a_tag_has_its_published_check_value() -> None:
    assert tag_crc(b"123456789") == 0xD64E  # CRC-16/GENIBUS, that of ISO/IEC 18000-63


def test_answers_of_another_reader_on_the_line_are_noise() -> None:
    ours, other = Reader18Codec(3), Reader18Codec(4)
    tag = bytes(12)
    assert good(whole(ours.protocol, other.encode_tags([tag]) + ours.encode_tags([tag]))) == [
        ours.encode_tags([tag])
    ]
    assert good(whole(Reader18Codec(EVERYONE).protocol, other.encode_tags([tag])))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0xF8, "antenna"),
        (0xFE, "does not know"),
        (0x99, "status 0x99"),
    ],
)
def test_a_status_that_is_an_error_is_told_in_words(status: int, words: str) -> None:
    codec = Reader18Codec(0)
    assert words in codec.reply(codec.encode(INVENTORY, status)).error


def test_a_setting_that_was_taken_is_no_error() -> None:
    codec = Reader18Codec(0)
    assert codec.reply(codec.encode(POWER, 0)) == codec.reply(codec.encode_tags([]))
    assert "refuses" in codec.reply(codec.encode(POWER, 0xFF)).error


def test_the_tid_beside_an_epc_is_left_out() -> None:
    codec = Reader18Codec(0, detailed=True)
    epc, tid = bytes(range(12)), bytes(12)
    data = b"\x01\x01" + bytes([0x80 | 24]) + epc + tid + b"\x50"
    assert codec.reply(codec.encode(INVENTORY, 1, data)).tags == (epc,)


@pytest.mark.parametrize("data", [b"\x01", b"\x02\x02ab", b"\x01\x00", b"\x00x", b"\x01\x03ab"])
def test_an_answer_that_contradicts_itself_is_a_bad_frame(data: bytes) -> None:
    codec = Reader18Codec(0)
    (cut,) = whole(codec.protocol, codec.encode(INVENTORY, 1, data))
    assert "do not fit" in cut.flaw


@pytest.mark.parametrize("length", [0, 1, 63, 64])
def test_a_tag_that_is_not_whole_words_cannot_be_played(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 31 words"):
        R200Codec().encode_tags([bytes(length)])


# any stream


@pytest.mark.parametrize("protocol", sorted(SHAPE_OF))
@given(data=st.binary(max_size=3_000), size=st.integers(1, 300))
def test_no_bytes_break_a_cutter_and_it_holds_no_more_than_a_frame(
    protocol: str, data: bytes, size: int
) -> None:
    cutter = FrameCutter(SHAPE_OF[protocol])
    for start in range(0, len(data), size):
        for cut in cutter.feed(data[start : start + size]):
            assert cut.data
            assert cut.flaw or SHAPE_OF[protocol].flaw(cut.data) == ""
        assert len(cutter._running) <= 256
        assert len(cutter._noise) <= NOISE_KEPT
    cutter.silence()
    assert not cutter._running


@pytest.mark.parametrize("protocol", sorted(SHAPE_OF))
def test_noise_is_told_once_with_its_first_bytes(protocol: UhfProtocol) -> None:
    (cut,) = whole(SHAPE_OF[protocol], b"\x00" * 1_000)
    assert cut == Cut(b"\x00" * NOISE_KEPT, "1000 bytes that are not a frame")


def test_bytes_of_a_bad_frame_are_not_told_again_as_noise() -> None:
    frame = bytearray(CARD_PROTOCOLS[CardProtocol.RDM6300].encode(b"12345"))
    frame[12] ^= 1
    assert len(whole(CARD_PROTOCOLS[CardProtocol.RDM6300], bytes(frame))) == 1


def test_a_good_frame_in_a_bad_one_is_found_and_what_follows_is_counted_right() -> None:
    codec = R200Codec()
    within = codec.encode_tags([b"tag!"])
    around = b"\xbb\x02\x22" + len(within).to_bytes(2, "big") + within + b"\x00\x7e"
    bad, found, noise = whole(codec.protocol, around + b"\x01" * 10)
    assert bad.data == around
    assert "checksum" in bad.flaw
    assert found == Cut(within)
    assert noise == Cut(b"\x01" * 10, "10 bytes that are not a frame")


def test_what_was_left_unfinished_is_forgotten_at_a_reset() -> None:
    cutter = FrameCutter(CARD_PROTOCOLS[CardProtocol.RDM6300])
    frame = CARD_PROTOCOLS[CardProtocol.RDM6300].encode(b"12345")
    cutter.feed(b"x" + frame[:8])
    cutter.reset()
    assert cutter.feed(frame[8:]) == []
    assert cutter.silence() == [Cut(frame[8:], "6 bytes that are not a frame")]


def test_a_module_never_makes_us_wait_for_more_than_its_longest_frame() -> None:
    beginning = bytearray(b"\xbb\x02\x22") + (LONGEST + 1).to_bytes(2, "big")
    assert R200Codec().protocol.size(beginning) == 0
