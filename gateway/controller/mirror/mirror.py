"""What the loop decides by: people and rules from the mirror, through connections of its own.

The loop opens no file that another user can write. The process that does is told by `ask` that
something changed, and answers by a message.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import peewee
import structlog

from gateway.clock import AdjustableClock
from gateway.controller.state.ports import Mirrored
from gateway.credentials.values import Credential
from gateway.errors import StorageError, UnderRepair
from gateway.files import make_way
from gateway.link.messages import MirrorStatus
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.sealing import Sealer
from gateway.store.files import mirror_path
from gateway.store.files.copies import FileCopy, on_read_only_disk
from gateway.store.files.database import TrackedDatabase, reason
from gateway.store.files.locks import exclusive_locks
from gateway.store.mirror.reader import MirrorTables, open_mirror
from gateway.store.mirror.schema import FRESH
from gateway.store.objects.names import NameReader
from gateway.store.policy.people import PeopleReader, Reading, WrongRow
from gateway.store.policy.snapshot import Snapshot, SnapshotReader, without_rules
from gateway.store.tables.identity import read_identity

CHECK_PAUSE_NS = 10_000_000_000
"""Between two checks of the mirror for damage that a read met."""
LOCKS_PAUSE_NS = 1_000_000_000
"""Between two looks at the locks of this process: nothing reads or writes here for so long."""
OPEN_PAUSE_NS = 1_000_000_000
"""Between two attempts at a mirror that could not be opened."""
CHECKED_FIRST_BYTES = 4_000_000
"""A start waits until a mirror up to this size is checked: some 10,000 people."""
LONGEST_HOLD_NS = 1_000_000_000
"""For which people are read as they were before a change of the rules."""
ASIDE = ".damaged-"
"""Between the name of a mirror that was put aside and the time of that."""

R = TypeVar("R")

log = structlog.get_logger("mirror")


class Feed(Protocol):
    """What copies the store into the mirror; see ChildFeed."""

    def start(self) -> None: ...

    def send(self, command: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


MakeFeed = Callable[[Path, Callable[[dict[str, Any]], None]], Feed]
"""From a data directory and what gets each message."""


@dataclass(frozen=True, slots=True)
class _Readers:
    databases: tuple[TrackedDatabase, ...]
    people: PeopleReader
    snapshots: SnapshotReader


class Mirror:
    """The mirror at work. Only the loop's thread uses it, `post` and `names` excepted."""

    def __init__(
        self,
        data: Path,
        make_feed: MakeFeed,
        clock: AdjustableClock,
        wake: Callable[[], None],
        sealer: Sealer,
    ) -> None:
        """`wake` gets the loop to call `service`; `sealer` opens the secrets of the store."""
        self._sealer = sealer
        self._path = mirror_path(data)
        self._clock = clock
        self._wake = wake
        self._messages: deque[dict[str, Any]] = deque()
        self._readers: _Readers | None = None
        self._copy: FileCopy | None = None
        """What the readers read while the disk is read-only."""
        self._posted = threading.Event()
        self._told = False
        """Whether the feed has said how it goes."""
        self._checked = False
        """Whether the feed has looked for damage since the start."""
        self._damaged = False
        self._mending = False
        """Whether the feed looks for damage that a read met, or makes the mirror anew."""
        self._checked_ns = -CHECK_PAUSE_NS
        self._held_ns = 0
        self._tried_ns = 0
        self._locks_ns = 0
        self._locks: set[int] = set()
        """What this process locked for itself at the last look."""
        self._unopened: str | None = None
        """Why the mirror cannot be opened."""
        self._asked = self._answered = 0
        self._report: Mapping[str, Any] = {}
        self._feed_fault: str | None = None
        self.fallback: Mapping[tuple[str, str], str] = {}
        """Configuration while none can be read, as far as it is not the default's."""
        self.identified: Callable[[int], object] = lambda _: None
        """Gets the device's id whenever it was read."""
        self.failed: Callable[[str], object] = lambda _: None
        """Gets why the store cannot be read, when that begins."""
        self.replaced: Callable[[], object] = lambda: None
        """Called when another file is read, whose versions are not those of the one before."""
        self.names = NameReader(self._path, lambda path, kib: open_mirror(path, _ignored, kib))
        """May be called from one other thread."""
        self._feed = make_feed(data, self.post)

    def begin(self, wait_s: float) -> None:
        """Open what is there, and have it kept up to date. Waits at most `wait_s` until it is."""
        # Of a process that was killed; they hold secrets.
        for left in self._path.parent.glob(f"{self._path.name}{FRESH}*"):
            with suppress(OSError):
                left.unlink()
        self._open()
        self._feed.start()
        end_s = time.monotonic() + wait_s
        while not self._is_up_to_date() and (left_s := end_s - time.monotonic()) > 0:
            self._posted.wait(left_s)
            self._posted.clear()
            self.service()

    def close(self) -> None:
        self._feed.close()
        self._close()
        self.names.close()

    def _is_up_to_date(self) -> bool:
        return self._readers is not None and self._told and (self._checked or self._is_large())

    def _is_large(self) -> bool:
        try:
            return self._path.stat().st_size > CHECKED_FIRST_BYTES
        except OSError:
            return False

    def post(self, message: dict[str, Any]) -> None:
        """A message of the feed, from any thread."""
        self._messages.append(message)
        self._posted.set()
        self._wake()

    def ask(self) -> int:
        """Have what is committed now copied; the number that `service` answers."""
        self._asked += 1
        self._feed.send({"do": "sync", "n": self._asked})
        return self._asked

    def _ask_again(self) -> None:
        """Repeat a question that the feed had no answer to."""
        if self._answered < self._asked:
            self._feed.send({"do": "sync", "n": self._asked})

    def service(self) -> list[Mirrored]:
        """Take what the feed said."""
        if self._copy is not None and not on_read_only_disk(self._path):
            self._close()
            self._open()
        if self._clock.monotonic_ns() - self._held_ns > LONGEST_HOLD_NS:
            self.release()
        self._give_back_locks()
        answers = self._opened_again()
        while self._messages:
            message = self._messages.popleft()
            if message.get("is") == "synced":
                answers.append(self._synced(int(message["n"]), int(message["version"])))
            elif self._take(message):
                answers += self._present()
        return answers

    def _take(self, message: Mapping[str, Any]) -> bool:
        """True when another mirror is read from now on."""
        match message.get("is"):
            case "committing":
                self._hold()
            case "built":
                return self._swap(str(message["name"]))
            case "whole":
                return self._found_whole()
            case "report":
                self._reported(message)
            case "locked":
                log.warning("the mirror is locked: it is opened again")
                self._reopen()
            case "started":
                self._ask_again()
            case "ended":
                self.release()
                self._mending = False
                self._feed_fault = f"the process that feeds the mirror: {message['why']}"
        return False

    def _opened_again(self) -> list[Mirrored]:
        """Open a mirror that is there and could not be opened before; what it has."""
        now_ns = self._clock.monotonic_ns()
        if self._readers is not None or now_ns - self._tried_ns < OPEN_PAUSE_NS:
            return []
        self._open()
        return self._present()

    def _present(self) -> list[Mirrored]:
        """What the mirror has now."""
        if self._readers is None:
            return []
        try:
            return [Mirrored(self._answered, self._readers.people.policy_version())]
        except StorageError:  # whoever reads next meets it and has it checked
            return []

    def _synced(self, question: int, version: int) -> Mirrored:
        if self._readers is None:
            self._open()
        elif self._readers.people.held == version:
            self.release()
        self._told = True
        self._feed_fault = None
        self._answered = max(self._answered, question)
        return Mirrored(self._answered, version)

    def status(self) -> MirrorStatus:
        """How the copying goes."""
        return MirrorStatus(
            store_fault=self._report.get("store_fault"),
            mirror_fault=self._report.get("mirror_fault"),
            feed_fault=self._feed_fault,
            since_utc=self._report.get("since_utc", 0),
            rows_bad=self._report.get("rows_bad", 0),
            named=tuple(self._report.get("named", ())),
        )

    # ---- people, as PeopleReader

    def find(self, credential: Credential) -> Reading:
        return self._read(lambda people: people.find(credential))

    def find_by_password(self, user_id: int, password: str) -> Reading:
        return self._read(lambda people: people.find_by_password(user_id, password))

    def find_by_id(self, user_id: int) -> Reading:
        return self._read(lambda people: people.find_by_id(user_id))

    def policy_version(self) -> int:
        return self._read(PeopleReader.policy_version)

    # ---- rules, as SnapshotReader

    def compile(self) -> Generator[None, None, Snapshot]:
        """As SnapshotReader does; what it misses it has looked for."""
        try:
            return (yield from self._open_readers().snapshots.compile())
        except StorageError:
            self._have_checked()
            raise

    def settings(self) -> Snapshot:
        """The settings alone; where none can be read, `fallback`."""
        try:
            return self._open_readers().snapshots.settings(self.fallback)
        except StorageError:
            self._have_checked()
            return without_rules(self.fallback)

    def _read(self, read: Callable[[PeopleReader], R]) -> R:
        try:
            return read(self._open_readers().people)
        except StorageError as error:
            if self._damaged or isinstance(error, WrongRow) or _is_damage(error.__cause__):
                self._damaged = False
                self._have_checked()
                if self._mending:
                    raise UnderRepair(str(error)) from error
            raise

    def _open_readers(self) -> _Readers:
        if self._readers is None:
            raise StorageError("there is no copy of people and rules yet")
        return self._readers

    def _have_checked(self) -> None:
        """Have the mirror made anew where it is damaged."""
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._checked_ns >= CHECK_PAUSE_NS:
            self._checked_ns = now_ns
            self._mending = True
            self._feed.send({"do": "check"})

    def _note_damage(self, table: str) -> None:
        self._damaged = True
        log.error("a row of the mirror is damaged; nobody is let in by it", table=table)

    def _open(self) -> None:
        """Open the mirror for people and, for a compilation's long read must not widen the window
        of a decision, once more for rules."""
        self._tried_ns = self._clock.monotonic_ns()
        with ExitStack() as stack:
            try:
                path, copy = self._path, None
                if path.exists() and on_read_only_disk(path):
                    copy = FileCopy(path)
                    stack.callback(copy.close)
                    path = copy.path
                opened = []
                for _ in range(2):
                    opened.append(open_mirror(path, self._note_damage))
                    stack.callback(opened[-1].close_all)
                store, compiling = opened
            except (
                *(StorageError, peewee.PeeweeException, sqlite3.Error),
                *(LookupError, ValueError),
            ) as error:
                why = reason(error) if self._path.exists() else None
                if why not in (None, self._unopened):
                    log.warning("the mirror cannot be read", why=why)
                self._unopened = why
                return
            stack.pop_all()
        self._unopened = None
        self._copy = copy
        models = Models(
            REGISTRY, store, self._sealer
        )  # only their SQL is used, on either connection
        tables = MirrorTables(compiling.connection(), self._note_damage)
        snapshots = SnapshotReader(compiling, models, tables)
        self._readers = _Readers((store, compiling), PeopleReader(store, models), snapshots)
        try:
            self.identified(read_identity(store).device_id)
        except StorageError as error:  # rules and people do not need it
            log.warning("the device's id cannot be read", why=str(error))

    def _close(self) -> None:
        readers, self._readers = self._readers, None
        if readers is not None:
            for opened in readers.databases:
                opened.close_all()
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _give_back_locks(self) -> None:
        """Open the mirror again where the kernel failed to release a lock: a read would wait for it
        for ten seconds, and then fail."""
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._locks_ns < LOCKS_PAUSE_NS:
            return
        self._locks_ns = now_ns
        before, self._locks = self._locks, exclusive_locks(self._path)
        if before & self._locks:
            log.warning("a lock of the mirror was not released: it is opened again")
            self._reopen()

    def _reopen(self) -> None:
        """Give back every lock that this process has on the mirror, also one that the kernel failed
        to release when SQLite asked for it."""
        with self.names.closed():
            self._close()
            self._open()

    def _found_whole(self) -> bool:
        """A read failed and the file is whole: the disk, or what is cached of it, failed once."""
        failed, self._mending, self._checked = self._mending, False, True
        if failed:
            self._reopen()
            self.replaced()
        return failed

    def _swap(self, name: str) -> bool:
        """Put a mirror that was made anew in its place: nobody else has the old one open now."""
        fresh = self._path.with_name(name)
        self._mending, self._checked = False, True
        found = fresh.exists()
        if found:
            self._close()
            with self.names.closed():
                for suffix in ("-wal", "-shm"):
                    make_way(Path(f"{self._path}{suffix}"))
                with suppress(FileNotFoundError):
                    self._put_aside()
                fresh.rename(self._path)
            self._open()
            self.replaced()
        self._feed.send({"do": "swapped"})
        return found

    def _put_aside(self) -> None:
        """Keep the former mirror, the last one that was, for whoever looks for the reason."""
        for left in self._path.parent.glob(f"{self._path.name}{ASIDE}*"):
            left.unlink()
        now = f"{self._clock.utc():%Y%m%dT%H%M%SZ}"
        aside = self._path.with_name(f"{self._path.name}{ASIDE}{now}")
        self._path.rename(aside)
        log.error("the mirror was made anew; the former one was put aside", file=aside.name)

    def _hold(self) -> None:
        """Decide by people and rules of the present until the rules that come are compiled: people
        as they will be do not belong to the rules in force, so that swipes would wait."""
        if self._readers is not None and self._readers.people.held is None:
            with suppress(StorageError):  # the next swipe meets the error and reports it
                self._readers.people.hold()
                self._held_ns = self._clock.monotonic_ns()

    def release(self) -> None:
        """Have people read as they are: the rules in force belong to them."""
        if self._readers is not None:
            self._readers.people.release()

    def _reported(self, message: Mapping[str, Any]) -> None:
        before, self._report = self._report, message
        self._told = True
        store_fault = message.get("store_fault")
        if store_fault and message.get("mirror_fault"):
            self._mending, self._checked = False, True  # there is nothing to make it anew from
        if store_fault and not before.get("store_fault"):
            log.error(
                "people and rules are not copied; the last good copy decides", why=store_fault
            )
            self.failed(str(store_fault))
        elif before.get("store_fault") and not store_fault:
            log.info("the store can be read again")
        mirror_fault = message.get("mirror_fault")
        if mirror_fault and mirror_fault != before.get("mirror_fault"):
            log.error("the mirror is not kept up to date", why=mirror_fault)
        if message.get("named") and message.get("named") != before.get("named"):
            log.error(
                "rows of the store cannot be read",
                count=message.get("rows_bad"),
                rows="; ".join(message["named"]),
            )


def _is_damage(error: BaseException | None) -> bool:
    if isinstance(error, UnicodeError):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)


def _ignored(_table: str) -> None:
    """Damage that the event log meets: the loop meets it too."""
