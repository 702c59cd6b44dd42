"""Long work in slices, so that one loop can serve doors in between."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

ROWS_PER_SLICE = 8
"""Some 0.1 ms of work on a desktop, 1 ms on the smallest board: half of what a loop may spare."""


def sliced(rows: Iterable[T]) -> Generator[list[T], None, None]:
    """The rows in short lists, read lazily from their source."""
    source = iter(rows)
    while part := list(islice(source, ROWS_PER_SLICE)):
        yield part


def drain(work: Generator[None, None, T]) -> T:
    """Run sliced work to its end and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
