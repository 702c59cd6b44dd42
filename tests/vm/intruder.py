"""What somebody with a shell of the api's user tries against other processes, the kernel and root:
one line of JSON names all that succeeded.

    intruder.py CONTROLLER_PID ROOT_FILE
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

DATA, RUN = Path("/var/lib/gateway"), Path("/run/gateway")
CGROUP = Path("/sys/fs/cgroup/system.slice/gateway-controller.service")
NOTIFY = "/run/systemd/notify"
PTRACE_SEIZE = 0x4206
PIDFD_GETFD = 438


def refused_by_result(result: int) -> None:
    if result < 0:
        raise PermissionError


def report(words: bytes) -> None:
    """Of the controller, to the service manager, which does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(words, NOTIFY)
    raise PermissionError  # whether it is heeded shows in the controller


def attempts(pid: int, root_file: str) -> dict[str, Callable[[], object]]:
    libc = ctypes.CDLL(None)
    process = Path(f"/proc/{pid}")
    known: dict[str, Callable[[], object]] = {
        "kill": lambda: os.kill(pid, signal.SIGKILL),
        "stop": lambda: os.kill(pid, signal.SIGSTOP),
        "end of its group": lambda: os.killpg(os.getpgid(pid), signal.SIGTERM),
        "ptrace": lambda: refused_by_result(libc.ptrace(PTRACE_SEIZE, pid, 0, 0)),
        "its descriptors": lambda: refused_by_result(
            libc.syscall(PIDFD_GETFD, os.pidfd_open(pid), 0, 0)
        ),
        "its limits": lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)),
        "its priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        "its scheduling": lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
        "its processors": lambda: os.sched_setaffinity(pid, []),
        "its memory": partial(os.open, process / "mem", os.O_RDWR),
        "its environment": (process / "environ").read_bytes,
        "its open files": lambda: list((process / "fd").iterdir()),
        "its place in the queue of the killer": lambda: (process / "oom_score_adj").write_text("9"),
        "a real-time priority": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
        "the board": partial(os.open, "/dev/gpiochip0", os.O_RDWR),
        "the wires": lambda: Path("/run/board/sim_gpio5/pull").write_text("pull-down"),
        "the memory": partial(os.open, "/dev/mem", os.O_RDONLY),
        "the kernel's keys": lambda: Path("/proc/sysrq-trigger").write_text("b"),
        "the watchdog": partial(os.open, "/dev/watchdog", os.O_WRONLY),
        "a word of the controller's": lambda: report(b"STOPPING=1\nWATCHDOG=trigger"),
        "another main process": lambda: report(f"MAINPID={os.getpid()}".encode()),
        "a file of root's": Path(root_file).read_bytes,
        "the mirror": (DATA / "controller" / "mirror.db").read_bytes,
        "the site file": partial(os.open, DATA / "gateway.toml", os.O_RDWR),
        "the runtime": (RUN / "facts").unlink,
        "a file below /run": Path("/run/was-here").touch,
    }
    for name in ("cgroup.freeze", "cgroup.kill", "cgroup.procs", "cpu.max", "memory.max"):
        known[name] = partial((CGROUP / name).write_text, "1")
    for name in ("journal.db", "journal.db-wal", "journal.db-shm", "controller.lock"):
        path = DATA / "controller" / name
        known[f"write {name}"] = partial(os.open, path, os.O_RDWR)
        known[f"remove {name}"] = path.unlink
        known[f"{name} by a second name"] = partial(os.link, path, DATA / "api" / f"other-{name}")
    return known


def main() -> None:
    succeeded = []
    for name, attempt in attempts(int(sys.argv[1]), sys.argv[2]).items():
        with suppress(OSError):
            attempt()
            succeeded.append(name)
    sys.stdout.write(json.dumps(succeeded))


if __name__ == "__main__":
    main()
