"""`gateway run` from its start to ready, and to the first door; what it weighs then."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gateway.errors import ControllerUnavailable
from gateway.hardware.simulated.board_record import BoardRecord, record_path
from gateway.link.client import ControllerClient
from gateway.link.messages import Simulate
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SITE_FILE, Level, read_site

from .figures import Expectations, say, table
from .processes import (
    START_TIME_S,
    Memory,
    Process,
    children_of,
    gateway_process,
    memory_of,
    started,
    wait_for,
)
from .sites import DOORS, Site, build, card_of, reader_of
from .swipes import AIMS_MB

TIMES = 3
REST_S = 2.0
"""Between ready and the weighing."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One start."""

    door_s: float
    """Until a swipe, tried from the first instant on, drove the relay."""
    ready_s: float
    """Until standard output said `ready`."""
    memory: tuple[Memory, Memory]
    """Of the controller and of the api process."""


def measure(sites: list[Site], expected: Expectations) -> None:
    """Start each site some times and print what came out."""
    boots = {site.users: [_boot(site) for _ in range(TIMES)] for site in sites}
    say()
    say(f"`gateway run` on {os.cpu_count()} processors, medians of {TIMES} starts")
    table(
        ("users", "first door s", "ready s", "controller", "api"),
        (
            (
                f"{users:,}",
                median(boot.door_s for boot in found),
                median(boot.ready_s for boot in found),
                *found[-1].memory,
            )
            for users, found in boots.items()
        ),
    )
    for users, found in boots.items():
        for name, memory, aim in zip(("controller", "api"), found[-1].memory, AIMS_MB, strict=True):
            expected.below(
                f"{users:,} users: memory of the {name} after the start", memory.rss, aim, " MB"
            )


def first_start_s(data: Path) -> tuple[float, float]:
    """Seconds that `init` takes, and the first start after it until `ready`."""
    began_s = time.monotonic()
    site = build(data, 0)
    made_s = time.monotonic()
    with gateway_process(site) as process:
        return made_s - began_s, wait_ready(process) / 1e9 - made_s


def _boot(site: Site) -> Boot:
    runtime = RuntimeDirectory.create(site.data)
    began_ns = time.monotonic_ns()
    command = ("-m", "gateway", "run", "--data", str(site.data), "--http", "127.0.0.1:0")
    with started(site, *command) as process, ThreadPoolExecutor(1) as pool:
        ready = pool.submit(wait_ready, process)
        _swipe(runtime, process)
        opened_ns = int(wait_for(lambda: _opened_ns(site, runtime, began_ns), process))
        ready_ns = ready.result(START_TIME_S)
        time.sleep(REST_S)
        controller, api = (memory_of(pid) for pid in children_of(process.pid))
    return Boot((opened_ns - began_ns) / 1e9, (ready_ns - began_ns) / 1e9, (controller, api))


def wait_ready(process: Process) -> int:
    """When `gateway run` said that it is ready, in monotonic nanoseconds."""
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("ready "):
        raise RuntimeError(f"{process.args!r} said {line!r}")
    return time.monotonic_ns()


def _swipe(runtime: RuntimeDirectory, process: Process) -> None:
    """Swipe once, as soon as there is a controller to ask."""
    client = ControllerClient(runtime)
    try:
        wait_for(lambda: _asked(client), process)
    finally:
        client.close()


def _asked(client: ControllerClient) -> str | None:
    try:
        client.ask(Simulate(verb="swipe", reader=reader_of(DOORS[0]), value=str(card_of(0))))
    except ControllerUnavailable:
        return None
    return "done"


def _opened_ns(site: Site, runtime: RuntimeDirectory, began_ns: int) -> str | None:
    """When the first door's relay was driven, as digits."""
    strike = read_site(site.data / SITE_FILE).door[0].strike
    record = BoardRecord.read(record_path(runtime.path))
    high = strike.unlocked is Level.HIGH
    try:
        edges = [it for it in record.recent() if it.pin == strike.pin and it.high is high]
    finally:
        record.close()
    return next((str(it.stamp_ns) for it in edges if it.stamp_ns > began_ns), None)
