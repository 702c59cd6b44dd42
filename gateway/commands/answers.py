"""What a command answers, before any transport writes it down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """`{name: [row, ...]}` with rows that are read while they are written, for big tables."""

    name: str
    rows: Iterator[Mapping[str, object]]


Answer = Mapping[str, object] | Rows

DONE: Answer = {}
"""The device's answer where nothing is documented."""
