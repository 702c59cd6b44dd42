"""Flips bytes of a database file at rest and sees who a door opens for afterwards."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Flips:
    """What became of the doors."""

    tried: int = 0
    opened: int = 0
    """With one byte flipped, for the person whose card it is."""
    wrong: list[str] = field(default_factory=list)
    """Flips after which somebody came in who must not."""
    shut: list[str] = field(default_factory=list)
    """Flips after which the person was denied."""

    @property
    def rate(self) -> float:
        return self.opened / self.tried


def flip_rate(
    site: Path,
    file: str,
    count: int,
    seed: int,
    scratch: Path,
    swiped: Callable[[Path], tuple[bool, bool]],
) -> Flips:
    """Flip one byte of `file` in each of `count` copies of the data directory `site`; GATEWAY_FLIPS
    takes the place of the count for a long search.

    `swiped` starts a controller on a copy and tells whether the known card, and whether any other,
    opened a door.
    """
    draw = random.Random(seed)  # noqa: S311 - which bytes is no secret
    length = (site / file).stat().st_size
    found = Flips()
    for number in range(int(os.environ.get("GATEWAY_FLIPS", count))):
        data = scratch / f"flip-{number}"
        shutil.copytree(site, data, symlinks=True)
        at, bits = draw.randrange(length), draw.randrange(1, 256)
        with (data / file).open("r+b") as spoilt:
            spoilt.seek(at)
            before = spoilt.read(1)[0]
            spoilt.seek(at)
            spoilt.write(bytes([before ^ bits]))
        known, others = swiped(data)
        what = f"{file} byte {at} ^ {bits:#x}"
        found.tried += 1
        found.opened += known
        if not known:
            found.shut.append(what)
        if others:
            found.wrong.append(what)
        shutil.rmtree(data)
    return found


def at_rest(data: Path) -> None:
    """Let no file of `data` have a log beside it: each is whole by itself."""
    for path in data.glob("*.db"):
        connection: Any = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
