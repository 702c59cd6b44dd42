"""The installed `gateway`, started and used as a person would: its own directories, real sockets.

Nothing here waits for a length of time: conditions are polled until they hold or a deadline that
is far beyond what a slow machine needs has passed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Self, TypeVar

import pytest
import requests

import gateway as installed
from gateway.access.guessing import UNKNOWN
from gateway.commands.provisioning import initialise
from gateway.hardware.simulated.board_record import BoardRecord, EdgeRecord, record_path
from gateway.link.client import ControllerClient
from gateway.link.messages import ControllerStatus, Simulate
from gateway.link.runtime import RuntimeDirectory
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import CommittedEntry, JournalReader

from .fork_server import ForkServer, Process

T = TypeVar("T")
Row = dict[str, Any]
Reply = tuple[int, Any]

DEADLINE_S = 90.0
"""Far more than anything here takes."""
BRIEF_MS, LONG_MS = 100, 600_000
"""The shortest and the longest time for which a grant unlocks."""

_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET")


def eventually(look: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """The first truthy answer of `look`; fails, naming `what` and the last answer, at the end."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about; last seen: {found!r}")
        pause.wait(0.02)
    return found


def gateway_command() -> list[str]:
    """The console script of the environment that runs the tests."""
    script = Path(sys.executable).with_name("gateway")
    return [str(script)] if script.exists() else [sys.executable, "-m", "gateway"]


class Home:
    """What belongs to one person at one machine: an environment and a private directory."""

    def __init__(self, directory: Path, forks: ForkServer) -> None:
        self.directory = directory
        self.forks = forks
        self.runtime = directory / "run"
        self.runtime.mkdir(mode=0o700)
        self.environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        self.environment["XDG_RUNTIME_DIR"] = str(self.runtime)
        if len(gateway_command()) > 1 and installed.__file__ is not None:
            self.environment["PYTHONPATH"] = str(Path(installed.__file__).parents[1])
        self._numbers = iter(range(10_000))

    def new_path(self) -> Path:
        """A path at which nothing is yet."""
        return self.directory / f"d{next(self._numbers)}"

    def start(
        self,
        *words: str | Path,
        stdin: IO[Any] | None = None,
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
        umask: int = -1,
        variables: Mapping[str, str] = {},
    ) -> Process:
        """Start `gateway` with `words`, by a fork; `variables` are added to its environment."""
        with Path(os.devnull).open("r+b", buffering=0) as nothing:
            return self.forks.start(
                [*map(str, words)],
                {**self.environment, **variables},
                self.directory,
                [stdin or nothing, stdout or nothing, stderr or nothing],
                umask,
            )

    def type(
        self, *words: str | Path, stdin: str = "", variables: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Run `gateway` with `words` to its end, by a fork; `variables` as for `start`."""
        with TemporaryFile("w+") as typed, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            typed.write(stdin)
            for stream in (typed, out, err):
                stream.seek(0)
            process = self.start(*words, stdin=typed, stdout=out, stderr=err, variables=variables)
            try:
                code = process.wait(DEADLINE_S)
            finally:
                process.kill()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())


class Api:
    """A client of the device API with a session of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""
        self.http = requests.Session()

    def close(self) -> None:
        self.http.close()

    def post(self, command: str, body: object = None) -> Reply:
        """Status and JSON of a command."""
        answer = self.http.post(
            f"{self.url}/{command}.fcgi", params={"session": self.token}, json=body, timeout=20
        )
        return answer.status_code, answer.json()

    def ask(self, command: str, body: object = None) -> Any:
        """The JSON of a command that must succeed."""
        status, answer = self.post(command, body)
        assert status == 200, answer
        return answer

    def login(self, password: str, login: str = "admin") -> None:
        self.token = self.ask("login", {"login": login, "password": password})["session"]

    def create(self, name: str, *rows: Row) -> list[int]:
        ids: list[int] = self.ask("create_objects", {"object": name, "values": list(rows)})["ids"]
        return ids

    def load(self, name: str, **search: Any) -> list[Row]:
        rows: list[Row] = self.ask("load_objects", {"object": name, **search})[name]
        return rows

    def destroy(self, name: str, **where: Any) -> int:
        changes = self.ask("destroy_objects", {"object": name, "where": {name: where}})["changes"]
        return int(changes)

    def modify(self, name: str, values: Row, **where: Any) -> int:
        body = {"object": name, "values": values, "where": {name: where}}
        return int(self.ask("modify_objects", body)["changes"])

    def configure(self, module: str, **values: object) -> None:
        self.ask("set_configuration", {module: values})

    def last_id(self, name: str) -> int:
        rows = self.load(name, order=["id", "descending"], limit=1)
        return int(rows[0]["id"]) if rows else 0

    def since(self, name: str, last_id: int) -> list[Row]:
        """The rows of a log after `last_id`, oldest first."""
        return self.load(name, where={name: {"id": {">": last_id}}}, order=["id"])


@dataclass(frozen=True)
class Site:
    """A data directory that `init` made."""

    home: Home
    data: Path
    password: str

    def type(
        self,
        command: str,
        *words: str | Path,
        stdin: str = "",
        variables: Mapping[str, str] = {},
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this data directory to its end; `variables` as for `Home.start`."""
        return self.home.type(
            command, "--data", self.data, *words, stdin=stdin, variables=variables
        )

    def sim(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `gateway sim`, which must succeed."""
        done: subprocess.CompletedProcess[str] = self.type("sim", *words)
        assert done.returncode == 0, done.stderr
        return done

    def journal(self) -> list[CommittedEntry]:
        """Every committed entry."""
        reader = JournalReader(self.data / JOURNAL_FILE)
        try:
            return reader.after(0, 100_000)
        finally:
            reader.close()

    def board(self) -> Board:
        return Board(record_path(RuntimeDirectory.find(self.data).path))


class Board:
    """What the simulated board remembers, whoever lives."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _look(self, ask: Callable[[BoardRecord], T]) -> T:
        record = BoardRecord.read(self._path)
        try:
            return ask(record)
        finally:
            record.close()

    def edges(self, pin: int) -> int:
        return self._look(lambda record: record.pin(pin).edges)

    def high(self, pin: int) -> bool:
        return self._look(lambda record: record.pin(pin).high)

    def history(self, pin: int) -> list[EdgeRecord]:
        """The latest edges of one pin, oldest first."""
        return self._look(lambda record: [edge for edge in record.recent() if edge.pin == pin])


class Running:
    """A `gateway run` in the background, with a client at its API and a hand at its board."""

    def __init__(
        self, site: Site, http: str = "127.0.0.1:0", *words: str, program: bool = False
    ) -> None:
        """`program` executes the program, where otherwise a fork does. Without `http` it listens
        where the site file says."""
        self.site = site
        self._strangers = 0
        self.output = site.home.new_path()
        self.errors = self.output.with_suffix(".err")
        self._stack = ExitStack()
        out: IO[bytes] = self._stack.enter_context(self.output.open("wb"))
        err: IO[bytes] = self._stack.enter_context(self.errors.open("wb"))
        listen = ["--http", http] if http else []
        command = ["run", "--data", str(site.data), *listen, *words]
        self.process: Process = (
            subprocess.Popen(
                [*gateway_command(), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=site.home.environment,
                cwd=site.home.directory,
                start_new_session=True,
            )
            if program
            else site.home.start(*command, stdout=out, stderr=err)
        )
        self._stack.callback(self._kill)
        try:
            self.url = eventually(self._ready, "the line `ready URL`")
            self.runtime = RuntimeDirectory.find(site.data)
            self.controller = ControllerClient(self.runtime)
            self._stack.callback(self.controller.close)
            self.api = Api(self.url)
            self._stack.callback(self.api.close)
            self.api.login(site.password)
            self.board = site.board()
        except BaseException:
            self._stack.close()
            raise

    def _ready(self) -> str:
        assert self.process.poll() is None, self.errors.read_text()
        line = self.output.read_text()
        return line.removeprefix("ready ").strip() if line.endswith("\n") else ""

    def _kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as a person or the service manager would; its exit code."""
        children = [pid for pid in map(self.child, ("controller", "api")) if pid]
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        # Those of a killed parent end a moment after it.
        eventually(lambda: not any(map(alive, children)), "the end of both processes")
        self._stack.close()
        return code

    def close(self) -> None:
        """End it, however it stands."""
        if self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.stop()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # its processes

    def child(self, role: str) -> int:
        """Process id of the controller or the api; 0 while there is none."""
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children: list[str] = []
        with suppress(FileNotFoundError):  # it has ended
            children = listing.read_text().split()
        for pid in children:
            with suppress(OSError):  # gone meanwhile
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if role.encode() in words:
                    return int(pid)
        return 0

    def kill(self, role: str) -> int:
        """`kill -9` of a child; the id that it had."""
        pid = self.child(role)
        assert pid, f"no {role} runs"
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not alive(pid), f"the end of {role}")
        return pid

    # the hand at the board

    def sim(self, verb: str, **words: Any) -> dict[str, object]:
        """What `gateway sim` does, without starting a program for it."""
        command = Simulate.model_validate({"verb": verb, **words})
        return self.controller.ask(command, DEADLINE_S)

    def swipe(self, card: str, reader: str = "front") -> None:
        self.sim("swipe", reader=reader, value=card)

    def status(self) -> ControllerStatus:
        return self.controller.status()

    # what came of it

    def new_rows(self, name: str, act: Callable[[], object], count: int = 1) -> list[Row]:
        """The rows that `act` adds to a log: at least `count`, all that are there by then."""
        before = self.api.last_id(name)
        act()

        def enough() -> list[Row]:
            rows = self.api.since(name, before)
            return rows if len(rows) >= count else []

        return eventually(enough, f"{count} new rows of {name}")

    def access(self, act: Callable[[], object]) -> Row:
        """The one row of access_logs that `act` leads to."""
        rows = self.new_rows("access_logs", act)
        assert len(rows) == 1, rows
        return rows[0]

    def swiped(self, card: str, reader: str = "front") -> Row:
        """The row of one swipe. A stranger's card goes first, since the same card twice within
        two seconds is one read."""
        self.stranger(reader)
        return self._read(card, reader)

    def stranger(self, reader: str = "front") -> Row:
        """The row of a card that nobody has. There are so few of them that no reader takes them
        for guesses."""
        self._strangers = self._strangers % (UNKNOWN // 2) + 1
        return self._read(f"99,{self._strangers}", reader)

    def _read(self, card: str, reader: str) -> Row:
        """The one row that names `card`: a row that an earlier test left behind may come late."""
        facility, _, number = card.rpartition(",")
        value = (int(facility or "0") << 32) | int(number)
        before = self.api.last_id("access_logs")
        self.swipe(card, reader)

        def its_rows() -> list[Row]:
            rows = self.api.since("access_logs", before)
            return [row for row in rows if row["card_value"] == value]

        rows = eventually(its_rows, f"the row of card {card}")
        assert len(rows) == 1, rows
        return rows[0]

    def wait_locked(self, *doors: int) -> None:
        """Until every door (of `doors`) is locked."""

        def locked() -> bool:
            found = self.status().doors
            return not any(door.unlocked for door in found if not doors or door.id in doors)

        eventually(locked, "locked doors")


def alive(pid: int) -> bool:
    """Whether a process runs: it is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _password(printed: str) -> str:
    return next(line.split()[1] for line in printed.splitlines() if line.startswith("password "))


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def home(forks: ForkServer) -> Iterator[Home]:
    # Short on purpose: a socket's path may hold 107 bytes.
    with tempfile.TemporaryDirectory(prefix="gw-") as directory:
        yield Home(Path(directory), forks)


class Maker:
    """Makes sites: the demo's, or one of a site file."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._demo: Site | None = None

    def init(self, data: Path, *words: str | Path) -> Site:
        """Type `gateway init`, which must succeed."""
        done = self._home.type("init", "--data", data, *words)
        assert done.returncode == 0, done.stderr
        return Site(self._home, data, _password(done.stderr))

    def demo(self) -> Site:
        """A demo site that never ran; a copy of one that `init` made."""
        if self._demo is None:
            self._demo = self.init(self._home.new_path(), "--demo")
        data = self._home.new_path()
        shutil.copytree(self._demo.data, data)
        return Site(self._home, data, self._demo.password)

    def run(self, site: Site) -> Running:
        """`gateway run` on `site`, until the end of a `with`."""
        return Running(site)

    def site(self, text: str) -> Site:
        """A fresh site of the site file `text`, made as `gateway init` does, without the two
        seconds that another process takes."""
        data = self._home.new_path()
        return Site(self._home, data, initialise(data, text, demo=False))


@pytest.fixture(scope="session")
def make(home: Home) -> Maker:
    return Maker(home)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts `gateway run` on a site; it ends with the test."""
    with ExitStack() as stack:
        yield lambda *args, **how: stack.enter_context(Running(*args, **how))


@pytest.fixture(scope="module")
def shared_demo(make: Maker) -> Iterator[Running]:
    with Running(make.demo()) as running:
        # The shortest there is, so that nothing here waits long for a relock.
        running.api.configure("general", relay1_timeout=BRIEF_MS, relay2_timeout=BRIEF_MS)
        yield running


@pytest.fixture
def demo(shared_demo: Running) -> Running:
    """The demo site at work and at rest, shared by the tests of a file."""
    for name in ("front", "back"):
        shared_demo.sim("door", door=name, value="closed")
    for number in (1, 2):
        shared_demo.sim("zone", zone=number, value="idle")
    shared_demo.sim("tamper", value="off")
    shared_demo.sim("clock", value="real")
    shared_demo.wait_locked()
    eventually(lambda: not any(door.open for door in shared_demo.status().doors), "closed doors")
    return shared_demo


@pytest.fixture
def unhurried(demo: Running) -> Iterator[Running]:
    """`demo` with a front door that waits for whoever was let in, and locks when it opens."""
    demo.api.configure("general", relay1_timeout=LONG_MS)
    yield demo
    demo.api.configure("general", relay1_timeout=BRIEF_MS)


@pytest.fixture(name="eventually", scope="session")
def eventually_fixture() -> Callable[..., Any]:
    """`eventually(look, what)`: the first truthy answer of `look`."""
    return eventually


@pytest.fixture(name="alive", scope="session")
def alive_fixture() -> Callable[[int], bool]:
    """`alive(pid)`: whether a process runs."""
    return alive


@pytest.fixture(name="gateway_command", scope="session")
def gateway_command_fixture() -> list[str]:
    """How the installed program is called."""
    return gateway_command()
