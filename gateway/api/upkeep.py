"""Looks after the database files while the api process serves: are they still whole?"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

from gateway.clock import Clock, DeviceTime
from gateway.errors import StorageError
from gateway.store.check import FullCheck, damage, full_checks, keep_full_checks
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.audit import AuditType, write_entry

HOUR = 3
"""Of the site's wall clock, at which a night's full check begins: few people pass."""
LONGEST_PAUSE_DAYS = 7
"""A device that is switched off every night is checked at a start after this long."""
LOOK_S = 60.0
"""How often the clock is looked at. It may be set meanwhile, which no timer would notice."""

_DAY_S = 24 * 3_600

log = structlog.get_logger("upkeep")


class FileChecks:
    """One thread: a quick check of the store at the start, a full one of both files each night.

    It reads on connections of its own, so that nobody who writes waits for it.
    """

    def __init__(self, data: Path, store: Store, clock: Clock, device_time: DeviceTime) -> None:
        """The files are those in `data`; what is wrong with one goes into the audit log of
        `store`."""
        self._data = data
        self._store = store
        self._clock = clock
        self._device_time = device_time
        self._stop = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="checks", daemon=True)
        self._night = self._last_night()

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still looks."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Break off what runs, and wait for the thread."""
        self._stop.set()
        while self._thread.is_alive():
            connection = self._connection
            if connection is not None:
                with suppress(sqlite3.ProgrammingError):  # closed at this moment
                    connection.interrupt()
            # A statement that began just now is broken off the next time round.
            self._thread.join(0.05)

    def look(self) -> None:
        """Check both files in full if a night has come since the last time."""
        tonight = self._night_of(self._clock.utc())
        if tonight == self._night:
            return
        self._night = tonight
        done = [self._checked(name, full=True) for name in (STORE_FILE, JOURNAL_FILE)]
        if self._stop.is_set():
            return
        try:
            keep_full_checks(self._data, done)
        except StorageError as error:
            log.warning("what the check found is not kept", why=str(error))

    def _run(self) -> None:
        self._checked(STORE_FILE, full=False)
        while not self._stop.is_set():
            self.look()
            self._stop.wait(LOOK_S)

    def _checked(self, name: str, *, full: bool) -> FullCheck:
        wrong = damage(self._data / name, full=full, connected=self._keep_connection)
        self._connection = None
        moment = self._clock.utc()
        if not self._stop.is_set():  # else it was broken off, and its answer means nothing
            self._report(name, wrong, full=full)
        return FullCheck(name, moment.isoformat(timespec="seconds"), wrong)

    def _report(self, name: str, wrong: str | None, *, full: bool) -> None:
        if wrong is None:
            log.info("database checked", file=name, full=full)
            return
        log.error("database damaged", file=name, what=wrong)
        try:
            local_s = self._device_time.local(self._clock.utc())
            write_entry(self._store, AuditType.BOOT, local_s, f"{name} is damaged: {wrong}")
        except StorageError as error:
            log.warning("the audit log was not told", why=str(error))

    def _keep_connection(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _night_of(self, utc: datetime) -> int:
        """A number that changes at `HOUR` of the site's clock."""
        return (self._device_time.local(utc) - HOUR * 3_600) // _DAY_S

    def _last_night(self) -> int:
        """The night that counts as checked: a start is none, unless a check is long overdue or
        there never was one."""
        tonight = self._night_of(self._clock.utc())
        overdue = tonight - LONGEST_PAUSE_DAYS
        known = [datetime.fromisoformat(check.utc) for check in full_checks(self._data)]
        oldest = min(map(self._night_of, known), default=overdue)
        return oldest if oldest <= overdue else tonight
