"""A lobby with a turnstile: from the card to the level at the relay, from the turn to the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

SITE = """
[site]
name = "Lobby"
timezone = "Europe/Lisbon"
board = "simulated"

[turnstile]
name = "lobby"
egress = "mechanical"

[turnstile.clockwise]
relay = { pin = 19, locked = "low", unlocked = "high" }
turn = { pin = 20, pull = "up", idle = "high" }

[turnstile.anticlockwise]
relay = { pin = 21, locked = "high", unlocked = "low" }
turn = { pin = 26, pull = "up", idle = "high" }

[[reader]]
name = "front"
index = 1
kind = "wiegand"
portal = 1
d0 = 5
d1 = 6

[fire]
pin = 16
pull = "up"
idle = "low"
"""
IN_PIN, OUT_PIN = 19, 21
CARD = "200,0"
LONG_MS, BRIEF_MS = 600_000, 100

Eventually = Callable[..., Any]


class Lobby:
    """The running device, with Eva's card and a way in."""

    def __init__(self, running: Running, eventually: Eventually) -> None:
        self.running = running
        self.api = running.api
        self.eventually = eventually

    def unlocked(self) -> tuple[bool, bool]:
        """In and out, by the levels at the pins."""
        return self.running.board.high(IN_PIN), not self.running.board.high(OUT_PIN)

    def wait_for(self, *unlocked: bool) -> None:
        self.eventually(lambda: self.unlocked() == unlocked, f"outputs {unlocked}")

    def turn(self, way: str) -> list[dict[str, Any]]:
        """The rows of access_events that a turn leads to."""
        return self.running.new_rows("access_events", lambda: self.running.sim("turn", value=way))

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self.api.ask("get_catra_info")
        return found

    def state(self, action: str = "turn_state") -> int:
        return int(self.api.ask("turnstile_event_state", {"event_action": action})["event_state"])


@pytest.fixture(scope="module")
def shared(make: Maker, eventually: Eventually) -> Iterator[Lobby]:
    with make.run(make.site(SITE)) as running:
        api = running.api
        api.create("users", {"id": 50, "name": "Eva", "registration": "50"})
        api.create("user_groups", {"user_id": 50, "group_id": 1})
        api.create("cards", {"user_id": 50, "value": 200 << 32})
        (action,) = api.create(
            "actions",
            {"name": "in", "action": "catra", "parameters": "allow=clockwise", "run_at": 0},
        )
        api.destroy("portal_actions", portal_id=1)
        api.create("portal_actions", {"portal_id": 1, "action_id": action})
        yield Lobby(running, eventually)


@pytest.fixture
def lobby(shared: Lobby) -> Lobby:
    """Locked, and in no hurry."""
    shared.api.configure("catra", operation_mode="", gateway="clockwise")
    shared.api.configure("general", catra_timeout=LONG_MS)
    shared.wait_for(False, False)
    shared.state("reset_state")
    return shared


def test_a_card_releases_its_side_and_the_turn_locks_counts_and_is_logged(lobby: Lobby) -> None:
    before = lobby.counts()
    granted = lobby.running.swiped(CARD)
    assert (granted["event"], granted["user_id"]) == (7, 50)
    lobby.wait_for(True, False)
    assert lobby.state() == 0
    (row,) = lobby.turn("clockwise")
    assert (row["event"], row["type"]) == ("catra", "TURN_RIGHT")
    assert len(row["identification"]) == 36
    lobby.wait_for(False, False)
    assert lobby.state() == 4
    assert lobby.counts() == {
        **before,
        "right_turns": before["right_turns"] + 1,
        "entrance_turns": before["entrance_turns"] + 1,
        "total_turns": before["total_turns"] + 1,
    }
    assert lobby.api.load("access_logs", where={"access_logs": {"id": granted["id"]}}) == [granted]


def test_a_card_without_a_turn_is_given_up_and_its_access_becomes_13(lobby: Lobby) -> None:
    before = lobby.counts()
    lobby.running.stranger()
    lobby.api.configure("general", catra_timeout=BRIEF_MS)
    last = lobby.api.last_id("access_logs")
    (row,) = lobby.running.new_rows("access_events", lambda: lobby.running.swipe(CARD))
    assert (row["event"], row["type"]) == ("catra", "GIVE_UP")
    (access,) = lobby.api.since("access_logs", last)
    assert (access["event"], access["user_id"]) == (13, 50)
    lobby.wait_for(False, False)
    assert lobby.state() == 5
    assert lobby.state("reset_state") == 0
    assert lobby.state() == 0
    assert lobby.counts() == before


def test_a_client_lets_somebody_out(lobby: Lobby) -> None:
    action = {"action": "catra", "parameters": "allow=anticlockwise"}
    row = lobby.running.access(lambda: lobby.api.ask("execute_actions", {"actions": [action]}))
    assert (row["event"], row["user_id"]) == (10, 0)
    assert lobby.unlocked() == (False, True)
    (turn,) = lobby.turn("anticlockwise")
    assert turn["type"] == "TURN_LEFT"
    lobby.wait_for(False, False)


def test_a_free_side_is_unlocked_at_once_and_its_turns_count(lobby: Lobby) -> None:
    before = lobby.counts()
    lobby.api.configure("catra", operation_mode="exit_open", gateway="anticlockwise")
    lobby.wait_for(True, False)
    lobby.turn("clockwise")
    assert lobby.counts()["exit_turns"] == before["exit_turns"] + 1
    assert lobby.unlocked() == (True, False)


def test_fire_frees_both_sides_until_it_is_reset(lobby: Lobby) -> None:
    lobby.running.sim("fire", value="on")
    lobby.wait_for(True, True)
    lobby.running.sim("fire", value="off")

    def reset() -> bool:
        lobby.api.ask("fire_reset")
        return lobby.unlocked() == (False, False)

    lobby.eventually(reset, "a reset fire")


def test_a_turn_while_the_api_is_dead_is_counted_once_it_is_back(lobby: Lobby) -> None:
    before = lobby.counts()
    lobby.running.kill("api")
    lobby.running.sim("turn", value="anticlockwise")

    def counted() -> bool:
        try:
            lobby.api.login(lobby.running.site.password)
        except OSError:  # its port is not open yet
            return False
        return lobby.counts()["left_turns"] == before["left_turns"] + 1

    lobby.eventually(counted, "the turn that nobody was there to project")
    assert lobby.counts()["total_turns"] == before["total_turns"] + 1


def test_a_killed_controller_locks_again_and_what_became_of_the_grant_stays_open(
    lobby: Lobby,
) -> None:
    granted = lobby.running.swiped(CARD)
    lobby.wait_for(True, False)
    lobby.running.kill("controller")
    lobby.wait_for(False, False)
    lobby.eventually(lambda: lobby.api.post("doors_state")[0] == 200, "the controller's return")
    assert lobby.api.load("access_logs", where={"access_logs": {"id": granted["id"]}}) == [granted]


def test_a_hand_turns_it_and_sees_it(lobby: Lobby) -> None:
    done = lobby.running.new_rows(
        "access_events", lambda: lobby.running.site.sim("turn", "clockwise")
    )
    assert done[0]["type"] == "TURN_RIGHT"
    shown = lobby.running.site.sim("state").stdout
    assert "turnstile lobby: unlocked none, released none, mode normal, event state 1" in shown
    refused = lobby.running.site.type("sim", "turn", "left")
    assert refused.returncode == 2


def test_the_doctor_finds_nothing_missing(lobby: Lobby) -> None:
    assert "nothing opens" not in lobby.running.site.type("doctor").stdout


def test_a_device_without_one_refuses_by_name(demo: Running) -> None:
    assert demo.api.post("get_catra_info")[0] == 400
    action = {"action": "catra", "parameters": "allow=both"}
    status, refusal = demo.api.post("execute_actions", {"actions": [action]})
    assert (status, refusal["error"]) == (400, "catra: this device has no turnstile")
    done = demo.site.type("sim", "turn", "clockwise")
    assert done.returncode == 1
    assert "this site has no turnstile" in done.stderr
