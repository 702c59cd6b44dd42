"""The monitor as a destination of the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.clock import Clock, DeviceTime
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, JournalReader
from gateway.store.objects.store import Store
from gateway.uplink.delivery import SendOutcome, outcome_of
from gateway.uplink.http_client import HttpClient
from gateway.uplink.monitor import (
    CHANGED,
    CHANGES,
    KINDS,
    MONITOR_KEYS,
    MonitorSettings,
    MonitorTopics,
    Notification,
    monitor_settings,
)
from gateway.uplink.outbox import Change

log = structlog.get_logger("monitor")


class MonitorChannel:
    """POSTs notifications to the server in the module `monitor` of the configuration."""

    name = "monitor"
    kinds = KINDS
    tables = CHANGED
    probed = True
    held = None
    success_utc = 0

    def __init__(
        self,
        store: Store,
        journal: JournalReader,
        clock: Clock,
        device_time: DeviceTime,
        device_id: int,
        servers: ServerSettings,
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._device_time = device_time
        self._device_id = device_id
        self._servers = servers
        self._client = HttpClient(servers.ca_file)
        self._values: Mapping[str, str] = {}
        self._settings: MonitorSettings | None = None
        self._topics: MonitorTopics | None = None

    def configure(self) -> str | None:
        values = self._store.configuration(MONITOR_KEYS)["monitor"]
        if values != self._values:
            self._settings = monitor_settings(values)
            self._values = values
            self._topics = self._topics_for(self._settings) if self._settings else None
            self._client.close()
        return self._settings.address.shown if self._settings else None

    def _topics_for(self, settings: MonitorSettings) -> MonitorTopics:
        return MonitorTopics(
            self._device_id,
            self._store.registry["access_logs"],
            lambda utc_s: self._device_time.stamp(datetime.fromtimestamp(utc_s, UTC)),
            event_ids=settings.inform_event_id,
            sealer=self._store.sealer,
            secrets=settings.address.tls or self._servers.plain_secrets,
        )

    def told_of(self, entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        topics = self._in_force()[1]
        told = []
        for entry in entries:
            stamp = self._device_time.stamp(entry.utc)
            try:
                messages = list(topics.entry(entry, stamp, self._journal.access))
            except (LookupError, TypeError, ValueError) as error:
                # Such an entry has no place in the log tables either; the others must go out.
                log.error("an entry is not sent", entry=entry.seq, why=repr(error))  # noqa: TRY400 - a line
                continue
            if messages:
                told.append((entry.seq, messages))
        return told

    def told_of_change(self, change: Change) -> Notification | None:
        topics = self._in_force()[1]
        kind = CHANGES[change.operation]  # triggers alone write such rows
        key = self._store.registry[change.table].key_name
        row: Mapping[str, Any] | None = {key: change.row_id}
        if kind != "deleted":
            request = {"object": change.table, "where": {change.table: {key: change.row_id}}}
            # A row that is gone: its deletion follows.
            row = next(iter(self._store.load(request).rows), None)
        return None if row is None else topics.change(change.table, kind, row, change.stamp)

    def alive(self) -> Notification:
        count = int(self._store.model("access_logs").select().count(self._store.reader()))
        stamp = self._device_time.stamp(self._clock.utc())
        return self._in_force()[1].alive(count, stamp)

    @property
    def alive_s(self) -> float:
        return self._in_force()[0].alive_s

    def enrolled(self, kind: str, value: int | str, user_id: int) -> Notification | None:
        """The message of a credential that was read for an enrolment, if there is one. Any thread
        may ask."""
        topics = self._topics
        return None if topics is None else topics.enrolled(kind, value, user_id)

    def send(self, message: Notification) -> tuple[SendOutcome, str]:
        settings = self._in_force()[0]
        answer = self._client.post(
            settings.address, message.topic, message.body, settings.timeout_s
        )
        return outcome_of(answer.status), answer.fault

    def abort(self) -> None:
        self._client.abort()

    def close(self) -> None:
        self._client.close()

    def _in_force(self) -> tuple[MonitorSettings, MonitorTopics]:
        if self._settings is None or self._topics is None:
            raise RuntimeError("the monitor is off")
        return self._settings, self._topics
