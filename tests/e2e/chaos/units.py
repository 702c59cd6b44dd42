"""Both programs as systemd runs them, and what must hold of their doors under all harm."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import requests

from gateway.access.guessing import UNKNOWN
from gateway.errors import GatewayError
from gateway.hardware.simulated.board_record import (
    PINS,
    BoardRecord,
    PinFunction,
    PinRecord,
    record_path,
)
from gateway.host.notify import NotifySocket
from gateway.link.client import ControllerClient
from gateway.link.messages import ControllerStatus, Simulate
from gateway.link.runtime import RuntimeDirectory
from tests.e2e.conftest import Api, Site, eventually, gateway_command

if TYPE_CHECKING:
    from tests.e2e.fork_server import Process

T = TypeVar("T")

CONTROLLER, API = "controller", "api"
ANA, DAVI = "123,45678", "123,45680"
"""Cards of the demo: of a person who may enter, and of one without a rule."""
FRONT, BUTTON = 17, 22
"""The pins of the front door's strike and exit button."""
COME_BACK_S = 120.0
"""Far more than a start takes, the watchdog's time included."""
SHUT_S = 20.0
"""Far more than a decision takes; a door that is not open until then counts as shut."""
WATCHDOG_S = 30.0
"""WatchdogSec= of both units."""
_UMASK = 0o027
"""Of the controller's unit."""
ASK_S = 10.0


LONG = "GATEWAY_FLIPS" in os.environ
"""Whether this is a long search."""


def share() -> int:
    """Cases of each kind: one, or in a long search a tenth of GATEWAY_FLIPS, for starting two
    programs takes so much longer than what other tests do for a flip."""
    return max(int(os.environ["GATEWAY_FLIPS"]) // 10, 1) if LONG else 1


class Unit:
    """One of the two programs. `keep` starts it when it is not alive, as the service manager."""

    def __init__(
        self,
        role: str,
        site: Site,
        runtime: str,
        rights: Sequence[str] = (),
        wrapper: Sequence[str] = (),
    ) -> None:
        """`rights` is a command that executes every start, `wrapper` one for the first."""
        self.role = role
        self.starts = 0
        self.url = ""
        """Where the api listens, once it is ready."""
        self.log = site.data.with_name(f"{site.data.name}.{role}.log")
        self._notify = NotifySocket(str(site.data.with_name(f"{site.data.name}.{role}.s")))
        self._home = site.home
        self._words = [role, "--data", str(site.data)]
        if role == API:
            self._words += ["--http", "127.0.0.1:0"]
        self._variables = {"RUNTIME_DIRECTORY": runtime, "NOTIFY_SOCKET": self._notify.path}
        self._rights = rights
        self._wrapper = wrapper
        self._process: Process | None = None
        self._reported_s = 0.0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def keep(self) -> None:
        while (message := self._notify.receive()) is not None:
            self._reported_s = time.monotonic()
            if message.get("READY") == "1":
                self.url = message.get("STATUS", "").partition(" ")[0]
        if self.alive:
            if time.monotonic() - self._reported_s > WATCHDOG_S:
                self.kill()
            return
        self.url = ""
        with self.log.open("ab") as log:
            self._process = self._start(log)
        self._reported_s = time.monotonic() + WATCHDOG_S  # a start may take longer
        self._wrapper = ()
        self.starts += 1

    def _start(self, log: IO[bytes]) -> Process:
        before = [*self._wrapper, *self._rights]
        if not before:
            return self._home.start(
                *self._words, stdout=log, stderr=log, umask=_UMASK, variables=self._variables
            )
        return subprocess.Popen(
            [*before, *gateway_command(), *self._words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._home.environment | self._variables,
            start_new_session=True,
            umask=_UMASK,
        )

    def stop(self) -> None:
        """End it in order, or at once where it does not end."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(WATCHDOG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        if self.alive:
            self.kill()
        self._notify.close()


class Units:
    """Both programs on one site, with the simulated board and a hand at it.

    The board keeps levels and edge counts in a file that outlives the controller, so no edge is
    missed while it is killed or starts.
    """

    def __init__(
        self,
        site: Site,
        *,
        controller: Sequence[str] = (),
        api: Sequence[str] = (),
        wrapper: Sequence[str] = (),
        directories: Mapping[str, Path] | None = None,
    ) -> None:
        """`controller` and `api` are commands that execute each start of theirs, `wrapper` one for
        the first of the controller. `directories` has the runtime directory of each role where
        they differ."""
        self.site = site
        shared = site.data.with_name(f"{site.data.name}.run")
        runtime = directories or dict.fromkeys((CONTROLLER, API), shared)
        for path in runtime.values():
            path.mkdir(mode=0o700, exist_ok=True)
        listed = f"{runtime[CONTROLLER]}:{runtime[API]}"
        self.runtime = RuntimeDirectory(runtime[CONTROLLER])
        self._record = record_path(runtime[CONTROLLER])
        self.controller = Unit(CONTROLLER, site, listed, controller, wrapper)
        self.api = Unit(API, site, listed, api)
        self.kept = [self.controller, self.api]
        """The programs that run; another may take the place of the api."""
        self.refusal = ""
        """Words with which the api may end."""
        self._strangers = cycle(range(1, UNKNOWN + 1))
        self._edges: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for unit in (self.api, self.controller):
            unit.close()

    def stop(self) -> None:
        for unit in self.kept:
            unit.stop()

    def keep(self) -> None:
        for unit in self.kept:
            unit.keep()

    # ---- the board

    def _look(self, ask: Callable[[BoardRecord], T]) -> T:
        record = BoardRecord.read(self._record)
        try:
            return ask(record)
        finally:
            record.close()

    def _pin(self, number: int) -> PinRecord:
        return self._look(lambda record: record.pin(number))

    def edges(self) -> dict[int, int]:
        """Of every output, since the board was made."""
        pins = self._look(lambda record: {number: record.pin(number) for number in range(PINS)})
        return {n: pin.edges for n, pin in pins.items() if pin.function is PinFunction.OUTPUT}

    def _first_edge_ns(self, after_ns: int) -> int:
        edges = self._look(BoardRecord.recent)
        return next(it.stamp_ns for it in edges if it.pin == FRONT and it.stamp_ns > after_ns)

    def forget_edges(self) -> None:
        """Another board is going to take the place of this one."""
        self._edges = {}

    def expect_edges(self) -> None:
        """No output has moved since the last look."""
        now = self.edges()
        moved = {pin: count for pin, count in now.items() if count != self._edges.get(pin, 0)}
        assert not moved, f"edges that nobody commanded, at pin: {moved}, was {self._edges}"

    def client(self) -> Api:
        """A client of the api, as administrator."""
        client = Api(self.api.url)
        client.login(self.site.password)
        return client

    # ---- the controller

    def ask(self, verb: str, **words: Any) -> None:
        with closing(ControllerClient(self.runtime)) as client:
            client.ask(Simulate.model_validate({"verb": verb, **words}), ASK_S)

    def status(self) -> ControllerStatus:
        with closing(ControllerClient(self.runtime)) as client:
            return client.status()

    def obeys(self, version: int) -> bool:
        """Whether the controller decides by what the store has at `version`."""
        self.keep()
        with suppress(GatewayError, OSError), closing(ControllerClient(self.runtime)) as client:
            return client.await_policy(version)
        return False

    def _answers(self) -> bool:
        self.keep()
        with suppress(GatewayError, OSError):
            return bool(self.status().doors)
        return False

    def _serves(self) -> bool:
        self.keep()
        if self.refused:
            return True
        with suppress(requests.RequestException):
            url = f"{self.api.url}/session_is_valid.fcgi"
            return bool(self.api.url) and requests.post(url, timeout=ASK_S).status_code < 500
        return False

    @property
    def refused(self) -> bool:
        """Whether the api ended because of what `refusal` says."""
        return bool(self.refusal) and self.refusal in self.api.log.read_text()

    def _locked(self) -> bool:
        self.keep()
        with suppress(GatewayError, OSError):
            return not any(door.unlocked for door in self.status().doors)
        return False

    def _all(self, verb: str, **words: Any) -> None:
        """Do something at the board, again where the controller restarts meanwhile."""

        def done() -> bool:
            self.keep()
            with suppress(GatewayError, OSError):
                self.ask(verb, **words)
                return True
            return False

        eventually(done, f"a controller that takes {verb}", COME_BACK_S)

    # ---- what must hold

    def check(self) -> Seen:
        """Try the doors; AssertionError names the invariant that does not hold.

        - The controller answers, and the api does where it is kept.
        - No output moves that nobody moved; nobody comes in who may not; a person can leave.

        Whether the door opens for its person is for the caller to judge: what is damaged may be
        hers.
        """
        eventually(self._answers, "a controller that answers", COME_BACK_S)
        if self.api in self.kept:
            eventually(self._serves, "an api that answers", COME_BACK_S)
        eventually(self._locked, "locked doors", COME_BACK_S)
        self.expect_edges()
        for card in (DAVI, f"99,{next(self._strangers)}"):
            self._all("swipe", reader="front", value=card)
        began_ns = time.monotonic_ns()
        self._all("swipe", reader="front", value=ANA)
        # The controller takes reads in their order: when Ana has been let in, the others were not.
        opened = self._moved(FRONT, SHUT_S)
        took_s = (self._first_edge_ns(began_ns) - began_ns) / 1e9 if opened else 0.0
        self._settled(FRONT if opened else None)
        self._all("rex", door="front")
        assert self._moved(FRONT, COME_BACK_S), "the exit button does not open the front door"
        self._settled(FRONT)
        eventually(lambda: self._pin(BUTTON).high, "a released button", COME_BACK_S)
        return Seen(opened=opened, took_s=took_s, starts=self.controller.starts)

    def _moved(self, pin: int, within_s: float) -> bool:
        def moved() -> bool:
            self.keep()
            return self.edges().get(pin, 0) > self._edges.get(pin, 0)

        with suppress(AssertionError):
            return eventually(moved, "an open door", within_s)
        return False

    def _settled(self, pin: int | None) -> None:
        """Locked again, with one edge to and one fro at `pin` and none elsewhere."""
        eventually(self._locked, "locked doors", COME_BACK_S)
        if pin is not None:
            self._edges[pin] = self._edges.get(pin, 0) + 2
        self.expect_edges()


@dataclass(frozen=True)
class Seen:
    """What `Units.check` saw."""

    opened: bool
    """For Ana."""
    took_s: float
    """From the command to the simulated board to the edge."""
    starts: int
    """Of the controller so far."""


@dataclass
class Tally:
    """A line of the summary: a kind of harm and what the doors did."""

    what: str
    tried: int = 0
    opened: int = 0
    shut: list[str] = field(default_factory=list)
    """Cases after which Ana was not let in."""
    broken: list[str] = field(default_factory=list)

    took_s: list[float] = field(default_factory=list)

    def note(self, units: Units, case: str) -> None:
        """Try the doors of `units` and keep what was seen."""
        self.tried += 1
        try:
            seen = units.check()
        except AssertionError as error:
            logs = "".join(unit.log.read_text()[-1_500:] for unit in units.kept)
            self.broken.append(f"{self.what}, case {case}: {error}\n{logs}")
            return
        self.opened += seen.opened
        if seen.opened:
            self.took_s.append(seen.took_s)
        else:
            self.shut.append(case)

    def miss(self, case: str) -> None:
        """Keep a case that did not come about."""
        self.tried += 1
        self.shut.append(case)

    def judge(self) -> None:
        """Fails when an invariant did not hold."""
        assert not self.broken, "\n".join(self.broken)

    def __str__(self) -> str:
        rate = f"{100 * self.opened / self.tried:.1f}" if self.tried else ""
        times = sorted(self.took_s) or [0.0]
        p50, p99 = (1e3 * times[int(part * (len(times) - 1))] for part in (0.5, 0.99))
        numbers = f"{self.tried:>6}{rate:>8}{len(self.broken):>8}{p50:>8.0f}{p99:>8.0f}"
        return f"{self.what:<44}{numbers}  {' '.join(self.shut)}".rstrip()


HEADING = f"{'':<44}{'tried':>6}{'open %':>8}{'broken':>8}{'p50 ms':>8}{'p99 ms':>8}  shut in case"
