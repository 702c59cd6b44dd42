"""Door alarms as the controller reports them. Pure.

A fire suppresses them, and a held-open alarm may go on for a while after the door has closed. The
state machine of a door (`gateway.doors`) says when its alarm begins and ends, one at a time. All
times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from gateway.alarms.causes import AlarmCause
from gateway.alarms.register import AlarmSource

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class DoorAlarmSettings:
    """How the doors' alarms are configured. Raises ValueError for a negative time."""

    held_open_enabled: bool = True
    held_open_delay_ms: int = 10_000
    """How long a door may still stand open after a fire."""
    after_closure_ms: int = 0
    """How long a held-open alarm goes on when the door has closed."""

    def __post_init__(self) -> None:
        for name in ("held_open_delay_ms", "after_closure_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class DoorAlarmChange:
    """The alarms after a step, and those to report: ended ones first."""

    state: DoorAlarms
    ended: tuple[AlarmSource, ...] = ()
    began: tuple[AlarmSource, ...] = ()


def _none() -> Mapping[int, int]:
    return MappingProxyType({})


def _no_alarm() -> Mapping[int, AlarmCause]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DoorAlarms:
    """State of the doors' alarms. Immutable."""

    standing: Mapping[int, AlarmCause] = field(default_factory=_no_alarm)
    """Door -> the alarm of its state machine."""
    shown: Mapping[int, AlarmCause] = field(default_factory=_no_alarm)
    """Door -> the reported alarm that has not ended."""
    closing: Mapping[int, int] = field(default_factory=_none)
    """Door that has closed -> when its held-open alarm ends."""
    owed: Mapping[int, int] = field(default_factory=_none)
    """Door that is open after a fire -> when its held-open alarm begins."""
    fire: bool = False

    @classmethod
    def kept(cls, alarms: Iterable[AlarmSource]) -> DoorAlarms:
        """The alarms whose end was not recorded before a restart, one for each door; the doors'
        machines know of them too.
        """
        shown = MappingProxyType({source.door_id: source.cause for source in alarms})
        return cls(standing=shown, shown=shown)

    def reported(
        self, settings: DoorAlarmSettings, source: AlarmSource, now_ms: int, *, on: bool
    ) -> DoorAlarmChange:
        """The state machine of a door reports that its alarm began or ended."""
        door = source.door_id
        if on:
            after = replace(
                self,
                standing=_with(self.standing, door, source.cause),
                closing=_without(self.closing, door),
            )
            return _show(after, door, None if self.fire else source.cause)
        after = replace(
            self, standing=_without(self.standing, door), owed=_without(self.owed, door)
        )
        if self.shown.get(door) is AlarmCause.DOOR_OPEN and settings.after_closure_ms:
            until_ms = now_ms + settings.after_closure_ms
            return DoorAlarmChange(replace(after, closing=_with(self.closing, door, until_ms)))
        return _show(after, door, None)

    def fire_changed(
        self, settings: DoorAlarmSettings, now_ms: int, *, on: bool
    ) -> DoorAlarmChange:
        """A fire began: all alarms end, and no new one begins. Or it is over: a door that is still
        open gets a held-open alarm after the delay, whatever its alarm was before.
        """
        if on is self.fire:
            return DoorAlarmChange(self)
        if on:
            ended = tuple(AlarmSource(cause, door) for door, cause in self.shown.items())
            return DoorAlarmChange(DoorAlarms(standing=self.standing, fire=True), ended)
        due_ms = now_ms + settings.held_open_delay_ms
        owed = dict.fromkeys(self.standing, due_ms) if settings.held_open_enabled else {}
        after = replace(self, fire=False, owed=MappingProxyType(owed))
        return after.elapsed(now_ms)

    def configured(self, settings: DoorAlarmSettings, now_ms: int) -> DoorAlarmChange:
        """The settings are new."""
        latest_ms = now_ms + settings.after_closure_ms
        closing = {door: min(due, latest_ms) for door, due in self.closing.items()}
        owed = self.owed
        if not settings.held_open_enabled:
            # A door's own machine ends what it has on; the rest is ended here.
            ending = (
                door
                for door, cause in self.shown.items()
                if cause is AlarmCause.DOOR_OPEN and self.standing.get(door) is not cause
            )
            closing, owed = dict.fromkeys(ending, now_ms), _none()
        after = replace(self, closing=MappingProxyType(closing), owed=owed)
        return after.elapsed(now_ms)

    def elapsed(self, now_ms: int) -> DoorAlarmChange:
        """The alarms at `now_ms` without an event."""
        state = self
        ended: tuple[AlarmSource, ...] = ()
        began: tuple[AlarmSource, ...] = ()
        for door in [door for door, due in self.closing.items() if due <= now_ms]:
            change = _show(state, door, None)
            state, ended = change.state, (*ended, *change.ended)
        for door in [door for door, due in self.owed.items() if due <= now_ms]:
            change = _show(
                replace(state, owed=_without(state.owed, door)), door, AlarmCause.DOOR_OPEN
            )
            state, began = change.state, (*began, *change.began)
        return DoorAlarmChange(state, ended, began)

    def due_ms(self) -> int | None:
        """When `elapsed` must be called next; None if nothing is pending."""
        return min((*self.closing.values(), *self.owed.values()), default=None)


def _show(alarms: DoorAlarms, door: int, cause: AlarmCause | None) -> DoorAlarmChange:
    """Report that the alarm of `door` is now `cause`, None for none."""
    before = alarms.shown.get(door)
    shown = _without(alarms.shown, door)
    if cause is not None:
        shown = _with(shown, door, cause)
    after = replace(alarms, shown=shown, closing=_without(alarms.closing, door))
    if before is cause:
        return DoorAlarmChange(after)
    ended = (AlarmSource(before, door),) if before is not None else ()
    began = (AlarmSource(cause, door),) if cause is not None else ()
    return DoorAlarmChange(after, ended, began)


def _with(values: Mapping[int, V], door: int, value: V) -> Mapping[int, V]:
    return MappingProxyType({**values, door: value})


def _without(values: Mapping[int, V], door: int) -> Mapping[int, V]:
    return MappingProxyType({other: value for other, value in values.items() if other != door})
