"""What the api process and the CLI ask over the real sockets of the link."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from gateway.controller.core import MOST_REQUESTS
from gateway.controller.requests.commands import LONGEST_WAIT_NS, MOST_WAITING
from gateway.controller.state.flight import Asked
from gateway.errors import (
    ControllerUnavailable,
    GatewayError,
    InvalidRequest,
    NotFound,
    NotPermitted,
)
from gateway.link.client import ControllerClient
from gateway.link.messages import (
    Authorize,
    Command,
    Obey,
    OpenDoor,
    Opening,
    ReportStatus,
    Request,
    Silence,
    Simulate,
)
from gateway.link.runtime import RuntimeDirectory
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench


def test_a_client_opens_a_door_and_finds_it_logged(bench: Bench) -> None:
    bench.ask(OpenDoor(door=2))
    assert bench.unlocked(2)
    bench.ask(OpenDoor(door=1, reason=3))
    assert bench.events() == [(10, 0), (12, 0)]


def test_every_command_of_the_link_has_a_handler(bench: Bench) -> None:
    union, _ = get_args(Command)
    assert set(bench.controller._requests._handlers) == set(get_args(union))


def test_timeout_0_holds_open_and_minus_1_closes(bench: Bench) -> None:
    bench.ask(OpenDoor(door=1, timeout_ms=0))
    bench.pass_time(100)
    assert bench.unlocked(1)
    bench.ask(OpenDoor(door=1, timeout_ms=-1))
    assert not bench.unlocked(1)
    assert bench.events() == [(10, 0)]


def test_a_door_that_the_site_lacks_is_refused_by_name(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no door 4; this site has: 1, 2"):
        bench.ask(OpenDoor(door=4))


def test_lock_down_refuses_an_opening_and_leaves_no_row(bench: Bench) -> None:
    bench.configure({"general": {"door1_exception_mode": "lock_down"}})
    with pytest.raises(NotPermitted, match="lock_down"):
        bench.ask(OpenDoor(door=1))
    assert bench.events() == []


def test_a_servers_grant_opens_and_is_logged_under_its_person(bench: Bench) -> None:
    granted = Authorize(event=7, user_id=3, portal_id=1, openings=(Opening(door=2),))
    bench.ask(granted)
    assert bench.unlocked(2)
    (access,) = bench.journal(EntryKind.ACCESS)
    row = access["row"]
    assert (row["event"], row["user_id"], row["portal_id"]) == (7, 3, 1)
    assert access["reason"] == "decided_by_server"


@pytest.mark.parametrize("event", [3, 6])
def test_a_servers_denial_is_logged_and_opens_nothing(bench: Bench, event: Any) -> None:
    denied = Authorize(event=event, user_id=3, openings=(Opening(door=1),))
    bench.ask(denied)
    assert bench.events() == [(event, 3)]
    assert bench.strike_edges(1) == 0


def test_a_servers_grant_moves_no_door_when_one_of_them_is_locked_down(bench: Bench) -> None:
    bench.configure({"general": {"door2_exception_mode": "lock_down"}})
    granted = Authorize(event=7, openings=(Opening(door=1), Opening(door=2)))
    with pytest.raises(NotPermitted, match="lock_down"):
        bench.ask(granted)
    assert bench.strike_edges(1) == 0
    assert bench.events() == []


def test_silence_ends_the_sound_and_not_the_alarm(bench: Bench) -> None:
    bench.ask(Simulate(verb="tamper", value="on"))
    bench.pass_time(0.2)
    assert bench.controller.status().alarm_cause == 9
    bench.ask(Silence())
    assert not bench.controller.status().alarm_active
    assert bench.alarms() == [(1, 9, 0)]


def test_obey_answers_once_the_new_rules_decide(bench: Bench) -> None:
    with bench.store() as store:
        store.modify("access_rules", {"name": "renamed"})
        version = store.policy_version()
    assert bench.policy_version < version
    assert bench.await_policy(version)
    assert bench.policy_version == version


def test_a_command_that_came_too_late_is_not_carried_out(bench: Bench) -> None:
    bench.clock.advance(10_000_000)
    with pytest.raises(ControllerUnavailable, match="too late"):
        bench.ask(OpenDoor(door=1))
    assert not bench.unlocked(1)


def test_a_site_time_without_an_offset_is_local(bench: Bench) -> None:
    bench.ask(Simulate(verb="clock", value="2026-12-24T20:00:00"))
    assert bench.clock.utc() == datetime(2026, 12, 24, 23, 0, tzinfo=UTC)
    bench.ask(Simulate(verb="clock", value="real"))
    assert bench.controller.status().clock_shift_s == 0


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (Simulate(verb="swipe", reader="side", value="1,1"), NotFound),
        (Simulate(verb="swipe", reader="front", value="x"), InvalidRequest),
        (Simulate(verb="swipe", reader="front", value="1,1", format="w99"), NotFound),
        (Simulate(verb="door", door="side", value="open"), NotFound),
        (Simulate(verb="rex", door="back"), NotFound),
        (Simulate(verb="rex", door="front", value="-1"), InvalidRequest),
        (Simulate(verb="zone", zone=5, value="active"), NotFound),
        (Simulate(verb="clock", value="tomorrow"), InvalidRequest),
        (Simulate(verb="unplug", reader="side"), NotFound),
    ],
)
def test_sim_refuses_what_makes_no_sense(
    bench: Bench, command: Simulate, error: type[GatewayError]
) -> None:
    with pytest.raises(error):
        bench.ask(command)


def test_without_a_controller_a_client_learns_it_soon(tmp_path: Path) -> None:
    client = ControllerClient(RuntimeDirectory(tmp_path))
    try:
        with pytest.raises(ControllerUnavailable):
            client.ask(OpenDoor(door=1))
        assert not client.await_policy(5)
    finally:
        client.close()
    assert threading.active_count() < 50


def test_a_flood_of_requests_does_not_delay_a_lock(bench: Bench) -> None:
    command = OpenDoor(door=1)
    bench.controller.happen(Asked(b"nobody", Request(id="1", expires_ns=1 << 62, command=command)))
    bench.settle()
    assert bench.unlocked(1)
    address = str(RuntimeDirectory.create(bench.data).command_socket)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as flood:
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        flood.connect(address)
        bench.controller.turn(0)
        message = Request(id="1", expires_ns=1 << 62, command=ReportStatus()).model_dump_json()
        for _ in range(100):
            flood.send(message.encode())
        bench.clock.advance(10)
        bench.controller.turn(0)
        assert not bench.unlocked(1)
        flood.setblocking(False)
        answered = 0
        with suppress(BlockingIOError):
            while flood.recv(1 << 18):
                answered += 1
        assert 1 <= answered <= MOST_REQUESTS


def test_replies_that_wait_are_bounded_in_number_and_time(bench: Bench) -> None:
    for number in range(2 * MOST_WAITING):
        never = Request(id=str(number), expires_ns=1 << 62, command=Obey(version=1 << 60))
        bench.controller.happen(Asked(b"nobody", never))
    assert bench.controller._requests.answers.waiting == MOST_WAITING
    bench.clock.advance(LONGEST_WAIT_NS / 1e9 + 1)
    bench.settle()
    assert bench.controller._requests.answers.waiting == 0
