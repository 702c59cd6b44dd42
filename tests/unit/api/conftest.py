"""A whole api process in one: a real store, a real HTTP server, and a controller of straw behind
the real link."""

from __future__ import annotations

import re
import select
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests
from flask.testing import FlaskClient

from gateway.api.app import create_app
from gateway.api.controlid.endpoints import PATHS
from gateway.api.login_queue import LoginTurns
from gateway.api.server import Listener, Server
from gateway.api.sessions import MemorySessions
from gateway.clock import DeviceTime, ManualClock
from gateway.commands.context import CommandContext
from gateway.errors import GatewayError
from gateway.link.client import ControllerClient
from gateway.link.messages import (
    Answer,
    AskPosition,
    Capture,
    Captured,
    Command,
    DeviceStatus,
    DoorStatus,
    Fault,
    ReportStatus,
)
from gateway.link.osdp import (
    OsdpPackets,
    OsdpReaderStatus,
    OsdpRequest,
    OsdpScan,
    OsdpStatus,
    ReportOsdp,
    ReportOsdpScan,
    ScanOsdp,
    TakeOsdpPackets,
)
from gateway.link.runtime import RuntimeDirectory
from gateway.link.server import LinkServer
from gateway.link.wiring import WatchWiring, WiringCaptures
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.factory import FACTORY_ROWS
from gateway.objects.fields import I64, U64, Blob, Choice, Flag, Id, Int, OnDelete, Ref, Text
from gateway.settings import SiteFile
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.identity import DeviceIdentity
from gateway.store.tables.tokens import TokenTable
from gateway.web.blueprint import PAGE
from gateway.web.cookies import SESSION_COOKIE
from tests.unit.statuses import AT_REST

PASSWORD = "correct horse"
_REFUSED_PHOTO = re.compile(rb'{("user_id":\d+,)?"success":false')
"""Of a photo that is refused with status 200."""
SYNTHETIC = ObjectType(
    "specimens",
    (
        Id("id"),
        I64("number"),
        Int("small", minimum=-5, maximum=5, default=0),
        U64("big", unique=True),
        Flag("flag", default=0),
        Choice("kind", choices=(0, 2), default=0),
        Text("words", max_length=20, required=True),
        Blob("bytes"),
        Ref("owner_id", "users", on_delete=OnDelete.SET_NULL),
        Text("hidden", secret=True),
    ),
)
"""One field of every kind, declared here and nowhere else."""

SITE = SiteFile.model_validate(
    {
        "site": {
            "name": "Test",
            "timezone": "America/Sao_Paulo",
            "board": "simulated",
            "sec_box_door": 2,
        },
        "http": {"listen": "127.0.0.1:8080"},
        "door": [
            {
                "id": number,
                "name": f"door{number}",
                "strike": {"pin": number, "locked": "low", "unlocked": "high"},
                "egress": "mechanical",
            }
            for number in (1, 2)
        ],
        "reader": [
            {"name": "front", "index": 1, "portal": 1, "kind": "wiegand", "d0": 12, "d1": 13}
        ],
        "siren": {"pin": 14, "active": "high"},
    }
)


T = TypeVar("T")


class StrawController:
    """Answers every command as told, and remembers it."""

    def __init__(self, runtime: RuntimeDirectory) -> None:
        self._runtime = runtime
        self._stop = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="straw controller")
        self.reset()

    def reset(self) -> None:
        self.commands: list[Command] = []
        self.refusal: GatewayError | None = None
        self.silent = False
        self.position: dict[str, int] = {}
        self.wiring = WiringCaptures(now_ns=0)
        self.osdp: tuple[OsdpReaderStatus, ...] = ()
        self.scanned = OsdpScan(port="/dev/serial/by-id/straw")
        self.packets = b""
        self.reads: dict[str, int | str] = {"card": 123, "qrcode": "CODE", "pin": "482913"}
        self.status = AT_REST.model_copy(
            update={
                "doors": (
                    DoorStatus(
                        id=1,
                        name="door1",
                        open=False,
                        unlocked=False,
                        mode="normal",
                        sensor_open=None,
                        alarms=(),
                    ),
                    DoorStatus(
                        id=2,
                        name="door2",
                        open=True,
                        unlocked=True,
                        mode="normal",
                        sensor_open=True,
                        alarms=(),
                    ),
                ),
                "devices": (
                    _reader("front", "online"),
                    _reader("side", "degraded", "an edge was lost"),
                    _reader("gone", "offline", "no such port"),
                ),
                "faults": (
                    Fault(part="rex", name="door1", why="it is stuck"),
                    Fault(part="power", name="mains_fail", why="the mains has failed"),
                ),
            }
        )

    def of(self, kind: type[T]) -> list[T]:
        return [command for command in self.commands if isinstance(command, kind)]

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(10)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _of_osdp(self, command: OsdpRequest) -> dict[str, object]:
        match command:
            case ReportOsdp():
                return OsdpStatus(readers=self.osdp).model_dump(mode="json")
            case ScanOsdp() | ReportOsdpScan():
                return self.scanned.model_dump(mode="json")
            case TakeOsdpPackets():
                return _piece(self.packets, command.after)
        return {}

    def _run(self) -> None:
        with LinkServer(self._runtime) as link:
            self._listening.set()
            while not self._stop.is_set():
                if not select.select([link], [], [], 0.02)[0]:
                    continue
                while (received := link.receive()) is not None:
                    address, request = received
                    self.commands.append(request.command)
                    if self.silent:
                        continue
                    if self.refusal is not None:
                        link.refuse(address, request.id, self.refusal)
                        continue
                    asked = isinstance(request.command, ReportStatus)
                    body = self.status.model_dump(mode="json") if asked else {}
                    if isinstance(request.command, AskPosition):
                        body = dict(self.position)
                    if isinstance(request.command, WatchWiring):
                        body = self.wiring.model_dump(mode="json")
                    if isinstance(request.command, OsdpRequest):
                        body = self._of_osdp(request.command)
                    if isinstance(request.command, Capture):
                        value = self.reads[request.command.credential]
                        body = Captured(reader="straw", value=value).model_dump()
                    link.answer(address, Answer(id=request.id, body=body))


def _piece(content: bytes, after: int) -> dict[str, object]:
    """A capture that comes in pieces of a hundred bytes."""
    piece = b64encode(content[after : after + 100]).decode()
    return OsdpPackets(content=piece, packets=1, left_s=0, full=False).model_dump(mode="json")


def _reader(name: str, health: str, why: str = "") -> DeviceStatus:
    online = health != "offline"
    return DeviceStatus(
        name=name,
        kind="wiegand",
        online=online,
        health=health,
        why=why,
        since_s=1.5,
        counters={"edges": 52, "edges_lost": 0},
    )


@pytest.fixture(scope="session", autouse=True)
def _guessing_without_pauses() -> Iterator[None]:
    """All tests share one address, and many send a wrong password."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.api.app.LoginTurns", partial(LoginTurns, longest_pause_s=0.0))
        yield


@pytest.fixture(scope="session")
def runtime() -> Iterator[RuntimeDirectory]:
    # Not pytest's own directory: the path of a socket is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        yield RuntimeDirectory(Path(name))


@pytest.fixture(scope="session")
def straw(runtime: RuntimeDirectory) -> Iterator[StrawController]:
    controller = StrawController(runtime)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture(autouse=True)
def _straw_as_new(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "straw" in request.fixturenames or "device" in request.fixturenames:
        request.getfixturevalue("straw").reset()


def _context(directory: Path, client: ControllerClient) -> tuple[CommandContext, Any]:
    clock = ManualClock(datetime(2025, 7, 1, 12, tzinfo=UTC))
    device_time = DeviceTime(lambda: ZoneInfo("America/Sao_Paulo"))
    store = Store.create(
        directory / "store.db",
        Registry((*REGISTRY, SYNTHETIC)),
        lambda: device_time.stamp(clock.utc()),
    )
    for name, rows in FACTORY_ROWS.items():
        store.insert(name, rows)
    caught_up: list[None] = []
    accounts = Accounts(store, clock.monotonic_ns)
    accounts.set_password("admin", PASSWORD)
    accounts.set_password("operator", PASSWORD, Role.OPERATOR)
    context = CommandContext(
        store=store,
        controller=client,
        accounts=accounts,
        tokens=TokenTable(store, clock.utc),
        sessions=MemorySessions(clock.monotonic_ns),
        catch_up=lambda: caught_up.append(None),
        clock=clock,
        device_time=device_time,
        site=SITE,
        data=directory,
        identity=DeviceIdentity(514685),
        version="1.2.3",
        started_ns=clock.monotonic_ns() - 93_784_000_000_000,
    )
    return context, caught_up


@pytest.fixture(scope="session")
def device(
    tmp_path_factory: pytest.TempPathFactory, runtime: RuntimeDirectory, straw: StrawController
) -> Iterator[SimpleNamespace]:
    """A device that serves; tests use rows of their own."""
    client = ControllerClient(runtime)
    context, caught_up = _context(tmp_path_factory.mktemp("device"), client)
    with Server(create_app(context), Listener("127.0.0.1", 0)) as server:
        yield SimpleNamespace(
            url=server.url,
            address=server.address,
            context=context,
            straw=straw,
            caught_up=caught_up,
            password=PASSWORD,
        )
    client.close()
    context.store.close()


@pytest.fixture(scope="session")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A device whose controller is away."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        client = ControllerClient(RuntimeDirectory(Path(name)))
        context, _ = _context(tmp_path_factory.mktemp("lonely"), client)
        with Server(create_app(context), Listener("127.0.0.1", 0)) as server:
            account = context.accounts.find("admin")
            assert account is not None
            yield SimpleNamespace(
                url=server.url,
                context=context,
                token=context.sessions.open("admin", account.stamp).token,
            )
        client.close()
        context.store.close()


@pytest.fixture(scope="module")
def throwaway(
    tmp_path_factory: pytest.TempPathFactory, runtime: RuntimeDirectory, straw: StrawController
) -> Iterator[SimpleNamespace]:
    """A device of one file's own, which may be left in any state.

    `token()` opens a session of an administrator, whatever became of the last one.
    """
    client = ControllerClient(runtime)
    context, _ = _context(tmp_path_factory.mktemp("throwaway"), client)

    def token(login: str = "admin") -> str:
        account = context.accounts.find(login)
        if account is None:
            account = context.accounts.set_password(login, PASSWORD)
        return context.sessions.open(login, account.stamp).token

    with Server(create_app(context), Listener("127.0.0.1", 0)) as server:
        yield SimpleNamespace(url=server.url, context=context, straw=straw, token=token)
    client.close()
    context.store.close()


Order = Callable[..., requests.Response]


@pytest.fixture
def order(throwaway: SimpleNamespace) -> Order:
    """`order(command, body)`: sends a command to the throw-away device as the administrator.

    `login` names another account, None nobody; `data` is a file in the place of the body; `url`
    another server of that device; further words go into the query.
    """

    def send(
        command: str,
        body: object = None,
        *,
        login: str | None = "admin",
        data: bytes | None = None,
        url: str = throwaway.url,
        **query: object,
    ) -> requests.Response:
        session = {"session": throwaway.token(login)} if login else {}
        return requests.post(
            f"{url}/{command}.fcgi",
            json=None if data is not None else body,
            data=data,
            params={**query, **session},
            timeout=60,
        )

    return send


@pytest.fixture(autouse=True)
def _claims_are_true(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A test marked `effect` or `refusal` of a command has to have seen one over a socket."""
    claimed = {
        (mark.name, name)
        for mark in request.node.iter_markers()
        if mark.name in {"effect", "refusal"}
        for name in mark.args
    }
    if not claimed:
        yield
        return
    seen: set[tuple[str, str]] = set()
    send = requests.Session.send

    def noting(session: requests.Session, sent: Any, **more: Any) -> requests.Response:
        reply = send(session, sent, **more)
        name = urlsplit(sent.url).path.strip("/").removesuffix(".fcgi")
        command = PATHS.get(name)
        if command is not None and (reply.ok or reply.json()["error"]):
            refused = not reply.ok or _REFUSED_PHOTO.match(reply.content)
            seen.add(("refusal" if refused else "effect", command.name))
        return reply

    monkeypatch.setattr(requests.Session, "send", noting)
    yield
    assert claimed <= seen


@pytest.fixture
def new_token(device: SimpleNamespace) -> Callable[..., str]:
    """Opens a session without the cost of a login."""

    def open_session(login: str = "admin") -> str:
        account = device.context.accounts.find(login)
        token: str = device.context.sessions.open(login, account.stamp).token
        return token

    return open_session


@pytest.fixture
def ask(device: SimpleNamespace, new_token: Callable[..., str]) -> Callable[..., Any]:
    """Posts a command as the administrator and gives back status and body."""
    token = new_token()

    def post(command: str, body: object = None, login: str | None = None) -> tuple[int, Any]:
        session = new_token(login) if login else token
        reply = requests.post(
            f"{device.url}/{command}.fcgi?session={session}",
            json=body,
            timeout=30,
            allow_redirects=False,  # few clients of a door follow one
        )
        return reply.status_code, reply.json()

    return post


@pytest.fixture
def stranger(throwaway: SimpleNamespace) -> FlaskClient:
    """A browser at the page, not signed in."""
    return create_app(throwaway.context, PAGE).test_client()


@pytest.fixture
def browser(stranger: FlaskClient, throwaway: SimpleNamespace) -> FlaskClient:
    """A browser at the page, signed in as the administrator."""
    context = throwaway.context
    session = context.sessions.open("admin", context.accounts.find("admin").stamp)
    stranger.set_cookie(SESSION_COOKIE, session.token)
    return stranger
