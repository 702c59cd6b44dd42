"""What a person types: exit codes, refusals that name the cause, and nothing left behind."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from datetime import UTC
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway.clock import SystemClock
from gateway.controller.requests.simulation import Panels, Simulation
from gateway.errors import NotSupportedHere
from gateway.link.messages import Simulate

if TYPE_CHECKING:
    from gateway.controller.alarms.alarm_panel import AlarmPanel
    from gateway.controller.alarms.fire import FireLatch
    from gateway.hardware.rig import Rig
    from tests.e2e.conftest import Home, Maker, Running, Site

COMMANDS = ("init", "passwd", "run", "controller", "api", "sim", "doctor", "version")
SIM_COMMANDS = (
    *("swipe", "key", "qr", "door", "rex", "zone", "tamper", "fire", "clock"),
    *("unplug", "plug", "state"),
)


def refused(done: Any, *words: str) -> None:
    """Exit code 1 and one line on standard error that holds `words`."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("gateway: ")
    for word in words:
        assert word in last
    assert "Traceback" not in done.stderr


# the words themselves


def test_version_is_that_of_the_installed_package(home: Home) -> None:
    done = home.type("version")
    assert (done.returncode, done.stdout) == (0, f"gateway {version('gateway')}\n")


def test_every_command_explains_itself(home: Home) -> None:
    top = home.type("--help")
    assert top.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", top.stdout, re.MULTILINE)
        done = home.type(command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: gateway")
        assert done.stderr == ""


def test_every_word_of_sim_explains_itself(site: Site) -> None:
    listed = site.type("sim", "--help").stdout
    for command in SIM_COMMANDS:
        assert re.search(rf"^  {command} ", listed, re.MULTILINE)
    for command in ("swipe", "clock"):
        done = site.type("sim", command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: gateway")


@pytest.mark.parametrize(
    "words",
    [
        ("fly",),
        ("run",),
        ("init",),
        ("doctor", "--verbose"),
        ("init", "--data", "x", "--demo", "--site", "/dev/null"),
        ("sim", "--data", "x", "swipe", "--reader", "front"),
        ("sim", "--data", "x", "zone", "9", "active"),
        ("sim", "--data", "x", "door", "front", "ajar"),
        ("sim", "--data", "x", "clock", "2026-01-01"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_exits_2_and_says_how(home: Home, words: tuple[str, ...]) -> None:
    done = home.type(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: gateway")
    assert not (home.directory / "x").exists()


# init


@pytest.fixture(scope="module")
def site(make: Maker) -> Site:
    """A demo that does not run."""
    return make.demo()


@pytest.mark.parametrize("command", ["run", "controller", "api", "doctor", "passwd"])
def test_a_directory_without_init_is_refused_naming_init(home: Home, command: str) -> None:
    data = home.new_path()
    refused(home.type(command, "--data", data), str(data), f"gateway init --data {data}")
    assert not data.exists()


def test_init_shows_the_password_once_and_is_refused_a_second_time(home: Home, make: Maker) -> None:
    made = make.init(home.new_path(), "--demo")
    assert len(made.password) >= 16
    before = sorted((path.name, path.read_bytes()) for path in made.data.iterdir())
    for words in (["--demo"], []):
        refused(home.type("init", "--data", made.data, *words), "initialised already")
    assert sorted((path.name, path.read_bytes()) for path in made.data.iterdir()) == before
    assert made.data.stat().st_mode & 0o077 == 0


def test_init_takes_a_site_file_that_is_there_already(home: Home, site: Site) -> None:
    data = home.new_path()
    data.mkdir()
    refused(home.type("init", "--data", data), "--site", "--demo")
    (data / "gateway.toml").write_bytes((site.data / "gateway.toml").read_bytes())
    refused(home.type("init", "--data", data, "--demo"), "gateway.toml")
    done = home.type("init", "--data", data)
    assert done.returncode == 0
    assert " at http://127.0.0.1:8080/setup;" in done.stderr
    assert (data / "store.db").exists()


def _without(text: str, line: str) -> str:
    assert line in text
    return text.replace(line, "", 1)


BAD_SITES: dict[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "an unknown key": (
        lambda text: text.replace("[site]\n", '[site]\ncolour = "red"\n'),
        ("site.colour", "unknown key"),
    ),
    "a pin twice": (
        lambda text: text.replace("sensor = { pin = 27", "sensor = { pin = 17"),
        ("pin 17", "door 'front' strike", "door 'front' sensor"),
    ),
    "a missing key": (
        lambda text: _without(text, 'timezone = "America/Sao_Paulo"\n'),
        ("site.timezone", "missing"),
    ),
    "a missing egress": (
        lambda text: re.sub(r"egress = .*\n", "", text, count=1),
        ("egress", "missing"),
    ),
    "an unknown board": (
        lambda text: text.replace('board = "simulated"', 'board = "abacus"'),
        ("site.board", "abacus", "simulated"),
    ),
    "an unknown zone": (
        lambda text: text.replace("America/Sao_Paulo", "Mars/Olympus"),
        ("site.timezone", "Mars/Olympus", "IANA"),
    ),
    "a pin that the board lacks": (
        lambda text: text.replace("sensor = { pin = 27", "sensor = { pin = 63"),
        ("door 'front' sensor", "63"),
    ),
    "a reserved pin": (
        lambda text: text.replace("sensor = { pin = 27", "sensor = { pin = 0"),
        ("pin 0", "reserved"),
    ),
    "an unknown Wiegand format": (
        lambda text: text.replace("d1 = 6\n", 'd1 = 6\nformats = ["w27"]\n'),
        ("front", "w27", "w26"),
    ),
    "an unknown configuration key": (
        lambda text: text.replace("relay1_timeout = 3000", "relay1_time = 3000"),
        ("relay1_time",),
    ),
    "a configuration value out of range": (
        lambda text: text.replace("relay1_timeout = 3000", "relay1_timeout = 1"),
        ("relay1_timeout",),
    ),
    "equal levels": (
        lambda text: text.replace('kind = "strike"', 'locked = "low", unlocked = "low"', 1),
        ("locked and unlocked",),
    ),
    "no TOML": (lambda text: text + "[[", ("line ", "closing bracket")),
}


@pytest.mark.parametrize(("spoil", "words"), BAD_SITES.values(), ids=BAD_SITES)
def test_init_refuses_a_wrong_site_file_by_name_and_leaves_nothing(
    home: Home, site: Site, spoil: Callable[[str], str], words: tuple[str, ...]
) -> None:
    good = (site.data / "gateway.toml").read_text()
    bad = home.new_path().with_suffix(".toml")
    bad.write_text(spoil(good))
    assert bad.read_text() != good
    data = home.new_path()
    refused(home.type("init", "--data", data, "--site", bad), *words)
    assert not data.exists()


def test_run_refuses_a_site_file_that_was_spoiled_later(make: Maker) -> None:
    spoiled = make.demo()
    path = spoiled.data / "gateway.toml"
    path.write_text(path.read_text().replace("[site]", '[site]\ncolour = "red"'))
    refused(spoiled.type("run", "--http", "127.0.0.1:0"), "site.colour")
    doctor = spoiled.type("doctor")
    assert doctor.returncode == 1
    assert "fail site file: " in doctor.stdout
    assert "site.colour" in doctor.stdout


def test_a_site_file_with_a_door_fewer_waits_for_somebody_to_accept_it(
    make: Maker, start: Callable[..., Running]
) -> None:
    site = make.demo()
    start(site).stop()
    path = site.data / "gateway.toml"
    whole = path.read_text()
    path.write_text(whole[: whole.index("[[door]]\nid = 2")])
    refused(site.type("run", "--http", "127.0.0.1:0"), "does not end with the line")
    begin, end = whole.index("[[door]]\nid = 2"), whole.index("# A site with a turnstile")
    path.write_text(whole[:begin] + whole[end:])
    refused(site.type("run", "--http", "127.0.0.1:0"), "door 'back'", "gateway site accept")
    assert "fail site file: " in site.type("doctor").stdout
    assert site.home.type("check", path).returncode == 1
    assert site.home.type("site", "accept", "--data", site.data).returncode == 0
    assert site.home.type("check", path).returncode == 0
    running = start(site)
    assert [door.name for door in running.status().doors] == ["front"]


# run


def test_a_second_run_names_the_first_with_pid_and_url(demo: Running) -> None:
    for command in ("run", "controller"):
        done = demo.site.type(command)
        assert done.returncode == 1
        assert "pid" in done.stderr
    done = demo.site.type("run", "--http", "127.0.0.1:0")
    refused(done, f"pid {demo.process.pid}", demo.url)
    assert demo.swiped("123,45678")["event"] == 7


def test_a_busy_port_is_refused_naming_the_way_out(make: Maker) -> None:
    site = make.demo()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
        done = site.type("run", "--http", f"{host}:{port}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"{host}:{port}" in done.stderr
    assert "--http" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_none_is_refused(make: Maker) -> None:
    done = make.demo().type("run", "--http", "nonsense")
    assert done.returncode == 1
    assert "--http" in done.stderr


# passwd and what is secret


def test_a_new_password_counts_at_once_and_the_old_one_no_more(
    make: Maker, start: Callable[..., Running]
) -> None:
    running = start(make.demo())
    old = running.site.password
    done = running.site.type("passwd", "--stdin", stdin="correct horse battery\n")
    assert done.returncode == 0
    assert running.api.post("load_objects", {"object": "users"})[0] == 401
    status, answer = running.api.post("login", {"login": "admin", "password": old})
    assert (status, answer) == (401, {"error": "Invalid login or password", "code": 1})
    running.api.login("correct horse battery")
    assert running.api.load("users")


def test_an_unfit_password_is_refused(make: Maker) -> None:
    refused(make.demo().type("passwd", "--stdin", stdin="\n"), "password")


def _files(*roots: Path) -> list[Path]:
    return [path for root in roots for path in root.rglob("*") if path.is_file()]


def test_the_generated_password_and_the_tokens_are_nowhere_on_disk(
    home: Home, make: Maker, start: Callable[..., Running]
) -> None:
    running = start(make.init(home.new_path(), "--demo"))
    running.swiped("123,45678")
    secrets = [running.site.password.encode(), running.api.token.encode()]
    roots = (running.site.data, running.runtime.path)
    for _ in ("while it runs", "after it"):
        looked = [*_files(*roots), running.output, running.errors]
        assert len(looked) > 8
        for path in looked:
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path
        running.stop()


# doctor


def findings(site: Site) -> tuple[int, list[tuple[str, str, str]]]:
    done = site.type("doctor", "--json")
    found = json.loads(done.stdout)
    return done.returncode, [(item["grade"], item["subject"], item["text"]) for item in found]


def test_the_doctor_finds_the_demo_well(demo: Running) -> None:
    code, found = findings(demo.site)
    assert code == 0
    assert "fail" not in {grade for grade, _, _ in found}
    assert ("ok", "controller", f"runs as process {demo.child('controller')}") in found
    assert ("ok", "reader qr", "online") in found
    assert any(subject == "rule 1" and "any time" in text for _, subject, text in found)
    plain = demo.site.type("doctor")
    assert plain.returncode == 0
    assert len(plain.stdout.splitlines()) == len(found)


def test_the_doctor_names_a_reader_without_portal_and_a_portal_without_action(
    demo: Running,
) -> None:
    rows = demo.api.load(
        "portal_script_parameters", where={"portal_script_parameters": {"value": 2}}
    )
    action = demo.api.load("portal_actions", where={"portal_actions": {"portal_id": 1}})
    demo.api.destroy("portal_script_parameters", value=2)
    demo.api.destroy("portal_actions", portal_id=1)
    try:
        _, found = findings(demo.site)
        row = demo.access(lambda: demo.sim("qr", reader="qr", value="DEMO-ANA"))
    finally:
        demo.api.create("portal_script_parameters", *rows)
        demo.api.create("portal_actions", *action)
    assert (row["event"], row["portal_id"]) == (2, 0)
    text = {subject: text for grade, subject, text in found if grade == "warn"}
    assert "no portal" in text["reader qr"]
    assert "portal 1 has no action" in text["reader front"]


def test_the_doctor_tells_when_file_and_database_differ(demo: Running) -> None:
    demo.api.modify("portal_script_parameters", {"value": 1}, value=2)
    try:
        _, found = findings(demo.site)
    finally:
        demo.api.modify("portal_script_parameters", {"value": 2}, script_parameter_id=2)
    differs = "the site file says portal 2, but the database decides and says 1"
    (told,) = (text for grade, subject, text in found if (grade, subject) == ("warn", "reader qr"))
    assert told.startswith(differs)
    assert "gateway portal bind" in told


def test_the_doctor_fails_a_magnet_without_a_way_out(make: Maker, site: Site) -> None:
    text = (site.data / "gateway.toml").read_text()
    text = text.replace('kind = "strike"', 'kind = "magnet"', 1)
    made = make.site(text.replace('egress = "mechanical"', 'egress = "software"', 1))
    code, found = findings(made)
    assert code == 1
    assert [subject for grade, subject, _ in found if grade == "fail"] == ["door front"]
    assert any(grade == "warn" and "while the board boots" in text for grade, _, text in found)
    assert ("warn", "controller", "has not run yet") in found


def test_the_doctor_fails_a_damaged_database(make: Maker) -> None:
    broken = make.demo()
    (broken.data / "journal.db").write_bytes(b"no database " * 400)
    code, found = findings(broken)
    assert code == 1
    assert [subject for grade, subject, _ in found if grade == "fail"] == ["journal.db"]


# sim


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("swipe --reader attic --card 1,1", ("attic", "front", "qr")),
        ("swipe --reader front --card x", ("x",)),
        ("swipe --reader front --card 300,1", ("300",)),
        ("swipe --reader front --card 1,1 --format w99", ("w99", "w26")),
        ("swipe --reader qr --card 1,1", ("qr", "serial_qr")),
        ("key --reader front 12A#", ("A",)),
        ("qr --reader front HELLO", ("front",)),
        ("door cellar open", ("cellar", "front", "back")),
        ("rex back", ("door back", "no exit button")),
        ("zone 5 active", ("zone 5",)),
        ("clock set yesterday", ("yesterday", "ISO")),
        ("unplug attic", ("attic",)),
    ],
)
def test_sim_refuses_what_the_site_lacks_by_name(
    demo: Running, words: str, named: tuple[str, ...]
) -> None:
    edges = demo.sim("state")["outputs"]
    refused(demo.site.type("sim", *words.split()), *named)
    assert demo.sim("state")["outputs"] == edges


def test_sim_without_a_running_gateway_is_refused(site: Site) -> None:
    refused(site.type("sim", "state"), "no gateway runs", str(site.data))


def test_sim_after_a_stop_is_refused(make: Maker, start: Callable[..., Running]) -> None:
    running = start(make.demo())
    running.stop()
    refused(running.site.type("sim", "state"), "controller")


def test_sim_shows_the_state_in_words(demo: Running) -> None:
    lines = demo.site.sim("state").stdout.splitlines()
    assert lines[0] == "door 1 front: closed, locked, mode normal"
    assert any(re.fullmatch(r"output pin 17 door 'front' strike: low, \d+ edges", x) for x in lines)
    assert any(line.startswith("input pin 12 tamper: high, ") for line in lines)


def test_sim_is_refused_on_a_board_of_wires() -> None:
    class Wires:
        simulator = None

    panels = Panels({}, cast("AlarmPanel", None), cast("FireLatch", None))
    simulation = Simulation(
        cast("Rig", Wires()), SystemClock(), lambda: UTC, panels, lambda: cast("Any", None)
    )
    for verb in ("state", "swipe", "door", "rex", "clock"):
        with pytest.raises(NotSupportedHere, match="simulated board only"):
            simulation.run(Simulate.model_validate({"verb": verb}))
