"""What one door remembers between two steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from gateway.doors.values import DoorAlarm, DoorSettings, Mode, Schedule, SensorReading


@dataclass(frozen=True, slots=True)
class DoorState:
    """All that one door remembers; built by `initial`, changed by `step` alone."""

    mode: Mode
    hold: bool
    """Held unlocked by a command."""
    starting: bool
    """Held unlocked by `on_start`, until the first policy is in force."""
    pulse_until_ms: int | None
    """End of what a grant or the API opened."""
    rex_until_ms: int | None
    """End of what the REX button opened: kept apart, for neither a lock-down nor a close command
    cuts somebody's way out."""
    rex_holding: bool
    """The press that is on allows the opening for as long as it lasts."""
    schedule: Schedule
    relay_enabled: bool
    """The setting at the last step."""
    unlocked: bool
    """What the relay was last told."""
    sensor: SensorReading
    open: bool
    """The door as the API reports it: the sensor if enabled, else the relay; the last known
    while the sensor does not tell."""
    bounce_until_ms: int | None
    """Before this instant a reopening is the leaf springing back."""
    forced_since_ms: int | None
    """When an opening began that nobody allowed; None once it was allowed or closed."""
    held_since_ms: int | None
    """From when on the time that the door stands open counts."""
    alarm: DoorAlarm | None
    """HELD_OPEN or FORCED_OPEN: one at a time."""
    pre_alarm: bool
    rex_pressed: bool | None
    """None until the button was read."""
    rex_since_ms: int | None
    rex_fault: bool
    bond_unlocked: bool | None
    """What the lock's feedback contact tells; None where there is none."""
    bond_since_ms: int | None
    """From when on the lock has been unlocked against its command."""
    welded: bool
    grants: tuple[int, ...] = ()
    """Those let in for whom the door has not opened yet."""

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
        """A door at start, of which nothing was read yet.

        The first `SensorChanged` and `RexChanged` then tell the levels at start: open is no
        burglary and a button that is down no press. A mode is fed with `ModeChanged`.
        `unlocked` is the level the output was claimed with, which lasts until `PolicyInForce`.
        `alarms` are those whose end was not recorded before the restart: they go on if the door
        turns out to be open, or its lock unlocked; else their end comes with the step that shows
        it. Of HELD_OPEN and FORCED_OPEN there is one at most. `schedule` is ENDED where a command
        ended one that may still be in force. `rex_fault` goes on likewise, until the button is read
        and is up.
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
        """True while the door is meant to stay unlocked: by `on_start`, hold, schedule or mode,
        without an end of its own."""
        held = self.hold or self.starting
        return held or self.schedule is Schedule.HOLDS or self.mode.releases

    @property
    def leaving(self) -> bool:
        """True in the time that the REX button gives."""
        return self.rex_holding or self.rex_until_ms is not None

    @property
    def passing(self) -> bool:
        """True in the time of a grant, a command or the REX button."""
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
    """The end of an opening that runs: it is never cut short by another."""
    return candidate_ms if until_ms is None else max(until_ms, candidate_ms)
