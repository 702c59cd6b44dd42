"""Questions to a real server of every quality."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from gateway.link.messages import Opening
from gateway.settings import ServerSettings
from gateway.store.tables.photos import Photo, Photos
from tests.unit.uplink.online.conftest import DEVICE, GRANT, Device
from tests.waiting import eventually
from tests.wild_server import Talk, WildServer, answer, drip, end, flood, hang, reset, says

CARD = "new_card.fcgi"
IDENTIFIED = "new_user_identified.fcgi"


def test_a_grant_comes_back_with_what_it_opens(device: Device) -> None:
    actions = [{"action": "door", "parameters": "door=2"}]
    device.server.talk = says({"result": {"event": 7, "user_id": "5", "actions": actions}})
    (user,) = device.store.insert("users", [{"name": "Ana"}])
    device.start_proved()
    device.ask(user_id=user)
    found = device.answered()
    assert (found.event, found.user_id, found.openings) == (7, 5, (Opening(door=2),))
    (form,) = device.forms(IDENTIFIED)
    assert (form["user_name"], form["card_value"], form["event"]) == ("Ana", "77", "8")
    assert (form["device_id"], form["uuid"]) == (str(DEVICE), "q1")
    request = device.server.requests[-1]
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_whether_there_is_a_photo_of_the_person_is_told(device: Device) -> None:
    without, photographed = device.store.insert("users", [{"name": "Ana"}, {"name": "Bia"}])
    Photos(device.store).put(photographed, Photo(5, b"\xff\xd8\xff"))
    device.start_proved()
    for user in (without, photographed):
        device.ask(f"q{user}", user_id=user)
        device.answered(f"q{user}")
    told = {form["user_id"]: form["user_has_image"] for form in device.forms(IDENTIFIED)}
    assert told == {str(without): "0", str(photographed): "1"}


def test_an_answer_that_makes_no_sense_is_no_decision(device: Device) -> None:
    device.server.talk = says({"status": "allowed"})
    device.start_proved()
    device.ask()
    assert device.answered().event == 14


def test_a_fault_of_this_program_ends_one_question_and_leaves_nobody_waiting(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.start_proved()
    with monkeypatch.context() as broken:
        broken.setattr("gateway.uplink.online.questions.question_form", None)
        device.ask()
        assert device.answered().why == "internal error"
    device.ask("q2")
    assert device.answered("q2").event == 7


def test_a_question_is_asked_once_though_it_comes_twice(device: Device) -> None:
    device.start_proved()
    device.server.talk = hang(device.server.ended)
    device.ask(identified=False)
    device.ask(identified=False)
    eventually(lambda: device.forms(CARD), "the question")
    assert device.questions.waiting == 1
    assert len(device.forms(CARD)) == 1


def test_a_failure_is_tried_again_and_an_answer_then_counts(device: Device) -> None:
    device.start_proved()
    tries: list[int] = []

    def second(connection: socket.socket) -> None:
        tries.append(1)
        (refused if len(tries) == 1 else GRANT)(connection)

    device.server.talk = second
    device.ask(identified=False)
    assert device.answered().event == 7
    assert [form["uuid"] for form in device.forms(CARD)] == ["q1", "q1"]
    state = device.client.state
    assert state is not None
    assert (state.failures, state.last_error) == (0, "answered 500")


def refused(connection: socket.socket) -> None:
    says({}, "500 Internal Server Error")(connection)


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (refused, "answered 500"),
        (reset, "reset"),
        (end, "disconnected"),
        (flood, "more than 65536 bytes"),
        (answer(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), "redirects"),
    ],
    ids=["500", "reset", "end", "flood", "redirect"],
)
def test_so_many_failures_end_the_question_without_a_decision_and_lose_the_server(
    device: Device, talk: Talk, why: str
) -> None:
    device.configure(max_request_attempts=2)
    device.start_proved()
    device.heartbeat(reachable=True)
    device.server.talk = talk
    device.ask(identified=False)
    found = device.answered()
    assert found.event is None
    assert why in found.why.lower()
    assert len(device.forms(CARD)) == 2
    eventually(lambda: False in device.controller.reports, "the report of the loss")
    device.ask("q2")
    assert device.answered("q2").event is None
    assert len(device.forms(IDENTIFIED)) == 0, "a server that is away is not asked"


@pytest.mark.parametrize("slow", ["hangs", "drips"])
def test_a_server_that_does_not_come_to_an_end_has_until_the_deadline(
    device: Device, slow: str
) -> None:
    device.start_proved()
    ended = device.server.ended
    device.server.talk = hang(ended) if slow == "hangs" else drip(b"HTTP/1.1 200 OK\r\nX: ", ended)
    device.ask(left_s=0.5)
    found = device.answered()
    assert found.event == 14, "one failure does not lose the server"
    assert found.why == "no answer in time"


def test_a_server_that_hangs_is_lost_before_the_controller_gives_up_its_question(
    device: Device,
) -> None:
    device.configure(request_timeout=400, max_request_attempts=2)
    device.start_proved()
    device.server.talk = hang(device.server.ended)
    device.ask(left_s=0.8)
    assert device.answered().event is None
    assert not device.client.reachable


def test_a_question_that_hangs_delays_no_other(device: Device) -> None:
    device.start_proved()
    server = device.server

    def slow_for_q1(connection: socket.socket) -> None:
        if b"uuid=q1" in server.requests[-1].body:
            server.ended.wait()
        GRANT(connection)

    server.talk = slow_for_q1
    device.ask("q1")
    eventually(lambda: device.forms(IDENTIFIED), "the first question")
    for number in ("q2", "q3"):
        device.ask(number)
        assert device.answered(number).event == 7
    assert device.controller.answer("q1") is None


def test_nothing_is_asked_before_the_server_is_proved(device: Device) -> None:
    """As after a start of the process with somebody at the door."""
    proof = hang(device.server.ended)
    device.server.talk = proof
    device.start()
    eventually(lambda: device.targets, "session_is_valid")
    device.ask(left_s=0.3)
    assert device.answered().event is None
    assert device.forms(IDENTIFIED) == []


def test_a_question_waits_for_a_proof_that_is_on_its_way(device: Device) -> None:
    device.ask()
    device.start()
    assert device.answered().event == 7


def test_in_standalone_mode_a_question_is_answered_with_the_reason(device: Device) -> None:
    device.configure(online=0)
    device.start()
    device.ask()
    assert device.answered().why == "no online mode is on"


@pytest.mark.parametrize("credential", ["pin", "password"])
def test_a_secret_that_the_server_needs_does_not_go_out_in_clear_text(
    device: Device, credential: str
) -> None:
    device.start_proved()
    sent = len(device.server.requests)
    device.ask(credential=credential, value="1324", identified=False)
    found = device.answered()
    assert found.event == 14, "anybody may key a PIN: the server is not lost"
    assert "https:// only" in found.why
    assert len(device.server.requests) == sent
    device.ask("q2", credential=credential, value="1324", user_id=5)
    assert device.answered("q2").event == 7, "of somebody whom this device identified"
    assert b"1324" not in device.server.requests[-1].body


def test_the_site_file_may_allow_secrets_in_clear_text(
    make_device: Callable[[ServerSettings], Device],
) -> None:
    device = make_device(ServerSettings(plain_secrets=True))
    device.start_proved()
    device.ask(credential="pin", value="1324", identified=False)
    assert device.answered().event == 7
    (form,) = device.forms(IDENTIFIED)
    assert (form["pin_value"], form["event"], form["user_id"]) == ("1324", "3", "0")


def test_a_controller_that_is_away_costs_one_answer_only(device: Device) -> None:
    device.start_proved()
    device.controller.away = True
    device.ask()
    eventually(lambda: device.forms(IDENTIFIED) and not device.questions.waiting, "its end")
    device.controller.away = False
    device.ask("q2")
    assert device.answered("q2").event == 7


def test_the_end_of_the_process_ends_what_waits(device: Device) -> None:
    device.start_proved()
    device.server.talk = hang(device.server.ended)
    device.ask()
    eventually(lambda: device.forms(IDENTIFIED), "the question")
    device.client.close()
    device.questions.close()
    assert device.questions.waiting == 0


def test_a_server_that_is_replaced_meanwhile_decides_nothing(
    device: Device, serve: Callable[..., WildServer]
) -> None:
    device.start_proved()
    asked, replaced = threading.Event(), threading.Event()

    def late(connection: socket.socket) -> None:
        asked.set()
        assert replaced.wait(30)
        GRANT(connection)

    device.server.talk = late
    device.ask(identified=False)
    assert asked.wait(30)
    other = serve(says({"result": {"event": 6}}))
    device.store.modify("devices", {"ip": device.ip(other)}, {"devices": {"id": device.row}})
    device.client.wake()
    shown = f"http://127.0.0.1:{other.port}"
    eventually(lambda: (it := device.client.state) and it.server == shown, "the other server")
    replaced.set()
    assert device.answered().event == 6
