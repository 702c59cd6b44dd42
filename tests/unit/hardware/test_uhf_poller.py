"""What a UHF reader is asked and what its answers amount to, on a clock that stands still."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.credentials.protocols import UHF_PROTOCOLS
from gateway.credentials.uhf_r200 import ANSWER, FAILED, R200Codec, framed
from gateway.credentials.uhf_reader18 import INVENTORY, POWER, Reader18Codec
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.hardware.events import Health
from gateway.hardware.reading_settings import ReadingSettings, UhfMode, UhfReading
from gateway.hardware.serial_ports.uhf_poller import (
    ERRORS_REPORTED,
    GOOD_ENOUGH,
    IDLE_POLL_NS,
    POLL_NS,
    STALE_NS,
    UhfPoller,
)
from gateway.settings import SerialUhfReader

MS = 1_000_000
TAG = bytes.fromhex("E2003412DC03011A7B00B26E")
OTHER = bytes.fromhex("E20000172211010118905484")


class Field:
    """A poller, the reader that it asks, and the time."""

    def __init__(self, protocol: str = "r200", **more: Any) -> None:
        fields = {"name": "gate", "index": 1, "portal": 1, "kind": "serial_uhf", "port": "/dev/x"}
        self.reader = SerialUhfReader.model_validate({**fields, "protocol": protocol, **more})
        self.poller = UhfPoller(self.reader)
        self.codec: Any = UHF_PROTOCOLS[self.reader.protocol].codec(self.reader.address)
        self.now_ns = 10**12
        self.poller.reset()
        self.found: list[Identification | BadFrame] = []

    def ask(self) -> bytes:
        """The next request, when it is due."""
        due_ns = self.poller.due_ns
        if due_ns is not None:
            assert self.poller.request(due_ns - 1) is None
            self.now_ns = max(self.now_ns, due_ns)
        request = self.poller.request(self.now_ns)
        assert request is not None
        assert self.poller.due_ns is not None
        assert self.poller.due_ns > self.now_ns
        return request

    def hear(self, data: bytes) -> None:
        self.found += self.poller.feed(data, self.now_ns)

    def answer(self, *tags: bytes) -> bytes:
        """The next request, answered at once with these tags if it asks for tags."""
        request = self.ask()
        if request == self.codec.inventory:
            self.hear(self.codec.encode_tags(tags))
        else:
            self.hear(self.codec.acknowledge(request))
        return request

    def set(self, **uhf: Any) -> None:
        self.poller.configure(ReadingSettings(uhf=UhfReading(**uhf)))

    @property
    def tags(self) -> list[int | str]:
        return [each.credential.value for each in self.found if isinstance(each, Identification)]


@pytest.fixture(params=["r200", "uhfreader18", "uhfreader288"])
def field(request: pytest.FixtureRequest) -> Field:
    made = Field(request.param)
    made.answer()
    return made


def test_a_reader_is_asked_what_it_is_before_anything_else() -> None:
    made = Field()
    assert made.poller.health is None
    assert made.answer() == made.codec.identify
    assert made.poller.health == (Health.ONLINE, "")
    assert made.answer() == made.codec.inventory


def test_a_tag_is_an_identification_in_upper_case_hexadecimal(field: Field) -> None:
    field.answer(TAG)
    (found,) = field.found
    assert isinstance(found, Identification)
    assert (found.reader, found.at_ns) == ("gate", field.now_ns)
    assert (found.credential.kind, found.credential.value) == (
        CredentialKind.UHF_TAG,
        "E2003412DC03011A7B00B26E",
    )


def test_a_tag_that_stays_is_one_identification_per_interval(field: Field) -> None:
    field.set(same_tag_ms=1_000)
    for _ in range(25):
        field.answer(TAG)
    assert field.tags == [TAG.hex().upper()] * 3


def test_of_several_tags_each_counts_a_moment_after_the_other(field: Field) -> None:
    field.set(other_tag_ms=100)
    field.answer(TAG, OTHER)
    assert field.tags == [TAG.hex().upper()]
    field.answer(TAG, OTHER)
    assert field.tags == [TAG.hex().upper(), OTHER.hex().upper()]


def test_the_bytes_of_a_tag_are_turned_round_where_the_configuration_says_so(
    field: Field,
) -> None:
    field.set(last_byte_first=True)
    field.answer(TAG)
    assert field.tags == [TAG[::-1].hex().upper()]


@pytest.mark.parametrize("mode", [UhfMode.INHIBIT, UhfMode.TRIGGER])
def test_a_reader_that_shall_not_read_is_asked_for_life_and_for_no_tag(
    field: Field, mode: UhfMode
) -> None:
    field.ask()
    field.set(mode=mode)
    field.hear(field.codec.encode_tags([TAG]))  # the answer to what was asked before
    asked_ns = field.now_ns
    assert field.answer(TAG) == field.codec.identify
    assert field.now_ns == asked_ns + IDLE_POLL_NS
    assert field.tags == []
    field.set(mode=UhfMode.CONTINUOUS)
    assert field.answer(TAG) == field.codec.inventory
    assert field.tags == [TAG.hex().upper()]


def test_trigger_mode_is_told_since_nothing_can_trigger(field: Field) -> None:
    field.set(mode=UhfMode.TRIGGER)
    assert field.poller.health is not None
    assert field.poller.health[0] is Health.DEGRADED
    assert "which is not supported" in field.poller.health[1]
    field.set(mode=UhfMode.INHIBIT)
    assert field.poller.health == (Health.ONLINE, "")


def test_inventories_follow_each_other_in_their_rhythm(field: Field) -> None:
    field.answer()
    asked_ns = field.now_ns
    field.answer()
    assert field.now_ns == asked_ns + POLL_NS


def test_an_answer_in_several_frames_is_waited_for() -> None:
    made = Field("uhfreader18")
    made.answer()
    made.ask()
    made.hear(made.codec.encode_tags([TAG], more=True))
    assert made.poller.request(made.now_ns + POLL_NS) is None
    made.now_ns += 2 * POLL_NS
    made.hear(made.codec.encode_tags([OTHER]))
    assert made.poller.request(made.now_ns) == made.codec.inventory
    assert len(made.tags) == 2


def test_an_answer_in_pieces_is_one_answer(field: Field) -> None:
    field.ask()
    for byte in field.codec.encode_tags([TAG]):
        field.hear(bytes([byte]))
        field.now_ns += MS
    assert field.tags == [TAG.hex().upper()]


def test_a_rest_that_comes_too_late_is_no_tag(field: Field) -> None:
    field.ask()
    frame = field.codec.encode_tags([TAG])
    field.hear(frame[:10])
    field.now_ns += STALE_NS + 1
    field.hear(frame[10:])
    assert field.tags == []


def test_a_tag_that_noise_held_up_opens_nothing_later(field: Field) -> None:
    field.ask()
    # What looks like the beginning of a long frame hides the short one behind it.
    begins = {"r200": "BB 02 22 00 70", "uhfreader18": "F0 00 01", "uhfreader288": "F0 00 01"}
    held_up = bytes.fromhex(begins[field.reader.protocol])
    field.hear(held_up + field.codec.encode_tags([TAG]))
    assert field.tags == []
    field.now_ns += STALE_NS + 1
    field.hear(field.codec.encode_tags([OTHER]))
    assert field.tags == [OTHER.hex().upper()]
    (bad,) = [each for each in field.found if isinstance(each, BadFrame)]
    assert "that are not a frame" in bad.why


def test_a_reader_that_does_not_answer_is_offline_and_asked_on(field: Field) -> None:
    assert field.ask() == field.codec.inventory
    assert field.ask() == field.codec.inventory
    assert field.poller.health == (Health.ONLINE, "")
    assert field.ask() == field.codec.identify
    assert field.poller.health == (
        Health.OFFLINE,
        f"the port is open, but the reader does not answer at {field.reader.speed} baud",
    )
    for _ in range(5):
        field.ask()
    field.hear(field.codec.acknowledge(field.codec.identify))
    assert field.poller.health == (Health.ONLINE, "")
    assert field.answer(TAG) == field.codec.inventory


def test_one_answer_that_is_lost_is_no_matter(field: Field) -> None:
    for _ in range(5):
        field.ask()
        field.answer()
    assert field.poller.health == (Health.ONLINE, "")


def test_noise_is_no_sign_of_life(field: Field) -> None:
    for _ in range(4):
        field.ask()
        field.hear(b"\x00\xff" * 20)
    assert field.poller.health is not None
    assert field.poller.health[0] is Health.OFFLINE


def test_what_a_reader_complains_of_is_told_when_it_goes_on(field: Field) -> None:
    codec = field.codec
    wrong = (
        framed(ANSWER, FAILED, b"\x20")
        if isinstance(codec, R200Codec)
        else codec.encode(INVENTORY, 0xF8)
    )
    told = list[tuple[Health, str] | None]()
    for _ in range(ERRORS_REPORTED):
        field.ask()
        field.hear(wrong)
        told.append(field.poller.health)
    assert told[:-1] == [(Health.ONLINE, "")] * (ERRORS_REPORTED - 1)
    why = {"r200": "all channels of the reader are in use"}
    usual = "the reader's antenna is not connected"
    assert told[-1] == (Health.DEGRADED, why.get(field.reader.protocol, usual))
    for _ in range(GOOD_ENOUGH - 1):
        field.answer()
        assert field.poller.health == told[-1]
    field.answer()
    assert field.poller.health == (Health.ONLINE, "")


def test_errors_that_come_and_go_are_one_state() -> None:
    made = Field("uhfreader18")
    made.answer()
    told = set()
    for turn in range(200):
        made.ask()
        made.hear(made.codec.encode(INVENTORY, (0xF8, 0xF8, 0xF8, 0xF9, 0xF9, 0xFB)[turn % 6]))
        if turn >= ERRORS_REPORTED - 1:
            told.add(made.poller.health)
    assert told == {(Health.DEGRADED, "the reader's antenna is not connected")}


def test_the_transmit_power_is_set_once_and_after_each_opening(field: Field) -> None:
    field.set(transmit_centidbm=2_050)
    power = field.codec.power(2_050)
    assert [field.answer() for _ in range(3)] == [power] + [field.codec.inventory] * 2
    field.set(transmit_centidbm=2_050, same_tag_ms=100)
    assert field.answer() == field.codec.inventory
    field.poller.reset()
    assert [field.answer() for _ in range(3)] == [
        field.codec.identify,
        power,
        field.codec.inventory,
    ]


def test_the_transmit_power_of_a_reader_of_whole_dbm_is_not_exceeded() -> None:
    codec = Reader18Codec(0)
    assert codec.power(2_099) == codec.power(2_000)
    assert codec.power(2_000)[2:4] == bytes([POWER, 20])


def test_a_power_that_the_reader_refuses_is_told() -> None:
    made = Field("uhfreader18")
    made.answer()
    made.set(transmit_centidbm=2_400)
    made.ask()
    made.hear(made.codec.encode(POWER, 0xFF))
    refused = (Health.DEGRADED, "transmit power is not set: the reader refuses the parameters")
    assert made.poller.health == refused
    made.answer()
    assert made.poller.health == refused
    made.set(transmit_centidbm=None)
    assert made.poller.health == (Health.ONLINE, "")


def test_a_damaged_frame_is_a_bad_frame_and_no_tag(field: Field) -> None:
    field.ask()
    damaged = bytearray(field.codec.encode_tags([TAG]))
    damaged[-3 if field.reader.protocol == "r200" else -1] ^= 1
    field.hear(bytes(damaged))
    (bad,) = (each for each in field.found if isinstance(each, BadFrame))
    assert bad.bits == damaged.hex()
    assert field.tags == []


def test_a_reader_at_any_address_is_heard() -> None:
    made = Field("uhfreader18", address=255)
    at_seven = Reader18Codec(7)
    assert made.ask()[1] == 255
    made.hear(at_seven.acknowledge(made.codec.identify))
    made.ask()
    made.hear(at_seven.encode_tags([TAG]))
    assert made.tags == [TAG.hex().upper()]
