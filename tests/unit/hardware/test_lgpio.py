"""Real pins, against a stand-in for the lgpio module that writes down every call."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import DeviceUnavailable
from gateway.hardware.boards.profiles import load_profile
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.factory import open_factory
from gateway.hardware.pins.inputs import DebouncedInput
from gateway.hardware.pins.outputs import StrikeOutput
from gateway.hardware.pins.pin import PinFactory
from gateway.hardware.wiegand.edges import PinEdgeSource
from gateway.settings import Input, LockState, Strike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.hardware.conftest import Bench

CHIPS = {0: "gpio-brcmstb", 4: "pinctrl-bcm2711"}


class LgpioError(Exception):
    pass


class FakeLgpio(ModuleType):
    """lgpio's functions as gpiozero and we call them (names and values of lgpio 0.2.2)."""

    error = LgpioError
    SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
    RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.calls: list[tuple[Any, ...]] = []
        self.busy: set[int] = set()
        self.levels: dict[int, int] = {}
        self.alerts: dict[int, Callable[[int, int, int, int], None]] = {}
        self.gone = False

    def gpiochip_open(self, number: int) -> int:
        if number not in CHIPS:
            raise LgpioError("can not open gpiochip")
        return number

    def gpiochip_close(self, handle: int) -> None:
        self.calls.append(("close chip", handle))

    def gpio_get_chip_info(self, handle: int) -> list[object]:
        return [0, 58, f"gpiochip{handle}", CHIPS[handle]]

    def gpio_claim_output(self, handle: int, gpio: int, level: int = 0, flags: int = 0) -> None:
        if gpio in self.busy:
            raise LgpioError("GPIO busy")
        assert (handle, flags) == (4, 0)
        self.levels[gpio] = level
        self.calls.append(("output", gpio, level))

    def gpio_claim_input(self, handle: int, gpio: int, flags: int = 0) -> None:
        assert handle == 4
        self.calls.append(("input", gpio, flags))

    def gpio_claim_alert(self, handle: int, gpio: int, edges: int, flags: int) -> None:
        assert handle == 4
        self.calls.append(("alert", gpio, edges, flags))

    def gpio_get_mode(self, handle: int, gpio: int) -> int:
        assert handle == 4
        return 2 if gpio in self.levels else 32

    def gpio_write(self, handle: int, gpio: int, level: int) -> None:
        assert handle == 4
        if self.gone:
            raise LgpioError("bad handle")
        self.levels[gpio] = int(level)
        self.calls.append(("write", gpio, level))

    def gpio_read(self, handle: int, gpio: int) -> int:
        assert handle == 4
        if self.gone:
            raise LgpioError("bad handle")
        return self.levels.get(gpio, 1)

    def callback(
        self, handle: int, gpio: int, edges: int, function: Callable[[int, int, int, int], None]
    ) -> FakeLgpio.Alert:
        assert (handle, edges) in {(4, self.FALLING_EDGE), (4, self.BOTH_EDGES)}
        self.alerts[gpio] = function
        return FakeLgpio.Alert(self, gpio)

    class Alert:
        def __init__(self, module: FakeLgpio, gpio: int) -> None:
            self._module, self._gpio = module, gpio

        def cancel(self) -> None:
            del self._module.alerts[self._gpio]


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLgpio]:
    fake = FakeLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    # Both import lgpio once: a stand-in must be found there, and not stay behind.
    for name in ("gpiozero.pins.lgpio", "gateway.hardware.pins.lgpio_pins"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield fake
    for name in ("gpiozero.pins.lgpio", "gateway.hardware.pins.lgpio_pins"):
        sys.modules.pop(name, None)


@pytest.fixture
def factory(lgpio: FakeLgpio, bench: Bench) -> Iterator[PinFactory]:
    made = open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir)
    lgpio.calls.clear()
    yield made
    made.close()


STRIKE = {"pin": 17, "locked": "low", "unlocked": "high"}
MAGNET = {"pin": 17, "locked": "high", "unlocked": "low"}


@pytest.mark.parametrize("wiring", [STRIKE, MAGNET], ids=["strike", "magnet"])
@pytest.mark.parametrize("on_start", LockState)
def test_a_lock_is_claimed_in_one_call_that_carries_its_level(
    lgpio: FakeLgpio, factory: PinFactory, wiring: dict[str, object], on_start: LockState
) -> None:
    strike = Strike.model_validate(wiring)
    StrikeOutput(factory.pin(17), strike, on_start)
    assert lgpio.calls == [("output", 17, int(strike.level(on_start)))]


def test_a_lock_is_only_ever_written_and_stays_an_output_at_the_end(
    lgpio: FakeLgpio, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(MAGNET), LockState.LOCKED)
    output.drive(LockState.UNLOCKED)
    output.release(LockState.LOCKED)
    factory.close()
    assert lgpio.calls == [("output", 17, 1), ("write", 17, 0), ("write", 17, 1), ("close chip", 4)]


def test_looking_at_a_lock_reads_its_line_and_writes_nothing_while_it_obeys(
    lgpio: FakeLgpio, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(STRIKE), LockState.LOCKED)
    output.line.check()
    assert (output.line.failure, lgpio.calls) == ("", [("output", 17, 0)])
    lgpio.levels[17] = 1
    output.line.check()
    assert output.line.failure.startswith("is high though it is driven low")
    assert lgpio.calls == [("output", 17, 0), ("write", 17, 0)]
    output.line.check()
    assert output.line.failure == ""


def test_a_lock_whose_chip_is_gone_is_a_failure_and_no_exception(
    lgpio: FakeLgpio, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(STRIKE), LockState.LOCKED)
    lgpio.gone = True
    output.drive(LockState.UNLOCKED)
    assert output.line.failure == "cannot be driven high: GPIO17 cannot be written: bad handle"
    output.line.check()
    assert output.line.failure == "cannot be read back: GPIO17 cannot be read: bad handle"
    lgpio.gone = False
    output.line.check()
    output.line.check()
    assert output.line.failure == ""
    assert lgpio.calls[-1] == ("write", 17, 1)


def test_a_lock_whose_line_is_no_output_any_more_is_a_failure(
    lgpio: FakeLgpio, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(STRIKE), LockState.LOCKED)
    del lgpio.levels[17]
    output.drive(LockState.UNLOCKED)
    assert "cannot be written: cannot set state" in output.line.failure


def test_the_level_before_a_claim_is_not_known_since_asking_would_change_it(
    lgpio: FakeLgpio, factory: PinFactory
) -> None:
    assert factory.level_before_claim(17) is None
    assert lgpio.calls == []


def test_a_busy_line_is_named(lgpio: FakeLgpio, factory: PinFactory) -> None:
    lgpio.busy.add(17)
    with pytest.raises(DeviceUnavailable, match="GPIO17 cannot be claimed: GPIO busy"):
        factory.pin(17).output_with_state(True)


def test_the_data_lines_of_a_reader_report_falling_edges_with_the_kernels_stamps(
    lgpio: FakeLgpio, factory: PinFactory
) -> None:
    wakes: list[None] = []
    source = PinEdgeSource(factory, 5, 6, lambda: wakes.append(None))
    assert lgpio.calls == [
        ("input", 5, lgpio.SET_PULL_UP),
        ("alert", 5, lgpio.FALLING_EDGE, 32),
        ("input", 6, lgpio.SET_PULL_UP),
        ("alert", 6, lgpio.FALLING_EDGE, 32),
    ]
    lgpio.alerts[6](4, 6, 0, 123_456_789_000)
    lgpio.alerts[5](4, 5, 0, 123_456_989_000)
    assert source.drain() == [(123_456_789_000, 1), (123_456_989_000, 0)]
    assert len(wakes) == 2
    assert source.edge_lag_ns > 0
    source.close()
    assert lgpio.alerts == {}


def test_a_contact_is_read_through_its_line(
    lgpio: FakeLgpio, factory: PinFactory, bench: Bench
) -> None:
    name = InputName(InputKind.ZONE, 1)
    contact = DebouncedInput(factory, name, Input.model_validate({"pin": 24}), bench.loop)
    contact.service(0)
    assert bench.levels(name) == [True]
    lgpio.levels[24] = 0
    lgpio.alerts[24](4, 24, 0, 5_000_000)
    contact.service(5_000_000)
    contact.service(25_000_000)
    assert bench.levels(name) == [True, False]
    contact.close()


def test_a_pull_that_does_not_exist_is_refused(factory: PinFactory) -> None:
    with pytest.raises(ValueError, match="sideways"):
        factory.pin(24).input_with_pull("sideways")


def test_the_chip_is_found_by_its_label_and_the_others_are_left_alone(
    lgpio: FakeLgpio, bench: Bench
) -> None:
    factory = open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir)
    assert lgpio.calls == [("close chip", 0), ("close chip", 4)]
    factory.close()


def test_a_chip_that_is_not_there_is_an_error_that_names_those_that_are(
    lgpio: FakeLgpio, bench: Bench
) -> None:
    other = load_profile("pi4").model_copy(update={"chip": "pinctrl-rp1"})
    with pytest.raises(DeviceUnavailable, match=r"'pinctrl-rp1'.*0 is gpio-brcmstb, 4 is pinctrl"):
        open_factory(other, bench.clock, bench.runtime_dir)
    assert lgpio.calls == [("close chip", 0), ("close chip", 4)]


def test_a_chip_that_cannot_be_opened_is_an_error(
    lgpio: FakeLgpio, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = iter([4])

    def open_once(number: int) -> int:
        if number == 4:
            for handle in handles:
                return handle
        raise LgpioError("can not open gpiochip")

    monkeypatch.setattr(lgpio, "gpiochip_open", open_once)
    with pytest.raises(DeviceUnavailable, match="cannot be opened: can not open gpiochip"):
        open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir)


def test_a_missing_library_is_an_error_that_names_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    monkeypatch.delitem(sys.modules, "gateway.hardware.pins.lgpio_pins", raising=False)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    with pytest.raises(DeviceUnavailable, match=r"'pi4' needs the Python package lgpio"):
        open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir)


@pytest.mark.usefixtures("lgpio")
@pytest.mark.parametrize("given", [None, "/elsewhere"])
def test_the_library_is_told_where_its_fifo_may_stand(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    if given is not None:
        monkeypatch.setenv("LG_WD", given)
    open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir).close()
    assert Path(os.environ["LG_WD"]) == Path(given or bench.runtime_dir)
