"""Checks the database files for damage while the api process runs."""

from __future__ import annotations

import sqlite3
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
from gateway.threads import WokenThread

HOUR = 3
"""Hour of the site's wall clock at which the nightly full check starts: few people pass then."""
LONGEST_PAUSE_DAYS = 7
"""A device that is off at night runs the check at a start this long after the last one."""
LOOK_S = 60.0
"""Time between two looks at the clock. A timer would not notice when the clock is set."""

_DAY_S = 24 * 3_600

log = structlog.get_logger("upkeep")


class FileChecks(WokenThread):
    """A quick check of the store at the start, a full one of both files each night.

    It reads on its own connections, so that no writer waits for it.
    """

    def __init__(self, data: Path, store: Store, clock: Clock, device_time: DeviceTime) -> None:
        """Checks the files in `data`; reports damage in the audit log of `store`."""
        super().__init__("checks")
        self._data = data
        self._store = store
        self._clock = clock
        self._device_time = device_time
        self._connection: sqlite3.Connection | None = None
        self._night = self._last_night()

    def close(self) -> None:
        """Interrupt a running check, and wait for the thread."""
        self._stop.set()
        self._wake.set()
        while self.alive:
            connection = self._connection
            if connection is not None:
                with suppress(sqlite3.ProgrammingError):  # closed at this moment
                    connection.interrupt()
            # A statement that started just now is interrupted in the next round.
            self._thread.join(0.05)

    def look(self) -> None:
        """Check both files in full if a night has begun since the last check."""
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
            log.warning("the result of the check was not stored", why=str(error))

    def _run(self) -> None:
        self._checked(STORE_FILE, full=False)
        super()._run()

    def work(self) -> float:
        self.look()
        return LOOK_S

    def _checked(self, name: str, *, full: bool) -> FullCheck:
        wrong = damage(self._data / name, full=full, connected=self._keep_connection)
        self._connection = None
        moment = self._clock.utc()
        if not self._stop.is_set():  # otherwise it was interrupted and has no result
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
            log.warning("the audit log does not record the damage", why=str(error))

    def _keep_connection(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _night_of(self, utc: datetime) -> int:
        """A number that changes at `HOUR` of the site's clock."""
        return (self._device_time.local(utc) - HOUR * 3_600) // _DAY_S

    def _last_night(self) -> int:
        """The last night that counts as checked, so that a start alone triggers no check.

        An overdue or missing check makes it an earlier night.
        """
        tonight = self._night_of(self._clock.utc())
        overdue = tonight - LONGEST_PAUSE_DAYS
        known = [datetime.fromisoformat(check.utc) for check in full_checks(self._data)]
        oldest = min(map(self._night_of, known), default=overdue)
        return oldest if oldest <= overdue else tonight
