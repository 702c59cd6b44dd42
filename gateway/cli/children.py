"""What ties a process to the `gateway run` that started it."""

from __future__ import annotations

import os

from gateway.host.process import die_with_parent

PARENT_VARIABLE = "GATEWAY_PARENT"
"""Process id of the `gateway run` that started this process."""

RESTART_REQUESTED = 79
"""Exit status of an api process that requests a restart, because a client changed its address.
Above those of sysexits.h; the api's unit names it too."""


def follow_parent() -> None:
    """End this process with the `gateway run` that started it; does nothing without one."""
    parent = os.environ.pop(PARENT_VARIABLE, "")
    if parent.isdecimal():
        die_with_parent(int(parent))
