"""`python -m bench`, from within tests/: every measurement, one after the other.

Nothing here fails a build: what was expected is printed beside what was found.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from . import (
    attacks,
    boot,
    card,
    decisions,
    edges,
    loads,
    mirror,
    osdp,
    page,
    readers,
    rules,
    search,
    store,
    swipes,
    uplink,
    usb_readers,
    wires,
)
from .figures import Expectations, say
from .sites import DOORS, Site, add_estate, add_rules, build
from .swipes import Plan

SECTIONS = (
    "decisions",
    "swipes",
    "wires",
    "edges",
    "boot",
    "rules",
    "store",
    "search",
    "readers",
    "usb",
    "osdp",
    "loads",
    "attacks",
    "mirror",
    "uplink",
    "page",
    "card",
)
SIZES = (1_000, 200_000)
RULES = 2_000
BUSY_USERS = 10_000
UNIT_NICE = -10
"""`Nice=` of systemd/gateway-controller.service."""
MOST_SAMPLES = 1_000
"""Of a round: nobody comes twice, and the small site has no more people."""


def main() -> None:  # noqa: C901, PLR0912, PLR0915 - one case for each section
    """Build the sites in a temporary directory, measure, and clear away."""
    asked = _arguments()
    began = time.monotonic()
    expected = Expectations()
    with TemporaryDirectory(prefix="gateway-bench-") as name, _apart():
        nice = asked.nice if _may_be(asked.nice) else 0
        plan = Plan(asked.rounds, asked.samples, asked.pace_ms, nice)
        if "decisions" in asked.only:
            estate = _built(Path(name, "estate"), SIZES[1])
            add_estate(estate, RULES, decisions.PORTALS, decisions.ZONES)
            decisions.measure(estate, RULES, plan.nice, expected)
        sizes = SIZES if {"swipes", "boot"} & set(asked.only) else ()
        sites = [_built(Path(name, f"users-{size}"), size) for size in sizes]
        if "swipes" in asked.only:
            say(f"{plan.rounds} rounds of {plan.samples} swipes a cell, {plan.pace_ms} ms apart;")
            say(f"controller and floor at nice {plan.nice} (the installed unit has {UNIT_NICE})")
            swipes.measure(sites, plan, expected)
        if "wires" in asked.only:
            wired = build(Path(name, "wires"), SIZES[0], wires.UNAMBIGUOUS)
            wires.measure(wired, plan, expected)
        if "edges" in asked.only:
            edges.measure(Path(name, "edges"), expected)
        if "boot" in asked.only:
            boot.measure(sites, expected)
        if "rules" in asked.only:
            ruled = _built(Path(name, "rules"), SIZES[0])
            add_rules(ruled, RULES)
            rules.measure(ruled, RULES, plan)
        if "store" in asked.only:
            store.measure(Path(name), expected)
        if "search" in asked.only:
            search.measure(Path(name), expected)
        if "readers" in asked.only:
            readers.measure(Path(name), expected)
        if "usb" in asked.only:
            usb_readers.measure(Path(name), expected)
        if "osdp" in asked.only:
            osdp.measure(Path(name), expected)
        for section, measure in (("loads", loads.measure), ("attacks", attacks.measure)):
            if section in asked.only:
                measure(_built(Path(name, section), BUSY_USERS), plan, expected)
        if "mirror" in asked.only:
            mirror.measure(_built(Path(name, "mirror"), SIZES[1]), expected)
        if "uplink" in asked.only:
            site = build(Path(name, "uplink"), SIZES[0], DOORS)
            uplink.measure(site, Path(name), plan, expected)
        if "page" in asked.only:
            page.measure(_built(Path(name, "page"), SIZES[1]), plan, expected)
        if "card" in asked.only:
            card.measure(Path(name), expected)
    say()
    say(f"took {time.monotonic() - began:.0f} s; {len(expected.missed)} expectations missed")


def _built(data: Path, users: int) -> Site:
    began = time.monotonic()
    site = build(data, users)
    took = time.monotonic() - began
    say(f"built a site of {users:,} users in {took:.0f} s; load {os.getloadavg()[0]:.1f}")
    return site


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="these alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--samples",
        type=int,
        choices=range(1, MOST_SAMPLES + 1),
        default=500,
        metavar=f"1..{MOST_SAMPLES}",
    )
    parser.add_argument("--pace-ms", type=float, default=10.0)
    parser.add_argument("--nice", type=int, default=UNIT_NICE)
    return parser.parse_args()


def _may_be(nice: int) -> bool:
    """Whether this user may give processes that priority."""
    probe = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        os.setpriority(os.PRIO_PROCESS, probe.pid, nice)
    except PermissionError:
        return False
    finally:
        probe.communicate(b"\n")
    return True


@contextmanager
def _apart() -> Iterator[None]:
    """Let sockets, logs and simulated boards live in a directory of their own, in memory as on a
    device, where /run is."""
    memory = "/dev/shm"  # noqa: S108 - a private directory in it
    with TemporaryDirectory(prefix="gwb-", dir=memory if Path(memory).is_dir() else None) as name:
        os.environ["XDG_RUNTIME_DIR"] = name
        for variable in ("RUNTIME_DIRECTORY", "NOTIFY_SOCKET"):
            os.environ.pop(variable, None)
        yield


if __name__ == "__main__":
    main()
