from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import serial
from structlog.testing import capture_logs

from gateway.errors import DeviceUnavailable
from gateway.hardware import device_thread
from gateway.hardware.boards.profiles import load_profile
from gateway.hardware.device_thread import HUNG_NS
from gateway.hardware.devices import Device
from gateway.hardware.events import DeviceState, Health, InputKind, InputName
from gateway.settings import LockState
from tests.unit.hardware.conftest import SITE

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

MISSING = {
    "name": "gone",
    "index": 3,
    "portal": 1,
    "kind": "serial_qr",
    "port": "/dev/serial/by-id/none",
}


def named(bench: Bench, name: str) -> Device:
    return next(device for device in bench.rig.devices if device.name == name)


def test_readers_are_listed_in_the_order_of_the_site_file_then_every_line(bench: Bench) -> None:
    bench.start()
    assert [(device.name, device.kind) for device in bench.rig.devices] == [
        ("card", "wiegand"),
        ("code", "serial_qr"),
        ("door strike strike", "output"),
        ("door magnet strike", "output"),
        ("door strike sensor", "input"),
        ("door strike rex", "input"),
        ("door magnet sensor", "input"),
        ("zone 1", "input"),
        ("tamper input", "input"),
        ("fire input", "input"),
    ]


def test_a_serial_reader_is_offline_until_its_port_is_open(bench: Bench) -> None:
    bench.open()
    assert (named(bench, "code").online, named(bench, "code").why) == (
        False,
        "not open yet",
    )
    bench.wait_for(lambda: named(bench, "code").online)
    assert bench.posted(DeviceState)[-1] == DeviceState("code", Health.ONLINE, "", 10**9)


def test_a_missing_port_is_a_state_and_everything_else_works(bench: Bench) -> None:
    bench.use(reader=[bench.site.reader[0].model_dump(), MISSING])
    bench.open()
    bench.wait_for(lambda: bool(bench.posted(DeviceState)))
    assert not named(bench, "gone").online
    assert "No such file" in named(bench, "gone").why
    bench.sim.swipe("card", 7)
    bench.run(ms=100)
    assert bench.credentials == [("card", 7)]
    bench.rig.strikes[1].drive(LockState.UNLOCKED)
    assert bench.pin(17).high
    assert bench.rig.healthy


def test_a_device_keeps_the_time_of_its_last_change(bench: Bench) -> None:
    bench.start()
    bench.clock.advance(60)
    bench.sim.unplug("code")
    bench.wait_for(lambda: not named(bench, "code").online)
    assert named(bench, "code").since_ns == bench.clock.monotonic_ns()


def test_a_reader_thread_that_died_makes_the_rig_unhealthy(bench: Bench) -> None:
    rig = bench.open()
    assert rig.healthy
    rig.close()
    assert not rig.healthy


def test_a_device_thread_that_hangs_makes_the_rig_unhealthy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed = threading.Event()
    really = serial.serial_for_url

    def after_a_long_time(*port: Any, **settings: Any) -> Any:
        freed.wait()
        return really(*port, **settings)

    monkeypatch.setattr(serial, "serial_for_url", after_a_long_time)
    rig = bench.open()
    bench.clock.advance(HUNG_NS / 1e9 - 1)
    assert rig.healthy
    bench.clock.advance(1)
    assert not rig.healthy
    freed.set()
    bench.wait_for(lambda: named(bench, "code").online)
    assert rig.healthy


def test_close_leaves_no_thread_and_no_port_behind(bench: Bench) -> None:
    bench.start()
    assert any(thread.name == "device-code" for thread in threading.enumerate())
    bench.close()
    assert not any(thread.name == "device-code" for thread in threading.enumerate())
    assert list((bench.runtime_dir / "ports").iterdir()) == []


def test_close_leaves_a_thread_that_hangs_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, freed = threading.Event(), threading.Event()

    def never(*_port: Any, **_settings: Any) -> Any:
        hung.set()
        freed.wait(60)
        raise OSError("too late")

    monkeypatch.setattr(device_thread, "CLOSE_S", 0.01)
    monkeypatch.setattr(serial, "serial_for_url", never)
    bench.open()
    assert hung.wait(10)
    (thread,) = (it for it in threading.enumerate() if it.name == "device-code")
    with capture_logs() as logs:
        bench.close()
    assert thread.is_alive()
    assert [(line["log_level"], line["device"]) for line in logs] == [("error", "code")]
    freed.set()
    thread.join()


def test_close_goes_on_when_a_part_fails_and_puts_the_locks_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = bench.open()
    rig.strikes[1].drive(LockState.UNLOCKED)
    levels: list[bool] = []

    def fail() -> None:
        levels.append(bench.pin(17).high)
        raise OSError("stuck")

    monkeypatch.setattr(rig.simulator, "close", fail)
    with pytest.raises(OSError, match="stuck"):
        rig.close()
    assert levels == [False]
    assert not any(thread.name == "device-code" for thread in threading.enumerate())


def test_a_site_without_wires_has_nothing_due(bench: Bench) -> None:
    bench.use(door=[], reader=[], zone=[], tamper=None, fire=None)
    rig = bench.open()
    rig.service(bench.clock.monotonic_ns())
    assert rig.due_ns() is None
    assert (rig.strikes, rig.devices, rig.claims) == ({}, [], [])


def test_the_loop_has_something_due_at_least_every_second(bench: Bench) -> None:
    bench.start()
    due_ns = bench.rig.due_ns()
    assert due_ns is not None
    assert 0 < due_ns - bench.clock.monotonic_ns() <= 10**9


def test_an_idle_rig_wakes_the_loop_once_a_second_however_much_hangs_on_it(bench: Bench) -> None:
    second = {**SITE["reader"][0], "name": "second", "index": 3, "d0": 13, "d1": 19}
    bench.use(reader=[*SITE["reader"], second])
    bench.clock.advance(0.1)
    bench.open()
    bench.clock.advance(0.25)
    bench.wait_for(lambda: all(device.online for device in bench.rig.devices))
    bench.run(ms=1_000)
    wakes: list[int] = []
    while len(wakes) < 5:
        due_ns = bench.rig.due_ns()
        assert due_ns is not None
        wakes.append(due_ns)
        bench.clock.advance((due_ns - bench.clock.monotonic_ns() + 40_000) / 1e9)
        bench.rig.service(bench.clock.monotonic_ns())
    assert [wake - wakes[0] for wake in wakes] == [n * 1_000_000_000 for n in range(5)]


def test_contacts_are_as_they_were_left_after_a_restart(bench: Bench) -> None:
    bench.start()
    sensor = InputName(InputKind.DOOR_SENSOR, 1)
    bench.sim.set_input(sensor, high=False)
    bench.sim.set_input(InputName(InputKind.FIRE), high=True)
    bench.start()
    bench.open()
    bench.run(ms=0)
    assert bench.levels(sensor) == [False]
    assert bench.levels(InputName(InputKind.FIRE)) == [True]


def test_a_board_whose_pins_cannot_be_had_is_an_error_and_no_fall_back(bench: Bench) -> None:
    bench.profile = load_profile("pi4")
    bench.use(reader=[])
    with pytest.raises(DeviceUnavailable, match="pinctrl-bcm2711"):
        bench.open()
    assert not (bench.runtime_dir / "board.record").exists()


def test_readers_behind_usb_that_are_missing_are_states_and_everything_else_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A site that names a PC/SC reader without the package that it takes.
    monkeypatch.setitem(sys.modules, "smartcard", None)
    monkeypatch.delitem(sys.modules, "smartcard.scard", raising=False)
    keyboard = {"name": "desk", "index": 3, "portal": 1, "kind": "hid", "device": "/dev/input/none"}
    contactless = {"name": "nfc", "index": 4, "portal": 1, "kind": "pcsc", "reader": "ACME"}
    bench.use(reader=[bench.site.reader[0].model_dump(), keyboard, contactless])
    bench.open()
    bench.wait_for(lambda: len(bench.posted(DeviceState)) == 2)
    assert named(bench, "desk").why == "/dev/input/none: No such file or directory"
    assert "need the Python package pyscard" in named(bench, "nfc").why
    bench.sim.swipe("card", 7)
    bench.run(ms=100)
    assert bench.credentials == [("card", 7)]
    assert bench.rig.healthy
