"""Commands that a server sends, and the Minop listener, at the installed program."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

ANA = "123,45678"
FRONT = 17
OPEN = {
    "verb": "POST",
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
}
Eventually = Callable[..., Any]


class PushServer:
    """Sends the commands in `orders`, and keeps their results and what the listener gets."""

    def __init__(self) -> None:
        self.orders: deque[object] = deque()
        self.polls = 0
        self.results: list[tuple[str, Any]] = []
        self.listens = "ok"
        self.tried: list[Any] = []
        self.taken: list[Any] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.polls += 1
                order = server.orders.popleft() if server.orders else None
                self._answer("" if order is None else json.dumps(order))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                parts = urlsplit(self.path)
                if parts.path == "/api/result":
                    server.results.append((parse_qs(parts.query)["endpoint"][0], body))
                    self._answer("")
                    return
                answer = server.listens
                server.tried.append(body)
                if answer == "ok":
                    server.taken.append(body)
                self._answer(answer)

            def _answer(self, text: str) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[PushServer]:
    made = PushServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(make: Maker, server: PushServer) -> Iterator[Running]:
    """The demo site, with a push server and a listener without TLS."""
    made = make.demo()
    path = made.data / "gateway.toml"
    text = path.read_text().replace("# [servers]", "[servers]\nplain_push = true")
    path.write_text(text)
    with make.run(made) as running:
        running.api.configure("minop", listener=f"{server.url}/listen")
        running.api.configure(
            "push_server", push_remote_address=f"{server.url}/api", push_request_period="0.2"
        )
        yield running


def state(site: Running, name: str) -> dict[str, Any]:
    found = [it for it in site.api.ask("outbox_state")["destinations"] if it["name"] == name]
    return dict(found[0]) if found else {}


def result(server: PushServer, order: object, eventually: Eventually) -> tuple[str, Any]:
    """The result of `order`, which is sent as the next command."""
    before = len(server.results)
    server.orders.append(order)
    eventually(lambda: len(server.results) > before, "the result")
    return server.results[before]


def test_a_command_of_a_server_opens_a_door(
    site: Running, server: PushServer, eventually: Eventually
) -> None:
    edges = site.board.edges(FRONT)
    (row,) = site.new_rows("access_logs", lambda: server.orders.append(OPEN))
    assert row["event"] == 10
    assert site.board.edges(FRONT) > edges
    eventually(lambda: server.results, "the result")
    endpoint, body = server.results[0]
    device_id = int(site.api.ask("system_information")["device_id"])
    assert (endpoint, body) == ("execute_actions", {"deviceId": device_id, "response": "{}"})
    rows = site.api.load("audit_logs", order=["id", "descending"], limit=20)
    assert any(f"push (server) at {server.url}: execute_actions" in it["details"] for it in rows)


def test_a_batch_adds_a_person_who_may_enter_at_once(
    site: Running, server: PushServer, eventually: Eventually
) -> None:
    batch = [
        {
            "transactionid": "1",
            "endpoint": "create_objects.fcgi",
            "body": {"object": "users", "values": [{"id": 700, "name": "Pushed"}]},
        },
        {
            "transactionid": "2",
            "endpoint": "create_objects",
            "body": json.dumps(
                {"object": "cards", "values": [{"user_id": 700, "value": (77 << 32) | 5}]}
            ),
        },
        {
            "transactionid": "3",
            "endpoint": "create_objects",
            "body": {"object": "user_groups", "values": [{"user_id": 700, "group_id": 1}]},
        },
    ]
    _, body = result(server, {"transactions": batch}, eventually)
    assert [(it["transactionid"], it["success"]) for it in body["transactions_results"]] == [
        (1, True),
        (2, True),
        (3, True),
    ]
    assert site.swiped("77,5")["event"] == 7


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (
            {
                "endpoint": "create_login",
                "body": {"login": "eve", "password": "long enough", "role": "administrator"},
            },
            "Invalid access level",
        ),
        ({"endpoint": "backup_objects"}, "Invalid access level"),
        ({"endpoint": "no_such_command"}, "Invalid command"),
        ({"endpoint": "load_objects", "body": "{"}, "Invalid JSON"),
    ],
)
def test_what_a_server_may_not_do_is_refused_and_the_next_command_runs(
    site: Running, server: PushServer, eventually: Eventually, order: Any, error: str
) -> None:
    refused = state(site, "push")["refused"]
    assert error in result(server, order, eventually)[1]["error"]
    assert state(site, "push")["refused"] == refused + 1
    _, body = result(server, {"endpoint": "system_information", "verb": "GET"}, eventually)
    assert "serial" in json.loads(body["response"])
    assert [it["login"] for it in site.api.ask("list_logins")["logins"]] == ["admin"]


def test_push_is_off_within_a_second_and_its_state_is_gone(
    site: Running, server: PushServer, eventually: Eventually
) -> None:
    site.api.configure("push_server", push_remote_address="")
    eventually(lambda: not state(site, "push"), "push off")
    polls = server.polls
    site.sim("door", door="front", value="open")
    site.sim("door", door="front", value="closed")
    assert server.polls == polls
    site.api.configure("push_server", push_remote_address=f"{server.url}/api")
    eventually(lambda: server.polls > polls, "push on")


def test_the_listener_gets_each_person_until_ok_though_the_api_is_killed(
    site: Running, server: PushServer, eventually: Eventually
) -> None:
    server.listens = "not now"
    eventually(lambda: state(site, "minop").get("backlog") == 0, "the listener at rest")
    server.taken.clear()
    server.tried.clear()
    site.swiped(ANA)
    eventually(lambda: server.tried, "a first attempt")
    site.kill("api")
    tried = len(server.tried)
    site.swipe("77,5")
    eventually(lambda: len(server.tried) > tried, "another api process at work")
    assert {it["UserID"] for it in server.tried} == {server.tried[0]["UserID"]}
    assert server.taken == []
    server.listens = "ok"
    eventually(lambda: len(server.taken) >= 2, "both persons")
    first, second = server.taken[:2]
    assert [second["UserID"], second["Type"]] == ["700", "4"]
    assert set(first) == {"stgid", "UserID", "LogTime", "Type"}
    assert all(isinstance(value, str) for value in first.values())
    assert first in server.tried[:tried], "the same message as before the kill"
