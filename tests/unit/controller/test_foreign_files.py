"""The controller's process opens no file that the api's user can write, whatever lies there."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.controller.mirror.child import ChildFeed
from gateway.store.files import JOURNAL_FILE, STORE_FILE

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
OPENING = ("open", "sqlite3.connect", "os.listdir", "os.scandir")
"""Audit events with a path as their first argument. SQLite's own files appear among the
descriptors."""


class Watch:
    """Notes what this process opens in a directory. An audit hook stays for good, so it is one."""

    directory: Path | None = None
    opened: set[str]

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.directory is None or event not in OPENING:
            return
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike):
            self.note(os.fsdecode(path).removeprefix("file://").partition("?")[0])

    def note(self, path: str) -> None:
        if self.directory is not None and Path(path).resolve().is_relative_to(self.directory):
            self.opened.add(path)

    @contextmanager
    def over(self, directory: Path) -> Iterator[None]:
        self.directory = directory.resolve()
        before = descriptors()
        try:
            yield
            for path in descriptors() - before:
                self.note(path)
        finally:
            self.directory = None


def descriptors() -> set[str]:
    """What this process has open."""
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


@pytest.fixture(scope="module")
def hook() -> Watch:
    made = Watch()
    sys.addaudithook(made)
    return made


@pytest.fixture
def watch(hook: Watch) -> Watch:
    hook.opened = set()
    return hook


@pytest.fixture
def store(demo: Path) -> Path:
    """The store in a directory of the api's, to which a link leads as on a device."""
    (demo / "api").mkdir()
    moved = demo / "api" / STORE_FILE
    for left in demo.glob(f"{STORE_FILE}*"):
        left.rename(demo / "api" / left.name)
    (demo / STORE_FILE).symlink_to(moved)
    return moved


def lets_in(bench: Bench) -> bool:
    bench.swipe(CARD_OF_ANA)
    opened = bench.unlocked(1)
    bench.pass_time(10)
    return opened


def test_a_run_with_a_revocation_opens_no_file_of_the_apis(
    demo: Path, store: Path, start: Start, watch: Watch
) -> None:
    with start(demo, make_feed=ChildFeed) as bench:
        with watch.over(store.parent):
            bench.wait_until(lambda: lets_in(bench))
        with closing(sqlite3.connect(store)) as connection:
            connection.create_function("device_stamp", -1, lambda *_: 0)
            connection.execute("DELETE FROM cards")
            connection.commit()
        with watch.over(store.parent):
            bench.wait_until(lambda: not lets_in(bench))
    assert watch.opened == set()


def lock(path: Path) -> sqlite3.Connection:
    holder = sqlite3.connect(path)
    holder.execute("PRAGMA journal_mode = delete")
    holder.execute("BEGIN EXCLUSIVE")
    return holder


def replace(path: Path, by: Callable[[Path], object]) -> None:
    path.unlink(missing_ok=True)
    by(path)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "a pipe": lambda path: replace(path, os.mkfifo),
    "a pipe for its log": lambda path: replace(Path(f"{path}-wal"), os.mkfifo),
    "rubbish": lambda path: path.write_bytes(b"rubbish" * 999),
    "locked": lock,
    "as it was": lambda _: None,
}


@pytest.mark.parametrize("harm", HOSTILE.values(), ids=HOSTILE)
def test_a_start_without_journal_opens_no_file_of_the_apis(
    demo: Path, store: Path, start: Start, watch: Watch, harm: Callable[[Path], object]
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
    (demo / JOURNAL_FILE).unlink()
    holder = harm(store)
    with watch.over(store.parent), start(demo, make_feed=ChildFeed) as bench:
        assert lets_in(bench)
    assert watch.opened == set()
    if isinstance(holder, sqlite3.Connection):
        holder.close()
