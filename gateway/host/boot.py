"""The kernel's id of the current boot."""

from __future__ import annotations

from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the kernel's random id of this boot; monotonic times are valid within one boot."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
