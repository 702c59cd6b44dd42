"""A server decides: questions over the link, answers at the pins, contingency while it is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import NotFound
from gateway.link.messages import (
    AnswerQuestion,
    Opening,
    ReportServer,
    ServerQuestion,
    cost_of,
)
from gateway.store.journal import EntryKind
from tests.unit.controller.played_api import PlayedApi

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

ANA, BRUNO = 1, 2
CARD_OF_ANA = (123 << 32) | 45678
UNKNOWN_CARD = (200 << 32) | 1
PIN_OF_ANA = "1234#"
FRONT, BACK = 1, 2
WAIT_S = 3.0


class FakeUplink(PlayedApi[ServerQuestion]):
    """Answers for the server."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench, lambda fact: fact.question)

    def leave(self) -> None:
        """The api process dies."""
        self.close()
        link = self._bench.controller._components.link
        self._bench.wait_until(lambda: not _listeners(link))

    def answer(self, **given: Any) -> dict[str, object]:
        """Answer the newest question."""
        question = given.pop("question", None) or self.questions[-1].id
        return self._bench.ask(AnswerQuestion(question=question, **given))

    def report(self, *, reachable: bool, why: str = "") -> None:
        self._bench.ask(ReportServer(reachable=reachable, why=why))


def _listeners(link: Any) -> list[object]:
    server = getattr(link, "_link", link)
    return list(server._facts.clients())


@pytest.fixture
def online(bench: Bench) -> Bench:
    """Mode Pro, with a person waiting for three seconds at most."""
    settings = {"server_id": 7, "request_timeout": 1000, "max_request_attempts": 3}
    bench.configure({"general": {"online": 1}, "online_client": settings})
    return bench


@pytest.fixture
def uplink(online: Bench) -> Iterator[FakeUplink]:
    uplink = FakeUplink(online)
    uplink.report(reachable=True)
    yield uplink
    uplink.close()


def reasons(bench: Bench) -> list[str]:
    return [str(body["reason"]) for body in bench.journal(EntryKind.ACCESS)]


def modes(bench: Bench) -> list[str]:
    return [str(body["mode"]) for body in bench.journal(EntryKind.ONLINE)]


def test_a_card_is_asked_about_and_the_server_opens_the_door(
    online: Bench, uplink: FakeUplink
) -> None:
    online.swipe(CARD_OF_ANA)
    question = uplink.asked()
    assert (question.credential, question.value) == ("card", str(CARD_OF_ANA))
    assert (question.identified, question.user_id, question.portal_id) == (True, ANA, 1)
    assert not online.unlocked(FRONT)
    assert online.events() == []
    uplink.answer(event=7, message="hello")
    assert online.unlocked(FRONT)
    [body] = online.journal(EntryKind.ACCESS)
    assert (body["row"]["event"], body["row"]["user_id"]) == (7, ANA)
    assert body["row"]["card_value"] == CARD_OF_ANA
    assert (body["reason"], body["facts"]["server"]) == ("server_granted", {"message": "hello"})


def test_a_server_opens_what_it_names_and_nothing_else(online: Bench, uplink: FakeUplink) -> None:
    online.swipe(CARD_OF_ANA)
    uplink.asked()
    uplink.answer(event=7, openings=[Opening(door=BACK)], portal_id=9)
    assert (online.unlocked(FRONT), online.unlocked(BACK)) == (False, True)
    [body] = online.journal(EntryKind.ACCESS)
    assert (body["row"]["portal_id"], body["facts"]["doors"]) == (9, [BACK])


def test_an_enterprise_server_gets_what_was_shown_and_names_the_person(
    online: Bench, uplink: FakeUplink
) -> None:
    online.configure({"general": {"local_identification": 0}})
    online.swipe(UNKNOWN_CARD)
    question = uplink.asked()
    assert (question.identified, question.user_id) == (False, 0)
    assert question.value == str(UNKNOWN_CARD)
    uplink.answer(event=7, user_id=1000, user_name="Zoe")
    assert online.unlocked(FRONT)
    assert online.events() == [(7, 1000)]


def test_a_second_answer_changes_nothing_and_says_so(online: Bench, uplink: FakeUplink) -> None:
    online.swipe(CARD_OF_ANA)
    uplink.asked()
    uplink.answer(event=6)
    with pytest.raises(NotFound, match="no identification waits for an answer"):
        uplink.answer(event=7)
    assert not online.unlocked(FRONT)
    assert reasons(online) == ["server_denied"]


def test_a_question_that_nobody_answers_is_decided_here_when_its_time_is_over(
    online: Bench, uplink: FakeUplink
) -> None:
    online.swipe(CARD_OF_ANA)
    uplink.asked()
    online.pass_time(WAIT_S - 0.5)
    assert not online.unlocked(FRONT)
    online.pass_time(0.5)
    assert online.unlocked(FRONT)
    assert reasons(online) == ["granted"]
    assert modes(online) == ["online", "contingency"]
    with pytest.raises(NotFound):
        uplink.answer(event=6)


def test_the_server_is_away_when_the_api_process_died(online: Bench, uplink: FakeUplink) -> None:
    uplink.leave()
    online.swipe(CARD_OF_ANA)
    assert online.unlocked(FRONT), "nobody is waited for"
    state = online.controller.status().online
    assert state is not None
    assert (state.reachable, state.contingency) == (False, True)
    assert "does not listen" in state.why


def test_without_contingency_everybody_is_denied_while_the_server_is_away(
    online: Bench, uplink: FakeUplink
) -> None:
    online.configure({"online_client": {"contingency_enabled": 0}})
    uplink.report(reachable=False, why="connection refused")
    online.swipe(CARD_OF_ANA)
    assert not online.unlocked(FRONT)
    assert online.events() == [(6, ANA)]
    assert reasons(online) == ["server_away"]
    assert modes(online) == ["online", "denial"]
    uplink.report(reachable=True)
    assert modes(online) == ["online", "denial", "online"]


def test_a_pin_goes_to_the_server_and_into_nothing_that_is_kept(
    online: Bench, uplink: FakeUplink
) -> None:
    online.type_keys(PIN_OF_ANA)
    question = uplink.asked()
    assert (question.credential, question.value) == ("pin", "1234")
    assert "1234" not in repr(question)
    uplink.answer(event=3)
    assert online.events() == [(3, 0)]
    assert "1234" not in json.dumps(online.journal(EntryKind.ACCESS))


def test_a_server_asks_for_a_second_factor_and_decides_on_it(
    online: Bench, uplink: FakeUplink
) -> None:
    online.swipe(CARD_OF_ANA)
    uplink.asked()
    uplink.answer(event=4, next_factor="pin")
    assert not online.unlocked(FRONT)
    online.type_keys(PIN_OF_ANA)
    assert uplink.asked(2).credential == "pin"
    uplink.answer(event=7)
    assert online.unlocked(FRONT)
    assert online.events() == [(4, ANA), (7, ANA)]
    assert [body["row"]["card_value"] for body in online.journal(EntryKind.ACCESS)] == [
        CARD_OF_ANA
    ] * 2


def test_a_second_factor_that_does_not_come_is_event_5(online: Bench, uplink: FakeUplink) -> None:
    online.swipe(CARD_OF_ANA)
    uplink.asked()
    uplink.answer(event=4, next_factor="card")
    online.pass_time(31)
    assert online.events() == [(4, ANA), (5, ANA)]
    assert not online.unlocked(FRONT)


def test_an_answer_costs_one_command_and_each_further_opening_another() -> None:
    openings = tuple(Opening(door=door) for door in (FRONT, BACK))
    assert cost_of(AnswerQuestion(question="a", event=7)) == 1
    assert cost_of(AnswerQuestion(question="a", event=7, openings=openings)) == 2
