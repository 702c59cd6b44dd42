"""A turnstile on a whole controller: what is granted, turned, given up and written down."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import InvalidRequest, NotFound, NotPermitted
from gateway.hardware.events import TURN_INPUTS
from gateway.link.messages import (
    Authorize,
    Opening,
    ReleaseTurnstile,
    ResetFire,
    ResetTurnstile,
    Simulate,
)
from gateway.settings import SITE_FILE, Side
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

TURNSTILE = """
[turnstile]
name = "lobby"
egress = "mechanical"
{more}

[turnstile.clockwise]
relay = {{ pin = 19, locked = "low", unlocked = "high" }}
turn = {{ pin = 20, pull = "up", idle = "high" }}

[turnstile.anticlockwise]
relay = {{ pin = 21, locked = "low", unlocked = "high" }}
turn = {{ pin = 26, pull = "up", idle = "high" }}
"""
ANA = 123 << 32 | 45678
IN, OUT = Side.CLOCKWISE, Side.ANTICLOCKWISE
PORTAL = 1


class Lobby:
    """A bench whose front portal releases the turnstile instead of door 1."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def turn(self, side: Side) -> None:
        self.bench.simulator.press(TURN_INPUTS[side], high=False, hold_ms=100)
        self.bench.pass_time(0.3)

    @property
    def status(self) -> Any:
        return self.bench.controller.status().turnstile

    def unlocked(self) -> set[Side]:
        """By the levels at the pins."""
        shown = self.bench.outputs()
        return {Side(out["side"]) for out in shown if "side" in out and out["level"] == "high"}

    def edges(self) -> int:
        shown = self.bench.outputs()
        return sum(out["edges"] for out in shown if "side" in out)

    def turns(self) -> list[tuple[str, list[str], bool]]:
        return [
            (body["row"]["type"], body["counts"], body["allowed"])
            for body in self.bench.journal(EntryKind.TURN)
        ]

    def given_up(self) -> list[int]:
        return [body["access_log_id"] for body in self.bench.journal(EntryKind.GAVE_UP)]


def wire(data: Path, more: str = "") -> None:
    with (data / SITE_FILE).open("a", encoding="utf-8") as site:
        site.write(TURNSTILE.format(more=more))


def release_by(bench: Bench, parameters: str, portal: int = PORTAL) -> None:
    """Let `portal` do nothing but this catra action."""
    with bench.store() as store:
        (action,) = store.insert(
            "actions", [{"name": "in", "action": "catra", "parameters": parameters, "run_at": 0}]
        )
        store.destroy("portal_actions", {"portal_actions": {"portal_id": portal}})
        store.insert("portal_actions", [{"portal_id": portal, "action_id": action}])
    bench.pass_time(1.1)


@pytest.fixture
def lobby(demo: Path, start: Start) -> Iterator[Lobby]:
    wire(demo)
    with start(demo) as bench:
        release_by(bench, "allow=clockwise")
        yield Lobby(bench)


def test_a_card_releases_the_side_and_the_turn_ends_the_release(lobby: Lobby) -> None:
    lobby.bench.swipe(ANA)
    assert lobby.unlocked() == {IN}
    assert (lobby.status.released, lobby.status.event_state) == ((IN,), 0)
    lobby.turn(IN)
    assert lobby.unlocked() == set()
    assert lobby.turns() == [("TURN_RIGHT", ["right_turns", "entrance_turns"], True)]
    assert lobby.status.event_state == 4
    assert lobby.bench.events()[0][0] == 7
    lobby.bench.pass_time(5)
    assert lobby.given_up() == []
    assert lobby.bench.strike_edges(1) == 0


def test_the_turn_names_the_access_and_the_row_the_release(lobby: Lobby) -> None:
    lobby.bench.swipe(ANA)
    lobby.turn(IN)
    (turn,) = lobby.bench.journal(EntryKind.TURN)
    (access,) = lobby.bench.journal(EntryKind.ACCESS)
    assert turn["access_log_id"] == access["row"]["id"]
    assert turn["row"]["event"] == "catra"
    assert len(turn["row"]["identification"]) == 36


def test_a_grant_that_nobody_uses_is_given_up_with_its_access(lobby: Lobby) -> None:
    lobby.bench.swipe(ANA)
    lobby.bench.pass_time(2.5)
    assert lobby.unlocked() == {IN}
    lobby.bench.pass_time(1)
    assert lobby.unlocked() == set()
    (access,) = lobby.bench.journal(EntryKind.ACCESS)
    assert lobby.given_up() == [access["row"]["id"]]
    assert lobby.status.event_state == 5
    lobby.bench.ask(ResetTurnstile())
    assert lobby.status.event_state == 0


def test_the_time_of_a_release_is_configuration_and_so_is_the_entrance(lobby: Lobby) -> None:
    lobby.bench.configure(
        {"general": {"catra_timeout": "0"}, "catra": {"gateway": "anticlockwise"}}
    )
    lobby.bench.swipe(ANA)
    lobby.bench.pass_time(60)
    assert lobby.unlocked() == {IN}
    lobby.turn(IN)
    assert lobby.turns() == [("TURN_RIGHT", ["right_turns", "exit_turns"], True)]


def test_a_stranger_releases_nothing(lobby: Lobby) -> None:
    lobby.bench.swipe(99 << 32 | 1)
    assert lobby.edges() == 0
    assert lobby.bench.events() == [(3, 0)]


def test_a_forced_turn_is_counted_and_marked(lobby: Lobby) -> None:
    lobby.turn(OUT)
    assert lobby.turns() == [("TURN_LEFT", ["left_turns", "exit_turns"], False)]
    assert lobby.status.event_state == 2
    (turn,) = lobby.bench.journal(EntryKind.TURN)
    assert turn["access_log_id"] == 0


def test_a_free_side_needs_no_release(lobby: Lobby) -> None:
    lobby.bench.configure({"catra": {"operation_mode": "exit_open"}})
    assert lobby.unlocked() == {OUT}
    lobby.turn(OUT)
    assert lobby.turns() == [("TURN_LEFT", ["left_turns", "exit_turns"], True)]
    assert lobby.unlocked() == {OUT}


@pytest.mark.parametrize(
    "values",
    [
        {"general": {"exception_mode": "lock_down"}},
        {"catra": {"operation_mode": "entrance_locked"}},
    ],
)
def test_a_card_at_a_side_that_is_locked_is_denied(lobby: Lobby, values: Any) -> None:
    lobby.bench.configure(values)
    lobby.bench.swipe(ANA)
    assert lobby.edges() == 0
    ((event, user),) = lobby.bench.events()
    assert event == 6
    assert user
    with pytest.raises(NotPermitted, match="the turnstile is refused"):
        lobby.bench.ask(ReleaseTurnstile(sides=(IN,)))
    assert len(lobby.bench.events()) == 1


def test_an_emergency_frees_both_sides(lobby: Lobby) -> None:
    lobby.bench.configure({"general": {"exception_mode": "emergency"}})
    assert lobby.unlocked() == {IN, OUT}
    assert lobby.status.mode == "emergency"
    assert {"turnstile": "lobby", "mode": "emergency"} in lobby.bench.journal(EntryKind.MODE)
    lobby.bench.configure({"general": {"exception_mode": "none"}})
    assert lobby.unlocked() == set()


def test_a_client_lets_somebody_through_and_that_access_is_never_given_up(lobby: Lobby) -> None:
    lobby.bench.ask(ReleaseTurnstile(sides=(IN, OUT)))
    assert lobby.unlocked() == {IN, OUT}
    lobby.bench.ask(ReleaseTurnstile(sides=(OUT,), reason=3))
    assert lobby.unlocked() == {OUT}
    assert lobby.bench.events() == [(10, 0), (12, 0)]
    rows = [body["row"] for body in lobby.bench.journal(EntryKind.ACCESS)]
    assert [row["portal_id"] for row in rows] == [PORTAL, 0], "no portal lets out"
    lobby.bench.pass_time(4)
    assert lobby.given_up() == [0, 0], "the first one gave way to the second"


def test_a_servers_grant_releases_it_and_keeps_its_event(lobby: Lobby) -> None:
    granted = Authorize(
        event=7,
        user_id=3,
        portal_id=1,
        turnstile=(OUT,),
        openings=(Opening(door=2),),
        log_type_id=4,
    )
    lobby.bench.ask(granted)
    assert lobby.unlocked() == {OUT}
    assert lobby.bench.unlocked(2)
    (access,) = lobby.bench.journal(EntryKind.ACCESS)
    assert (access["row"]["event"], access["row"]["log_type_id"]) == (7, 4)
    lobby.bench.pass_time(4)
    assert lobby.given_up() == [0]


def test_a_servers_grant_moves_nothing_when_the_turnstile_refuses(lobby: Lobby) -> None:
    lobby.bench.configure({"catra": {"operation_mode": "entrance_locked"}})
    granted = Authorize(event=7, turnstile=(IN,), openings=(Opening(door=2),))
    with pytest.raises(NotPermitted, match="side_locked"):
        lobby.bench.ask(granted)
    assert lobby.bench.strike_edges(2) == 0
    assert lobby.bench.events() == []


def test_a_servers_denial_releases_nothing(lobby: Lobby) -> None:
    lobby.bench.ask(Authorize(event=6, turnstile=(IN,)))
    assert lobby.edges() == 0


def test_a_hand_turns_it_by_its_word(lobby: Lobby) -> None:
    lobby.bench.ask(Simulate(verb="turn", value="anticlockwise"))
    lobby.bench.pass_time(0.3)
    assert [kind for kind, _, _ in lobby.turns()] == ["TURN_LEFT"]
    with pytest.raises(InvalidRequest, match="clockwise or anticlockwise, not 'left'"):
        lobby.bench.ask(Simulate(verb="turn", value="left"))


def test_a_new_action_of_the_portal_decides_the_next_swipe(lobby: Lobby) -> None:
    release_by(lobby.bench, "allow=both")
    lobby.bench.swipe(ANA)
    assert lobby.unlocked() == {IN, OUT}


def test_an_action_that_names_no_side_is_logged_and_releases_nothing(lobby: Lobby) -> None:
    release_by(lobby.bench, "allow=sideways")
    lobby.bench.swipe(ANA)
    assert lobby.bench.events()[0][0] == 7
    assert lobby.edges() == 0


def test_a_site_without_one_logs_the_grant_and_refuses_a_client_by_name(bench: Bench) -> None:
    release_by(bench, "allow=both")
    bench.swipe(ANA)
    assert bench.events()[0][0] == 7
    assert bench.controller.status().turnstile is None
    for command in (
        ReleaseTurnstile(sides=(IN,)),
        ResetTurnstile(),
        Authorize(event=7, turnstile=(IN,)),
        Simulate(verb="turn", value="clockwise"),
    ):
        with pytest.raises(NotFound, match="no turnstile"):
            bench.ask(command)


@pytest.mark.parametrize("releases", [True, False])
def test_fire_frees_both_sides_of_a_turnstile_that_it_releases(
    demo: Path, start: Start, releases: bool
) -> None:
    wire(demo, f"fire_release = {str(releases).lower()}")
    with start(demo) as bench:
        lobby = Lobby(bench)
        lobby.bench.ask(Simulate(verb="fire", value="on"))
        bench.pass_time(0.2)
        assert lobby.unlocked() == ({IN, OUT} if releases else set())
        lobby.bench.ask(Simulate(verb="fire", value="off"))
        bench.pass_time(0.2)
        lobby.bench.ask(ResetFire())
        assert lobby.unlocked() == set()


def test_a_fire_outlives_a_restart(demo: Path, start: Start) -> None:
    wire(demo)
    with start(demo) as bench:
        lobby = Lobby(bench)
        lobby.bench.ask(Simulate(verb="fire", value="on"))
        bench.pass_time(0.2)
    with start(demo) as bench:
        lobby = Lobby(bench)
        assert lobby.unlocked() == {IN, OUT}


def test_an_orderly_stop_gives_up_what_was_just_granted(demo: Path, start: Start) -> None:
    wire(demo)
    with start(demo) as bench:
        release_by(bench, "relay=2")
        bench.swipe(ANA)
        lobby = Lobby(bench)
        assert lobby.unlocked() == {OUT}
    with start(demo) as bench:
        lobby = Lobby(bench)
        (access,) = bench.journal(EntryKind.ACCESS)
        assert lobby.given_up() == [access["row"]["id"]]
        assert bench.journal(EntryKind.STOPPED) == [{}]
        assert lobby.unlocked() == set()


def test_a_start_notes_how_both_outputs_were_claimed(demo: Path, start: Start) -> None:
    wire(demo)
    shutil.copytree(demo, demo.with_name("copy"))
    with start(demo.with_name("copy")) as bench:
        (started,) = bench.journal(EntryKind.STARTED)
        sides = [claim for claim in started["outputs"] if "side" in claim]
        assert sides == [
            {"side": side, "door": 0, "on_start": "locked", "edge": False}
            for side in ("clockwise", "anticlockwise")
        ]


def test_a_contact_that_is_active_at_the_start_tells_of_no_turn(demo: Path, start: Start) -> None:
    wire(demo)
    with start(demo) as bench:
        bench.simulator.set_input(TURN_INPUTS[IN], high=False)
    with start(demo) as bench:
        lobby = Lobby(bench)
        # The level was moved as the first run stopped, so none of them saw it move.
        assert lobby.turns() == []
        bench.simulator.set_input(TURN_INPUTS[IN], high=True)
        bench.pass_time(0.2)
        assert lobby.turns() == []
        lobby.turn(IN)
        assert len(lobby.turns()) == 1
