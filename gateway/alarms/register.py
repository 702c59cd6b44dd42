"""The alarms that are on, and which of them sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.alarms.causes import DURESS_CAUSES, AlarmCause, gravity


@dataclass(frozen=True, slots=True)
class AlarmSource:
    """The origin of an alarm: the same cause at two doors is two alarms.

    Raises ValueError for the cause NONE, which is no alarm.
    """

    cause: AlarmCause
    door_id: int = 0
    """The door's number; 0 for what belongs to no door."""
    part: str = ""
    """Which of several things with this cause, such as `reader front`; empty where there is one."""
    user_id: int = 0
    """Who identified under duress; 0 for other causes."""
    access_log_id: int = 0
    """The access of a duress alarm; 0 for other causes."""

    def __post_init__(self) -> None:
        if self.cause is AlarmCause.NONE:
            raise ValueError("the cause NONE is no alarm")

    @property
    def silent(self) -> bool:
        """True for a cause that must not sound at the door."""
        return self.cause in DURESS_CAUSES


@dataclass(frozen=True, slots=True)
class ActiveAlarm:
    """An alarm that is on."""

    source: AlarmSource
    since_ms: int
    """When it was raised, in milliseconds of the monotonic clock."""
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class AlarmStarted:
    """An alarm is on (`alarm_logs` event 1)."""

    source: AlarmSource


@dataclass(frozen=True, slots=True)
class AlarmEnded:
    """An alarm is off (`alarm_logs` event 2)."""

    source: AlarmSource


@dataclass(frozen=True, slots=True)
class SoundChanged:
    """The device as a whole began or ceased to sound."""

    sounding: bool


RegisterEffect = AlarmStarted | AlarmEnded | SoundChanged


@dataclass(frozen=True, slots=True)
class AlarmRegister:
    """The alarms that are on, oldest first. Each change gives a new register."""

    active: tuple[ActiveAlarm, ...] = ()

    def raise_(self, source: AlarmSource, now_ms: int) -> RegisterChange:
        """Turn an alarm on at monotonic `now_ms`; no change if it is on already."""
        if self._find(source):
            return RegisterChange(self)
        after = AlarmRegister((*self.active, ActiveAlarm(source, now_ms)))
        return RegisterChange(after, (AlarmStarted(source), *self._sound(after)))

    def clear(self, source: AlarmSource) -> RegisterChange:
        """An alarm's condition is over; one that is not on changes nothing.

        When it comes again it sounds again, silenced or not.
        """
        alarm = self._find(source)
        if alarm is None:
            return RegisterChange(self)
        after = AlarmRegister(tuple(other for other in self.active if other is not alarm))
        return RegisterChange(after, (AlarmEnded(source), *self._sound(after)))

    def silence(self) -> RegisterChange:
        """Silence every alarm that is on; each stays on until its condition is over."""
        after = AlarmRegister(tuple(replace(alarm, silenced=True) for alarm in self.active))
        return RegisterChange(after, self._sound(after))

    @property
    def sounding(self) -> bool:
        """True while an audible alarm is on that nobody silenced."""
        return any(not (alarm.silenced or alarm.source.silent) for alarm in self.active)

    def status(self) -> tuple[bool, AlarmCause]:
        """The answer of `alarm_status`: whether an alarm is on that nobody silenced, inaudible ones
        included, and the gravest cause.
        """
        pressing = [alarm.source.cause for alarm in self.active if not alarm.silenced]
        return bool(pressing), min(pressing, key=gravity, default=AlarmCause.NONE)

    def _find(self, source: AlarmSource) -> ActiveAlarm | None:
        return next((alarm for alarm in self.active if alarm.source == source), None)

    def _sound(self, after: AlarmRegister) -> tuple[SoundChanged, ...]:
        if self.sounding is after.sounding:
            return ()
        return (SoundChanged(after.sounding),)


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """The register after a change, and the effects to report in this order."""

    register: AlarmRegister
    effects: tuple[RegisterEffect, ...] = ()
