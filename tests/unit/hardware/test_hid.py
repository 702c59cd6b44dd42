"""USB readers that type, over a FIFO that carries what the kernel would write."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.keyboard import LEFT_SHIFT
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import DeviceState
from gateway.hardware.simulated.keyboard import SimulatedKeyboard, open_simulated_keyboard
from gateway.hardware.usb.hid_driver import HidDriver
from gateway.hardware.usb.input_events import (
    EVENT_BYTES,
    InputEventStream,
    Key,
    KeysLost,
    open_keyboard,
    pack_event,
    pack_keys,
    pack_text,
)
from gateway.settings import HidReader
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.hardware.conftest import Bench

QUICK = Backoff(first_s=0.01, longest_s=0.05)
EV_SYN, EV_KEY, EV_MSC = 0, 1, 4
SYN_REPORT, SYN_DROPPED = 0, 3
A, ENTER = 30, 28
AT_NS = 7_000_000_000


class Desk:
    """A driver on a played device, serviced when its thread wakes the loop."""

    def __init__(self, bench: Bench, path: Path, **more: Any) -> None:
        self.bench = bench
        fields = {"name": "desk", "index": 1, "portal": 1, "kind": "hid", "device": str(path)}
        given_options = {"backoff": QUICK, "opener": open_simulated_keyboard}
        reader = HidReader.model_validate({**fields, **more.pop("reader", {})})
        self.driver = HidDriver(reader, str(path), bench.loop, **{**given_options, **more})

    def wait_for(self, condition: Callable[[], bool]) -> None:
        eventually(condition, lambda: self.bench.events, lambda: self.driver.service(0))

    @property
    def read(self) -> list[int | str]:
        return [event.credential.value for event in self.bench.posted(Identification)]

    @property
    def states(self) -> list[tuple[bool, str]]:
        return [(event.online, event.why) for event in self.bench.posted(DeviceState)]

    @property
    def refused(self) -> list[str]:
        return [event.why for event in self.bench.posted(BadFrame)]


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[SimulatedKeyboard]:
    played = SimulatedKeyboard(tmp_path / "ports" / "desk")
    yield played
    played.unplug()


@pytest.fixture
def desk(bench: Bench, keyboard: SimulatedKeyboard) -> Iterator[Desk]:
    made = Desk(bench, keyboard.path)
    made.wait_for(lambda: made.states == [(True, "")])
    yield made
    made.driver.close()


def test_a_typed_text_is_an_identification_at_the_stamp_of_its_end_key(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    keyboard.type("Ab-12_x", AT_NS)
    desk.wait_for(lambda: desk.read == ["Ab-12_x"])
    (read,) = desk.bench.posted(Identification)
    assert (read.reader, read.credential.kind, read.at_ns) == ("desk", CredentialKind.QRCODE, AT_NS)


def test_texts_without_a_silence_are_one_code_and_the_rest_is_counted(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    keyboard.send(b"".join(pack_text(f"{code}", AT_NS) for code in range(1000, 1300)))
    desk.wait_for(lambda: bool(desk.refused))
    assert desk.read == ["1000"]
    assert desk.refused == [
        "299 more codes came without a pause and were ignored: show one at a time"
    ]
    keyboard.type("next", 2 * AT_NS)
    desk.wait_for(lambda: desk.read == ["1000", "next"])


def test_texts_with_a_silence_between_them_are_two_codes_however_late_they_come(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    keyboard.send(pack_text("one", AT_NS) + pack_text("two", AT_NS + 201_000_000))
    desk.wait_for(lambda: desk.read == ["one", "two"])


def test_the_longest_code_with_shift_at_every_character_goes_through(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    keyboard.type("Q" * 2953, AT_NS)
    desk.wait_for(lambda: desk.read == ["Q" * 2953])


def test_what_a_text_shows_is_for_the_site_to_say(
    bench: Bench, keyboard: SimulatedKeyboard
) -> None:
    shown = {"shows": "card_hex", "prefix": ";", "suffix": "?"}
    desk = Desk(bench, keyboard.path, reader=shown)
    desk.wait_for(lambda: desk.states == [(True, "")])
    keyboard.type(";04A1B2C3?", AT_NS)
    keyboard.type("04A1B2C3", AT_NS)
    keyboard.type(";xyz?", AT_NS)
    desk.wait_for(lambda: len(desk.refused) == 2)
    assert desk.read == [0x04A1B2C3]
    assert "';' and '?'" in desk.refused[0]
    assert "hexadecimal" in desk.refused[1]
    assert bytes.fromhex(bench.posted(BadFrame)[1].bits) == b";xyz?"
    desk.driver.close()


def test_a_silence_at_the_device_gives_up_a_text_without_an_end(
    bench: Bench, keyboard: SimulatedKeyboard
) -> None:
    desk = Desk(bench, keyboard.path, reader={"gap_ms": 10})
    desk.wait_for(lambda: desk.states == [(True, "")])
    keyboard.send(pack_keys([(A, True), (A, False)], AT_NS))
    desk.wait_for(lambda: desk.refused == ["no Enter or Tab within 10 ms"])
    keyboard.type("next", AT_NS + 1)
    desk.wait_for(lambda: desk.read == ["next"])
    desk.driver.close()


def test_repetition_of_a_held_key_and_other_events_are_no_keys(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    scan_code = pack_event(EV_MSC, 4, 458756, AT_NS)
    for code in (LEFT_SHIFT, A):
        keyboard.send(scan_code + pack_keys([(code, True)], AT_NS))
        keyboard.send(pack_event(EV_KEY, code, 2, AT_NS) * 5)
    keyboard.send(pack_keys([(A, False), (LEFT_SHIFT, False), (ENTER, True)], AT_NS))
    desk.wait_for(lambda: desk.read == ["A"])


def test_a_full_buffer_of_the_kernel_throws_the_text_away_and_says_so(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    dropped = pack_event(EV_SYN, SYN_DROPPED, 0, AT_NS)
    keyboard.send(pack_keys([(2, True), (2, False)], AT_NS) + dropped + pack_text("34", AT_NS))
    keyboard.type("whole", AT_NS)
    desk.wait_for(lambda: desk.read == ["whole"])
    ((why),) = desk.refused
    assert "keys were lost" in why


def test_a_device_that_vanishes_is_offline_and_comes_back(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    keyboard.unplug()
    desk.wait_for(lambda: desk.states[-1][0] is False)
    assert desk.states[1] == (False, f"{keyboard.path}: No such device")
    keyboard.plug()
    desk.wait_for(lambda: desk.states[-1][0] is True)
    keyboard.type("again", AT_NS)
    desk.wait_for(lambda: desk.read == ["again"])


def test_half_a_text_is_forgotten_when_the_plug_is_pulled(
    desk: Desk, keyboard: SimulatedKeyboard
) -> None:
    keyboard.send(pack_keys([(2, True), (2, False)], AT_NS))
    # Stamps as near as those of one text: only the plug parts the halves.
    keyboard.unplug()
    desk.wait_for(lambda: desk.states[-1][0] is False)
    keyboard.plug()
    desk.wait_for(lambda: desk.states[-1][0] is True)
    keyboard.type("45", AT_NS)
    desk.wait_for(lambda: desk.read == ["45"])


def test_close_ends_the_thread_while_nobody_types(desk: Desk) -> None:
    desk.driver.close()
    assert not desk.driver.responsive(0)


def test_a_device_that_was_never_there_is_offline_with_its_path(
    bench: Bench, tmp_path: Path
) -> None:
    desk = Desk(bench, tmp_path / "none", opener=open_keyboard)
    desk.wait_for(lambda: bool(desk.states))
    assert desk.states == [(False, f"{tmp_path / 'none'}: No such file or directory")]
    desk.driver.close()


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch])
def test_what_is_no_input_device_is_refused_in_words(
    bench: Bench, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "other"
    make(path)
    desk = Desk(bench, path, opener=open_keyboard)
    desk.wait_for(lambda: bool(desk.states))
    assert desk.states == [(False, f"{path}: this is no input device")]
    desk.driver.close()


def test_a_device_in_another_programs_hands_is_said(bench: Bench, tmp_path: Path) -> None:
    def taken(path: str) -> int:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)

    desk = Desk(bench, tmp_path / "x", opener=taken)
    desk.wait_for(lambda: bool(desk.states))
    assert desk.states == [(False, f"{tmp_path / 'x'}: another program has it for itself")]
    desk.driver.close()


def descriptors() -> set[str]:
    return {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()}


def test_an_opened_device_is_grabbed_and_stamped_by_the_monotonic_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, object]] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda _fd, request, value: asked.append((request, value)))
    os.mkfifo(tmp_path / "event0")
    os.close(open_keyboard(str(tmp_path / "event0")))

    def write_int(number: int) -> int:
        """The kernel's _IOW('E', number, int)."""
        return 1 << 30 | 4 << 16 | ord("E") << 8 | number

    assert asked == [(write_int(0x90), 1), (write_int(0xA0), struct.pack("@i", 1))]


def test_a_device_that_cannot_be_grabbed_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        open_keyboard(str(path))
    assert str(path) not in descriptors()


def test_closing_gives_everything_back(bench: Bench, keyboard: SimulatedKeyboard) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    desk = Desk(bench, keyboard.path)
    desk.wait_for(lambda: desk.states == [(True, "")])
    desk.driver.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# the stream


@given(st.binary(max_size=40 * EVENT_BYTES), st.lists(st.integers(1, 100), max_size=20))
def test_any_bytes_in_any_pieces_are_taken(data: bytes, cuts: list[int]) -> None:
    data = pack_text("a", AT_NS) + data
    whole = InputEventStream().feed(data)
    stream, pieces, rest = InputEventStream(), [], data
    for cut in [*cuts, len(data)]:
        pieces += stream.feed(rest[:cut])
        rest = rest[cut:]
    assert pieces == whole


@given(st.text("abcXYZ019 !?", min_size=1), st.integers(0, 1 << 60))
def test_keys_come_back_with_their_stamp(text: str, at_ns: int) -> None:
    keys = InputEventStream().feed(pack_text(text, at_ns))
    assert {key.at_ns for key in keys} == {at_ns - at_ns % 1_000}
    assert all(isinstance(key, Key) for key in keys)


def test_what_follows_lost_keys_up_to_the_report_belongs_to_them() -> None:
    report = pack_event(EV_SYN, SYN_REPORT, 0, AT_NS)
    dropped = pack_event(EV_SYN, SYN_DROPPED, 0, AT_NS)
    pressed = pack_event(EV_KEY, A, 1, AT_NS)
    stream = InputEventStream()
    assert stream.feed(dropped + pressed) == [KeysLost(AT_NS)]
    assert stream.feed(pressed + report + pressed) == [Key(A, down=True, at_ns=AT_NS)]


def test_an_event_has_the_size_that_the_kernel_gives_it_here() -> None:
    assert struct.calcsize("@llHHi") == EVENT_BYTES == 2 * struct.calcsize("@l") + 8


def test_a_fifo_that_a_killed_controller_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ports" / "desk"
    path.parent.mkdir()
    path.touch()
    keyboard = SimulatedKeyboard(path)
    assert path.is_fifo()
    keyboard.unplug()
    keyboard.unplug()
    assert not path.exists()
