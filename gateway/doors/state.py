"""The state of one door between two steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from gateway.doors.values import DoorAlarm, DoorSettings, Mode, Schedule, SensorReading


@dataclass(frozen=True, slots=True)
class DoorState:
    """State of one door; `initial` builds it, only `step` changes it."""

    mode: Mode
    hold: bool
    """A command keeps the door unlocked."""
    starting: bool
    """`on_start` keeps the door unlocked until the first policy is in force."""
    pulse_until_ms: int | None
    """End of an opening by a grant or the API."""
    rex_until_ms: int | None
    """End of an opening by the REX button: separate, because neither a lock-down nor a close
    command ends it."""
    rex_holding: bool
    """The current press authorises opening for as long as it lasts."""
    schedule: Schedule
    relay_enabled: bool
    """The setting at the last step."""
    unlocked: bool
    """The last command to the relay."""
    sensor: SensorReading
    open: bool
    """The door as the API reports it: the sensor if enabled, else the relay; the last reading
    while the sensor is unread or lost."""
    bounce_until_ms: int | None
    """Before this instant the controller takes a reopening for the leaf bouncing."""
    forced_since_ms: int | None
    """When an unauthorised opening began; None once authorised or closed."""
    held_since_ms: int | None
    """Start of the held-open delay."""
    alarm: DoorAlarm | None
    """HELD_OPEN or FORCED_OPEN: one at a time."""
    pre_alarm: bool
    rex_pressed: bool | None
    """None until the button was read."""
    rex_since_ms: int | None
    rex_fault: bool
    bond_unlocked: bool | None
    """The lock's feedback contact; None without one."""
    bond_since_ms: int | None
    """Since when the lock is unlocked against its command."""
    welded: bool
    grants: tuple[int, ...] = ()
    """Grants for which the door has not opened yet."""
    extended: bool = False
    """Somebody who needs more time was let in: until the door has closed after them."""

    @classmethod
    def initial(
        cls,
        settings: DoorSettings,
        *,
        unlocked: bool = False,
        alarms: Collection[DoorAlarm] = (),
        schedule: Schedule = Schedule.OFF,
        rex_fault: bool = False,
    ) -> Self:
        """A door at start, with unread inputs.

        The first `SensorChanged` and `RexChanged` report the levels at start: an open door is not
        forced and a pressed button is not a press. `ModeChanged` sets the mode. `unlocked` is the
        level with which the output was claimed; it lasts until `PolicyInForce`. `alarms` are those
        whose end was not recorded before the restart, at most one of HELD_OPEN and FORCED_OPEN:
        they continue if the door is open or its lock unlocked, and otherwise end with the step that
        reads it. `schedule` is ENDED if a command ended one that may still be in force. `rex_fault`
        continues until the button is read as released.
        """
        return cls(
            mode=Mode.NORMAL,
            hold=False,
            starting=unlocked,
            pulse_until_ms=None,
            rex_until_ms=None,
            rex_holding=False,
            schedule=schedule,
            relay_enabled=settings.relay_enabled,
            unlocked=unlocked,
            sensor=SensorReading.UNREAD,
            open=unlocked and not settings.sensor_enabled,
            bounce_until_ms=None,
            forced_since_ms=None,
            held_since_ms=None,
            alarm=next((alarm for alarm in alarms if alarm is not DoorAlarm.WELDED), None),
            pre_alarm=False,
            rex_pressed=None,
            rex_since_ms=None,
            rex_fault=rex_fault,
            bond_unlocked=None,
            bond_since_ms=None,
            welded=DoorAlarm.WELDED in alarms,
        )

    @property
    def standing(self) -> bool:
        """True while `on_start`, a hold, a schedule or a mode keeps the door unlocked."""
        held = self.hold or self.starting
        return held or self.schedule is Schedule.HOLDS or self.mode.releases

    @property
    def leaving(self) -> bool:
        """True while the REX button authorises opening."""
        return self.rex_holding or self.rex_until_ms is not None

    @property
    def passing(self) -> bool:
        """True during an opening by a grant, a command or the REX button."""
        return self.pulse_until_ms is not None or self.leaving

    @property
    def authorised(self) -> bool:
        """True while opening the door is allowed."""
        return self.standing or self.passing

    @property
    def alarms(self) -> tuple[DoorAlarm, ...]:
        """The alarms that are on."""
        door = (self.alarm,) if self.alarm else ()
        return (*door, DoorAlarm.WELDED) if self.welded else door


def later(until_ms: int | None, candidate_ms: int) -> int:
    """The later end of two openings: a new one never shortens a running one."""
    return candidate_ms if until_ms is None else max(until_ms, candidate_ms)
