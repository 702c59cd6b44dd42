"""The door sensor: detects a door that is forced open or held open too long."""

from __future__ import annotations

from dataclasses import replace

from gateway.doors.state import DoorState
from gateway.doors.values import DoorAlarm, DoorSettings, SensorChanged, SensorReading


def reading(*, is_open: bool) -> SensorReading:
    """The reading for a level of the sensor."""
    return SensorReading.OPEN if is_open else SensorReading.CLOSED


def read(
    settings: DoorSettings,
    state: DoorState,
    event: SensorChanged,
    now_ms: int,
    *,
    allowed: bool,
) -> DoorState:
    """The state after a sensor reading; `allowed`: opening the door was authorised then."""
    before = state.sensor
    now = reading(is_open=event.open)
    state = replace(state, sensor=now)
    if settings.sensor_enabled and (before, now) == (SensorReading.CLOSED, SensorReading.OPEN):
        return _opened(settings, state, now_ms, allowed=allowed)
    if (before, now) == (SensorReading.OPEN, SensorReading.CLOSED):
        return _closed(settings, state, now_ms)
    return state


def _opened(settings: DoorSettings, state: DoorState, now_ms: int, *, allowed: bool) -> DoorState:
    bouncing = state.bounce_until_ms is not None and now_ms < state.bounce_until_ms
    if settings.forced_open_enabled and not allowed and not bouncing:
        state = replace(state, forced_since_ms=now_ms)
    if settings.auto_close:
        state = replace(state, pulse_until_ms=None, rex_until_ms=None)
    return state


def _closed(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    forced = state.alarm is DoorAlarm.FORCED_OPEN or state.forced_since_ms is not None
    until_ms = None if forced else now_ms + settings.bounce_ms
    if settings.sensor_enabled and settings.relock_at_close:
        state = replace(state, pulse_until_ms=None, rex_until_ms=None)
    return replace(state, bounce_until_ms=until_ms)


def pending_alarm(settings: DoorSettings, state: DoorState) -> tuple[DoorAlarm, int] | None:
    """The alarm that begins next if nothing changes, and when; one alarm at a time."""
    if state.alarm or not settings.sensor_enabled:
        return None
    if state.forced_since_ms is not None and settings.forced_open_enabled:
        return DoorAlarm.FORCED_OPEN, state.forced_since_ms + settings.forced_open_debounce_ms
    if state.held_since_ms is not None and settings.held_open_enabled:
        return DoorAlarm.HELD_OPEN, state.held_since_ms + _held_open_delay_ms(settings, state)
    return None


def _held_open_delay_ms(settings: DoorSettings, state: DoorState) -> int:
    delay_ms = settings.held_open_delay_ms
    return max(delay_ms, settings.extended_held_open_delay_ms) if state.extended else delay_ms


def _pre_alarm_from_ms(settings: DoorSettings, state: DoorState) -> int | None:
    """When the pre-alarm begins if nothing changes; None for no pre-alarm."""
    pending = pending_alarm(settings, state)
    if not settings.pre_alarm_ms or pending is None or pending[0] is not DoorAlarm.HELD_OPEN:
        return None
    # a pre-alarm longer than the delay begins with the delay
    return pending[1] - min(settings.pre_alarm_ms, _held_open_delay_ms(settings, state))


def due_ms(settings: DoorSettings, state: DoorState) -> int | None:
    """When `elapse` must be called next; None if nothing is pending."""
    pending = pending_alarm(settings, state)
    pre_alarm_ms = None if state.pre_alarm else _pre_alarm_from_ms(settings, state)
    return pre_alarm_ms if pre_alarm_ms is not None else pending and pending[1]


def elapse(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """The state at `now_ms` without an event."""
    pending = pending_alarm(settings, state)
    if pending and pending[1] <= now_ms:
        state = replace(state, alarm=pending[0])
    from_ms = _pre_alarm_from_ms(settings, state)
    return replace(state, pre_alarm=from_ms is not None and from_ms <= now_ms)


def settle(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """Update the state after a change of the leaf, the authority or the settings."""
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
