"""All alarms: zones, tamper contacts, doors, keypads and duress.

Journals their begin and end, and sounds the siren. `alarm_memory` restores them from the journal
after a restart.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gateway.access.attempt import Duress
from gateway.alarms.alarm_settings import AlarmSettings
from gateway.alarms.causes import DOOR_CAUSES, DURESS_CAUSES, AlarmCause
from gateway.alarms.door_alarms import DoorAlarmChange, DoorAlarms
from gateway.alarms.duress import DuressQueue, same_threat
from gateway.alarms.register import (
    AlarmEnded,
    AlarmRegister,
    AlarmSource,
    AlarmStarted,
    RegisterChange,
    SoundChanged,
)
from gateway.clock import Clock
from gateway.controller.alarms.alarm_memory import AlarmMemory
from gateway.controller.alarms.sounders import SIREN, Sounders, SoundersState
from gateway.controller.alarms.wire_watch import WireWatch, WireWatchState
from gateway.controller.alarms.zone_watch import LostInput, ZoneWatch, ZoneWatchState
from gateway.controller.state.component import (
    Component,
    DoorAlarmChanged,
    Effect,
    Emit,
    FireChanged,
    GuessingChanged,
    InputAlarmChanged,
    KeypadLockChanged,
    ThreatSensed,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.hardware.events import HardwareEvent, InputKind, InputLevel, InputLost
from gateway.link.messages import AlarmStatus
from gateway.settings import SiteFile
from gateway.store.journal import EntryKind
from gateway.store.policy.topology import Topology

_DURESS = {
    Duress.CARD: AlarmCause.PANIC_CARD,
    Duress.PIN: AlarmCause.PANIC_PIN,
    Duress.PASSWORD: AlarmCause.PANIC_PASSWORD,
    Duress.FINGER: AlarmCause.PANIC_FINGER,
}
_WATCHED = (InputKind.ZONE, InputKind.TAMPER, InputKind.READER_TAMPER)
_KEYPAD = "keypad "
_GUESSING = "guessing at "


@dataclass(frozen=True, slots=True)
class AlarmPanelState:
    """The states of all alarm machines, and the active alarms."""

    register: AlarmRegister
    duress: DuressQueue
    doors: DoorAlarms
    zones: ZoneWatchState
    wires: WireWatchState
    sounders: SoundersState


class AlarmPanel(Component):
    """Passes events to the alarm machines and keeps the register of active alarms."""

    def __init__(
        self,
        site: SiteFile,
        recorder: Recorder,
        clock: Clock,
        sounders: Sounders,
        emit: Emit,
        memory: AlarmMemory,
        now_ms: int,
        *,
        locked_keypads: Collection[str] = (),
    ) -> None:
        """`memory` holds the alarms of earlier runs: they stay on until their cause ends, and
        those whose cause this site no longer has end now. `locked_keypads` names the readers whose
        keypad is still locked.
        """
        self._recorder = recorder
        self._sounders = sounders
        self._indices = {reader.name: reader.index for reader in site.reader}
        self._topology: Topology | None = None
        """None before the first snapshot."""
        self._settings = AlarmSettings()
        self._duress = memory.duress
        self._register = _restored(memory, now_ms)
        self.zones = ZoneWatch(site, recorder, clock, emit, memory)
        self._wires = WireWatch(site, emit, memory)
        doors = {door.id for door in site.doors()}
        self._doors = DoorAlarms.kept(
            s for s in memory.on if s.cause in DOOR_CAUSES and s.door_id in doors
        )
        kept = {AlarmSource(cause, door) for door, cause in self._doors.shown.items()}
        # The machine of a door with a bond contact can end that alarm.
        kept.update(AlarmSource(AlarmCause.LOCK_WELDED, door.id) for door in site.door if door.bond)
        keypads = {_KEYPAD + reader for reader in locked_keypads}
        for source in memory.on:
            ends = source in kept or source.part in keypads or source.silent
            watched = self.zones.watches(source) or self._wires.watches(source)
            if not ends and not watched:
                self._clear(source, now_ms)

    def state(self) -> AlarmPanelState:
        return AlarmPanelState(
            self._register,
            self._duress,
            self._doors,
            self.zones.state(),
            self._wires.state(),
            self._sounders.state(),
        )

    def restore(self, state: AlarmPanelState) -> None:
        self._register = state.register
        self._duress = state.duress
        self._doors = state.doors
        self.zones.restore(state.zones)
        self._wires.restore(state.wires)
        self._sounders.restore(state.sounders)

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""
        self._topology = config.topology
        self._settings = config.alarms
        self.zones.configure(config)
        self._sounders.configure(config)

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot."""
        is_first = self._topology is None
        self._topology = config.topology
        self._settings = config.alarms
        self._sounders.bind(config, now_ms)
        if is_first and self._register.sounding:
            self._sounders.alarm(now_ms)
        self._show(self._doors.configured(self._settings.doors, now_ms), now_ms)
        if not self._settings.tamper_enabled:
            for source in self._on(AlarmCause.TAMPER):
                if source.part.startswith((_KEYPAD, _GUESSING)):
                    self._clear(source, now_ms)
        self.zones.bind(config, now_ms)
        self._wires.bind(now_ms, enabled=self._settings.tamper_enabled)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        self._wires.handle(event, now_ms)
        match event:
            case InputLevel(name=name, high=high) if name.kind in _WATCHED:
                self.zones.level(name, now_ms, high=high)
            case InputLost(name=name, why=why, tampered=tampered) if name.kind in _WATCHED:
                self.zones.input_lost(name, now_ms, LostInput(why, tampered))
            case InputAlarmChanged(source=source, on=on):
                self._input(source, now_ms, on=on)
            case DoorAlarmChanged(cause=cause, door_id=door_id, on=on):
                self.door(cause, now_ms, on=on, door_id=door_id)
            case FireChanged(on=on):
                self.fire(now_ms, on=on)
            case KeypadLockChanged(reader=reader, on=on):
                self.keypad(reader, now_ms, on=on)
            case GuessingChanged(reader=reader, on=on):
                self.slowed(reader, now_ms, on=on)
            case ThreatSensed():
                self.duress(event.kind, event.user_id, event.access_log_id, now_ms, event.reader)

    def door(self, cause: AlarmCause, now_ms: int, *, on: bool, door_id: int) -> None:
        """Begin or end an alarm of a door's machine."""
        source = AlarmSource(cause, door_id)
        if cause in DOOR_CAUSES:
            self._show(self._doors.reported(self._settings.doors, source, now_ms, on=on), now_ms)
        elif on:
            self._raise(source, now_ms)
        else:
            self._clear(source, now_ms)

    def fire(self, now_ms: int, *, on: bool) -> None:
        """A fire began, or was reset: no door alarms are raised meanwhile."""
        self._show(self._doors.fire_changed(self._settings.doors, now_ms, on=on), now_ms)

    def keypad(self, reader: str, now_ms: int, *, on: bool) -> None:
        """The keypad of `reader` was locked after too many wrong entries, or freed.

        That is a tamper alarm at the reader's door.
        """
        self._guessed(_KEYPAD + reader, reader, now_ms, on=on)

    def slowed(self, reader: str, now_ms: int, *, on: bool) -> None:
        """`reader` was slowed after too many unknown cards or codes, or no longer is: likewise."""
        self._guessed(_GUESSING + reader, reader, now_ms, on=on)

    def _guessed(self, part: str, reader: str, now_ms: int, *, on: bool) -> None:
        if not on:
            for source in self._on(AlarmCause.TAMPER, part):
                self._clear(source, now_ms)
        elif self._settings.tamper_enabled and not self._on(AlarmCause.TAMPER, part):
            self._raise(AlarmSource(AlarmCause.TAMPER, self._door_of(reader), part), now_ms)

    def duress(
        self, kind: Duress, user_id: int, access_log_id: int, now_ms: int, reader: str = ""
    ) -> None:
        """Somebody identified under duress, at `reader` if known.

        The alarm follows after the configured delay, unless its kind is disabled. Nothing at the
        door shows it.
        """
        source = AlarmSource(
            _DURESS[kind], self._door_of(reader), user_id=user_id, access_log_id=access_log_id
        )
        is_on = any(same_threat(alarm.source, source) for alarm in self._register.active)
        if source.cause not in self._settings.duress_causes or is_on or self._duress.holds(source):
            return
        delay_ms = self._settings.duress_delay_ms
        self._duress = self._duress.presented(source, now_ms + delay_ms)
        self._note_duress(source, delay_ms, done=False)

    def silence(self, now_ms: int) -> None:
        """Silence all active alarms, which end only when their cause ends.

        Alarms without a lasting cause end now: duress, and a zone with an entry delay that is at
        rest again.
        """
        if self._register.active:
            self._recorder.note(EntryKind.SILENCED)
        for cause in DURESS_CAUSES:
            for source in self._on(cause):
                self._clear(source, now_ms)
        self.zones.silence(now_ms)
        self._take(self._register.silence(), now_ms)
        # A trigger may have started it without an alarm.
        self._sounders.quiet(now_ms)

    def sound(self, now_ms: int, for_ms: int) -> None:
        """Sound the siren without an alarm, for `for_ms` or (0) its own time. Raises as it."""
        self._sounders.sound(now_ms, for_ms)

    def tick(self, now_ms: int) -> None:
        """Do what is due."""
        self.zones.tick(now_ms)
        self._duress, begun = self._duress.elapsed(now_ms)
        for source in begun:
            self._raise(source, now_ms)
            self._note_duress(source, 0, done=True)
        due = self._doors.due_ms()
        if due is not None and due <= now_ms:
            self._show(self._doors.elapsed(now_ms), now_ms)
        self._sounders.tick(now_ms)

    def due_ms(self) -> int | None:
        sources = (self.zones, self._duress, self._doors, self._sounders)
        return min((due for each in sources if (due := each.due_ms()) is not None), default=None)

    def disabled(self, reader: str) -> bool:
        """True while reads at `reader` are ignored because its tamper contact is active."""
        return self.zones.disabled(self._indices[reader])

    def active_high(self, zone: int) -> bool:
        """Whether a zone is active at high level. Raises NotFound for a zone that is not wired."""
        return self.zones.active_high(zone)

    def status(self) -> tuple[bool, AlarmCause]:
        """Whether an alarm is active that nobody has silenced, and the gravest cause."""
        return self._register.status()

    @property
    def siren(self) -> bool:
        """Whether the siren sounds."""
        return self._sounders.on(SIREN)

    def active(self) -> tuple[AlarmStatus, ...]:
        """The active alarms, oldest first."""
        return tuple(
            AlarmStatus(
                cause=int(alarm.source.cause),
                door_id=alarm.source.door_id,
                part=alarm.source.part,
                user_id=alarm.source.user_id,
                access_log_id=alarm.source.access_log_id,
                silenced=alarm.silenced,
            )
            for alarm in self._register.active
        )

    def _input(self, source: AlarmSource, now_ms: int, *, on: bool) -> None:
        """Begin or end an alarm of an input, whose door may have changed since the begin."""
        if on:
            self._raise(source, now_ms)
            return
        for found in self._on(source.cause, source.part):
            self._clear(found, now_ms)

    def _door_of(self, reader: str) -> int:
        """The door of a reader, 0 if unknown."""
        if self._topology is None or reader not in self._indices:
            return 0
        return self._topology.door_of_reader(self._indices[reader])

    def _show(self, change: DoorAlarmChange, now_ms: int) -> None:
        self._doors = change.state
        for source in change.ended:
            self._clear(source, now_ms)
        for source in change.began:
            self._raise(source, now_ms)

    def _on(self, cause: AlarmCause, part: str | None = None) -> list[AlarmSource]:
        """The active alarms with `cause`, of `part` if given."""
        found = (alarm.source for alarm in self._register.active)
        return [s for s in found if s.cause is cause and part in (None, s.part)]

    def _note_duress(self, source: AlarmSource, delay_ms: int, *, done: bool) -> None:
        self._recorder.note(
            EntryKind.DURESS,
            cause=int(source.cause),
            user_id=source.user_id,
            access_log_id=source.access_log_id,
            door_id=source.door_id,
            delay_ms=delay_ms,
            done=done,
        )

    def _raise(self, source: AlarmSource, now_ms: int) -> None:
        self._take(self._register.raise_(source, now_ms), now_ms)

    def _clear(self, source: AlarmSource, now_ms: int) -> None:
        self._take(self._register.clear(source), now_ms)

    def _take(self, change: RegisterChange, now_ms: int) -> None:
        self._register = change.register
        for effect in change.effects:
            match effect:
                case AlarmStarted(source=source):
                    self._recorder.alarm(source, on=True)
                    if not source.silent:
                        self._sounders.alarm(now_ms)
                case AlarmEnded(source=source):
                    self._recorder.alarm(source, on=False)
                case SoundChanged(sounding=False):
                    self._sounders.quiet(now_ms)
                case SoundChanged():
                    pass  # AlarmStarted has started the siren


def _restored(memory: AlarmMemory, now_ms: int) -> AlarmRegister:
    """The register with the alarms of earlier runs, silenced ones included."""
    register = AlarmRegister()
    for source in memory.on:
        if source in memory.silenced:
            register = register.raise_(source, now_ms).register
    register = register.silence().register
    for source in memory.on:
        register = register.raise_(source, now_ms).register
    return register
