"""What root's commands do to a device whose api's user has prepared the files of its directory.

That user may write its own directory and `store.db`, so it may leave there whatever it wants root
to follow, create, write or delete.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import gateway

from .device import API, PAGE, Device, hot_journal

COMMANDS = {
    "passwd": ["passwd", "--stdin", "--data", "DATA"],
    "login": ["login", "list", "--data", "DATA"],
    "token": ["token", "create", "of-root", "--data", "DATA"],
    "person": ["person", "add", "Ann", "--data", "DATA"],
    "portal": ["portal", "add", "--data", "DATA"],
    "explain": ["explain", "--data", "DATA", "--user", "1", "--portal", "1"],
    "who": ["explain", "--data", "DATA", "who", "--portal", "1"],
    "alarm": ["alarm", "reset", "--data", "DATA"],
    "sim": ["sim", "--data", "DATA", "state"],
    "osdp pair": ["osdp", "pair", "--data", "DATA", "front"],
    "osdp rotate": ["osdp", "rotate", "--data", "DATA", "front"],
    "osdp address": ["osdp", "address", "--data", "DATA", "--to", "1", "front"],
    "osdp scan": ["osdp", "scan", "--data", "DATA", "--yes"],
    "osdp packets": ["osdp", "packets", "--data", "DATA", "--for", "1", "front", "-"],
    "doctor": ["doctor", "--data", "DATA"],
    "wiring": ["wiring", "--data", "DATA"],
    "device-rules": ["device-rules", "--data", "DATA"],
    "safe-relays": ["safe-relays", "--data", "DATA", "--on", "start"],
    "init": ["init", "--demo", "--data", "DATA"],
}
"""Those of root on the store of an installed device; DATA is its directory."""

# One interpreter, which forks for each command: its start takes longer than most of them. A line of
# its input has the runtime directory and the commands, and one of its output what became of each.
PROGRAM = r"""
import contextlib, encodings.idna, encodings.utf_8_sig, json, os, pkgutil, signal, sys, tempfile
import importlib.readers, traceback, zoneinfo, getpass, pwd, tzdata
import gateway
from gateway.cli import main
# Before the commands drop root's rights: this interpreter may be in a directory of root's. The
# program itself is a copy that everybody may read, since commands read files that ship with it.
for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
    if not module.name.endswith("__main__"):
        with contextlib.suppress(ImportError):  # a driver's library
            __import__(module.name)
def run(words):
    with tempfile.TemporaryFile("w+") as said:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            read, write = os.pipe()
            os.write(write, b"a-new-password\n")
            os.dup2(read, 0)
            sys.argv = ["gateway", *words]
            signal.alarm(10)
            try:
                main.main()
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
                code = 3
            else:
                code = 0
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read()
for line in iter(sys.stdin.readline, ""):
    os.environ["RUNTIME_DIRECTORY"], commands = json.loads(line)
    print(json.dumps({name: run(words) for name, words in commands.items()}), flush=True)
"""


class Attack:
    """A device with a store, a file of root's, and what the api's user does."""

    def __init__(self, device: Device, demo: Path, root: subprocess.Popen[str]) -> None:
        """`root` executes PROGRAM."""
        self.device = device
        self._root = root
        for name in ("journal.db", "store.db", "gateway.toml"):
            shutil.copyfile(demo / name, device.data / name)  # through the links, as root
        device.tidy()
        self.store = device.data / "api/store.db"
        self.user, (self.group, *_) = device.users[API]
        self.of_root = device.top / "root"
        self.of_root.mkdir()
        self.victim = self.of_root / "victim"
        self.victim.write_bytes(b"precious\n" * 100)
        self.database = self.of_root / "store.db"
        shutil.copyfile(demo / "store.db", self.database)

    def own(self, path: Path) -> None:
        os.chown(path, self.user, self.group, follow_symlinks=False)

    def journal(self) -> None:
        """A hot journal beside the store."""
        path = self.store.with_name("store.db-journal")
        path.write_bytes(hot_journal(self.victim, self.store.stat().st_size // PAGE))
        self.own(path)

    def journal_beside_root_s(self) -> None:
        """The same while root owns the store, as after a copy by root."""
        self.journal()
        os.chown(self.store, 0, 0)

    def link(self) -> None:
        """A link to a database of root's."""
        self.store.unlink()
        self.store.symlink_to(self.database)
        self.own(self.store)

    def hard_link(self) -> None:
        """A second name of a database of root's."""
        self.store.unlink()
        os.link(self.database, self.store)

    def dangling_link(self) -> None:
        """A link to what root would create."""
        self.store.unlink()
        self.store.symlink_to(self.of_root / "created")
        self.own(self.store)

    def directory(self) -> None:
        """A link to root's directory in the place of the whole data directory, owned by the api."""
        aside = self.device.data.with_name("aside")
        self.device.data.rename(aside)
        self.device.data.symlink_to(self.of_root)
        self.own(self.device.data)
        shutil.copyfile(aside / "gateway.toml", self.of_root / "gateway.toml")

    def state(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.of_root.iterdir()}

    def run(self, names: Iterable[str]) -> dict[str, list[Any]]:
        """Exit code and standard error of each of COMMANDS, one after the other."""
        data = str(self.device.data)
        commands = {name: [data if it == "DATA" else it for it in COMMANDS[name]] for name in names}
        assert self._root.stdin is not None
        assert self._root.stdout is not None
        self._root.stdin.write(json.dumps([str(self.device.runtime), commands]) + "\n")
        self._root.stdin.flush()
        found: dict[str, list[Any]] = json.loads(self._root.stdout.readline())
        return found


@pytest.fixture(scope="module")
def of_root() -> Iterator[dict[str, str]]:
    """The environment in which root's programs take a copy of the gateway that all may read."""
    with tempfile.TemporaryDirectory(prefix="gateway-program-") as copy:
        Path(copy).chmod(0o755)
        package = Path(gateway.__path__[0])
        for name in ("gateway", "hw", "systemd"):  # those of a checkout lie beside the package
            if (package.parent / name).is_dir():
                shutil.copytree(package.parent / name, Path(copy) / name)
        yield {"LOGNAME": "root", "PYTHONPATH": copy}


@pytest.fixture(scope="module")
def program(of_root: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=of_root,
    ) as process:
        yield process


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("demo") / "data"
    subprocess.run(
        [sys.executable, "-m", "gateway", "init", "--data", str(data), "--demo"],
        check=True,
        capture_output=True,
    )
    return data


@pytest.fixture
def attack(device: Device, demo: Path, program: subprocess.Popen[str]) -> Attack:
    return Attack(device, demo, program)


def test_sqlite_deletes_what_a_crafted_journal_names(attack: Attack) -> None:
    attack.journal()
    with closing(sqlite3.connect(attack.store)) as database:
        database.execute("SELECT count(*) FROM sqlite_master")
    assert not attack.victim.exists()


@pytest.mark.parametrize(
    "prepare",
    [
        Attack.journal,
        Attack.journal_beside_root_s,
        Attack.link,
        Attack.hard_link,
        Attack.dangling_link,
        Attack.directory,
    ],
)
def test_no_command_of_root_touches_what_the_api_s_user_points_at(
    attack: Attack, prepare: Callable[[Attack], None]
) -> None:
    prepare(attack)
    before = attack.state()
    for name, (code, said) in attack.run(sorted(COMMANDS)).items():
        assert code != -signal.SIGALRM, f"{name} hangs"
        assert "Traceback" not in said, said
    assert attack.state() == before


def test_commands_of_root_work_on_an_untouched_device_and_leave_no_file_of_root_s(
    attack: Attack,
) -> None:
    names = ("passwd", "login", "token", "person", "portal", "explain", "who")
    for name, (code, said) in attack.run(names).items():
        assert code == 0, (name, said)
    owners = {path.name: path.stat().st_uid for path in (attack.device.data / "api").iterdir()}
    assert set(owners.values()) == {attack.user}, json.dumps(owners)


def test_a_command_of_root_s_becomes_the_owner_for_good(
    attack: Attack, of_root: dict[str, str]
) -> None:
    program = """
import os, sys
from pathlib import Path
from gateway.host.ownership import become_owner
become_owner(Path(sys.argv[1]))
print(os.getresuid(), os.getresgid(), os.getgroups())
for regain in (os.setuid, os.setgid, os.seteuid):
    try:
        regain(0)
    except PermissionError:
        print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(attack.device.data / "store.db")],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env=of_root,
    )
    user, group = attack.user, attack.group
    assert done.stdout.splitlines() == [
        f"({user}, {user}, {user}) ({group}, {group}, {group}) []",
        *["refused"] * 3,
    ]


def test_a_command_says_that_the_owner_cannot_read_the_program(
    attack: Attack, of_root: dict[str, str]
) -> None:
    package = Path(of_root["PYTHONPATH"])
    package.chmod(0o700)
    try:
        ((code, said),) = attack.run(["person"]).values()
    finally:
        package.chmod(0o755)
    assert code == 1
    assert "cannot read the program" in said
    assert "make install" in said


@pytest.mark.parametrize("prepare", [Attack.link, Attack.hard_link, Attack.dangling_link])
def test_what_systemd_tidies_as_root_is_not_what_the_api_s_user_points_at(
    attack: Attack, prepare: Callable[[Attack], None]
) -> None:
    prepare(attack)
    owner = attack.database.stat().st_uid
    before = attack.state()
    subprocess.run(
        ["systemd-tmpfiles", f"--root={attack.device.top}", "--create", "gateway.conf"],
        check=False,
        capture_output=True,
    )
    assert (attack.state(), attack.database.stat().st_uid) == (before, owner)
