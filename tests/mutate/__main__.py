"""`python -m mutate`, from within tests/: which changes of the code does no test notice?

mutmut changes one thing at a time in the pure rooms (`[tool.mutmut]` in pyproject.toml: a
comparison, a number, an operator, a call left out) and runs the example tests of these rooms. What
it prints for a change that survives is the difference; whoever reads it decides whether a test is
missing or nothing that matters has changed. Nothing here fails a build.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("gateway", "hw", "tests", "pyproject.toml", "README.md", "LICENSE")
LONGEST_MIN = 40.0
ENDED_UNNOTICED = ("survived", "no tests")
STATS = Path("mutants/mutmut-cicd-stats.json")


def main() -> None:
    """Mutate a copy of the tree, and print the figure and the survivors."""
    asked = _arguments()
    began = time.monotonic()
    with TemporaryDirectory(prefix="gateway-mutate-") as name:
        tree = Path(name)
        _copy(tree)
        whole = _run(tree, ["run", "--max-children", str(asked.children), *asked.mutants], asked)
        left = survivors(_told(tree, "results"))
        for mutant in left:
            _say(_told(tree, "show", mutant))
        _told(tree, "export-cicd-stats")
        _say(summary(json.loads((tree / STATS).read_text(encoding="utf-8"))))
    _say(f"{'all of them' if whole else 'as many as the time allowed'}, ", end="")
    _say(f"{(time.monotonic() - began) / 60:.0f} minutes; unnoticed:")
    for mutant in left:
        _say(f"  {mutant}")


def survivors(results: str) -> list[str]:
    """The mutants that no test noticed, from lines `name: how it ended`."""
    found = []
    for line in results.splitlines():
        name, _, end = line.strip().rpartition(": ")
        if end in ENDED_UNNOTICED:
            found.append(name)
    return found


def summary(stats: dict[str, int]) -> str:
    """How many changes were tried, and how many of them noticed."""
    noticed = stats["killed"] + stats["timeout"] + stats["segfault"]
    tried = noticed + stats["survived"] + stats["no_tests"]
    part = f"{noticed / tried:.1%}" if tried else "none"
    return f"{tried} of {stats['total']} changes tried, {noticed} noticed ({part})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutate", description=__doc__)
    parser.add_argument("mutants", nargs="*", help="names of mutants, * for any; all by default")
    parser.add_argument("--children", type=int, default=2, help="processes at once")
    parser.add_argument("--minutes", type=float, default=LONGEST_MIN, help="to stop after")
    return parser.parse_args()


def _copy(tree: Path) -> None:
    """What the rooms and their tests need: mutmut works in the directory that it changes."""
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)


def _run(tree: Path, words: Sequence[str], asked: argparse.Namespace) -> bool:
    """Run mutmut; whether it came to its end in time."""
    process = subprocess.Popen(_command(words), cwd=tree, start_new_session=True)
    try:
        code = process.wait(asked.minutes * 60)
    except subprocess.TimeoutExpired:
        _end(process)
        return False
    except BaseException:
        _end(process)
        raise
    if code:
        raise SystemExit(f"mutmut ended with {code}")
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        # Its workers too: all that it started is in its session.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _told(tree: Path, *words: str) -> str:
    done = subprocess.run(_command(words), cwd=tree, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "mutmut", *words]


def _say(text: str, end: str = "\n") -> None:
    stream: TextIO = sys.stdout
    stream.write(text + end)
    stream.flush()


if __name__ == "__main__":
    main()
