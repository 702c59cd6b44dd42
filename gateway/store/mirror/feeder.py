"""What the mirror's process does: keeps the mirror up to date, and says how it went.

It is driven by commands and by time; how both reach it is its caller's business.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.store.files import STORE_FILE, mirror_path
from gateway.store.files.database import is_locked, reason
from gateway.store.mirror.connections import MIRROR_ERRORS
from gateway.store.mirror.copier import Copier
from gateway.store.mirror.mirror_side import MirrorSide
from gateway.store.mirror.schema import FRESH
from gateway.store.mirror.store_side import StoreSide, StoreUnusable

FAULTS_NAMED = 20
"""Rows that a report names; it counts all."""
BEAT_S = 1.0
"""Longest silence of a process that works."""
LONGEST_PAUSE_S = 5.0
"""Between two looks at a store that cannot be read."""
_FIRST_PAUSE_S = 0.25

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How the copying goes."""

    store_fault: str | None = None
    """Why the store cannot be read; the mirror is the last good policy then."""
    mirror_fault: str | None = None
    """Why the mirror cannot be written, or what damage is being repaired."""
    since_utc: int = 0
    """Of the first of these, in Unix seconds."""
    rows_bad: int = 0
    """Rows of the store that are not what their declarations say."""
    named: tuple[str, ...] = field(default=())
    """The first of them, as `table row: columns`."""


class Feeder:
    """Feeds one mirror. One thread uses it."""

    def __init__(self, data: Path, send: Callable[[Message], None]) -> None:
        """`send` gets what the controller should know; see `handle`."""
        self._path = mirror_path(data)
        self._send = send
        self._store = StoreSide(data / STORE_FILE)
        self._mirror: MirrorSide | None = None
        self._waits_for_swap = False
        self._told: FeedReport | None = None
        self._beaten_s = 0.0
        self._pause_s = 0.0
        self._again_s = 0.0
        self._checked = False
        self._version = 0
        self._question: int | None = None
        """The last that has no answer yet."""
        self._unfinished = False
        """Whether rows of people are left to be copied."""

    def close(self) -> None:
        self._store.close()
        self._close_mirror()

    def _close_mirror(self) -> None:
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            mirror.close()

    @property
    def busy(self) -> bool:
        """Whether `poll` has more to do at once."""
        return self._unfinished and not self._waits_for_swap and not self._pause_s

    def handle(self, command: Message) -> None:
        """Carry out a command of the controller.

        `sync` n copies what is committed and answers `synced` n, once that can be done. Where it is
        much, the answer waits for all of it, or for the next question: that one is answered as soon
        as nobody has a right that was taken away. `check` looks for damage of the mirror, as the
        first `poll` does, and answers `whole`, or `built` once there is another one; `swapped` says
        that this one is in its place now. `committing` goes out before other rules can be read, and
        `synced` or a fault afterwards. `locked` says that somebody keeps the mirror locked, which
        the controller's own connections may do.
        """
        match command.get("do"):
            case "sync":
                self._sync(command.get("n", 0))
            case "check":
                self._checked = False
                self.poll()
            case "swapped":
                self._waits_for_swap = False
                self._sync(0)

    def poll(self) -> None:
        """Look for changes that nobody announced; check the mirror once."""
        if time.monotonic() >= self._again_s:
            if self._mirror is not None and not self._mirror.is_in_place():
                self._rebuild("the mirror was removed: it is made anew")
            else:
                self._look()
        if self._mirror is not None and not self._checked:
            self._checked = True
            damage = self._mirror.damage(self._beat)
            if damage is not None:
                self._rebuild(f"the mirror is damaged ({damage}): it is made anew")
            else:
                self._send({"is": "whole"})
        self._beat()

    def _look(self) -> None:
        try:
            changed = self._mirror is None or self._unfinished or self._store.changed()
        except StoreUnusable:
            changed = True
        if changed:
            self._sync(None)

    def _beat(self) -> None:
        now_s = time.monotonic()
        if now_s - self._beaten_s >= BEAT_S:
            self._beaten_s = now_s
            self._send({"is": "alive"})

    def _sync(self, question: int | None) -> None:
        """Copy, and answer `question`, None for one that waits; if that fails it waits."""
        if question is not None:
            self._question = max(question, self._question or 0)
        if self._waits_for_swap:
            return
        mirror = self._mirror or self._opened()
        if mirror is None:
            return
        try:
            copied = self._copier(mirror).sync()
        except StoreUnusable as error:
            self._fail()
            self._report(store_fault=str(error))
            return
        except MIRROR_ERRORS as error:
            self._fail()
            if _is_damage(error):
                self._rebuild(f"the mirror is damaged ({reason(error)}): it is made anew")
            else:
                self._report(mirror_fault=f"the mirror cannot be written: {reason(error)}")
                if is_locked(error):
                    self._send({"is": "locked"})
            # SQLite opens a file for reading alone where it could not for writing, and keeps it so.
            self._close_mirror()
            return
        self._pause_s = self._again_s = 0.0
        answers = copied.complete or (self._unfinished and question is not None)
        self._unfinished = not copied.complete
        if (answers and self._question is not None) or copied.version != self._version:
            self._version = copied.version
            answered = self._question if answers else None
            self._send({"is": "synced", "n": answered or 0, "version": copied.version})
            if answers:
                self._question = None
        self._report()

    def _fail(self) -> None:
        """Look again later: a copy of everything that fails each time must not keep a core busy."""
        self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._again_s = time.monotonic() + self._pause_s

    def _copier(self, mirror: MirrorSide) -> Copier:
        return Copier(
            self._store,
            mirror,
            lambda: int(time.time()),
            self._beat,
            lambda: self._send({"is": "committing"}),
        )

    def _opened(self) -> MirrorSide | None:
        """Open the mirror; where there is none that can be used, make one."""
        try:
            self._mirror = MirrorSide(self._path)
        except (*MIRROR_ERRORS, OSError) as error:
            there = self._path.exists()
            why = f"the mirror cannot be used ({reason(error)}): it is made anew" if there else None
            self._rebuild(why)
        return self._mirror

    def _rebuild(self, why: str | None) -> None:
        """Copy everything into a file beside the mirror; the controller puts it in its place."""
        told = self._told or FeedReport()
        if why is not None and told.mirror_fault is None:
            self._report(told.store_fault, why)
        fresh = Path(f"{self._path}{FRESH}{os.getpid()}")
        try:
            for left in self._path.parent.glob(f"{self._path.name}{FRESH}*"):
                left.unlink()
            os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            made = MirrorSide(fresh, fresh=True)
            with contextlib.closing(made):
                self._copier(made).sync()
                made.finish(self._beat)
        except StoreUnusable as error:
            self._fail()
            fresh.unlink(missing_ok=True)
            self._report(store_fault=str(error), mirror_fault=why)
            return
        except (*MIRROR_ERRORS, OSError) as error:
            self._fail()
            self._report(mirror_fault=f"the mirror cannot be made: {error}")
            return
        self._close_mirror()
        self._waits_for_swap = True
        self._checked = True
        self._send({"is": "built", "name": fresh.name})

    def _report(self, store_fault: str | None = None, mirror_fault: str | None = None) -> None:
        """Say how it goes, if that is news."""
        before = self._told
        faults = [] if self._mirror is None else list(self._faults(self._mirror))
        broken = store_fault is not None or mirror_fault is not None
        since = int(time.time()) if broken else 0
        if broken and before is not None and before.since_utc:
            since = before.since_utc
        report = FeedReport(
            store_fault, mirror_fault, since, len(faults), tuple(faults[:FAULTS_NAMED])
        )
        if report != before:
            self._told = report
            self._send({"is": "report", **asdict(report)})

    def _faults(self, mirror: MirrorSide) -> Iterator[str]:
        with contextlib.suppress(*MIRROR_ERRORS):
            for fault in mirror.faults():
                yield f"{fault.table} {fault.row!s}: {fault.columns}"


def _is_damage(error: Exception) -> bool:
    if isinstance(error, UnicodeError):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
