"""How a process that `gateway run` started stays tied to it."""

from __future__ import annotations

import os

from gateway.host.process import die_with_parent

PARENT_VARIABLE = "GATEWAY_PARENT"
"""Process id of the `gateway run` that started this process."""

BEGIN_ANEW = 79
"""Exit status of an api process that wants to be started again, because a client changed where it
listens. Above those of sysexits.h; the api's unit names it too."""


def follow_parent() -> None:
    """End when the `gateway run` that started this process ends; by hand, do nothing."""
    parent = os.environ.pop(PARENT_VARIABLE, "")
    if parent.isdecimal():
        die_with_parent(int(parent))
