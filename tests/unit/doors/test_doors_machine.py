"""A door under random commands: what must hold whatever happens, in whatever order."""

from __future__ import annotations

from dataclasses import replace

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
from gateway.doors.door import REX_STUCK_MS, due_ms, step
from gateway.doors.state import DoorState

DOORS = st.builds(
    v.DoorSettings,
    relay_enabled=st.booleans(),
    dwell_ms=st.sampled_from([1, 300, 3_000, 20_000]),
    auto_close=st.booleans(),
    sensor_enabled=st.booleans(),
    rex_enabled=st.booleans(),
    held_open_enabled=st.booleans(),
    held_open_delay_ms=st.sampled_from([0, 1, 500, 10_000]),
    forced_open_enabled=st.booleans(),
    forced_open_debounce_ms=st.sampled_from([0, 1, 500]),
    bounce_ms=st.sampled_from([0, 250]),
)
COMMANDS = (v.Unlock, v.HoldOpen, v.RexChanged, v.ModeChanged)


class Door(RuleBasedStateMachine):
    """Keeps a book of its own on who may open the door until when, and of all that was told."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_000
        self.settings = v.DoorSettings()
        self.state = DoorState.initial(self.settings)
        self.pulse_until_ms = 0
        self.rex_until_ms = 0
        self.hold = False
        self.mode = v.Mode.NORMAL
        self.leaf_open: bool | None = None
        self.pressed: bool | None = None
        self.told_unlocked = False
        self.told_open = False
        self.told_fault = False
        self.alarms_on: set[v.DoorAlarm] = set()

    @initialize(
        settings=DOORS, unlocked=st.booleans(), alarm=st.none() | st.sampled_from(v.DoorAlarm)
    )
    def start(self, settings: v.DoorSettings, unlocked: bool, alarm: v.DoorAlarm | None) -> None:
        self.settings = settings
        self.hold = self.told_unlocked = unlocked and settings.relay_enabled
        self.state = DoorState.initial(settings, unlocked=self.hold, alarm=alarm)
        self.told_open = self.state.open
        self.alarms_on = {alarm} if alarm else set()
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
            case v.AlarmOn(alarm=alarm):
                assert not self.alarms_on, "on before the off"
                assert self.settings.sensor_enabled
                self.alarms_on.add(alarm)
            case v.AlarmOff(alarm=alarm):
                self.alarms_on.remove(alarm)
            case v.RexFault(on=on):
                assert on is not self.told_fault, "a fault repeats"
                self.told_fault = on
            case v.ButtonPressed() | v.Refused():
                pass

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

    @rule(dwell_ms=st.none() | st.sampled_from([1, 250, 3_000, 600_000]))
    def unlock(self, dwell_ms: int | None) -> None:
        refused = v.Refused(v.Refusal.LOCK_DOWN) in self.feed(v.Unlock(dwell_ms))
        assert refused is (self.mode is v.Mode.LOCK_DOWN)
        if not refused:
            until_ms = self.now_ms + (dwell_ms or self.settings.dwell_ms)
            self.pulse_until_ms = max(self.pulse_until_ms, until_ms)

    @rule()
    def hold_open(self) -> None:
        refused = v.Refused(v.Refusal.LOCK_DOWN) in self.feed(v.HoldOpen())
        assert refused is (self.mode is v.Mode.LOCK_DOWN)
        self.hold = self.hold or not refused

    @rule()
    def close(self) -> None:
        self.feed(v.Close())
        self.hold = False
        self.pulse_until_ms = 0

    @rule(is_open=st.booleans())
    def move_leaf(self, is_open: bool) -> None:
        allowed = self.told_unlocked or self.someone_may_pass()
        opening = self.leaf_open is False and is_open
        effects = self.feed(v.SensorChanged(is_open))
        self.leaf_open = is_open
        if v.AlarmOn(v.DoorAlarm.FORCED_OPEN) in effects and opening:
            assert not allowed, "forced although allowed"
        if opening and self.settings.auto_close and self.settings.sensor_enabled:
            self.pulse_until_ms = self.rex_until_ms = 0

    @rule()
    def lose_sensor(self) -> None:
        self.feed(v.SensorLost())
        self.leaf_open = None
        assert not self.alarms_on

    @rule(pressed=st.booleans())
    def move_button(self, pressed: bool) -> None:
        told = v.ButtonPressed() in self.feed(v.RexChanged(pressed))
        is_press = self.settings.rex_enabled and pressed and self.pressed is False
        assert told is is_press
        self.pressed = pressed
        if is_press:
            self.rex_until_ms = max(self.rex_until_ms, self.now_ms + self.settings.dwell_ms)

    @rule(mode=st.sampled_from(v.Mode))
    def change_mode(self, mode: v.Mode) -> None:
        # the relay rises at a change of mode only where the mode itself holds the door
        effects = self.feed(v.ModeChanged(mode))
        assert v.Drive(unlocked=True) not in effects or mode.releases
        self.mode = mode
        if mode is v.Mode.LOCK_DOWN:
            self.hold = False
            self.pulse_until_ms = 0

    @rule(settings=DOORS)
    def change_settings(self, settings: v.DoorSettings) -> None:
        if settings.relay_enabled is not self.settings.relay_enabled:
            self.hold = False
            self.pulse_until_ms = self.rex_until_ms = 0
        self.settings = settings
        self.feed(v.SettingsChanged())

    @rule(name=st.sampled_from(["sensor_enabled", "held_open_enabled", "forced_open_enabled"]))
    def flip_a_switch(self, name: str) -> None:
        flipped = {name: not getattr(self.settings, name)}
        self.change_settings(replace(self.settings, **flipped))

    def someone_may_pass(self) -> bool:
        running = self.now_ms < max(self.pulse_until_ms, self.rex_until_ms)
        return running or self.hold or self.mode.releases

    @invariant()
    def it_is_unlocked_only_by_a_live_authority(self) -> None:
        assert not self.state.unlocked or self.someone_may_pass()

    @invariant()
    def it_is_unlocked_whenever_someone_may_pass(self) -> None:
        if self.settings.relay_enabled and self.someone_may_pass():
            assert self.state.unlocked

    @invariant()
    def it_is_never_locked_in_an_emergency_or_a_fire(self) -> None:
        assert self.state.unlocked or not self.mode.releases

    @invariant()
    def what_was_told_is_what_is(self) -> None:
        assert self.told_unlocked is self.state.unlocked
        assert self.told_open is self.state.open
        assert self.told_fault is self.state.rex_fault
        assert self.alarms_on == ({self.state.alarm} if self.state.alarm else set())

    @invariant()
    def it_reports_the_leaf_if_there_is_a_sensor_and_else_the_relay(self) -> None:
        if not self.settings.sensor_enabled:
            assert self.state.open is self.state.unlocked
        elif self.leaf_open is not None:
            assert self.state.open is self.leaf_open

    @invariant()
    def no_alarm_stands_at_a_closed_door(self) -> None:
        assert not self.alarms_on or self.leaf_open is not False

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
            assert not isinstance(effect, v.AlarmOn)


def test_a_door_keeps_its_promises_whatever_happens() -> None:
    run_state_machine_as_test(Door, settings=hypothesis_settings(deadline=None))


def test_a_door_held_by_a_mode_begins_no_alarm() -> None:
    run_state_machine_as_test(DoorInFire, settings=hypothesis_settings(deadline=None))
