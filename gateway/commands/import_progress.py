"""How far the running import is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ImportProgress:
    """The rows of the running import that are done. Thread-safe; imports run one at a time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._by: str | None = None
        self._done = self._total = 0

    @contextmanager
    def running(self, by: str, total: int) -> Iterator[None]:
        """During the block an import of `total` rows runs, which the login `by` has sent."""
        with self._guard:
            self._by, self._done, self._total = by, 0, total
        try:
            yield
        finally:
            with self._guard:
                self._by = None

    def advance(self, rows: int) -> None:
        """That many more rows are done."""
        with self._guard:
            self._done += rows

    def state(self) -> dict[str, object]:
        """Whether an import runs, of whom, and its rows; those of the last one if none runs."""
        with self._guard:
            return {
                "running": self._by is not None,
                "by": self._by or "",
                "done": self._done,
                "total": self._total,
            }
