"""Peers of the network interlock at real sockets: gateways, the vendor's devices, dead ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.doors.peer_interlock import Reply
from gateway.link.client import ControllerClient
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ServerSettings
from gateway.store.objects.store import Store
from gateway.uplink.peer_interlock import PeerInterlock
from tests.wild_server import Talk, WildServer, hang

OWN = 5
Serve = Callable[..., WildServer]
Pairing = Callable[..., PeerInterlock]


@pytest.fixture
def pairing(tmp_path: Path) -> Iterator[Pairing]:
    """Makes the interlock of a device whose peers are the given servers."""
    with ExitStack() as stack:
        store = stack.enter_context(Store.create(tmp_path / "store.db", REGISTRY, lambda: 0))
        # Nobody listens there: the state of this device's own doors cannot be told.
        controller = ControllerClient(RuntimeDirectory(tmp_path / "run"))
        stack.callback(controller.close)

        def with_peers(*servers: WildServer, enabled: int = 1) -> PeerInterlock:
            rows = [
                {
                    "ip": f"http://127.0.0.1:{server.port}",
                    "login": "gate",
                    "password": "secret",
                    "portal_name": f"peer {number}",
                    "enabled": enabled,
                }
                for number, server in enumerate(servers)
            ]
            if rows:
                store.insert("network_interlocking_rules", rows)
            made = PeerInterlock(store, controller, OWN, ServerSettings(plain_secrets=True))
            stack.callback(made.close)
            return made

        yield with_peers


def speaking(server: WildServer, **answers: object) -> Talk:
    """Answers each command by its JSON; one that is not given by 404, a number by that status."""

    def talk(connection: socket.socket) -> None:
        command = server.requests[-1].target[1:].partition(".")[0]
        found = answers.get(command, 404)
        status, body = (found, {}) if isinstance(found, int) else (200, found)
        content = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)

    return talk


def peer(serve: Serve, **answers: object) -> WildServer:
    server = serve()
    server.talk = speaking(server, login={"session": "s"}, **answers)
    return server


def commands(server: WildServer) -> list[str]:
    return [request.target[1:].partition(".")[0] for request in server.requests]


def test_a_door_may_open_when_every_peer_is_free(serve: Serve, pairing: Pairing) -> None:
    servers = [peer(serve, announce_opening={"state": "free"}) for _ in range(2)]
    interlock = pairing(*servers)
    assert interlock.clear().free
    for server in servers:
        assert commands(server) == ["login", "announce_opening"]
        assert server.requests[-1].json == {"device_id": OWN}


def test_without_peers_every_door_may_open(pairing: Pairing) -> None:
    assert pairing().clear().free


def test_a_peer_that_is_switched_off_is_not_asked(serve: Serve, pairing: Pairing) -> None:
    server = peer(serve)
    assert pairing(server, enabled=0).clear().free
    assert not server.requests


@pytest.mark.parametrize(("state", "words"), [("occupied", "not closed"), ("claimed", "first")])
def test_one_peer_that_is_not_free_is_named(
    serve: Serve, pairing: Pairing, state: str, words: str
) -> None:
    interlock = pairing(
        peer(serve, announce_opening={"state": "free"}),
        peer(serve, announce_opening={"state": state}),
    )
    found = interlock.clear()
    assert not found.free
    assert found.peer == "peer 1"
    assert words in found.why


@pytest.mark.parametrize("is_open", [True, False])
def test_a_device_of_the_vendor_is_asked_for_its_doors(
    serve: Serve, pairing: Pairing, *, is_open: bool
) -> None:
    doors = {"doors": [{"id": 1, "open": False}, {"id": 2, "open": is_open}]}
    server = peer(serve, doors_state=doors)
    assert pairing(server).clear().free is not is_open
    assert commands(server) == ["login", "announce_opening", "doors_state"]


def test_a_session_is_kept_and_made_anew_when_it_has_expired(
    serve: Serve, pairing: Pairing
) -> None:
    server = peer(serve, announce_opening={"state": "occupied"})
    interlock = pairing(server)
    interlock.clear()
    interlock.clear()
    assert commands(server) == ["login", "announce_opening", "announce_opening"]
    server.talk = speaking(server, announce_opening=401)
    assert not interlock.clear().free
    assert commands(server)[3:] == ["announce_opening", "login"]


@pytest.mark.parametrize(
    "announced", [{"state": "perhaps"}, {}, 500, 403], ids=["rubbish", "empty", "500", "403"]
)
def test_a_peer_that_does_not_say_that_it_is_free_is_not(
    serve: Serve, pairing: Pairing, announced: object
) -> None:
    found = pairing(peer(serve, announce_opening=announced)).clear()
    assert not found.free
    assert found.peer == "peer 0"


def test_a_silent_peer_keeps_doors_locked(serve: Serve, pairing: Pairing) -> None:
    server = serve()
    server.talk = hang(server.ended)
    found = pairing(server).clear()
    assert not found.free
    assert (found.peer, "silent" in found.why or "in time" in found.why) == ("peer 0", True)


def test_a_device_whose_controller_does_not_answer_lets_nobody_open(pairing: Pairing) -> None:
    assert pairing().announced(7) is Reply.OCCUPIED
