"""One door as a state machine: relay, sensor, REX button, held and forced open, modes.

Three questions are kept apart. *Authority*: may the door be opened now (a running opening, the
REX button's time, a manual hold, a schedule, a mode)? *Unlocked*: is the relay on? *Reading*:
where is the leaf? Alarms follow from the authority at the instant of the opening, never from the
relay alone. `leaf`, `rex` and `bond` handle the sensor, the button and the lock's feedback.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.doors import bond, leaf, rex
from gateway.doors.state import DoorState, later
from gateway.doors.values import (
    AlarmOff,
    AlarmOn,
    BondChanged,
    ButtonPressed,
    Close,
    CommandRefused,
    DoorClosed,
    DoorEffect,
    DoorEvent,
    DoorOpened,
    DoorSettings,
    Drive,
    EndHold,
    Entered,
    HoldOpen,
    Mode,
    ModeChanged,
    NotEntered,
    PolicyInForce,
    PreAlarm,
    Refusal,
    RexChanged,
    RexFault,
    Schedule,
    ScheduleChanged,
    Scheduled,
    SensorChanged,
    SensorLost,
    SensorReading,
    SettingsChanged,
    Unlock,
)
from gateway.settings import RexMode


@dataclass(frozen=True, slots=True)
class DoorTransition:
    """A door after a step, and the effects to carry out in this order: the relay first."""

    state: DoorState
    effects: tuple[DoorEffect, ...] = ()


def step(settings: DoorSettings, state: DoorState, event: DoorEvent, now_ms: int) -> DoorTransition:
    """The door after `event` at monotonic `now_ms`, which never goes back.

    Handles first what fell due before `now_ms`, so a late `TimePassed` loses nothing.
    """
    elapsed = _elapse(settings, state, now_ms)
    commanded = _apply(settings, elapsed, event, now_ms, allowed=state.authorised)
    settled = _settle(settings, commanded, now_ms)
    after = _with_outputs(settings, _elapse(settings, settled, now_ms))
    after = bond.settle(after, now_ms)
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
    return DoorTransition(after, tuple(effects))


def due_ms(settings: DoorSettings, state: DoorState) -> int | None:
    """The next instant at which `TimePassed` must be fed; None while nothing is pending."""
    instants = (
        state.pulse_until_ms,
        state.rex_until_ms,
        rex.due_ms(state),
        leaf.due_ms(settings, state),
        bond.due_ms(state),
    )
    return min((instant for instant in instants if instant is not None), default=None)


def unlocks_ms(settings: DoorSettings, event: Unlock) -> int:
    """How long the door is unlocked by `event`."""
    dwell_ms = settings.dwell_ms if event.dwell_ms is None else event.dwell_ms
    if event.extended:
        dwell_ms = max(dwell_ms, settings.extended_dwell_ms)
    return min(dwell_ms, settings.output_limit_ms)


def _elapse(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """The state at `now_ms` without an event."""
    if state.pulse_until_ms is not None and state.pulse_until_ms <= now_ms:
        state = replace(state, pulse_until_ms=None)
    state = leaf.elapse(settings, rex.elapse(state, now_ms), now_ms)
    return bond.elapse(state, now_ms)


def _apply(
    settings: DoorSettings, state: DoorState, event: DoorEvent, now_ms: int, *, allowed: bool
) -> DoorState:
    """The state after the event; `allowed` is the authority of the door before this step.

    An opening is judged by that authority: the relay was still on when the leaf moved, even if its
    time ran out before the step that handles the edge.
    """
    match event:
        case Unlock() | HoldOpen() | EndHold():
            return _commanded(settings, state, event, now_ms)
        case Close():
            return _shut(state)
        case Scheduled():
            return _scheduled(state, event)
        case ModeChanged():
            return _in_mode(state, event.mode)
        case PolicyInForce():
            return replace(state, starting=False)
        case _:
            return _read(settings, state, event, now_ms, allowed=allowed)


def _read(
    settings: DoorSettings, state: DoorState, event: DoorEvent, now_ms: int, *, allowed: bool
) -> DoorState:
    """The state after a change of an input or of the settings."""
    match event:
        case SensorChanged():
            return leaf.read(settings, state, event, now_ms, allowed=allowed)
        case SensorLost():
            return replace(state, sensor=SensorReading.OFFLINE)
        case RexChanged():
            return rex.moved(settings, state, event, now_ms)
        case BondChanged():
            return replace(state, bond_unlocked=event.unlocked)
        case SettingsChanged():
            return _configured(state, event)
        case _:
            return state


def _in_mode(state: DoorState, mode: Mode) -> DoorState:
    return replace(_shut(state) if mode is Mode.LOCK_DOWN else state, mode=mode)


def _shut(state: DoorState) -> DoorState:
    """End every authority except those of the REX button and of a mode."""
    schedule = Schedule.OFF if state.schedule is Schedule.OFF else Schedule.ENDED
    return replace(state, hold=False, starting=False, pulse_until_ms=None, schedule=schedule)


def _without_hold(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    own = unlocks_ms(settings, Unlock(extended=state.extended))
    until_ms = state.pulse_until_ms
    if until_ms is not None:
        until_ms = min(until_ms, now_ms + own)
    return replace(state, hold=False, pulse_until_ms=until_ms)


def _scheduled(state: DoorState, event: Scheduled) -> DoorState:
    if not event.unlocked:
        return replace(state, schedule=Schedule.OFF)
    if state.schedule is not Schedule.OFF:
        return state
    # a lock-down ends a schedule that begins in it: no door may unlock by itself afterwards
    locked_down = state.mode is Mode.LOCK_DOWN
    return replace(state, schedule=Schedule.ENDED if locked_down else Schedule.HOLDS)


def _commanded(
    settings: DoorSettings, state: DoorState, event: Unlock | HoldOpen | EndHold, now_ms: int
) -> DoorState:
    if isinstance(event, EndHold):
        return _without_hold(settings, state, now_ms)
    if state.mode is Mode.LOCK_DOWN:
        return state
    if isinstance(event, HoldOpen):
        return replace(state, hold=True)
    until_ms = later(state.pulse_until_ms, now_ms + unlocks_ms(settings, event))
    # a grant at an open door restarts the held-open delay
    grants = (*state.grants, event.grant) if event.grant else state.grants
    return replace(
        state,
        pulse_until_ms=until_ms,
        held_since_ms=None,
        grants=grants,
        # a second person does not shorten the times of the first
        extended=state.extended or event.extended,
    )


def _configured(state: DoorState, event: SettingsChanged) -> DoorState:
    if event.sensor_open is not None:
        state = replace(state, sensor=leaf.reading(is_open=event.sensor_open))
    if event.rex_pressed is not None:
        state = replace(state, rex_pressed=event.rex_pressed)
    return state if event.mode is None else _in_mode(state, event.mode)


def _settle(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """Update the state after the event or new settings."""
    if state.relay_enabled is not settings.relay_enabled:
        # a relay that is enabled again starts locked: nobody commanded it to unlock
        state = replace(
            _shut(state),
            relay_enabled=settings.relay_enabled,
            rex_until_ms=None,
            rex_holding=False,
        )
    state = rex.settle(settings, leaf.settle(settings, state, now_ms), now_ms)
    if state.extended and not state.passing and state.sensor is not SensorReading.OPEN:
        state = replace(state, extended=False)
    return state


def _with_outputs(settings: DoorSettings, state: DoorState) -> DoorState:
    released = state.standing or state.pulse_until_ms is not None
    if settings.rex_mode is not RexMode.SHUNT:
        released = released or state.leaving
    unlocked = state.mode.releases or (settings.relay_enabled and released)
    is_open = unlocked
    if settings.sensor_enabled:
        known = state.sensor in (SensorReading.OPEN, SensorReading.CLOSED)
        is_open = state.sensor is SensorReading.OPEN if known else state.open
    return replace(state, unlocked=unlocked, open=is_open)


def _settle_grants(
    settings: DoorSettings, state: DoorState
) -> tuple[DoorState, tuple[DoorEffect, ...]]:
    """Grants end with `Entered` once the door opens, or if it has no sensor that shows it closed.

    They last as long as an opening, not as a hold: whoever enters hours later is somebody else.
    """
    if not state.grants:
        return state, ()
    closed = settings.sensor_enabled and state.sensor is SensorReading.CLOSED
    if closed and state.passing:
        return state, ()
    effect = NotEntered(state.grants) if closed else Entered(state.grants)
    return replace(state, grants=()), (effect,)


def _answers(settings: DoorSettings, before: DoorState, event: DoorEvent) -> list[DoorEffect]:
    """The effects that answer the event itself."""
    if rex.is_press(settings, before, event):
        return [ButtonPressed()]
    if isinstance(event, Unlock | HoldOpen) and before.mode is Mode.LOCK_DOWN:
        return [CommandRefused(Refusal.LOCK_DOWN)]
    return []


def _notices(before: DoorState, after: DoorState) -> list[DoorEffect]:
    """The alarms, faults and schedules that began or ended between two states."""
    notices: list[DoorEffect] = []
    notices += [AlarmOff(alarm) for alarm in before.alarms if alarm not in after.alarms]
    if before.pre_alarm is not after.pre_alarm:
        notices.append(PreAlarm(after.pre_alarm))
    notices += [AlarmOn(alarm) for alarm in after.alarms if alarm not in before.alarms]
    if before.rex_fault is not after.rex_fault:
        notices.append(RexFault(after.rex_fault))
    if before.schedule is not after.schedule:
        notices.append(ScheduleChanged(after.schedule))
    return notices
