"""What `gateway doctor` says of portals that open for nobody, of doors that nobody watches, and of
receivers that this build does not serve; and the commands that cure it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.cli.init import init
from gateway.cli.main import cli
from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

SITE = """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"
hats = ["generic-relay-high"]

[[door]]
id = 1
name = "front"
egress = "mechanical"
lock = { pin = 17, kind = "strike" }
sensor = { pin = 22 }

[[door]]
id = 2
name = "back"
title = "Back yard"
egress = "mechanical"
lock = { pin = 18, kind = "strike" }

[[reader]]
name = "front"
index = 1
kind = "wiegand"
portal = 1
d0 = 5
d1 = 6

[[reader]]
name = "back"
index = 2
kind = "wiegand"
portal = 2
d0 = 23
d1 = 24
"""
CLOSED = "portal 2 (Back yard)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("site") / "data"
    initialise(data, SITE, demo=False)
    return data


@pytest.fixture
def store(made: Path) -> Iterator[Store]:
    with Store.open(made / STORE_FILE, REGISTRY, lambda: 0) as opened:
        yield opened


def warned(data: Path, subject: str) -> list[str]:
    """The warnings about `subject`."""
    return [
        it.text for it in doctor.examine(data) if it.subject == subject and it.grade is Grade.WARN
    ]


def test_the_second_door_of_a_fresh_site_opens_for_nobody_and_the_command_cures_it(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    initialise(data, SITE, demo=False)
    (text,) = warned(data, CLOSED)
    assert "opens for nobody: no rule is tied to it" in text
    assert not warned(data, "portal 1 (front)")
    _, *words = shlex.split(text.split("`")[1])
    assert CliRunner().invoke(cli, words).exit_code == 0
    assert not warned(data, CLOSED)
    listed = CliRunner().invoke(cli, ["portal", "list", "--data", str(data), "--json"])
    assert json.loads(listed.output)[1] == {"id": 2, "name": "Back yard", "rules": [1]}


@pytest.mark.parametrize(
    ("rule", "ties", "closed"),
    [
        ({"type": 1}, {"access_rule_time_zones", "group_access_rules"}, False),
        ({"type": 1}, {"access_rule_time_zones", "user_access_rules"}, False),
        ({"type": 1}, {"access_rule_time_zones"}, True),
        ({"type": 1}, {"group_access_rules"}, True),
        ({"type": 0}, {"access_rule_time_zones", "group_access_rules"}, True),
    ],
    ids=["a group's", "a person's", "nobody's", "at no time", "a blocking one"],
)
def test_only_a_rule_that_lets_somebody_pass_at_some_time_opens_a_portal(
    made: Path, store: Store, rule: dict[str, Any], ties: set[str], *, closed: bool
) -> None:
    rows: dict[str, dict[str, Any]] = {
        "access_rule_time_zones": {"time_zone_id": 1},
        "group_access_rules": {"group_id": 1},
        "user_access_rules": {"user_id": 7},
    }
    store.insert("access_rules", [{"id": 9, "name": "new", "priority": 0, **rule}])
    store.insert("users", [{"id": 7, "name": "Eva", "registration": ""}])
    store.insert("portal_access_rules", [{"portal_id": 2, "access_rule_id": 9}])
    for tie in ties:
        store.insert(tie, [{**rows[tie], "access_rule_id": 9}])
    found = warned(made, CLOSED)
    store.destroy("users")
    store.destroy("access_rules", [{"field": "id", "value": 9}])
    assert ["its rules let nobody pass" in text for text in found] == [True] * closed


def test_a_door_without_a_sensor_is_warned_of(made: Path) -> None:
    assert [text for text in warned(made, "door back") if "has no sensor" in text]
    assert not warned(made, "door front")


@pytest.mark.parametrize(
    ("module", "key", "value"),
    [
        ("snmp_agent", "snmp_enabled", "1"),
        ("osdp", "enabled", "1"),
    ],
)
def test_a_receiver_that_is_not_served_is_warned_of_until_it_is_cleared(
    made: Path, store: Store, module: str, key: str, value: str
) -> None:
    subject = f"{module}.{key}"
    assert not warned(made, subject)
    store.set_configuration({module: {key: value}})
    (text,) = warned(made, subject)
    assert "does not serve it" in text
    store.set_configuration(json.loads(text.split("`")[3]))
    assert not warned(made, subject)


def rules_of(data: Path) -> list[tuple[object, object]]:
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        rows = store.load({"object": "portal_access_rules"}).rows
    return [(row["portal_id"], row["access_rule_id"]) for row in rows]


@pytest.mark.parametrize(
    ("words", "linked"),
    [
        ([], [(1, 1)]),
        (["--only-first-portal"], [(1, 1)]),
        (["--open-all-portals"], [(1, 1), (2, 1)]),
    ],
)
def test_init_opens_every_portal_only_when_it_is_told_to(
    tmp_path: Path, words: list[str], linked: list[tuple[int, int]]
) -> None:
    data, site = tmp_path / "data", tmp_path / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    result = CliRunner().invoke(init, ["--data", str(data), "--site", str(site), *words])
    assert result.exit_code == 0, result.output
    assert rules_of(data) == linked
    assert ("No rule opens portal 2 (Back yard) yet" in result.output) is (len(linked) == 1)
