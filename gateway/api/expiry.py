"""Deletes expired people's credentials, once a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from gateway.access.expiry_schedule import ExpiryScope, ExpiryState, check_expiry
from gateway.clock import Clock, DeviceTime, unix_s
from gateway.errors import ControllerUnavailable, StorageError
from gateway.link.client import ControllerClient
from gateway.store.objects.store import Store
from gateway.store.tables.audit import AuditType, write_entry
from gateway.store.tables.expired_credentials import ExpiryStateTable, clear_expired
from gateway.threads import WokenThread

CHECK_S = 60.0
"""Time between two checks of the clock."""
KEPT_S = 3_600
"""How old the stored state may be; after a power cut the thread resumes from it."""


log = structlog.get_logger("expiry")


class ExpiredPeople(WokenThread):
    """Deletes the credentials when the daily time has come.

    `close` lets the current transaction end.
    """

    close_s = None

    def __init__(
        self,
        store: Store,
        clock: Clock,
        device_time: DeviceTime,
        trusted: Callable[[], bool],
    ) -> None:
        """`trusted` tells whether the clock is trusted. Raises StorageError."""
        super().__init__("expiry")
        self._store = store
        self._clock = clock
        self._device_time = device_time
        self._trusted = trusted
        self._kept = ExpiryStateTable(store)
        self._state = self._kept.read()
        self._kept_state = self._state

    def work(self) -> float:
        self.check()
        return CHECK_S

    def check(self) -> None:
        """Check the clock once, and delete if the time has come."""
        try:
            self._check()
        except StorageError as error:
            log.warning("credentials of expired people were not deleted", why=str(error))

    def _check(self) -> None:
        settings = self._store.configuration(
            {"general": ["clear_expired_users", "auto_reboot_hour", "auto_reboot_minute"]}
        )["general"]
        utc = self._clock.utc()
        seen = check_expiry(
            self._state,
            unix_s(utc),
            self._device_time.local(utc),
            _second_of_day(settings),
            trusted=self._trusted(),
        )
        whose = ExpiryScope(settings["clear_expired_users"])
        # The state is stored after the deletion, so that an interrupted one starts again.
        if whose.off or not seen.due or self._clear(utc, whose):
            self._keep(seen.state)

    def _clear(self, utc: datetime, whose: ExpiryScope) -> bool:
        local_s = self._device_time.local(utc)

        def report(deleted: Mapping[str, int]) -> None:
            listed = ", ".join(f"{table} {count}" for table, count in deleted.items())
            log.info("credentials of expired people deleted", **deleted)
            text = f"credentials of expired people deleted ({whose}): {listed}"
            write_entry(self._store, AuditType.BOOT, local_s, text)

        stamp = self._device_time.stamp(utc)
        return clear_expired(
            self._store,
            stamp,
            report,
            visitors_only=whose is ExpiryScope.VISITORS,
            go_on=lambda: not self._stop.is_set(),
        )

    def _keep(self, state: ExpiryState | None) -> None:
        self._state = state
        if state is None:
            return
        kept = self._kept_state
        aged = kept is None or abs(state.seen_s - kept.seen_s) >= KEPT_S
        if kept is None or aged or state.turn != kept.turn:
            self._kept.keep(state)
            self._kept_state = state


def clock_trusted_by(controller: ControllerClient) -> bool:
    """Whether the controller trusts the clock; False while it does not answer."""
    try:
        return controller.status().clock_trusted
    except ControllerUnavailable:
        return False


def _second_of_day(settings: Mapping[str, str]) -> int:
    """The time of the daily reboot, in seconds after midnight."""
    hour, minute = settings["auto_reboot_hour"], settings["auto_reboot_minute"]
    return int(hour) * 3_600 + int(minute) * 60
