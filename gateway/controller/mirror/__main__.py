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
from collections.abc import Iterator
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


def _needed(commands: list[Message]) -> Iterator[Message]:
    """`commands` in order, without each `sync` that a later one answers as well: clients that ask
    faster than the store can be read get one look at it together.
    """
    last = max((n for n, each in enumerate(commands) if each.get("do") == "sync"), default=-1)
    for n, command in enumerate(commands):
        if n >= last or command.get("do") != "sync":
            yield command


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
        if selector.select(0 if feeder.busy else POLL_S):
            piece = os.read(commands, 1 << 16)
            if not piece:
                return
            *lines, buffer = (buffer + piece).split(b"\n")
            for command in _needed([json.loads(line) for line in lines]):
                feeder.handle(command)
        else:
            feeder.poll()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
