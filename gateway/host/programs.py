"""Output of other programs, bounded in time and size: what support wants to see of the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DOCTOR_S = 120.0
"""Limit of `gateway doctor`, which reads both databases whole."""
UNITS_S = 5.0
UNITS = (
    "gateway.target",
    "gateway-api.service",
    "gateway-controller.service",
    "gateway-relays.service",
    "gateway-system.socket",
)
_SHOWN = "Id,ActiveState,SubState,StateChangeTimestamp,NRestarts,ExecMainStatus,MemoryCurrent"


def doctor_output(data: Path) -> str:
    """What `gateway doctor` finds in `data`.

    A process of its own: the check loads what the api process never needs, and is given up when it
    takes too long. It finds less than root would.
    """
    return _output([sys.executable, "-m", "gateway", "doctor", "--data", str(data)], DOCTOR_S)


def unit_states() -> str:
    """The states of this program's systemd units, or why there are none."""
    program = shutil.which("systemctl")
    if program is None:
        return "this machine has no systemctl"
    return _output([program, "show", "--no-pager", f"--property={_SHOWN}", *UNITS], UNITS_S)


def _output(words: Sequence[str], limit_s: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no word comes from a client
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"given up after {limit_s:g} s"
    except OSError as error:
        return f"it could not be started: {error.strerror or error}"
    return done.stdout
