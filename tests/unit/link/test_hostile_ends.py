"""Neither end of the link can make the other wait or fill its memory."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway import errors
from gateway.errors import ControllerUnavailable, GatewayError, TooBusy, error_named
from gateway.link.client import ControllerClient
from gateway.link.messages import (
    LARGEST_MESSAGE,
    LARGEST_REQUEST,
    MOST_OPENINGS,
    SITE_COST,
    Answer,
    Fact,
    OpenDoor,
    ReportStatus,
)
from gateway.link.runtime import RuntimeDirectory
from gateway.link.server import COMMANDS_AT_ONCE, COMMANDS_PER_S, MOST_CLIENTS, LinkServer

DEADLINE_S = 30.0


@pytest.fixture
def runtime() -> Iterator[RuntimeDirectory]:
    with tempfile.TemporaryDirectory(prefix="t") as place:
        yield RuntimeDirectory(Path(place))


@pytest.fixture
def server(runtime: RuntimeDirectory) -> Iterator[LinkServer]:
    with LinkServer(runtime) as server:
        yield server


def dialled(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(DEADLINE_S)
    client.connect(str(path))
    return client


def serve(server: LinkServer, times: int = 100) -> list[Any]:
    """The requests among the next `times` things that came."""
    received = [server.receive() for _ in range(times)]
    return [request for request in received if request]


def good(command: str = '{"kind":"report_status"}') -> bytes:
    return f'{{"id":"mine","expires_ns":{1 << 62},"command":{command}}}'.encode()


def with_field(key: str, value: str) -> bytes:
    return (
        f'{{"id":"mine","expires_ns":5,"command":{{"kind":"open_door","{key}":{value}}}}}'.encode()
    )


OPENING = '{"kind":"open_door","door":1}'
UNREADABLE = {
    "no JSON": b"\xff\x00",
    "no object": b"[]",
    "empty object": b"{}",
    "another version": good().replace(b'{"id', b'{"v":99,"id'),
    "unknown kind": good('{"kind":"obey_me"}'),
    "unknown field": with_field("door", '1,"extra":1'),
    "deep": b"[" * 60_000,
    "deep inside": with_field("door", "[" * 30_000 + "]" * 30_000),
    "NaN": with_field("door", "NaN"),
    "infinite": with_field("timeout_ms", "1e999"),
    "huge number": with_field("door", "9" * 60_000),
    "huge id": good().replace(b"mine", b"i" * 60_000),
    "endless wait": good().replace(str(1 << 62).encode(), b"9" * 400),
    "huge version": good(f'{{"kind":"obey","version":{1 << 70}}}'),
    "a time that no journal keeps": good(
        f'{{"kind":"keep_modes","modes":[{{"door":0,"mode":"none","until_utc":{1 << 63}}}]}}'
    ),
    "too many openings": good(
        f'{{"kind":"open_together","openings":[{",".join([OPENING] * (MOST_OPENINGS + 1))}]}}'
    ),
    "too many values": good(f'{{"kind":"arm_alarms","zones":[{"9," * 30_000}9]}}'),
    "too many keys": good(f'{{"kind":"silence"{"".join(f",{n}:1" for n in range(6_000))}}}'),
    "too large": good() + b" " * LARGEST_REQUEST,
}


@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_request_is_refused_and_the_next_one_is_served(
    runtime: RuntimeDirectory, server: LinkServer, payload: bytes
) -> None:
    with closing(dialled(runtime.command_socket)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.send(payload)
        assert serve(server) == []
        answer = Answer.model_validate_json(client.recv(LARGEST_MESSAGE))
        assert answer.error_kind == "InvalidRequest"
        client.send(good())
        assert len(serve(server)) == 1


def test_a_client_beyond_the_most_of_its_user_is_closed_and_another_may_follow_one_that_left(
    runtime: RuntimeDirectory, server: LinkServer
) -> None:
    clients = []
    for _ in range(MOST_CLIENTS):
        clients.append(dialled(runtime.command_socket))
        serve(server, 2)
    with closing(dialled(runtime.command_socket)) as surplus:
        serve(server)
        assert surplus.recv(1) == b""
    clients.pop().close()
    serve(server)
    clients.append(dialled(runtime.command_socket))
    serve(server)
    clients[-1].send(good())
    assert len(serve(server)) == 1
    for client in clients:
        client.close()


def test_clients_take_turns(runtime: RuntimeDirectory, server: LinkServer) -> None:
    with (
        closing(dialled(runtime.command_socket)) as flooding,
        closing(dialled(runtime.command_socket)) as patient,
    ):
        serve(server)
        for _ in range(50):
            flooding.send(good())
        patient.send(good().replace(b"mine", b"patient"))
        first = serve(server, 3)
        assert "patient" in {request.id for _, request in first}


def test_a_client_that_does_not_read_its_answers_is_dropped(
    runtime: RuntimeDirectory, server: LinkServer
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(dialled(runtime.command_socket)) as deaf:
        serve(server)
        deaf.send(good())
        ((address, request),) = serve(server)
        body = {"text": "x" * 50_000}
        for _ in range(1_000):
            server.answer(address, Answer(id=request.id, body=body))
        with pytest.raises(ConnectionError):
            deaf.send(good())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_listener_that_does_not_read_costs_the_others_no_fact(
    runtime: RuntimeDirectory, server: LinkServer
) -> None:
    with (
        closing(dialled(runtime.fact_socket)) as deaf,
        closing(dialled(runtime.fact_socket)) as listening,
    ):
        serve(server)
        for seq in range(10_000):
            server.publish(Fact(kind="journal", seq=seq))
            assert Fact.model_validate_json(listening.recv(LARGEST_MESSAGE)).seq == seq
        assert deaf.fileno() >= 0


def test_an_answer_beyond_the_largest_message_becomes_an_error(
    runtime: RuntimeDirectory, server: LinkServer
) -> None:
    with closing(dialled(runtime.command_socket)) as client:
        serve(server)
        client.send(good())
        ((address, request),) = serve(server)
        server.answer(address, Answer(id=request.id, body={"text": "x" * LARGEST_MESSAGE}))
        assert "too large" in str(Answer.model_validate_json(client.recv(LARGEST_MESSAGE)).error)


@pytest.mark.parametrize(
    ("command", "cost"),
    [
        ('{"kind":"open_door","door":1}', 1),
        ('{"kind":"capture","ticket":"t","credential":"card","left_ms":1}', 1),
        ('{"kind":"authorize","event":7,"openings":[{"door":1},{"door":2}]}', 2),
        ('{"kind":"keep_modes","modes":[{"door":1,"mode":"none"},{"door":2,"mode":"none"}]}', 2),
        ('{"kind":"propose_site","content":""}', SITE_COST),
    ],
)
def test_journalled_commands_are_limited_and_questions_are_not(
    runtime: RuntimeDirectory, server: LinkServer, command: str, cost: int
) -> None:
    with closing(dialled(runtime.command_socket)) as client:
        serve(server)
        passed = 0
        begun_s = time.monotonic()
        while passed <= COMMANDS_AT_ONCE * 3:
            client.send(good(command))
            if not serve(server, 1):
                break
            passed += 1
        answer = Answer.model_validate_json(client.recv(LARGEST_MESSAGE))
        earned = (time.monotonic() - begun_s) * COMMANDS_PER_S
        assert COMMANDS_AT_ONCE // cost <= passed <= (COMMANDS_AT_ONCE + earned) / cost
        assert answer.id == "mine"
        assert answer.error_kind == TooBusy.__name__
        client.send(good())
        assert len(serve(server, 1)) == 1


def _answer(**fields: object) -> Callable[[str], bytes]:
    return lambda request_id: json.dumps({"id": request_id, **fields}).encode()


HOSTILE: dict[str, Callable[[str], bytes]] = {
    "no JSON": lambda _: b"\xff",
    "too large": _answer(body={"text": "x" * LARGEST_MESSAGE}),
    "deep": lambda _: b'{"body":' + b"[" * 60_000,
    "no status": _answer(body={}),
    "unknown field": _answer(order="obey"),
    "the end": lambda _: b"",
    "another's answers without end": lambda _: b'{"id":"other"}',
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_client_survives_what_a_hostile_controller_answers(
    runtime: RuntimeDirectory, answer: Callable[[str], bytes]
) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(runtime.command_socket))
    listener.listen()

    def serve_badly() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            request = json.loads(connection.recv(LARGEST_REQUEST))
            message = answer(request["id"])
            repeated = message == b'{"id":"other"}'
            try:
                while message:
                    connection.send(message)
                    if not repeated:
                        break
            except OSError:
                pass

    thread = threading.Thread(target=serve_badly)
    thread.start()
    client = ControllerClient(runtime)
    with pytest.raises(ControllerUnavailable):
        client.status()
    client.close()
    thread.join()
    listener.close()


@pytest.mark.parametrize("kind", [*vars(errors), "BaseException", ""])
def test_any_error_of_a_controller_is_one_of_ours(kind: str) -> None:
    assert isinstance(error_named(kind, "text"), GatewayError)


@pytest.mark.usefixtures("server")
def test_a_controller_that_does_not_answer_costs_no_more_than_the_time_given(
    runtime: RuntimeDirectory,
) -> None:
    client = ControllerClient(runtime)
    with pytest.raises(ControllerUnavailable):
        client.ask(OpenDoor(door=1), timeout_s=0.05)
    client.close()


def test_a_command_after_a_restart_of_the_controller_goes_to_the_new_one(
    runtime: RuntimeDirectory,
) -> None:
    client = ControllerClient(runtime)
    for _ in range(2):
        with LinkServer(runtime) as server:
            answered = threading.Thread(target=_answer_one, args=(server,))
            answered.start()
            assert client.ask(ReportStatus(), timeout_s=DEADLINE_S) == {"here": True}
            answered.join()
    client.close()


def _answer_one(server: LinkServer) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        received = server.receive()
        if received:
            server.answer(received[0], Answer(id=received[1].id, body={"here": True}))
            return
