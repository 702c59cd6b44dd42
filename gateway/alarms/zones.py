"""The state machine of one monitored input: an alarm zone or the tamper switch.

All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from gateway.alarms.causes import ZONE_CAUSES, AlarmCause

LOST_MS = 10_000
"""An input that cannot be read for so long counts as active: who cuts its wire cuts the watch. An
outage that ends sooner is none."""


def delay_ms_of(alarm_delay: int) -> int:
    """`alarm_zones.alarm_delay` in milliseconds: its unit by the one copy of the vendor's
    document that names it. Unverified, so this is the one place to change.
    """
    return alarm_delay


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """How a watched input is configured. Raises ValueError for a cause that no input sets off or
    a negative delay.
    """

    cause: AlarmCause
    """ZONE_1 to ZONE_5 or TAMPER."""
    enabled: bool
    active_high: bool
    """The level at the pin that means alarm."""
    delay_ms: int = 0
    """How long the active level must last, 0 or more."""
    entry_delay_ms: int = 0
    """Time to disarm after that, 0 or more."""

    def __post_init__(self) -> None:
        if self.cause not in (*ZONE_CAUSES, AlarmCause.TAMPER):
            raise ValueError(f"no input sets off the cause {self.cause!r}")
        for name in ("delay_ms", "entry_delay_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")

    @classmethod
    def of_row(
        cls,
        zone: int,
        enabled: int,
        active_level: int,
        alarm_delay: int,
        entry_delay_ms: int = 0,
    ) -> Self:
        """A zone as its row of `alarm_zones` has it; `active_level` 1 is active high."""
        return cls(
            AlarmCause(zone),
            bool(enabled),
            active_level == 1,
            delay_ms_of(alarm_delay),
            entry_delay_ms,
        )


class ZoneEntry(StrEnum):
    """State of an entry at a zone with an entry delay; the values are stable."""

    OVER = "over"
    """No entry, or it is over."""
    DELAY = "delay"
    """The entry delay runs."""
    ALARM = "alarm"
    """Nobody disarmed in time: alarm until silenced or disarmed."""


@dataclass(frozen=True, slots=True)
class ZoneState:
    """State of a monitored input; `initial` builds it, only `step` changes it."""

    high: bool | None
    """The level at the pin; None until it was read."""
    active_since_ms: int | None
    """Since when the level is active; None while it is not, or while the zone is disabled. Of an
    input that was lost at rest: when that counts as active."""
    alarm: bool
    entry_since_ms: int | None = None
    """Start of the entry delay, which only disarming ends."""
    latched: bool = False
    """The alarm came after an entry delay: it outlasts the level, until it is silenced."""
    lost_since_ms: int | None = None
    """Since when the level cannot be read; None while it can, or before the first look. Of wires
    that are cut or shorted, LOST_MS earlier."""

    @classmethod
    def initial(
        cls, *, alarm: bool = False, entry: ZoneEntry = ZoneEntry.OVER, entry_since_ms: int = 0
    ) -> Self:
        """An input at start, not read yet. Its first level, fed as an event, counts as a change.

        `alarm` is True if the end of its last alarm was not recorded before the restart: it goes
        on if the level turns out to be the active one, else its end comes then. `entry` is how the
        restart found an entry: an ALARM, which has to be on, goes on whatever the level; a DELAY
        goes on as one that began at `entry_since_ms`.
        """
        return cls(
            high=None,
            active_since_ms=None,
            alarm=alarm,
            entry_since_ms=entry_since_ms if entry is ZoneEntry.DELAY else None,
            latched=entry is ZoneEntry.ALARM,
        )

    @property
    def entry(self) -> ZoneEntry:
        """State of the last entry."""
        if self.latched:
            return ZoneEntry.ALARM
        return ZoneEntry.OVER if self.entry_since_ms is None else ZoneEntry.DELAY


@dataclass(frozen=True, slots=True)
class ZoneInputLevel:
    """The level at the pin, as read at start or when it changed."""

    high: bool


@dataclass(frozen=True, slots=True)
class ZoneInputLost:
    """The level cannot be read any more."""

    tampered: bool = False
    """Its wires are cut or shorted, which counts as active without waiting."""


@dataclass(frozen=True, slots=True)
class ZoneSettingsChanged:
    """The settings given with this step are new."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """Somebody silenced the alarms: ends a latched alarm."""


@dataclass(frozen=True, slots=True)
class ZoneTimePassed:
    """Nothing but time: to be fed at the instant that `due_ms` names."""


ZoneEvent = ZoneInputLevel | ZoneInputLost | ZoneSettingsChanged | Silenced | ZoneTimePassed


@dataclass(frozen=True, slots=True)
class ZoneAlarmOn:
    """An alarm began; its `ZoneAlarmOff` follows before it can begin again."""

    cause: AlarmCause


@dataclass(frozen=True, slots=True)
class ZoneAlarmOff:
    """An alarm ended."""

    cause: AlarmCause


@dataclass(frozen=True, slots=True)
class EntryChanged:
    """The state of an entry changed; the journal keeps it for a restart."""

    entry: ZoneEntry


ZoneEffect = ZoneAlarmOn | ZoneAlarmOff | EntryChanged


@dataclass(frozen=True, slots=True)
class ZoneTransition:
    """An input after a step, and the effects to report in this order."""

    state: ZoneState
    effects: tuple[ZoneEffect, ...] = ()


def step(settings: ZoneSettings, state: ZoneState, event: ZoneEvent, now_ms: int) -> ZoneTransition:
    """The input after `event` at monotonic `now_ms`, which never goes back.

    What fell due before `now_ms` is taken care of first, so a late `ZoneTimePassed` loses nothing.
    """
    elapsed = state
    if not isinstance(event, ZoneSettingsChanged):
        # what fell due under the old settings says nothing about an input watched otherwise
        elapsed = _elapse(settings, state, now_ms)
    after = elapsed
    if isinstance(event, ZoneInputLevel):
        after = replace(elapsed, high=event.high, lost_since_ms=None)
    elif isinstance(event, ZoneInputLost):
        since_ms = now_ms - LOST_MS if event.tampered else now_ms
        if elapsed.lost_since_ms is not None:
            since_ms = min(since_ms, elapsed.lost_since_ms)
        after = replace(elapsed, high=None, lost_since_ms=since_ms)
    elif isinstance(event, Silenced):
        after = replace(elapsed, latched=False)
    after = _elapse(settings, _settle(settings, after, now_ms), now_ms)
    notices = _notices(settings.cause, state, elapsed) + _notices(settings.cause, elapsed, after)
    return ZoneTransition(after, notices)


def due_ms(settings: ZoneSettings, state: ZoneState) -> int | None:
    """The next instant at which `ZoneTimePassed` must be fed; None while nothing is pending."""
    if state.alarm:
        return None
    if state.entry_since_ms is not None:
        return state.entry_since_ms + settings.entry_delay_ms
    if state.active_since_ms is None:
        return None
    return state.active_since_ms + settings.delay_ms


def _elapse(settings: ZoneSettings, state: ZoneState, now_ms: int) -> ZoneState:
    due = due_ms(settings, state)
    if due is None or now_ms < due:
        return state
    entering = state.entry_since_ms is not None
    if settings.entry_delay_ms and not entering:
        return _elapse(settings, replace(state, entry_since_ms=due), now_ms)
    return replace(state, alarm=True, entry_since_ms=None, latched=entering)


def _settle(settings: ZoneSettings, state: ZoneState, now_ms: int) -> ZoneState:
    if settings.enabled and state.high is None:
        since_ms = state.active_since_ms
        if state.lost_since_ms is not None:
            lost_ms = max(now_ms, state.lost_since_ms + LOST_MS)
            since_ms = lost_ms if since_ms is None else min(since_ms, lost_ms)
        return replace(state, active_since_ms=since_ms)
    if not settings.enabled:
        return replace(state, active_since_ms=None, alarm=False, entry_since_ms=None, latched=False)
    if state.high is not settings.active_high:
        # Who came in and shut the door behind them still has to disarm.
        return replace(state, active_since_ms=None, alarm=state.alarm and state.latched)
    if state.active_since_ms is None or state.active_since_ms > now_ms:
        return replace(state, active_since_ms=now_ms)
    return state


def _notices(cause: AlarmCause, before: ZoneState, after: ZoneState) -> tuple[ZoneEffect, ...]:
    notices: tuple[ZoneEffect, ...] = ()
    if before.alarm is not after.alarm:
        notices = (ZoneAlarmOn(cause) if after.alarm else ZoneAlarmOff(cause),)
    if before.entry is not after.entry:
        notices = (*notices, EntryChanged(after.entry))
    return notices
