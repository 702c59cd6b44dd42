"""The calls to the kernel that a program makes on given files, and one of them made to fail.

strace does both: it records calls, and fails the n-th one on a file in each thread (`--inject`).
"""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^(?P<thread>\d+) +(?P<call>\w+)\((?P<rest>.*)$")


@dataclass(frozen=True)
class Call:
    """A call to the kernel, under the names that strace knows on any machine (`?`)."""

    names: str
    errors: tuple[str, ...]

    def has(self, name: str) -> bool:
        return name in [each.removeprefix("?") for each in self.names.split(",")]


CALLS = {
    "open": Call("?open,openat", ("EIO", "EMFILE", "ENOMEM", "EACCES", "ENOSPC", "EROFS")),
    "read": Call("read,pread64", ("EIO", "ENOMEM", "EINTR")),
    "write": Call("write,pwrite64", ("ENOSPC", "EIO", "EDQUOT")),
    "sync": Call("fsync,fdatasync", ("EIO", "ENOSPC")),
    "rename": Call("?rename,?renameat,renameat2", ("EIO", "ENOSPC", "EACCES")),
    "mmap": Call("mmap", ("ENOMEM", "EACCES")),
    "truncate": Call("ftruncate", ("ENOSPC", "EIO")),
    "lock": Call("fcntl", ("ENOLCK", "EIO", "EAGAIN")),
    "flock": Call("flock", ("ENOLCK", "EWOULDBLOCK")),
    "stat": Call("?stat,?lstat,?newfstatat,?fstat,?statx", ("EIO", "ENOMEM", "EACCES")),
    "unlink": Call("?unlink,unlinkat", ("EIO", "EACCES")),
    "seek": Call("?lseek", ("EIO",)),
    "mode": Call("?chmod,fchmod,fchmodat,fchown,?chown", ("EPERM", "EROFS")),
}


@dataclass(frozen=True)
class Failure:
    """The `nth` call (from 1) on `file` in each thread fails once with `error`."""

    call: str
    file: str
    """A name in the data directory; empty for the directory itself."""
    nth: int
    error: str

    def command(self, data: Path, log: Path) -> list[str]:
        """What executes the program under test, and writes to `log` what failed."""
        names = CALLS[self.call].names
        injected = f"inject={names}:error={self.error}:when={self.nth}"
        return [*_strace(log, [data / self.file], names), "-e", injected]

    @contextmanager
    def in_running(self, pid: int, data: Path, log: Path) -> Iterator[None]:
        """Let it happen in a program that runs; calls are counted from now on."""
        command = [*self.command(data, log), "-p", str(pid)]
        command.remove("-D")
        tracer = subprocess.Popen(command)
        try:
            while not all(map(_traced, Path(f"/proc/{pid}/task").iterdir())):
                assert tracer.poll() is None, "the program cannot be traced"
                time.sleep(0.01)
            yield
        finally:
            tracer.terminate()
            tracer.wait()

    def __str__(self) -> str:
        return f"{self.call} {self.nth} of {self.file or 'the directory'}: {self.error}"


def _traced(task: Path) -> bool:
    try:
        return "TracerPid:\t0\n" not in (task / "status").read_text()
    except OSError:  # it has ended
        return True


def recording(data: Path, files: Iterable[str], log: Path) -> list[str]:
    """What executes a program and writes its calls on `files` to `log`."""
    names = ",".join(call.names for call in CALLS.values())
    return [*_strace(log, [data / name for name in files], names), "-y"]


def _strace(log: Path, paths: Iterable[Path], calls: str) -> list[str]:
    chosen = [word for path in paths for word in ("-P", str(path))]
    # -D: the program is our child, not strace's, so that signals and its end are its own.
    # --seccomp-bpf: the kernel stops it at these calls alone.
    options = ["-D", "-f", "--seccomp-bpf", "-qqq", "-o", str(log), "-e", f"trace={calls}"]
    return ["strace", *options, *chosen]


def happened(log: Path) -> int:
    """How many calls were made to fail."""
    return log.read_text(errors="replace").count("(INJECTED)") if log.exists() else 0


def recorded(log: Path, data: Path, files: Iterable[str]) -> dict[tuple[str, str], int]:
    """Call and file -> the most times that a thread made it."""
    counts: Counter[tuple[str, str, str]] = Counter()
    by_length = sorted(files, key=len, reverse=True)
    for line in log.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None or "resumed>" in line:
            continue
        call = next((name for name, it in CALLS.items() if it.has(found["call"])), None)
        paths = re.findall(r'[<"]([^<>"]+)[>"]', found["rest"])
        file = next((it for it in by_length if str(data / it) in paths), None)
        if call is not None and file is not None:
            counts[found["thread"], call, file] += 1
    most: dict[tuple[str, str], int] = {}
    for (_, call, file), count in counts.items():
        most[call, file] = max(count, most.get((call, file), 0))
    return most


def failures(most: dict[tuple[str, str], int], each: int) -> Iterator[Failure]:
    """For each call on each file: the first `each`, a late one, and some between, each further on
    by half. The last quarter is left out: another run may make fewer calls. Errors take turns."""
    turn = 0
    for (call, file), count in sorted(most.items()):
        last = count - count // 4
        chosen, nth = set(range(1, min(each, last) + 1)) | {last}, each
        while (nth := nth + max(nth // 2, 1)) < last:
            chosen.add(nth)
        for number in sorted(chosen):
            errors = CALLS[call].errors
            yield Failure(call, file, number, errors[turn % len(errors)])
            turn += 1
