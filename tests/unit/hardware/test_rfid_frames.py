"""Cards at a 125 kHz reader that repeats what lies on it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.credentials.protocols import CARD_PROTOCOLS
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.hardware.serial_ports.rfid_frames import RfidFrames
from gateway.settings import CardProtocol, SerialCardReader

MS = 1_000_000
CARD = bytes.fromhex("010063E9AE")
OTHER = bytes.fromhex("0C000621A5")


def reader(**more: Any) -> RfidFrames:
    fields = {"name": "card", "index": 1, "portal": 1, "kind": "serial_card", "port": "/dev/x"}
    return RfidFrames(SerialCardReader.model_validate({**fields, "protocol": "rdm6300", **more}))


def cards(frames: RfidFrames, *seen: tuple[bytes, int]) -> list[int | str]:
    """What tags amount to that come at these milliseconds."""
    shape = CARD_PROTOCOLS[CardProtocol.RDM6300]
    return [
        read.credential.value
        for tag, at_ms in seen
        for read in frames.feed(shape.encode(tag), at_ms * MS)
        if isinstance(read, Identification)
    ]


@pytest.mark.parametrize(
    ("number", "value"), [("w26", 0x63 << 32 | 0xE9AE), ("w34", 0x63 << 32 | 0xE9AE)]
)
def test_a_tag_is_a_card(number: str, value: int) -> None:
    (read,) = reader(number=number).feed(CARD_PROTOCOLS[CardProtocol.RDM6300].encode(CARD), 7)
    assert read == Identification("card", Credential(CredentialKind.CARD, value), 7)


def test_the_whole_number_tells_cards_apart_that_a_wiegand_line_does_not() -> None:
    twin = bytes.fromhex("010163E9AE")
    assert len(set(cards(reader(number="w26"), (CARD, 0), (twin, 0)))) == 1
    assert len(set(cards(reader(number="plain"), (CARD, 0), (twin, 0)))) == 2


def test_a_card_that_is_held_there_is_one_identification() -> None:
    held = [(CARD, at_ms) for at_ms in range(0, 60_000, 65)]
    assert len(cards(reader(), *held)) == 1


def test_a_card_counts_again_when_it_was_away() -> None:
    seen = [(CARD, 0), (CARD, 900), (CARD, 1_899), (CARD, 2_899)]
    assert len(cards(reader(absent_ms=1_000), *seen)) == 2


def test_another_card_counts_at_once() -> None:
    assert len(cards(reader(), (CARD, 0), (OTHER, 10))) == 2


def test_two_cards_that_are_held_there_are_one_identification_each() -> None:
    held = [(CARD if turn % 2 else OTHER, 65 * turn) for turn in range(100)]
    assert len(cards(reader(), *held)) == 2


def test_a_damaged_frame_is_told_and_identifies_nobody() -> None:
    frame = CARD_PROTOCOLS[CardProtocol.RDM6300].encode(CARD).replace(b"25\x03", b"26\x03")
    (bad,) = reader().feed(frame, 5)
    assert bad == BadFrame("card", frame.hex(), "checksum 26, should be 25", 5)


def test_half_a_frame_is_told_at_the_silence_and_joined_to_nothing() -> None:
    frames, frame = reader(), CARD_PROTOCOLS[CardProtocol.RDM6300].encode(CARD)
    assert frames.feed(frame[:9], 0) == []
    (bad,) = frames.silence()
    assert isinstance(bad, BadFrame)
    assert bad.why == "9 bytes that are not a frame"
    assert frames.feed(frame[9:], 0) == []
    frames.reset()
    assert frames.silence() == []


def test_a_damaged_frame_is_a_bad_frame_and_no_card() -> None:
    damaged = CARD_PROTOCOLS[CardProtocol.RDM6300].encode(CARD).replace(b"25\x03", b"26\x03")
    (bad,) = reader().feed(damaged, 7)
    assert bad == BadFrame("card", damaged.hex(), "checksum 26, should be 25", 7)
