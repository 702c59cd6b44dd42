"""Figures of the machine: memory and disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much there is and how much of it is to be had, in bytes."""

    total: int
    free: int


def memory(source: Path = _MEMORY) -> Capacity:
    """The machine's memory; free is what programs could still get (proc(5), MemAvailable).

    Zero of zero where the system does not tell.
    """
    figures: dict[str, int] = {}
    try:
        for line in source.read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            number = rest.split()[:1]
            if number and number[0].isdigit():
                figures[name] = int(number[0]) * _KIB
    except OSError:
        return Capacity(0, 0)
    return Capacity(figures.get("MemTotal", 0), figures.get("MemAvailable", 0))


def disk(path: Path) -> Capacity:
    """The file system that holds `path`; free is what this process may still use.

    Raises OSError when there is no such path.
    """
    found = os.statvfs(path)
    return Capacity(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
