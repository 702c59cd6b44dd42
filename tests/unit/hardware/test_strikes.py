"""The contract of a lock's output, on a strike and on a magnet alike."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.errors import SettingsError
from gateway.hardware.pins.outputs import StrikeOutput
from gateway.hardware.pins.pin import PinCallback
from gateway.settings import LockState, Strike

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

LOCKED, UNLOCKED = LockState.LOCKED, LockState.UNLOCKED

STRIKE = {"pin": 17, "locked": "low", "unlocked": "high"}
MAGNET = {"pin": 17, "locked": "high", "unlocked": "low"}
both_kinds = pytest.mark.parametrize("wiring", [STRIKE, MAGNET], ids=["strike", "magnet"])
each_state = pytest.mark.parametrize("on_start", [LOCKED, UNLOCKED])


def door(wiring: dict[str, object], **more: object) -> dict[str, object]:
    return {"id": 1, "name": "front", "egress": "mechanical", "strike": wiring, **more}


class RecordingPin:
    """A pin that writes down every call that a real line would see."""

    def __init__(self) -> None:
        self.edges = "both"
        self.when_changed: PinCallback | None = None
        self.calls: list[tuple[str, object]] = []

    @property
    def state(self) -> bool:
        raise AssertionError("a strike's level is known, not read back")

    @state.setter
    def state(self, level: bool) -> None:
        self.calls.append(("write", level))

    def output_with_state(self, state: bool) -> None:
        self.calls.append(("claim", state))

    def input_with_pull(self, pull: str) -> None:
        self.calls.append(("input", pull))

    def close(self) -> None:
        self.calls.append(("close", None))


@both_kinds
@each_state
def test_a_strike_is_claimed_with_its_level_and_nothing_else(
    wiring: dict[str, object], on_start: LockState
) -> None:
    pin, strike = RecordingPin(), Strike.model_validate(wiring)
    output = StrikeOutput(pin, strike, on_start)
    assert pin.calls == [("claim", strike.level(on_start))]
    assert output.state is on_start


@both_kinds
def test_a_strike_writes_only_changes(wiring: dict[str, object]) -> None:
    pin, strike = RecordingPin(), Strike.model_validate(wiring)
    output = StrikeOutput(pin, strike, LOCKED)
    for state in (LOCKED, UNLOCKED, UNLOCKED, LOCKED):
        output.drive(state)
        assert output.state is state
    assert pin.calls[1:] == [
        ("write", strike.level(UNLOCKED)),
        ("write", strike.level(LOCKED)),
    ]


@both_kinds
@pytest.mark.parametrize("on_stop", [LOCKED, UNLOCKED])
def test_a_release_is_at_most_one_write_of_the_stop_level(
    wiring: dict[str, object], on_stop: LockState
) -> None:
    pin, strike = RecordingPin(), Strike.model_validate(wiring)
    StrikeOutput(pin, strike, LOCKED).release(on_stop)
    writes = [] if on_stop is LOCKED else [("write", strike.level(UNLOCKED))]
    assert pin.calls[1:] == [*writes, ("close", None)]


@both_kinds
@each_state
def test_the_first_claim_of_a_new_board_makes_at_most_the_step_to_the_start_level(
    bench: Bench, wiring: dict[str, object], on_start: LockState
) -> None:
    bench.use(door=[door(wiring, on_start=on_start)])
    rig = bench.open()
    level = Strike.model_validate(wiring).level(on_start)
    boot = bench.profile.boot_level(17)
    (claim,) = rig.claims
    assert (claim.door, claim.on_start, claim.was, claim.is_) == (1, on_start, boot, level)
    assert claim.edge is (level is not boot)
    assert bench.pin(17).high is level
    assert bench.pin(17).edges == int(level is not boot)


@both_kinds
def test_a_restart_at_the_same_level_makes_no_edge(bench: Bench, wiring: dict[str, object]) -> None:
    bench.use(door=[door(wiring)])
    bench.open()
    edges = bench.pin(17).edges
    for _ in range(3):
        rig = bench.open()
        assert [claim.edge for claim in rig.claims] == [False]
        assert bench.pin(17).edges == edges


@both_kinds
def test_a_stop_leaves_the_stop_level_behind_and_the_next_start_steps_once(
    bench: Bench, wiring: dict[str, object]
) -> None:
    strike = Strike.model_validate(wiring)
    bench.use(door=[door(wiring, on_stop="unlocked")])
    bench.open()
    before = bench.pin(17).edges
    bench.close()
    assert bench.pin(17).high is strike.level(UNLOCKED)
    assert bench.pin(17).edges == before + 1
    rig = bench.open()
    assert rig.claims[0].edge is True
    assert bench.pin(17).high is strike.level(LOCKED)
    assert bench.pin(17).edges == before + 2


@both_kinds
def test_a_stop_while_open_locks_in_one_step(bench: Bench, wiring: dict[str, object]) -> None:
    strike = Strike.model_validate(wiring)
    bench.use(door=[door(wiring)])
    rig = bench.open()
    rig.strikes[1].drive(UNLOCKED)
    edges = bench.pin(17).edges
    assert bench.pin(17).high is strike.level(UNLOCKED)
    bench.close()
    assert bench.pin(17).high is strike.level(LOCKED)
    assert bench.pin(17).edges == edges + 1


def test_a_second_close_does_nothing(bench: Bench) -> None:
    rig = bench.open()
    rig.close()
    rig.close()


def test_strikes_are_claimed_before_anything_else_can_fail(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.use(door=[door(MAGNET, on_fault="unlocked")])
    seen: list[bool] = []

    def fail(*_: object) -> None:
        seen.append(bench.pin(17).high)
        raise OSError("no contacts today")

    monkeypatch.setattr("gateway.hardware.simulated.simulator.Simulator", fail)
    with pytest.raises(OSError, match="no contacts today"):
        bench.open()
    assert seen == [True]
    assert bench.pin(17).high is False, "what cannot go on leaves the fault level"


def test_a_site_that_the_board_cannot_serve_moves_no_pin(bench: Bench) -> None:
    bench.use(door=[door({**STRIKE, "pin": 40})])
    with pytest.raises(SettingsError, match="no pin 40"):
        bench.open()
    assert list(bench.runtime_dir.iterdir()) == []


HOLD = """
    import os, signal, sys
    from pathlib import Path
    from gateway.clock import SystemClock
    from gateway.hardware.boards.profiles import load_profile
    from gateway.hardware.rig import open_rig
    from gateway.settings import LockState, read_site

    site = read_site(Path(sys.argv[1]))
    rig = open_rig(site, load_profile("simulated"), SystemClock(), Path(sys.argv[2]),
                   Path(sys.argv[2]),
                   lambda event: None, lambda: None)
    rig.strikes[1].drive(LockState.UNLOCKED)
    os.kill(os.getpid(), signal.SIGKILL)
"""

SITE_FILE = """
    [site]
    name = "Kill"
    timezone = "UTC"
    board = "simulated"
    [[door]]
    id = 1
    name = "front"
    egress = "mechanical"
    strike = {{ pin = 17, locked = "{locked}", unlocked = "{unlocked}" }}
"""


@both_kinds
def test_a_killed_controller_leaves_its_lock_open_and_the_next_claim_locks_it_in_one_step(
    bench: Bench, tmp_path: Path, wiring: dict[str, object]
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(textwrap.dedent(SITE_FILE.format(**wiring)))
    dead = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(site), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (dead.returncode, dead.stderr) == (-9, "")
    strike = Strike.model_validate(wiring)
    assert bench.pin(17).high is strike.level(UNLOCKED)
    edges = bench.pin(17).edges
    bench.use(door=[door(wiring)])
    rig = bench.open()
    assert (rig.claims[0].was, rig.claims[0].edge) == (strike.level(UNLOCKED), True)
    assert bench.pin(17).high is strike.level(LOCKED)
    assert bench.pin(17).edges == edges + 1
