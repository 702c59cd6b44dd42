"""Imports, exports, look-ups and pages over HTTP, beside the same work of bare sqlite3 and json.

The whole gateway runs; one client asks it, one thing after the other. The reference (`bare.py`)
is sent the same bodies through a pipe, in turns, so that both meet the same noise, and has to give
the same answers. The clock runs from the first byte sent to the last byte received.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.api.serving.limits import Limits

from . import work
from .client import PIECE, Client
from .figures import Expectations, p50, p99, say, table
from .processes import Process, forget_peak, gateway, peak_mb, profiled_api, started
from .sites import Site, build
from .work import ROWS, Kind, Request

BARE = Path(__file__).with_name("bare.py")
ROUNDS = 5
FEW_ROWS = 10_000
GROWTH_MB = 2.0
"""What a ten times longer export may take more: what an allocator's luck comes to."""
MORE_ROWS = 10_000
"""Created while the profile of a creation is taken."""


class Worker(Protocol):
    """Who does the work."""

    def do(self, request: Request) -> bytes:
        """The whole answer."""


class Device:
    """The gateway, by one connection that is kept."""

    def __init__(self, url: str, password: str) -> None:
        self._client = Client(url, password)

    def do(self, request: Request) -> bytes:
        command = "create_objects" if request.verb == "create" else "load_objects"
        return self._client.post(command, request.body)

    def close(self) -> None:
        self._client.close()


class Bare:
    """The reference, by a pipe."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process has no pipes")
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()

    def do(self, request: Request) -> bytes:
        line = b"%b %b\n" % (request.verb.encode(), request.body)
        while line:
            line = line[os.write(self._in, line) :]
        pieces = [b""]
        while not pieces[-1].endswith(b"\n"):
            pieces.append(os.read(self._out, PIECE))
            if not pieces[-1]:
                raise RuntimeError("the reference ended without an answer")
        return b"".join(pieces)[:-1]


@dataclass(slots=True)
class Figure:
    """One kind of work: the times of both, in nanoseconds."""

    kind: Kind
    ours: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)
    plain: list[int] = field(default_factory=list)
    """Of the reference without triggers, for what writes."""
    peak: float = 0.0
    """Memory of the api process at its highest, in megabytes."""

    @property
    def whole(self) -> float:
        """All the time of ours over all that of the reference."""
        return sum(self.ours) / sum(self.bare)

    @property
    def typical(self) -> float:
        """Median over median."""
        return p50(self.ours) / p50(self.bare)

    def row(self) -> tuple[object, ...]:
        times = (p50(self.ours), p99(self.ours), p50(self.bare), p99(self.bare))
        untriggered = sum(self.ours) / sum(self.plain) if self.plain else "-"
        ratios = (self.typical, self.whole, untriggered)
        return (self.kind, len(self.ours), *times, *ratios, f"{self.peak:.0f} MB")


def measure(directory: Path, expected: Expectations) -> None:
    """Fill a site over HTTP, read it, and print what came out."""
    site = build(directory / "store", 0)
    bare, plain = directory / "bare.db", directory / "plain.db"
    for copy in (bare, plain):
        shutil.copy(site.store, copy)
    _drop_triggers(plain)
    figures = {kind: Figure(kind) for kind in Kind}
    _write(site, bare, plain, figures)
    for path in (site.store, bare):
        work.fill_logs(path)
    peaks = _read(site, bare, figures)
    _report(figures, peaks)
    _compare(site, figures, peaks, expected)


def _drop_triggers(path: Path) -> None:
    with closing(sqlite3.connect(path)) as run:
        names = run.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            run.execute(f"DROP TRIGGER {name}")


@contextmanager
def _reference(site: Site, path: Path) -> Iterator[Bare]:
    with started(site, str(BARE), str(path)) as process:
        yield Bare(process)


def _write(site: Site, bare: Path, plain: Path, figures: dict[Kind, Figure]) -> None:
    """Create everybody, by all three in turns."""
    with ExitStack() as stack:
        api_id, url = stack.enter_context(gateway(site))
        device = stack.enter_context(closing(Device(url, site.password)))
        reference = stack.enter_context(_reference(site, bare))
        untriggered = stack.enter_context(_reference(site, plain))
        for request in work.writes(range(ROWS)):
            figure = figures[request.kind]
            _in_turns(figure, request, device, reference, api_id)
            _timed(untriggered, request, figure.plain)


def _read(site: Site, bare: Path, figures: dict[Kind, Figure]) -> tuple[float, float]:
    """All rounds; the peak of memory of an export of few rows, and of all."""
    with ExitStack() as stack:
        api_id, url = stack.enter_context(gateway(site))
        device = stack.enter_context(closing(Device(url, site.password)))
        reference = stack.enter_context(_reference(site, bare))
        # Often enough that every thread has had its turn and opened a connection of its own.
        few = max(_peak(device, work.export(FEW_ROWS), api_id) for _ in range(2 * Limits().workers))
        whole = _peak(device, work.export(), api_id)
        for turn in range(1, ROUNDS + 1):
            for request in work.reads(turn):
                _in_turns(figures[request.kind], request, device, reference, api_id)
            say(f"  round {turn}, load {os.getloadavg()[0]:.1f}")
    return few, whole


def _in_turns(figure: Figure, request: Request, device: Worker, bare: Worker, api_id: int) -> None:
    """The request, to the reference and to the device; raises RuntimeError where they differ."""
    wanted = _timed(bare, request, figure.bare)
    forget_peak(api_id)
    if _timed(device, request, figure.ours) != wanted:
        raise RuntimeError(f"not the same answers: {request.body[:300]!r}")
    figure.peak = max(figure.peak, peak_mb(api_id))


def _timed(worker: Worker, request: Request, times: list[int]) -> bytes:
    began_ns = time.monotonic_ns()
    answer = worker.do(request)
    times.append(time.monotonic_ns() - began_ns)
    return answer


def _peak(device: Worker, request: Request, api_id: int) -> float:
    forget_peak(api_id)
    device.do(request)
    return peak_mb(api_id)


def _report(figures: dict[Kind, Figure], peaks: tuple[float, float]) -> None:
    say()
    say(f"The store over HTTP at {ROWS:,} people, and bare sqlite3 with json, in milliseconds")
    head = ("what", "n", "p50", "p99", "bare p50", "p99")
    table(
        (*head, "p50 ratio", "ratio of all", "without triggers", "api at most"),
        (figure.row() for figure in figures.values()),
    )
    few, whole = peaks
    say(
        "bare: the same bodies by a pipe to sqlite3 (executemany) and json alone; same schema, WAL,"
    )
    say("synchronous=FULL, same triggers; of bare without them, the ratio of all. The logs were")
    say("put straight into both files before the start. Clients of a look-up feel the machine's")
    say("load: see what p99 bare has.")
    say(f"memory of the api: {few:.1f} MB in an export of {FEW_ROWS:,}, {whole:.1f} MB of {ROWS:,}")


def _compare(
    site: Site, figures: dict[Kind, Figure], peaks: tuple[float, float], expected: Expectations
) -> None:
    say()
    say("Expected")
    missed: list[Kind] = []

    def below(kind: Kind, what: str, found: float, limit: float, unit: str = "x") -> None:
        if not expected.below(f"{kind}: {what}", found, limit, unit):
            missed.append(kind)

    for kind in (Kind.USERS, Kind.CARDS):
        below(kind, "over bare", figures[kind].whole, 4)
    for kind in (Kind.EXPORT, Kind.NAMES, Kind.LOG_PAGE, Kind.LOGS):
        below(kind, "p50 over bare", figures[kind].typical, 2)
    below(Kind.CARD, "p99", p99(figures[Kind.CARD].ours), 5, " ms")
    few, whole = peaks
    below(Kind.EXPORT, f"memory over an export of {FEW_ROWS:,}", whole - few, GROWTH_MB, " MB")
    # One profile for both: a card needs its person.
    for kind in dict.fromkeys(Kind.USERS if it is Kind.CARDS else it for it in missed):
        say()
        say(f"Profile of the api, its answers alone: {kind}")
        say(_profile(site, kind))


def _profile(site: Site, kind: Kind) -> str:
    """Where the time goes when that kind of work is done again."""
    if kind is Kind.USERS:
        requests = list(work.writes(range(ROWS, ROWS + MORE_ROWS)))
    else:
        requests = [it for it in work.reads(ROUNDS + 1) if it.kind is kind]
    with profiled_api(site) as (process, url):
        with closing(Device(url, site.password)) as device:
            for request in requests:
                device.do(request)
        said, _ = process.communicate()
    return said
