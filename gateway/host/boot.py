"""Which start of the machine this is."""

from __future__ import annotations

from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The kernel's random id of this boot, which monotonic times belong to."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
