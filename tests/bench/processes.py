"""The processes of a measurement: started, asked, looked at, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.host.process import PARENT_VARIABLE
from gateway.link.runtime import RuntimeDirectory

from .sites import Site

START_TIME_S = 60.0
STOP_TIME_S = 15.0
AS_UNIT = {"MALLOC_ARENA_MAX": "2"}
"""`Environment=` of systemd/gateway-api.service."""
LAST_WORDS = 4_000
"""Characters of a log that are shown."""
NOT_ON_A_DEVICE = "rich"
"""A package of the tests that structlog loads where it finds it: some 4 MB in each process."""

Process = subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in megabytes (1e6); `pss` shares what several processes map, None where
    the kernel does not tell it."""

    rss: float
    pss: float | None

    def __str__(self) -> str:
        shared = "" if self.pss is None else f" (PSS {self.pss:.0f})"
        return f"{self.rss:.0f} MB{shared}"


def memory_of(pid: int) -> Memory:
    """What a running process occupies."""
    rss = _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS:")
    try:
        pss = _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")
    except OSError:
        pss = None
    return Memory(0.0 if rss is None else rss, pss)


def forget_peak(pid: int) -> None:
    """Let `peak_mb` count from now on; where the kernel does not let us, it goes on counting."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def peak_mb(pid: int) -> float:
    """The most memory that a process has occupied, in megabytes (1e6)."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:") or 0.0


def _kilobytes(path: Path, name: str) -> float | None:
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def children_of(pid: int) -> list[int]:
    """The processes that `pid` started, oldest first."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


@contextmanager
def started(
    site: Site,
    *arguments: str,
    nice: int = 0,
    variables: Mapping[str, str] = {},
    through: Sequence[str] = (),
) -> Iterator[Process]:
    """`python ARGUMENTS` for `site`, with `variables` in its environment; it has ended on leaving.

    `through` is a program that becomes it.

    What it says on standard error goes to a file in the runtime directory, and is shown when
    something goes wrong.
    """
    runtime = RuntimeDirectory.create(site.data).path
    without = runtime / "without"
    without.mkdir(exist_ok=True)
    (without / f"{NOT_ON_A_DEVICE}.py").write_text("raise ImportError(__name__)\n")
    log = runtime / "processes.log"
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*through, sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(without),
                **variables,
                PARENT_VARIABLE: str(os.getpid()),
            },
            # As systemd starts a service: nice values count within a session (sched(7), autogroup).
            start_new_session=True,
        )
    try:
        if nice:
            # At once, while it has one thread: threads inherit it from who starts them.
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        yield process
    except RuntimeError:
        said = log.read_text(encoding="utf-8", errors="replace")
        sys.stderr.write(said[-LAST_WORDS:])
        raise
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIME_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def ask(process: Process, request: Mapping[str, Any]) -> Any:
    """The answer of a process that takes and gives one line of JSON at a time."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended without an answer")
    return json.loads(line)


@contextmanager
def api(site: Site) -> Iterator[tuple[Process, str]]:
    """The real api process on a free port, with its URL."""
    command = ("-m", "gateway", "api", "--data", str(site.data), "--http", "127.0.0.1:0")
    with started(site, *command, variables=AS_UNIT) as process:
        yield process, _url(site, process)


@contextmanager
def profiled_api(site: Site) -> Iterator[tuple[Process, str]]:
    """The same, which tells at the end of its input where its time went."""
    with started(site, "-m", f"{__package__}.profiled", str(site.data)) as process:
        yield process, _url(site, process)


def gateway_process(site: Site, through: Sequence[str] = ()) -> AbstractContextManager[Process]:
    """`gateway run`, which starts the controller and the api process, in this order."""
    command = ("-m", "gateway", "run", "--data", str(site.data), "--http", "127.0.0.1:0")
    return started(site, *command, through=through)


@contextmanager
def gateway(site: Site) -> Iterator[tuple[int, str]]:
    """The same: the id of the api process, and its URL."""
    with gateway_process(site) as process:
        url = _url(site, process)
        _controller, api_id = children_of(process.pid)
        yield api_id, url


def _url(site: Site, process: Process) -> str:
    """Where the api process of `site` listens, once it does."""
    runtime = RuntimeDirectory.create(site.data)

    def url() -> str | None:
        noted = runtime.holder("api") or ""
        return noted if noted.startswith("http") else None

    return wait_for(url, process)


def swiper(site: Site, nice: int) -> AbstractContextManager[Process]:
    """The real controller, and somebody who swipes."""
    return started(site, "-m", f"{__package__}.swiper", str(site.data), nice=nice)


def wait_for(look: Callable[[], str | None], process: Process) -> str:
    """What `look` finds, as soon as it finds something, while `process` lives."""
    deadline = time.monotonic() + START_TIME_S
    while (found := look()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start")
        time.sleep(0.005)
    return found
