"""Keeps the process that feeds the mirror at work, whatever becomes of it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

SILENCE_S = 15.0
"""A process that says nothing for so long hangs, and is ended. SQLite itself tries for 10 s to read
a log that somebody keeps locked."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
"""A process that ends at once again is not started more often than this."""
STEADY_S = 10.0
"""One that lived this long starts again without a pause."""
_LONGEST_LINE = 1 << 16
_LOOK_S = 1.0

log = structlog.get_logger("mirror")


class ChildFeed:
    """The process, with a thread that listens to it. No method waits for the process."""

    def __init__(self, data: Path, post: Callable[[dict[str, Any]], None]) -> None:
        """`post` gets each message, on the thread of this object."""
        self._data = data
        self._post = post
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the process at work."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the process. What it has not committed is copied at the next start."""
        self._ending.set()
        self._kill()
        if self._thread.ident is not None:  # it was started
            self._thread.join()

    def send(self, command: dict[str, Any]) -> None:
        """Hand a command over; one for a process that takes none is lost, and made up for by the
        looks that it takes by itself."""
        with self._guard:
            process = self._process
            if process is None or process.stdin is None:
                return
            with contextlib.suppress(OSError):
                os.write(process.stdin.fileno(), json.dumps(command).encode() + b"\n")

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._ending.is_set():
            started_s = time.monotonic()
            why = self._live()
            if self._ending.is_set():
                return
            log.warning("the process that feeds the mirror ended, starting it again", why=why)
            self._post({"is": "ended", "why": why})
            if time.monotonic() - started_s >= STEADY_S:
                pause_s = FIRST_PAUSE_S
            self._ending.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _live(self) -> str:
        """Start a process and listen to it until it ends; why it did."""
        try:
            # The command line is our own interpreter and our own words.
            process = subprocess.Popen(  # noqa: S603 - see above
                [sys.executable, "-m", __package__, str(self._data), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return f"it cannot be started: {error}"
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both were asked for")
        os.set_blocking(process.stdin.fileno(), False)
        with self._guard:
            self._process = process
        if self._ending.is_set():
            self._kill()
        self._post({"is": "started"})
        why = self._listen(process.stdout.fileno())
        self._kill()
        code = process.wait()
        with self._guard:
            self._process = None
            process.stdin.close()
        process.stdout.close()
        return why or f"exit code {code}"

    def _listen(self, descriptor: int) -> str | None:
        """Pass messages on until there are no more; why it must be ended, None where it did."""
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            heard_s = time.monotonic()
            while True:
                if not selector.select(_LOOK_S):
                    if time.monotonic() - heard_s > SILENCE_S:
                        return f"it has been silent for {SILENCE_S:.0f} s"
                    continue
                heard_s = time.monotonic()
                piece = os.read(descriptor, 1 << 16)
                if not piece:
                    return None
                *lines, buffer = (buffer + piece).split(b"\n")
                if len(buffer) > _LONGEST_LINE:
                    return "it does not end its lines"
                for line in lines:
                    try:
                        message = json.loads(line)
                    except ValueError:
                        return "it says what nobody understands"
                    if not isinstance(message, dict):
                        return "it says what nobody understands"
                    if message.get("is") != "alive":
                        self._post(message)

    def _kill(self) -> None:
        with self._guard:
            if self._process is not None:
                self._process.kill()
