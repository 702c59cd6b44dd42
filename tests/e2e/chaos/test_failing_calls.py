"""Calls of the controller to the kernel fail in turn, on its own files and on the api's.

strace makes them fail (`--inject`), in the feeding process as well. A controller that ends is
started again, with whole calls: the doors decide, or the process restarts and decides.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .units import LONG, Units, share

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

    from .conftest import Begin, Copied

pytestmark = pytest.mark.chaos

FILES = ("journal.db", "mirror.db", "store.db")
NAMES = (
    *(f"{name}{suffix}" for name in FILES for suffix in ("", "-wal", "-shm")),
    *("gateway.toml", "gateway.toml.last-good", "gateway.toml.accepted", "runtime.json"),
    "",  # the data directory itself
)


@dataclass(frozen=True)
class Call:
    """A call to the kernel, under the names that strace knows on any machine (`?`)."""

    names: str
    errors: tuple[str, ...]
    often: int
    """About as many are made by a start and three reads."""


CALLS = {
    "open": Call("?open,openat", ("EIO", "EMFILE", "EACCES", "ENOSPC", "EROFS", "ENOENT"), 60),
    "read": Call("read,pread64", ("EIO", "EINTR", "ENOMEM"), 300),
    "write": Call("write,pwrite64", ("EIO", "ENOSPC", "EDQUOT"), 60),
    "sync": Call("fsync,fdatasync", ("EIO", "ENOSPC"), 12),
    "rename": Call("?rename,?renameat,renameat2", ("EIO", "EACCES"), 2),
    "mmap": Call("mmap", ("ENOMEM", "EACCES"), 12),
    "truncate": Call("ftruncate", ("EIO", "ENOSPC"), 6),
    "lock": Call("fcntl", ("EAGAIN", "ENOLCK", "EIO"), 200),
    "flock": Call("flock", ("EWOULDBLOCK", "ENOLCK"), 1),
    "stat": Call("?stat,?lstat,?newfstatat,?fstat,?statx", ("EIO", "EACCES", "ENOENT"), 120),
    "unlink": Call("?unlink,unlinkat", ("EIO", "EACCES"), 3),
    "seek": Call("?lseek", ("EIO",), 40),
    "mode": Call("?chmod,fchmod,fchmodat,fchown,?chown", ("EPERM", "EROFS"), 4),
}
PERSISTENT = 0.3
"""Part of the cases in which every later call fails too, until the controller is started anew."""


def injection(call: Call, draw: random.Random) -> str:
    """What strace is to do."""
    # Early calls, those of opening, are tried more often than late ones, which are alike.
    first = 1 + int(call.often * draw.random() ** 2)
    when = f"{first}+" if draw.random() < PERSISTENT else str(first)
    return f"{call.names}:error={draw.choice(call.errors)}:when={when}"


def traced(site: Site, injected: str) -> list[str]:
    """The command that makes calls fail which concern the data directory."""
    paths = [word for name in NAMES for word in ("-P", str(site.data / name))]
    # -D: the controller is our child, not strace's, so that signals and its end are its own.
    return ["strace", "-D", "-f", "-qqq", "-o", "/dev/null", *paths, "-e", f"inject={injected}"]


@pytest.fixture(scope="module", autouse=True)
def tracing() -> None:
    """Skip where no program may be traced."""
    tried = subprocess.run(["strace", "-qqq", "-o", "/dev/null", "true"], check=False)
    if tried.returncode != 0:
        pytest.skip("strace may not trace here")


@pytest.mark.parametrize("name", CALLS if LONG else ("open", "write", "mmap"))
def test_doors_decide_whichever_call_fails(copied: Copied, begin: Begin, name: str) -> None:
    tally, after = begin(f"a failing {name}"), begin(f"a failing {name}, then started again")
    for number in range(share()):
        injected = injection(CALLS[name], random.Random(f"{name} {number}"))  # noqa: S311 - no secret
        case = injected.partition(":")[2]
        site = copied()
        with Units(site, wrapper=traced(site, injected)) as units:
            tally.note(units, case)
            units.stop()
            after.note(units, case)
            units.stop()
        shutil.rmtree(site.data)
    for each in (tally, after):
        each.judge()
    assert after.opened == after.tried, f"Ana was not let in: {after.shut}"
