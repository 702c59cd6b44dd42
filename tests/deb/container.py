"""An empty Debian with a running service manager, in namespaces of its own: no virtual machine.

`.ci/deb_roots` makes the file trees. The system has no network but its loopback interface, and no
device; what it changes is forgotten with it. One of another architecture has no service manager,
which the emulator of its programs (qemu-user) does not bear.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

BUILT = Path(__file__).resolve().parents[2] / ".deb"
"""Where `.ci/deb_roots` puts the file trees."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
START_S = 120.0
RUN_S = 1_800.0

_ASK = """
import json, sys, urllib.request
session = ""
for command, body in json.loads(sys.argv[1]):
    request = urllib.request.Request(
        f"http://127.0.0.1:8080/{command}.fcgi?session={session}",
        json.dumps(body).encode(), {"Content-Type": "application/json"},
    )
    try:
        answer = json.load(urllib.request.urlopen(request, timeout=60))
    except urllib.error.HTTPError as error:
        answer = {"status": error.code, **json.load(error)}
    session = answer.get("session", session)
print(json.dumps(answer))
"""

_LOOPBACK = """
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
"""

_ENVIRONMENT = shlex.split(
    "env -i -C / HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)


class ContainerError(AssertionError):
    """A program in the container failed; the text has what it wrote."""


def eventually(look: Callable[[], T], what: str, deadline_s: float = 600.0) -> T:
    """The first truthy answer of `look`; fails, naming `what` and the last answer, at the end."""
    end = time.monotonic() + deadline_s
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about; last seen: {found!r}")
        time.sleep(0.2)
    return found


class Container:
    """A running Debian of release `code`, such as bookworm; without a service manager if `idle`."""

    def __init__(self, code: str, directory: Path, *, idle: bool = False) -> None:
        self._idle = idle
        self.root = directory / "root"
        self.root.mkdir()
        subprocess.run(
            ["tar", "xf", BUILT / f"{code}.tar", "-C", self.root], check=True, capture_output=True
        )
        (self.root / "etc/machine-id").write_text("")
        (self.root / "etc/hostname").write_text("door\n")
        for unit in ("console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer"):
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        unified = CONTROL_GROUPS / "unified"
        self._group = (
            unified if unified.is_dir() else CONTROL_GROUPS
        ) / f"gateway-{os.getpid()}-{code}"
        self._log = directory / "boot.log"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._boot = subprocess.Popen(
                [
                    *(Path(__file__).with_name("boot"), self.root, self._group),
                    *(["idle"] if self._idle else []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._first = eventually(self._service_manager, "a service manager", START_S)
            if self._idle:
                words = (
                    "nsenter",
                    "-t",
                    str(self._first),
                    "--net",
                    sys.executable,
                    "-c",
                    _LOOPBACK,
                )
                subprocess.run(words, check=True, timeout=RUN_S)
            else:
                self.run("systemctl", "is-system-running", "--wait", codes=(0, 1))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def start(self, user: str, *words: str, log: Path, **variables: str) -> subprocess.Popen[bytes]:
        """Start a program of `user`, which ends with the container."""
        rights = ("setpriv", f"--reuid={user}", "--regid=gateway", "--init-groups")
        given = [f"{name}={value}" for name, value in variables.items()]
        with log.open("wb") as file:
            return subprocess.Popen(
                [*self._enter, *_ENVIRONMENT, *given, *rights, *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def run(self, *words: object, codes: Collection[int] = (0,), **variables: str) -> str:
        """Run a program in the container to its end; returns what it wrote, errors too."""
        given = [f"{name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            [*self._enter, *_ENVIRONMENT, *given, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=RUN_S,
            check=False,
        )
        if done.returncode not in codes:
            text = shlex.join(map(str, words))
            raise ContainerError(f"{text}: code {done.returncode}\n{done.stdout}\n{self._logs()}")
        return done.stdout

    @property
    def _enter(self) -> list[str]:
        return ["nsenter", "-t", str(self._first), "-a", f"--root=/proc/{self._first}/root"]

    def copy(self, path: Path) -> str:
        """Put a file into the container; returns its path there."""
        shutil.copy(path, self.root / "root" / path.name)
        return f"/root/{path.name}"

    def unit(self, name: str) -> tuple[str, int]:
        """State and process of a unit."""
        shown = self.run("systemctl", "show", name, "-P", "ActiveState", "-P", "MainPID")
        state, process = sorted(shown.split(), reverse=True)
        return state, int(process)

    def set_password(self) -> None:
        self.run(
            *("sh", "-c"),
            "echo a-password-of-tests | gateway passwd --stdin --data /var/lib/gateway",
        )

    def ask(self, *requests: tuple[str, dict[str, Any]]) -> Any:
        """Send requests to the API as its administrator; the last answer."""
        login = ("login", {"login": "admin", "password": "a-password-of-tests"})
        written = self.run("python3", "-c", _ASK, json.dumps([login, *requests]))
        return json.loads(written.splitlines()[-1])

    def fetch(self, address: str) -> str:
        """What a page answers; empty while nothing does."""
        script = (
            "import sys, urllib.request; "
            "print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"
        )
        written = self.run("python3", "-c", script, address, codes=(0, 1))
        return written if written.startswith("<") else ""

    @property
    def process(self) -> int:
        """Its process 1 as seen from outside."""
        return self._first

    def _service_manager(self) -> int:
        """Its process as seen from outside; 0 before it runs."""
        if self._boot.poll() is not None:
            raise ContainerError(self._log.read_text(errors="replace"))
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
        for child in children.read_text().split():
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                # Behind the words of the emulator.
                if (b"/usr/bin/sleep" if self._idle else b"/lib/systemd/systemd") in words:
                    return int(child)
            except OSError:
                continue
        return 0

    def _logs(self) -> str:
        try:
            words = (*self._enter, "journalctl", "--no-pager", "-n", "60")
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"no journal: {error}"
        return done.stdout

    def _end(self) -> None:
        self._boot.send_signal(signal.SIGKILL)  # whose namespaces end with it
        self._boot.wait()
        eventually(self._group_ended, "the end of the container")

    def _group_ended(self) -> bool:
        for path in sorted(self._group.rglob("*"), reverse=True):
            if path.is_dir():
                self._remove(path)
        return self._remove(self._group)

    @staticmethod
    def _remove(group: Path) -> bool:
        try:
            group.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True
