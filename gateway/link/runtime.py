"""The runtime directory: sockets, locks and the simulated board's record, private to a user.

Under systemd it is the first directory of $RUNTIME_DIRECTORY; the second is the api's own, since
the api's user must not write where the controller's sockets are. Otherwise it is a directory in the
user's runtime directory or in the temporary directory, named after the data directory.
`runtime.json` in the data directory holds its path, so that other programs find a running gateway.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gateway.errors import DataDirectoryError
from gateway.files import read_whole, write_whole
from gateway.link import locks

RUNTIME_FILE = "runtime.json"
LONGEST_SOCKET_PATH = 107
"""Linux's sun_path has 108 bytes including the final NUL (unix(7))."""

_LONGEST_NOTE = 8_192
"""Bytes of `runtime.json`."""


class RuntimeDirectory:
    """The runtime directory of one data directory."""

    def __init__(self, path: Path, api_path: Path | None = None) -> None:
        """`api_path` is the api's own directory, if that is another."""
        self.path = path
        self.api_path = api_path or path

    @classmethod
    def create(cls, data: Path) -> RuntimeDirectory:
        """Create the directory for `data` with mode 0700 if missing.

        `runtime.json` names it if there is none yet; `claim` replaces another one. Raises
        DataDirectoryError when another user owns the directory or its path is too long.
        """
        runtime = cls.of(data)
        path = runtime.path
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
        for socket in (runtime.command_socket, runtime.fact_socket):
            if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
                raise DataDirectoryError(f"the socket path {socket} is too long for Linux")
        if not os.path.lexists(data / RUNTIME_FILE):
            _note_place(data / RUNTIME_FILE, path)
        return runtime

    @classmethod
    def of(cls, data: Path) -> RuntimeDirectory:
        """Return the directory that `create` would choose, without creating or checking it."""
        path, *others = _choose(data)
        return cls(path, *others[:1])

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
        """Mark with the boot in which a client set the clock; the api writes it."""
        return self.api_path / "clock-set"

    @property
    def sessions(self) -> Path:
        """What an api process that restarts hands on to the next one."""
        return self.api_path / "sessions"

    @contextmanager
    def claim(self, role: str, database: Path | None = None) -> Iterator[None]:
        """Hold the lock of `role` (controller, api, run), with this process's id in it.

        Also hold one beside `database`, which `role` writes: the same data directory may have
        another runtime directory for another process. Then `runtime.json` there names this one.
        Raises DataDirectoryError that names the process holding one of the locks.
        """
        with ExitStack() as stack:
            for path in self._locks(role, database):
                stack.enter_context(locks.held(path, role))
            if database is not None:
                _note_place(database.parent / RUNTIME_FILE, self.path)
            yield

    def note(self, role: str, text: str) -> None:
        """Replace the text in the lock of `role`, which this process holds."""
        locks.rewrite(self._locks(role)[0], text)

    def holder(self, role: str, database: Path | None = None) -> str | None:
        """The text that the holder of a lock of `role` wrote; None without a holder."""
        holders = map(locks.holder_of, self._locks(role, database))
        return next((holder for holder in holders if holder is not None), None)

    def _locks(self, role: str, database: Path | None = None) -> list[Path]:
        directories = [self.api_path if role == "api" else self.path]
        if database is not None:
            directories.append(database.resolve().parent)
        return [directory / f"{role}.lock" for directory in directories]


def _choose(data: Path) -> list[Path]:
    given = os.environ.get("RUNTIME_DIRECTORY")
    if given:
        return [Path(path) for path in given.split(":")]
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    user = os.environ.get("XDG_RUNTIME_DIR")
    if user and os.access(user, os.W_OK):
        return [Path(user) / f"gateway-{name}"]
    return [Path(tempfile.gettempdir()) / f"gateway-{os.geteuid()}-{name}"]


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
        import structlog  # late: `safe-relays`, which does not come here, imports little

        log = structlog.get_logger("runtime")
        log.warning("other programs will not find this gateway", file=str(path), why=str(error))
