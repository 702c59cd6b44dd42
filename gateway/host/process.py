"""This process and its boot: ends it with its parent; the kernel's id of the boot."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def die_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM to this process when its `parent` exits (prctl(2)).

    Ends this process at once when the parent has exited already. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def boot_id() -> str:
    """Return the kernel's random id of this boot; monotonic times are valid within one boot."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
