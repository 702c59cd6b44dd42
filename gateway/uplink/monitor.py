"""The monitor's messages (Control iD Access API, 5.5): what is told of each thing that happened.

Inside `dao` every value is text; beside it, and in all other topics, numbers are numbers. A request
has one change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.access.online import Operation
from gateway.doors.values import Mode, effective_mode
from gateway.objects.declaration import ObjectType
from gateway.objects.server_address import ServerAddress, server_address
from gateway.sealing import NO_KEY, Sealer
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.journal.sealed_rows import opened_row
from gateway.triggers.words import MessageDestination

KINDS = (
    EntryKind.ACCESS,
    EntryKind.ACCESS_EVENT,
    EntryKind.ALARM,
    EntryKind.GAVE_UP,
    EntryKind.MODE,
    EntryKind.ONLINE,
    EntryKind.STARTED,
    EntryKind.TRIGGER,
    EntryKind.TURN,
)
"""Entries that the monitor is told of."""
CHANGED = ("cards", "templates")
"""Objects whose changes by clients the monitor is told of."""
CHANGES = {"insert": "inserted", "update": "updated", "delete": "deleted"}
"""`change_logs.operation_type` -> `type` in `dao`."""
ALIVE = "device_is_alive"

_TURNS = {
    "TURN_LEFT": (7, "TURN LEFT"),
    "TURN_RIGHT": (8, "TURN RIGHT"),
    "GIVE_UP": (9, "GIVE UP"),
}
_MODES = {
    Mode.NORMAL: "none",
    Mode.LOCK_DOWN: "lock_down",
    Mode.EMERGENCY: "emergency",
    # The vendor has no word for a fire; the doors are as in an emergency.
    Mode.FIRE: "emergency",
}

_SHORTEST_ALIVE_S = 1.0

Body = Mapping[str, Any]
FindAccess = Callable[[int], CommittedEntry | None]
"""From an id of access_logs to its entry."""


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """What clients have set in the module `monitor`."""

    address: ServerAddress
    timeout_s: float
    alive_s: float
    """0 for no `device_is_alive`."""
    inform_event_id: bool


@dataclass(frozen=True, slots=True)
class Notification:
    """The path's last part, and the body of one POST."""

    topic: str
    body: Body


MONITOR_KEYS = {
    "monitor": [
        "hostname",
        "port",
        "path",
        "request_timeout",
        "alive_interval",
        "inform_access_event_id",
    ]
}
"""The configuration that `monitor_settings` takes."""


def monitor_settings(values: Mapping[str, str]) -> MonitorSettings | None:
    """The settings in the configuration `values`; None while the monitor is off.

    Raises InvalidRequest for an address that is none.
    """
    if not values["hostname"].strip():
        return None
    alive_s = int(values["alive_interval"]) / 1000
    return MonitorSettings(
        server_address("monitor.hostname", values["hostname"], values["port"], values["path"]),
        int(values["request_timeout"]) / 1000,
        max(_SHORTEST_ALIVE_S, alive_s) if alive_s else 0.0,
        values["inform_access_event_id"] == "1",
    )


class MonitorTopics:
    """Turns entries, in their order, and changes into notifications of one device."""

    def __init__(
        self,
        device_id: int,
        access_logs: ObjectType,
        stamp_of: Callable[[int], int],
        *,
        event_ids: bool,
        secrets: bool,
        sealer: Sealer = NO_KEY,
    ) -> None:
        """`stamp_of` gives the device time of Unix seconds. `event_ids` adds `access_event_id`.
        Without `secrets` no PIN is told; `sealer` opens them."""
        self._sealer = sealer
        self._device_id = device_id
        self._stamp_of = stamp_of
        self._event_ids = event_ids
        self._secrets = secrets
        self._mode = _ModeTracker()
        self._access_columns = {
            field.name: (field.default if field.default is not None else 0, field.secret)
            for field in access_logs.fields
            if field.extension is None
        }

    def entry(
        self, entry: CommittedEntry, stamp: int, find_access: FindAccess
    ) -> Iterator[Notification]:
        """What is told of `entry`, which happened at the device time `stamp`."""
        row = entry.body.get("row", {})
        match entry.kind:
            case EntryKind.ACCESS:
                yield self._access(row, "inserted")
            case EntryKind.ALARM:
                yield self.change("alarm_logs", "inserted", row, row["time"])
            case EntryKind.ACCESS_EVENT:
                yield self._moved(row)
            case EntryKind.TRIGGER:
                yield from self._message(entry.body, stamp)
            case EntryKind.TURN:
                yield self._turned(row)
            case EntryKind.GAVE_UP:
                yield self._turned(row)
                found = find_access(entry.body["access_log_id"])
                if found is not None:
                    # As the projection does to the row.
                    yield self._access({**found.body["row"], "event": 13}, "updated")
            case EntryKind.STARTED | EntryKind.MODE | EntryKind.ONLINE if self._mode.take(entry):
                yield self._operation_mode(stamp)
            case _:
                pass

    def change(self, name: str, kind: str, row: Body, time: int) -> Notification:
        """A row of `name` that was `inserted`, `updated` or `deleted`."""
        values = {column: str(value) for column, value in row.items()}
        return Notification(
            "dao",
            {
                "object_changes": [{"object": name, "type": kind, "values": values}],
                "device_id": self._device_id,
                "time": time,
            },
        )

    def alive(self, access_logs: int, stamp: int) -> Notification:
        """The keep-alive: the device has so many access logs."""
        body = {"access_logs": access_logs, "device_id": self._device_id, "time": stamp}
        return Notification(ALIVE, body)

    def enrolled(self, kind: str, value: int | str, user_id: int) -> Notification | None:
        """A credential that a person showed and the device does not keep; None for one that no
        topic is about, and for a PIN or password where secrets are not told."""
        if kind not in {"card", "pin", "password"} or (kind != "card" and not self._secrets):
            return None
        body = {f"{kind}_value": value, "user_id": user_id, "device_id": self._device_id}
        return Notification(kind, body)

    def _access(self, row: Body, kind: str) -> Notification:
        clear = opened_row(row, self._sealer)
        shown = {
            name: "" if secret and not self._secrets else clear.get(name, default)
            for name, (default, secret) in self._access_columns.items()
        }
        return self.change("access_logs", kind, shown, row["time"])

    def _moved(self, row: Body) -> Notification:
        what = row["event"]
        state = {"id": int(row["identification"]), "open": row["type"] == "OPEN"}
        return Notification(what, {what: state, **self._beside(row)})

    def _turned(self, row: Body) -> Notification:
        number, name = _TURNS[row["type"]]
        event = {
            "type": number,
            "name": name,
            "time": row["timestamp"],
            "uuid": row["identification"],
        }
        return Notification("catra_event", {"event": event, **self._beside(row)})

    def _beside(self, row: Body) -> dict[str, int]:
        about = {"access_event_id": row["id"]} if self._event_ids else {}
        return {**about, "device_id": self._device_id, "time": row["timestamp"]}

    def _message(self, body: Body, stamp: int) -> Iterator[Notification]:
        """The message of a trigger whose action was done; a topic of ours."""
        told = (MessageDestination.MONITOR, MessageDestination.ALL)
        if body["step"] == "done" and body.get("destination") in told:
            names = ("trigger", "name", "what", "action", "message")
            about = {name: body[name] for name in names}
            doors = body.get("target_doors") or body.get("doors", [])
            yield Notification(
                "trigger",
                {
                    "trigger": {**about, "doors": doors},
                    "device_id": self._device_id,
                    "time": stamp,
                },
            )

    def _operation_mode(self, stamp: int) -> Notification:
        mode, lost_utc_s = self._mode, self._mode.lost_utc_s
        told = {
            "mode": int(bool(mode.contingency)),
            "mode_name": "CONTINGENCY" if mode.contingency else "DEFAULT",
            "time": stamp,
            "last_offline": self._stamp_of(lost_utc_s) if lost_utc_s else 0,
            "exception_mode": mode.exception or "none",
        }
        return Notification(
            "operation_mode", {"operation_mode": told, "device_id": self._device_id}
        )


class _ModeTracker:
    """What entries have told of the modes; nothing at first, so that the next entry is told."""

    def __init__(self) -> None:
        self._doors: dict[int, Mode] = {}
        self.exception: str | None = None
        """The word of the strongest exception mode of all doors."""
        self.contingency: bool | None = None
        """Whether this device decides in place of a server of the online modes."""
        self.lost_utc_s = 0
        """When that server was lost last, in Unix seconds; 0 for never since the start."""

    def take(self, entry: CommittedEntry) -> bool:
        """Whether `entry`, of any kind that is about modes, changes what is told."""
        before = self.exception, self.contingency
        body = entry.body
        if entry.kind is EntryKind.STARTED:
            self._doors.clear()
            self.exception, self.contingency, self.lost_utc_s = "none", False, 0
            return True
        if entry.kind is EntryKind.ONLINE:
            self.contingency = body["mode"] == Operation.CONTINGENCY
            self.lost_utc_s = body["lost_utc_s"]
        elif "door" in body:
            # A mode of the device is an entry for each door.
            self._doors[body["door"]] = Mode(body["mode"])
            self.exception = _MODES[effective_mode(*self._doors.values())]
        return (self.exception, self.contingency) != before
