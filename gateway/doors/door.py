"""One door as a state machine: relay, sensor, REX button, held and forced open, modes.

Three questions are kept apart. *Authority*: may the door be opened now (a running opening, the
REX button's time, a manual hold, a mode)? *Unlocked*: is the relay on? *Reading*: where is the
leaf? Alarms follow from the authority at the instant of the opening, never from the relay alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.doors.state import DoorState
from gateway.doors.values import (
    AlarmOff,
    AlarmOn,
    ButtonPressed,
    Close,
    DoorAlarm,
    DoorClosed,
    DoorEffect,
    DoorEvent,
    DoorOpened,
    DoorSettings,
    Drive,
    Entered,
    HoldOpen,
    Mode,
    ModeChanged,
    NotEntered,
    Refusal,
    Refused,
    RexChanged,
    RexFault,
    SensorChanged,
    SensorLost,
    SensorReading,
    SettingsChanged,
    TimePassed,
    Unlock,
)

REX_STUCK_MS = 60_000
"""A REX button that is down for so long is a fault."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A door after a step, and what is to be done about it, in this order: the relay first."""

    state: DoorState
    effects: tuple[DoorEffect, ...] = ()


def step(settings: DoorSettings, state: DoorState, event: DoorEvent, now_ms: int) -> Transition:
    """The door after `event` at monotonic `now_ms`, which never goes back.

    What fell due before `now_ms` is taken care of first, so a late `TimePassed` loses nothing.
    """
    elapsed = _elapse(settings, state, now_ms)
    commanded = _apply(settings, elapsed, event, now_ms, allowed=state.authorised)
    settled = _settle(settings, commanded, now_ms)
    after = _with_outputs(settings, _elapse(settings, settled, now_ms))
    after, passages = _settle_grants(settings, after)
    effects: list[DoorEffect] = []
    if after.unlocked is not state.unlocked:
        effects.append(Drive(after.unlocked))
    effects += _notices(state, elapsed)
    effects += _answers(settings, elapsed, event)
    if after.open is not state.open:
        effects.append(DoorOpened() if after.open else DoorClosed())
    effects += passages
    effects += _notices(elapsed, after)
    return Transition(after, tuple(effects))


def due_ms(settings: DoorSettings, state: DoorState) -> int | None:
    """The next instant at which `TimePassed` must be fed; None while nothing is pending."""
    instants = [state.pulse_until_ms, state.rex_until_ms, _rex_due_ms(state)]
    pending = _pending_alarm(settings, state)
    if pending:
        instants.append(pending[1])
    return min((instant for instant in instants if instant is not None), default=None)


def _pending_alarm(settings: DoorSettings, state: DoorState) -> tuple[DoorAlarm, int] | None:
    """The alarm that will come if nothing changes, and when; one alarm at a time."""
    if state.alarm or not settings.sensor_enabled:
        return None
    if state.forced_since_ms is not None and settings.forced_open_enabled:
        return DoorAlarm.FORCED_OPEN, state.forced_since_ms + settings.forced_open_debounce_ms
    if state.held_since_ms is not None and settings.held_open_enabled:
        return DoorAlarm.HELD_OPEN, state.held_since_ms + settings.held_open_delay_ms
    return None


def _rex_due_ms(state: DoorState) -> int | None:
    if state.rex_since_ms is None or state.rex_fault:
        return None
    return state.rex_since_ms + REX_STUCK_MS


def _elapse(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """What time alone does."""
    if state.pulse_until_ms is not None and state.pulse_until_ms <= now_ms:
        state = replace(state, pulse_until_ms=None)
    if state.rex_until_ms is not None and state.rex_until_ms <= now_ms:
        state = replace(state, rex_until_ms=None)
    pending = _pending_alarm(settings, state)
    if pending and pending[1] <= now_ms:
        state = replace(state, alarm=pending[0])
    rex_due_ms = _rex_due_ms(state)
    if rex_due_ms is not None and rex_due_ms <= now_ms:
        state = replace(state, rex_fault=True)
    return state


def _apply(
    settings: DoorSettings, state: DoorState, event: DoorEvent, now_ms: int, *, allowed: bool
) -> DoorState:
    """What the event alone does; `allowed` is the authority that the door had before this step.

    That one counts for an opening: the relay was still on when the leaf moved, even if its time
    had run out by the instant at which the edge is dealt with.
    """
    match event:
        case Unlock() | HoldOpen():
            state = _commanded_open(settings, state, event, now_ms)
        case Close():
            state = replace(state, hold=False, pulse_until_ms=None)
        case SensorChanged():
            state = _leaf_read(settings, state, event, now_ms, allowed=allowed)
        case SensorLost():
            state = replace(state, sensor=SensorReading.OFFLINE)
        case RexChanged():
            state = _button_moved(settings, state, event, now_ms)
        case ModeChanged(mode=Mode.LOCK_DOWN):
            state = replace(state, mode=Mode.LOCK_DOWN, hold=False, pulse_until_ms=None)
        case ModeChanged(mode=mode):
            state = replace(state, mode=mode)
        case SettingsChanged():
            state = _read_anew(state, event)
        case TimePassed():
            pass
    return state


def _commanded_open(
    settings: DoorSettings, state: DoorState, event: Unlock | HoldOpen, now_ms: int
) -> DoorState:
    if state.mode is Mode.LOCK_DOWN:
        return state
    if isinstance(event, HoldOpen):
        return replace(state, hold=True)
    dwell_ms = settings.dwell_ms if event.dwell_ms is None else event.dwell_ms
    until_ms = _later(state.pulse_until_ms, now_ms + dwell_ms)
    # whoever was granted passage through an open door has the whole delay for it
    grants = (*state.grants, event.grant) if event.grant else state.grants
    return replace(state, pulse_until_ms=until_ms, held_since_ms=None, grants=grants)


def _leaf_read(
    settings: DoorSettings,
    state: DoorState,
    event: SensorChanged,
    now_ms: int,
    *,
    allowed: bool,
) -> DoorState:
    before = state.sensor
    reading = _reading(is_open=event.open)
    state = replace(state, sensor=reading)
    if settings.sensor_enabled and (before, reading) == (SensorReading.CLOSED, SensorReading.OPEN):
        return _leaf_opened(settings, state, now_ms, allowed=allowed)
    if (before, reading) == (SensorReading.OPEN, SensorReading.CLOSED):
        return _leaf_closed(settings, state, now_ms)
    return state


def _leaf_opened(
    settings: DoorSettings, state: DoorState, now_ms: int, *, allowed: bool
) -> DoorState:
    bouncing = state.bounce_until_ms is not None and now_ms < state.bounce_until_ms
    if settings.forced_open_enabled and not allowed and not bouncing:
        state = replace(state, forced_since_ms=now_ms)
    if settings.auto_close:
        state = replace(state, pulse_until_ms=None, rex_until_ms=None)
    return state


def _leaf_closed(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    forced = state.alarm is DoorAlarm.FORCED_OPEN or state.forced_since_ms is not None
    until_ms = None if forced else now_ms + settings.bounce_ms
    return replace(state, bounce_until_ms=until_ms)


def _button_moved(
    settings: DoorSettings, state: DoorState, event: RexChanged, now_ms: int
) -> DoorState:
    if _is_press(settings, state, event):
        until_ms = _later(state.rex_until_ms, now_ms + settings.dwell_ms)
        state = replace(state, rex_until_ms=until_ms)
    return replace(state, rex_pressed=event.pressed)


def _read_anew(state: DoorState, event: SettingsChanged) -> DoorState:
    if event.sensor_open is not None:
        state = replace(state, sensor=_reading(is_open=event.sensor_open))
    if event.rex_pressed is not None:
        state = replace(state, rex_pressed=event.rex_pressed)
    return state


def _reading(*, is_open: bool) -> SensorReading:
    return SensorReading.OPEN if is_open else SensorReading.CLOSED


def _settle(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """What follows from the event and the settings, whichever of them changed."""
    if state.relay_enabled is not settings.relay_enabled:
        # a relay that is switched on again starts locked: nobody commanded that edge
        state = replace(
            state,
            relay_enabled=settings.relay_enabled,
            hold=False,
            pulse_until_ms=None,
            rex_until_ms=None,
        )
    return _settle_rex(settings, _settle_leaf(settings, state, now_ms), now_ms)


def _settle_leaf(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    if settings.sensor_enabled and state.sensor is SensorReading.UNREAD:
        return state
    if not settings.sensor_enabled or state.sensor is not SensorReading.OPEN:
        return replace(state, forced_since_ms=None, held_since_ms=None, alarm=None)
    if state.standing:
        state = replace(state, held_since_ms=None)
    elif state.held_since_ms is None:
        # just opened, open at start, at a relock or when the sensor came back, or a new grant
        state = replace(state, held_since_ms=now_ms)
    if state.authorised or not settings.forced_open_enabled:
        state = replace(state, forced_since_ms=None)
    if state.alarm and not _watched(settings, state.alarm):
        state = replace(state, alarm=None)
    return state


def _watched(settings: DoorSettings, alarm: DoorAlarm) -> bool:
    if alarm is DoorAlarm.FORCED_OPEN:
        return settings.forced_open_enabled
    return settings.held_open_enabled


def _settle_rex(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    if not (settings.rex_enabled and state.rex_pressed):
        return replace(state, rex_since_ms=None, rex_fault=False)
    if state.rex_since_ms is None:
        return replace(state, rex_since_ms=now_ms)
    return state


def _with_outputs(settings: DoorSettings, state: DoorState) -> DoorState:
    unlocked = state.mode.releases or (settings.relay_enabled and state.authorised)
    is_open = unlocked
    if settings.sensor_enabled:
        known = state.sensor in (SensorReading.OPEN, SensorReading.CLOSED)
        is_open = state.sensor is SensorReading.OPEN if known else state.open
    return replace(state, unlocked=unlocked, open=is_open)


def _settle_grants(
    settings: DoorSettings, state: DoorState
) -> tuple[DoorState, tuple[DoorEffect, ...]]:
    """Who was let in has entered once the door is open, or cannot be seen to be closed."""
    if not state.grants:
        return state, ()
    closed = settings.sensor_enabled and state.sensor is SensorReading.CLOSED
    if closed and state.authorised:
        return state, ()
    told = NotEntered(state.grants) if closed else Entered(state.grants)
    return replace(state, grants=()), (told,)


def _is_press(settings: DoorSettings, before: DoorState, event: DoorEvent) -> bool:
    going_down = isinstance(event, RexChanged) and event.pressed and before.rex_pressed is False
    return settings.rex_enabled and going_down


def _answers(settings: DoorSettings, before: DoorState, event: DoorEvent) -> list[DoorEffect]:
    """What the event itself is to be answered with."""
    if _is_press(settings, before, event):
        return [ButtonPressed()]
    if isinstance(event, Unlock | HoldOpen) and before.mode is Mode.LOCK_DOWN:
        return [Refused(Refusal.LOCK_DOWN)]
    return []


def _notices(before: DoorState, after: DoorState) -> list[DoorEffect]:
    """The alarms and faults that began or ended between two states."""
    notices: list[DoorEffect] = []
    if before.alarm is not after.alarm:
        if before.alarm:
            notices.append(AlarmOff(before.alarm))
        if after.alarm:
            notices.append(AlarmOn(after.alarm))
    if before.rex_fault is not after.rex_fault:
        notices.append(RexFault(after.rex_fault))
    return notices


def _later(until_ms: int | None, candidate_ms: int) -> int:
    """An opening that runs is never cut short by another."""
    return candidate_ms if until_ms is None else max(until_ms, candidate_ms)
