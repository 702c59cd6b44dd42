"""Does what triggers do, by the commands that clients have: the law of the door holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from gateway.alarms.arming import OpenZones
from gateway.clock import Clock, DeviceTime, monotonic_ms
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.zone_watch import ArmingOrder
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.elevators import Elevators
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.requests.commands import DoorCommands
from gateway.controller.state.modes import ModeKeeper
from gateway.controller.triggers.spare_outputs import SpareOutputs
from gateway.doors.values import Mode
from gateway.errors import InvalidRequest, NotFound, NotPermitted
from gateway.link.messages import CLOSE_MS, OpenDoor, UnstoredMode
from gateway.triggers.values import Trigger, TriggerFact
from gateway.triggers.words import TriggerAction, TriggerTime

LONGEST_OPENING_MS = 600_000
_Stored = Literal["none", "emergency", "lock_down"]
_MODES: dict[TriggerAction, _Stored] = {
    TriggerAction.LOCK_DOWN: "lock_down",
    TriggerAction.EMERGENCY: "emergency",
    TriggerAction.NORMAL: "none",
}


class TriggeredOpenings(NamedTuple):
    """What is in a mode, and may be opened."""

    doors: dict[int, DoorPanel]
    elevators: Elevators
    hours: OpeningHours


class TriggerActions:
    """Carries out actions. The loop's thread alone uses it."""

    def __init__(
        self,
        opened: TriggeredOpenings,
        openings: DoorCommands,
        alarms: AlarmPanel,
        outputs: SpareOutputs,
        modes: ModeKeeper,
        clock: Clock,
        device_time: DeviceTime,
        apply_again: Callable[[], None],
    ) -> None:
        """`apply_again` binds rules and modes anew."""
        self._doors, self._elevators, self._hours = opened
        self._openings = openings
        self._alarms = alarms
        self._outputs = outputs
        self._modes = modes
        self._clock = clock
        self._device_time = device_time
        self._apply_again = apply_again

    def carry_out(self, trigger: Trigger, fact: TriggerFact) -> tuple[int, ...]:
        """Do the action of `trigger`; return the doors that it was done to.

        Raises GatewayError, and then nothing has moved: NotFound for what the site does not have,
        NotPermitted in a lock-down, while an interlock keeps a door locked, and for an unlock by
        time while a threat level stops unlock schedules.
        """
        now_ms = monotonic_ms(self._clock)
        match trigger.action:
            case TriggerAction.UNLOCK | TriggerAction.LOCK:
                return self._open(trigger, fact)
            case TriggerAction.LOCK_DOWN | TriggerAction.EMERGENCY | TriggerAction.NORMAL:
                return self._set_mode(trigger)
            case TriggerAction.PULSE | TriggerAction.ON | TriggerAction.OFF:
                self._switch(trigger, now_ms)
            case TriggerAction.SIREN:
                self._alarms.sound(now_ms, trigger.duration_ms)
            case TriggerAction.SILENCE:
                self._alarms.silence(now_ms)
            case TriggerAction.ARM | TriggerAction.DISARM:
                self._arm(trigger, now_ms)
            case TriggerAction.MESSAGE:
                pass  # its entry in the journal is what destinations get
        return ()

    def _switch(self, trigger: Trigger, now_ms: int) -> None:
        pulse = trigger.action is TriggerAction.PULSE
        self._outputs.switch(
            trigger.output,
            now_ms,
            on=trigger.action is not TriggerAction.OFF,
            for_ms=max(1, trigger.duration_ms) if pulse else 0,
            trigger=trigger.id,
        )

    def _arm(self, trigger: Trigger, now_ms: int) -> None:
        zones = [trigger.alarm_zone] if trigger.alarm_zone else None
        if trigger.action is TriggerAction.DISARM:
            self._alarms.zones.disarm(zones, now_ms)
        else:
            # Nobody is there to close what is open: the other zones are armed.
            order = ArmingOrder(
                zones, exit_delay_ms=trigger.duration_ms, open_zones=OpenZones.BYPASS
            )
            self._alarms.zones.arm(order, now_ms)

    def _open(self, trigger: Trigger, fact: TriggerFact) -> tuple[int, ...]:
        doors = (trigger.target_door_id,) if trigger.target_door_id else fact.doors
        if not doors:
            raise InvalidRequest("what set it off names no door: give one in target_door_id")
        timeout_ms: int | None = CLOSE_MS
        if trigger.action is TriggerAction.UNLOCK:
            if isinstance(trigger.event, TriggerTime) and self._hours.stopped:
                raise NotPermitted("a threat level stops unlock schedules, and this trigger is one")
            timeout_ms = min(trigger.duration_ms, LONGEST_OPENING_MS) or None
        by = f"trigger {trigger.name}"
        self._openings.open(*(OpenDoor(door=it, timeout_ms=timeout_ms, by=by) for it in doors))
        return doors

    def _set_mode(self, trigger: Trigger) -> tuple[int, ...]:
        door, mode = trigger.target_door_id, _MODES[trigger.action]
        panels = [self._doors[door]] if door in self._doors else list(self._doors.values())
        if door and door not in self._doors:
            raise NotFound(f"there is no door {door}")
        if mode == "emergency":
            for panel in panels:
                if panel.mode is Mode.LOCK_DOWN:
                    raise NotPermitted(f"door {panel.door.id} is refused: {panel.mode.value}")
            # Doors with an emergency of their own do not show the lock-down of the device.
            if not door and self._elevators.mode is Mode.LOCK_DOWN:
                raise NotPermitted(f"the device is refused: {self._elevators.mode.value}")
        since = self._device_time.stamp(self._clock.utc())
        login, reason = f"trigger {trigger.name}", ""
        wanted = UnstoredMode(door=door, mode=mode, login=login, reason=reason, since=since)
        others = (it for it in self._modes.unstored if it.door != door)
        self._modes.keep((*others, wanted))
        self._apply_again()
        return (door,) if door else ()
