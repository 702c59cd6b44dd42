"""What hurts in the field, as scenarios that a technician can read (records/*.toml).

Each is played to the real controller on paper and must do what it says. The flight record that is
written meanwhile must replay identically, and must give away any effect that was changed in it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.access.person import Person
from gateway.cli.main import cli
from gateway.controller.flight.forms import FORM
from gateway.controller.flight.recorder import digest_of
from gateway.controller.flight.rules import snapshot_of
from gateway.controller.replay.offline import OfflineClock, OfflineController, Sources
from gateway.controller.replay.replay import Result, replay
from gateway.controller.state.flight import Asked, Pulse
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.doors.door_settings import ConfiguredDoor, configured_doors
from gateway.errors import BrokenRecord, StorageError
from gateway.hardware.events import InputKind, InputLevel, InputName, KeyPressed
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import Command, OpenDoor, Request, Silence
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import SiteFile, parse_site
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading
from gateway.store.policy.snapshot import Snapshot

RECORDS = Path(__file__).parent / "records"
NAMES = sorted(path.stem for path in RECORDS.glob("*.toml"))
START = datetime(2026, 11, 23, 15, tzinfo=UTC)
"""A Monday, noon at the site."""
DAWN_NS = 1_000_000_000
ALL_DAYS = [1] * 10
"""Holidays included: such a time zone asks no clock."""
USUAL: dict[str, list[list[Any]]] = {
    "portals": [[1, "front", 1, 1], [2, "back", 1, 1]],
    "access_rules": [[1, "always", 1]],
    "portal_access_rules": [[1, 1], [2, 1]],
    "group_access_rules": [[1, 1]],
    "access_rule_time_zones": [[1, 1]],
    "portal_actions": [[1, 1], [2, 2]],
    "time_zones": [[1, "always"]],
    "time_spans": [[1, 1, 0, 86399, *ALL_DAYS]],
    "actions": [[1, "front", "door", "door=1", 1], [2, "back", "door", "door=2", 1]],
}
"""The rows of a site whose group 1 may always pass both doors."""


def demo_site() -> SiteFile:
    return parse_site(files("gateway.cli").joinpath("demo.toml").read_text("utf-8"), "demo")


class Town:
    """The people of a scenario, and the store they are in."""

    def __init__(self, people: dict[str, dict[str, Any]]) -> None:
        self._owners: dict[tuple[CredentialKind, int | str], Person] = {}
        for row in people.values():
            groups = tuple(row.get("groups", [1]))
            person = Person(row["id"], row.get("begin"), row.get("end"), groups)
            for card in row.get("cards", []):
                self._owners[CredentialKind.CARD, card] = person
            if "pin" in row:
                self._owners[CredentialKind.PIN, row["pin"]] = person
        self.version = 1
        self.lost = False

    def find(self, credential: Credential) -> Reading:
        if self.lost:
            raise StorageError("the store cannot be read")
        return Reading(self.version, self._owners.get((credential.kind, credential.value)))

    def find_by_password(self, user_id: int, password: str) -> Reading:
        del user_id, password
        return Reading(self.version, None)

    def find_by_id(self, user_id: int) -> Reading:
        owners = (person for person in self._owners.values() if person.id == user_id)
        return Reading(self.version, next(owners, None))

    def policy_version(self) -> int:
        return self.version

    def of(self, user_id: int) -> list[PassageEntered]:
        del user_id
        return []  # nothing is committed on paper: what was entered is still under way

    def any_before(self, day: int) -> bool:
        del day
        return False


class Lines:
    """A record in memory."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, header: str) -> None:
        self.lines.append(header)

    def write(self, line: str) -> bool:
        self.lines.append(line)
        return False

    def close(self) -> None:
        pass


class Play:
    """One scenario on its way."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.record = Lines()
        self._town = Town(scenario.get("people", {}))
        self._clock = OfflineClock(START)
        self._rows = {**USUAL, **scenario.get("rows", {})}
        self._zones = scenario.get("zones", [])
        self._configuration = {
            f"{prefix}{door}_enabled": "1"
            for prefix in ("general.door_sensor", "general.buttonhole")
            for door in (1, 2)
        } | {key: str(value) for key, value in scenario.get("configuration", {}).items()}
        keys = count(1)
        self._plant = OfflineController(
            demo_site(),
            self._clock,
            Sources(self._town, self._town, lambda: f"key-{next(keys)}"),
            self.record,
            digest_of,
        )
        self._requests = count(1)

    def run(self, steps: list[str]) -> list[str]:
        """Everything that came of `steps`, a line each."""
        with self._plant as plant:
            self._at(0)
            plant.begin()
            plant.happen(self._snapshot())
            plant.happen(Pulse.BEAT)
            for step in steps:
                seconds, *words = step.split()
                self._pass_time(float(seconds))
                self._do(*words)
        return [
            told for line in map(json.loads, self.record.lines[1:]) for told in self._told(line)
        ]

    def _at(self, seconds: float) -> None:
        self._clock.ns = DAWN_NS + round(seconds * 1e9)
        self._clock.moment = START + timedelta(seconds=seconds)

    def _pass_time(self, seconds: float) -> None:
        """Let come what is due until then, each at its own time."""
        end_ns = DAWN_NS + round(seconds * 1e9)
        assert end_ns >= self._clock.ns, f"{seconds} is before the step before it"
        while (due_ns := self._plant.controller.due_ns()) is not None and due_ns <= end_ns:
            self._at((max(due_ns, self._clock.ns) - DAWN_NS) / 1e9)
            self._plant.happen(Pulse.TIME)
        self._at(seconds)

    def _do(self, verb: str = "wait", *words: str) -> None:
        match verb, *words:
            case "wait", *_:
                pass
            case (("card" | "pin"), value, reader):
                self._read(verb, value, reader)
            case (("sensor" | "rex" | "zone" | "tamper" | "fire"), *_):
                self._move(verb, words)
            case "set", key, value:
                self._configuration[key] = value
                self._town.version += 1
                self._plant.happen(self._snapshot())
            case "clock", word:
                trusted = word == "trusted"
                self._clock.verdict = (
                    ClockVerdict.BATTERY_CLOCK if trusted else ClockVerdict.NO_SOURCE
                )
                self._plant.happen(Pulse.BEAT)
            case "store", word:
                self._town.lost = word == "lost"
            case (("open" | "stale-open"), door):
                self._ask(OpenDoor(door=int(door)), expired=verb != "open")
            case _:
                assert verb == "silence", f"nobody knows how to {verb} {words}"
                self._ask(Silence(), expired=False)

    def _read(self, kind: str, value: str, reader: str) -> None:
        if kind == "pin":
            self._plant.happen(KeyPressed(reader, self._clock.ns))
        number = int(value) if kind == "card" else value
        credential = Credential(CredentialKind(kind), number)
        self._plant.happen(Identification(reader, credential, self._clock.ns))

    def _move(self, kind: str, words: tuple[str, ...]) -> None:
        """`sensor 1 open`, `rex 1 pressed`, `zone 2 active`, `tamper open`, `fire on`."""
        number = int(words[0]) if len(words) == 2 else 0
        active = words[-1] in ("open", "pressed", "active", "on")
        # Contacts and the case rest high (pulled up), the fire loop and the zones low.
        high = active is (kind in ("fire", "zone"))
        name = InputName(InputKind("door_sensor" if kind == "sensor" else kind), number)
        self._plant.happen(InputLevel(name, high, self._clock.ns))

    def _ask(self, command: Command, *, expired: bool) -> None:
        ends_ns = self._clock.ns - 1 if expired else self._clock.ns + 10**9
        request = Request(id=f"r{next(self._requests)}", expires_ns=ends_ns, command=command)
        self._plant.happen(Asked(b"client", request))

    def _snapshot(self) -> Snapshot:
        configuration = {f"{key.module}.{key.key}": key.default for key in CONFIGURATION}
        configuration |= self._configuration
        return snapshot_of(
            {
                "version": self._town.version,
                **{f"rows.{name}": rows for name, rows in self._rows.items()},
                "modes": {},
                "zone_schedules": {},
                "bells": [],
                "portal_of_reader": {1: 1, 2: 2},
                "zones": {row[0]: row for row in self._zones},
                "configuration": [[*key.split(".", 1), v] for key, v in configuration.items()],
            }
        )

    def _told(self, line: dict[str, Any]) -> list[str]:
        seconds = (line["ns"] - DAWN_NS) / 1e9
        return [f"{seconds:g} {in_words(effect)}" for effect in line.get("effects", [])]


IN_WORDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "access": lambda body, row: (
        f"event {row['event']} {body['reason']}"
        + (f" of {row['user_id']}" if row["user_id"] else "")
    ),
    "access_event": lambda _body, row: f"door {row['identification']} {row['type'].lower()}",
    "alarm": lambda _body, row: (
        f"alarm {row['cause']}"
        + (f" at {row['door_id']}" if row["door_id"] else "")
        + (" on" if row["event"] == 1 else " off")
    ),
    "mode": lambda body, _row: f"mode of {body['door']} {body['mode']}",
    "fire": lambda body, _row: (
        ("fire on" if body["on"] else "fire over")
        if "since_utc" not in body
        else f"fire goes on, input {'active' if body['input_active'] else 'normal'}"
    ),
    "clock": lambda body, _row: f"clock {'trusted' if body['trusted'] else 'doubted'}",
    "keypad": lambda body, _row: (
        f"keypad {body['reader']} {'locked' if body['locked_ms'] else 'free'}"
    ),
    "reader_slowed": lambda body, _row: (
        f"reader {body['reader']} {'slowed' if body['slow'] else 'as before'}"
    ),
    "passage": lambda body, _row: (
        f"entered {body['user_id']} area {body['area_id']}"
        if "area_id" in body
        else f"positions forgotten, {body['why']}"
    ),
    "no_entry": lambda body, _row: f"not entered {body['users']}",
    "first_card": lambda body, _row: (
        f"first card {body['first_card']} {'counts' if body['on'] else 'over'}"
    ),
    "schedule": lambda body, _row: f"schedule of {body['door']} {body['schedule']}",
    "silenced": lambda _body, _row: "silenced",
    "fault": lambda body, _row: f"fault {body['part']}: {body['why'] or 'over'}",
}
"""Journal entries as the scenarios write them, from the body and the row in it."""


def in_words(effect: dict[str, Any]) -> str:
    """An effect as the scenarios write it."""
    if "drive" in effect:
        return f"{effect['drive']} {effect['to']}"
    if "refused" in effect:
        return f"refused {effect['refused']}"
    body = effect["body"]
    return IN_WORDS[effect["entry"]](body, body.get("row", {}))


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
