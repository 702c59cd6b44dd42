"""A whole controller on the simulated board, on a clock that stands until it is moved."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.clock import ManualClock
from gateway.commands.provisioning import initialise
from gateway.controller.assembly import assembled
from gateway.controller.components import Item
from gateway.controller.core import HEARTBEAT_NS, Controller
from gateway.controller.mirror.mirror import Feed, MakeFeed
from gateway.controller.requests.enrolment import CaptureState, EnrolmentCaptureState
from gateway.hardware.boards.profiles import load_profile
from gateway.link.client import ControllerClient
from gateway.link.messages import Command
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SITE_FILE, SiteFile, read_site
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import EntryKind, JournalReader
from gateway.store.mirror.feeder import Feeder
from gateway.store.objects.store import Store
from tests.demo_site import DEMO

T = TypeVar("T")

MONDAY_NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""Noon in the demo's time zone, which is three hours behind UTC."""

DAWN_NS = 1_000_000_000
"""Time since the machine's start at which a controller starts."""

SETTLED_WITHIN_S = 60
"""Far more than a commit takes on a busy machine."""


class InlineFeed:
    """Feeds the mirror within the test, each time that the loop looks: no change waits for the
    process that does so at a door."""

    def __init__(self, data: Path, post: Callable[[dict[str, Any]], None]) -> None:
        self._feeder = Feeder(data, post)

    def start(self) -> None:
        self.poll()

    def poll(self) -> None:
        self._feeder.poll()

    def send(self, command: dict[str, Any]) -> None:
        self._feeder.handle(command)

    def close(self) -> None:
        self._feeder.close()


class Bench:
    """One running controller and everything a test wants to do to it."""

    def __init__(
        self, controller: Controller, site: SiteFile, data: Path, clock: ManualClock
    ) -> None:
        self.controller = controller
        self.site = site
        self.data = data
        self.clock = clock
        self._components = controller._components
        simulator = self._components.rig.simulator
        assert simulator is not None
        self.simulator = simulator
        self._client = ControllerClient(RuntimeDirectory.create(data))
        self._asking = ThreadPoolExecutor(1)

    def close(self) -> None:
        self._asking.shutdown()
        self._client.close()

    def settle(self) -> None:
        """Turn until nothing is waiting: neither in the inbox nor at the journal."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < deadline:
            self.controller.turn(1_000_000)
            idle = not len(self.controller.inbox) and not self._components.policies.compiling
            if idle and (self._components.writer.waiting == 0 or self._components.writer.fault):
                self.controller.turn(0)
                return
        raise AssertionError("the controller does not settle")

    def ask(self, command: Command) -> dict[str, object]:
        """The body of the answer to a command that a client sends over the link."""
        return self._turned_until_answered(partial(self._client.ask, command))

    def await_policy(self, version: int) -> bool:
        """Whether a client that waits for `version` learns that it decides."""
        return self._turned_until_answered(partial(self._client.await_policy, version))

    def _turned_until_answered(self, ask: Callable[[], T]) -> T:
        answer = self._asking.submit(ask)
        while not answer.done():
            self.controller.turn(1_000_000)
        return answer.result()

    def post(self, item: Item) -> None:
        """Post what a driver would."""
        self.controller.inbox.post(item)

    @property
    def capturing(self) -> bool:
        """Whether an enrolment waits for its credential, and its asker for the answer."""
        return self.capture is not None and self.capture.asker is not None

    @property
    def capture(self) -> CaptureState | None:
        """The enrolment in progress."""
        state = self.controller.components()["enrolment"].state()
        assert isinstance(state, EnrolmentCaptureState)
        return state.capture

    def begin_record(self) -> None:
        """Begin another file of the flight record."""
        self._components.flight.begin(self.controller)

    @property
    def policy_version(self) -> int:
        """The version of the rules that decide."""
        return self._components.policies.version

    def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps, as it does."""
        left = seconds
        while left > 0:
            step = min(left, 0.05 if left < 1 else 0.5)
            self.clock.advance(step)
            left -= step
            self.controller.turn(0)
        self.settle()

    def wait_until(self, look: Callable[[], object]) -> None:
        """Let time pass until something holds that a thread of a device's own brings about."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while not look():
            assert time.monotonic() < deadline, "what was waited for does not happen"
            self.pass_time(0.1)

    def online(self, device: str) -> bool:
        """Whether that reader or module is there."""
        devices = self.controller.status().devices
        return any(each.online for each in devices if each.name == device)

    def type_keys(self, keys: str, reader: str = "front") -> None:
        """Type as a person does: a key every 0.2 s."""
        for key in keys:
            self.simulator.keys(reader, key)
            self.pass_time(0.2)

    def swipe(self, card: int, reader: str = "front") -> None:
        """Swipe a card and wait until the frame's gap has passed."""
        self.simulator.swipe(reader, card, "w26")
        self.pass_time(0.1)

    def outputs(self) -> list[dict[str, Any]]:
        """Every output of the board: its pin, its level and its edges since the board was made."""
        outputs: Any = self.simulator.state()["outputs"]
        return list(outputs)

    def strike_edges(self, door: int) -> int:
        """Edges of a door's strike since the board was made."""
        return int(next(output["edges"] for output in self.outputs() if output["door"] == door))

    def unlocked(self, door: int) -> bool:
        return next(s.unlocked for s in self.controller.status().doors if s.id == door)

    def journal(self, kind: EntryKind) -> list[dict[str, Any]]:
        """Bodies of all committed entries of one kind, oldest first."""
        self.settle()
        reader = JournalReader(self.data / JOURNAL_FILE)
        try:
            found = [dict(e.body) for e in reader.after(0, 100_000) if e.kind is kind]
            # Whatever the controller writes has the form in which it is read.
            assert not reader.damage.named
            return found
        finally:
            reader.close()

    def events(self) -> list[tuple[int, int]]:
        """(event, user) of every access so far."""
        rows = [body["row"] for body in self.journal(EntryKind.ACCESS)]
        return [(row["event"], row["user_id"]) for row in rows]

    def alarms(self) -> list[tuple[int, int, int]]:
        """(event, cause, door) of every alarm row so far."""
        rows = [body["row"] for body in self.journal(EntryKind.ALARM)]
        return [(row["event"], row["cause"], row["door_id"]) for row in rows]

    def store(self) -> Store:
        """The database, as the api process would open it."""
        return Store.open(self.data / STORE_FILE, REGISTRY, lambda: 0)

    def configure(self, values: Mapping[str, Mapping[str, object]]) -> None:
        """Set configuration values and let the controller obey."""
        with self.store() as store:
            store.set_configuration(values)
        self.pass_time(1.1)


@pytest.fixture(scope="session")
def fresh_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo site as `init` leaves it, to be copied: making one costs a memory-hard hash."""
    data = tmp_path_factory.mktemp("demo") / "data"
    initialise(data, DEMO, demo=True)
    return data


@pytest.fixture
def demo(fresh_demo: Path, tmp_path: Path) -> Path:
    """An initialised demo site."""
    data = tmp_path / "data"
    shutil.copytree(fresh_demo, data)
    return data


Start = Callable[..., AbstractContextManager[Bench]]
_BOOTS = count(1)
"""Of all tests: a site that ran in one of them may be copied into another."""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs a controller on a data directory while its context lasts, from `at` on.

    Each start is one of the machine, unless `monotonic_ns` says that it is still running."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr("gateway.host.clock_trust.SYNCHRONISED", tmp_path / "synchronised")

    @contextmanager
    def running(
        data: Path,
        at: datetime = MONDAY_NOON,
        monotonic_ns: int | None = None,
        make_feed: MakeFeed = InlineFeed,
    ) -> Iterator[Bench]:
        if monotonic_ns is None:
            boot = f"boot {next(_BOOTS)}"
            monkeypatch.setattr("gateway.controller.recording.boot_id", lambda: boot)
        site = read_site(data / SITE_FILE)
        profile = load_profile(site.site.board)
        clock = ManualClock(at, monotonic_ns or DAWN_NS)
        feeds: list[Feed] = []

        def feed(data: Path, post: Callable[[dict[str, Any]], None]) -> Feed:
            feeds.append(make_feed(data, post))
            return feeds[0]

        with assembled(
            site, profile, data, RuntimeDirectory.create(data), clock, feed
        ) as controller:
            turn = controller.turn

            def turned(longest_ns: int = HEARTBEAT_NS) -> None:
                if isinstance(feeds[0], InlineFeed):
                    feeds[0].poll()
                turn(longest_ns)

            monkeypatch.setattr(controller, "turn", turned)
            bench = Bench(controller, site, data, clock)
            try:
                bench.settle()
                yield bench
            finally:
                bench.close()

    return running


@pytest.fixture
def bench(demo: Path, start: Start) -> Iterator[Bench]:
    """The demo site with a running controller."""
    with start(demo) as running:
        yield running
