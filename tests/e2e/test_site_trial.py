"""A site file from the page: tried by both processes, confirmed or taken back, whatever dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gateway.settings import SITE_FILE

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

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
"""
BACK = """
[[door]]
id = 2
name = "back"
egress = "mechanical"
lock = { pin = 18, kind = "magnet" }

[[reader]]
name = "back"
index = 1
kind = "wiegand"
portal = 2
d0 = 5
d1 = 6
"""
BACK_DOOR = 18


@pytest.fixture(scope="module")
def running(make: Maker) -> Any:
    with make.run(make.site(SITE)) as started:
        yield started


def shown(running: Running) -> Any:
    return running.api.ask("site_file")


def tried(running: Running, eventually: Callable[..., Any], text: str, **options: Any) -> str:
    """Apply `text` and wait until both processes work with it; its digest."""
    answer = running.api.ask("apply_site_file", {"text": text, **options})
    digest = str(answer["digest"])
    eventually(lambda: works_with(running, digest), "both processes on the proposed file")
    return digest


def works_with(running: Running, digest: str) -> bool:
    """Whether controller and api work with the site file `digest`, and answer."""
    try:
        found = shown(running)
    except (AssertionError, OSError):  # a process starts anew
        return False
    return bool(found["running"] == found["api"] == digest)


def test_a_new_door_is_tried_and_confirmed_and_opens(
    running: Running, eventually: Callable[..., Any]
) -> None:
    before = shown(running)
    assert (before["problems"], before["origin"], before["trial"]) == ([], "file", None)
    checked = running.api.ask("check_site_file", {"text": SITE + BACK})
    assert (checked["problems"], checked["missing"]) == ([], [])

    digest = tried(running, eventually, SITE + BACK)
    on_trial = shown(running)
    assert (on_trial["running"], on_trial["origin"]) == (digest, "trial")
    assert on_trial["digest"] == before["digest"]
    assert running.board.high(BACK_DOOR), "the magnet of the new door is on"

    # The session outlives the restart of the api.
    assert running.api.ask("confirm_site_file", {"digest": digest}) == {}
    after = shown(running)
    assert (after["digest"], after["origin"], after["trial"]) == (digest, "file", None)
    assert [copy["digest"] for copy in after["copies"]] == [digest, before["digest"]]
    portals = running.api.load("portals")
    assert [row["name"] for row in portals if row["id"] == 2] == ["back"]


def test_what_is_wrong_is_told_with_its_line_and_changes_nothing(running: Running) -> None:
    before = shown(running)
    for wrong, line, word in (
        (SITE.replace("pin = 17", "pin = 170"), 12, "170"),
        (SITE.replace("mechanical", "broken"), 11, "mechanical"),
        (SITE.replace('board = "simulated"', "board simulated"), 5, "found board simulated"),
        (SITE.replace("Europe/Berlin", "Europe/Berlim"), 4, "Europe/Berlin"),
        (SITE + "[initial.general]\nrelay_timeout = 1\n", 14, "relay_timeout"),
        (SITE + BACK.replace("d0 = 5", "d0 = 17"), 25, "17"),
    ):
        checked = running.api.ask("check_site_file", {"text": wrong})
        (problem,) = checked["problems"]
        assert problem["line"] == line, problem
        assert word in problem["text"], problem
        assert running.api.post("apply_site_file", {"text": wrong})[0] == 400
    fewer = running.api.ask("check_site_file", {"text": SITE})
    assert "door 'back'" in fewer["missing"]
    assert running.api.post("apply_site_file", {"text": SITE})[0] == 400
    assert shown(running) == before


def test_a_trial_ends_with_the_controller_that_dies_on_it_and_a_broken_file_is_mended(
    running: Running, eventually: Callable[..., Any]
) -> None:
    good = shown(running)
    tried(running, eventually, SITE, accept_missing=True)
    path = running.site.data / SITE_FILE
    path.write_text(good["text"].replace("pin = 18", "pin = 180"), encoding="utf-8")
    running.kill("controller")
    eventually(lambda: works_with(running, good["digest"]), "both processes on the last good copy")
    broken = shown(running)
    assert [problem["line"] for problem in broken["problems"]] == [18]
    assert broken["origin"] == "last_good"
    assert broken["trial"]["why"] == "the controller ended while the file was on trial"
    assert running.status().doors[1].name == "back"

    digest = tried(running, eventually, good["text"].replace("Depot", "Mended"))
    running.api.ask("confirm_site_file", {"digest": digest})
    mended = shown(running)
    assert (mended["problems"], mended["digest"], mended["origin"]) == ([], digest, "file")
