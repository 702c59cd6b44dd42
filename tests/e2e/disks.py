"""A small disk for one test, which can be filled and made read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def own_disk(path: Path) -> Iterator[None]:
    """Mount a disk of 8 MB at `path`, or skip."""
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a disk of its own must be mounted, which takes root")
    mounted = _mount(path, "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs")
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def remounted(path: Path, how: str) -> bool:
    """Mount the disk at `path` anew, `ro` or `rw`; False while a program writes to it."""
    return _mount(path, "-o", f"remount,{how}").returncode == 0


def _mount(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["mount", *words, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
