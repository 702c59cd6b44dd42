"""What hurts in the field, as scenarios that a technician can read (records/*.toml).

Each is played to the real controller on paper and must do what it says. The flight record that is
written meanwhile must replay identically, and must give away any effect that was changed in it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.controller.flight.forms import FORM
from gateway.controller.replay.replay import Result, replay
from gateway.credentials.values import Credential
from gateway.doors.door_settings import ConfiguredDoor, configured_doors
from gateway.errors import BrokenRecord
from tests.unit.controller.scenarios import Play

RECORDS = Path(__file__).parent / "records"
NAMES = sorted(path.stem for path in RECORDS.glob("*.toml"))


def load(name: str) -> dict[str, Any]:
    return tomllib.loads((RECORDS / f"{name}.toml").read_text(encoding="utf-8"))


def played(name: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """A scenario, what came of it, and its record."""
    scenario = load(name)
    play = Play(scenario)
    return scenario, play.run(scenario["steps"]), play.record.lines


def written(lines: list[str], path: Path) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return path


def identical(result: Result) -> bool:
    return result.difference is None and result.broken is None


@pytest.mark.parametrize("name", NAMES)
def test_each_scenario_does_what_it_says(name: str) -> None:
    scenario, told, _record = played(name)
    assert told == scenario["expect"]


@pytest.mark.parametrize("name", NAMES)
def test_the_record_of_each_scenario_replays_identically(name: str, tmp_path: Path) -> None:
    scenario, _told, lines = played(name)
    result = replay(written(lines, tmp_path / "record.jsonl"))
    assert identical(result), result
    assert result.effects == len(scenario["expect"])


@pytest.mark.parametrize("name", NAMES)
def test_any_effect_that_was_changed_is_found(name: str, tmp_path: Path) -> None:
    _scenario, _told, lines = played(name)
    for number, text in enumerate(lines[1:], start=1):
        line = json.loads(text)
        if not line.get("effects"):
            continue
        line["effects"].pop()
        changed = [*lines[:number], json.dumps(line), *lines[number + 1 :]]
        found = replay(written(changed, tmp_path / "record.jsonl")).difference
        assert found is not None
        assert found.line["n"] == line["n"]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The record of somebody who enters by the front door."""
    return written(played("forced_or_held")[2], tmp_path / "record.jsonl")


Say = Callable[..., Any]


@pytest.fixture
def say() -> Say:
    """Runs `gateway` as typed; gives its exit code and what it printed or raised."""

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, words)
        told = f"{done.output}{done.exception or ''}"
        return done.exit_code, told

    return run


def test_a_door_that_locks_earlier_than_it_did_is_found(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing happens between the two times: only what is due next tells them apart."""

    def hasty(*given: Any) -> dict[int, ConfiguredDoor]:
        doors = configured_doors(*given)
        for door in doors.values():
            object.__setattr__(door.settings, "dwell_ms", door.settings.dwell_ms - 500)
        return doors

    monkeypatch.setattr("gateway.controller.state.config.configured_doors", hasty)
    found = replay(record).difference
    assert found is not None
    assert found.now["effects"] == found.line["effects"]
    assert found.now["due_ns"] == found.line["due_ns"] - 500_000_000


def test_a_core_that_asks_the_store_for_something_else_is_found(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gateway.controller.access.identifier.credential_of_code",
        lambda credential, _mode: Credential(credential.kind, credential.value + 1),
    )
    found = replay(record).difference
    assert found is not None
    assert "asks for credential" in found.now["asked"]


def test_a_core_that_fails_where_it_did_not_is_found(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.controller.doors.door_panel.DoorPanel.sensor_level", fail)
    found = replay(record).difference
    assert found is not None
    assert found.now["raised"] == "ZeroDivisionError"


def test_the_command_says_how_much_was_identical(record: Path, say: Say) -> None:
    code, told = say("replay", str(record))
    lines = record.read_text().splitlines()[1:]
    effects = sum(len(json.loads(line).get("effects", [])) for line in lines)
    assert (code, told) == (0, f"{len(lines)} inputs, {effects} effects, identical\n")


def test_the_command_stops_where_it_is_told_to(record: Path, say: Say) -> None:
    code, told = say("replay", str(record), "--until", "2")
    assert code == 0
    assert told.startswith("2 inputs, ")


def test_the_command_shows_the_first_difference_and_what_led_to_it(record: Path, say: Say) -> None:
    text = record.read_text().replace('"to":"unlocked"', '"to":"locked"', 1)
    record.write_text(text)
    code, told = say("replay", str(record))
    assert code == 1
    assert "first difference at input" in told
    assert "  before " in told
    assert '! recorded {"drive": "door 1", "to": "locked"}' in told
    assert '! now      {"drive": "door 1", "to": "unlocked"}' in told


def test_a_record_of_another_version_is_said_to_be_one(record: Path, say: Say) -> None:
    record.write_text(record.read_text().replace('"gateway":"', '"gateway":"0.0.', 1))
    code, told = say("replay", str(record))
    assert code == 0
    assert "recorded by version 0.0." in told


def test_a_record_of_another_form_is_refused_by_name(record: Path) -> None:
    ours, other = (f'{{"flight_record":{form},' for form in (FORM, FORM + 1))
    text = record.read_text().replace(ours, other, 1)
    record.write_text(text)
    with pytest.raises(
        BrokenRecord, match=rf"form {FORM + 1}, made by version .* reads form {FORM}"
    ):
        replay(record)


def test_what_comes_before_a_cut_is_replayed_and_the_cut_is_told(record: Path, say: Say) -> None:
    record.write_bytes(record.read_bytes()[:-30])
    lines = len(record.read_text().splitlines())
    result = replay(record)
    assert result.inputs == lines - 2
    assert f"line {lines} " in str(result.broken)
    assert "is cut off" in str(result.broken)
    code, told = say("replay", str(record))
    assert code == 1
    assert "is cut off" in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("no JSON\n", "line 1 .* is damaged"),
        ("[1]\n", "is no step"),
        ('{"n":1}\n', "does not begin as a flight record"),
        (f'{{"flight_record":{FORM},"gateway":"0.1.0"}}\n', "beginning .* is damaged"),
    ],
)
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(BrokenRecord, match=says):
        replay(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"is":"input_level"', '"is":"os.system"', "there is no input 'os.system'"),
        ('"utc":"', '"utc":"not ', "is damaged"),
        ('"high":true', '"how":true', "cannot be read"),
    ],
)
def test_a_step_that_makes_no_sense_is_named(record: Path, old: str, new: str, says: str) -> None:
    head, *steps = record.read_text().splitlines()
    written([head, *"\n".join(steps).replace(old, new, 1).splitlines()], record)
    assert says in str(replay(record).broken)


def edited(record: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """The record with another beginning."""
    head, *steps = record.read_text().splitlines()
    header = json.loads(head)
    edit(header)
    return written([json.dumps(header), *steps], record)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda header: header["states"].update({"door 9": {}}), "not both have: door 9"),
        (lambda header: header["states"].pop("fire"), "not both have: fire"),
        (lambda header: header["states"]["fire"].pop("since_utc"), "cannot be read"),
        (lambda header: header["states"]["door 1"].update(door=7), "cannot be read"),
    ],
)
def test_a_record_whose_states_do_not_fit_is_refused(
    record: Path, edit: Callable[[dict[str, Any]], object], says: str
) -> None:
    with pytest.raises(BrokenRecord, match=says):
        replay(edited(record, edit))
