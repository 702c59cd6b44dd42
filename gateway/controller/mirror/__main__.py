"""The process that feeds the mirror: `python -m gateway.controller.mirror DATA PARENT`.

Commands come as lines of JSON on standard input, messages go out on standard output; see
`Feeder.handle`. It imports little, since it is a process of its own on a small machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
from pathlib import Path

from gateway.host.process import die_with_parent
from gateway.store.mirror.feeder import Feeder, Message

POLL_S = 0.25
"""A change whose wake-up was lost is copied within this time."""
_NICE = 5
_OOM_SCORE_ADJ = "300"
"""Above the api's: this process can be started again and nobody notices."""


def _step_back() -> None:
    """Let everything else of the gateway go first."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJ, encoding="ascii")


def _send(message: Message) -> None:
    os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def main(data: Path, parent: int) -> None:
    """Feed the mirror of the data directory `data` until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By SIGKILL: one that is stopped would keep the mirror locked.
    die_with_parent(parent, signal.SIGKILL)
    _step_back()
    feeder = Feeder(data, _send)
    commands = sys.stdin.fileno()
    os.set_blocking(commands, False)
    selector = selectors.DefaultSelector()
    selector.register(commands, selectors.EVENT_READ)
    buffer = b""
    feeder.poll()
    while True:
        if selector.select(POLL_S):
            piece = os.read(commands, 1 << 16)
            if not piece:
                return
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                feeder.handle(json.loads(line))
        else:
            feeder.poll()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
