"""SecBoxes on a real pseudo-terminal: a line with noise, modules that are silent, wrong or gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import DeviceState, Health, InputKind, InputLevel, InputName
from gateway.hardware.secbox import module as secbox_module
from gateway.hardware.secbox.line import SecBoxLine
from gateway.hardware.secbox.modbus_bus import _Stray
from gateway.hardware.secbox.profiles import load_module
from gateway.hardware.simulated.modules import SimulatedLine, SimulatedModule, checksum
from gateway.hardware.simulated.port import SimulatedPort
from gateway.settings import LockState, SecBox
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

QUICK = Backoff(first_s=0.01, longest_s=0.05)
GATE, YARD = 65_793, 122_641_794_704_911_600
SENSOR, REX = InputName(InputKind.DOOR_SENSOR, GATE), InputName(InputKind.REX, GATE)
BOX: dict[str, Any] = {
    "name": "gate",
    "egress": "mechanical",
    "port": "/dev/line",
    "timeout_ms": 60,
    "module": "waveshare_io_8",
    "address": 1,
    "relay": 0,
    "sensor": 0,
    "rex": {"input": 1},
}
YARD_BOX: dict[str, Any] = {**BOX, "id": YARD, "name": "yard", "address": 2, "rex": None}

Distort = Callable[[bytes], bytes]


class Played(SimulatedLine):
    """A line whose answers can be spoilt on their way, one after the other."""

    def __init__(self, modules: dict[int, SimulatedModule]) -> None:
        self.requests: list[bytes] = []
        self.spoil: list[Distort] = []
        """For the next answers; the last one stays."""
        self.before_answer: Callable[[bytes], None] = lambda _request: None
        super().__init__(modules)

    def reply(self, request: bytes) -> bytes:
        self.requests.append(request)
        self.before_answer(request)
        answer = super().reply(request)
        if not self.spoil or not answer:
            return answer
        spoil = self.spoil.pop(0) if len(self.spoil) > 1 else self.spoil[0]
        return spoil(answer)

    @property
    def writes(self) -> list[tuple[int, str]]:
        """Address and value of every coil that was written."""
        return [(each[0], each[2:6].hex()) for each in self.requests if each[1] == 5]


class Stand:
    """A driver and the modules that it talks to."""

    def __init__(self, bench: Bench, path: Path, *boxes: dict[str, Any]) -> None:
        self.bench = bench
        self.boxes = [SecBox.model_validate(box) for box in boxes]
        self.modules = {box.address: SimulatedModule(load_module(box.module)) for box in self.boxes}
        self.line = Played(self.modules)
        self.port = SimulatedPort(path, self.line.answer)
        self._driver: SecBoxLine | None = None

    def open(self) -> None:
        self._driver = SecBoxLine(self.boxes, str(self.port.path), self.bench.loop, backoff=QUICK)

    @property
    def driver(self) -> SecBoxLine:
        assert self._driver is not None
        return self._driver

    def close(self) -> None:
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        self.port.unplug()

    def start(self) -> None:
        self.open()
        self.wait_for(lambda: all(self.health(box.name) is Health.ONLINE for box in self.boxes))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        eventually(condition, lambda: self.bench.events[-10:], lambda: self.driver.service(0))

    def polls(self, more: int) -> None:
        """Wait until the line was used so many times more."""
        goal = len(self.line.requests) + more
        self.wait_for(lambda: len(self.line.requests) >= goal)

    def states(self, name: str) -> list[tuple[Health, str]]:
        told = self.bench.posted(DeviceState)
        return [(each.health, each.why) for each in told if each.device == name]

    def health(self, name: str) -> Health | None:
        return next((health for health, _ in reversed(self.states(name))), None)

    def unlock(self, box: int = GATE) -> None:
        self.driver.relays[box].drive(LockState.UNLOCKED)

    def lock(self, box: int = GATE) -> None:
        self.driver.relays[box].drive(LockState.LOCKED)


@pytest.fixture
def make(bench: Bench, tmp_path: Path) -> Iterator[Callable[..., Stand]]:
    made: list[Stand] = []

    def stand(*boxes: dict[str, Any]) -> Stand:
        made.append(Stand(bench, tmp_path / "ports" / "line", *(boxes or (BOX,))))
        return made[-1]

    yield stand
    for each in made:
        each.close()


@pytest.fixture
def gate(make: Callable[..., Stand]) -> Stand:
    stand = make()
    stand.start()
    return stand


@pytest.fixture
def short_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secbox_module, "HOLD_MS", 300)
    monkeypatch.setattr(secbox_module, "RENEW_S", 0.05)
    monkeypatch.setattr(secbox_module, "RECONCILE_S", 0.2)


# one module


def test_a_contact_that_is_open_is_a_high_level_and_each_change_is_told_once(gate: Stand) -> None:
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True])
    gate.modules[1].contact(0, closed=True)
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True, False])
    gate.polls(10)
    assert gate.bench.levels(SENSOR) == [True, False]
    assert gate.bench.levels(REX) == [True]
    known = {kind: high for kind, _, high in gate.driver.levels()}
    assert known == {"door_sensor": False, "rex": True}


def test_a_level_that_one_look_alone_has_seen_does_not_count(gate: Stand) -> None:
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True])
    looks = 0

    def bounce(request: bytes) -> None:
        nonlocal looks
        if request[1] == 2:
            looks += 1
            gate.modules[1].contact(0, closed=looks == 1)

    gate.line.before_answer = bounce
    gate.wait_for(lambda: looks > 5)
    assert gate.bench.levels(SENSOR) == [True]


def test_the_relay_does_what_the_lock_is_told(gate: Stand) -> None:
    gate.unlock()
    gate.wait_for(lambda: gate.modules[1].relay(0))
    gate.lock()
    gate.wait_for(lambda: not gate.modules[1].relay(0))
    assert gate.modules[1].edges == 2


def test_the_first_thing_that_a_module_hears_is_what_its_relay_is_to_do(
    make: Callable[..., Stand],
) -> None:
    stand = make()
    stand.modules[1].answer(bytes.fromhex("050000ff00"))
    assert stand.modules[1].relay(0)
    stand.start()
    assert not stand.modules[1].relay(0)
    assert stand.line.requests[0][:6] == bytes.fromhex("010500000000")


def test_a_magnet_is_switched_on_to_lock(make: Callable[..., Stand]) -> None:
    stand = make({**BOX, "unlocked": "off"})
    stand.start()
    assert stand.modules[1].relay(0)
    stand.unlock()
    stand.wait_for(lambda: not stand.modules[1].relay(0))


def test_a_relay_is_held_as_long_as_it_is_wanted_by_a_time_given_anew(
    gate: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secbox_module, "RENEW_S", 0.05)
    gate.unlock()
    two_seconds = (1, "02000014")
    gate.wait_for(lambda: gate.line.writes.count(two_seconds) > 5)
    assert gate.modules[1].relay(0)
    assert gate.modules[1].edges == 1
    assert set(gate.line.writes[1:]) == {two_seconds}
    gate.lock()
    gate.wait_for(lambda: not gate.modules[1].relay(0))
    gate.polls(5)
    assert gate.line.writes[-1] == (1, "00000000")


@pytest.mark.usefixtures("short_hold")
def test_a_door_whose_line_is_cut_locks_by_itself(gate: Stand) -> None:
    gate.unlock()
    gate.wait_for(lambda: gate.modules[1].edges > 0)
    gate.modules[1].plugged = False
    gate.wait_for(lambda: not gate.modules[1].relay(0))
    assert gate.driver.relays[GATE].state is LockState.UNLOCKED


@pytest.mark.usefixtures("short_hold")
def test_a_module_with_a_watchdog_is_told_to_use_it_and_inputs_not_to_switch(
    make: Callable[..., Stand],
) -> None:
    stand = make({**BOX, "module": "wirenboard_relay"})
    stand.start()
    assert stand.modules[1].registers == {8: 2, 6: 0, **dict.fromkeys(range(9, 15), 3)}
    written = [each for each in stand.line.requests if each[1] == 6]
    assert len(written) == 7  # register 6 was right already
    stand.unlock()
    stand.wait_for(lambda: stand.modules[1].relay(0))
    assert stand.line.writes[-1] == (1, "0000ff00")


def test_a_close_tells_each_relay_what_its_door_does_at_a_stop(gate: Stand) -> None:
    gate.driver.relays[GATE].release(LockState.UNLOCKED)
    gate.driver.close()
    assert gate.line.writes[-1] == (1, "0000ff00")  # for as long as it likes: nobody renews
    assert not gate.driver.responsive(0)


# silence


def test_a_module_that_is_silent_is_offline_with_the_reason_and_comes_back(gate: Stand) -> None:
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True])
    gate.modules[1].plugged = False
    gate.wait_for(lambda: gate.health("gate") is Health.OFFLINE)
    assert "module 1 does not answer" in gate.states("gate")[-1][1]
    assert list(gate.driver.levels()) == []
    gate.modules[1].contact(0, closed=True)
    gate.modules[1].plugged = True
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True, False])
    assert [health for health, _ in gate.states("gate")] == [
        Health.ONLINE,
        Health.OFFLINE,
        Health.ONLINE,
    ]


def test_an_input_that_is_as_it_was_is_told_anew_after_an_absence(gate: Stand) -> None:
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True])
    gate.modules[1].plugged = False
    gate.wait_for(lambda: gate.health("gate") is Health.OFFLINE)
    gate.modules[1].plugged = True
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True, True])


def test_an_opening_whose_time_passed_while_the_module_was_away_never_happens(gate: Stand) -> None:
    gate.modules[1].plugged = False
    gate.wait_for(lambda: gate.health("gate") is Health.OFFLINE)
    gate.unlock()
    gate.polls(2)
    gate.lock()
    gate.modules[1].plugged = True
    gate.wait_for(lambda: gate.health("gate") is Health.ONLINE)
    gate.polls(5)
    assert gate.modules[1].edges == 0


def test_a_module_that_comes_back_does_what_its_door_wants_then(gate: Stand) -> None:
    gate.modules[1].plugged = False
    gate.wait_for(lambda: gate.health("gate") is Health.OFFLINE)
    gate.unlock()
    gate.modules[1].plugged = True
    gate.wait_for(lambda: gate.modules[1].relay(0))


@pytest.mark.usefixtures("short_hold")
def test_a_module_that_lost_its_power_is_told_everything_again(make: Callable[..., Stand]) -> None:
    stand = make({**BOX, "module": "wirenboard_relay"})
    stand.start()
    stand.unlock()
    stand.wait_for(lambda: stand.modules[1].relay(0))
    stand.modules[1].lose_power()
    stand.wait_for(lambda: stand.modules[1].relay(0) and stand.modules[1].registers[8] == 2)
    stand.wait_for(lambda: stand.health("gate") is Health.ONLINE)
    health, why = stand.states("gate")[-2]
    assert health is Health.DEGRADED
    assert "lose its power" in why


# what comes is not what was asked for


def _wrong_sum(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _other_address(data: bytes) -> bytes:
    changed = bytes([data[0] + 5]) + data[1:-2]
    return changed + checksum(changed)


def _other_function(data: bytes) -> bytes:
    changed = data[:1] + bytes([data[1] ^ 3]) + data[2:-2]
    return changed + checksum(changed)


SPOILT: dict[str, Distort] = {
    "nothing": lambda _data: b"",
    "half": lambda data: data[:-3],
    "a wrong checksum": _wrong_sum,
    "noise": lambda _data: b"\xff\x00\x81\x7e" * 5,
    "noise and the answer": lambda data: b"\x00\xff\xfe" + data,
    "much noise": lambda _data: bytes(range(256)) * 4,
    "another module's answer": _other_address,
    "the answer to something else": _other_function,
    "an empty answer": lambda data: data[:2] + b"\x00" + checksum(data[:2] + b"\x00"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_two_spoilt_answers_in_a_row_neither_lose_a_module_nor_move_anything(
    gate: Stand, kind: str
) -> None:
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True])
    gate.line.spoil = [SPOILT[kind], SPOILT[kind], lambda data: data]
    gate.polls(8)
    assert gate.states("gate") == [(Health.ONLINE, "")]
    assert gate.bench.levels(SENSOR) == [True]
    assert gate.bench.levels(REX) == [True]
    assert gate.modules[1].edges == 0
    gate.unlock()
    gate.wait_for(lambda: gate.modules[1].relay(0))


@pytest.mark.parametrize("kind", sorted(SPOILT.keys() - {"noise and the answer"}))
def test_a_line_that_spoils_everything_is_an_absence_until_it_ends(gate: Stand, kind: str) -> None:
    gate.wait_for(lambda: gate.bench.levels(SENSOR) == [True])
    gate.line.spoil = [SPOILT[kind]]
    gate.wait_for(lambda: gate.health("gate") is Health.OFFLINE)
    assert gate.bench.levels(SENSOR) == [True]
    gate.line.spoil = []
    gate.wait_for(lambda: gate.health("gate") is Health.ONLINE)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    make: Callable[..., Stand],
) -> None:
    stand = make(BOX, YARD_BOX)
    stand.start()
    stand.wait_for(lambda: stand.bench.levels(SENSOR) == [True])
    late: list[bytes] = []
    told: list[bytes] = []

    def keep(data: bytes) -> bytes:
        # Held back until the other module is asked, and told in the place of its answer.
        if data[0] == 1 and not late:
            late.append(data)
            return b""
        if data[0] == 2 and late and not told:
            told.append(data)
            return late[0]
        return data

    stand.modules[1].contact(0, closed=True)
    stand.wait_for(lambda: stand.bench.levels(SENSOR) == [True, False])
    stand.line.spoil = [keep]
    stand.wait_for(lambda: bool(told))
    stand.polls(6)
    assert stand.bench.levels(InputName(InputKind.DOOR_SENSOR, YARD)) == [True]


@pytest.mark.parametrize("unlock", [True, False])
def test_an_echo_of_something_else_is_no_confirmation(
    gate: Stand, monkeypatch: pytest.MonkeyPatch, unlock: bool
) -> None:
    monkeypatch.setattr(secbox_module, "RENEW_S", 1_000)
    if not unlock:
        gate.unlock()
        gate.wait_for(lambda: gate.modules[1].edges == 1)
    spoilt: list[bytes] = []

    def other_coil(data: bytes) -> bytes:
        if data[1] != 5 or spoilt:
            return data
        spoilt.append(data)
        changed = data[:3] + b"\x07" + data[4:-2]
        return changed + checksum(changed)

    gate.line.spoil = [other_coil]
    wanted = (1, "02000014" if unlock else "00000000")
    before = gate.line.writes.count(wanted)
    (gate.unlock if unlock else gate.lock)()
    gate.wait_for(lambda: gate.line.writes.count(wanted) == before + 2)
    assert gate.health("gate") is Health.ONLINE


def echoing(line: Played) -> Distort:
    """An adapter that hears what it sends, and a module that answers behind it."""
    return lambda came: came + Played.answer(line, came)


@pytest.mark.parametrize("zeros", [0, 1, 3])
@pytest.mark.parametrize("echoes", [False, True])
def test_an_echo_of_the_request_and_zeros_before_an_answer_are_dropped(
    make: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch, echoes: bool, zeros: int
) -> None:
    stand = make()
    if zeros:
        stand.line.spoil = [lambda answer: b"\0" * zeros + answer]
    if echoes:
        monkeypatch.setattr(stand.port, "_answer", echoing(stand.line))
        stand.port.unplug()
        stand.port.plug()
    stand.start()
    stand.unlock()
    stand.wait_for(lambda: stand.modules[1].relay(0))
    stand.modules[1].contact(0, closed=True)
    stand.wait_for(lambda: InputLevel(SENSOR, False, 1_000_000_000) in stand.bench.events)
    stand.lock()
    stand.wait_for(lambda: not stand.modules[1].relay(0))
    assert [health for health, _ in stand.states("gate")] == [Health.ONLINE]


def test_an_echo_alone_is_no_module(
    make: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = make()
    stand.modules[1].plugged = False
    monkeypatch.setattr(stand.port, "_answer", echoing(stand.line))
    stand.port.unplug()
    stand.port.plug()
    stand.open()
    stand.wait_for(lambda: stand.health("gate") is Health.OFFLINE)
    assert "module 1 does not answer" in stand.states("gate")[-1][1]
    stand.modules[1].plugged = True
    stand.wait_for(lambda: stand.health("gate") is Health.ONLINE)


@given(st.binary(max_size=20), st.booleans(), st.integers(1, 8))
def test_an_echo_is_dropped_in_whatever_pieces_it_comes(
    answer: bytes, echoes: bool, size: int
) -> None:
    stray = _Stray()
    request, answer = bytes.fromhex("010200000008798c"), b"\x01\x02\x01" + answer
    stray.pass_on(True, request)
    came = (request if echoes else b"") + b"\0" + answer
    passed = b""
    for end in range(size, len(came) + size, size):
        passed = stray.pass_on(False, came[:end])
        assert answer.startswith(passed)
    assert passed == answer


def test_a_line_that_is_disturbed_often_is_degraded_and_says_so(
    make: Callable[..., Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secbox_module, "_WINDOW", 20)
    monkeypatch.setattr(secbox_module, "_NOISE", 4)
    gate = make()
    gate.start()
    answers = 0

    def third(data: bytes) -> bytes:
        nonlocal answers
        answers += 1
        return b"" if answers % 3 == 0 else data

    gate.line.spoil = [third]
    gate.wait_for(lambda: gate.health("gate") is Health.DEGRADED)
    assert "disturbed" in gate.states("gate")[-1][1]
    gate.line.spoil = []
    gate.wait_for(lambda: gate.health("gate") is Health.ONLINE)


def test_a_module_that_refuses_says_what_it_refuses(make: Callable[..., Stand]) -> None:
    stand = make({**BOX, "module": "generic", "relay": 9})
    stand.modules[1] = SimulatedModule(load_module("waveshare_io_8"))
    stand.line._modules = stand.modules
    stand.open()
    stand.wait_for(lambda: stand.health("gate") is Health.OFFLINE)
    assert stand.states("gate") == [
        (Health.OFFLINE, "module 1 refuses a request: illegal data address")
    ]


# several modules


def test_a_silent_module_does_not_keep_another_from_working(make: Callable[..., Stand]) -> None:
    stand = make(BOX, YARD_BOX)
    stand.modules[1].plugged = False
    stand.open()
    stand.wait_for(lambda: stand.health("yard") is Health.ONLINE)
    stand.wait_for(lambda: stand.health("gate") is Health.OFFLINE)
    stand.unlock(YARD)
    stand.wait_for(lambda: stand.modules[2].relay(0))
    stand.modules[2].contact(0, closed=True)
    yard = InputName(InputKind.DOOR_SENSOR, YARD)
    stand.wait_for(lambda: stand.bench.levels(yard) == [True, False])
    assert stand.bench.levels(SENSOR) == []


def test_two_doors_on_one_module_have_a_relay_each(make: Callable[..., Stand]) -> None:
    stand = make(BOX, {**YARD_BOX, "address": 1, "relay": 3, "sensor": 4})
    stand.start()
    stand.unlock(YARD)
    stand.wait_for(lambda: stand.modules[1].relay(3))
    assert not stand.modules[1].relay(0)
    stand.modules[1].plugged = False
    stand.wait_for(lambda: stand.health("gate") is Health.OFFLINE is stand.health("yard"))


def test_every_relay_is_driven_before_each_poll_that_is_due() -> None:
    done: list[str] = []

    def module(name: str) -> Any:
        return SimpleNamespace(
            due_s=0.0,
            drive=lambda _now_s: done.append(f"drive {name}"),
            poll=lambda _now_s: done.append(f"poll {name}"),
        )

    thread: Any = SimpleNamespace(beat=lambda: None, stopping=False)
    SecBoxLine._poll_due(thread, [module("1"), module("2")])
    assert done == ["drive 1", "drive 2", "poll 1", "drive 1", "drive 2", "poll 2"]


# the port


def test_a_port_that_vanishes_takes_its_modules_along_and_brings_them_back(
    make: Callable[..., Stand],
) -> None:
    stand = make(BOX, YARD_BOX)
    stand.start()
    stand.port.unplug()
    stand.wait_for(lambda: stand.health("gate") is Health.OFFLINE is stand.health("yard"))
    assert str(stand.port.path) in stand.states("gate")[-1][1]
    stand.port.plug()
    stand.wait_for(lambda: stand.health("gate") is Health.ONLINE is stand.health("yard"))


def test_a_port_that_is_not_there_is_offline_with_the_reason(bench: Bench, tmp_path: Path) -> None:
    box = SecBox.model_validate(BOX)
    line = SecBoxLine([box], str(tmp_path / "missing"), bench.loop, backoff=QUICK)
    give_up = threading.Event()
    for _ in range(2000):
        line.service(0)
        if bench.events:
            break
        give_up.wait(0.005)
    line.close()
    (state,) = bench.posted(DeviceState)
    assert (state.device, state.online) == ("gate", False)
    assert "No such file" in state.why


def test_a_port_whose_driver_knows_no_direction_is_told_by_its_key(
    make: Callable[..., Stand],
) -> None:
    stand = make({**BOX, "direction": "rts"})  # a pseudo-terminal has no RS-485 mode
    stand.open()
    stand.wait_for(lambda: stand.health("gate") is Health.OFFLINE)
    why = stand.states("gate")[-1][1]
    assert "direction rts" in why
    assert "allowed here: auto" in why


def test_levels_are_never_told_for_inputs_that_are_not_wired(make: Callable[..., Stand]) -> None:
    stand = make({**BOX, "sensor": None, "rex": None, "module": "waveshare_relay_8"})
    stand.start()
    stand.polls(5)
    assert stand.bench.posted(InputLevel) == []
    assert {each[1] for each in stand.line.requests} == {1, 5}
