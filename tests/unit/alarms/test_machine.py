"""The alarm panel in any order of events and restarts: what begins ends, what is silent is not
heard, what is disarmed is no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.access.attempt import Duress
from gateway.alarms.alarm_settings import AlarmInputs, AlarmSettings, SoundSettings
from gateway.alarms.arming import OpenZones
from gateway.alarms.causes import DOOR_CAUSES, DURESS_CAUSES, AlarmCause
from gateway.alarms.door_alarms import DoorAlarmSettings
from gateway.alarms.register import AlarmSource
from gateway.alarms.zones import ZoneEntry, ZoneSettings
from gateway.clock import ManualClock, Moment
from gateway.controller.alarms.alarm_memory import remembered
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.sounders import Sounders
from gateway.controller.alarms.zone_watch import ArmingOrder
from gateway.controller.state.component import Effect
from gateway.hardware.events import InputKind, InputName
from gateway.settings import SiteFile
from gateway.store.journal import CommittedEntry, EntryKind, Timer

ZONES, DOORS, READERS = (1, 2), (1, 2), ("front", "back")
CASE = InputName(InputKind.TAMPER)
AT_READER = InputName(InputKind.READER_TAMPER, 1)
INPUTS = [*(InputName(InputKind.ZONE, number) for number in ZONES), CASE, AT_READER]
ENTRY_ZONE, ENTRY_S = 2, 3
NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def contact(pin: int) -> dict[str, object]:
    return {"pin": pin, "idle": "low"}


SITE = SiteFile.model_validate(
    {
        "site": {"name": "Test", "timezone": "UTC", "board": "simulated"},
        "door": [
            {
                "id": number,
                "name": f"door{number}",
                "strike": {"pin": number, "locked": "low", "unlocked": "high"},
                "egress": "mechanical",
            }
            for number in DOORS
        ],
        "reader": [
            {
                "name": name,
                "index": index,
                "kind": "wiegand",
                "portal": index,
                "d0": 10 + index,
                "d1": 20 + index,
                **({"tamper": contact(30)} if index == 1 else {}),
            }
            for index, name in enumerate(READERS, start=1)
        ],
        "zone": [
            {
                "number": number,
                "pin": 40 + number,
                "entry_delay_s": ENTRY_S * (number == ENTRY_ZONE),
            }
            for number in ZONES
        ],
        "tamper": contact(50),
    }
)


class Paper:
    """Takes the place of the recorder and of the journal."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.trusted = True
        self.entries: list[CommittedEntry] = []
        self.on: dict[AlarmSource, CommittedEntry] = {}
        self.told: set[int] = set()
        """Accesses of people under threat whose alarm has begun."""

    def moment(self) -> Moment:
        seconds = int(self._clock.utc().timestamp())
        return Moment(seconds, seconds, self.trusted)

    def note(self, kind: EntryKind, **body: Any) -> int:
        number = len(self.entries) + 1
        self.entries.append(
            CommittedEntry(number, kind, body, self._clock.utc(), clock_trusted=self.trusted)
        )
        return number

    def alarm(self, source: AlarmSource, *, on: bool) -> None:
        assert on is (source not in self.on), f"{source} {'on' if on else 'off'} twice"
        if on and source.access_log_id:
            assert source.access_log_id not in self.told, "one threat is one alarm"
            self.told.add(source.access_log_id)
        row = {
            "cause": int(source.cause),
            "door_id": source.door_id,
            "user_id": source.user_id,
            "access_log_id": source.access_log_id,
        }
        self.note(EntryKind.ALARM, row=row, part=source.part)
        if on:
            self.on[source] = self.entries[-1]
        else:
            del self.on[source]

    def open_alarms(self) -> list[CommittedEntry]:
        return list(self.on.values())

    def last_of(self, kind: EntryKind) -> CommittedEntry | None:
        return next(iter(self.newest(kind, 1)), None)

    def newest_of_each(self, kind: EntryKind) -> list[CommittedEntry]:
        newest = {entry.body["zone"]: entry for entry in self.entries if entry.kind is kind}
        return list(newest.values())

    def newest(self, kind: EntryKind, limit: int) -> list[CommittedEntry]:
        return [entry for entry in reversed(self.entries) if entry.kind is kind][:limit]


class Speaker:
    """An output."""

    def __init__(self) -> None:
        self.on = False

    def drive(self, *, on: bool) -> None:
        self.on = on


class Alarms(RuleBasedStateMachine):
    """One device, whose controller ends and begins again."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(NOON)
        self.paper: Any = Paper(self.clock)
        self.levels = dict.fromkeys(INPUTS, False)
        self.doors: dict[int, AlarmCause] = {}
        self.locked: set[str] = set()
        self.fire = False
        self.accesses = 0
        self.tamper_enabled = self.siren_enabled = True
        self.start()

    @property
    def now_ms(self) -> int:
        return self.clock.monotonic_ns() // 1_000_000

    def config(self) -> Any:
        tamper = ZoneSettings(AlarmCause.TAMPER, self.tamper_enabled, active_high=True)
        entries_ms = {number: ENTRY_S * 1000 if number == ENTRY_ZONE else 0 for number in ZONES}
        zones = {
            number: ZoneSettings(AlarmCause(number), True, True, 500, entry_ms)
            for number, entry_ms in entries_ms.items()
        }
        return SimpleNamespace(
            alarms=AlarmSettings(
                DoorAlarmSettings(held_open_delay_ms=2_000, after_closure_ms=1_000),
                self.tamper_enabled,
                DURESS_CAUSES,
                2_000,
                SoundSettings(self.siren_enabled, 5_000, bell_enabled=False),
            ),
            alarm_inputs=AlarmInputs(zones, tamper, dict.fromkeys((1, 2), tamper)),
            topology=SimpleNamespace(door_of_reader=lambda index: index),
            snapshot=SimpleNamespace(zone_schedules={}, bells=(), zones={}),
        )

    def handle(self, effect: Effect, now_ms: int) -> None:
        self.panel.handle(effect, now_ms)

    def start(self) -> None:
        self.siren = Speaker()
        outputs: Any = {"siren": self.siren}
        timer = Timer("another start", self.clock, lambda: self.paper.trusted)
        memory = remembered(self.paper, timer, self.now_ms)
        self.panel = AlarmPanel(
            SITE,
            self.paper,
            self.clock,
            Sounders(outputs, self.paper, self.clock),
            self.handle,
            memory,
            self.now_ms,
            locked_keypads=self.locked,
        )
        # As the doors' machines do: those whose alarm is not known to be on begin anew.
        known = {s.door_id: s.cause for s in memory.on if s.cause in DOOR_CAUSES}
        closed = [door for door in known if door not in self.doors]
        self.doors = {d: c for d, c in self.doors.items() if known.get(d) is c}
        if self.fire:
            self.panel.fire(self.now_ms, on=True)
        self.panel.bind(self.config(), self.now_ms)
        for name, high in self.levels.items():
            self.panel.zones.level(name, self.now_ms, high=high)
        for door in closed:
            self.panel.door(known[door], self.now_ms, on=False, door_id=door)

    @rule(name=st.sampled_from(INPUTS), high=st.booleans())
    def an_input_moves(self, name: InputName, high: bool) -> None:
        self.levels[name] = high
        self.panel.zones.level(name, self.now_ms, high=high)

    @rule(zones=st.none() | st.sets(st.sampled_from(ZONES)), delay_s=st.sampled_from([0, 4]))
    def somebody_arms(self, zones: set[int] | None, delay_s: int) -> None:
        order = ArmingOrder(zones, None, delay_s * 1000, OpenZones.BYPASS)
        self.panel.zones.arm(order, self.now_ms)

    @rule(zones=st.none() | st.sets(st.sampled_from(ZONES)))
    def somebody_disarms(self, zones: set[int] | None) -> None:
        self.panel.zones.disarm(zones, self.now_ms)

    @rule(door=st.sampled_from(DOORS), cause=st.sampled_from(sorted(DOOR_CAUSES)))
    def a_door_tells(self, door: int, cause: AlarmCause) -> None:
        before = self.doors.pop(door, None)
        if before is not None:
            self.panel.door(before, self.now_ms, on=False, door_id=door)
        else:
            self.doors[door] = cause
            self.panel.door(cause, self.now_ms, on=True, door_id=door)

    @rule()
    def the_fire_input_moves(self) -> None:
        self.fire = not self.fire
        self.panel.fire(self.now_ms, on=self.fire)

    @rule(reader=st.sampled_from(READERS))
    def a_keypad_locks_or_is_freed(self, reader: str) -> None:
        self.locked ^= {reader}
        self.panel.keypad(reader, self.now_ms, on=reader in self.locked)

    @rule(kind=st.sampled_from(list(Duress)), user_id=st.sampled_from([1, 2]))
    def somebody_is_threatened(self, kind: Duress, user_id: int) -> None:
        self.accesses += 1
        self.panel.duress(kind, user_id, self.accesses, self.now_ms, "front")

    @rule()
    def somebody_silences(self) -> None:
        self.panel.silence(self.now_ms)
        assert not self.siren.on

    @rule(tamper=st.booleans(), siren=st.booleans())
    def somebody_configures(self, *, tamper: bool, siren: bool) -> None:
        self.tamper_enabled, self.siren_enabled = tamper, siren
        self.panel.bind(self.config(), self.now_ms)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1, 5]))
    def time_passes(self, seconds: float) -> None:
        end_ms = self.now_ms + round(seconds * 1000)
        while (due := self.panel.due_ms()) is not None and due <= end_ms:
            self.clock.advance(max(0, due - self.now_ms) / 1000)
            self.panel.tick(self.now_ms)
            later = self.panel.due_ms()
            assert later is None or later > self.now_ms, "an instant was due twice"
        self.clock.advance((end_ms - self.now_ms) / 1000)
        self.panel.tick(self.now_ms)

    @rule(seconds=st.sampled_from([0, 1, 60]), trusted=st.booleans())
    def the_controller_is_killed(self, *, seconds: int, trusted: bool) -> None:
        before, known = self.entry(), trusted and self.paper.trusted
        self.clock.advance(seconds)
        self.paper.trusted = trusted
        self.start()
        if before is ZoneEntry.DELAY and (seconds >= ENTRY_S or not known):
            before = ZoneEntry.ALARM
        assert self.entry() is before
        assert self.panel.zones.status()[ENTRY_ZONE - 1].alarm or before is not ZoneEntry.ALARM

    def entry(self) -> ZoneEntry:
        return self.panel.zones._watched[InputName(InputKind.ZONE, ENTRY_ZONE)].state.entry

    def heard(self) -> Iterator[AlarmSource]:
        return (source for source in self.paper.on if source.cause not in DURESS_CAUSES)

    @invariant()
    def nothing_sounds_without_an_alarm_that_is_to_be_heard(self) -> None:
        if self.siren.on:
            assert self.siren_enabled
            assert any(self.heard())

    @invariant()
    def what_is_not_armed_is_no_alarm(self) -> None:
        on = {source.cause for source in self.paper.on}
        for zone in self.panel.zones.status():
            assert zone.state == "armed" or zone.zone not in on

    @invariant()
    def no_door_is_an_alarm_during_a_fire(self) -> None:
        if self.fire:
            assert not any(source.cause in DOOR_CAUSES for source in self.paper.on)

    @invariant()
    def the_journal_knows_what_is_on(self) -> None:
        told = {(a.cause, a.door_id, a.part, a.access_log_id) for a in self.panel.active()}
        on = self.paper.on
        assert told == {(s.cause, s.door_id, s.part, s.access_log_id) for s in on}

    def teardown(self) -> None:
        for name in INPUTS:
            self.an_input_moves(name, high=False)
        if self.fire:
            self.the_fire_input_moves()
        for door in list(self.doors):
            self.a_door_tells(door, AlarmCause.DOOR_OPEN)
        for reader in list(self.locked):
            self.a_keypad_locks_or_is_freed(reader)
        self.time_passes(60)
        self.panel.silence(self.now_ms)
        assert self.paper.on == {}
        assert not self.siren.on


Alarms.TestCase.settings = settings(stateful_step_count=40)
TestAlarms = Alarms.TestCase
