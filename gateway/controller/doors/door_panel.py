"""One door: connects its state machine to the lock, the contacts and the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.alarms.causes import AlarmCause
from gateway.controller.alarms.faults import REX, Faults
from gateway.controller.state.component import (
    Chimed,
    Component,
    DoorAlarmChanged,
    Effect,
    Emit,
    ExitUsed,
    FireChanged,
    GrantLapsed,
    GrantUsed,
    OpeningId,
    PolicyApplied,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import StrikePort
from gateway.controller.state.recorder import Receipt, Recorder
from gateway.doors.door import due_ms, step, unlocks_ms
from gateway.doors.interlock import DoorView, used_until
from gateway.doors.state import DoorState
from gateway.doors.values import (
    AlarmOff,
    AlarmOn,
    BondChanged,
    ButtonPressed,
    Close,
    CommandRefused,
    DoorAlarm,
    DoorClosed,
    DoorEffect,
    DoorEvent,
    DoorOpened,
    DoorSettings,
    Drive,
    Entered,
    Mode,
    ModeChanged,
    NotEntered,
    PolicyInForce,
    PreAlarm,
    RexChanged,
    RexFault,
    Schedule,
    ScheduleChanged,
    Scheduled,
    SensorChanged,
    SensorLost,
    SensorReading,
    SettingsChanged,
    TimePassed,
    Unlock,
    effective_mode,
)
from gateway.hardware.events import (
    DeviceState,
    HardwareEvent,
    InputKind,
    InputLevel,
    InputLost,
    InputName,
)
from gateway.link.messages import DoorStatus, Fault
from gateway.settings import Door, Level, LockState, SecBox
from gateway.store.journal import EntryKind
from gateway.store.policy.exception_modes import DoorModes

_STUCK = (
    "the exit button has been pressed for over a minute, so a press opens nothing: free it, or "
    "look for a short in its wire"
)
_WELDED = (
    "the lock stays unlocked although it is commanded to lock: see the lock, its relay and the "
    "feedback contact"
)


@dataclass(frozen=True, slots=True)
class KeptDoor:
    """What the journal holds about a door at a start."""

    alarms: tuple[DoorAlarm, ...] = ()
    """Those that began and did not end."""
    schedule: Schedule = Schedule.OFF
    """ENDED if a command ended a schedule whose time may not be over."""


@dataclass(frozen=True, slots=True)
class DoorPanelState:
    """The state of a door's machine, and the last level of each contact; None before the first."""

    door: DoorState
    starting: bool
    sensor_high: bool | None
    rex_high: bool | None
    bond_high: bool | None
    fire: bool
    bound: bool
    used_until_ms: int | None
    away: str
    lost: Mapping[InputKind, str]
    """Why an input is not known, of those that were lost."""
    kept: KeptDoor


class DoorPanel(Component):
    """Passes events to one door's machine and carries out its effects."""

    def __init__(
        self,
        door: Door | SecBox,
        strike: StrikePort,
        recorder: Recorder,
        emit: Emit,
        *,
        faults: Faults,
        kept: KeptDoor,
    ) -> None:
        self.door = door
        self._faults = faults
        self._kept = kept
        self._strike = strike
        self._recorder = recorder
        self._emit = emit
        self._settings = DoorSettings()
        self._starting = strike.state is LockState.UNLOCKED
        """`on_start` unlocked the door, and no policy is in force yet."""
        self._state = DoorState.initial(self._settings, unlocked=self._starting)
        self._portal_id = 0
        self._chimes = False
        """Whether readers beep when it opens."""
        self._sensor_high: bool | None = None
        self._rex_high: bool | None = None
        self._bond_high: bool | None = None
        self._sensor_idle_high = True
        self._rex_idle_high = True
        self._modes = DoorModes()
        self._fire = False
        self._bound = False
        self._used_until_ms: int | None = None
        self.away = "its module was not found yet" if isinstance(door, SecBox) else ""
        """Why the door's module cannot be reached; empty if it can, or without a module."""
        self._lost: dict[InputKind, str] = {}
        """Why an input at a reader is not known, while it is not."""

    def state(self) -> DoorPanelState:
        return DoorPanelState(
            self._state,
            self._starting,
            self._sensor_high,
            self._rex_high,
            self._bond_high,
            self._fire,
            self._bound,
            self._used_until_ms,
            self.away,
            dict(self._lost),
            self._kept,
        )

    def restore(self, state: DoorPanelState) -> None:
        self._state = state.door
        self._starting = state.starting
        self._sensor_high = state.sensor_high
        self._rex_high = state.rex_high
        self._bond_high = state.bond_high
        self._fire = state.fire
        self._bound = state.bound
        self._used_until_ms = state.used_until_ms
        self.away = state.away
        self._lost = dict(state.lost)
        self._kept = state.kept

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""
        own = config.doors[self.door.id]
        self._settings = own.settings
        self._sensor_idle_high = own.sensor_idle_high
        self._rex_idle_high = own.rex_idle_high
        self._modes = config.modes[self.door.id]
        row = config.snapshot.door_rows.get(self.door.id)
        self._chimes = row is not None and bool(row.chime)
        self._portal_id = config.topology.portal_of_door(self.door.id)

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot."""
        self.configure(config)
        if not self._bound:
            # As claimed: a fire that has unlocked the door since then becomes a mode below.
            self._state = DoorState.initial(
                self._settings,
                unlocked=self._starting,
                alarms=self._kept.alarms,
                schedule=self._kept.schedule,
                rex_fault=self._faults.on(REX, self.door.name),
            )
            self._bound = True
            # The door may have been opened just before the start.
            self._used_until_ms = now_ms + self._settings.dwell_ms
        # New idle levels may reinterpret the pins: that is neither an opening nor a press.
        mode = self._note_mode()
        self.feed(SettingsChanged(self._leaf_open(), self._rex_pressed(), mode), now_ms)
        self._read_bond(now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Handle this door's inputs, except its exit button, which Interlock passes on."""
        match event:
            case InputLevel(name=InputName(kind=kind, number=number), high=high):
                if number == self.door.id and kind is InputKind.DOOR_SENSOR:
                    self.sensor_level(now_ms, high=high)
                elif number == self.door.id and kind is InputKind.BOND:
                    self.bond_level(now_ms, high=high)
            case InputLost(name=InputName(kind=kind, number=number), why=why):
                if number == self.door.id:
                    self.input_lost(kind, now_ms, why)
            case DeviceState(device=device):
                if isinstance(self.door, SecBox) and device == self.door.name:
                    self.module_changed(now_ms, "" if event.online else event.why)
            case FireChanged(on=on):
                self.fire(now_ms, on=on)
            case PolicyApplied():
                self.policy_in_force(now_ms)

    def policy_in_force(self, now_ms: int) -> None:
        """A snapshot is in force, its schedules included: the first one ends `on_start`."""
        if self._starting:
            self._starting = False
            self.feed(PolicyInForce(), now_ms)
            unlocked = self._strike.state is LockState.UNLOCKED
            self._recorder.note(EntryKind.ON_START, door=self.door.id, unlocked=unlocked)

    @property
    def gives_more_time(self) -> bool:
        """Whether the door has times for people who need more."""
        times_ms = self._settings.extended_dwell_ms, self._settings.extended_held_open_delay_ms
        return any(times_ms)

    def unlocks_ms(self, opening: Unlock) -> int:
        """How long one opening unlocks."""
        return unlocks_ms(self._settings, opening)

    def sensor_level(self, now_ms: int, *, high: bool) -> None:
        """Take the level of the sensor's pin; configuration says which level means open."""
        self._sensor_high = high
        self._lost.pop(InputKind.DOOR_SENSOR, None)
        is_open = high is not self._sensor_idle_high
        known = SensorReading.OPEN if is_open else SensorReading.CLOSED
        if self._bound and self._state.sensor is not known:
            self.feed(SensorChanged(is_open), now_ms)

    def module_changed(self, now_ms: int, why: str) -> None:
        """The door's module cannot be reached, because of `why`; or it can, if that is empty."""
        self.away = why
        if not why:
            return
        # The first levels after its return are a state, neither an opening nor a press.
        self._sensor_high = self._rex_high = None
        if self._state.sensor in (SensorReading.OPEN, SensorReading.CLOSED):
            self.feed(SensorLost(), now_ms)
        if self._state.rex_pressed:
            # Let go without a time of its own: nothing opens when the module comes back.
            self.feed(SettingsChanged(None, rex_pressed=False), now_ms)

    def input_lost(self, kind: InputKind, now_ms: int, why: str) -> None:
        """The sensor or the exit button is not known any more, because of `why`.

        Its next level is a state, neither an opening nor a press. A button that is down at that
        moment holds the door no longer, and gives it no time.
        """
        match kind:
            case InputKind.DOOR_SENSOR:
                self._sensor_high = None
                if self._state.sensor in (SensorReading.OPEN, SensorReading.CLOSED):
                    self.feed(SensorLost(), now_ms)
            case InputKind.REX:
                self._rex_high = None
                if self._state.rex_pressed:
                    self.feed(SettingsChanged(None, rex_pressed=False), now_ms)
            case _:
                return
        self._lost[kind] = why

    def _leaf_open(self) -> bool | None:
        return (
            None if self._sensor_high is None else self._sensor_high is not self._sensor_idle_high
        )

    def _rex_pressed(self) -> bool | None:
        return None if self._rex_high is None else self._rex_high is not self._rex_idle_high

    def rex_level(self, now_ms: int, *, high: bool, barred: Callable[[], bool]) -> None:
        """Take the level of the exit button's pin.

        Calls `barred` for a press that would unlock; if it returns True, the press does not count.
        """
        first, self._rex_high = self._rex_high is None, high
        self._lost.pop(InputKind.REX, None)
        pressed = high is not self._rex_idle_high
        if self._bound and self._state.rex_pressed is not pressed:
            # A button that is barred, or was down at the first reading, is down without a press.
            no_press = pressed and (first or (self._press_counts() and barred()))
            event = SettingsChanged(None, pressed) if no_press else None
            self.feed(event or RexChanged(pressed), now_ms)

    def rex_cleared(self, now_ms: int) -> None:
        """Let a press count that `barred` had held back; none of a button that is lost since."""
        if not self._bound or self._rex_high is None:
            return
        self.feed(SettingsChanged(None, rex_pressed=False), now_ms)
        if self._press_counts():
            self.feed(RexChanged(pressed=True), now_ms)
        if self._rex_pressed() is False:
            self.feed(RexChanged(pressed=False), now_ms)

    def _press_counts(self) -> bool:
        """Whether a press of the exit button would unlock the door now."""
        counts = self._settings.rex_enabled and self._state.rex_pressed is False
        return counts and not self.mode.releases

    def bond_level(self, now_ms: int, *, high: bool) -> None:
        """Take the level of the lock's feedback contact."""
        self._bond_high = high
        if self._bound:
            self._read_bond(now_ms)

    def _read_bond(self, now_ms: int) -> None:
        bond = self.door.bond
        if bond is None:
            # The alarm of a contact that the site file no longer has must end.
            self.feed(BondChanged(unlocked=False), now_ms)
        elif self._bond_high is not None:
            self.feed(BondChanged(self._bond_high is (bond.idle is Level.LOW)), now_ms)

    def scheduled(self, now_ms: int, *, unlocked: bool) -> None:
        """An unlock schedule or a first card keeps the door unlocked now, or none does."""
        if unlocked is (self._state.schedule is Schedule.OFF):
            self.feed(Scheduled(unlocked), now_ms)

    def fire(self, now_ms: int, *, on: bool) -> None:
        """A fire began, or was reset."""
        self._fire = on
        if self._bound:
            self.feed(ModeChanged(self._note_mode()), now_ms)
        elif on and self.door.fire_release:
            # An exit must not wait for the rules; `bind` turns the fire into a mode.
            self._strike.drive(LockState.UNLOCKED)

    def _note_mode(self) -> Mode:
        """Return the mode in force, and journal it if it has changed."""
        fire = (Mode.FIRE,) if self._fire and self.door.fire_release else ()
        mode = effective_mode(self._modes.device, self._modes.door, *fire)
        if mode is not self._state.mode:
            by = self._modes.requested(mode)
            self._recorder.note(EntryKind.MODE, door=self.door.id, mode=mode.value, **by)
        return mode

    def feed(self, event: DoorEvent, now_ms: int) -> tuple[DoorEffect, ...]:
        """Pass `event` to the machine and carry out its effects, the lock first; return them."""
        transition = step(self._settings, self._state, event, now_ms)
        before, self._state = self._state, transition.state
        self._used_until_ms = used_until(self._used_until_ms, before, self._state, now_ms)
        for effect in transition.effects:
            if isinstance(effect, Drive):
                self._strike.drive(LockState.UNLOCKED if effect.unlocked else LockState.LOCKED)
        for effect in transition.effects:
            self._record(effect, now_ms)
        return transition.effects

    def _record(self, effect: DoorEffect, now_ms: int) -> None:
        match effect:
            case ButtonPressed():
                self._recorder.opening(
                    AccessEvent.BUTTON, OpeningCause.BUTTON, self._portal_id, self.door.id
                )
                self._emit(ExitUsed(self.door.id), now_ms)
            case DoorOpened():
                self._moved(opened=True)
                if self._chimes:
                    self._emit(Chimed(), now_ms)
            case DoorClosed():
                self._moved(opened=False)
            case AlarmOn() | AlarmOff():
                cause = AlarmCause(effect.alarm.value)
                on = isinstance(effect, AlarmOn)
                self._emit(DoorAlarmChanged(cause, self.door.id, on), now_ms)
            case PreAlarm() | ScheduleChanged():
                self._note(effect)
            case RexFault(on=on):
                self._faults.report(REX, self.door.name, _STUCK if on else None)
            case Entered() | NotEntered():
                self._report_grants(effect, now_ms)
            case Drive() | CommandRefused():
                pass

    def _moved(self, *, opened: bool) -> None:
        on_module = isinstance(self.door, SecBox)
        self._recorder.door_moved(self.door.id, opened=opened, sec_box=on_module)

    def _note(self, effect: PreAlarm | ScheduleChanged) -> None:
        """Journal what no table of the API holds."""
        match effect:
            case PreAlarm(on=on):
                self._recorder.note(EntryKind.PRE_ALARM, door=self.door.id, on=on)
            case ScheduleChanged(schedule=schedule):
                self._recorder.note(EntryKind.SCHEDULE, door=self.door.id, schedule=schedule.value)

    def _report_grants(self, effect: Entered | NotEntered, now_ms: int) -> None:
        for grant in effect.grants:
            if isinstance(effect, Entered):
                self._emit(GrantUsed(grant), now_ms)
            else:
                self._emit(GrantLapsed(grant, self.door.id), now_ms)

    def opened_by_client(self, event: AccessEvent, by: str) -> Receipt:
        """Journal an opening requested by a client with the login `by`."""
        why = OpeningCause.OPENED_BY_CLIENT
        return self._recorder.opening(event, why, self._portal_id, self.door.id, by)

    def tick(self, now_ms: int) -> None:
        """Tell the machine that time has passed, if something is due."""
        due = due_ms(self._settings, self._state)
        if due is not None and due <= now_ms:
            self.feed(TimePassed(), now_ms)

    def due_ms(self) -> int | None:
        return due_ms(self._settings, self._state)

    @property
    def sensor_idle_high(self) -> bool:
        """The level of the sensor's pin while the door is closed."""
        return self._sensor_idle_high

    @property
    def rex_idle_high(self) -> bool:
        """The level of the button's pin while nobody presses it."""
        return self._rex_idle_high

    @property
    def schedule(self) -> Schedule:
        """Whether a schedule keeps the door unlocked."""
        return self._state.schedule

    @property
    def in_fire(self) -> bool:
        """Whether there is a fire, which need not release this door."""
        return self._fire

    def view(self) -> DoorView:
        """The door's state for the interlock."""
        return DoorView(self._settings, self._state, self._used_until_ms)

    def view_when_closed(self, now_ms: int) -> DoorView:
        """The state that the door would have if a command closed it now."""
        after = step(self._settings, self._state, Close(), now_ms).state
        until_ms = used_until(self._used_until_ms, self._state, after, now_ms)
        return DoorView(self._settings, after, until_ms)

    @property
    def held(self) -> bool:
        """Whether somebody holds the door unlocked."""
        return self._state.hold

    @property
    def mode(self) -> Mode:
        return self._state.mode

    def modes(self) -> Mapping[OpeningId, Mode]:
        return {("door", self.door.id): self.mode}

    def faults(self) -> Iterator[Fault]:
        """The door's faults that are not journalled as FAULT."""
        if self._state.welded:
            yield Fault(part="lock", name=self.door.name, why=_WELDED)
        sensor_lost = self._lost.get(InputKind.DOOR_SENSOR, "")
        if self._state.sensor is SensorReading.OFFLINE:
            sensor_lost = sensor_lost or self.away
        if self._settings.sensor_enabled and sensor_lost:
            yield Fault(part="sensor", name=self.door.name, why=f"cannot be read: {sensor_lost}")
        rex_lost = self._lost.get(InputKind.REX)
        if self._settings.rex_enabled and rex_lost:
            yield Fault(part="exit button", name=self.door.name, why=f"cannot be read: {rex_lost}")

    def status(self) -> DoorStatus:
        sensor = self._state.sensor
        known = sensor in (SensorReading.OPEN, SensorReading.CLOSED)
        requested = self._modes.requested(self._state.mode)
        return DoorStatus(
            id=self.door.id,
            name=self.door.name,
            open=self._state.open,
            unlocked=self._strike.state is LockState.UNLOCKED,
            mode=self._state.mode.value,
            mode_place=0 if self._state.mode is self._modes.device else self.door.id,
            mode_by=requested.get("login", ""),
            mode_reason=requested.get("reason", ""),
            mode_until_utc=self._modes.until_utc(self._state.mode),
            held=self._state.hold,
            sensor_open=sensor is SensorReading.OPEN if known else None,
            alarms=tuple(alarm.name.lower() for alarm in self._state.alarms),
            pre_alarm=self._state.pre_alarm,
            schedule=self._state.schedule.value,
            away=self.away,
        )
