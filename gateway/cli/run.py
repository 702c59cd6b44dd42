"""`gateway run`: both processes in the foreground; restarts each that ends."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import structlog

from gateway.cli.logs import log_to_stderr
from gateway.cli.options import data_option, initialised
from gateway.errors import DataDirectoryError, GatewayError, SettingsError
from gateway.hardware.boards.profiles import check_site, load_profile
from gateway.host.notify import Notifier, NotifySocket
from gateway.host.process import PARENT_VARIABLE, RESTART_REQUESTED
from gateway.link.runtime import RuntimeDirectory
from gateway.link.temporary import bring_back, clear, sweep
from gateway.settings import HttpSettings, read_current_site, running_site
from gateway.settings.addresses import parse_address
from gateway.store.files import JOURNAL_FILE

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
"""The longest pause between two starts of a process that keeps ending."""
STEADY_S = 10.0
"""A process that has run this long restarts after the shortest pause."""
STOP_TIME_S = 10.0

_LEAN = {"MALLOC_ARENA_MAX": "2"}
"""Limits the C library's heaps, as the api's unit does: one heap per thread would keep memory that
other threads could use (measured after exports of 200,000 users: 76 MB instead of 85)."""

log = structlog.get_logger("run")


@dataclass
class _Child:
    """One of the two processes and the state that it reported."""

    role: str
    arguments: list[str]
    notify: NotifySocket
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    status: str = ""
    started: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_at: float = 0.0
    extra: list[str] = field(default_factory=list)

    def start(self) -> None:
        environment = {
            **_LEAN,
            **os.environ,
            "NOTIFY_SOCKET": self.notify.path,
            PARENT_VARIABLE: str(os.getpid()),
        }
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-m", "gateway", self.role, *self.arguments, *self.extra],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            env=environment,
            # Ctrl-C signals the whole foreground group. In sessions of their own the children do
            # not get it, so that the supervisor stops them in order.
            start_new_session=True,
        )
        self.started = time.monotonic()
        self.ready = False

    def ended(self) -> int | None:
        return None if self.process is None else self.process.poll()


class Supervisor:
    """Starts the controller, then the api; restarts each that ends, until `stop`."""

    def __init__(
        self,
        data: Path,
        runtime: RuntimeDirectory,
        http: HttpSettings,
        given: dict[str, str | None],
    ) -> None:
        """`http` is of the site file, `given` of the command line: option -> address."""
        self._data = data
        self._http = http
        self._given = {option: address for option, address in given.items() if address}
        self._selector = selectors.DefaultSelector()
        self._children = [self._child(runtime, role) for role in ("controller", "api")]
        self._children[1].extra = [
            word for option, address in given.items() if address for word in (option, address)
        ]
        self._stopping = False

    def _child(self, runtime: RuntimeDirectory, role: str) -> _Child:
        child = _Child(
            role, ["--data", str(self._data)], NotifySocket(str(runtime.path / f"{role}.notify"))
        )
        self._selector.register(child.notify, selectors.EVENT_READ, child)
        return child

    def stop(self) -> None:
        """Ask for an orderly end; safe in a signal handler."""
        self._stopping = True

    def run(self, on_ready: Callable[[str], None], on_moved: Callable[[str], None]) -> None:
        """Keep both processes running until `stop`.

        Calls `on_ready` with the URL once, when both are ready, and `on_moved` with each later
        URL. Raises GatewayError when one of them ends before both were ready once.
        """
        announced = ""
        try:
            for child in self._children:
                child.start()
            while not self._stopping:
                self._listen()
                for child in self._children:
                    self._tend(child, first_start=not announced)
                if all(child.ready for child in self._children):
                    url = self._children[1].status.partition(" ")[0]
                    if url != announced:
                        (on_moved if announced else on_ready)(url)
                        announced = url
        finally:
            self._end_children()

    def _listen(self) -> None:
        for key, _ in self._selector.select(timeout=0.1):
            child: _Child = key.data
            while (message := child.notify.receive()) is not None:
                if message.get("READY") == "1":
                    child.ready = True
                    child.status = message.get("STATUS", "")
                    if child.role == "api":
                        # A restarted api must listen where it did: at the configured host, which
                        # may be a wildcard, and the port that it got.
                        child.extra = self._addresses(child.status.split())

    def _addresses(self, urls: list[str]) -> list[str]:
        """The options that make the api listen at `urls` again."""
        with suppress(SettingsError):
            self._http = running_site(self._data).site.http  # a client may have changed it
        # A client may switch HTTPS on where the site has none; it then listens at the site's host.
        sites = {"--http": self._http.listen, "--https": self._http.tls or self._http.listen}
        words = []
        for url in urls:
            option = f"--{url.partition(':')[0]}"
            host = self._given.get(option, sites[option]).rpartition(":")[0]
            words += [option, f"{host}:{url.rpartition(':')[2]}"]
        return words

    def _tend(self, child: _Child, *, first_start: bool) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                child.start()
            return
        code = child.ended()
        if code is None:
            return
        if first_start:
            raise GatewayError(f"the {child.role} process did not start (exit code {code})")
        child.process = None
        child.ready = False
        if code == RESTART_REQUESTED:
            # The command line still has precedence, now with the port that the api got.
            child.extra = [
                word
                for option, address in zip(child.extra[::2], child.extra[1::2], strict=True)
                if option in self._given
                for word in (option, address)
            ]
            child.start_at = now
            return
        if now - child.started >= STEADY_S:
            child.pause_s = FIRST_PAUSE_S
        log.warning("process ended, starting it again", role=child.role, code=code)
        child.start_at = now + child.pause_s
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)

    def _end_children(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_TIME_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for child in self._children:
            child.notify.close()
        self._selector.close()


@click.command()
@data_option
@click.option("--http", metavar="HOST:PORT", help="Listen here; overrides the site file.")
@click.option("--https", metavar="HOST:PORT", help="As --http, for HTTPS.")
def run(data: Path, http: str | None, https: str | None) -> None:
    """Run both processes in the foreground; prints `ready URL` once both are ready."""
    log_to_stderr()
    initialised(data)
    given = {"--http": http, "--https": https}
    for option, address in given.items():
        if address:
            parse_address(address, option)
    # Refused here, where somebody watches; an installed device runs on with its last good copy.
    site = read_current_site(data)
    check_site(load_profile(site.site.board), site)
    runtime = RuntimeDirectory.create(data)
    held = runtime.holder("run") or runtime.holder("controller", data / JOURNAL_FILE)
    if held:
        raise DataDirectoryError(f"a gateway is already running on {data}: {held}")
    notifier = Notifier()
    sweep(runtime)
    with runtime.claim("run"):
        bring_back(runtime, data)
        supervisor = Supervisor(data, runtime, site.http, given)

        def stop(_signal: int, _frame: object) -> None:
            supervisor.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

        def ready(url: str) -> None:
            runtime.note("run", f"pid {os.getpid()} {url}")
            click.echo(f"ready {url}")
            sys.stdout.flush()
            notifier.ready(url)

        def moved(url: str) -> None:
            runtime.note("run", f"pid {os.getpid()} {url}")
            log.info("the api listens elsewhere", url=url)

        try:
            supervisor.run(ready, moved)
        finally:
            notifier.stopping()
            clear(runtime, data)
