"""Puts process 1 together: outputs first, everything else after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import zmq

from gateway.alarms.register import AlarmSource
from gateway.clock import AdjustableClock, DeviceTime, SiteZone
from gateway.controller.access.credential_handler import CredentialHandler
from gateway.controller.access.dynamic_codes import DynamicCodes
from gateway.controller.access.identifier import Identifier
from gateway.controller.access.passback_positions import Forgiveness, PassbackPositions, held_open
from gateway.controller.access.pending import PendingAdmission, PendingGrants, kept_state
from gateway.controller.access.portal_opener import PortalOpener
from gateway.controller.access.read_throttle import ReadThrottle
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.alarms.alarm_memory import AlarmMemory, remembered
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.faults import POWER, REX, Faults
from gateway.controller.alarms.fire import FireLatch
from gateway.controller.alarms.power_watch import PowerWatch
from gateway.controller.alarms.sounders import Sounders
from gateway.controller.components import Components, Item
from gateway.controller.core import Controller
from gateway.controller.doors.door_panel import DoorPanel, KeptDoor
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.opening_hours import KeptHours, OpeningHours, kept_hours
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.flight.files import DIRECTORY, RecordFiles
from gateway.controller.flight.recorder import FlightRecorder
from gateway.controller.state.component import Bus, Emit, OpeningId
from gateway.controller.state.event_log import EventLog
from gateway.controller.state.flight import NO_FLIGHT, Flight
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.instant import Instant
from gateway.controller.state.journal_writer import JournalWriter
from gateway.controller.state.modes import ModeKeeper
from gateway.controller.state.policies import PolicyKeeper
from gateway.controller.state.ports import (
    FindWindow,
    Link,
    Passages,
    People,
    Policies,
    RigPort,
    SounderPort,
    StrikePort,
    Writer,
)
from gateway.controller.state.recorder import Recorder
from gateway.credentials.totp import window_of
from gateway.doors.values import DoorAlarm, Schedule
from gateway.explain.names import SiteNames
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.rig import Rig, open_rig
from gateway.host.clock_trust import ClockTrust, is_behind
from gateway.host.notify import Notifier
from gateway.host.process import boot_id
from gateway.link.runtime import RuntimeDirectory
from gateway.link.server import LinkServer
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import Side, SiteFile
from gateway.store.files import JOURNAL_FILE, STORE_FILE, database
from gateway.store.journal import CommittedEntry, EntryKind, Journal, Timer
from gateway.store.journal.passages import PassageReader
from gateway.store.journal.used_codes import UsedUp
from gateway.store.objects.names import NameReader
from gateway.store.policy.people import PeopleReader
from gateway.store.policy.snapshot import SnapshotReader
from gateway.store.tables.identity import read_identity

_MODES_LOOKED_AT = 256
"""Newest entries on modes searched at start for each door's last, and for one that ended without
the database knowing."""


@dataclass(frozen=True, slots=True)
class _Past:
    """What the journal knows of earlier runs."""

    last: CommittedEntry | None = None
    alarms: AlarmMemory = field(default_factory=AlarmMemory)
    fire_since_utc: int = 0
    """When the fire that goes on was reported, in Unix seconds; 0 for none."""
    hours: KeptHours = field(default_factory=lambda: KeptHours({}, {}))
    keypads: tuple[CommittedEntry, ...] = ()
    """The newest first."""
    modes: tuple[CommittedEntry, ...] = ()
    held_open: frozenset[OpeningId] = frozenset()
    """By an emergency or a fire, when the last run ended."""
    used_up: UsedUp = field(default_factory=UsedUp)
    clock_floor: datetime | None = None
    """The newest instant at which the clock was trusted."""
    faults: tuple[CommittedEntry, ...] = ()
    """The newest on each part."""

    @property
    def ended_uncleanly(self) -> bool:
        return self.last is not None and self.last.kind is not EntryKind.STOPPED


@dataclass(frozen=True, slots=True)
class Record:
    """The journal at work."""

    writer: Writer
    recorder: Recorder
    zone: SiteZone
    device_time: DeviceTime
    past: _Past = field(default_factory=_Past)


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the controller works on: wires, files and sockets, or what stands for them."""

    rig: RigPort
    strikes: Mapping[int, StrikePort]
    sides: Mapping[Side, StrikePort]
    sounders: Mapping[str, SounderPort]
    link: Link
    people: People
    passages: Passages
    policies: Policies
    wait: Callable[[int], object]
    """As in Components."""
    find_window: FindWindow = window_of


@contextmanager
def assembled(
    site: SiteFile,
    profile: BoardProfile,
    data: Path,
    runtime: RuntimeDirectory,
    clock: AdjustableClock,
) -> Iterator[Controller]:
    """A controller that is ready to turn; on leaving, every lock is as its door declares.

    Raises GatewayError when hardware or a database cannot be had.
    """
    inbox: Inbox[Item] = Inbox()
    with ExitStack() as stack:
        stack.callback(inbox.close)
        # No lock may wait for a database.
        rig = open_rig(site, profile, clock, runtime.path, inbox.post, inbox.wake)
        stack.enter_context(_leaving(rig))
        instant = Instant(clock)
        flight = _flight(site, data, instant)
        stack.callback(flight.close)
        record = stack.enter_context(
            _recording(site, profile, data, runtime, instant, inbox, flight)
        )
        _note_start(record, rig)
        _note_clock(record, instant)
        _note_fire(record)
        people, policies = stack.enter_context(_reading(data, clock, record.recorder, flight))
        link = stack.enter_context(LinkServer(runtime))
        passages = PassageReader(data / JOURNAL_FILE)
        stack.callback(passages.close)
        around = Adapters(
            rig=rig,
            strikes=rig.strikes,
            sides=rig.sides,
            sounders=rig.sounders,
            link=link,
            people=people,
            passages=passages,
            policies=policies,
            wait=_waiting(inbox, link),
        )
        controller = put_together(site, profile.title, around, record, instant, inbox, flight)
        flight.begin(controller)
        policies.finish()
        yield controller
        controller.close()


def put_together(
    site: SiteFile,
    board: str,
    around: Adapters,
    record: Record,
    instant: Instant,
    inbox: Inbox[Item],
    flight: Flight,
) -> Controller:
    """A controller among its surroundings, which `flight` watches; `board` is its name."""
    people = flight.people(around.people)
    bus = Bus()
    panels = _panels(site, around, record, people, instant, flight, bus.emit)

    return Controller(
        Components(
            site=site,
            board=board,
            rig=around.rig,
            clock=instant,
            zone=record.zone,
            inbox=inbox,
            bus=bus,
            writer=record.writer,
            recorder=record.recorder,
            link=flight.link(around.link),
            identifier=panels.identifier,
            credentials=panels.credentials,
            throttle=ReadThrottle(record.recorder, bus.emit),
            signals=panels.signals,
            positions=panels.positions,
            hours=panels.hours,
            forgiveness=Forgiveness(panels.positions, record.recorder, record.past.held_open),
            policies=around.policies,
            policy_version=people.policy_version,
            doors=panels.doors,
            interlock=panels.interlock,
            modes=ModeKeeper(record.recorder, instant, _timer(instant), record.past.modes),
            alarms=panels.alarms,
            fire=panels.fire,
            power=PowerWatch(site.power, panels.faults),
            faults=panels.faults,
            notifier=Notifier(),
            clock_verdict=lambda: instant.judge(instant.utc()),
            clock_floor=record.past.clock_floor,
            ended_uncleanly=record.past.ended_uncleanly,
            wait=around.wait,
            turnstile=panels.turnstile,
            flight=flight,
        )
    )


def _flight(site: SiteFile, data: Path, instant: Instant) -> Flight:
    settings = site.flight_record
    if not settings.enabled:
        return NO_FLIGHT
    return FlightRecorder(site, instant, RecordFiles(data / DIRECTORY, settings.size_mb))


def _waiting(inbox: Inbox[Item], link: LinkServer) -> Callable[[int], object]:
    poller = zmq.Poller()
    poller.register(inbox.fileno(), zmq.POLLIN)
    poller.register(link.commands, zmq.POLLIN)
    return poller.poll


@contextmanager
def _leaving(rig: Rig) -> Iterator[None]:
    """Ends the rig: as the doors declare for a stop, or for a fault when one is the reason."""
    try:
        yield
    except BaseException:
        rig.abandon()
        raise
    rig.close()


@contextmanager
def _recording(
    site: SiteFile,
    profile: BoardProfile,
    data: Path,
    runtime: RuntimeDirectory,
    instant: Instant,
    inbox: Inbox[Item],
    flight: Flight,
) -> Iterator[Record]:
    journal = Journal(data / JOURNAL_FILE, boot_id())
    floor = journal.last_trusted_utc()
    # Something sets the clock of a desktop; a Pi must show that something does.
    instant.trust = ClockTrust(
        floor, simulated=profile.backend == "simulated", set_by_hand=runtime.clock_mark
    )
    fire = journal.last_of(EntryKind.FIRE)
    modes = tuple(journal.newest(EntryKind.MODE, _MODES_LOOKED_AT))
    past = _Past(
        last=journal.last_entry(),
        alarms=remembered(journal, _timer(instant), instant.monotonic_ns() // 1_000_000),
        fire_since_utc=_since_utc(fire),
        hours=kept_hours(
            journal.newest_of_each(EntryKind.SCHEDULE),
            journal.newest_of_each(EntryKind.FIRST_CARD),
        ),
        keypads=tuple(journal.newest_of_each(EntryKind.KEYPAD)),
        modes=modes,
        held_open=held_open(modes),
        used_up=journal.used_up(),
        clock_floor=floor,
        faults=tuple(journal.newest_of_each(EntryKind.FAULT)),
    )
    zone = SiteZone(site.site.zone)
    last_ids = journal.last_ids()
    device_time = DeviceTime(zone, site.site.wire_time)
    lookup = NameReader(data / STORE_FILE)
    events = EventLog(SiteNames(site, device_time, lookup))
    writer = JournalWriter(journal, last_ids, inbox.post, events.add)
    watched = flight.writer(writer, last_ids)
    recorder = Recorder(watched, instant, device_time, instant)
    with closing(lookup), events.running():
        writer.start()
        try:
            yield Record(watched, recorder, zone, device_time, past)
            recorder.note(EntryKind.STOPPED)
        finally:
            writer.close()


def _note_start(record: Record, rig: Rig) -> None:
    last = record.past.last
    if last is not None and record.past.ended_uncleanly:
        record.recorder.note(EntryKind.ENDED_UNCLEANLY, last_seq=last.seq)
    record.recorder.note(
        EntryKind.STARTED,
        outputs=[
            {
                **({"side": claim.side.value} if claim.side else {}),
                "door": claim.door,
                "on_start": claim.on_start.value,
                "edge": claim.edge,
            }
            for claim in rig.claims
        ],
    )


def _note_clock(record: Record, instant: Instant) -> None:
    """Write down that the clock is behind the journal, and what that means."""
    floor, utc = record.past.clock_floor, instant.utc()
    if floor is not None and is_behind(utc, floor):
        verdict = instant.judge(utc)
        record.recorder.note(
            EntryKind.CLOCK,
            trusted=verdict.trusted,
            why=verdict.value,
            floor_utc=int(floor.timestamp()),
        )


def _note_fire(record: Record) -> None:
    """Write down that a fire goes on over a restart."""
    since_utc = record.past.fire_since_utc
    if since_utc:
        record.recorder.note(EntryKind.FIRE, on=True, since_utc=since_utc)


@contextmanager
def _reading(
    data: Path, clock: AdjustableClock, recorder: Recorder, flight: Flight
) -> Iterator[tuple[PeopleReader, PolicyKeeper]]:
    """Two connections: a compilation's long read must not widen the window of a decision."""
    with ExitStack() as stack:
        store, compiling = (database.open_reader(data / STORE_FILE) for _ in range(2))
        stack.callback(store.close_all)
        stack.callback(compiling.close_all)
        recorder.device_id = read_identity(store).device_id
        models = Models(REGISTRY, store)  # only their SQL is used, on either connection
        snapshots = SnapshotReader(compiling, models, keep_rows=flight.recording)
        yield PeopleReader(store, models), PolicyKeeper(snapshots, clock)


def _timer(instant: Instant) -> Timer:
    return Timer(boot_id(), instant, lambda: instant.trusted)


@dataclass(frozen=True, slots=True)
class _Panels:
    """What stands between the wires and the rules."""

    identifier: Identifier
    positions: PassbackPositions
    hours: OpeningHours
    credentials: CredentialHandler
    signals: ReaderSignals
    alarms: AlarmPanel
    doors: dict[int, DoorPanel]
    interlock: Interlock
    turnstile: TurnstilePanel | None
    fire: FireLatch
    faults: Faults


def _panels(
    site: SiteFile,
    around: Adapters,
    record: Record,
    people: People,
    clock: Instant,
    flight: Flight,
    emit: Emit,
) -> _Panels:
    now_ms = clock.monotonic_ns() // 1_000_000
    past, recorder = record.past, record.recorder
    codes = DynamicCodes(
        past.used_up,
        recorder,
        clock,
        lambda: clock.trusted,
        flight.windows(around.find_window),
    )
    identifier = Identifier(site, people, codes)
    passages = flight.passages(around.passages)
    positions = PassbackPositions(passages, recorder, clock, record.device_time)
    kept = kept_state(past.keypads, _timer(clock), now_ms)
    sounders = {name: flight.sounder(name, it) for name, it in around.sounders.items()}
    alarms = AlarmPanel(
        site,
        recorder,
        clock,
        Sounders(sounders, recorder, clock),
        emit,
        past.alarms,
        now_ms,
        locked_keypads=tuple(kept.guards),
    )
    turnstile = None
    if site.turnstile:
        sides = {
            side: flight.strike(f"turnstile {side.value}", strike)
            for side, strike in around.sides.items()
        }
        turnstile = TurnstilePanel(site.turnstile, sides, recorder, emit, flight.new_key)
    faults = Faults(recorder, _parts_of(site), past.faults)
    doors = {
        door.id: DoorPanel(
            door,
            flight.strike(f"door {door.id}", around.strikes[door.id]),
            recorder,
            emit,
            faults=faults,
            kept=KeptDoor(
                _open_alarms(past.alarms.on, door.id),
                Schedule.ENDED if door.id in past.hours.ended else Schedule.OFF,
            ),
        )
        for door in site.doors()
    }
    interlock = Interlock(doors, recorder, clock, site.interlock.margin_s)
    hours = OpeningHours(doors, interlock, recorder, clock, record.device_time, emit, past.hours)
    credentials = CredentialHandler(
        identifier,
        positions,
        PendingAdmission(kept),
        PortalOpener(doors, interlock, turnstile),
        PendingGrants(positions, codes, hours, recorder),
        recorder,
        clock,
        emit,
    )

    return _Panels(
        identifier=identifier,
        positions=positions,
        hours=hours,
        credentials=credentials,
        signals=ReaderSignals(site, sounders),
        alarms=alarms,
        doors=doors,
        interlock=interlock,
        turnstile=turnstile,
        fire=FireLatch(site.fire, recorder, emit, clock, since_utc=past.fire_since_utc),
        faults=faults,
    )


def _since_utc(fire: CommittedEntry | None) -> int:
    """When the fire that an entry says is on was reported, in Unix seconds; 0 for none."""
    if fire is None or not fire.body["on"]:
        return 0
    return int(fire.body.get("since_utc", fire.utc.timestamp()))


def _parts_of(site: SiteFile) -> set[tuple[str, str]]:
    """The parts of the site that can be faulty."""
    buttons = {(REX, door.name) for door in site.doors() if door.rex}
    return buttons | {(POWER, name) for name, _contact in site.power.contacts()}


def _open_alarms(open_alarms: Iterable[AlarmSource], door: int) -> tuple[DoorAlarm, ...]:
    causes = {alarm.value for alarm in DoorAlarm}
    return tuple(
        DoorAlarm(source.cause.value)
        for source in open_alarms
        if source.door_id == door and source.cause.value in causes
    )
