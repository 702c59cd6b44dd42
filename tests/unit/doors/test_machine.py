"""A door under random commands: what must hold whatever happens, in whatever order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.doors import values as v
from gateway.doors.bond import WELDED_AFTER_MS
from gateway.doors.door import due_ms, step
from gateway.doors.rex import REX_STUCK_MS
from gateway.doors.state import DoorState
from gateway.settings import RexMode

DOORS = st.builds(
    v.DoorSettings,
    relay_enabled=st.booleans(),
    dwell_ms=st.sampled_from([1, 300, 3_000, 20_000]),
    extended_dwell_ms=st.sampled_from([0, 5_000]),
    auto_close=st.booleans(),
    relock_at_close=st.booleans(),
    sensor_enabled=st.booleans(),
    rex_enabled=st.booleans(),
    rex_mode=st.sampled_from(RexMode),
    held_open_enabled=st.booleans(),
    held_open_delay_ms=st.sampled_from([0, 1, 500, 10_000]),
    extended_held_open_delay_ms=st.sampled_from([0, 20_000]),
    pre_alarm_ms=st.sampled_from([0, 1, 400, 60_000]),
    forced_open_enabled=st.booleans(),
    forced_open_debounce_ms=st.sampled_from([0, 1, 500]),
    bounce_ms=st.sampled_from([0, 250]),
    output_limit_ms=st.sampled_from([1, 2_000, 600_000]),
)
COMMANDS = (v.Unlock, v.HoldOpen, v.Scheduled, v.RexChanged, v.ModeChanged)


OPEN_ALARMS = st.tuples(
    st.sampled_from([set[v.DoorAlarm](), {v.DoorAlarm.HELD_OPEN}, {v.DoorAlarm.FORCED_OPEN}]),
    st.sampled_from([set[v.DoorAlarm](), {v.DoorAlarm.WELDED}]),
).map(lambda pair: pair[0] | pair[1])


class Door(RuleBasedStateMachine):
    """Keeps a book of its own on who may open the door until when, and of all that was told."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_000
        self.settings = v.DoorSettings()
        self.state = DoorState.initial(self.settings)
        self.pulse_until_ms = 0
        self.rex_until_ms = 0
        self.rex_holding = False
        self.pressed_at_ms = 0
        self.hold = False
        self.starting = False
        self.schedule = v.Schedule.OFF
        self.bond: bool | None = None
        self.grants = 0
        self.waiting: set[int] = set()
        self.told_grants: set[int] = set()
        self.mode = v.Mode.NORMAL
        self.leaf_open: bool | None = None
        self.pressed: bool | None = None
        self.told_unlocked = False
        self.told_open = False
        self.told_fault = False
        self.told_pre_alarm = False
        self.told_schedule = v.Schedule.OFF
        self.alarms_on: set[v.DoorAlarm] = set()

    @initialize(
        settings=DOORS,
        unlocked=st.booleans(),
        alarms=OPEN_ALARMS,
        ended=st.booleans(),
        fault=st.booleans(),
    )
    def start(
        self,
        settings: v.DoorSettings,
        unlocked: bool,
        alarms: set[v.DoorAlarm],
        ended: bool,
        fault: bool,
    ) -> None:
        self.settings = settings
        self.starting = self.told_unlocked = unlocked and settings.relay_enabled
        self.schedule = self.told_schedule = v.Schedule.ENDED if ended else v.Schedule.OFF
        self.state = DoorState.initial(
            settings,
            unlocked=self.starting,
            alarms=alarms,
            schedule=self.schedule,
            rex_fault=fault,
        )
        self.told_fault = fault
        self.told_open = self.state.open
        self.alarms_on = set(alarms)
        self.feed(v.ModeChanged(v.Mode.NORMAL))

    def feed(self, event: v.DoorEvent) -> tuple[v.DoorEffect, ...]:
        transition = step(self.settings, self.state, event, self.now_ms)
        self.state = transition.state
        for effect in transition.effects:
            self.note(event, effect)
        return transition.effects

    def note(self, event: v.DoorEvent, effect: v.DoorEffect) -> None:
        match effect:
            case v.Drive(unlocked=unlocked):
                assert unlocked is not self.told_unlocked, "a drive repeats"
                assert not unlocked or isinstance(event, COMMANDS), "nobody commanded that"
                self.told_unlocked = unlocked
            case v.DoorOpened() | v.DoorClosed():
                is_open = isinstance(effect, v.DoorOpened)
                assert is_open is not self.told_open, "a door row repeats"
                self.told_open = is_open
            case v.AlarmOn() | v.AlarmOff():
                self.note_alarm(effect)
            case v.RexFault(on=on):
                assert on is not self.told_fault, "a fault repeats"
                self.told_fault = on
            case v.PreAlarm(on=on):
                assert on is not self.told_pre_alarm, "a pre-alarm repeats"
                assert not on or not self.someone_holds(), "a pre-alarm at a held door"
                self.told_pre_alarm = on
            case v.ScheduleChanged(schedule=schedule):
                assert schedule is not self.told_schedule, "a schedule repeats"
                self.told_schedule = schedule
            case v.Entered() | v.NotEntered():
                self.note_passage(event, effect)
            case v.ButtonPressed() | v.CommandRefused():
                pass

    def note_alarm(self, effect: v.AlarmOn | v.AlarmOff) -> None:
        match effect:
            case v.AlarmOn(alarm=v.DoorAlarm.WELDED):
                assert v.DoorAlarm.WELDED not in self.alarms_on, "on before the off"
                assert self.bond is not None
                self.alarms_on.add(v.DoorAlarm.WELDED)
            case v.AlarmOn(alarm=alarm):
                assert not self.alarms_on - {v.DoorAlarm.WELDED}, "on before the off"
                assert not self.told_pre_alarm, "the pre-alarm goes on"
                assert self.settings.sensor_enabled
                self.alarms_on.add(alarm)
            case v.AlarmOff(alarm=alarm):
                self.alarms_on.remove(alarm)

    def note_passage(self, event: v.DoorEvent, effect: v.Entered | v.NotEntered) -> None:
        # in the step that grants, the number is told before it can be noted
        new = {event.grant} if isinstance(event, v.Unlock) else set()
        assert set(effect.grants) <= self.waiting | new, "told twice, or of nobody"
        assert len(set(effect.grants)) == len(effect.grants)
        closed = self.settings.sensor_enabled and self.sees_closed(event)
        assert isinstance(effect, v.NotEntered) is closed
        self.waiting -= set(effect.grants)
        self.told_grants |= set(effect.grants)

    @rule(span_ms=st.sampled_from([1, 100, 250, 499, 1_000, 3_000, 10_000, REX_STUCK_MS]))
    def wait(self, span_ms: int) -> None:
        end_ms = self.now_ms + span_ms
        while (due := due_ms(self.settings, self.state)) is not None and due <= end_ms:
            self.now_ms = due
            before = self.state
            self.feed(v.TimePassed())
            assert self.state != before, "an instant was due at which nothing happens"
        self.now_ms = end_ms

    @rule(span_ms=st.sampled_from([1, 400, 5_000]))
    def be_late(self, span_ms: int) -> None:
        self.now_ms += span_ms
        self.feed(v.TimePassed())

    def sees_closed(self, event: v.DoorEvent) -> bool:
        """Whether the sensor says, after `event`, that the leaf is closed."""
        if isinstance(event, v.SensorChanged):
            return not event.open
        return not isinstance(event, v.SensorLost) and self.leaf_open is False

    @rule(
        dwell_ms=st.none() | st.sampled_from([1, 250, 3_000, 600_000]),
        asked=st.booleans(),
        extended=st.booleans(),
    )
    def unlock(self, dwell_ms: int | None, asked: bool, extended: bool) -> None:
        self.grants += asked
        grant = self.grants if asked else 0
        refused = v.CommandRefused(v.Refusal.LOCK_DOWN) in self.feed(
            v.Unlock(dwell_ms, grant, extended)
        )
        assert refused is (self.mode is v.Mode.LOCK_DOWN)
        if not refused:
            wanted_ms = dwell_ms or self.settings.dwell_ms
            if extended:
                wanted_ms = max(wanted_ms, self.settings.extended_dwell_ms)
            until_ms = self.now_ms + min(wanted_ms, self.settings.output_limit_ms)
            self.pulse_until_ms = max(self.pulse_until_ms, until_ms)
            if asked and grant not in self.told_grants:
                self.waiting.add(grant)

    @rule()
    def hold_open(self) -> None:
        refused = v.CommandRefused(v.Refusal.LOCK_DOWN) in self.feed(v.HoldOpen())
        assert refused is (self.mode is v.Mode.LOCK_DOWN)
        self.hold = self.hold or not refused

    @rule()
    def close(self) -> None:
        self.feed(v.Close())
        self.shut()

    def shut(self) -> None:
        self.hold = self.starting = False
        self.pulse_until_ms = 0
        if self.schedule is v.Schedule.HOLDS:
            self.schedule = v.Schedule.ENDED

    @rule(unlocked=st.booleans())
    def change_schedule(self, unlocked: bool) -> None:
        self.feed(v.Scheduled(unlocked))
        if not unlocked:
            self.schedule = v.Schedule.OFF
        elif self.schedule is v.Schedule.OFF:
            locked_down = self.mode is v.Mode.LOCK_DOWN
            self.schedule = v.Schedule.ENDED if locked_down else v.Schedule.HOLDS

    @rule(unlocked=st.booleans())
    def read_the_lock(self, unlocked: bool) -> None:
        self.bond = unlocked
        self.feed(v.BondChanged(unlocked))

    @rule(is_open=st.booleans())
    def move_leaf(self, is_open: bool) -> None:
        allowed = self.told_unlocked or self.someone_may_pass()
        opening = self.leaf_open is False and is_open
        closing = bool(self.leaf_open) and not is_open
        effects = self.feed(v.SensorChanged(is_open))
        self.leaf_open = is_open
        if v.AlarmOn(v.DoorAlarm.FORCED_OPEN) in effects and opening:
            assert not allowed, "forced although allowed"
        if opening and self.settings.auto_close and self.settings.sensor_enabled:
            self.pulse_until_ms = self.rex_until_ms = 0
        if closing and self.settings.relock_at_close and self.settings.sensor_enabled:
            self.pulse_until_ms = self.rex_until_ms = 0

    @rule()
    def lose_sensor(self) -> None:
        self.feed(v.SensorLost())
        self.leaf_open = None
        assert self.alarms_on <= {v.DoorAlarm.WELDED}

    @rule(pressed=st.booleans())
    def move_button(self, pressed: bool) -> None:
        held = self.is_held_by_the_button()
        told = v.ButtonPressed() in self.feed(v.RexChanged(pressed))
        is_press = self.settings.rex_enabled and pressed and self.pressed is False
        assert told is is_press
        at_once = self.settings.rex_mode is RexMode.UNLOCK
        if pressed and not self.pressed:
            self.pressed_at_ms = self.now_ms
            self.rex_holding = is_press and not at_once
        self.pressed = pressed
        if (is_press and at_once) or (held and not pressed):
            dwell_ms = min(self.settings.dwell_ms, self.settings.output_limit_ms)
            self.rex_until_ms = max(self.rex_until_ms, self.now_ms + dwell_ms)
        self.rex_holding = self.rex_holding and pressed

    def is_held_by_the_button(self) -> bool:
        """While pressed, for a minute at most."""
        return self.rex_holding and self.now_ms < self.pressed_at_ms + REX_STUCK_MS

    @rule(mode=st.sampled_from(v.Mode))
    def change_mode(self, mode: v.Mode) -> None:
        # the relay rises at a change of mode only where the mode itself holds the door
        effects = self.feed(v.ModeChanged(mode))
        assert v.Drive(unlocked=True) not in effects or mode.releases
        self.mode = mode
        if mode is v.Mode.LOCK_DOWN:
            self.shut()

    @rule()
    def apply_the_first_policy(self) -> None:
        assert v.Drive(unlocked=True) not in self.feed(v.PolicyInForce())
        self.starting = False

    @rule(settings=DOORS)
    def change_settings(self, settings: v.DoorSettings) -> None:
        if settings.relay_enabled is not self.settings.relay_enabled:
            self.shut()
            self.rex_until_ms = 0
            self.rex_holding = False
        if not settings.rex_enabled or settings.rex_mode is RexMode.UNLOCK:
            self.rex_holding = False
        self.settings = settings
        self.feed(v.SettingsChanged())

    @rule(name=st.sampled_from(["sensor_enabled", "held_open_enabled", "forced_open_enabled"]))
    def flip_a_switch(self, name: str) -> None:
        flipped: dict[str, Any] = {name: not getattr(self.settings, name)}
        self.change_settings(replace(self.settings, **flipped))

    def someone_holds(self) -> bool:
        held = self.hold or self.starting
        return held or self.schedule is v.Schedule.HOLDS or self.mode.releases

    def someone_is_passing(self) -> bool:
        leaving = self.now_ms < self.rex_until_ms or self.is_held_by_the_button()
        return self.now_ms < self.pulse_until_ms or leaving

    def someone_may_pass(self) -> bool:
        return self.someone_is_passing() or self.someone_holds()

    def it_is_to_be_unlocked(self) -> bool:
        leaving = self.now_ms < self.rex_until_ms or self.is_held_by_the_button()
        if self.settings.rex_mode is RexMode.SHUNT:
            leaving = False
        return self.now_ms < self.pulse_until_ms or leaving or self.someone_holds()

    @invariant()
    def it_is_unlocked_only_by_a_live_authority(self) -> None:
        assert not self.state.unlocked or self.it_is_to_be_unlocked()

    @invariant()
    def it_is_unlocked_whenever_someone_may_pass(self) -> None:
        if self.settings.relay_enabled and self.it_is_to_be_unlocked():
            assert self.state.unlocked

    @invariant()
    def whoever_was_let_in_is_waited_for_only_while_somebody_may_pass(self) -> None:
        assert set(self.state.grants) == self.waiting
        assert not self.waiting or self.someone_is_passing()
        assert not self.waiting or self.leaf_open is False

    @invariant()
    def it_is_welded_a_second_after_it_was_seen_unlocked_against_its_command(self) -> None:
        since_ms = self.state.bond_since_ms
        against = bool(self.bond) and not self.state.unlocked
        assert (since_ms is not None) is against
        if since_ms is not None and self.now_ms >= since_ms + WELDED_AFTER_MS:
            assert v.DoorAlarm.WELDED in self.alarms_on
        if self.bond is False:
            assert v.DoorAlarm.WELDED not in self.alarms_on

    @invariant()
    def it_is_never_locked_in_an_emergency_or_a_fire(self) -> None:
        assert self.state.unlocked or not self.mode.releases

    @invariant()
    def what_was_told_is_what_is(self) -> None:
        assert self.told_unlocked is self.state.unlocked
        assert self.told_open is self.state.open
        assert self.told_fault is self.state.rex_fault
        assert self.told_pre_alarm is self.state.pre_alarm
        assert self.told_schedule is self.state.schedule is self.schedule
        assert self.alarms_on == set(self.state.alarms)

    @invariant()
    def it_reports_the_leaf_if_there_is_a_sensor_and_else_the_relay(self) -> None:
        if not self.settings.sensor_enabled:
            assert self.state.open is self.state.unlocked
        elif self.leaf_open is not None:
            assert self.state.open is self.leaf_open

    @invariant()
    def more_time_is_given_only_until_the_door_has_closed(self) -> None:
        assert not self.state.extended or self.someone_is_passing() or self.leaf_open

    @invariant()
    def no_alarm_stands_at_a_closed_door(self) -> None:
        assert self.alarms_on <= {v.DoorAlarm.WELDED} or self.leaf_open is not False
        assert not self.told_pre_alarm or self.leaf_open

    @invariant()
    def what_is_due_lies_ahead(self) -> None:
        due = due_ms(self.settings, self.state)
        assert due is None or due > self.now_ms

    @invariant()
    def time_before_the_due_instant_changes_nothing(self) -> None:
        due = due_ms(self.settings, self.state)
        for at_ms in (self.now_ms, self.now_ms + 10**9 if due is None else due - 1):
            early = step(self.settings, self.state, v.TimePassed(), at_ms)
            assert early.effects == ()
            assert early.state == self.state

    @invariant()
    def a_repeated_mode_changes_nothing(self) -> None:
        again = step(self.settings, self.state, v.ModeChanged(self.mode), self.now_ms)
        assert again.effects == ()
        assert again.state == self.state


class DoorInFire(Door):
    """The same door while the fire input is on: no alarm may begin."""

    def note(self, event: v.DoorEvent, effect: v.DoorEffect) -> None:
        super().note(event, effect)
        if self.mode.releases and not isinstance(event, v.ModeChanged):
            welded = v.AlarmOn(v.DoorAlarm.WELDED)
            assert not isinstance(effect, v.AlarmOn) or effect == welded
            assert effect != v.PreAlarm(on=True)


def test_a_door_keeps_its_promises_whatever_happens() -> None:
    run_state_machine_as_test(Door, settings=hypothesis_settings(deadline=None))


def test_a_door_held_by_a_mode_begins_no_alarm() -> None:
    run_state_machine_as_test(DoorInFire, settings=hypothesis_settings(deadline=None))
