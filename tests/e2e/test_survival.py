"""Processes are killed; doors, rows and ids are not harmed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import requests

from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Row, Running

FRONT, BACK = 17, 18
ANA = "123,45678"
OPEN_FRONT = {"actions": [{"action": "door", "parameters": "door=1"}]}


@pytest.fixture
def running(make: Maker, start: Callable[..., Running]) -> Running:
    return start(make.demo())


@contextmanager
def nobody_restarts(running: Running) -> Iterator[None]:
    """`gateway run` stands still, so that what is dead stays dead for a while."""
    running.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.process.send_signal(signal.SIGCONT)


def kinds(running: Running) -> list[EntryKind]:
    return [entry.kind for entry in running.site.journal()]


def access_bodies(running: Running) -> list[object]:
    return [entry.body for entry in running.site.journal() if entry.kind is EntryKind.ACCESS]


def test_without_the_api_doors_open_and_the_row_is_there_when_it_is_back(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.api.configure("general", relay1_timeout=300)
    before = running.api.last_id("access_logs")
    with nobody_restarts(running):
        dead = running.kill("api")
        with pytest.raises(requests.ConnectionError):
            running.api.post("session_is_valid")
        edges = running.board.edges(FRONT)
        running.swipe(ANA)
        eventually(lambda: running.board.edges(FRONT) == edges + 2, "one on and one off")
        eventually(lambda: access_bodies(running), "the journal's entry")
        assert running.child("api") in {0, dead}

    def back() -> bool:
        try:
            return bool(running.api.post("session_is_valid")[0] == 200)
        except requests.ConnectionError:
            return False

    eventually(back, "the api at its old address")
    # Sessions live in memory: clients are told, and log in again.
    assert running.api.post("load_objects", {"object": "users"})[0] == 401
    running.api.login(running.site.password)
    [row] = running.api.since("access_logs", before)
    assert (row["event"], row["user_id"], row["portal_id"]) == (7, 1, 1)
    assert running.api.load("access_log_access_rules")[0]["access_log_id"] == row["id"]


def test_an_api_that_listened_on_every_address_does_so_again(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    running = start(make.demo(), "0.0.0.0:0")
    # Loopback is all of 127/8, and the URL shown names but one address of it.
    elsewhere = running.url.replace("127.0.0.1", "127.0.0.2")

    def answers() -> bool:
        try:
            found = requests.post(f"{elsewhere}/session_is_valid.fcgi", timeout=20)
        except requests.ConnectionError:
            return False
        return bool(found.json() == {"session_is_valid": False})

    assert elsewhere != running.url
    assert answers()
    for _ in range(2):
        with nobody_restarts(running):
            running.kill("api")
            assert not answers()
        eventually(answers, "the api at all its old addresses")


def test_without_the_controller_the_api_says_so_and_goes_on(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.swiped(ANA)
    rows = running.api.load("access_logs")
    with nobody_restarts(running):
        running.kill("controller")
        for command, body in [
            ("execute_actions", OPEN_FRONT),
            ("doors_state", None),
            ("alarm_status", None),
        ]:
            status, answer = running.api.post(command, body)
            assert status == 503
            assert set(answer) == {"error", "code"}
            assert "controller" in answer["error"]
        [user] = running.api.create("users", {"name": "Nina", "registration": ""})
        running.api.create("user_groups", {"user_id": user, "group_id": 1})
        running.api.create("cards", {"user_id": user, "value": (60 << 32) | 60})
        assert running.api.load("access_logs") == rows
        assert running.api.ask("system_information")["device_name"] == "Demo"
        running.api.destroy("cards", user_id=1)

    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    # What was changed meanwhile counts.
    row = running.access(lambda: running.swipe("60,60"))
    assert (row["event"], row["user_id"]) == (7, user)
    assert running.access(lambda: running.swipe(ANA))["event"] == 3
    # No command that nobody answered is carried out later.
    assert [row["event"] for row in running.api.load("access_logs")].count(10) == 0


def test_a_strike_that_was_unlocked_when_killed_is_locked_exactly_once(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.api.configure("general", relay1_timeout=600_000)
    before = running.swiped(ANA)
    assert running.board.edges(FRONT) == 1
    with nobody_restarts(running):
        running.kill("controller")
        assert running.board.high(FRONT)
        assert running.board.edges(FRONT) == 1
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    assert not running.board.high(FRONT)
    assert running.board.edges(FRONT) == 2
    assert running.board.edges(BACK) == 0
    starts = [entry for entry in running.site.journal() if entry.kind is EntryKind.STARTED]
    assert [(claim["door"], claim["edge"]) for claim in starts[-1].body["outputs"]] == [
        (1, True),
        (2, False),
    ]
    assert kinds(running).count(EntryKind.ENDED_UNCLEANLY) == 1
    # The row from before is there, and ids go on.
    assert running.api.load("access_logs")[-1] == before
    assert running.access(lambda: running.swipe(ANA))["id"] == before["id"] + 1
    assert running.board.edges(FRONT) == 3


def test_killed_again_and_again_no_committed_row_is_lost_and_no_id_is_used_twice(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.api.configure("general", relay1_timeout=300)
    seen: list[Row] = []
    for round_ in range(3):
        # Committed, since the API shows them.
        seen += [running.access(partial(running.swipe, f"88,{card}")) for card in range(4)]
        running.sim("swipe", reader="front", value=ANA)  # may be lost with the kill, or not
        running.kill("controller")
        eventually(lambda: running.api.post("doors_state")[0] == 200, f"return number {round_ + 1}")
        running.wait_locked()
    rows = running.api.load("access_logs", order=["id"])
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))
    assert [row for row in rows if row["event"] == 3] == seen
    assert {row["event"] for row in rows} <= {3, 7}
    assert kinds(running).count(EntryKind.ENDED_UNCLEANLY) == 3
    assert running.board.edges(FRONT) % 2 == 0


@pytest.mark.parametrize("end", ["kill the controller", "kill all", "SIGTERM"])
def test_a_fire_from_before_a_restart_ends_with_its_reset(
    running: Running, start: Callable[..., Running], eventually: Callable[..., Any], end: str
) -> None:
    running.sim("fire", value="on")
    eventually(lambda: running.board.high(BACK), "the fire's release")
    eventually(lambda: EntryKind.FIRE in kinds(running), "the fire in the journal")
    if end == "kill the controller":
        running.kill("controller")
        eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    else:
        running.stop(signal.SIGTERM if end == "SIGTERM" else signal.SIGKILL)
        running = start(running.site)
    eventually(lambda: {it.mode for it in running.status().doors} == {"fire"}, "the fire again")
    running.sim("fire", value="off")
    levels = running.status
    eventually(lambda: ("fire", False) in {(it.kind, it.high) for it in levels().levels}, "its end")
    assert all(running.board.high(pin) for pin in (FRONT, BACK))
    running.api.ask("fire_reset")
    doors = running.status().doors
    assert {(it.mode, it.schedule, it.unlocked) for it in doors} == {("normal", "off", False)}
    assert not any(running.board.high(pin) for pin in (FRONT, BACK))


def test_an_alarm_that_was_on_when_killed_gets_its_off(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.new_rows("alarm_logs", lambda: running.sim("door", door="back", value="open"))
    running.new_rows("alarm_logs", lambda: running.sim("zone", zone=1, value="active"))
    running.kill("controller")
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    running.new_rows("alarm_logs", lambda: running.sim("door", door="back", value="closed"))
    running.new_rows("alarm_logs", lambda: running.sim("zone", zone=1, value="idle"))
    facts = [(row["event"], row["cause"]) for row in running.api.load("alarm_logs", order=["id"])]
    assert facts == [(1, 7), (1, 1), (2, 7), (2, 1)]


def test_a_deleted_log_stays_deleted_and_its_ids_are_not_given_again(
    running: Running, eventually: Callable[..., Any]
) -> None:
    last = running.swiped(ANA)
    running.api.destroy("access_logs")
    running.kill("controller")
    running.kill("api")

    def logged_in() -> bool:
        try:
            running.api.login(running.site.password)
        except requests.ConnectionError:
            return False
        return True

    eventually(logged_in, "the api's return")
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    assert running.api.load("access_logs") == []
    assert running.stranger()["id"] == last["id"] + 1


def test_children_end_with_a_killed_run_and_the_site_starts_again(
    make: Maker,
    eventually: Callable[..., Any],
    alive: Callable[[int], bool],
    start: Callable[..., Running],
) -> None:
    running = start(make.demo(), program=True)  # its roles are programs too
    running.swiped(ANA)
    children = [running.child(role) for role in ("controller", "api")]
    assert all(map(alive, children))
    running.process.kill()
    running.process.wait()
    eventually(lambda: not any(map(alive, children)), "the end of both children")
    again = start(running.site)
    rows = again.api.load("access_logs")
    assert [row["event"] for row in rows] == [3, 7]
    assert again.stranger()["id"] == rows[-1]["id"] + 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_asked_to_end_it_ends_in_order(
    make: Maker,
    start: Callable[..., Running],
    alive: Callable[[int], bool],
    number: signal.Signals,
) -> None:
    running = start(make.demo(), program=number is signal.SIGINT)  # one each way
    children = [running.child(role) for role in ("controller", "api")]
    running.api.configure("general", relay1_timeout=600_000)
    running.swiped(ANA)
    assert running.board.high(FRONT)
    # A Ctrl-C reaches the whole foreground group.
    os.killpg(running.process.pid, number)
    assert running.process.wait(30) == 0
    assert not any(map(alive, children))
    assert not running.board.high(FRONT)
    assert (running.board.edges(FRONT), running.board.edges(BACK)) == (2, 0)
    journal = running.site.journal()
    assert journal[-1].kind is EntryKind.STOPPED
    assert EntryKind.ENDED_UNCLEANLY not in {entry.kind for entry in journal}
    assert "Traceback" not in running.errors.read_text()


def test_a_use_of_a_card_is_counted_once_and_kept_when_the_controller_is_killed(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.api.modify("cards", {"uses": 2}, user_id=1)

    def enter() -> int:
        row = running.swiped(ANA)
        if row["event"] == 7:
            for value in ("open", "closed"):
                running.new_rows(
                    "access_events",
                    lambda: running.sim("door", door="front", value=value),  # noqa: B023 - called at once
                )
        return int(row["event"])

    def used() -> int:
        running.api.load("access_logs", limit=1)  # brings the rows up to the journal
        return int(
            running.api.load("cards", fields=["used"], where={"cards": {"user_id": 1}})[0]["used"]
        )

    assert enter() == 7
    eventually(lambda: used() == 1, "the use that counts")
    running.swiped(ANA)  # and nobody goes through
    running.kill("controller")
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    assert [enter(), enter()] == [7, 6]
    eventually(lambda: used() == 2, "the last use")
    bodies = [it.body for it in running.site.journal() if it.kind is EntryKind.CREDENTIAL_USED]
    assert [body["used"] for body in bodies] == [1, 2]
