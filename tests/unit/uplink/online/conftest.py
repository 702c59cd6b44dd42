"""The client of the online modes on a real store and a real server, with a controller of straw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.clock import DeviceTime, SiteZone, SystemClock
from gateway.errors import ControllerUnavailable
from gateway.link.messages import (
    AnswerQuestion,
    Command,
    ControllerStatus,
    OnlineStatus,
    ReportServer,
    ServerQuestion,
)
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ServerSettings, SiteFile, parse_site
from gateway.store.objects.store import Store
from gateway.uplink.online.client import OnlineClient
from gateway.uplink.online.questions import QuestionWorkers
from tests.demo_site import DEMO
from tests.waiting import eventually
from tests.wild_server import WildServer, says

T = TypeVar("T")
DEVICE = 4408801
AMPLE_S = 30.0
"""Far more than anything here takes."""


class StrawController:
    """Remembers what it is told; `away` answers nobody."""

    def __init__(self) -> None:
        self.told: list[Command] = []
        self.away = False

    def ask(self, command: Command) -> object:
        if self.away:
            raise ControllerUnavailable("the controller does not answer")
        self.told.append(command)
        return {}

    @property
    def reports(self) -> list[bool]:
        return [it.reachable for it in self.told if isinstance(it, ReportServer)]

    def answer(self, question: str) -> AnswerQuestion | None:
        found = (it for it in self.told if isinstance(it, AnswerQuestion))
        return next((it for it in found if it.question == question), None)


class Device:
    """A device in an online mode whose server is `server`."""

    def __init__(self, path: Path, server: WildServer, servers: ServerSettings) -> None:
        site = parse_site(DEMO, "demo").model_copy(update={"servers": servers})
        self.site: SiteFile = site
        self.server = server
        self.clock = SystemClock()
        self.store = Store.create(path / "store.db", REGISTRY, lambda: 99)
        self.controller = StrawController()
        self.changes = 0
        self.client = OnlineClient(
            self.store, self.clock, DEVICE, servers, self.controller, self._changed
        )
        self.questions = QuestionWorkers(
            self.client,
            self.store,
            self.clock,
            DeviceTime(SiteZone(site.site.zone)),
            DEVICE,
            site,
            self.controller,
        )
        (self.row,) = self.store.insert("devices", [{"name": "S", "ip": self.ip(server)}])
        self.configure(server_id=self.row, alive_interval=0)

    @staticmethod
    def ip(server: WildServer) -> str:
        return f"127.0.0.1:{server.port}/acs"

    def _changed(self) -> None:
        self.changes += 1

    def configure(self, online: int = 1, **client: object) -> None:
        values = {key: str(value) for key, value in client.items()}
        self.store.set_configuration({"general": {"online": str(online)}, "online_client": values})
        self.client.wake()

    def heartbeat(self, *, pid: int = 1, reachable: bool | None = None) -> None:
        """The controller tells what it believes; None in standalone mode."""
        online = None
        if reachable is not None:
            online = OnlineStatus(mode="pro", reachable=reachable, contingency=True)
        fields: dict[str, Any] = {
            name: field.default for name, field in ControllerStatus.model_fields.items()
        }
        self.client.heard(
            ControllerStatus.model_construct(**{**fields, "pid": pid, "online": online})
        )

    def start(self) -> None:
        self.client.start()

    def start_proved(self) -> None:
        """Start, and wait until the server is proved."""
        self.start()
        eventually(lambda: self.client.held is None, "a server that can be asked")

    def ask(self, number: str = "q1", left_s: float = AMPLE_S, **changed: Any) -> None:
        given: dict[str, Any] = {
            "id": number,
            "deadline_ns": self.clock.monotonic_ns() + int(left_s * 1e9),
            "identified": True,
            "credential": "card",
            "value": "77",
            "identifier_id": 1,
            "portal_id": 1,
            "at_utc_s": 1_700_000_000,
        }
        self.questions.take(ServerQuestion(**{**given, **changed}))

    def answered(self, number: str = "q1") -> AnswerQuestion:
        found = eventually(lambda: self.controller.answer(number), f"the answer to {number}")
        assert found is not None
        return found

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.server.requests]

    def forms(self, topic: str) -> list[dict[str, str]]:
        """The questions of `topic` that the server got."""
        return [
            request.form
            for request in self.server.requests
            if request.target == f"/acs/{topic}?session="
        ]

    def close(self) -> None:
        self.client.close()
        self.questions.close()
        self.store.close()


GRANT = says({"result": {"event": 7, "user_id": 5}})


@pytest.fixture
def server(serve: Callable[..., WildServer]) -> WildServer:
    """Grants everything, and answers the keep-alive with the same."""
    return serve(GRANT)


@pytest.fixture
def make_device(tmp_path: Path, server: WildServer) -> Iterator[Callable[[ServerSettings], Device]]:
    made: list[Device] = []

    def make(servers: ServerSettings) -> Device:
        made.append(Device(tmp_path, server, servers))
        return made[-1]

    yield make
    for device in made:
        device.close()


@pytest.fixture
def device(make_device: Callable[[ServerSettings], Device]) -> Device:
    return make_device(ServerSettings())
