"""Bit flips, the same ones in every run."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


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


def flips(seed: int, count: int) -> Iterator[Flip]:
    """`count` flips; GATEWAY_FLIPS takes the place of the count for a long search."""
    numbers = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(int(os.environ.get("GATEWAY_FLIPS", count))):
        yield Flip(numbers.random(), numbers.randrange(8))
