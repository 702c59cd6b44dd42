"""Ties a process to the `gateway run` that started it."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1

PARENT_VARIABLE = "GATEWAY_PARENT"
"""Process id of the `gateway run` that started this process."""

RESTART_REQUESTED = 79
"""Exit status of a process that requests a restart: the api after a client changed its address, the
controller for another site file. Above those of sysexits.h; both units name it too."""


def follow_parent() -> None:
    """End this process with the `gateway run` that started it; does nothing without one."""
    parent = os.environ.pop(PARENT_VARIABLE, "")
    if parent.isdecimal():
        die_with_parent(int(parent))


def die_with_parent(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `by` to this process when its `parent` exits (prctl(2)).

    A stopped process takes SIGTERM only when it goes on; SIGKILL ends it at once.

    Ends this process at once when the parent has exited already. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), by)
