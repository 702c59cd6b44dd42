"""`gateway portal`: doors and readers that came after `init`, and who may pass where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.cli.main import cli
from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SITE_FILE, with_end
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

HEAD = """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"
hats = ["generic-relay-high"]
"""


def door(number: int, name: str) -> str:
    pins = {1: (17, 22, 5, 6), 2: (18, 23, 12, 13), 3: (25, 24, 20, 21)}
    lock, sensor, d0, d1 = pins[number]
    return f"""
[[door]]
id = {number}
name = "{name}"
egress = "mechanical"
lock = {{ pin = {lock}, kind = "strike" }}
sensor = {{ pin = {sensor} }}

[[reader]]
name = "{name}"
index = {number}
kind = "wiegand"
portal = {number}
d0 = {d0}
d1 = {d1}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    initialise(data, HEAD + door(1, "front") + door(2, "back"), demo=False)
    return data


def portal(data: Path, verb: str, *words: str) -> Result:
    return CliRunner().invoke(cli, ["portal", verb, "--data", str(data), *words])


def warned(data: Path, subject: str) -> str:
    return "\n".join(
        it.text for it in doctor.examine(data) if it.subject == subject and it.grade is Grade.WARN
    )


def test_a_door_and_reader_that_came_after_init_work_once_the_doctors_command_ran(
    site: Path,
) -> None:
    text = HEAD + door(1, "front") + door(2, "back") + door(3, "side")
    (site / SITE_FILE).write_text(with_end(text), encoding="utf-8")
    cure = f"`gateway portal add --data {site}`"
    assert cure in warned(site, "reader side")
    assert cure in warned(site, "door side")
    made = portal(site, "add")
    assert made.exit_code == 0, made.output
    assert "portal 3 opens side" in made.output
    assert "stands for no portal" not in warned(site, "reader side")
    assert "no portal opens it" not in warned(site, "door side")
    assert portal(site, "link", "side").exit_code == 0
    assert not warned(site, "portal 3 (side)")
    with Store.open(site / STORE_FILE, REGISTRY, lambda: 0) as store:
        general = store.configuration({"general": ["door_sensor3_enabled"]})["general"]
    assert general == {"door_sensor3_enabled": "1"}
    assert "nothing is missing" in portal(site, "add").output


def test_adding_changes_no_portal_that_is_there(site: Path) -> None:
    with Store.open(site / STORE_FILE, REGISTRY, lambda: 0) as store:
        row = {"id": 3, "name": "office", "area_from_id": 1, "area_to_id": 1}
        store.insert("portals", [row])
    text = HEAD + door(1, "front") + door(2, "back") + door(3, "side")
    (site / SITE_FILE).write_text(with_end(text), encoding="utf-8")
    assert "portal 4 opens side" in portal(site, "add").output


def test_a_reader_at_a_wrong_portal_is_cured_by_what_the_doctor_says(tmp_path: Path) -> None:
    data = tmp_path / "data"
    text = HEAD + door(1, "front") + door(2, "back").replace("portal = 2", "portal = 9")
    initialise(data, text, demo=False)
    said = warned(data, "reader back")
    assert "portal 9 has no action: nothing opens" in said
    assert "2 (back)" in said
    assert "no portal opens it" in warned(data, "door back")
    assert portal(data, "add").exit_code == 0
    assert portal(data, "bind", "back", "2").exit_code == 0
    corrected = with_end(text.replace("portal = 9", "portal = 2"))
    (data / SITE_FILE).write_text(corrected, encoding="utf-8")
    assert not warned(data, "reader back")
    assert not warned(data, "door back")


def test_a_reader_is_bound_to_the_portal_of_the_site_file(site: Path) -> None:
    assert portal(site, "bind", "back", "yard").exit_code != 0
    assert portal(site, "bind", "back", "1").exit_code == 0
    cure = re.search(r"`gateway portal bind --data \S+ back`", warned(site, "reader back"))
    assert cure
    assert portal(site, "bind", "back").exit_code == 0
    assert not warned(site, "reader back")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["7"], "there is no portal '7'; there are: 1 (front), 2 (back)"),
        (["yard"], "there is no portal 'yard'; there are: 1 (front), 2 (back)"),
        (["2", "--rule", "5"], "there is no access rule '5'; there are: 1 ("),
        (["Front"], "portal 1 (front) is tied to rule 1 ("),
        (["BACK"], "portal 2 (back) is tied to rule 1 ("),
    ],
)
def test_a_portal_is_linked_by_number_or_name_and_refused_in_words(
    site: Path, words: list[str], said: str
) -> None:
    done = portal(site, "link", *words)
    assert said in (done.output if done.exit_code == 0 else str(done.exception))


def test_linking_twice_says_so(site: Path) -> None:
    assert portal(site, "link", "1").output.endswith(") already\n")
