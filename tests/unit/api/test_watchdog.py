"""The service's watchdog hears of the api process only while each of its threads lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.api.process import feed_watchdog
from gateway.api.server import Listener, Server
from gateway.host.notify import Notifier, NotifySocket


@dataclass
class Part:
    alive: bool


@pytest.mark.parametrize(
    ("living", "fed"),
    [([True, True], True), ([True, False], False), ([False], False), ([], True)],
)
def test_a_dead_thread_starves_the_watchdog(tmp_path: Path, living: list[bool], fed: bool) -> None:
    heard = NotifySocket(str(tmp_path / "notify"))
    feed_watchdog(Notifier(heard.path), [Part(alive) for alive in living])
    assert heard.receive() == ({"WATCHDOG": "1"} if fed else None)
    heard.close()


def test_a_server_lives_until_it_is_stopped() -> None:
    server = Server(lambda *_: [b""], Listener("127.0.0.1", 0))
    assert not server.alive
    with server:
        assert server.alive
    assert not server.alive
