"""The turnstile's pins: claimed like strikes, read like contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import check_site, load_profile, warnings
from gateway.hardware.events import TURN_INPUTS
from gateway.settings import LockState, Side

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

RIGHT, LEFT = 19, 21
"""Pins of the relays."""


def turnstile(**more: object) -> dict[str, Any]:
    return {
        "name": "lobby",
        "egress": "mechanical",
        "clockwise": {
            "relay": {"pin": RIGHT, "locked": "low", "unlocked": "high"},
            "turn": {"pin": 20, "idle": "high"},
        },
        "anticlockwise": {
            "relay": {"pin": LEFT, "locked": "high", "unlocked": "low"},
            "turn": {"pin": 26, "pull": "down", "idle": "low"},
        },
        **more,
    }


@pytest.mark.parametrize("on_start", list(LockState))
def test_both_outputs_are_claimed_with_their_level(bench: Bench, on_start: LockState) -> None:
    bench.use(door=[], turnstile=turnstile(on_start=on_start.value))
    rig = bench.open()
    assert {claim.side: claim.on_start for claim in rig.claims} == dict.fromkeys(Side, on_start)
    unlocked = on_start is LockState.UNLOCKED
    assert bench.pin(RIGHT).high is unlocked
    assert bench.pin(RIGHT).edges == int(unlocked), "low until it is claimed"
    assert bench.pin(LEFT).high is not unlocked
    assert bench.pin(LEFT).edges == int(not unlocked)


@pytest.mark.parametrize("on_stop", list(LockState))
def test_a_stop_leaves_the_stop_level_at_both(bench: Bench, on_stop: LockState) -> None:
    bench.use(turnstile=turnstile(on_stop=on_stop.value))
    rig = bench.open()
    rig.sides[Side.CLOCKWISE].drive(LockState.UNLOCKED)
    bench.close()
    unlocked = on_stop is LockState.UNLOCKED
    assert bench.pin(RIGHT).high is unlocked
    assert bench.pin(LEFT).high is not unlocked


def test_a_controller_that_cannot_go_on_leaves_the_fault_level(bench: Bench) -> None:
    bench.use(turnstile=turnstile(on_fault="unlocked"))
    bench.open().abandon()
    assert bench.pin(RIGHT).high
    assert not bench.pin(LEFT).high


def test_the_contacts_rest_at_their_idle_level_and_tell_of_each_move(bench: Bench) -> None:
    bench.use(turnstile=turnstile())
    bench.start()
    for side, idle in ((Side.CLOCKWISE, True), (Side.ANTICLOCKWISE, False)):
        bench.sim.press(TURN_INPUTS[side], high=not idle, hold_ms=100)
        bench.run(ms=300)
        assert bench.levels(TURN_INPUTS[side]) == [not idle, idle]


def test_the_simulated_board_shows_the_outputs_by_their_side(bench: Bench) -> None:
    bench.use(door=[], turnstile=turnstile())
    bench.start()
    outputs: Any = bench.sim.state()["outputs"]
    found = [(shown["pin"], shown["door"], shown["side"], shown["level"]) for shown in outputs]
    assert found == [(RIGHT, 0, "clockwise", "low"), (LEFT, 0, "anticlockwise", "high")]


def test_a_board_refuses_pins_that_it_lacks_and_warns_of_those_that_are_high_at_boot(
    bench: Bench,
) -> None:
    profile = load_profile("simulated")
    ways = turnstile()
    ways["clockwise"]["relay"]["pin"] = 40
    ways["anticlockwise"]["turn"]["pin"] = 2
    bench.use(turnstile=ways)
    with pytest.raises(SettingsError) as refused:
        check_site(profile, bench.site)
    assert "turnstile 'lobby' clockwise relay: Simulated board has no pin 40" in str(refused.value)
    assert "turnstile anticlockwise turn: pull is down" in str(refused.value)
    bench.use(turnstile=turnstile())
    (warning,) = [text for text in warnings(profile, bench.site) if "turnstile" in text]
    assert warning.startswith(
        "turnstile anticlockwise: pin 21 is low while the board boots, and low unlocks: it may "
        "turn from power-up until the controller runs"
    )
