"""The monitor at a real server: what happens at the doors arrives, whatever dies meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

ANA = "123,45678"
CARD_VALUE = str((123 << 32) | 45678)
Eventually = Callable[..., Any]


class Receiver:
    """A server that keeps what it gets, and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[str, Any]] = []
        self.tried = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.tried += 1
                if receiver.status == 200:
                    receiver.got.append((self.path, body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def bodies(self, topic: str) -> list[Any]:
        return [body for path, body in self.got if path == f"/hook/{topic}?key=1"]

    def accesses(self) -> list[int]:
        """The ids of the accesses that it was told of, in order, each once."""
        changes = [body["object_changes"] for body in self.bodies("dao")]
        assert all(len(each) == 1 for each in changes)
        ids = [int(it["values"]["id"]) for (it,) in changes if it["object"] == "access_logs"]
        return list(dict.fromkeys(ids))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(make: Maker) -> Iterator[Running]:
    with make.run(make.demo()) as running:
        yield running


@pytest.fixture
def site(shared: Running, receiver: Receiver, eventually: Eventually) -> Iterator[Running]:
    """The demo site with the monitor at the receiver."""
    switch_on(shared, receiver, eventually)
    yield shared
    shared.api.configure("monitor", hostname="")
    eventually(lambda: state(shared) == {}, "the monitor off")


def switch_on(running: Running, receiver: Receiver, eventually: Eventually) -> None:
    running.api.configure(
        "monitor",
        hostname="127.0.0.1",
        port=receiver.port,
        path="/hook/?key=1",
        inform_access_event_id=1,
    )
    eventually(lambda: state(running).get("server"), "the monitor at work")


def state(running: Running) -> dict[str, Any]:
    found = running.api.ask("outbox_state")["destinations"]
    return found[0] if found else {}


def test_a_swipe_and_a_door_arrive_with_the_documented_bodies(
    site: Running, receiver: Receiver, eventually: Eventually
) -> None:
    row = site.access(lambda: site.swipe(ANA))
    site.sim("door", door="front", value="open")
    eventually(lambda: receiver.bodies("door") and receiver.accesses(), "both messages")
    dao = next(
        body
        for body in receiver.bodies("dao")
        if body["object_changes"][0]["object"] == "access_logs"
    )
    assert dao == {
        "object_changes": [
            {
                "object": "access_logs",
                "type": "inserted",
                "values": {name: str(value) for name, value in row.items()},
            }
        ],
        "device_id": row["device_id"],
        "time": row["time"],
    }
    assert dao["object_changes"][0]["values"]["card_value"] == CARD_VALUE
    event = site.api.load("access_events", order=["id", "descending"], limit=1)[0]
    assert receiver.bodies("door")[-1] == {
        "door": {"id": 1, "open": True},
        "access_event_id": event["id"],
        "device_id": row["device_id"],
        "time": event["timestamp"],
    }
    shown = eventually(lambda: (it := state(site))["delivered"] and it, "the count")
    assert shown["server"] == f"http://127.0.0.1:{receiver.port}"
    assert (shown["refused"], shown["dropped"], shown["failing_since_utc"]) == (0, 0, 0)


def test_a_card_of_a_client_and_a_mode_arrive(
    site: Running, receiver: Receiver, eventually: Eventually
) -> None:
    (user,) = site.api.create("users", {"name": "Monitored"})
    (card,) = site.api.create("cards", {"value": 77, "user_id": user})
    eventually(lambda: len(receiver.bodies("dao")) >= 1, "the card")
    site.api.destroy("cards", id=card)
    eventually(lambda: len(receiver.bodies("dao")) >= 2, "its deletion")
    changes = [body["object_changes"][0] for body in receiver.bodies("dao")]
    values = {"id": str(card), "value": "77", "user_id": str(user)}
    assert changes == [
        {"object": "cards", "type": "inserted", "values": values},
        {"object": "cards", "type": "deleted", "values": {"id": str(card)}},
    ]
    try:
        site.api.configure("general", exception_mode="lock_down")
        modes = eventually(lambda: receiver.bodies("operation_mode"), "the mode")
        assert modes[-1]["operation_mode"]["exception_mode"] == "lock_down"
    finally:
        site.api.configure("general", exception_mode="none")


def test_the_keep_alive_follows_its_interval(
    site: Running, receiver: Receiver, eventually: Eventually
) -> None:
    site.api.configure("monitor", alive_interval=1_000)
    eventually(lambda: len(receiver.bodies("device_is_alive")) >= 2, "two keep-alives")
    site.api.configure("monitor", alive_interval=30_000)
    body = receiver.bodies("device_is_alive")[-1]
    assert set(body) == {"access_logs", "device_id", "time"}
    assert body["access_logs"] == site.api.load("access_logs", fields=["COUNT(*)"])[0]["COUNT(*)"]


def test_an_enrolment_that_nobody_waits_for_arrives(
    site: Running, receiver: Receiver, eventually: Eventually
) -> None:
    order = {"type": "card", "user_id": 5, "save": False, "sync": False, "countdown": 30}
    site.api.ask("remote_enroll", order)
    eventually(
        lambda: site.api.ask("enroller_state")["enroller_state"] == "ENROLL_CARD_STATE", "waiting"
    )

    def read() -> list[Any]:
        site.swipe("88,99")
        return receiver.bodies("card")

    (body,) = eventually(read, "the card")[:1]
    device_id = int(site.api.ask("system_information")["device_id"])
    assert body == {"card_value": (88 << 32) | 99, "user_id": 5, "device_id": device_id}


def test_a_server_that_was_away_gets_all_in_order_though_the_api_was_killed_twice(
    make: Maker, receiver: Receiver, eventually: Eventually
) -> None:
    with make.run(make.demo()) as site:
        switch_on(site, receiver, eventually)
        receiver.status = 503
        wanted = [site.access(lambda: site.swipe(ANA))["id"], site.stranger()["id"]]
        waiting = eventually(lambda: state(site)["failing_since_utc"] and state(site), "a failure")
        assert waiting["backlog"] >= 2
        assert "503" in waiting["last_error"]
        found = site.site.type("doctor")
        assert f"http://127.0.0.1:{receiver.port} fails: " in found.stdout
        for card in ("2,2", "1,2"):
            site.kill("api")
            wanted.append(swiped_without_api(site, eventually, card)["id"])
            tried = receiver.tried
            eventually(lambda tried=tried: receiver.tried > tried, "another api process at work")
        receiver.status = 200
        eventually(lambda: set(wanted) <= set(receiver.accesses()), "all accesses")
        got = receiver.accesses()
        assert got == sorted(got)


def swiped_without_api(site: Running, eventually: Eventually, card: str) -> dict[str, Any]:
    """The access of a swipe, from the journal; whether an api process runs or not."""
    before = len(site.site.journal())
    site.swipe(card)

    def row() -> dict[str, Any] | None:
        entries = site.site.journal()[before:]
        rows = [it.body["row"] for it in entries if it.kind == "access"]
        return rows[0] if rows else None

    found: dict[str, Any] = eventually(row, "the access in the journal")
    return found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hostname", "a b"),
        ("path", "a b"),
        ("port", 70_000),
        ("request_timeout", 5),
        ("alive_interval", -1),
        ("port", "eighty"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(
    shared: Running, key: str, value: object
) -> None:
    status, answer = shared.api.post("set_configuration", {"monitor": {key: value}})
    assert status == 400
    assert f"monitor.{key}" in answer["error"]
