"""The relays of a site whose controller is gone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import DeviceUnavailable, SettingsError
from gateway.hardware import safe_relays
from gateway.hardware.boards.profiles import BoardProfile, load_profile
from gateway.hardware.safe_relays import DeclaredState, keeps_outputs, put_safe, safe_lines

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

STRIKE = {"locked": "low", "unlocked": "high"}
MAGNET = {"locked": "high", "unlocked": "low"}
TURN = {"pull": "up", "idle": "high"}
WIRING: dict[str, Any] = {
    "door": [
        {
            "id": 1,
            "name": "strike",
            "egress": "mechanical",
            "strike": {"pin": 17, **STRIKE},
            "on_stop": "unlocked",
        },
        {
            "id": 2,
            "name": "magnet",
            "egress": "direct_cut",
            "strike": {"pin": 18, **MAGNET},
            "on_fault": "unlocked",
        },
    ],
    "turnstile": {
        "name": "lobby",
        "egress": "mechanical",
        "on_start": "unlocked",
        "clockwise": {"relay": {"pin": 19, **STRIKE}, "turn": {"pin": 20, **TURN}},
        "anticlockwise": {"relay": {"pin": 21, **MAGNET}, "turn": {"pin": 26, **TURN}},
    },
    "siren": {"pin": 25, "active": "low"},
    "bell": {"pin": 13, "active": "high"},
    "reader": [
        {
            "name": "front",
            "index": 1,
            "portal": 1,
            "kind": "wiegand",
            "d0": 5,
            "d1": 6,
            "green": {"pin": 23, "active": "high"},
            "buzzer": {"pin": 22, "active": "low"},
        }
    ],
}
# Pin -> high, as each moment's states and the wiring above have it.
LEVELS = {
    DeclaredState.START: {
        17: False,
        18: True,
        19: True,
        21: False,
        25: True,
        13: False,
        23: False,
        22: True,
    },
    DeclaredState.STOP: {
        17: True,
        18: True,
        19: False,
        21: True,
        25: True,
        13: False,
        23: False,
        22: True,
    },
    DeclaredState.FAULT: {
        17: False,
        18: False,
        19: False,
        21: True,
        25: True,
        13: False,
        23: False,
        22: True,
    },
}


def put(bench: Bench, moment: DeclaredState) -> list[str]:
    """Put every line; the names of those that failed."""
    done = put_safe(bench.site, bench.profile, bench.clock, bench.runtime_dir, moment)
    return [line.name for line, error in list(done) if error]


@pytest.fixture
def wired(bench: Bench) -> Bench:
    bench.use(**WIRING)
    return bench


@pytest.mark.parametrize("moment", DeclaredState)
def test_each_output_gets_the_level_of_its_declared_state(
    wired: Bench, moment: DeclaredState
) -> None:
    assert {line.pin: line.high for line in safe_lines(wired.site, moment)} == LEVELS[moment]
    assert put(wired, moment) == []
    assert {pin: wired.pin(pin).high for pin in LEVELS[moment]} == LEVELS[moment]


def test_locks_come_before_what_sounds_or_shines_and_every_output_is_named(wired: Bench) -> None:
    assert [str(line) for line in safe_lines(wired.site, DeclaredState.FAULT)] == [
        "door 'strike' strike: pin 17 low, locked",
        "door 'magnet' strike: pin 18 low, unlocked",
        "turnstile 'lobby' clockwise relay: pin 19 low, locked",
        "turnstile 'lobby' anticlockwise relay: pin 21 high, locked",
        "siren: pin 25 high, off",
        "bell: pin 13 low, off",
        "reader front green: pin 23 low, off",
        "reader front buzzer: pin 22 high, off",
    ]


@pytest.mark.parametrize("moment", DeclaredState)
def test_a_line_that_has_its_level_sees_no_edge(wired: Bench, moment: DeclaredState) -> None:
    put(wired, moment)
    edges = [wired.pin(pin).edges for pin in LEVELS[moment]]
    assert put(wired, moment) == []
    assert [wired.pin(pin).edges for pin in LEVELS[moment]] == edges


def test_what_the_start_put_is_not_moved_by_the_controllers_claim(wired: Bench) -> None:
    put(wired, DeclaredState.START)
    edges = {pin: wired.pin(pin).edges for pin in LEVELS[DeclaredState.START]}
    wired.open()
    assert {pin: wired.pin(pin).edges for pin in edges} == edges


class OneBusyLine:
    """A board on which somebody else holds pin 18."""

    def __init__(self) -> None:
        self.claimed: dict[int, bool] = {}
        self.closed = False
        self._number = 0

    def pin(self, number: int) -> OneBusyLine:
        self._number = number
        return self

    def output_with_state(self, state: bool) -> None:
        if self._number == 18:
            raise DeviceUnavailable("GPIO18 cannot be claimed: GPIO busy")
        self.claimed[self._number] = state

    def close(self) -> None:
        self.closed = True


def test_a_busy_line_is_named_and_keeps_no_other_from_its_level(
    wired: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = OneBusyLine()
    monkeypatch.setattr(safe_relays, "open_factory", lambda *_: board)
    assert put(wired, DeclaredState.FAULT) == ["door 'magnet' strike"]
    wanted = LEVELS[DeclaredState.FAULT]
    assert board.claimed == {pin: high for pin, high in wanted.items() if pin != 18}
    assert board.closed


def test_a_site_that_the_board_cannot_serve_moves_nothing(bench: Bench) -> None:
    door = {"id": 1, "name": "odd", "egress": "mechanical", "strike": {"pin": 60, **STRIKE}}
    bench.use(door=[door])
    with pytest.raises(SettingsError, match="pin 60"):
        put(bench, DeclaredState.FAULT)
    assert list(bench.runtime_dir.iterdir()) == []


PI = load_profile("pi4")


@pytest.mark.parametrize(("text", "kept"), [("Y\n", True), ("N\n", False), (None, None)])
@pytest.mark.parametrize(
    ("profile", "module"),
    [(PI, "pinctrl_bcm2835"), (PI.model_copy(update={"chip": "pinctrl-rp1"}), "pinctrl_rp1")],
    ids=["pi4", "pi5"],
)
def test_the_kernel_says_whether_outputs_outlive_their_owner(
    profile: BoardProfile, module: str, text: str | None, kept: bool | None, tmp_path: Path
) -> None:
    if text is not None:
        parameters = tmp_path / module / "parameters"
        parameters.mkdir(parents=True)
        (parameters / "persist_gpio_outputs").write_text(text)
    assert keeps_outputs(profile, tmp_path) is kept


def test_the_simulated_board_keeps_its_outputs(bench: Bench) -> None:
    assert keeps_outputs(bench.profile) is True
