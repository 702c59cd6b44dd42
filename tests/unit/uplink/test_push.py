"""The poller at servers of every quality, over sockets, with commands of straw."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.clock import ManualClock
from gateway.commands.server_requests import ServerReply, ServerRequest
from gateway.host.certificate import make_self_signed
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ServerSettings
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState, stored_destinations
from gateway.uplink import push
from gateway.uplink.push import LARGEST, RESULT_S, PushPoller
from tests.waiting import eventually
from tests.wild_server import OK, Talk, WildServer, answer, drip, end, flood, hang, reset

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DEVICE = 478435
PLAIN = ServerSettings(plain_push=True)
DONE = ServerReply(b"{}", "application/json")
Serve = Callable[..., WildServer]


def reply(body: object, status: str = "200 OK") -> Talk:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n"
    return answer(head.encode() + data)


def cut_off(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    end(connection)


def command(endpoint: str = "reboot", **more: object) -> Talk:
    return reply({"endpoint": endpoint, **more})


@dataclass
class Script:
    """A server that plays its turns one after the other, then has nothing to do."""

    server: WildServer
    turns: list[Talk] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.talk = self._talk

    def _talk(self, connection: Any) -> None:
        turn = self.turns.pop(0) if self.turns else answer(OK)
        turn(connection)

    @property
    def asked(self) -> list[str]:
        """Method and path of each request."""
        return [f"{it.line.split()[0]} {urlsplit(it.target).path}" for it in self.server.requests]

    def query(self, number: int) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.server.requests[number].target).query))

    @property
    def results(self) -> list[Any]:
        return [it.json for it in self.server.requests if it.line.startswith("POST")]


class Site:
    """A poller without its thread, a store, and commands that are only noted."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path / "store.db"
        self.store = Store.create(self.path, REGISTRY, lambda: 99)
        self.clock = ManualClock(NOW)
        self.ran: list[ServerRequest] = []
        self.replies: list[ServerReply] = []
        self.limits: list[int] = []
        self.pollers: list[PushPoller] = []
        monkeypatch.setattr(push, "COMMAND_S", 0.0)
        self.poller = self.new_poller()

    def new_poller(self, servers: ServerSettings = PLAIN) -> PushPoller:
        made = PushPoller(self.store, self.clock, DEVICE, servers)
        made.take_commands(self.run)
        self.pollers.append(made)
        return made

    def run(self, server: str, request: ServerRequest, longest: int) -> ServerReply:
        assert server.startswith("http")
        self.ran.append(request)
        self.limits.append(longest)
        return self.replies.pop(0) if self.replies else DONE

    def set(self, **values: object) -> None:
        self.store.set_configuration({"push_server": values})

    def at(self, server: WildServer, **values: object) -> Script:
        self.set(push_remote_address=f"http://127.0.0.1:{server.port}/api?key=1", **values)
        return Script(server)

    @property
    def state(self) -> DestinationState:
        state = self.poller.state
        assert state is not None
        return state


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(tmp_path, monkeypatch)
    yield made
    for poller in made.pollers:
        poller.close()
    made.store.close()


def test_nothing_is_asked_while_the_address_is_empty(site: Site) -> None:
    assert site.poller.work() is None
    assert site.poller.state is None


def test_a_server_with_nothing_to_do_is_asked_again_after_the_period(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve(), push_request_period=5)
    assert site.poller.work() == pytest.approx(5.0)
    site.clock.advance(4.9)
    assert site.poller.work() == pytest.approx(0.1)
    site.clock.advance(0.1)
    site.poller.work()
    assert script.asked == ["GET /api/push"] * 2
    first, second = script.query(0), script.query(1)
    assert first["key"] == "1"
    assert first["deviceId"] == str(DEVICE)
    assert first["uuid"] != second["uuid"]
    assert site.state.last_success_utc == int(NOW.timestamp()) + 5
    assert site.state.server == f"http://127.0.0.1:{script.server.port}"


def test_a_command_is_run_its_result_sent_and_the_server_asked_again_at_once(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    script.turns = [command("load_objects.fcgi?x=1", body={"object": "users"})]
    site.replies = [ServerReply(b'{"users":[]}', "application/json")]
    assert site.poller.work() == pytest.approx(60.0)
    assert site.ran == [ServerRequest("POST", "load_objects", "x=1", b'{"object": "users"}')]
    assert script.asked == ["GET /api/push", "POST /api/result", "GET /api/push"]
    assert script.results == [{"deviceId": DEVICE, "response": '{"users":[]}'}]
    assert script.query(1) == {
        "key": "1",
        "deviceId": str(DEVICE),
        "uuid": script.query(0)["uuid"],
        "endpoint": "load_objects.fcgi",
    }
    assert (site.state.delivered, site.state.refused, site.state.backlog) == (1, 0, 0)


def test_the_answer_to_a_result_may_be_the_next_command(site: Site, serve: Serve) -> None:
    script = site.at(serve())
    script.turns = [command("a"), command("b"), command("c"), reply(b"thanks")]
    site.poller.work()
    assert [it.name for it in site.ran] == ["a", "b", "c"]
    assert script.asked == ["GET /api/push", *["POST /api/result"] * 3, "GET /api/push"]
    assert {script.query(number)["uuid"] for number in range(4)} == {script.query(0)["uuid"]}


def test_a_batch_is_run_in_order_and_has_one_result(site: Site, serve: Serve) -> None:
    script = site.at(serve())
    batch = [{"transactionid": "7", "endpoint": "a"}, {"endpoint": 5, "transactionid": "x"}]
    script.turns = [reply({"transactions": batch})]
    site.poller.work()
    assert script.results == [
        {
            "deviceId": DEVICE,
            "transactions_results": [
                {"transactionid": 7, "success": True, "response": "{}"},
                {
                    "transactionid": "x",
                    "success": False,
                    "error": "endpoint: a text is needed",
                    "code": 1,
                },
            ],
        }
    ]
    assert (site.state.delivered, site.state.refused) == (1, 1)


def test_the_answers_of_a_batch_share_one_bound(site: Site, serve: Serve) -> None:
    script = site.at(serve())
    script.turns = [reply({"transactions": [{"endpoint": "a"}] * 3})]
    site.replies = [ServerReply(bytes(LARGEST - 10), "image/png"), DONE]
    site.poller.work()
    assert site.limits == [LARGEST, push.LEAST, push.LEAST]


def test_a_malformed_command_is_refused_in_its_result_and_hurries_nobody(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    script.turns = [reply({"endpoint": 5}), answer(OK), command()]
    assert site.poller.work() == pytest.approx(60.0)
    assert script.results == [
        {"deviceId": DEVICE, "error": "endpoint: a text is needed", "code": 1}
    ]
    assert site.state.refused == 1
    assert "endpoint: a text is needed" in site.state.last_error
    assert site.state.failing_since_utc == 0
    site.clock.advance(60.0)
    site.poller.work()
    assert [it.name for it in site.ran] == ["reboot"]


def test_answers_are_objects_where_the_site_file_says_so(site: Site, serve: Serve) -> None:
    script = site.at(serve())
    script.turns = [command()]
    site.new_poller(ServerSettings(plain_push=True, push_response="object")).work()
    assert script.results == [{"deviceId": DEVICE, "response": {}}]


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (reset, "push: "),
        (end, "push: "),
        (flood, f"push: answered 200: its answer has more than {LARGEST} bytes"),
        (reply({}, "500 Oops"), "push: answered 500"),
        (reply({}, "404 Not Found"), "push: answered 404"),
        (reply(b"<html>hotel</html>"), "push: answered 200: Invalid JSON"),
        (cut_off, "push: answered 200: its answer breaks off"),
        (
            answer(
                b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            ),
            "redirects",
        ),
    ],
    ids=["reset", "end", "flood", "500", "404", "no JSON", "cut off", "redirect"],
)
def test_a_server_that_fails_is_asked_again_after_growing_pauses(
    site: Site, serve: Serve, talk: Talk, why: str
) -> None:
    script = site.at(serve())
    script.turns = [talk] * 7
    pauses = []
    for _ in range(7):
        pause = site.poller.work()
        assert pause is not None
        pauses.append(pause)
        assert why in site.state.last_error
        assert site.state.failing_since_utc == int(NOW.timestamp())
        site.clock.advance(pause + 0.001)
    longest = [min(60.0, 2.0**number) for number in range(7)]
    assert all(most / 2 <= pause <= most for most, pause in zip(longest, pauses, strict=True))
    assert site.poller.work() == pytest.approx(60.0)
    assert site.state.failing_since_utc == 0
    assert site.ran == []


@pytest.mark.parametrize("kind", ["hangs", "drips"])
def test_a_server_that_hangs_or_drips_has_the_timeout_and_no_longer(
    site: Site, serve: Serve, kind: str
) -> None:
    server = serve()
    script = site.at(server, push_request_timeout=300)
    talks = {"hangs": hang(server.ended), "drips": drip(b"HTTP/1.1 200 OK\r\nX: ", server.ended)}
    script.turns = [talks[kind]]
    assert site.poller.work()
    assert "no answer in time" in site.state.last_error


def test_a_server_may_hold_a_poll_until_there_is_a_command(site: Site, serve: Serve) -> None:
    server, now = serve(), threading.Event()
    script = site.at(server)

    def held(connection: Any) -> None:
        now.wait(30)
        command()(connection)

    script.turns = [held]
    thread = threading.Thread(target=site.poller.work)
    thread.start()
    now.set()
    thread.join(30)
    assert [it.name for it in site.ran] == ["reboot"]


def test_a_command_is_run_once_though_its_result_is_delivered_late(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    script.turns = [command(), reset, reply({}, "503 Busy"), answer(OK)]
    pause = site.poller.work()
    for _ in range(2):
        assert pause is not None
        assert site.state.backlog == 1
        site.clock.advance(pause + 0.001)
        pause = site.poller.work()
    assert len(site.ran) == 1
    posts, polls = script.asked.count("POST /api/result"), script.asked.count("GET /api/push")
    assert (posts, polls) == (3, 2), "no command is asked for while a result waits"
    assert len({json.dumps(it) for it in script.results}) == 1
    assert (site.state.delivered, site.state.dropped) == (1, 0)


def test_a_result_that_nobody_takes_is_given_up_and_polling_goes_on(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    script.turns = [command(), *[reply({}, "500 Oops")] * 1_000]
    elapsed = 0.0
    while site.poller.work() and not site.state.dropped:
        site.clock.advance(60.0)
        elapsed += 60.0
    assert elapsed >= RESULT_S
    script.turns = []
    site.clock.advance(60.0)
    site.poller.work()
    assert script.asked[-1] == "GET /api/push"
    assert len(site.ran) == 1
    assert (site.state.dropped, site.state.backlog) == (1, 0)


def test_what_a_command_leaves_for_afterwards_is_done_once_its_result_was_sent(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    done: list[int] = []
    site.replies = [replace(DONE, afterwards=lambda: done.append(len(script.results)))]
    script.turns = [command(), reply({}, "500 Oops")]
    pause = site.poller.work()
    assert done == [1], "whether the server took it or not"
    assert pause is not None
    site.clock.advance(pause + 0.001)
    site.poller.work()
    assert done == [1]


def test_without_tls_no_server_commands_unless_the_site_file_allows_it(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    wary = site.new_poller(ServerSettings())
    assert wary.work() is None
    assert script.asked == []
    state = wary.state
    assert state is not None
    assert state.server == ""
    assert "has no TLS" in state.last_error
    assert state.failing_since_utc
    (stored,) = stored_destinations(site.path)
    assert (stored.name, stored.last_error) == ("push", state.last_error)


def test_a_refused_address_is_not_written_again_each_second(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.set(push_remote_address="http://127.0.0.1:1")
    wary = site.new_poller(ServerSettings())
    wary.work()
    kept: list[DestinationState] = []
    monkeypatch.setattr(wary._record._table, "keep", kept.append)
    for _ in range(20):
        site.clock.advance(1.0)
        wary.work()
    assert kept == []


def test_what_a_refusal_quotes_is_sent_back_and_kept_nowhere(site: Site, serve: Serve) -> None:
    script = site.at(serve())
    script.turns = [
        command("create_objects", body={"object": "pins", "values": [{"value": "8364"}]})
    ]
    site.replies = [ServerReply(error="pins.value cannot be '83640291'")]
    site.poller.work()
    assert "83640291" in script.results[0]["error"]
    assert "83640291" not in repr((site.state, site.ran, stored_destinations(site.path)))
    assert site.state.last_error == "create_objects was refused: its result has the reason"


def test_another_server_is_told_nothing_of_the_commands_of_the_one_before(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    script.turns = [command(), reset]
    assert site.poller.work()
    other = site.at(serve())
    assert site.poller.work() == pytest.approx(60.0)
    assert other.asked == ["GET /api/push"]
    assert site.state.dropped == 1
    site.set(push_remote_address="")
    assert site.poller.work() is None
    assert site.poller.state is None
    assert stored_destinations(site.path) == []


def test_what_a_server_asks_for_is_not_run_once_it_is_no_longer_the_one_that_commands(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())

    def late(connection: Any) -> None:
        site.set(push_remote_address="")
        command()(connection)

    script.turns = [late]
    assert site.poller.work() is None
    assert site.ran == []


def test_a_batch_goes_on_when_one_of_its_commands_changes_the_period(
    site: Site, serve: Serve
) -> None:
    script = site.at(serve())
    run = site.run

    def running(server: str, request: ServerRequest, longest: int) -> ServerReply:
        site.set(push_request_period=7)
        return run(server, request, longest)

    site.poller.take_commands(running)
    script.turns = [reply({"transactions": [{"endpoint": "a"}, {"endpoint": "b"}]})]
    assert site.poller.work() == pytest.approx(7.0)
    assert len(site.ran) == 2
    assert len(script.results) == 1


def test_settings_that_change_end_a_request_that_is_held(site: Site, serve: Serve) -> None:
    server = serve()
    asked = threading.Event()
    script = site.at(server, push_request_timeout=300_000)

    def held(_: Any) -> None:
        asked.set()
        server.ended.wait()

    script.turns = [held]
    site.poller.start()
    assert asked.wait(30)
    site.poller.wake()
    other = site.at(serve())
    eventually(lambda: other.asked, step=site.poller.wake)
    assert other.asked == ["GET /api/push"]
    assert script.asked == ["GET /api/push"]
    assert site.poller.alive


def test_a_certificate_that_nobody_trusts_commands_nothing(
    site: Site, serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "certificate.pem"
    make_self_signed(path, datetime.now(UTC))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    server = serve(tls=tls)
    script = Script(server, [command()])
    site.set(push_remote_address=f"https://localhost:{server.port}")
    wary = site.new_poller(ServerSettings())
    assert wary.work()
    assert wary.state is not None
    assert "its certificate is not trusted" in wary.state.last_error
    wary.close()
    assert script.asked == []
    trusting = site.new_poller(ServerSettings(ca_file=path))
    trusting.work()
    trusting.close()
    assert [it.name for it in site.ran] == ["reboot"]


def test_commands_have_a_pause_between_them(
    site: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "COMMAND_S", 0.1)
    pauses: list[float] = []
    monkeypatch.setattr(site.poller._stop, "wait", pauses.append)
    script = site.at(serve())
    script.turns = [reply({"transactions": [{"endpoint": "a"}] * 3})]
    site.poller.work()
    assert pauses == [0.0, pytest.approx(0.1), pytest.approx(0.1)]


def test_counts_survive_a_restart_and_a_result_does_not(site: Site, serve: Serve) -> None:
    script = site.at(serve())
    script.turns = [command(), command(), reset]
    site.poller.work()
    assert site.state.backlog == 1
    again = site.new_poller()
    again.work()
    assert script.asked[-1] == "GET /api/push"
    assert again.state is not None
    assert (again.state.delivered, again.state.backlog) == (2, 0)
