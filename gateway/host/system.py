"""Memory and disk capacity of the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Capacity:
    """Total and free capacity, in bytes."""

    total: int
    free: int


def memory(source: Path = _MEMORY) -> Capacity:
    """Return the memory; free is what programs can still allocate (proc(5), MemAvailable).

    Returns zeros where the system does not report it.
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
    """Return the file system of `path`; free is what this process may use.

    Raises OSError for a missing path.
    """
    found = os.statvfs(path)
    return Capacity(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
