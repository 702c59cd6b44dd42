from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gpiozero import OutputDevice  # type: ignore[import-untyped] # - no types

from gateway.errors import DeviceUnavailable
from gateway.hardware.factory import open_simulated
from gateway.hardware.simulated.board_record import PinFunction
from gateway.hardware.simulated.pins import SimulatedFactory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.hardware.conftest import Bench


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[float, int]] = []

    def edge(self, ticks: float, state: int) -> None:
        self.heard.append((ticks, state))


@pytest.fixture
def board(bench: Bench) -> Callable[[], SimulatedFactory]:
    """The board, as a process finds it that starts now."""
    return lambda: open_simulated(bench.profile, bench.clock, bench.runtime_dir)


def test_an_output_never_has_another_level_than_the_claimed_one(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    # GPIO 4 is high at boot: claiming it high is no edge, and claiming it low is exactly one.
    factory = board()
    factory.pin(4).output_with_state(True)
    assert bench.pin(4).edges == 0
    factory.pin(5).output_with_state(False)
    assert (bench.pin(5).edges, bench.pin(5).high) == (1, False)
    assert bench.pin(5).function is PinFunction.OUTPUT
    factory.close()


def test_an_output_of_the_library_that_starts_on_makes_no_blip(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory = board()
    device = OutputDevice(4, active_high=False, initial_value=False, pin_factory=factory)
    assert bench.pin(4).edges == 0
    device.on()
    assert (bench.pin(4).edges, bench.pin(4).high) == (1, False)
    device.close()
    factory.close()
    assert (bench.pin(4).edges, bench.pin(4).high) == (1, False)


def test_a_released_output_stays_as_it_was_driven(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory = board()
    factory.pin(17).output_with_state(True)
    factory.pin(17).close()
    factory.close()
    assert bench.pin(17).high
    again = board()
    assert again.pin(17).function == "output"
    assert again.level_before_claim(17) is True
    again.pin(17).output_with_state(True)
    assert bench.pin(17).edges == 1
    again.close()


def test_an_output_that_is_turned_into_an_input_is_seen_as_an_edge(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory = board()
    factory.pin(17).output_with_state(True)
    factory.pin(17).input_with_pull("down")
    assert (bench.pin(17).edges, bench.pin(17).high) == (2, False)
    assert bench.pin(17).function is PinFunction.INPUT
    factory.pin(18).output_with_state(True)
    factory.pin(18).function = "input"
    assert bench.pin(18).function is PinFunction.INPUT
    factory.close()


@pytest.mark.parametrize(("pull", "high"), [("up", True), ("down", False)])
def test_a_new_input_rests_at_its_pull_without_an_edge(
    bench: Bench, board: Callable[[], SimulatedFactory], pull: str, high: bool
) -> None:
    factory = board()
    factory.pin(20).input_with_pull(pull)
    assert (bench.pin(20).high, bench.pin(20).edges) == (high, 0)
    factory.close()


def test_what_the_world_holds_wins_over_the_pull_and_lasts(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory = board()
    factory.pin(20).input_with_pull("up")
    factory.pin(20).drive(high=False)
    factory.close()
    again = board()
    again.pin(20).input_with_pull("up")
    assert again.pin(20).state is False
    assert bench.pin(20).edges == 1
    again.close()


def test_a_wire_that_became_an_output_is_not_held_by_the_world_any_more(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory = board()
    factory.pin(20).input_with_pull("up")
    factory.pin(20).drive(high=False)
    factory.pin(20).output_with_state(False)
    factory.close()
    again = board()
    again.pin(20).input_with_pull("up")
    assert bench.pin(20).high
    assert not bench.pin(20).driven
    again.close()


def test_a_level_held_at_the_pull_is_held_by_the_world_too(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory = board()
    factory.pin(20).input_with_pull("up")
    factory.pin(20).drive(high=True)
    assert bench.pin(20).driven
    factory.close()


@pytest.mark.parametrize(("edges", "heard"), [("falling", [0]), ("rising", [1]), ("both", [0, 1])])
def test_callbacks_get_the_wanted_edges_with_the_stamps_they_were_driven_with(
    board: Callable[[], SimulatedFactory], edges: str, heard: list[int]
) -> None:
    factory, listener = board(), Listener()
    pin = factory.pin(20)
    pin.input_with_pull("up")
    pin.edges = edges
    pin.when_changed = listener.edge
    pin.drive(high=False, stamp_ns=5_000_000)
    pin.drive(high=False, stamp_ns=6_000_000)
    pin.drive(high=True, stamp_ns=7_000_000)
    stamps = {0: 0.005, 1: 0.007}
    assert listener.heard == [(stamps[level], level) for level in heard]
    pin.close()
    pin.drive_low()
    assert len(listener.heard) == len(heard)
    factory.close()


def test_an_edge_without_a_stamp_of_its_own_has_the_clocks(
    bench: Bench, board: Callable[[], SimulatedFactory]
) -> None:
    factory, listener = board(), Listener()
    pin = factory.pin(20)
    pin.input_with_pull("up")
    pin.when_changed = listener.edge
    bench.clock.advance(1.5)
    pin.drive_low()
    pin.drive_high()
    assert listener.heard == [(2.5, 0), (2.5, 1)]
    assert factory.ticks() == 2.5
    factory.close()


def test_an_output_cannot_be_moved_from_outside(board: Callable[[], SimulatedFactory]) -> None:
    factory = board()
    factory.pin(17).output_with_state(False)
    with pytest.raises(DeviceUnavailable, match="GPIO17 is an output"):
        factory.pin(17).drive(high=True)
    factory.close()


def test_the_history_of_a_pin_is_bounded(board: Callable[[], SimulatedFactory]) -> None:
    factory = board()
    pin = factory.pin(20)
    pin.input_with_pull("up")
    for _ in range(1000):
        pin.drive_low()
        pin.drive_high()
    assert len(pin.states) == 256
    factory.close()
