"""What the page shows of the answer to `live_state`, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.alarms.causes import AlarmCause
from gateway.web.languages import gettext as _
from gateway.web.languages import noted

DEVICE = 0
"""The number of the whole device, beside those of its doors."""
NO_MODE = "none"

_ALARMS = {
    "held_open": noted("Held open too long"),
    "forced_open": noted("Forced open"),
    "welded": noted("The lock does not lock"),
}
CAUSES = {
    AlarmCause.ZONE_1: noted("Zone 1"),
    AlarmCause.ZONE_2: noted("Zone 2"),
    AlarmCause.ZONE_3: noted("Zone 3"),
    AlarmCause.ZONE_4: noted("Zone 4"),
    AlarmCause.ZONE_5: noted("Zone 5"),
    AlarmCause.DOOR_OPEN: noted("Held open too long"),
    AlarmCause.FORCED_DOOR: noted("Forced open"),
    AlarmCause.PANIC_FINGER: noted("Duress finger"),
    AlarmCause.TAMPER: noted("Tampering"),
    AlarmCause.PANIC_CARD: noted("Duress card"),
    AlarmCause.PANIC_PIN: noted("Duress PIN"),
    AlarmCause.PANIC_PASSWORD: noted("Duress password"),
    AlarmCause.ZONE_NO_PRESENCE: noted("Nobody present"),
    AlarmCause.ZONE_OPEN: noted("A zone is open"),
    AlarmCause.LOCK_WELDED: noted("The lock does not lock"),
}


@dataclass(frozen=True, slots=True)
class DoorMode:
    """An exception mode in force."""

    name: str
    """`emergency` or `lock_down`."""
    place: int
    """The door that it was set for, or DEVICE."""
    by: str
    reason: str
    until_utc: int
    """0 for no end."""
    since_utc: int
    """0 if unknown."""

    @property
    def words(self) -> str:
        """The mode in a word."""
        return _("Emergency") if self.name == "emergency" else _("Lock-down")


@dataclass(frozen=True, slots=True)
class ShownDoor:
    """One door."""

    id: int
    name: str
    leaf: str
    """`open`, `closed` or `unknown`."""
    unlocked: bool
    held: bool
    scheduled: bool
    mode: DoorMode | None
    alarms: tuple[str, ...]
    pre_alarm: bool
    away: str
    barred: str
    lock_since_utc: int
    leaf_since_utc: int
    """0 if unknown, as all of these."""

    @property
    def ages(self) -> tuple[tuple[str, int], ...]:
        """What is known to have become so, in words, and when."""
        leaf = {"open": _("open"), "closed": _("closed"), "unknown": ""}[self.leaf]
        told = (
            (_("Unlocked") if self.unlocked else _("Locked"), self.lock_since_utc),
            (leaf, self.leaf_since_utc),
        )
        return tuple((words, utc) for words, utc in told if words and utc)

    @property
    def state_words(self) -> str:
        """The lock and the leaf, in words."""
        lock = _("Unlocked") if self.unlocked else _("Locked")
        leaf = {"open": _("open"), "closed": _("closed"), "unknown": _("no door contact")}
        return f"{lock} - {leaf[self.leaf]}"

    @property
    def why_unlocked(self) -> str:
        """What keeps it unlocked beyond an opening's time; empty for nothing."""
        if self.mode is not None and self.mode.name == "emergency":
            return _("Held unlocked by the emergency")
        if self.held:
            return _("Held unlocked until somebody ends it")
        return _("Unlocked by its schedule") if self.scheduled else ""


@dataclass(frozen=True, slots=True)
class ShownAlarm:
    """One active alarm."""

    words: str
    where: str
    silenced: bool


@dataclass(frozen=True, slots=True)
class ShownZone:
    """One alarm zone."""

    number: int
    armed: bool
    alarm: bool
    words: str


@dataclass(frozen=True, slots=True)
class ShownDevice:
    """A reader, port or module."""

    name: str
    kind: str
    health: str
    why: str
    since_s: float
    last_read_utc: int


@dataclass(frozen=True, slots=True)
class SiteState:
    """All that the doors' page shows."""

    simulated: bool
    now_utc: int
    clock_trusted: bool
    doors: tuple[ShownDoor, ...]
    zones: tuple[ShownZone, ...]
    devices: tuple[ShownDevice, ...]
    alarms: tuple[ShownAlarm, ...]
    faults: Sequence[Mapping[str, Any]]
    siren: bool
    fire: Mapping[str, Any] | None
    threat: Mapping[str, Any]
    online: Mapping[str, Any] | None
    turnstile: Mapping[str, Any] | None

    def door(self, number: int) -> ShownDoor | None:
        """The door with this number."""
        return next((door for door in self.doors if door.id == number), None)

    @property
    def modes(self) -> tuple[DoorMode, ...]:
        """The modes in force, each once."""
        found = {door.mode.place: door.mode for door in self.doors if door.mode is not None}
        return tuple(found.values())

    def place(self, number: int) -> str:
        """The name of a door, or words for the device."""
        known = self.door(number)
        return known.name if known else _("All doors")

    @property
    def unwell(self) -> tuple[ShownDevice, ...]:
        """Readers, ports and modules that do not work as they should."""
        return tuple(device for device in self.devices if device.health != "online")


def site_state(answer: Mapping[str, Any]) -> SiteState:
    """The answer to `live_state` as it is shown."""
    doors = tuple(_door(door) for door in answer["doors"])
    names = {door.id: door.name for door in doors}
    return SiteState(
        simulated=answer["simulated"],
        now_utc=answer["now_utc"],
        clock_trusted=answer["clock_trusted"],
        doors=doors,
        zones=tuple(_zone(zone) for zone in answer["zones"]),
        devices=tuple(
            ShownDevice(
                it["name"], it["kind"], it["health"], it["why"], it["since_s"], it["last_read_utc"]
            )
            for it in answer["devices"]
        ),
        alarms=tuple(
            ShownAlarm(
                _cause(it["cause"]), names.get(it["door_id"], "") or it["part"], it["silenced"]
            )
            for it in answer["alarms"]
        ),
        faults=answer["faults"],
        siren=answer["siren"],
        fire=answer["fire"],
        threat=answer["threat"],
        online=answer["online"],
        turnstile=answer["turnstile"],
    )


def _door(door: Mapping[str, Any]) -> ShownDoor:
    sensor = door["sensor_open"]
    mode = None
    if door["mode"] in {"emergency", "lock_down"}:
        mode = DoorMode(
            door["mode"],
            door["mode_place"],
            door["mode_by"],
            door["mode_reason"],
            door["mode_until_utc"],
            door["mode_since_utc"],
        )
    return ShownDoor(
        id=door["id"],
        name=door["name"],
        leaf="unknown" if sensor is None else "open" if sensor else "closed",
        unlocked=door["unlocked"],
        held=door["held"],
        scheduled=door["schedule"] == "holds",
        mode=mode,
        alarms=tuple(_(_ALARMS[it]) if it in _ALARMS else it for it in door["alarms"]),
        pre_alarm=door["pre_alarm"],
        away=door["away"],
        barred=door["barred_why"],
        lock_since_utc=door["lock_since_utc"],
        leaf_since_utc=door["leaf_since_utc"],
    )


def _zone(zone: Mapping[str, Any]) -> ShownZone:
    if zone["alarm"]:
        words = _("alarm")
    elif zone["entering"]:
        words = _("disarm now")
    elif zone["state"] == "exit":
        words = _("leave now")
    elif zone["state"] == "disarmed":
        words = _("disarmed")
    elif zone["state"] == "bypassed":
        words = _("left out, it was open")
    elif zone["active"]:
        words = _("armed, active")
    else:
        words = _("armed")
    return ShownZone(zone["zone"], zone["state"] != "disarmed", zone["alarm"], words)


def _cause(number: int) -> str:
    try:
        return _(CAUSES[AlarmCause(number)])
    except (KeyError, ValueError):
        return _("Alarm %(number)s", number=number)
