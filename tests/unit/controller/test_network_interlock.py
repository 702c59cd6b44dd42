"""Grants and exit buttons that wait for other devices: questions and answers over the link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.errors import NotFound
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import AnswerClearance, ClearanceQuestion
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind
from tests.unit.controller.played_api import PlayedApi

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO = 1, 2
CARD_OF_ANA, CARD_OF_BRUNO = (123 << 32) | 45678, (123 << 32) | 45679
FRONT_LEAF = InputName(InputKind.DOOR_SENSOR, 1)
BACK_LEAF = InputName(InputKind.DOOR_SENSOR, 2)
FRONT_REX = InputName(InputKind.REX, 1)
FIRE = InputName(InputKind.FIRE)
EGRESS = 'egress = "mechanical"'
ON = {"interlock_enabled": 1, "api_bypass_enabled": 0, "rex_bypass_enabled": 0}


class FakePeers(PlayedApi[ClearanceQuestion]):
    """Answers for the peers."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench, lambda fact: fact.clearance)

    def answer(self, *, free: bool, peer: str = "", why: str = "") -> None:
        """Answer the newest question."""
        question = self.questions[-1].id
        self._bench.ask(AnswerClearance(question=question, free=free, peer=peer, why=why))


@pytest.fixture
def gate(bench: Bench) -> Bench:
    bench.configure({"network_interlock": ON})
    return bench


@pytest.fixture
def peers(gate: Bench) -> Iterator[FakePeers]:
    peers = FakePeers(gate)
    yield peers
    peers.close()


def press(bench: Bench) -> None:
    """Press the exit button of the front door and let go."""
    for high in (False, True):
        bench.simulator.set_input(FRONT_REX, high=high)
        bench.pass_time(0.1)


def reasons(bench: Bench) -> list[str]:
    return [str(body["reason"]) for body in bench.journal(EntryKind.ACCESS)]


def test_a_grant_opens_nothing_before_all_peers_are_free(gate: Bench, peers: FakePeers) -> None:
    edges = gate.strike_edges(1)
    gate.swipe(CARD_OF_ANA)
    peers.asked()
    assert (gate.strike_edges(1), gate.events()) == (edges, [])
    peers.answer(free=True)
    assert gate.unlocked(1)
    assert gate.events() == [(7, ANA)]


def test_a_peer_in_the_way_denies_the_card_and_is_named(gate: Bench, peers: FakePeers) -> None:
    edges = gate.strike_edges(1)
    gate.swipe(CARD_OF_ANA)
    peers.asked()
    peers.answer(free=False, peer="B", why="is open")
    assert gate.events() == [(6, ANA)]
    [body] = gate.journal(EntryKind.ACCESS)
    assert body["reason"] == "interlock"
    assert body["facts"]["interlock"] == {"door": 0, "by": 0, "peer": "B", "why": "is open"}
    assert gate.strike_edges(1) == edges


def test_a_silent_peer_denies_after_a_second_and_its_late_answer_opens_nothing(
    gate: Bench, peers: FakePeers
) -> None:
    edges = gate.strike_edges(1)
    gate.swipe(CARD_OF_ANA)
    peers.asked()
    gate.pass_time(1)
    assert (gate.events(), reasons(gate)) == ([(6, ANA)], ["interlock"])
    with pytest.raises(NotFound, match="no opening waits"):
        peers.answer(free=True)
    assert gate.strike_edges(1) == edges


def test_cards_are_denied_at_once_while_nobody_asks_the_peers(gate: Bench) -> None:
    gate.swipe(CARD_OF_ANA)
    assert (gate.events(), reasons(gate)) == ([(6, ANA)], ["interlock"])


def test_a_door_of_this_device_that_opens_meanwhile_wins(gate: Bench, peers: FakePeers) -> None:
    gate.configure({"general": {"door1_interlock": "2"}})
    gate.swipe(CARD_OF_ANA)
    peers.asked()
    gate.simulator.set_input(BACK_LEAF, high=False)
    gate.pass_time(0.1)
    peers.answer(free=True)
    assert not gate.unlocked(1)
    [body] = gate.journal(EntryKind.ACCESS)
    assert (body["reason"], body["facts"]["interlock"]["by"]) == ("interlock", 2)


def test_one_person_waits_once(gate: Bench, peers: FakePeers) -> None:
    gate.swipe(CARD_OF_ANA)
    peers.asked()
    gate.swipe(CARD_OF_BRUNO)
    peers.asked(2)
    peers.answer(free=True)
    assert gate.events() == [(7, BRUNO)]


def test_switching_the_interlock_off_opens_what_waits(gate: Bench, peers: FakePeers) -> None:
    gate.swipe(CARD_OF_ANA)
    peers.asked()
    gate.configure({"network_interlock": {"interlock_enabled": 0}})
    assert gate.unlocked(1)
    assert gate.events() == [(7, ANA)]


@pytest.mark.parametrize("mode", ["emergency", "none"])
def test_nobody_is_asked_where_an_emergency_or_a_fire_lets_everybody_through(
    gate: Bench, peers: FakePeers, mode: str
) -> None:
    if mode == "emergency":
        gate.configure({"general": {"exception_mode": mode}})
    else:
        gate.simulator.set_input(FIRE, high=True)
        gate.pass_time(0.1)
    gate.swipe(CARD_OF_ANA)
    assert not peers.questions
    assert gate.unlocked(1)


def test_an_exit_that_a_hand_can_open_waits_for_nobody(gate: Bench, peers: FakePeers) -> None:
    press(gate)
    assert not peers.questions
    assert gate.unlocked(1)


@pytest.fixture
def locked_in(demo: Path, start: Start) -> Iterator[Bench]:
    """Nothing but its relay opens the front door from inside."""
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8")
    assert EGRESS in text
    path.write_text(text.replace(EGRESS, 'egress = "software"', 1), encoding="utf-8")
    with start(demo) as bench:
        bench.configure({"network_interlock": ON})
        yield bench


def test_an_exit_button_waits_for_the_peers_where_only_the_relay_opens(locked_in: Bench) -> None:
    peers = FakePeers(locked_in)
    edges = locked_in.strike_edges(1)
    press(locked_in)
    peers.asked()
    assert locked_in.strike_edges(1) == edges
    peers.answer(free=True)
    assert locked_in.unlocked(1)
    assert locked_in.events() == [(11, 0)]
    peers.close()


def test_an_exit_button_is_refused_by_a_peer_unless_it_bypasses(locked_in: Bench) -> None:
    peers = FakePeers(locked_in)
    edges = locked_in.strike_edges(1)
    press(locked_in)
    peers.asked()
    peers.answer(free=False, peer="B", why="is open")
    assert locked_in.strike_edges(1) == edges
    [refusal] = locked_in.journal(EntryKind.INTERLOCK)
    assert (refusal["door"], refusal["peer"]) == (1, "B")
    locked_in.configure({"network_interlock": {"rex_bypass_enabled": 1}})
    press(locked_in)
    assert locked_in.unlocked(1)
    assert locked_in.events() == [(11, 0)]
    peers.close()


def test_the_state_says_which_door_keeps_others_locked(bench: Bench) -> None:
    def occupied() -> list[str]:
        return [door.occupied for door in bench.controller.status().doors]

    assert occupied() == ["", ""]
    bench.swipe(CARD_OF_ANA)
    assert occupied() == ["is unlocked", ""]
    bench.simulator.set_input(FRONT_LEAF, high=False)
    bench.pass_time(0.1)
    assert occupied()[0] == "is open"
