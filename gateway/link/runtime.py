"""The runtime directory: sockets, locks and the simulated board's record, private to a user.

Under systemd it is $RUNTIME_DIRECTORY. Otherwise it is a directory in the user's runtime directory
or in the temporary directory, named after the data directory. `runtime.json` in the data directory
holds its path, so that other programs find a running gateway.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from gateway.errors import DataDirectoryError
from gateway.files import read_whole, write_whole

log = structlog.get_logger("runtime")

RUNTIME_FILE = "runtime.json"
LONGEST_SOCKET_PATH = 107
"""Linux's sun_path has 108 bytes including the final NUL (unix(7))."""

_LONGEST_NOTE = 8_192
"""Bytes of `runtime.json`."""


class RuntimeDirectory:
    """The runtime directory of one data directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, data: Path) -> RuntimeDirectory:
        """Create the directory for `data` with mode 0700 if missing, and note it in `runtime.json`.

        Raises DataDirectoryError when another user owns it or its path is too long.
        """
        path = _choose(data)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DataDirectoryError(
                f"cannot create the runtime directory {path}: {error}"
            ) from error
        status = path.stat()
        under_systemd = "RUNTIME_DIRECTORY" in os.environ
        if not under_systemd and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            raise DataDirectoryError(f"{path} is not private to this user")
        if not under_systemd:
            os.utime(path)  # marks it as in use for `gateway.link.temporary.sweep`
        runtime = cls(path)
        for socket in (runtime.command_socket, runtime.fact_socket):
            if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
                raise DataDirectoryError(f"the socket path {socket} is too long for Linux")
        _note_place(data / RUNTIME_FILE, path)
        return runtime

    @classmethod
    def of(cls, data: Path) -> RuntimeDirectory:
        """Return the directory that `create` would choose, without creating or checking it."""
        return cls(_choose(data))

    @classmethod
    def find(cls, data: Path) -> RuntimeDirectory:
        """Return the directory that a gateway on `data` uses or used last.

        Raises DataDirectoryError when no gateway ever ran there.
        """
        try:
            named = json.loads(read_whole(data / RUNTIME_FILE, _LONGEST_NOTE))["runtime"]
            return cls(Path(named))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise DataDirectoryError(f"no gateway runs on {data}") from None

    @property
    def command_socket(self) -> Path:
        return self.path / "commands"

    @property
    def fact_socket(self) -> Path:
        return self.path / "facts"

    @property
    def clock_mark(self) -> Path:
        """Mark with the boot in which a client set the clock."""
        return self.path / "clock-set"

    @property
    def command_address(self) -> str:
        return f"ipc://{self.command_socket}"

    @property
    def fact_address(self) -> str:
        return f"ipc://{self.fact_socket}"

    @contextmanager
    def claim(self, role: str) -> Iterator[None]:
        """Hold the lock of `role` (controller, api, run), with this process's id in it.

        Raises DataDirectoryError that names the process holding it.
        """
        path = self.path / f"{role}.lock"
        with path.open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise DataDirectoryError(f"the {role} is already running: {holder}") from None
            lock.truncate(0)
            lock.write(f"pid {os.getpid()}")
            lock.flush()
            yield

    def note(self, role: str, text: str) -> None:
        """Replace the text in the lock of `role`, which this process holds."""
        (self.path / f"{role}.lock").write_text(text, encoding="utf-8")

    def holder(self, role: str) -> str | None:
        """Return the text that the holder of the lock of `role` wrote; None without a holder."""
        path = self.path / f"{role}.lock"
        try:
            with path.open("r", encoding="utf-8") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return lock.read().strip()
        except FileNotFoundError:
            return None
        return None


def _choose(data: Path) -> Path:
    given = os.environ.get("RUNTIME_DIRECTORY")
    if given:
        return Path(given.split(":")[0])
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    user = os.environ.get("XDG_RUNTIME_DIR")
    if user and os.access(user, os.W_OK):
        return Path(user) / f"gateway-{name}"
    return Path(tempfile.gettempdir()) / f"gateway-{os.geteuid()}-{name}"


def _note_place(path: Path, runtime: Path) -> None:
    """Write the runtime directory's path unless it is there already: another process may own the
    file. Doors do not wait for it: where it cannot be written, other programs do not find them.
    """
    text = json.dumps({"runtime": str(runtime)}).encode()
    with suppress(OSError):
        if read_whole(path, _LONGEST_NOTE) == text:
            return
    try:
        write_whole(path, text, mode=0o644)
    except OSError as error:
        log.warning("other programs will not find this gateway", file=str(path), why=str(error))
