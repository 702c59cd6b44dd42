"""Inputs that raise alarms: zones, which are armed and have schedules, and tamper contacts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from gateway.access.trace import TimeVerdict
from gateway.alarms.arming import Arming, OpenZones, ZoneArming
from gateway.alarms.causes import ZONE_CAUSES, AlarmCause
from gateway.alarms.register import AlarmSource
from gateway.alarms.zones import (
    EntryChanged,
    Silenced,
    ZoneAlarmOn,
    ZoneEntry,
    ZoneEvent,
    ZoneInputLevel,
    ZoneInputLost,
    ZoneSettings,
    ZoneSettingsChanged,
    ZoneState,
    ZoneTimePassed,
    due_ms,
    step,
)
from gateway.clock import Clock, Moment, monotonic_ms
from gateway.controller.alarms.alarm_memory import AlarmMemory
from gateway.controller.state.component import Chimed, Emit, InputAlarmChanged
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.controller.state.wall_seconds import WallSeconds
from gateway.errors import NotFound, NotPermitted
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import Fault, ZoneStatus
from gateway.settings import Level, SiteFile
from gateway.store.journal import EntryKind
from gateway.store.policy.snapshot import ZoneSetRow


@dataclass(frozen=True, slots=True)
class WatchedInput:
    """One input: its settings when its schedule was last evaluated, and its machine's state."""

    settings: ZoneSettings
    zone: ZoneState


@dataclass(frozen=True, slots=True)
class LostInput:
    """An input that cannot be read."""

    why: str
    tampered: bool
    """Its wires are cut or shorted."""


@dataclass(frozen=True, slots=True)
class ZoneWatchState:
    """What is armed, the levels of the inputs, and the states of their machines."""

    arming: Arming
    levels: tuple[tuple[InputName, bool], ...]
    lost: tuple[tuple[InputName, LostInput], ...]
    inputs: tuple[tuple[InputName, WatchedInput], ...]
    second_ms: int | None


@dataclass(frozen=True, slots=True)
class ArmingOrder:
    """What is to be armed."""

    zones: Collection[int] | None = None
    """None is all of them."""
    zone_set: int | None = None
    """In the place of `zones`."""
    exit_delay_ms: int = 0
    open_zones: OpenZones | None = None
    """None is what the set says, and without one to refuse."""
    user_id: int = 0
    """Who did it at a reader."""


class _Watched:
    """One input: the settings and the state of its machine."""

    def __init__(self, cause: AlarmCause, part: str, state: ZoneState) -> None:
        self.part = part
        self.settings = ZoneSettings(cause, enabled=False, active_high=True)
        self.state = state


class ZoneWatch:
    """Passes levels and time to the machines of the inputs."""

    def __init__(
        self,
        site: SiteFile,
        recorder: Recorder,
        clock: Clock,
        emit: Emit,
        memory: AlarmMemory,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._emit = emit
        self._arming = memory.arming
        self._case = site.tamper
        self._readers = {reader.index: reader for reader in site.reader}
        self._config: EffectiveConfig | None = None
        self._levels: dict[InputName, bool] = {}
        self._lost: dict[InputName, LostInput] = {}
        self._seconds = WallSeconds(clock)
        self._entry_ms = {zone.number: zone.entry_delay_s * 1000 for zone in site.zone}
        on = {(source.cause, source.part) for source in memory.on}
        self._watched = {
            name: _Watched(cause, part, self._kept(memory, name, alarm=(cause, part) in on))
            for name, cause, part in _inputs(site)
        }

    def _kept(self, memory: AlarmMemory, name: InputName, *, alarm: bool) -> ZoneState:
        due_ms = memory.entries.get(name.number) if name.kind is InputKind.ZONE else None
        if due_ms is None:
            return ZoneState.initial(alarm=alarm)
        # The alarm after an entry, and the entry's own record, may be two commits.
        entry = ZoneEntry.ALARM if alarm else ZoneEntry.DELAY
        since_ms = due_ms - self._entry_ms[name.number]
        return ZoneState.initial(alarm=alarm, entry=entry, entry_since_ms=since_ms)

    def watches(self, source: AlarmSource) -> bool:
        """Whether `source` is one of the inputs."""
        own = ((each.settings.cause, each.part) for each in self._watched.values())
        return (source.cause, source.part) in own

    def state(self) -> ZoneWatchState:
        return ZoneWatchState(
            self._arming,
            tuple(self._levels.items()),
            tuple(self._lost.items()),
            tuple(
                (name, WatchedInput(watched.settings, watched.state))
                for name, watched in self._watched.items()
            ),
            self._seconds.due_ms(),
        )

    def restore(self, state: ZoneWatchState) -> None:
        self._arming = state.arming
        self._levels = dict(state.levels)
        self._lost = dict(state.lost)
        for name, kept in state.inputs:
            self._watched[name].settings, self._watched[name].state = kept.settings, kept.zone
        self._seconds.restore(state.second_ms)

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""
        self._config = config

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot."""
        self._config = config
        moment = self._recorder.moment()
        for name, watched in self._watched.items():
            watched.settings = self._settings_of(config, name, moment, now_ms)
            self._feed(name, ZoneSettingsChanged(), now_ms)
        for name, high in self._levels.items():
            self.level(name, now_ms, high=high)
        for name, lost in self._lost.items():
            self._feed(name, ZoneInputLost(lost.tampered), now_ms)
        schedules = config.snapshot.zone_schedules.values()
        self._seconds.enable(now_ms, enabled=any(when.fixed is None for when in schedules))

    def level(self, name: InputName, now_ms: int, *, high: bool) -> None:
        """Take the level of an input's pin."""
        before = self._levels.get(name)
        self._levels[name] = high
        self._lost.pop(name, None)
        if before is not None and before is not high:
            self._chime(name, now_ms)
        if self._config is not None and self._watched[name].state.high is not high:
            self._feed(name, ZoneInputLevel(high), now_ms)

    def _chime(self, name: InputName, now_ms: int) -> None:
        """Have readers beep if a zone opens that raises no alarm now."""
        row = self._config.snapshot.zones.get(name.number) if self._config else None
        if name.kind is not InputKind.ZONE or row is None or not row.chime:
            return
        opened = self._levels[name] is bool(row.active_level)
        if opened and self._arming.of(name.number, now_ms) is ZoneArming.DISARMED:
            self._emit(Chimed(), now_ms)

    def input_lost(self, name: InputName, now_ms: int, lost: LostInput) -> None:
        """An input is not known any more."""
        self._levels.pop(name, None)
        self._lost[name] = lost
        if self._config is not None:
            self._feed(name, ZoneInputLost(lost.tampered), now_ms)

    def arm(self, order: ArmingOrder, now_ms: int) -> int:
        """Arm zones after the exit delay; return the journal entry's ticket.

        Raises NotFound for a zone or a set that there is not, and NotPermitted that names the open
        zones, because of which none was armed.
        """
        row = self._set(order.zone_set)
        policy = order.open_zones
        if policy is None:
            policy = OpenZones.BYPASS if row and row.open_zones == 2 else OpenZones.REFUSE
        result = self._arming.checked(
            self._chosen(order.zones, row),
            order.exit_delay_ms,
            now_ms,
            self._open(leaving=bool(order.exit_delay_ms)),
            policy,
        )
        self._arming = result.arming
        known = {"zone_set": row.name if row else "", "user_id": order.user_id}
        ticket = self._armed(now_ms, refused=list(result.refused), **known)
        if result.refused:
            named = ", ".join(map(str, result.refused))
            raise NotPermitted(f"nothing was armed, since these zones are open: {named}")
        return ticket

    def disarm(
        self,
        zones: Collection[int] | None,
        now_ms: int,
        zone_set: int | None = None,
        user_id: int = 0,
    ) -> int:
        """Disarm `zones`, or those of a set (None: all), which ends their alarms. Returns and
        raises as `arm`."""
        row = self._set(zone_set)
        self._arming = self._arming.disarm(self._chosen(zones, row))
        return self._armed(now_ms, zone_set=row.name if row else "", user_id=user_id)

    def all_armed(self, zone_set: int, now_ms: int) -> bool:
        """Whether no zone of a set is disarmed. Raises NotFound."""
        zones = self._chosen(None, self._set(zone_set))
        return all(self._arming.of(it, now_ms) is not ZoneArming.DISARMED for it in zones)

    def _set(self, number: int | None) -> ZoneSetRow | None:
        if number is None:
            return None
        row = self._config.snapshot.zone_sets.get(number) if self._config else None
        if row is None:
            raise NotFound(f"there is no zone set {number}")
        return row

    def _chosen(self, zones: Collection[int] | None, row: ZoneSetRow | None) -> Collection[int]:
        """The zones of a command. A set that the site has left without zones has none."""
        if row is None or self._config is None:
            return self._known(zones)
        links = self._config.snapshot.zones_of_sets
        here = frozenset(self._known(None))
        found = {zone for owner, zone in links if owner == row.id and zone in here}
        if not found:
            raise NotFound(f"zone set {row.name!r} has no zone that this site has")
        return found

    def _open(self, *, leaving: bool) -> Collection[int]:
        """The zones that are active or cannot be read. Who has time to leave may go through those
        where people have time to disarm."""
        found = set()
        for name, watched in self._watched.items():
            exempt = leaving and watched.settings.entry_delay_ms
            if name.kind is not InputKind.ZONE or exempt or self._config is None:
                continue
            settings = self._config.alarm_inputs.zones[name.number]
            if settings.enabled and self._levels.get(name) in (None, settings.active_high):
                found.add(name.number)
        return found

    def silence(self, now_ms: int) -> None:
        """End the alarms of zones with an entry delay that are at rest again."""
        for name in self._watched:
            self._feed(name, Silenced(), now_ms)

    def tick(self, now_ms: int) -> None:
        """Do what is due, and evaluate schedules once a second."""
        exit_ms = self._arming.due_ms()
        left = exit_ms is not None and exit_ms <= now_ms
        if left:
            self._arming = self._arming.elapsed(now_ms)
        if self._seconds.passed(now_ms) or left:
            self._rearm(now_ms)
        for name, watched in self._watched.items():
            due = due_ms(watched.settings, watched.state)
            if due is not None and due <= now_ms:
                self._feed(name, ZoneTimePassed(), now_ms)

    def due_ms(self) -> int | None:
        instants = [due_ms(watched.settings, watched.state) for watched in self._watched.values()]
        instants += [self._arming.due_ms(), self._seconds.due_ms()]
        return min((instant for instant in instants if instant is not None), default=None)

    def disabled(self, index: int) -> bool:
        """True while reads at a reader are ignored because its tamper contact is active."""
        reader = self._readers[index]
        name = InputName(InputKind.READER_TAMPER, index)
        return reader.tamper_disables and self._active(name, reader.tamper_high)

    def _active(self, name: InputName, active_high: bool | None) -> bool:  # noqa: FBT001 - a level
        return active_high is not None and self._levels.get(name) is active_high

    def faults(self) -> Iterator[Fault]:
        """The active tamper contacts, whether or not they raise an alarm, and lost inputs."""
        for name, lost in self._lost.items():
            part = "zone" if name.kind is InputKind.ZONE else "tamper"
            called = str(name.number) if name.number else "case"
            yield Fault(part=part, name=called, why=f"cannot be read: {lost.why}")
        case_high = None if self._case is None else self._case.idle is Level.LOW
        if self._active(InputName(InputKind.TAMPER), case_high):
            yield Fault(
                part="tamper", name="case", why="the case is open, or its contact is broken"
            )
        for index, reader in self._readers.items():
            if self._active(InputName(InputKind.READER_TAMPER, index), reader.tamper_high):
                counts = "; its reads are ignored" if reader.tamper_disables else ""
                why = f"the reader is off its wall, or its contact is broken{counts}"
                yield Fault(part="tamper", name=reader.name, why=why)

    def active_high(self, zone: int) -> bool:
        """Whether a zone is active at high level. Raises NotFound for a zone that is not wired."""
        (number,) = self._known([zone])
        return self._watched[InputName(InputKind.ZONE, number)].settings.active_high

    def status(self) -> tuple[ZoneStatus, ...]:
        """The zones of the site, in order."""
        now_ms = monotonic_ms(self._clock)
        names = sorted(name for name in self._watched if name.kind is InputKind.ZONE)
        return tuple(self._status(name, now_ms) for name in names)

    def _status(self, name: InputName, now_ms: int) -> ZoneStatus:
        watched = self._watched[name]
        high = watched.state.high
        return ZoneStatus(
            zone=name.number,
            state=self._arming.of(name.number, now_ms).value,
            watched=watched.settings.enabled,
            active=None if high is None else high is watched.settings.active_high,
            entering=watched.state.entry_since_ms is not None,
            alarm=watched.state.alarm,
        )

    def _known(self, zones: Collection[int] | None) -> Collection[int]:
        here = {name.number for name in self._watched if name.kind is InputKind.ZONE}
        for zone in zones or ():
            if zone not in here:
                raise NotFound(f"there is no zone {zone} in this site")
        return here if zones is None else zones

    def _armed(self, now_ms: int, **known: Any) -> int:
        """Journal and apply what is armed now; return the entry's ticket."""
        exit_ms = {str(zone): due - now_ms for zone, due in self._arming.exits.items()}
        disarmed = sorted(self._arming.disarmed)
        bypassed = sorted(self._arming.bypassed)
        ticket = self._recorder.note(
            EntryKind.ARMING, disarmed=disarmed, exit_ms=exit_ms, bypassed=bypassed, **known
        )
        self._rearm(now_ms)
        return ticket

    def _rearm(self, now_ms: int) -> None:
        """Enable the zones that are armed and within their schedule now, and no others."""
        if self._config is None:
            return
        moment = self._recorder.moment()
        for name, watched in self._watched.items():
            settings = self._settings_of(self._config, name, moment, now_ms)
            if settings != watched.settings:
                watched.settings = settings
                self._feed(name, ZoneSettingsChanged(), now_ms)

    def _settings_of(
        self, config: EffectiveConfig, name: InputName, moment: Moment, now_ms: int
    ) -> ZoneSettings:
        if name.kind is InputKind.TAMPER:
            return config.alarm_inputs.case_tamper
        if name.kind is InputKind.READER_TAMPER:
            return config.alarm_inputs.reader_tampers[name.number]
        settings = config.alarm_inputs.zones[name.number]
        armed = self._arming.of(name.number, now_ms) is ZoneArming.ARMED
        when = config.snapshot.zone_schedules.get(name.number)
        if armed and when is not None:
            instant = config.snapshot.policy.calendar.instant(moment)
            # An untrusted clock, or a schedule that was deleted, disarms nothing.
            armed = when.at(instant) is not TimeVerdict.OUT_OF_TIME
        return replace(settings, enabled=settings.enabled and armed)

    def _feed(self, name: InputName, event: ZoneEvent, now_ms: int) -> None:
        watched = self._watched[name]
        transition = step(watched.settings, watched.state, event, now_ms)
        watched.state = transition.state
        for effect in transition.effects:
            if isinstance(effect, EntryChanged):
                self._note_entry(name.number, effect.entry, watched, now_ms)
                continue
            door_id = 0
            if name.kind is InputKind.READER_TAMPER and self._config is not None:
                door_id = self._config.topology.door_of_reader(name.number)
            source = AlarmSource(effect.cause, door_id, watched.part)
            self._emit(InputAlarmChanged(source, isinstance(effect, ZoneAlarmOn)), now_ms)

    def _note_entry(self, zone: int, entry: ZoneEntry, watched: _Watched, now_ms: int) -> None:
        due = due_ms(watched.settings, watched.state) if entry is ZoneEntry.DELAY else None
        left_ms = 0 if due is None else due - now_ms
        self._recorder.note(EntryKind.ENTRY, zone=zone, entry=entry.value, left_ms=left_ms)


def _inputs(site: SiteFile) -> Iterator[tuple[InputName, AlarmCause, str]]:
    """Each input with the cause and part of its alarms."""
    for zone in site.zone:
        yield InputName(InputKind.ZONE, zone.number), ZONE_CAUSES[zone.number - 1], ""
    if site.tamper:
        yield InputName(InputKind.TAMPER), AlarmCause.TAMPER, ""
    for reader in site.reader:
        if reader.tamper_high is not None:
            name = InputName(InputKind.READER_TAMPER, reader.index)
            yield name, AlarmCause.TAMPER, f"reader {reader.name}"
