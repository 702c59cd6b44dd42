"""Delivery to servers: its delay, its rate, what it costs, and what it leaves to the doors.

One door is opened by a client, which asks no server in any mode; at another one cards are swiped
meanwhile, about which the server of the online modes is asked. A server that is dead leaves the
cards to this device (contingency), as without an online mode.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client as MqttClient
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.hardware.simulated.board_record import BoardRecord, record_path
from gateway.link.client import ControllerClient
from gateway.link.messages import Command, OpenDoor, Simulate
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SITE_FILE, LockState, read_site
from gateway.settings.files import END_LINE
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal

from .client import Client
from .figures import Expectations, p50, p99, say, table
from .processes import api, gateway, memory_of
from .sites import Site, card_of, reader_of
from .swipes import Plan

EVENTS = 2_000
"""For the rate; the journal's entries, all committed before the first is sent."""
MOST_SAMPLES = 200
"""Of one figure: a door that a client opens is locked again after 100 ms at the earliest."""
PATIENCE_S = 60.0
SLOW_S = 0.5
WATCHED_S = 15.0
"""For which wake-ups are counted, when all is at rest."""
REST_S = 5.0
RATIO = 1.2
AIM_MB = 15
BRIEF_MS = 100
ASKED_DOOR, FREE_DOOR = 1, 2


class Servers:
    """The monitor, the Minop listener, the server of the online modes, a broker and its client."""

    def __init__(self, directory: Path) -> None:
        self.slow = False
        self.online = True
        """False drops every request to the server of the online modes."""
        self.got: dict[str, list[int]] = {"monitor": [], "minop": [], "mqtt": []}
        """When each message about an access came, in monotonic nanoseconds."""
        self._stack = ExitStack()
        self._serve_http()
        self._serve_mqtt(directory)

    def _serve_http(self) -> None:
        servers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # status, headers and body in one packet

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = self.path.split("/")[1]
                answer = servers.answer(name, self.path, body)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.http_port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)

    def answer(self, name: str, path: str, body: bytes) -> bytes | None:
        """The answer to a request; None for none."""
        came_ns = time.monotonic_ns()
        if name == "online":
            if not self.online:
                return None
            if "/new_" in path and self.slow:
                time.sleep(SLOW_S)
            return b'{"result":{"event":6}}'
        if name == "minop" or b'"access_logs","type":"inserted"' in body:
            self.got[name].append(came_ns)
        return b"ok"

    def _serve_mqtt(self, directory: Path) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise RuntimeError("mosquitto is not installed")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.mqtt_port = int(free.getsockname()[1])
        path = directory / "mosquitto.conf"
        path.write_text(f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\n")
        broker = subprocess.Popen([program, "-c", str(path)], stderr=subprocess.DEVNULL)
        self._stack.callback(broker.wait)
        self._stack.callback(broker.terminate)
        client = MqttClient(CallbackAPIVersion.VERSION2)
        client.on_message = self._heard
        await_true(lambda: _connected(client, self.mqtt_port))
        client.subscribe("gateway/+/door/+/event")
        client.loop_start()
        self._stack.callback(client.loop_stop)
        self._stack.callback(client.disconnect)

    def _heard(self, _client: MqttClient, _data: Any, message: MQTTMessage) -> None:
        came_ns = time.monotonic_ns()
        if b'"event_type":"granted"' in message.payload:
            self.got["mqtt"].append(came_ns)

    def close(self) -> None:
        self._stack.close()


def _connected(client: MqttClient, port: int) -> bool:
    with suppress(OSError):
        client.connect("127.0.0.1", port)
        return True
    return False


def await_true(look: Callable[[], object]) -> None:
    """Until `look` says so; raises RuntimeError after a long time."""
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError("what is measured did not come about")
        time.sleep(0.002)


class Doors:
    """Opens doors and reads when their relays were driven."""

    def __init__(self, site: Site) -> None:
        runtime = RuntimeDirectory.create(site.data)
        self._client = ControllerClient(runtime)
        self._record = BoardRecord.read(record_path(runtime.path))
        self._strikes = {it.id: it.strike for it in read_site(site.data / SITE_FILE).door}

    def ask(self, command: Command) -> None:
        self._client.ask(command, PATIENCE_S)

    def swipe(self, door: int, person: int) -> None:
        self.ask(Simulate(verb="swipe", reader=reader_of(door), value=str(card_of(person))))

    def opened_ns(self, door: int, act: Callable[[], object]) -> tuple[int, int]:
        """When `act` began and when the relay of `door` was driven; it is locked on return."""
        strike, began_ns = self._strikes[door], time.monotonic_ns()
        act()

        def edges() -> list[int]:
            found = self._record.recent()
            return [it.stamp_ns for it in found if it.pin == strike.pin and it.stamp_ns > began_ns]

        await_true(lambda: len(edges()) >= len(LockState))
        return began_ns, edges()[0]

    def close(self) -> None:
        self._record.close()
        self._client.close()


@contextmanager
def _client(url: str, site: Site) -> Iterator[Client]:
    """A client, after it has made the doors lock soon."""
    with closing(Client(url, site.password)) as client:
        relays = {f"relay{number}_timeout": str(BRIEF_MS) for number in (1, 2)}
        client.post("set_configuration", {"general": relays})
        yield client


@contextmanager
def _named(url: str, site: Site, servers: Servers) -> Iterator[Client]:
    """A client, after it has named every server but the one of the online modes."""
    with _client(url, site) as client:
        host = f"127.0.0.1:{servers.http_port}"
        client.post("set_configuration", {"monitor": {"hostname": host, "path": "monitor"}})
        client.post("set_configuration", {"minop": {"listener": f"http://{host}/minop/"}})
        row = {"name": "Server", "ip": f"http://{host}/online"}
        made = json.loads(client.post("create_objects", {"object": "devices", "values": [row]}))
        online = {"server_id": str(made["ids"][0]), "request_timeout": "2000"}
        client.post("set_configuration", {"online_client": online})
        await_true(lambda: len(_states(client)["destinations"]) == len(servers.got))
        yield client


def _states(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.post("outbox_state", {}))
    return found


def measure(site: Site, directory: Path, plan: Plan, expected: Expectations) -> None:
    """Print delays, rate, swipes beside servers of every quality, wake-ups and memory."""
    samples = min(plan.samples, MOST_SAMPLES)
    with gateway(site) as (pid, url):
        # What clients and swipes take goes to no destination's account.
        with _client(url, site), closing(Doors(site)) as doors:
            for person in range(samples):
                _swipe_ns(doors, person)
        time.sleep(REST_S)
        before = (_wakeups_a_minute(pid), memory_of(pid).pss)
    with closing(Servers(directory)) as servers:
        path = site.data / SITE_FILE
        told = f"[mqtt]\nbroker = 'mqtt://127.0.0.1:{servers.mqtt_port}'\n"
        path.write_text(path.read_text().replace(END_LINE, told + END_LINE))
        with gateway(site) as (pid, url), _named(url, site, servers) as client:
            with closing(Doors(site)) as doors:
                _delays(doors, servers, samples)
                _qualities(doors, servers, client, samples, expected)
            servers.online, servers.slow = True, False
            client.post("set_configuration", {"general": {"online": "1"}})
            await_true(lambda: _is(client, reachable=True))
            time.sleep(REST_S)
            _cost(before, (_wakeups_a_minute(pid), memory_of(pid).pss), expected)
            client.post("set_configuration", {"general": {"online": "0"}})
        _rate(site, servers)


def _delays(doors: Doors, servers: Servers, samples: int) -> None:
    found: dict[str, list[int]] = {"monitor": [], "mqtt": []}
    for person in range(samples):
        for came in servers.got.values():
            came.clear()
        _, edge_ns = doors.opened_ns(ASKED_DOOR, lambda: doors.swipe(ASKED_DOOR, person))  # noqa: B023 - called at once
        await_true(lambda: all(servers.got[name] for name in found))
        for name, delays in found.items():
            delays.append(servers.got[name][0] - edge_ns)
    say()
    say(f"From the edge of a relay to the message about it, in milliseconds, {samples} swipes")
    table(("server", "p50", "p99"), ((name, p50(it), p99(it)) for name, it in found.items()))


def _qualities(
    doors: Doors, servers: Servers, client: Client, samples: int, expected: Expectations
) -> None:
    """Openings of a door that asks nobody, and swipes that this device decides itself."""
    opened: dict[str, list[int]] = {}
    swiped: dict[str, list[int]] = {}
    for name in ("none", "healthy", "slow", "dead"):
        servers.online, servers.slow = name != "dead", name == "slow"
        mode = {"general": {"online": str(int(name != "none"))}}
        client.post("set_configuration", mode)
        if name != "none":
            reachable = name != "dead"
            await_true(lambda: _is(client, reachable=reachable))  # noqa: B023 - called at once
        opened[name] = [_opening_ns(doors, person) for person in range(samples)]
        if name in {"none", "dead"}:
            swiped[name] = [_swipe_ns(doors, person) for person in range(samples)]
    client.post("set_configuration", {"general": {"online": "0"}})
    say()
    say("From the command to the relay, in milliseconds, by the server of the online modes")
    say(
        "opening: by a client, which asks nobody, after a swipe at another door that is asked about"
    )
    say("swipe: decided here, without an online mode and in contingency")
    rows = []
    for what, found in (("opening", opened), ("swipe", swiped)):
        reference = p99(found["none"])
        rows += [(what, it, p50(w), p99(w), p99(w) / reference) for it, w in found.items()]
    table(("what", "server", "p50", "p99", "p99 to none"), rows)
    for what, name, *_, ratio in rows:
        if name != "none":
            expected.below(f"{what}, server {name}: p99 to that without", ratio, RATIO, "")


def _is(client: Client, *, reachable: bool) -> bool:
    state = _states(client).get("online")
    return state is not None and state["reachable"] is reachable and bool(state["since_utc"])


def _opening_ns(doors: Doors, person: int) -> int:
    doors.swipe(ASKED_DOOR, person)
    began_ns, edge_ns = doors.opened_ns(FREE_DOOR, lambda: doors.ask(OpenDoor(door=FREE_DOOR)))
    return edge_ns - began_ns


def _swipe_ns(doors: Doors, person: int) -> int:
    began_ns, edge_ns = doors.opened_ns(FREE_DOOR, lambda: doors.swipe(FREE_DOOR, person))
    return edge_ns - began_ns


def _wakeups_a_minute(pid: int) -> int:
    def count() -> int:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        lines = [line for task in tasks for line in (task / "status").read_text().splitlines()]
        return sum(int(it.split()[1]) for it in lines if it.startswith("voluntary_ctxt_switches:"))

    before = count()
    time.sleep(WATCHED_S)
    return round((count() - before) * 60 / WATCHED_S)


def _cost(
    before: tuple[int, float | None], after: tuple[int, float | None], expected: Expectations
) -> None:
    say()
    say("The api process at rest, without a destination and with all")
    rows = (("none", *before), ("all", *after))
    table(("destinations", "wake-ups/min", "PSS MB"), rows)
    if before[1] is not None and after[1] is not None:
        more = after[1] - before[1]
        expected.below("PSS of the api process for all destinations", more, AIM_MB, " MB")


def _rate(site: Site, servers: Servers) -> None:
    """With the api process alone: what happened waits when the first is sent."""
    with closing(Journal(site.data / JOURNAL_FILE, "bench")) as journal:
        last_id = journal.last_ids().get("access_logs", 0)
        ids = range(last_id + 1, last_id + 1 + EVENTS)
        journal.append([_access(number) for number in ids], {"access_logs": ids[-1]})
    for came in servers.got.values():
        came.clear()
    with api(site):
        await_true(lambda: all(len(came) >= EVENTS for came in servers.got.values()))
    say()
    say(f"Events delivered per second, {EVENTS:,} that wait, to all at the same time")
    rates = ((name, EVENTS / ((it[-1] - it[0]) / 1e9)) for name, it in servers.got.items())
    table(("server", "events/s"), rates)


def _access(number: int) -> Entry:
    row = {"id": number, "time": 1_800_000_000, "event": 7, "user_id": 1_001, "portal_id": 1}
    body = {"row": row, "rules": [], "reason": "granted", "facts": {"doors": [1]}}
    return Entry(EntryKind.ACCESS, body, datetime.now(UTC), number, clock_trusted=True)
