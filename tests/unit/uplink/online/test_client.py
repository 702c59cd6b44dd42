"""Whether the server can be asked, at a real server and a controller of straw."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from gateway.errors import InvalidRequest, StorageError
from gateway.objects.logs import ACCESS_LOGS
from tests.unit.uplink.online.conftest import DEVICE, GRANT, Device
from tests.waiting import eventually
from tests.wild_server import WildServer, answer, hang, says

ALIVE = f"/acs/device_is_alive.fcgi?session=&device_id={DEVICE}"


def refuse(connection: socket.socket) -> None:
    says({}, "500 Internal Server Error")(connection)


def test_a_server_is_asked_about_the_session_and_then_proved_by_the_keep_alive(
    device: Device,
) -> None:
    device.start_proved()
    assert device.targets == ["/acs/session_is_valid.fcgi?session=", ALIVE]
    assert device.server.requests[1].json == {"access_logs": 0}
    state = device.client.state
    assert state is not None
    assert (state.reachable, state.failures) == (True, 0)
    assert state.last_success_utc
    assert state.since_utc
    assert device.changes == 1


def test_the_keep_alive_comes_again_with_what_waits_to_be_fetched(device: Device) -> None:
    row = {field.name: field.default or 0 for field in ACCESS_LOGS.fields if field.name != "id"}
    with device.store.transaction():
        device.store.model("access_logs").insert(**row).execute()
    device.configure(alive_interval=1_000)
    device.start()
    eventually(lambda: device.targets.count(ALIVE) >= 2, "two keep-alives")
    assert device.targets.count("/acs/session_is_valid.fcgi?session=") == 1
    assert device.server.requests[-1].json == {"access_logs": 1}


def test_in_standalone_mode_nothing_is_sent_and_nothing_told(device: Device) -> None:
    device.configure(online=0)
    device.start()
    device.heartbeat(reachable=None)
    assert device.client.destination() is None
    assert device.client.state is None
    device.configure(online=1)
    eventually(lambda: device.client.held is None, "a server that can be asked")
    device.configure(online=0)
    eventually(lambda: device.client.state is None, "the standalone mode")
    assert device.targets.count(ALIVE) == 1


def test_the_controller_is_told_once_what_it_does_not_know(device: Device) -> None:
    device.start_proved()
    device.heartbeat(reachable=False)
    eventually(lambda: device.controller.reports == [True], "the report")
    device.heartbeat(reachable=True)
    device.client.work()
    assert device.controller.reports == [True]


def test_a_controller_that_was_started_again_is_told_again(device: Device) -> None:
    device.start_proved()
    device.heartbeat(pid=1, reachable=False)
    eventually(lambda: device.controller.reports == [True], "the report")
    device.heartbeat(pid=2, reachable=False)
    eventually(lambda: device.controller.reports == [True, True], "another report")


def test_a_controller_that_does_not_answer_is_told_with_its_next_heartbeat(device: Device) -> None:
    device.controller.away = True
    device.start_proved()
    device.heartbeat(reachable=False)
    device.client.work()
    device.controller.away = False
    device.heartbeat(reachable=False)
    eventually(lambda: device.controller.reports == [True], "the report")


def test_a_server_that_is_lost_and_found_is_reported_both_times(device: Device) -> None:
    device.configure(alive_interval=1_000, max_request_attempts=2)
    device.start_proved()
    device.heartbeat(reachable=False)
    device.server.talk = refuse
    eventually(lambda: device.controller.reports == [True, False], "the loss")
    report = device.controller.told[-1]
    assert report.model_dump()["why"] == "device_is_alive.fcgi: answered 500"
    state = device.client.state
    assert state is not None
    assert (state.reachable, state.last_error) == (False, "device_is_alive.fcgi: answered 500")
    assert device.client.held == "device_is_alive.fcgi: answered 500"
    device.server.talk = GRANT
    eventually(lambda: device.controller.reports == [True, False, True], "the way back")


def test_an_api_that_was_started_anew_tells_nothing_before_it_knows(device: Device) -> None:
    device.server.talk = hang(device.server.ended)
    device.start()
    device.heartbeat(reachable=True)
    eventually(lambda: device.server.requests, "a request")
    device.client.work()
    assert device.controller.reports == []
    assert device.client.held == ""


def test_another_server_is_proved_at_once_though_the_one_before_hangs(
    device: Device, serve: Callable[..., WildServer]
) -> None:
    device.server.talk = hang(device.server.ended)
    device.start()
    eventually(lambda: device.server.requests, "a request")
    other = serve(GRANT)
    device.store.modify("devices", {"ip": device.ip(other)}, {"devices": {"id": device.row}})
    device.client.wake()
    eventually(lambda: device.client.held is None, "a server that can be asked")
    assert [request.target for request in other.requests][-1] == ALIVE


@pytest.mark.parametrize(
    ("server_id", "why"),
    [
        ("", "online_client.server_id names no server"),
        ("77", "there is no row 77 in devices"),
    ],
)
def test_a_mode_without_a_server_is_told_with_the_reason(
    device: Device, server_id: str, why: str
) -> None:
    device.configure(server_id=server_id)
    device.start()
    device.heartbeat(reachable=False)
    eventually(lambda: device.controller.reports == [False], "the report")
    assert why in device.controller.told[0].model_dump()["why"]
    with pytest.raises(InvalidRequest, match=why):
        device.client.destination()
    state = device.client.state
    assert state is not None
    assert (state.server, state.reachable) == ("", False)
    assert why in state.last_error
    device.configure(server_id=device.row)
    eventually(lambda: device.controller.reports == [False, True], "the server")


def test_before_the_settings_were_read_nobody_takes_the_mode_for_off(device: Device) -> None:
    with pytest.raises(StorageError):
        device.client.destination()


def test_a_server_elsewhere_that_redirects_is_no_server(device: Device) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    device.server.talk = answer(head)
    device.configure(max_request_attempts=1)
    device.start()
    eventually(lambda: device.client.held, "its absence")
    assert device.client.held == "device_is_alive.fcgi: answered 302: it redirects to another path"


def test_a_fault_of_this_program_in_the_keep_alive_is_a_failure_of_the_server(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.configure(max_request_attempts=1, alive_interval=60_000)
    with monkeypatch.context() as broken:
        broken.setattr("gateway.uplink.online.client.alive_message", None)
        device.start()
        device.heartbeat()
        eventually(lambda: device.controller.reports == [False], "the report")
    state = device.client.state
    assert state is not None
    assert (state.failures, state.last_error) == (1, "internal error")
