"""Starts the installed `gateway` by a fork of a process that has imported it.

Imports take most of a start: of the 3.1 s of processor time of `gateway run` a fork saves 2.7. The
command line, the environment, the streams and the signals are those of a program of its own. A few
tests execute the program: `Running(..., program=True)`, and what the manual tells to type.

Executed as a program, this file is the server.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn, Protocol

_LONGEST_REQUEST = 1 << 17
_ARGUMENTS_SIZE = 1 << 12
"""Bytes of the server's own arguments, which forked processes replace by theirs."""
_REPORT_SIZE = 16
"""Bytes of a number that the server reports: the id of a process, later its exit code."""
_FIRST_FREE = 3
"""The first descriptor after standard input, output and error."""


def _report(pipe: int, number: int) -> None:
    os.write(pipe, f"{number:{_REPORT_SIZE}}".encode())


def _reported(pipe: int) -> int:
    return int(os.read(pipe, _REPORT_SIZE))


class Process(Protocol):
    """The part of `subprocess.Popen` that tests use."""

    pid: int
    returncode: Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class _Forked(ABC):
    """A forked process; `ended` becomes readable when it ends."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    @abstractmethod
    def _exit_code(self) -> int:
        """The exit code of the process, which has ended; minus a signal's number."""

    def _look(self, wait_s: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._ended, select.POLLIN)
            if poll.poll(None if wait_s is None else wait_s * 1000):
                self.returncode = self._exit_code()
                os.close(self._ended)
        return self.returncode

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # its end is not reported yet
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _OfServer(_Forked):
    """A process that the server forked and waits for."""

    def _exit_code(self) -> int:
        return _reported(self._ended)


class _Child(_Forked):
    """Takes the place of `Popen` in a forked `gateway run`, which starts roles by it."""

    def __init__(
        self, command: Sequence[str], *, stdout: IO[str], env: Mapping[str, str], **_: object
    ) -> None:
        assert list(command[:3]) == [sys.executable, "-m", "gateway"]
        streams = (os.open(os.devnull, os.O_RDONLY), stdout.fileno(), sys.stderr.fileno())
        pid = os.fork()
        if pid == 0:
            _become(command[3:], env, streams)
        os.close(streams[0])
        super().__init__(pid, os.pidfd_open(pid))

    def _exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class ForkServer:
    """The server, from the side of the tests."""

    def __init__(self) -> None:
        self._requests, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its_end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(its_end.fileno()), "-" * _ARGUMENTS_SIZE],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its_end.fileno()],
                start_new_session=True,
            )

    def start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        streams: Sequence[IO[Any]],
        umask: int = -1,
    ) -> Process:
        """Start `gateway` with `words` in a session of its own, on the three standard `streams`."""
        request = {
            "words": words,
            "environment": dict(environment),
            "directory": str(directory),
            "umask": umask,
        }
        told, report = os.pipe()
        passed = [*(stream.fileno() for stream in streams), report]
        socket.send_fds(self._requests, [json.dumps(request).encode()], passed)
        os.close(report)
        return _OfServer(_reported(told), told)

    def close(self) -> None:
        """End the server; what it forked goes on."""
        self._requests.close()
        self._process.wait()


def _show_as(words: Sequence[str]) -> None:
    """Replace the arguments that /proc and `ps` show."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    begin, end = (int(field) for field in fields[45:47])  # arg_start and arg_end of proc(5)
    shown = b"\0".join(word.encode() for word in words)[: end - begin - 1]
    ctypes.memmove(begin, shown.ljust(end - begin, b"\0"), end - begin)


def _become(
    words: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]
) -> NoReturn:
    """Turn this process, which was just forked, into `gateway` with `words`."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(_FIRST_FREE, os.sysconf("SC_OPEN_MAX"))
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for ignored_before in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(ignored_before, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        sys.argv = ["gateway", *words]
        _show_as(sys.argv)
        importlib.import_module("gateway.cli.main").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - an interpreter prints whatever ends it
        traceback.print_exc()
    # What an interpreter does at its end. An unwinding of the stack would run the parent's code.
    vars(threading)["_shutdown"]()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _load() -> None:
    """Import what every command needs, and have `gateway run` fork its roles."""
    commands = vars(importlib.import_module("gateway.cli.main"))["_COMMANDS"]
    for module, _ in commands.values():
        importlib.import_module(module)
    popen = SimpleNamespace(**vars(subprocess) | {"Popen": _Child})
    vars(importlib.import_module("gateway.cli.run"))["subprocess"] = popen
    gc.collect()
    gc.freeze()


class _Server:
    """Forks as requested and reports the end of each process."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._reports: dict[int, int] = {}
        """By process id, the pipe that takes its exit code."""
        self._ends, wake = socket.socketpair()
        self._wake = wake  # keeps it open
        for end in (self._ends, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Until the tests end."""
        while True:
            ready, _, _ = select.select([self._requests, self._ends], [], [])
            if self._ends in ready:
                self._ends.recv(4096)
                self._report_ended()
            if self._requests in ready and not self._fork():
                return

    def _report_ended(self) -> None:
        while self._reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            pipe = self._reports.pop(pid)
            _report(pipe, os.waitstatus_to_exitcode(status))
            os.close(pipe)

    def _fork(self) -> bool:
        """Carry out one request; False at the end of the tests."""
        request, descriptors, _, _ = socket.recv_fds(self._requests, _LONGEST_REQUEST, 4)
        if not request:
            return False
        asked = json.loads(request)
        *streams, pipe = descriptors
        pid = os.fork()
        if pid == 0:
            os.chdir(asked["directory"])
            if asked["umask"] >= 0:
                os.umask(asked["umask"])
            _become(asked["words"], asked["environment"], streams)
        self._reports[pid] = pipe
        _report(pipe, pid)
        for stream in streams:
            os.close(stream)
        return True


if __name__ == "__main__":
    _load()
    with socket.socket(fileno=int(sys.argv[1])) as given:
        _Server(given).serve()
