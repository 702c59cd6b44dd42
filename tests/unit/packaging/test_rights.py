"""Who may do what with which file: the users and directories that the systemd units rest on.

The two processes are played by programs of the two users, in a root directory of its own that
systemd's tools lay out from our files.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CONTROLLER, API = "gateway-controller", "gateway-api"
WRITERS = {"journal.db": (CONTROLLER, API), "store.db": (API, CONTROLLER)}
"""Database -> its writer, its reader."""

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


@pytest.fixture
def device(root: Path) -> Iterator[Device]:
    if os.geteuid() != 0:
        pytest.skip("only root can lay out files of several users")
    # The directories of pytest's own cannot be entered by other users.
    with tempfile.TemporaryDirectory(prefix="gateway-root-") as name:
        top = Path(name)
        top.chmod(0o755)
        (top / "etc").mkdir()
        sysusers = str(root / "systemd/sysusers.d/gateway.conf")
        subprocess.run(
            [tool("systemd-sysusers"), f"--root={top}", sysusers], check=True, capture_output=True
        )
        groups = [line.split(":") for line in (top / "etc/group").read_text().splitlines()]
        users = {}
        for line in (top / "etc/passwd").read_text().splitlines():
            user, _, number, first, *_ = line.split(":")
            others = [int(group) for _, _, group, names in groups if user in names.split(",")]
            users[user] = (int(number), [int(first), *others])
        made = Device(root, top, users)
        made.tidy()
        yield made


@pytest.fixture(params=WRITERS)
def database(device: Device, request: pytest.FixtureRequest) -> str:
    """A database as `gateway init`, run by root, leaves it."""
    name = str(request.param)
    root = Process((0, [0]), f"file:{device.data / name}?mode=rwc")
    assert root.sql("PRAGMA journal_mode=WAL") == [["wal"]]
    root.sql("CREATE TABLE entry (value)")
    root.end()
    device.tidy()
    return name


def count(process: Process) -> Any:
    return process.sql("SELECT count(*) FROM entry")


def test_the_reader_follows_the_writer(device: Device, database: str) -> None:
    writer_name, reader_name = WRITERS[database]
    writer = device.start(writer_name, database)
    reader = device.start(reader_name, database, "ro")
    for rows in range(1, 4):
        assert writer.sql("INSERT INTO entry VALUES (1)") == []
        assert count(reader) == [[rows]]
    assert writer.sql("PRAGMA wal_checkpoint(TRUNCATE)") == [[0, 0, 0]]
    assert writer.sql("INSERT INTO entry VALUES (1)") == []
    assert count(reader) == [[4]]
    writer.end()
    reader.end()


@pytest.mark.parametrize("end", [Process.end, Process.kill])
def test_the_reader_reads_while_the_writer_is_away_and_does_not_stand_in_its_way(
    device: Device, database: str, end: Any
) -> None:
    writer_name, reader_name = WRITERS[database]
    writer = device.start(writer_name, database)
    assert writer.sql("INSERT INTO entry VALUES (1)") == []
    end(writer)
    device.tidy()
    reader = device.start(reader_name, database, "ro")
    assert count(reader) == [[1]]
    again = device.start(writer_name, database)
    assert again.sql("INSERT INTO entry VALUES (1)") == []
    assert count(reader) == [[2]]
    again.end()
    device.tidy()
    assert count(reader) == [[2]]
    reader.end()


def test_the_reader_can_neither_write_nor_replace_nor_add_anything(
    device: Device, database: str
) -> None:
    writer_name, reader_name = WRITERS[database]
    writer = device.start(writer_name, database)
    assert writer.sql("INSERT INTO entry VALUES (1)") == []
    file = (device.data / database).resolve()
    beside = [file.with_name(f"{database}{end}") for end in ("", "-wal", "-shm")]
    for path in beside:
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    reader = device.start(reader_name, database, "rw")
    assert reader.sql("INSERT INTO entry VALUES (2)") == "OperationalError"
    for path in beside:
        assert reader.ask("unlink", str(path)) == "PermissionError"
    assert reader.ask("write", f"{file}-journal") == "PermissionError"
    link = str(device.data / database)
    assert reader.ask("unlink", link) == "PermissionError"
    assert reader.ask("rename", link, f"{link}.old") == "PermissionError"
    assert count(writer) == [[1]]
    reader.end()
    writer.end()


def test_the_api_neither_replaces_nor_adds_anything_in_the_controllers_runtime_directory(
    device: Device,
) -> None:
    controller, api = device.start(CONTROLLER), device.start(API)
    socket = str(device.runtime / "commands")
    own = str(device.top / "run/gateway-api/clock-set")
    assert controller.ask("write", socket) is None
    assert api.ask("write", own) is None
    assert api.ask("unlink", socket) == "PermissionError"
    assert api.ask("rename", own, socket) == "PermissionError"
    for verb in ("mkfifo", "mkdir", "write"):
        assert api.ask(verb, str(device.runtime / "facts")) == "PermissionError"
    assert controller.ask("open", own, os.O_RDONLY) is None
    controller.end()
    api.end()


def test_each_can_lock_its_own_data_and_the_other_cannot(device: Device) -> None:
    users = {"controller": CONTROLLER, "api": API}
    for role, user in users.items():
        lock = device.data / role / f"{role}.lock"
        lock.touch(0o644)  # as a program that root ran might leave it
        device.tidy()
        owner = device.start(user)
        [other] = [device.start(one) for one in users.values() if one != user]
        assert owner.ask("open", str(lock), os.O_RDWR) is None
        assert other.ask("open", str(lock), os.O_RDONLY) == "PermissionError"
        assert other.ask("unlink", str(lock)) == "PermissionError"
        owner.end()
        other.end()


def test_the_api_reaches_the_controllers_socket_and_not_its_locks(device: Device) -> None:
    server = Process(device.users[CONTROLLER], program=SERVER, address=str(device.runtime))
    client = device.start(API)
    assert client.ask("connect", str(device.runtime / "commands")) is None
    lock = str(device.runtime / "controller.lock")
    assert client.ask("open", lock, os.O_RDONLY) == "PermissionError"
    client.end()
    server.end()


def test_nobody_else_enters(device: Device) -> None:
    stranger = Process((65_534, [65_534]))
    for directory in (device.data, device.runtime):
        assert stranger.ask("listdir", str(directory)) == "PermissionError"
        assert stranger.ask("stat", str(directory / "gateway.toml")) == "PermissionError"
    stranger.end()


def test_the_site_file_is_read_by_both_and_written_by_root(device: Device) -> None:
    site = device.data / "gateway.toml"
    site.write_text("")
    site.chmod(0o600)
    device.tidy()
    for user in (CONTROLLER, API):
        process = device.start(user)
        assert process.ask("open", str(site), os.O_RDONLY) is None
        assert process.ask("open", str(site), os.O_WRONLY) == "PermissionError"
        process.end()


def test_the_key_of_https_is_the_apis_alone_and_it_can_replace_it(device: Device) -> None:
    key = device.data / "api/https.pem"
    key.write_text("")
    key.chmod(0o600)
    device.tidy()
    controller, api = device.start(CONTROLLER), device.start(API)
    assert controller.ask("open", str(key), os.O_RDONLY) == "PermissionError"
    assert api.ask("open", str(key), os.O_RDONLY) is None
    assert api.ask("write", f"{key}.new") is None
    assert api.ask("rename", f"{key}.new", str(key)) is None
    controller.end()
    api.end()
