"""The headers' facts, against themselves and against what the GPIO library knows."""

from __future__ import annotations

from typing import Any

import pytest
from gpiozero.pins.pi import PiBoardInfo  # type: ignore[import-untyped] # - no types
from pydantic import ValidationError

from gateway.hardware.boards.headers import Header, load_header
from gateway.hardware.boards.profiles import board_names, load_profile
from gateway.settings import Level

RPI40 = load_header("rpi40")
REAL = [name for name in board_names() if not load_profile(name).simulated]


@pytest.mark.parametrize("name", board_names())
def test_every_pin_is_where_the_gpio_library_has_it(name: str) -> None:
    profile = load_profile(name)
    known = PiBoardInfo.from_revision(int(profile.revision, 16)).headers["J8"].pins
    assert {pin.at: pin.name for pin in profile.header.pins} == {
        at: pin.name for at, pin in known.items()
    }
    pulled = {pin.at for pin in profile.header.pins if pin.fixed_pull_up}
    assert pulled == {at for at, pin in known.items() if pin.pull == "up"}


@pytest.mark.parametrize(
    ("name", "model"),
    [("cm4", "CM4"), ("pi-zero-2w", "Zero2W"), ("pi3", "3B"), ("pi4", "4B"), ("pi5", "5B")],
)
def test_a_revision_is_that_of_its_board(name: str, model: str) -> None:
    revision = int(load_profile(name).revision, 16)
    assert PiBoardInfo.from_revision(revision).model == model


@pytest.mark.parametrize("name", REAL)
def test_a_real_board_says_how_it_is_recognised_and_fed(name: str) -> None:
    profile = load_profile(name)
    assert profile.chip
    assert profile.models
    assert (profile.supply_a is None) is (name == "cm4")  # which its carrier feeds
    assert profile.watchdog
    assert profile.serial


def test_pins_below_9_are_pulled_up_at_reset_and_the_others_down() -> None:
    assert {pin.gpio for pin in RPI40.gpios if pin.pull == "up"} == set(range(9))
    assert {pin.gpio for pin in RPI40.gpios} == set(range(28))


def test_the_console_alone_differs_from_its_pull_while_the_board_boots() -> None:
    level = {"up": Level.HIGH, "down": Level.LOW}
    differ = [pin.gpio for pin in RPI40.gpios if pin.pull and level[pin.pull] is not pin.boot]
    assert differ == [14]


def test_no_pin_of_a_bus_that_is_commonly_on_is_called_safe() -> None:
    safe = {pin.gpio for pin in RPI40.gpios if pin.safe_output}
    assert safe == {12, 13, 16, *range(17, 28)}
    for bus in RPI40.buses:
        if bus.name != "I2S":
            assert not safe & set(bus.gpios), bus.name


def changed(place: int, **fact: Any) -> dict[str, Any]:
    header = RPI40.model_dump(by_alias=True)
    header["pin"] = [{**pin, **(fact if pin["at"] == place else {})} for pin in header["pin"]]
    return header


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (changed(11, gpio=27), "gpio 27 is there twice"),
        (changed(11, at=12), "places"),
        (changed(11, boot=None), "pin 11: gpio, pull and boot are needed"),
        (changed(1, gpio=30), "pin 1: gpio, pull and boot belong"),
        (changed(3, safe_output=True), "pin 3: safe_output needs boot low"),
        (changed(11, reserved="a fan"), "pin 11: safe_output needs"),
        ({**changed(1), "bus": [{"name": "X", "gpios": [40], "config": []}]}, r"bus X: \[40\]"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(header: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Header.model_validate(header)
