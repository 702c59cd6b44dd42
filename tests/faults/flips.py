"""Bit flips, the same ones in every run, and who a door opens for afterwards."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Flip:
    """One bit of a file, at a place that fits any size."""

    place: float
    """Part of the file that lies before it, 0 to 1."""
    bit: int

    def apply(self, path: Path) -> None:
        """Turn the bit over."""
        content = bytearray(path.read_bytes())
        content[int(self.place * len(content))] ^= 1 << self.bit
        path.write_bytes(content)

    def __str__(self) -> str:
        return f"bit {self.bit} at {self.place:.6f}"


def drawn(numbers: random.Random) -> Flip:
    """The next flip."""
    return Flip(numbers.random(), numbers.randrange(8))


def flips(seed: int, count: int) -> Iterator[Flip]:
    """`count` flips; GATEWAY_FLIPS takes the place of the count for a long search."""
    numbers = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(int(os.environ.get("GATEWAY_FLIPS", count))):
        yield drawn(numbers)


@dataclass
class Flips:
    """What became of the doors."""

    tried: int = 0
    opened: int = 0
    """With one bit flipped, for the person whose card it is."""
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
    """Apply each of `flips` to `file` in a copy of its own of the data directory `site`.

    `swiped` starts a controller on a copy and tells whether the known card, and whether any other,
    opened a door.
    """
    found = Flips()
    for number, flip in enumerate(flips(seed, count)):
        data = scratch / f"flip-{number}"
        shutil.copytree(site, data, symlinks=True)
        flip.apply(data / file)
        known, others = swiped(data)
        what = f"{file}: {flip}"
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
