"""Configuration keys of doors, alarms, readers and the clock take effect at the pins and in the
journal: with the value of a new device one thing happens, with another value another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.hardware.events import InputKind, InputName
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
FRONT_SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
BACK_SENSOR = InputName(InputKind.DOOR_SENSOR, 2)
FRONT_REX = InputName(InputKind.REX, 1)
TAMPER = InputName(InputKind.TAMPER)
HELD_OPEN, FORCED, TAMPERED = 6, 7, 9


@pytest.fixture
def configured(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    """The bench with the module, key and value of the parameter in force; None changes nothing."""
    if request.param is not None:
        module, key, value = request.param
        bench.configure({module: {key: value}})
    return bench


def with_and_without(module: str, key: str, value: object) -> pytest.MarkDecorator:
    """The test gets True for a new device's value, False for `value`."""
    return pytest.mark.parametrize(
        ("configured", "usual"),
        [(None, True), ((module, key, value), False)],
        indirect=["configured"],
        ids=["as new", f"{key}={value}"],
    )


def causes(bench: Bench) -> list[int]:
    return [cause for event, cause, _ in bench.alarms() if event == 1]


@with_and_without("general", "relay1_enabled", 0)
def test_a_relay_that_is_off_stays_still(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    assert configured.events() == [(7, ANA)]
    assert configured.unlocked(1) == usual


@with_and_without("general", "relay1_timeout", 500)
def test_a_relay_falls_back_after_its_time(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    configured.pass_time(1)
    assert configured.unlocked(1) == usual


@with_and_without("general", "relay1_auto_close", 0)
def test_a_relay_falls_back_when_the_door_opens(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    configured.simulator.set_input(FRONT_SENSOR, high=False)
    configured.pass_time(0.2)
    assert configured.unlocked(1) != usual


@with_and_without("general", "door_sensor2_enabled", 0)
def test_a_sensor_that_is_off_sees_no_opening(configured: Bench, *, usual: bool) -> None:
    configured.simulator.set_input(BACK_SENSOR, high=False)
    configured.pass_time(1)
    assert bool(configured.journal(EntryKind.ACCESS_EVENT)) == usual


@with_and_without("general", "door_sensor1_idle", 0)
def test_the_level_of_a_closed_door_decides_what_is_open(configured: Bench, *, usual: bool) -> None:
    door = configured.controller.status().doors[0]
    assert door.sensor_open != usual


@with_and_without("general", "buttonhole1_enabled", 0)
def test_an_exit_button_that_is_off_opens_nothing(configured: Bench, *, usual: bool) -> None:
    configured.simulator.set_input(FRONT_REX, high=False)
    configured.pass_time(0.2)
    assert configured.unlocked(1) == usual


@with_and_without("general", "buttonhole1_idle", 0)
def test_the_level_of_a_button_at_rest_decides_what_is_a_press(
    configured: Bench, *, usual: bool
) -> None:
    configured.simulator.set_input(FRONT_REX, high=False)
    configured.pass_time(0.2)
    assert configured.unlocked(1) == usual


@with_and_without("alarm", "door_sensor_enabled", 0)
def test_a_door_left_open_is_an_alarm(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    configured.simulator.set_input(FRONT_SENSOR, high=False)
    configured.pass_time(40)
    assert causes(configured) == [HELD_OPEN] * usual


@with_and_without("alarm", "door_sensor_delay", 100)
def test_a_door_left_open_is_an_alarm_after_its_delay(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    configured.simulator.set_input(FRONT_SENSOR, high=False)
    configured.pass_time(40)
    assert causes(configured) == [HELD_OPEN] * usual


@with_and_without("alarm", "forced_access_enabled", 0)
def test_a_door_that_nobody_opened_is_an_alarm(configured: Bench, *, usual: bool) -> None:
    configured.simulator.set_input(BACK_SENSOR, high=False)
    configured.pass_time(1)
    assert causes(configured) == [FORCED] * usual


@with_and_without("alarm", "forced_access_debounce", 5_000)
def test_a_door_that_nobody_opened_may_rattle(configured: Bench, *, usual: bool) -> None:
    configured.simulator.set_input(BACK_SENSOR, high=False)
    configured.pass_time(2)
    configured.simulator.set_input(BACK_SENSOR, high=True)
    configured.pass_time(10)
    assert causes(configured) == [FORCED] * usual


@with_and_without("alarm", "device_violation_enabled", 0)
def test_an_opened_case_is_an_alarm(configured: Bench, *, usual: bool) -> None:
    configured.simulator.set_input(TAMPER, high=False)
    configured.pass_time(1)
    assert causes(configured) == [TAMPERED] * usual


@with_and_without("identifier", "card_identification_enabled", 0)
def test_cards_that_are_off_are_not_looked_at(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    assert configured.events() == [(7, ANA)] * usual


@with_and_without("identifier", "pin_identification_enabled", 0)
def test_pins_that_are_off_are_not_looked_at(configured: Bench, *, usual: bool) -> None:
    configured.simulator.keys("front", "1234#")
    configured.pass_time(1)
    assert configured.events() == [(7, ANA)] * usual


@with_and_without("identifier", "qrcode_identification_enabled", 0)
def test_codes_that_are_off_are_not_looked_at(configured: Bench, *, usual: bool) -> None:
    # As the reader's driver posts it: through its port nobody could tell when it was ignored.
    code = Credential(CredentialKind.QRCODE, "DEMO-ANA")
    at_ns = configured.clock.monotonic_ns()
    configured.post(Identification("qr", code, at_ns))
    configured.settle()
    assert configured.events() == [(7, ANA)] * usual


@with_and_without("general", "exception_mode", "lock_down")
def test_a_device_locked_down_lets_nobody_in(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    assert configured.events() == [(7 if usual else 6, ANA)]


@with_and_without("general", "door1_exception_mode", "emergency")
def test_a_door_in_emergency_stands_open(configured: Bench, *, usual: bool) -> None:
    assert configured.unlocked(1) != usual
    assert not configured.unlocked(2)


@with_and_without("ntp", "timezone", "UTC+2")
def test_a_fixed_offset_goes_before_the_zone_of_the_site(configured: Bench, *, usual: bool) -> None:
    configured.swipe(CARD_OF_ANA)
    (access,) = configured.journal(EntryKind.ACCESS)
    offset_h = -3 if usual else 2
    assert access["row"]["time"] == int(configured.clock.utc().timestamp()) + offset_h * 3_600
