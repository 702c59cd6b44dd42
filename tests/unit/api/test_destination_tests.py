"""Tests of the servers that this device sends to, over a real socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.settings import MqttSettings, ServerSettings
from gateway.uplink import destination_probe
from gateway.uplink.destination_probe import DestinationProbe
from tests.mqtt.broker import Mosquitto
from tests.wild_server import WildServer, answer

Order = Callable[..., Any]
Probe = Callable[..., DestinationProbe]


@pytest.fixture
def probe(throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """Puts the probe of a site into the place of none."""
    context = throwaway.context
    monkeypatch.setattr(destination_probe, "BETWEEN_S", 0.0)

    def put(mqtt: MqttSettings | None = None, *, plain_push: bool = True) -> DestinationProbe:
        servers = ServerSettings(plain_push=plain_push)
        made = DestinationProbe(context.store, SystemClock(), 1, servers, mqtt, lambda: None)
        object.__setattr__(context, "probe_destination", made)
        return made

    before = context.probe_destination
    put()
    yield put
    object.__setattr__(context, "probe_destination", before)
    for module, key in ADDRESSES.values():
        context.store.set_configuration({module: {key: ""}})


@pytest.fixture
def server() -> Iterator[WildServer]:
    made = WildServer()
    yield made
    made.close()


ADDRESSES = {
    "monitor": ("monitor", "hostname"),
    "push": ("push_server", "push_remote_address"),
    "minop": ("minop", "listener"),
}


def name_server(throwaway: SimpleNamespace, name: str, port: int) -> None:
    module, key = ADDRESSES[name]
    values = {module: {key: f"http://127.0.0.1:{port}/at"}}
    throwaway.context.store.set_configuration(values)


@pytest.mark.usefixtures("probe")
@pytest.mark.effect("test_destination")
@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_a_server_that_answers_is_reached_without_an_effect_on_it(
    order: Order, throwaway: SimpleNamespace, server: WildServer, name: str
) -> None:
    name_server(throwaway, name, server.port)
    found = order("test_destination", {"name": name}).json()
    assert found.pop("time_ms") > 0
    shown = f"http://127.0.0.1:{server.port}"
    assert found == {"success": True, "server": shown, "status": 200}
    (request,) = server.requests
    assert request.line.startswith("OPTIONS /at")


@pytest.mark.usefixtures("probe")
def test_a_server_that_fails_or_is_away_is_told_with_its_reason(
    order: Order, throwaway: SimpleNamespace, server: WildServer
) -> None:
    server.talk = answer(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    name_server(throwaway, "monitor", server.port)
    assert order("test_destination", {"name": "monitor"}).json() == {
        "success": False,
        "reason": f"http://127.0.0.1:{server.port} answered 502",
    }
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        name_server(throwaway, "monitor", nobody.getsockname()[1])
        found = order("test_destination", {"name": "monitor"}).json()
    assert found["success"] is False
    assert "refused" in found["reason"]


@pytest.mark.refusal("test_destination")
def test_what_is_not_set_or_may_not_be_is_refused(
    order: Order, throwaway: SimpleNamespace, probe: Probe
) -> None:
    for name in ("monitor", "push", "online", "minop", "mqtt"):
        assert order("test_destination", {"name": name}).status_code == 404
    assert order("test_destination", {"name": "other"}).status_code == 400
    assert order("test_destination", {"name": "monitor"}, login="operator").status_code == 403
    probe(plain_push=False)
    name_server(throwaway, "push", 80)
    reply = order("test_destination", {"name": "push"})
    assert (reply.status_code, "has no TLS" in reply.json()["error"]) == (400, True)


@pytest.mark.usefixtures("probe")
def test_tests_do_not_follow_each_other_at_once(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination_probe, "BETWEEN_S", 3_600.0)
    assert order("test_destination", {"name": "monitor"}).status_code == 404
    assert order("test_destination", {"name": "monitor"}).status_code == 429


def test_a_broker_is_logged_in_to(order: Order, probe: Probe, tmp_path: Path) -> None:
    with ExitStack() as stack:
        broker = Mosquitto(tmp_path)
        stack.callback(broker.close)
        probe(MqttSettings(broker=f"mqtt://127.0.0.1:{broker.port}"))
        found = order("test_destination", {"name": "mqtt"}).json()
        assert (found["success"], found["server"]) == (True, f"mqtt://127.0.0.1:{broker.port}")
    found = order("test_destination", {"name": "mqtt"}).json()
    assert found["success"] is False
    assert "refused" in found["reason"]
