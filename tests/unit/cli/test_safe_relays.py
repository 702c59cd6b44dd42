"""`gateway safe-relays`: which state it puts, by which file, and when it leaves all as it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import safe_relays as program
from gateway.cli.safe_relays import moment_of_end, safe_relays
from gateway.errors import DeviceUnavailable, SettingsError
from gateway.hardware.safe_relays import DeclaredState
from gateway.hardware.simulated.board_record import BoardRecord, record_path
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import LAST_GOOD, SITE_FILE, with_end
from gateway.settings.files import ACCEPTED

SITE = """
[site]
name = "Shop"
timezone = "Europe/Lisbon"
board = "simulated"

[[door]]
id = 1
name = "shop"
egress = "mechanical"
strike = {{ pin = {pin}, locked = "low", unlocked = "high" }}
on_fault = "unlocked"
"""

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / SITE_FILE).write_text(SITE.format(pin=17))
    return tmp_path / "data"


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The simulated board's runtime directory."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def run(data: Path, board: Path) -> Run:
    def type_(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(
            safe_relays,
            ["--data", str(data), *words],
            env={"RUNTIME_DIRECTORY": str(board), "SERVICE_RESULT": None, **environment},
        )

    return type_


def high(board: Path, pin: int) -> bool:
    record = BoardRecord.read(record_path(board))
    try:
        return record.pin(pin).high
    finally:
        record.close()


@pytest.mark.parametrize(
    ("environment", "moment"),
    [
        ({}, DeclaredState.FAULT),
        ({"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}, None),
        ({"SERVICE_RESULT": "success"}, None),
        (
            {"SERVICE_RESULT": "success", "EXIT_CODE": "killed", "EXIT_STATUS": "TERM"},
            DeclaredState.STOP,
        ),
        ({"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited"}, DeclaredState.FAULT),
        ({"SERVICE_RESULT": "signal", "EXIT_CODE": "killed"}, DeclaredState.FAULT),
        ({"SERVICE_RESULT": "watchdog", "EXIT_CODE": "dumped"}, DeclaredState.FAULT),
        ({"SERVICE_RESULT": "timeout", "EXIT_CODE": "killed"}, DeclaredState.FAULT),
        ({"SERVICE_RESULT": "oom-kill", "EXIT_CODE": "killed"}, DeclaredState.FAULT),
    ],
)
def test_how_the_controller_ended_says_what_is_put(
    environment: dict[str, str], moment: DeclaredState | None
) -> None:
    assert moment_of_end(environment) is moment


def test_after_a_crash_the_fault_state_is_put(run: Run, board: Path) -> None:
    answer = run(SERVICE_RESULT="signal", EXIT_CODE="killed")
    assert answer.exit_code == 0
    assert "door 'shop' strike: pin 17 high, unlocked" in answer.stderr
    assert high(board, 17)


def test_after_an_orderly_end_nothing_is_touched(run: Run, board: Path) -> None:
    answer = run(SERVICE_RESULT="success", EXIT_CODE="exited")
    assert answer.exit_code == 0
    assert list(board.iterdir()) == []


def test_a_state_that_is_asked_for_goes_before_the_service_managers_word(
    run: Run, board: Path
) -> None:
    assert run("--on", "start", SERVICE_RESULT="signal").exit_code == 0
    assert not high(board, 17)


def test_while_a_controller_is_at_work_its_relays_are_left_alone(run: Run, board: Path) -> None:
    with RuntimeDirectory(board).claim("controller"):
        answer = run()
    assert isinstance(answer.exception, DeviceUnavailable)
    assert "pid " in str(answer.exception)
    assert not record_path(board).exists()


def test_after_a_fault_the_wiring_is_that_with_which_the_controller_came_up(
    run: Run, data: Path, board: Path
) -> None:
    (data / LAST_GOOD).write_text(SITE.format(pin=22))
    assert run().exit_code == 0
    assert high(board, 22)
    assert not high(board, 17)


def test_at_a_start_the_wiring_is_the_site_files(run: Run, data: Path) -> None:
    (data / LAST_GOOD).write_text(SITE.format(pin=22))
    (data / SITE_FILE).write_text(with_end(SITE.format(pin=17)))
    assert "pin 17" in run("--on", "start").stderr


def test_at_a_start_a_cut_site_file_is_not_gone_by(run: Run, data: Path) -> None:
    (data / LAST_GOOD).write_text(SITE.format(pin=22))
    assert "pin 22" in run("--on", "start").stderr


def test_without_a_copy_the_doors_that_a_cut_file_has_are_put_safe(run: Run, data: Path) -> None:
    (data / ACCEPTED).write_text("0" * 64)
    assert "pin 17" in run().stderr


@pytest.mark.parametrize("broken", [SITE_FILE, LAST_GOOD])
@pytest.mark.parametrize("moment", ["start", "fault"])
def test_a_refused_file_is_replaced_by_the_other(
    run: Run, data: Path, broken: str, moment: str
) -> None:
    for name in (SITE_FILE, LAST_GOOD):
        (data / name).write_text(SITE.format(pin=17))
    (data / broken).write_text("[site]\nname = 7\n")
    answer = run("--on", moment)
    assert (answer.exit_code, "pin 17" in answer.stderr) == (0, True)


def test_without_any_file_both_are_named(run: Run, data: Path) -> None:
    (data / SITE_FILE).write_text("nonsense")
    answer = run()
    assert isinstance(answer.exception, SettingsError)
    assert "gateway.toml line 1: " in str(answer.exception)
    assert f"no site file {data / LAST_GOOD}" in str(answer.exception)


@pytest.mark.parametrize(
    ("kept", "moment", "put"),
    [
        (True, "start", True),
        (True, "fault", True),
        (False, "start", False),
        (False, "fault", False),
        (None, "start", False),
        (None, "fault", True),
    ],
)
def test_no_line_gets_a_pulse_where_it_would_fall_back_at_once(
    run: Run,
    board: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: bool | None,
    moment: str,
    put: bool,
) -> None:
    monkeypatch.setattr(program, "keeps_outputs", lambda _: kept)
    answer = run("--on", moment)
    assert answer.exit_code == 0
    assert answer.stderr
    assert record_path(board).exists() is put


def test_a_line_that_fails_is_named_and_fails_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_can_be_had(*_: object) -> None:
        raise DeviceUnavailable("GPIO17 cannot be claimed: GPIO busy")

    monkeypatch.setattr(
        "gateway.hardware.simulated.pins.SimulatedPin.output_with_state", none_can_be_had
    )
    answer = run()
    assert answer.exit_code == 1
    assert "door 'shop' strike: GPIO17 cannot be claimed: GPIO busy" in answer.stderr


HEAVY = [
    "structlog",
    "peewee",
    "gateway.link.server",
    "flask",
    "cryptography",
    "gateway.controller",
]


def test_it_imports_little_for_it_stands_between_a_crash_and_the_next_start() -> None:
    code = "import sys, gateway.cli.main, gateway.cli.safe_relays; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(HEAVY) & set(loaded.stdout.split()) == set()
