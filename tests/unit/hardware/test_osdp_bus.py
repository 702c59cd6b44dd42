"""OSDP readers over real pseudo-terminals, with the library at both ends.

The readers are in a process of their own. Each row of the truth table has a bus of its own, and all
of them run at the same time.
"""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, cast

import pytest
import serial
import structlog

from gateway.access.signals import Idle
from gateway.clock import ManualClock
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.errors import DeviceUnavailable
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import (
    DeviceState,
    HardwareEvent,
    Health,
    InputKind,
    InputLevel,
    InputLost,
    InputName,
    KeyPressed,
    Loop,
)
from gateway.hardware.osdp.bus import OsdpBus, OsdpFeedback, open_bus
from gateway.hardware.osdp.keys import SCBK_D, KeyFile, ReaderKeys, new_key
from gateway.hardware.osdp.library import PortChannel, Station, open_panel
from gateway.hardware.osdp.patterns import LightColour
from gateway.hardware.osdp.reports import KeyPhase, PairReader, RotateKey
from gateway.hardware.osdp.supervision import MISSED_POLLS
from gateway.hardware.simulated.osdp_readers import OsdpReaders
from gateway.settings import OsdpReader, ReaderInput


def bits(facility: int, number: int) -> str:
    """A card of 26 bits."""
    body = f"{facility:08b}{number:016b}"
    even, odd = body[:12].count("1") % 2, 1 - body[12:].count("1") % 2
    return f"{even}{body}{odd}"


Opener = Callable[[OsdpReader, str], serial.Serial]


class PortOfPieces:
    """A port that gives a few bytes at a time, as 9600 Bd do."""

    def __init__(self, settings: OsdpReader, path: str) -> None:
        self._port = open_bus(settings, path)

    def read(self, most: int) -> bytes:
        data: bytes = self._port.read(min(most, 5))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._port.close()


class Site:
    """A bus of readers, and the controller's driver on it."""

    def __init__(self, directory: Path, stack: ExitStack, clock: ManualClock) -> None:
        self.events: list[HardwareEvent] = []
        self.keys = KeyFile(directory / "keys.json")
        self.port = directory / "port"
        self.tape = bytearray()
        self.played: OsdpReaders
        self._stack = stack
        self._woken = threading.Event()
        self.loop = Loop(clock, self.events.append, self._woken.set)

    def play(self, *readers: dict[str, Any]) -> OsdpReaders:
        """Begin with the readers' ends."""
        played = OsdpReaders(self.port, readers)
        self._stack.callback(played.close)
        assert played.answer() == "ready"
        return played

    def drive(
        self,
        *readers: OsdpReader,
        opener: Opener = open_bus,
        inputs: Mapping[InputName, ReaderInput] = MappingProxyType({}),
    ) -> OsdpBus:
        """Begin with the controller's end."""
        bus = OsdpBus(
            readers,
            str(self.port),
            self.keys,
            self.loop,
            inputs=inputs,
            backoff=Backoff(first_s=0.01, longest_s=0.05),
            opener=opener,
        )
        self._stack.callback(bus.close)
        self.bus = bus
        return bus

    def record(self, reader: OsdpReader, path: str) -> serial.Serial:
        """Open a port of which `tape` gets what is received."""
        port = open_bus(reader, path)
        receive = port.read

        def read(most: int) -> bytes:
            data = bytes(receive(most))
            self.tape += data
            return data

        vars(port)["read"] = read
        return port

    def wait(self, condition: Callable[[], bool], turns: int = 1500) -> bool:
        """Service the bus until `condition` holds; False if it never does."""
        for _ in range(turns):
            self.bus.service(0)
            if condition():
                return True
            self._woken.wait(timeout=0.02)
            self._woken.clear()
        return False

    def health(self, reader: str = "front") -> DeviceState | None:
        states = [it for it in self.events if isinstance(it, DeviceState) and it.device == reader]
        return states[-1] if states else None

    def online(self, reader: str = "front") -> bool:
        state = self.health(reader)
        return state is not None and state.online

    def refused(self, reader: str = "front") -> bool:
        state = self.health(reader)
        return state is not None and not state.online and state.why != "connecting"

    def has_read(self) -> bool:
        return bool(self.read())

    def read(self) -> list[Identification]:
        return [it for it in self.events if isinstance(it, Identification)]

    def numbers(self) -> list[object]:
        """The number of each card that was read."""
        return [it.credential.value for it in self.read()]

    def comes_back(self, played: OsdpReaders, number: int) -> bool:
        """Whether a card is read again. One that is shown while the channel is away is lost."""
        for _ in range(10):
            played.order({"reader": "front", "card": bits(1, number)})
            if self.wait(lambda: 1 << 32 | number in self.numbers(), turns=250):
                return True
        return False

    def tampered(self, index: int = 1) -> bool:
        name = InputName(InputKind.READER_TAMPER, index)
        levels = [it for it in self.events if isinstance(it, InputLevel) and it.name == name]
        return bool(levels) and levels[-1].high

    def contacts(self) -> list[tuple[InputKind, bool | None]]:
        """What became of the inputs, in order: None for not known."""
        return [
            (it.name.kind, it.high if isinstance(it, InputLevel) else None)
            for it in self.events
            if isinstance(it, InputLevel | InputLost)
            if it.name.kind is not InputKind.READER_TAMPER
        ]

    def known(self, kind: InputKind) -> bool | None:
        """The level of an input."""
        return dict(self.contacts()).get(kind)

    def phase(self, reader: str = "front") -> KeyPhase | None:
        progress = self.bus.progress.get(reader)
        return progress.phase if progress else None


def reader(name: str = "front", index: int = 1, **more: Any) -> OsdpReader:
    fields = {"name": name, "index": index, "portal": 1, "kind": "osdp", "port": "/dev/ttyX"}
    return OsdpReader.model_validate({"baud": 115_200, **fields, **more})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def site(tmp_path: Path, clock: ManualClock) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack, clock)


def paired(site: Site, *readers: dict[str, Any]) -> OsdpReaders:
    """Readers whose keys the controller has."""
    for each in readers:
        site.keys.put(each["name"], ReaderKeys(bytes.fromhex(each["key"])))
    return site.play(*readers)


KEY = new_key().hex()
FRONT = {"name": "front", "address": 0, "key": KEY}
BACK = {"name": "back", "address": 1, "key": new_key().hex()}


class TestOverTheSecureChannel:
    def test_cards_keys_and_tamper_arrive_and_light_and_sound_are_shown(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader())
        assert site.wait(site.online)
        played.order({"reader": "front", "card": bits(123, 45678)})
        played.order({"reader": "front", "keys": "12\x7f34\r56#"})
        played.order({"reader": "front", "tamper": True})
        assert site.wait(lambda: len(site.read()) == 3 and site.tampered())
        assert [it.credential for it in site.read()] == [
            Credential(CredentialKind.CARD, 123 << 32 | 45678),
            Credential(CredentialKind.PIN, "34"),
            Credential(CredentialKind.PIN, "56"),
        ]
        assert len([it for it in site.events if isinstance(it, KeyPressed)]) == 9
        played.order({"reader": "front", "tamper": False})
        assert site.wait(lambda: not site.tampered())
        played.order({"reader": "front", "power": True})
        assert site.wait(lambda: (it := site.health()) is not None and "supply" in it.why)
        assert not site.tampered()
        played.order({"reader": "front", "power": False})
        assert site.wait(lambda: (it := site.health()) is not None and not it.why)

    def test_answers_that_come_in_pieces_are_put_together(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader(), opener=cast("Opener", PortOfPieces))
        assert site.wait(site.online)
        played.order({"reader": "front", "card": bits(1, 7)})
        assert site.wait(site.has_read)

    def test_one_reader_is_cut_and_replugged_and_the_other_reads_on(self, site: Site) -> None:
        played = paired(site, FRONT, BACK)
        site.drive(reader(), reader("back", 2, address=1))
        assert site.wait(lambda: site.online() and site.online("back"))
        played.order({"reader": "front", "plugged": False})
        assert site.wait(lambda: not site.online())
        state = site.health()
        assert state is not None
        assert "does not answer" in state.why
        assert site.wait(lambda: site.bus.counters("front")["retries"] > 0)
        assert site.bus.counters("front")["missed_polls"] >= MISSED_POLLS
        assert site.bus.counters("back")["retries"] == 0
        played.order({"reader": "back", "card": bits(1, 7)})
        assert site.wait(lambda: [it.reader for it in site.read()] == ["back"])
        played.order({"reader": "front", "plugged": True})
        assert site.wait(site.online)
        assert all(
            it.online
            for it in site.events
            if isinstance(it, DeviceState) and it.device == "back" and it.why != "connecting"
        )

    def test_a_port_that_is_not_there_is_named_once(self, site: Site) -> None:
        site.drive(reader())
        assert site.wait(lambda: site.health() is not None)
        state = site.health()
        assert state is not None
        assert state.why == f"{site.port}: No such file or directory"

    def test_an_adapter_that_goes_and_comes_back_is_opened_again(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader())
        assert site.wait(site.online)
        played.order({"plugged": False})
        assert site.wait(lambda: not site.online())
        played.order({"plugged": True})
        assert site.wait(site.online)
        # What was counted before is not forgotten.
        assert site.bus.counters("front")["channels"] > 1
        played.order({"reader": "front", "card": bits(1, 7)})
        assert site.wait(lambda: len(site.read()) == 1)

    def test_a_reader_with_another_serial_number_is_an_alarm(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader())
        assert site.wait(site.online)
        played.order({"reader": "front", "serial": 999})
        assert site.wait(site.tampered)
        assert site.wait(
            lambda: (
                (it := site.health()) is not None
                and it.health is Health.DEGRADED
                and "serial" in it.why
            )
        )


REX, LEAF = InputKind.REX, InputKind.DOOR_SENSOR
INPUTS = {
    InputName(REX, 1): ReaderInput(reader="front", input=0),
    InputName(LEAF, 1): ReaderInput(reader="front", input=3),
}


class TestInputs:
    def test_they_are_asked_for_at_first_and_reported_when_they_change(self, site: Site) -> None:
        played = paired(site, {**FRONT, "on": [3]})
        site.drive(reader(), inputs=INPUTS)
        # An open contact is high.
        assert site.wait(lambda: (site.known(REX), site.known(LEAF)) == (True, False))
        played.order({"reader": "front", "input": 3, "active": False})
        assert site.wait(lambda: site.known(LEAF) is True)
        shown = {line.kind: (line.high, line.changes) for line in site.bus.lines()}
        assert shown == {"rex": (True, 0), "door_sensor": (True, 1)}

    def test_they_are_unknown_without_the_channel_and_asked_for_anew(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader(), inputs=INPUTS)
        assert site.wait(lambda: site.known(LEAF) is True)
        played.order({"reader": "front", "plugged": False})
        assert site.wait(lambda: site.known(LEAF) is None and site.known(REX) is None)
        assert list(site.bus.lines()) == []
        site.events.clear()
        # The door moves, and the button is pressed and released, while nobody hears of it.
        for number, active in ((3, True), (0, True), (0, False)):
            played.order({"reader": "front", "input": number, "active": active})
        played.order({"reader": "front", "plugged": True})
        assert site.wait(lambda: (site.known(REX), site.known(LEAF)) == (True, False))
        # Should the reader tell of the press afterwards, it is no change, but a state.
        pressed = [at for at, it in enumerate(site.contacts()) if it == (REX, False)]
        before = [[it for it in site.contacts()[:at] if it[0] is REX] for at in pressed]
        assert all(not its or its[-1] == (REX, None) for its in before)

    def test_another_reader_at_the_address_reports_nothing(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader(), inputs=INPUTS)
        assert site.wait(lambda: site.known(LEAF) is True)
        played.order({"reader": "front", "key": new_key().hex()})
        assert site.wait(lambda: site.known(LEAF) is None and site.known(REX) is None)
        site.events.clear()
        played.order({"reader": "front", "input": 0, "active": True})
        assert site.wait(site.tampered)
        assert site.contacts() == []

    def test_a_reader_in_clear_text_reports_them_where_the_site_permits_it(
        self, site: Site
    ) -> None:
        played = site.play({"name": "front", "address": 0})
        site.drive(reader(clear_text=True), inputs=INPUTS)
        assert site.wait(lambda: site.known(LEAF) is True)
        played.order({"reader": "front", "input": 3, "active": True})
        assert site.wait(lambda: site.known(LEAF) is False)

    def test_an_input_that_the_reader_lacks_is_named(self, site: Site) -> None:
        paired(site, FRONT)
        lacking = {InputName(LEAF, 1): ReaderInput(reader="front", input=4)}
        site.drive(reader(), inputs=lacking)
        assert site.wait(
            lambda: (it := site.health()) is not None and "it has no input 4" in it.why
        )
        assert site.known(LEAF) is None


class TestIdleLight:
    def test_it_is_set_at_first_on_a_change_and_when_the_reader_comes_back(
        self, site: Site
    ) -> None:
        played = paired(site, FRONT)
        settings = reader(idle_light="blue")
        bus = site.drive(settings)
        feedback = OsdpFeedback(bus, settings)

        def shows(*, on: int, off: int) -> bool:
            """Whether the newest permanent light blinks in these colours."""
            told = [it for it in played.told()["front"] if it["command"] == 2]
            lasting = [(it["on_color"], it["off_color"]) for it in told if not it["temporary"]]
            return lasting[-1:] == [(on, off)]

        assert site.wait(lambda: shows(on=LightColour.BLUE, off=LightColour.OFF))
        feedback.idle(Idle.LOCK_DOWN)
        assert site.wait(lambda: shows(on=LightColour.RED, off=LightColour.OFF))
        played.order({"reader": "front", "plugged": False})
        assert site.wait(lambda: not site.online())
        feedback.idle(Idle.ENROLMENT)
        played.order({"reader": "front", "plugged": True})
        assert site.wait(lambda: shows(on=LightColour.AMBER, off=LightColour.GREEN))
        feedback.idle(Idle.NORMAL)
        assert site.wait(lambda: shows(on=LightColour.BLUE, off=LightColour.OFF))


class TestPairing:
    def test_a_new_reader_gets_a_key_of_its_own_and_opens_nothing_meanwhile(
        self, site: Site
    ) -> None:
        played = site.play({"name": "front", "address": 0})
        bus = site.drive(reader())
        assert site.wait(lambda: (it := site.health()) is not None and "not paired" in it.why)
        bus.order(PairReader("front"))
        assert site.wait(lambda: site.phase() is KeyPhase.DONE)
        assert site.wait(site.online)
        key = site.keys.of("front").current
        assert key is not None
        assert key != SCBK_D
        assert site.keys.of("front").following is None
        played.order({"reader": "front", "card": bits(1, 7)})
        assert site.wait(lambda: len(site.read()) == 1)

    def test_nothing_counts_while_nobody_answers_and_the_old_key_stays(self, site: Site) -> None:
        played = paired(site, FRONT)
        bus = site.drive(reader())
        assert site.wait(site.online)
        bus.order(PairReader("front"))
        assert site.wait(lambda: site.phase() is KeyPhase.PAIRING and not site.online())
        played.order({"reader": "front", "card": bits(1, 7)})
        bus.order(PairReader("front", on=False))
        assert site.wait(lambda: site.phase() is KeyPhase.FAILED)
        assert site.wait(site.online)
        assert site.keys.of("front") == ReaderKeys(bytes.fromhex(KEY), None, 1)

    @pytest.mark.parametrize("full", ["before", "during"])
    def test_a_disk_that_is_full_ends_the_pairing_and_the_bus_goes_on(
        self, site: Site, full: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nothing_fits(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        paired(site, FRONT, BACK)
        bus = site.drive(reader(), reader("back", 2, address=1))
        assert site.wait(lambda: site.online() and site.online("back"))
        if full == "during":
            bus.order(PairReader("front"))
            assert site.wait(lambda: not site.online())
        monkeypatch.setattr("gateway.hardware.osdp.keys.write_whole", nothing_fits)
        bus.order(PairReader("front", on=full == "before"))
        assert site.wait(lambda: site.phase() is KeyPhase.FAILED)
        why = site.bus.progress["front"].why
        assert ("No space left" if full == "before" else "called off") in why
        assert site.wait(site.online)
        assert all(
            it.online
            for it in site.events
            if isinstance(it, DeviceState) and it.device == "back" and it.why != "connecting"
        )
        assert site.bus.counters("back")["retries"] == 0

    def test_a_key_is_changed_over_the_channel_of_the_old_one(self, site: Site) -> None:
        played = paired(site, FRONT)
        bus = site.drive(reader())
        assert site.wait(site.online)
        bus.order(RotateKey("front"))
        assert site.wait(lambda: site.phase() is KeyPhase.DONE)
        found = site.keys.of("front")
        assert found.current not in {None, bytes.fromhex(KEY)}
        assert found.following is None
        played.order({"reader": "front", "card": bits(1, 7)})
        assert site.wait(lambda: len(site.read()) == 1)

    def test_a_change_ends_when_the_reader_is_cut_off_during_it(self, site: Site) -> None:
        played = paired(site, FRONT)
        bus = site.drive(reader())
        assert site.wait(site.online)
        played.order({"reader": "front", "plugged": False})
        bus.order(RotateKey("front"))
        assert site.phase() is KeyPhase.ROTATING
        assert site.wait(lambda: site.phase() is KeyPhase.FAILED)
        played.order({"reader": "front", "plugged": True})
        assert site.comes_back(played, 7)

    def test_no_key_is_changed_while_the_port_is_away(self, site: Site) -> None:
        played = paired(site, FRONT)
        bus = site.drive(reader())
        assert site.wait(site.online)
        played.order({"plugged": False})
        assert site.wait(lambda: not site.online())
        for order in (PairReader("front"), RotateKey("front")):
            with pytest.raises(DeviceUnavailable, match="front"):
                bus.order(order)
        assert site.phase() is None

    @pytest.mark.parametrize("kept", ["current", "following"])
    def test_an_interrupted_change_ends_with_the_key_that_the_reader_has(
        self, site: Site, kept: str
    ) -> None:
        keys = ReaderKeys(new_key(), new_key())
        site.keys.put("front", keys)
        has = getattr(keys, kept)
        site.play({"name": "front", "address": 0, "key": has.hex()})
        site.drive(reader())
        assert site.wait(site.online)
        assert site.keys.of("front").current == has


KEYED, OTHER, INSTALL = KEY, new_key().hex(), None
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    # the controller's reader, the reader's end, whether it is heard
    "same key, both enforce": ({}, {"key": KEYED}, True),
    "same key, the reader would take clear text": ({}, {"key": KEYED, "enforce": False}, True),
    "wrong key": ({}, {"key": OTHER}, False),
    "wrong key, the reader would take clear text": ({}, {"key": OTHER, "enforce": False}, False),
    "installation mode": ({}, {"key": INSTALL}, False),
    "SCBK-D as its key": ({}, {"key": SCBK_D.hex()}, False),
    "clear text by setting": (
        {"clear_text": True},
        {"key": OTHER, "enforce": False},
        True,
    ),
}


class TestTruthTable:
    def test_a_reader_is_heard_with_the_right_key_or_by_an_explicit_setting_alone(
        self, tmp_path: Path, clock: ManualClock
    ) -> None:
        with ExitStack() as stack:
            rows: dict[str, Site] = {}
            for number, (row, (ours, its, _heard)) in enumerate(TABLE.items()):
                directory = tmp_path / str(number)
                directory.mkdir()
                site = rows[row] = Site(directory, stack, clock)
                site.keys.put("front", ReaderKeys(bytes.fromhex(KEY)))
                site.played = site.play({"name": "front", "address": 0, **its})
                site.drive(reader(**ours))
            # Each row is heard, or is known not to be.
            for row, site in rows.items():
                assert site.wait(site.online if TABLE[row][2] else site.refused), row
            for site in rows.values():
                site.played.order({"reader": "front", "card": bits(1, 7)})
            for row, site in rows.items():
                if TABLE[row][2]:
                    assert site.wait(site.has_read), row
            # The others have the time of twenty polls.
            others = [site for row, site in rows.items() if not TABLE[row][2]]
            assert not others[0].wait(lambda: any(it.has_read() for it in others), turns=50)
            for site in others:
                site.bus.service(0)
            heard = {row: site.has_read() for row, site in rows.items()}
            assert heard == {row: heard for row, (_ours, _its, heard) in TABLE.items()}

    def test_a_reader_that_enforces_is_not_heard_in_clear_text(self, site: Site) -> None:
        played = site.play({"name": "front", "address": 0, "key": OTHER})
        site.drive(reader(clear_text=True))
        # The library counts it as online: it answers what needs no secure channel.
        assert site.wait(site.online)
        played.order({"reader": "front", "card": bits(1, 7)})
        assert not site.wait(site.has_read, turns=100)

    def test_a_second_reader_at_the_same_address_identifies_nobody(self, site: Site) -> None:
        intruder = {"name": "intruder", "address": 0, "key": OTHER, "enforce": False}
        played = paired(site, FRONT)
        played.close()
        played = site.play(FRONT, intruder)
        site.drive(reader())
        assert site.wait(lambda: site.health() is not None)
        played.order({"reader": "intruder", "card": bits(1, 7)})
        site.wait(lambda: False, turns=100)
        assert not site.read()


class TestOnAHostileLine:
    def test_a_recording_of_a_card_identifies_nobody(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader(), opener=site.record)
        assert site.wait(site.online)
        site.tape.clear()
        played.order({"reader": "front", "card": bits(1, 7)})
        assert site.wait(site.has_read)
        recording = bytes(site.tape)
        for _ in range(20):
            played.order({"raw": recording.hex()})
            site.wait(lambda: False, turns=5)
        assert site.numbers() == [1 << 32 | 7]
        assert site.comes_back(played, 8)
        assert set(site.numbers()) == {1 << 32 | 7, 1 << 32 | 8}

    def test_noise_on_the_line_identifies_nobody_and_ends(self, site: Site) -> None:
        played = paired(site, FRONT)
        site.drive(reader())
        assert site.wait(site.online)
        noise = random.Random(15)  # noqa: S311 - no secret
        for _ in range(100):
            # Some of it begins as a message of the reader does.
            start = noise.choice((b"", b"\xff\x53\x80", b"\x53\x80\x0e\x00\x0f"))
            played.order({"raw": (start + noise.randbytes(noise.randrange(1, 200))).hex()})
            site.wait(lambda: False, turns=1)
        assert site.read() == []
        assert site.comes_back(played, 7)
        assert set(site.numbers()) == {1 << 32 | 7}

    @pytest.mark.parametrize("resets", ["before", "after"])
    def test_a_reader_that_resets_while_it_is_given_a_key_comes_back(
        self, site: Site, resets: str
    ) -> None:
        """Whether it has stored the key or not."""
        played = paired(site, {**FRONT, "resets": resets})
        bus = site.drive(reader())
        assert site.wait(site.online)
        bus.order(RotateKey("front"))
        ends = KeyPhase.FAILED if resets == "before" else KeyPhase.DONE
        assert site.wait(lambda: site.phase() is ends)
        assert site.comes_back(played, 7)
        assert site.bus.counters("front")["channels"] > 1
        assert (site.keys.of("front").current == bytes.fromhex(KEY)) is (resets == "before")
        assert set(site.numbers()) == {1 << 32 | 7}


def test_what_the_library_says_is_in_our_log_once(capfd: pytest.CaptureFixture[str]) -> None:
    """It would write to standard error, with every message of a noisy line."""

    class Flood:
        id = 0

        def read(self, most: int) -> bytes:
            return bytes(most)

        def write(self, data: bytes) -> int:
            return len(data)

        def flush(self) -> None:
            pass

    with structlog.testing.capture_logs() as logged:
        context = open_panel(cast("PortChannel", Flood()), [Station(0, new_key(), enforce=True)])
        for _ in range(100):
            context.refresh()
            time.sleep(0.001)
    assert [line["says"] for line in logged] == ["RX ring buffer overflow!"]
    assert capfd.readouterr().err == ""


def test_a_missing_library_is_a_reason(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "osdp_sys", None)
    paired(site, FRONT)
    site.drive(reader())
    assert site.wait(lambda: (it := site.health()) is not None and "gateway[osdp]" in it.why)
    assert not site.read()


def test_bad_frames_are_not_identifications(site: Site) -> None:
    played = paired(site, FRONT)
    site.drive(reader())
    assert site.wait(site.online)
    played.order({"reader": "front", "card": "1" * 26})
    assert site.wait(lambda: any(isinstance(it, BadFrame) for it in site.events))
    assert not site.read()
