"""An installed device's users and directories, below a root directory of their own.

systemd's tools lay it out from our files; programs of the users play the two processes.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CONTROLLER, API = "gateway-controller", "gateway-api"

# Drops its rights, then answers each line, which is SQL for its database or a call of `os`.
PROGRAM = """
import json, os, socket, sqlite3, sys
number, groups, address = json.loads(sys.argv[1])
os.umask(0o007); os.setgroups(groups); os.setgid(groups[0]); os.setuid(number)
database = sqlite3.connect(address, uri=True, isolation_level=None) if address else None
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    call, *arguments = json.loads(line)
    try:
        answer = database.execute(*arguments).fetchall() if call == "sql" else None
        if call == "write":
            open(*arguments, "x").close()
        elif call == "connect":
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(*arguments)
        elif call != "sql":
            getattr(os, call)(*arguments)
    except (OSError, sqlite3.Error) as error:
        answer = type(error).__name__
    print(json.dumps(answer), flush=True)
if database:
    database.close()
"""


# The controller's end of the link with its lock, as its unit starts it.
SERVER = """
import json, os, sys
from pathlib import Path
from gateway.link.runtime import RuntimeDirectory
from gateway.link.server import LinkServer
number, groups, directory = json.loads(sys.argv[1])
os.umask(0o027); os.setgroups(groups); os.setgid(groups[0]); os.setuid(number)
runtime = RuntimeDirectory(Path(directory))
with runtime.claim("controller"), LinkServer(runtime):
    print(json.dumps("ready"), flush=True)
    sys.stdin.read()
"""


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package systemd)")
    return found


class Process:
    """A program of one of the two users, with one of the databases open."""

    def __init__(
        self, identity: tuple[int, list[int]], address: str = "", program: str = PROGRAM
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, json.dumps([*identity, address])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self, *call: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def sql(self, text: str) -> Any:
        return self.ask("sql", text)

    def end(self) -> None:
        """Close the database and end, as at an orderly stop."""
        self._process.communicate()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass
class Device:
    """A root directory laid out by our files."""

    root: Path
    top: Path
    users: dict[str, tuple[int, list[int]]]
    """Name -> user id, and the ids of its groups with its first one first."""

    @property
    def data(self) -> Path:
        return self.top / "var/lib/gateway"

    @property
    def runtime(self) -> Path:
        return self.top / "run/gateway"

    def tidy(self) -> None:
        """What both units do before they start and after they stop."""
        subprocess.run(
            [
                tool("systemd-tmpfiles"),
                f"--root={self.top}",
                "--create",
                str(self.root / "systemd/tmpfiles.d/gateway.conf"),
            ],
            check=True,
        )

    def start(self, user: str, database: str = "", mode: str = "rw") -> Process:
        address = f"file:{self.data / database}?mode={mode}" if database else ""
        return Process(self.users[user], address)


MAGIC = bytes.fromhex("d9d505f920a163d7")
PAGE = 4096


def hot_journal(super_journal: Path, pages: int) -> bytes:
    """A rollback journal that changes no page of a database of `pages` pages, and names a
    super-journal, which SQLite deletes once it has rolled back (section "file format" of SQLite's
    documentation, "the rollback journal")."""
    header = MAGIC + struct.pack(">5I", 0, 0, pages, 512, PAGE)
    name = os.fsencode(super_journal)
    lock_page = 0x40000000 // PAGE + 1
    end = struct.pack(">I", lock_page) + name + struct.pack(">2I", len(name), sum(name)) + MAGIC
    return header.ljust(512, b"\0") + end
