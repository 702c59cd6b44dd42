"""Remote enrolment: a client asks, somebody acts at the wires of a reader, the door obeys."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

FRONT, BACK = 17, 18
COUNTDOWN_S = 15
"""Long enough for a busy machine, and less than a client of these tests waits."""


class Client:
    """Asks for enrolments from a thread of its own, on its own connection."""

    def __init__(self, running: Running, eventually: Callable[..., Any]) -> None:
        self.running = running
        self.eventually = eventually
        self.api = type(running.api)(running.url)
        self.api.token = running.api.token
        self.pool = ThreadPoolExecutor(1)

    def enrol(self, kind: str, **members: Any) -> Future[Any]:
        """Ask, and wait until a capture stands at the reader."""
        body = {"type": kind, "countdown": COUNTDOWN_S, **members}
        known = self.captures()
        answer = self.pool.submit(self.api.post, "remote_enroll", body)
        self.eventually(lambda: self.captures() > known or answer.done(), "a capture")
        return answer

    def captures(self) -> int:
        """How many captures the controller has told of."""
        return self.running.errors.read_text().count("enrolment begins")

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.running.api.ask("enroller_state")
        return found

    def ended(self) -> dict[str, Any]:
        """The state once no enrolment runs any more."""

        def at_rest() -> dict[str, Any] | None:
            state = self.state()
            return state if state["enroller_state"] == "NORMAL_STATE" else None

        state: dict[str, Any] = self.eventually(at_rest, "the end of the enrolment")
        return state


@pytest.fixture
def client(demo: Running, eventually: Callable[..., Any]) -> Iterator[Client]:
    made = Client(demo, eventually)
    yield made
    demo.api.ask("cancel_remote_enroll")
    made.pool.shutdown()
    made.api.close()


@pytest.fixture
def person(demo: Running) -> int:
    """Somebody new who may pass the front door."""
    [user] = demo.api.create("users", {"name": "Eva", "registration": ""})
    demo.api.create("user_groups", {"user_id": user, "group_id": 1})
    return user


def test_an_enrolled_card_opens_the_door(demo: Running, client: Client, person: int) -> None:
    last = demo.api.last_id("access_logs")
    edges = demo.board.edges(FRONT)
    answer = client.enrol("card", user_id=person, save=True)
    assert client.state()["enroller_state"] == "ENROLL_CARD_STATE"
    demo.site.sim("swipe", "--reader", "front", "--card", "200,1")
    status, reply = answer.result()
    card = (200 << 32) | 1
    assert status == 200, reply
    assert (reply["success"], reply["user_id"], reply["card_value"]) == (True, person, card)
    assert reply["device_id"] == int(demo.api.ask("system_information")["device_id"])
    assert client.ended()["last_enroll"] is True
    assert demo.api.since("access_logs", last) == []
    assert demo.board.edges(FRONT) == edges

    row = demo.swiped("200,1")
    assert (row["event"], row["user_id"]) == (7, person)
    assert demo.board.edges(FRONT) > edges


def test_a_pin_typed_at_the_keypad_is_enrolled_and_opens(
    demo: Running, client: Client, person: int
) -> None:
    answer = client.enrol("pin", user_id=person, save=True)
    demo.site.sim("key", "--reader", "front", "730015#")
    status, reply = answer.result()
    assert (status, reply["pin_value"]) == (200, "730015")
    demo.stranger()
    row = demo.access(lambda: demo.sim("key", reader="front", value="730015#"))
    assert (row["event"], row["user_id"]) == (7, person)
    told = demo.errors.read_text() + demo.output.read_text()
    assert "730015" not in told
    assert all("730015" not in line["details"] for line in demo.api.load("audit_logs"))


def test_an_enrolled_code_opens_the_back_door(
    demo: Running, client: Client, person: int, eventually: Callable[..., Any]
) -> None:
    demo.api.create("user_groups", {"user_id": person, "group_id": 2})
    eventually(lambda: all(device.online for device in demo.status().devices), "the QR reader")
    answer = client.enrol("qr", user_id=person, save=True)
    demo.site.sim("qr", "--reader", "qr", "EVA-2026")
    status, reply = answer.result()
    assert (status, reply["qrcode_value"]) == (200, "EVA-2026")
    demo.access(lambda: demo.sim("qr", reader="qr", value="NOBODY"))
    edges = demo.board.edges(BACK)
    row = demo.access(lambda: demo.sim("qr", reader="qr", value="EVA-2026"))
    assert (row["event"], row["user_id"]) == (7, person)
    assert demo.board.edges(BACK) > edges


def test_without_sync_the_answer_comes_at_once_and_the_card_later(
    demo: Running, client: Client, person: int
) -> None:
    answer = client.enrol("card", user_id=person, save=True, sync=False)
    assert answer.result() == (200, {})
    client.eventually(lambda: client.state()["enroller_state"] == "ENROLL_CARD_STATE", "work")
    demo.swipe("200,3")
    assert client.ended()["last_enroll"] is True
    assert demo.swiped("200,3")["user_id"] == person


def test_a_cancelled_enrolment_ends_and_the_reader_decides_again(
    demo: Running, client: Client
) -> None:
    answer = client.enrol("card")
    assert (
        demo.api.http.post(
            f"{demo.url}/cancel_remote_enroll.fcgi?session={demo.api.token}", timeout=20
        ).json()
        == {}
    )
    status, reply = answer.result()
    assert status == 400
    assert "cancelled" in reply["error"]
    state = client.ended()
    assert state["last_enroll"] is False
    assert "cancelled" in state["last_enroll_message"]
    assert demo.swiped("123,45678")["event"] == 7


def test_a_card_of_somebody_else_is_refused_by_its_owner(
    demo: Running, client: Client, person: int
) -> None:
    before = demo.api.load("cards")
    demo.stranger()
    answer = client.enrol("card", user_id=person, save=True)
    demo.swipe("123,45678")
    status, reply = answer.result()
    assert status == 400
    assert "UNIQUE constraint failed: cards.value" in reply["error"]
    assert "owned by user 1" in reply["error"]
    assert demo.api.load("cards") == before


def test_nobody_at_the_reader_is_told_when_the_time_is_up(demo: Running, client: Client) -> None:
    status, reply = demo.api.post("remote_enroll", {"type": "card", "countdown": 1})
    assert status == 400
    assert reply["error"] == "nobody acted at reader 'front' within 1 s"
    assert client.ended()["last_enroll_message"] == reply["error"]


def test_a_dead_api_process_gives_the_reader_back(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    running = start(make.demo())
    client = Client(running, eventually)
    answer = client.enrol("card", sync=False, countdown=60)
    assert answer.result() == (200, {})
    running.kill("api")
    eventually(lambda: "its client is gone" in running.errors.read_text(), "a free reader")
    last = running.status().journal_seq
    running.swipe("123,45678")
    eventually(lambda: running.status().journal_seq > last, "an access")
    assert running.status().doors[0].unlocked
    client.pool.shutdown()
    client.api.close()


def test_a_stop_waits_for_no_enrolment(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    running = start(make.demo())
    client = Client(running, eventually)
    answer = client.enrol("card", countdown=60)
    assert running.stop(signal.SIGTERM) == 0
    status, reply = answer.result()
    # The controller stops at the same moment and may be gone first.
    assert (status, reply["error"]) in {
        (400, "the enrolment was cancelled"),
        (503, "the controller does not answer"),
    }
    client.pool.shutdown()
    client.api.close()
