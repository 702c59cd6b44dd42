"""What one door remembers between two steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from gateway.doors.values import DoorAlarm, DoorSettings, Mode, SensorReading


@dataclass(frozen=True, slots=True)
class DoorState:
    """All that one door remembers; built by `initial`, changed by `step` alone."""

    mode: Mode
    hold: bool
    """Held unlocked by a command."""
    pulse_until_ms: int | None
    """End of what a grant or the API opened."""
    rex_until_ms: int | None
    """End of what the REX button opened: kept apart, for neither a lock-down nor a close command
    cuts somebody's way out."""
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
    rex_pressed: bool | None
    """None until the button was read."""
    rex_since_ms: int | None
    rex_fault: bool
    grants: tuple[int, ...] = ()
    """Those let in for whom the door has not opened yet."""

    @classmethod
    def initial(
        cls, settings: DoorSettings, *, unlocked: bool = False, alarm: DoorAlarm | None = None
    ) -> Self:
        """A door at start, of which nothing was read yet.

        The first `SensorChanged` and `RexChanged` then tell the levels at start: open is no
        burglary and a button that is down no press. A mode is fed with `ModeChanged`.
        `unlocked` is the level the output was claimed with; unlocked stands like a manual hold.
        `alarm` is one whose end was not recorded before the restart: it goes on if the door
        turns out to be open, else its end comes with the step that shows it.
        """
        return cls(
            mode=Mode.NORMAL,
            hold=unlocked,
            pulse_until_ms=None,
            rex_until_ms=None,
            relay_enabled=settings.relay_enabled,
            unlocked=unlocked,
            sensor=SensorReading.UNREAD,
            open=unlocked and not settings.sensor_enabled,
            bounce_until_ms=None,
            forced_since_ms=None,
            held_since_ms=None,
            alarm=alarm,
            rex_pressed=None,
            rex_since_ms=None,
            rex_fault=False,
        )

    @property
    def standing(self) -> bool:
        """True while the door is meant to stay unlocked: by hold or mode, without an end."""
        return self.hold or self.mode.releases

    @property
    def authorised(self) -> bool:
        """True while opening the door is allowed."""
        running = self.pulse_until_ms is not None or self.rex_until_ms is not None
        return self.standing or running
