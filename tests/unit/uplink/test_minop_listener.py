"""The Minop listener: who is identified, what is sent, and that only `ok` ends the sending."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.clock import DeviceTime, ManualClock
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ServerSettings
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState
from gateway.uplink.http_client import HttpAnswer
from gateway.uplink.minop_listener import MinopChannel, identification, is_ok
from gateway.uplink.outbox import Outbox
from tests.wild_server import OK, Talk, WildServer, answer, reset

NOW = datetime(2026, 1, 8, 20, 30, tzinfo=UTC)
LOCAL_S = int(datetime(2026, 1, 8, 17, 30, tzinfo=UTC).timestamp())
DEVICE = 478435
ROW = {"id": 1, "time": LOCAL_S, "event": 7, "user_id": 123, "portal_id": 1}
Serve = Callable[..., WildServer]


def said(text: bytes, status: str = "200 OK") -> Talk:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n"
    return answer(head.encode() + text)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"card_value": 5}, "4"),
        ({"uhf_tag": "a1"}, "4"),
        ({"qrcode_value": "x"}, "4"),
        ({"pin_value": "1234"}, "3"),
        ({"card_value": 5, "pin_value": "1234"}, "4"),
        ({"card_value": 0, "qrcode_value": ""}, "0"),
    ],
)
def test_a_message_has_texts_alone_and_the_kind_of_the_credential(
    columns: dict[str, Any], kind: str
) -> None:
    assert identification(DEVICE, {**ROW, **columns}, LOCAL_S) == {
        "stgid": "478435",
        "UserID": "123",
        "LogTime": "2026-01-08 17:30:00",
        "Type": kind,
    }


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [
        (200, b"ok", True),
        (200, b" OK\r\n", True),
        (202, b'"ok"', True),
        (200, b"\xef\xbb\xbfOk", True),
        (200, b"", False),
        (200, None, False),
        (204, b"", False),
        (200, b"okay", False),
        (200, b'{"status":"ok"}', False),
        (500, b"ok", False),
        (302, b"ok", False),
        (0, None, False),
    ],
)
def test_only_ok_with_a_status_of_success_takes_a_message(
    status: int, body: bytes | None, taken: bool
) -> None:
    assert is_ok(HttpAnswer(status, body=body)) is taken


class Site:
    def __init__(self, path: Path) -> None:
        Journal.create(path / "journal.db")
        self.journal = Journal(path / "journal.db", "boot")
        self.reader = JournalReader(path / "journal.db")
        self.store = Store.create(path / "store.db", REGISTRY, lambda: 99)
        self.clock = ManualClock(NOW)
        self.outboxes: list[MinopChannel] = []
        self.outbox = self.new_outbox()

    def new_outbox(self) -> Outbox:
        """One as after a start of the process; its thread does not run."""
        device_time = DeviceTime(lambda: ZoneInfo("America/Sao_Paulo"))
        settings = ServerSettings()
        channel = MinopChannel(self.store, device_time, DEVICE, settings)
        self.outboxes.append(channel)
        return Outbox(channel, self.store, self.reader, self.clock, settings, lambda: True)

    def at(self, server: WildServer) -> WildServer:
        listener = f"http://127.0.0.1:{server.port}/hook?key=1"
        self.store.set_configuration({"minop": {"listener": listener}})
        self.outbox.work()  # begins here
        return server

    def identify(self, **columns: object) -> None:
        body = {
            "row": {**ROW, **columns},
            "rules": [],
            "reason": "granted",
            "trace": [],
            "facts": {"form": 1},
        }
        self.journal.append([Entry(EntryKind.ACCESS, body, NOW, 1, clock_trusted=True)], {})

    @property
    def state(self) -> DestinationState:
        state = self.outbox.state
        assert state is not None
        return state


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for channel in made.outboxes:
        channel.close()
    made.store.close()
    made.reader.close()
    made.journal.close()


def people(server: WildServer) -> list[str]:
    return [it.json["UserID"] for it in server.requests]


def test_it_is_off_while_it_has_no_address(site: Site) -> None:
    site.identify()
    assert site.outbox.work() is None
    assert site.outbox.state is None


def test_an_answer_after_the_timeout_takes_no_message(site: Site, serve: Serve) -> None:
    server = site.at(serve())

    def late(connection: socket.socket) -> None:
        server.ended.wait(2)
        said(b"ok")(connection)

    server.talk = late
    site.store.set_configuration({"minop": {"request_timeout": "100"}})
    site.identify(user_id=4)
    assert site.outbox.work()
    assert "no answer in time" in site.state.last_error
    assert (people(server), site.state.delivered) == (["4"], 0)


def test_final_verdicts_on_people_are_sent_and_nothing_else(site: Site, serve: Serve) -> None:
    server = site.at(serve(said(b"ok")))
    for number, event in enumerate([3, 4, 5, 6, 7, 8, 10, 11, 12, 13], start=1):
        site.identify(event=event, user_id=number)
    site.identify(event=7, user_id=0)
    assert site.outbox.work() is None
    assert people(server) == ["4", "5", "6"]
    assert {it.line for it in server.requests} == {"POST /hook?key=1 HTTP/1.1\r\n"}
    assert server.requests[0].headers["Content-Type"] == "application/json"
    assert (site.state.delivered, site.state.backlog) == (3, 0)
    assert site.outbox.journal_seq == site.reader.last_seq()


@pytest.mark.parametrize(
    "talk",
    [
        OK,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}',
    ],
)
def test_a_person_is_told_of_again_until_ok_and_the_next_one_only_then(
    site: Site, serve: Serve, talk: bytes
) -> None:
    server = site.at(serve(answer(talk)))
    site.identify(user_id=1)
    site.identify(user_id=2)
    for _ in range(30):
        pause = site.outbox.work()
        assert pause is not None
        assert 0 < pause <= 60
        site.clock.advance(pause + 0.001)
    assert people(server) == ["1"] * 30
    assert site.state.failing_since_utc
    assert (site.state.delivered, site.state.refused, site.state.dropped) == (0, 0, 0)
    server.talk = said(b"ok")
    assert site.outbox.work() is None
    assert people(server)[30:] == ["1", "2"]
    assert site.state.delivered == 2


def test_an_answer_that_is_not_ok_is_shown(site: Site, serve: Serve) -> None:
    site.at(serve(said(b'{"status":"done"}')))
    site.identify()
    site.outbox.work()
    assert "instead of ok" in site.state.last_error
    assert "done" in site.state.last_error


def test_a_new_process_goes_on_with_what_was_not_taken(site: Site, serve: Serve) -> None:
    server = site.at(serve(reset))
    site.identify(user_id=1)
    site.identify(user_id=2)
    assert site.outbox.work()
    server.talk = said(b"ok")
    site.outbox = site.new_outbox()
    assert site.outbox.work() is None
    assert people(server)[1:] == ["1", "2"]
