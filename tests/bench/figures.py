"""Quantiles, tables, and what was expected."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

_MS = 1e6


def say(text: str = "") -> None:
    """One line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def quantile(values: Iterable[int], part: float) -> float:
    """The nearest-rank quantile of nanoseconds, in milliseconds."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] / _MS


def p50(values: Iterable[int]) -> float:
    return quantile(values, 0.5)


def p99(values: Iterable[int]) -> float:
    return quantile(values, 0.99)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns under their names, numbers to the right."""
    shown = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
    for row in shown:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join((first.strip().ljust(widths[0]), *rest)))


def _shown(cell: object) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


class Expectations:
    """Compares; never fails anything."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def below(self, what: str, found: float, limit: float, unit: str) -> bool:
        """Say, and answer, whether `found` is at most `limit`."""
        met = found <= limit
        if not met:
            self.missed.append(what)
        say(f"  {'pass' if met else 'MISS'}  {what}: {found:.2f}{unit}, expected {limit:.2f}{unit}")
        return met

    def least(self, what: str, found: float, limit: float, unit: str) -> bool:
        """Say, and answer, whether `found` is at least `limit`."""
        met = found >= limit
        if not met:
            self.missed.append(what)
        say(f"  {'pass' if met else 'MISS'}  {what}: {found:.2f}{unit}, at least {limit:.2f}{unit}")
        return met
