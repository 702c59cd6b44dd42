"""`gateway explain`, as a technician types it: beside a gateway that runs, and without one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running, Site

ANA, BRUNO, DAVI = "123,45678", "123,45679", "123,45680"


def explain(site: Site, *words: str) -> str:
    """The text of `gateway explain`, which must succeed."""
    done = site.type("explain", *words)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    text: str = done.stdout
    return text


@pytest.fixture(scope="module")
def at_rest(make: Maker) -> Site:
    """A demo site that never ran."""
    return make.demo()


def test_a_person_a_portal_and_a_moment_are_explained_without_a_running_gateway(
    at_rest: Site,
) -> None:
    text = explain(at_rest, "--user", "2", "--portal", "1", "--at", "2026-11-21 09:00")
    first = text.splitlines()[0]
    assert first.startswith("user 2 'Bruno' at portal 1 'front', saturday 2026-11-21 09:00:00: ")
    assert "rule 3 'Front, office hours' would open: monday to friday 08:00-18:00" in text
    assert "it opens next on monday 2026-11-23 08:00:00" in text


def test_a_card_at_a_reader_and_a_code_are_explained(at_rest: Site) -> None:
    at = ("--at", "2026-11-23 09:00")
    assert "granted" in explain(at_rest, "--card", ANA, "--reader", "front", *at).splitlines()[0]
    assert "granted" in explain(at_rest, "--qr", "DEMO-CARLA", "--portal", "2", *at)
    text = explain(at_rest, "--card", DAVI, "--reader", "front", *at)
    assert "group 3 'Visitors' is not tied to any rule reaching portal 1 'front'" in text


def test_json_is_what_the_api_answers(at_rest: Site) -> None:
    words = ("--json", "--user", "2", "--portal", "1", "--at", "2026-11-23 09:00")
    answer: dict[str, Any] = json.loads(explain(at_rest, *words))
    assert (answer["reason"], answer["event"], answer["user_id"]) == ("granted", 7, 2)


def test_who_can_open_is_a_list_and_when_a_table(at_rest: Site) -> None:
    at = ("--at", "2026-11-21 09:00")
    assert [
        line.split() for line in explain(at_rest, "who", "--portal", "1", *at).splitlines()
    ] == [
        ["1", "now", "Ana"],
        ["2", "at", "other", "times", "Bruno"],
        ["3", "at", "other", "times", "Carla"],
    ]
    assert explain(at_rest, "who", "--door", "1", "--now", *at).split() == ["1", "now", "Ana"]
    table = explain(at_rest, "when", "--user", "2", "--portal", "1", *at).splitlines()
    assert table[2:] == [
        "portal 1 'front'",
        *(
            f"  {day:<10} 2026-11-{number}  08:00-18:00"
            for number, day in enumerate(
                ("monday", "tuesday", "wednesday", "thursday", "friday"), start=16
            )
        ),
        "  saturday   2026-11-21  -",
        "  sunday     2026-11-22  -",
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--user", "2"), 1, "portal_id, reader"),
        (("--portal", "1"), 1, "access_log_id"),
        (("--user", "77", "--portal", "1"), 1, "no user 77"),
        (("--user", "2", "--reader", "gate"), 1, "no reader 'gate'"),
        (("--log", "1"), 1, "no access 1"),
        (("--log", "1", "--user", "2"), 2, "no other question"),
        (("--user", "2", "--portal", "1", "--at", "noon"), 2, "'noon' is not a date and time"),
        (("--card", "1,2,3", "--portal", "1"), 2, "is not a card"),
        (("who",), 1, "portal_id, door"),
        (("when",), 2, "--user"),
    ],
)
def test_what_makes_no_question_is_refused_by_name(
    at_rest: Site, words: tuple[str, ...], code: int, said: str
) -> None:
    done = at_rest.type("explain", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_a_denied_swipe_is_explained_by_the_number_of_its_row(demo: Running) -> None:
    demo.site.sim("clock", "set", "2026-11-21T09:00:00")
    row = demo.swiped(BRUNO)
    text = explain(demo.site, "--log", str(row["id"]))
    assert "user 2 'Bruno' at portal 1" in text.splitlines()[0]
    assert "would open: monday to friday 08:00-18:00; it is saturday 2026-11-21 09:" in text
    answer = demo.api.ask("explain", {"access_log_id": row["id"]})
    assert (answer["reason"], answer["time"]) == ("out_of_time", row["time"])
    assert answer["to_change"][0] in text


def test_the_verdict_comes_first_then_the_gate_and_its_cure(demo: Running) -> None:
    demo.api.configure("general", exception_mode="lock_down")
    try:
        row = demo.swiped(BRUNO)
    finally:
        demo.api.configure("general", exception_mode="none")
    log = ("--log", str(row["id"]))
    verdict, _, gate, _, head, cure = explain(demo.site, *log).splitlines()
    assert verdict.endswith(": denied: the device is locked down")
    assert gate == "decided by mode: the device is locked down"
    assert (head, "set_exception_mode" in cure) == ("what to do", True)
    assert "not reached" in explain(demo.site, *log, "--all")


def test_an_opening_by_a_client_names_its_login(demo: Running) -> None:
    body = {"actions": [{"action": "door", "parameters": "door=1"}]}
    row = demo.access(lambda: demo.api.ask("execute_actions", body))
    text = explain(demo.site, "--log", str(row["id"]))
    assert text.strip().endswith("OPENED front: opened by a client of the API, by admin")


def test_the_simulator_prints_what_came_of_it(demo: Running) -> None:
    demo.site.sim("clock", "set", "2026-11-21T09:00:00")
    swipe = ("swipe", "--reader", "front", "--card")
    assert demo.site.sim(*swipe, ANA).stdout.splitlines()[0] == "GRANTED Ana at front (card)"
    denied = demo.site.sim(*swipe, BRUNO).stdout
    assert denied == "DENIED Bruno at front: outside the hours of 'Front, office hours'\n"
    assert "EXIT front: the exit button was pressed\n" in demo.site.sim("rex", "front").stdout
    demo.wait_locked()
    assert "back opened\n" in demo.site.sim("door", "back", "open").stdout
    assert "back closed\n" in demo.site.sim("door", "back", "closed").stdout
    unknown = demo.site.sim(*swipe, "77,30211").stdout
    assert unknown.startswith("DENIED unknown card 77,30211 at front: nobody has this credential")
    assert demo.site.sim("clock", "real").stdout == ""


def test_what_the_simulator_refuses_is_refused_as_before(demo: Running) -> None:
    done = demo.site.type("sim", "swipe", "--reader", "gate", "--card", ANA)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no reader 'gate'" in done.stderr


def test_the_terminal_tells_each_event_once(demo: Running, eventually: Callable[..., Any]) -> None:
    before = demo.errors.read_text().count("GRANTED Carla at qr (code)")
    demo.site.sim("qr", "--reader", "qr", "DEMO-CARLA")
    eventually(
        lambda: demo.errors.read_text().count("GRANTED Carla at qr (code)") == before + 1,
        "the line of the grant",
    )


def test_now_is_the_time_of_the_door_and_its_mode_counts(demo: Running) -> None:
    demo.site.sim("clock", "set", "2026-11-23T09:00:00")
    question = {"user_id": 2, "portal_id": 1}
    assert demo.api.ask("explain", question)["reason"] == "granted"
    demo.api.configure("general", exception_mode="lock_down")
    try:
        answer = demo.api.ask("explain", question)
        assert answer["reason"] == "lock_down"
        assert demo.swiped(BRUNO)["event"] == 6
    finally:
        demo.api.configure("general", exception_mode="none")
    assert demo.api.ask("explain", question)["reason"] == "granted"


def test_what_is_explained_is_what_the_door_does(demo: Running) -> None:
    """Each of the demo's cards at the front, at moments of a week."""
    for moment in ("2026-11-23T07:59:00", "2026-11-23T08:01:00", "2026-11-22T12:00:00"):
        for user_id, card in ((1, ANA), (2, BRUNO), (4, DAVI)):
            demo.site.sim("clock", "set", moment)
            row = demo.swiped(card)
            question = {"user_id": user_id, "portal_id": 1, "time": row["time"]}
            assert demo.api.ask("explain", question)["event"] == row["event"], (moment, card)


def test_the_system_journal_gets_priorities_and_no_time(
    make: Maker, eventually: Callable[..., Any]
) -> None:
    site = make.demo()
    path = site.data / "journal.log"
    with path.open("wb") as log:
        found = os.fstat(log.fileno())
        stream = f"{found.st_dev}:{found.st_ino}"
        controller = site.home.start(
            "controller", "--data", site.data, stderr=log, variables={"JOURNAL_STREAM": stream}
        )
        try:
            eventually(lambda: b"controller ready" in path.read_bytes(), "the controller")
            site.sim("fire", "on")
            eventually(lambda: b"<2>FIRE reported" in path.read_bytes(), "the fire")
        finally:
            controller.terminate()
            controller.wait()
    lines = path.read_text().splitlines()
    assert lines[0] == "<5>STARTED"
    assert all(re.match("<[2-6]>", line) for line in lines)
