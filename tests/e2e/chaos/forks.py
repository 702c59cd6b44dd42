"""Starts the installed program in copies of a process that has imported it.

What a start imports takes ten times as long as the rest of it. Run as `python forks.py`: each line
of standard input is a `Start` in JSON; the line of the answer is the process id.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

IMPORTED = ("gateway.cli.controller", "gateway.cli.api")


@dataclass(frozen=True)
class Start:
    """A program to be started, in a session of its own."""

    words: Sequence[str]
    """Without the program's name."""
    log: str
    """Where its output is appended."""
    environment: dict[str, str]
    umask: int


class ForkedProcess:
    """As `subprocess.Popen` for another's child, whose exit code nobody gets."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle: int | None = os.pidfd_open(pid)
        """None once it has ended."""

    def _ended(self, timeout: float | None) -> bool:
        if self._handle is not None and select.select([self._handle], [], [], timeout)[0]:
            os.close(self._handle)
            self._handle = None
        return self._handle is None

    def poll(self) -> int | None:
        return 0 if self._ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def _send(self, number: int) -> None:
        if not self._ended(0) and self._handle is not None:
            signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)


class Forks:
    """The process that is copied."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, start: Start) -> ForkedProcess:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(asdict(start))}\n")
        self._process.stdin.flush()
        return ForkedProcess(int(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


def _become(start: Start) -> None:
    os.setsid()
    os.umask(start.umask)
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(start.environment)
    sys.argv = ["gateway", *start.words]


def _clear_up() -> None:
    """Of what has ended. Whoever asks for a start has a handle on each process of earlier ones."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    program = importlib.import_module("gateway.cli.main")
    gc.freeze()
    for line in sys.stdin:
        _clear_up()
        if pid := os.fork():
            print(pid, flush=True)  # noqa: T201 - the answer
        else:
            _become(Start(**json.loads(line)))
            program.main()
            return


if __name__ == "__main__":
    main()
