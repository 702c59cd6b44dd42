"""`python -m bench`, from within tests/: every measurement, one after the other.

Nothing here fails a build: what was expected is printed beside what was found.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from . import boot, rules, swipes
from .figures import Expectations, say
from .sites import add_rules, build
from .swipes import Plan

SIZES = (1_000, 200_000)
RULES = 2_000
MOST_SAMPLES = 1_000
"""Of a round: nobody comes twice, and the small site has no more people."""


def main() -> None:
    """Build the sites in a temporary directory, measure, and clear away."""
    asked = _arguments()
    began = time.monotonic()
    expected = Expectations()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        _keep_apart(Path(name))
        say(f"Building sites of {' and '.join(f'{size:,}' for size in SIZES)} users")
        sites = [build(Path(name, f"users-{size}"), size) for size in SIZES]
        ruled = build(Path(name, "rules"), SIZES[0])
        add_rules(ruled, RULES)
        say(f"built in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}")
        plan = Plan(asked.rounds, asked.samples, asked.pace_ms)
        say(f"{plan.rounds} rounds of {plan.samples} swipes a cell, {plan.pace_ms} ms apart")
        swipes.measure(sites, plan, expected)
        boot.measure(sites, expected)
        rules.measure(ruled, RULES, plan)
    say()
    say(f"took {time.monotonic() - began:.0f} s; {len(expected.missed)} expectations missed")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--samples",
        type=int,
        choices=range(1, MOST_SAMPLES + 1),
        default=500,
        metavar=f"1..{MOST_SAMPLES}",
    )
    parser.add_argument("--pace-ms", type=float, default=10.0)
    return parser.parse_args()


def _keep_apart(directory: Path) -> None:
    """Let sockets and simulated boards live in `directory`, not among those of other gateways."""
    runtime = directory / "run"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    for name in ("RUNTIME_DIRECTORY", "NOTIFY_SOCKET"):
        os.environ.pop(name, None)


if __name__ == "__main__":
    main()
