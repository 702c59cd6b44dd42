"""`gateway wiring`: the drawing of a site's own pins."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from gateway.cli.wiring import wiring
from gateway.errors import DataDirectoryError, SettingsError


def test_the_drawing_names_each_pin_of_the_site(data: Path) -> None:
    done = CliRunner().invoke(wiring, ["--data", str(data)])
    assert done.exit_code == 0
    for use in (
        "door front strike -&gt; relay, on at high",
        "reader front d0",
        "zone 2",
        "fire",
        "tamper",
    ):
        assert f">{use}</text>" in done.output
    assert "Simulated board: Demo" in done.output


def test_the_drawing_goes_into_a_file_and_for_another_board(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "wiring.svg"
    options = ["--data", str(data), "--board", "pi5", "-o", str(target)]
    done = CliRunner().invoke(wiring, options)
    assert done.exit_code == 0
    assert "Raspberry Pi 5, 11 pins in use" in done.output
    assert "Raspberry Pi 5: Demo" in target.read_text(encoding="utf-8")


def test_a_board_without_a_profile_and_a_file_that_cannot_be_are_refused(
    data: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(wiring, ["--data", str(data), "--board", "pi99"])
    assert isinstance(done.exception, SettingsError)
    there = str(tmp_path / "no" / "wiring.svg")
    done = CliRunner().invoke(wiring, ["--data", str(data), "-o", there])
    assert isinstance(done.exception, DataDirectoryError)
    assert "No such file or directory" in str(done.exception)
