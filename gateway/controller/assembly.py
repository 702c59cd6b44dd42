"""Builds process 1: outputs first, everything else after."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from gateway.alarms.register import AlarmSource
from gateway.clock import AdjustableClock, DeviceTime, SiteZone, boot_id
from gateway.controller.access.admission_context import AdmissionContext
from gateway.controller.access.credential_handler import CredentialHandler
from gateway.controller.access.decision_figures import DecisionFigures
from gateway.controller.access.dynamic_codes import DynamicCodes
from gateway.controller.access.identifier import Identifier
from gateway.controller.access.outcome_handler import OutcomeHandler
from gateway.controller.access.passback_positions import Forgiveness, PassbackPositions
from gateway.controller.access.peer_clearance import PeerClearance
from gateway.controller.access.pending import PendingAdmission, PendingGrants, kept_state
from gateway.controller.access.portal_opener import PortalOpener
from gateway.controller.access.read_throttle import ReadThrottle
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.access.server_decisions import ServerDecisions
from gateway.controller.access.server_questions import ServerQuestions
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.faults import POWER, REX, Faults
from gateway.controller.alarms.fire import FireLatch
from gateway.controller.alarms.output_tests import OutputTests
from gateway.controller.alarms.power_watch import PowerWatch
from gateway.controller.alarms.sounders import Sounders
from gateway.controller.components import Components, DamageFound, Item
from gateway.controller.core import Controller
from gateway.controller.doors.clearances import Clearances
from gateway.controller.doors.door_panel import DoorPanel, KeptDoor
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.flight.files import DIRECTORY, RecordFiles
from gateway.controller.flight.recorder import FlightRecorder
from gateway.controller.mirror.child import ChildFeed
from gateway.controller.mirror.log_ids import known_of
from gateway.controller.mirror.mirror import MakeFeed, Mirror
from gateway.controller.past import JournalHealth, Past, clock_floor, read_past
from gateway.controller.state.component import Bus, Emit
from gateway.controller.state.event_log import EventLog
from gateway.controller.state.flight import NO_FLIGHT, Flight
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.instant import Instant
from gateway.controller.state.journal_writer import JournalWriter
from gateway.controller.state.last_changes import LastChanges
from gateway.controller.state.modes import ModeKeeper
from gateway.controller.state.policies import PolicyKeeper
from gateway.controller.state.ports import (
    FeedbackPort,
    FindWindow,
    Link,
    MirrorPort,
    Passages,
    People,
    Policies,
    RigPort,
    SounderPort,
    StrikePort,
    Writer,
)
from gateway.controller.state.recorder import Recorder
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.credentials.totp import window_of
from gateway.doors.values import DoorAlarm, Schedule
from gateway.errors import DamagedFile, InvalidRequest, StorageError
from gateway.explain.names import SiteNames
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.rig import Rig, open_rig
from gateway.host.clock_trust import ClockTrust, is_behind
from gateway.host.notify import Notifier
from gateway.link.runtime import RuntimeDirectory
from gateway.link.server import LinkServer
from gateway.objects.configuration_keys import CONFIGURATION, MODES
from gateway.objects.modes import mode_key
from gateway.settings import Side, SiteFile
from gateway.settings.initial import initial_configuration
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.files.current import CurrentFile
from gateway.store.journal import JOURNAL_FORM, CommittedEntry, EntryKind, Journal, Timer
from gateway.store.journal.history import History, NoHistory, ReadOnlyHistory
from gateway.store.journal.passages import PassageReader
from gateway.store.journal.renewal import JournalFile
from gateway.store.journal.retention import Retention

log = structlog.get_logger("controller")

FIRST_COPY_S = 2.0
"""How long the start waits for what changed while no controller ran. Afterwards the last copy
decides; without one cards are denied and people can leave."""


@dataclass(frozen=True, slots=True)
class Record:
    """The running journal writer and what records into it."""

    writer: Writer
    recorder: Recorder
    zone: SiteZone
    device_time: DeviceTime
    past: Past = field(default_factory=Past)
    health: JournalHealth = field(default_factory=JournalHealth)


@dataclass(frozen=True, slots=True)
class Adapters:
    """The wires, files and sockets of the controller, or their substitutes."""

    rig: RigPort
    strikes: Mapping[int, StrikePort]
    sides: Mapping[Side, StrikePort]
    sounders: Mapping[str, SounderPort]
    link: Link
    people: People
    passages: Passages
    policies: Policies
    mirror: MirrorPort | None
    wait: Callable[[int], object]
    """As in Components."""
    feedback: Mapping[str, FeedbackPort] = field(default_factory=dict)
    find_window: FindWindow = window_of
    site_keeper: SiteKeeper | None = None


@contextmanager
def assembled(
    site: SiteFile,
    profile: BoardProfile,
    data: Path,
    runtime: RuntimeDirectory,
    clock: AdjustableClock,
    make_feed: MakeFeed = ChildFeed,
    site_keeper: SiteKeeper | None = None,
) -> Iterator[Controller]:
    """A controller that is ready to turn; on leaving, every lock takes its declared level.

    `make_feed` makes what copies the store. Raises GatewayError when hardware or the journal
    cannot be opened.
    """
    inbox: Inbox[Item] = Inbox()
    with ExitStack() as stack:
        stack.callback(inbox.close)
        # No lock may wait for a database.
        rig = open_rig(site, profile, clock, runtime.path, data, inbox.post, inbox.wake)
        stack.enter_context(_leaving(rig))
        instant = Instant(clock)
        flight = _flight(site, data, instant)
        stack.callback(flight.close)
        mirror = Mirror(data, make_feed, clock, inbox.wake)
        stack.callback(mirror.close)
        record = stack.enter_context(
            _recording(site, profile, data, runtime, instant, inbox, flight, mirror)
        )
        _note_start(record, rig)
        _note_clock(record, instant)
        _note_fire(record)
        _begin_mirror(mirror, site, record, inbox)
        policies = PolicyKeeper(mirror, clock)
        mirror.replaced = policies.forget_version
        link = stack.enter_context(LinkServer(runtime))
        passages = PassageReader(data / JOURNAL_FILE)
        stack.callback(passages.close)
        record.health.damages.append(passages.damage)
        adapters = Adapters(
            rig=rig,
            strikes=rig.strikes,
            sides=rig.sides,
            sounders=rig.sounders,
            feedback=rig.feedback,
            link=link,
            people=mirror,
            passages=passages,
            policies=policies,
            mirror=mirror,
            wait=_waiting(inbox, link),
            site_keeper=site_keeper,
        )
        controller = put_together(site, profile.title, adapters, record, instant, inbox, flight)
        flight.begin(controller)
        policies.finish()
        yield controller
        controller.close()


def put_together(
    site: SiteFile,
    board: str,
    adapters: Adapters,
    record: Record,
    instant: Instant,
    inbox: Inbox[Item],
    flight: Flight,
) -> Controller:
    """Build a controller on `adapters`, recorded by `flight`; `board` is the board's name."""
    people = flight.people(adapters.people)
    bus = Bus()
    link = flight.link(adapters.link)
    panels = _panels(site, adapters, record, people, link, instant, flight, bus.emit)

    return Controller(
        Components(
            site=site,
            board=board,
            rig=adapters.rig,
            clock=instant,
            zone=record.zone,
            inbox=inbox,
            bus=bus,
            writer=record.writer,
            recorder=record.recorder,
            link=link,
            identifier=panels.identifier,
            credentials=panels.credentials,
            server=panels.server,
            peers=panels.peers,
            figures=DecisionFigures(instant.running_ns),
            changes=LastChanges(
                _timer(instant),
                lambda: (panel.status() for panel in panels.doors.values()),
                record.past.changes,
            ),
            throttle=ReadThrottle(record.recorder, bus.emit),
            signals=panels.signals,
            output_tests=panels.output_tests,
            positions=panels.positions,
            hours=panels.hours,
            forgiveness=Forgiveness(panels.positions, record.recorder, record.past.held_open),
            policies=adapters.policies,
            mirror=adapters.mirror,
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
            wait=adapters.wait,
            turnstile=panels.turnstile,
            flight=flight,
            health=record.health,
            site_keeper=adapters.site_keeper,
        )
    )


def _flight(site: SiteFile, data: Path, instant: Instant) -> Flight:
    settings = site.flight_record
    if not settings.enabled:
        return NO_FLIGHT
    return FlightRecorder(site, instant, RecordFiles(data / DIRECTORY, settings.size_mb))


def _waiting(inbox: Inbox[Item], link: LinkServer) -> Callable[[int], object]:
    poller = select.poll()
    poller.register(inbox.fileno(), select.POLLIN)
    poller.register(link.fileno(), select.POLLIN)
    return poller.poll


@contextmanager
def _leaving(rig: Rig) -> Iterator[None]:
    """Closes the rig with the doors' `on_stop` levels, or `on_fault` after an exception."""
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
    mirror: Mirror,
) -> Iterator[Record]:
    path = data / JOURNAL_FILE
    file = JournalFile(path, boot_id(), instant.utc, partial(known_of, data))
    with closing(CurrentFile(path, JOURNAL_FORM)) as current:
        found = _opened(file, current)
        try:
            past = _past(found.history, profile, runtime, instant)
        except DamagedFile as why:
            found = _renewed(file, found, why)
            past = _past(found.history, profile, runtime, instant)
        past.used_up.complete &= file.replaced is None
        last_ids = _last_ids(found.history, data)
    retention = Retention(site.site.journal_days, site.site.journal_mb * 1_000_000)
    health = JournalHealth(file, [found.history.damage], retention)
    zone = SiteZone(site.site.zone)
    device_time = DeviceTime(zone, site.site.wire_time)
    events = EventLog(SiteNames(site, device_time, mirror.names))
    writer = JournalWriter(
        found.journal,
        last_ids,
        inbox.post,
        events.add,
        opener=file,
        fault=found.fault,
        retention=retention,
    )
    watched = flight.writer(writer, last_ids)
    recorder = Recorder(watched, instant, device_time, instant)
    with events.running():
        writer.start()
        try:
            yield Record(watched, recorder, zone, device_time, past, health)
            recorder.note(EntryKind.STOPPED)
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class _Found:
    """The journal as a start finds it."""

    journal: Journal | None
    """None while it cannot be written."""
    history: History
    fault: str | None = None
    """Why not."""


def _opened(file: JournalFile, current: CurrentFile) -> _Found:
    try:
        journal = file.open()
    except StorageError as error:
        why = str(error)
        log.error("the journal cannot be opened; doors go on", why=why)  # noqa: TRY400 - the reason says it all
        return _Found(None, ReadOnlyHistory(current), str(error))
    return _Found(journal, journal)


def _renewed(file: JournalFile, found: _Found, why: DamagedFile) -> _Found:
    """A new journal in the place of one in which a start met damage."""
    if found.journal is not None:
        found.journal.close()
        try:
            journal = file.renew(why)
        except StorageError as error:
            return _Found(None, NoHistory(), str(error))
        return _Found(journal, journal)
    return _Found(None, NoHistory(), found.fault)


def _past(
    history: History, profile: BoardProfile, runtime: RuntimeDirectory, instant: Instant
) -> Past:
    """What the journal tells, and from now on the clock is judged. Raises DamagedFile."""
    floor = clock_floor(history)
    # Something sets the clock of a desktop; a Pi must show that something does.
    instant.trust = ClockTrust(
        floor, simulated=profile.backend == "simulated", set_by_hand=runtime.clock_mark
    )
    return read_past(history, _timer(instant), floor, instant.monotonic_ns() // 1_000_000)


def _last_ids(history: History, data: Path) -> dict[str, int]:
    """The ids given so far; those that the API shows where the journal cannot tell."""
    try:
        return history.last_ids()
    except StorageError:
        return dict(known_of(data).ids)


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
    """Journal that the clock is behind the journal's newest trusted instant."""
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
    """Journal that a fire goes on over a restart."""
    since_utc = record.past.fire_since_utc
    if since_utc:
        record.recorder.note(EntryKind.FIRE, on=True, since_utc=since_utc)


def _begin_mirror(mirror: Mirror, site: SiteFile, record: Record, inbox: Inbox[Item]) -> None:
    """Open the mirror; the first copy of a small site is waited for."""

    def identified(device_id: int) -> None:
        record.recorder.device_id = device_id

    mirror.fallback = _fallback(site, record.past.modes)
    mirror.identified = identified
    mirror.failed = lambda why: inbox.post(DamageFound(STORE_FILE, why))
    mirror.begin(FIRST_COPY_S)


def _fallback(site: SiteFile, modes: Sequence[CommittedEntry]) -> Mapping[tuple[str, str], str]:
    """The configuration while none can be read: that of a new site, so that people can leave, and
    the last modes of the doors, since nothing that cannot be read ends an emergency."""
    found = dict(_initial_texts(site))
    for entry in reversed(modes):
        door, mode = entry.body.get("door"), entry.body.get("mode")
        if isinstance(door, int) and CONFIGURATION.find("general", mode_key(door)):
            found["general", mode_key(door)] = mode if mode in MODES else "none"
    return found


def _initial_texts(site: SiteFile) -> Iterator[tuple[tuple[str, str], str]]:
    """What is valid of the configuration of a new site: `init` checks all of it, and a file that
    was changed since keeps no door from opening."""
    for module, values in initial_configuration(site).items():
        for key, value in values.items():
            try:
                yield (module, key), CONFIGURATION.known(module, key).text(value)
            except InvalidRequest as error:
                table = f"[initial.{module}] {key}"
                log.warning("a value of the site file is ignored", value=table, why=str(error))


def _timer(instant: Instant) -> Timer:
    return Timer(boot_id(), instant, lambda: instant.trusted)


@dataclass(frozen=True, slots=True)
class _Panels:
    """The components between the wires and the rules."""

    identifier: Identifier
    positions: PassbackPositions
    hours: OpeningHours
    credentials: CredentialHandler
    server: ServerDecisions
    peers: PeerClearance
    signals: ReaderSignals
    output_tests: OutputTests
    alarms: AlarmPanel
    doors: dict[int, DoorPanel]
    interlock: Interlock
    turnstile: TurnstilePanel | None
    fire: FireLatch
    faults: Faults


def _panels(
    site: SiteFile,
    adapters: Adapters,
    record: Record,
    people: People,
    link: Link,
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
        flight.windows(adapters.find_window),
    )
    identifier = Identifier(site, people, codes)
    passages = flight.passages(adapters.passages)
    positions = PassbackPositions(passages, recorder, clock, record.device_time)
    kept = kept_state(past.keypads, _timer(clock), now_ms)
    output_tests = OutputTests(
        {name: flight.sounder(name, it) for name, it in adapters.sounders.items()}
    )
    sounders = output_tests.outputs
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
            for side, strike in adapters.sides.items()
        }
        turnstile = TurnstilePanel(site.turnstile, sides, recorder, emit, flight.new_key)
    faults = Faults(recorder, _parts_of(site), past.faults)
    doors = {
        door.id: DoorPanel(
            door,
            flight.strike(f"door {door.id}", adapters.strikes[door.id]),
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
    clearances = Clearances(link.ask, flight.new_key, clock)
    interlock = Interlock(doors, clearances, recorder, clock, site.interlock.margin_s)
    hours = OpeningHours(doors, interlock, recorder, clock, record.device_time, emit, past.hours)
    opener = PortalOpener(doors, interlock, turnstile)
    context = AdmissionContext(
        identifier, positions, PendingAdmission(kept), opener, recorder, clock, emit
    )
    grants = PendingGrants(positions, codes, hours, recorder)
    outcomes = OutcomeHandler(identifier, opener, clearances, grants, recorder, clock, emit)
    peers = PeerClearance(clearances, interlock, outcomes, recorder, clock)
    questions = ServerQuestions(link.ask, flight.new_key, recorder, clock)
    server = ServerDecisions(
        questions, context, outcomes, opener, identifier, people, recorder, emit
    )
    credentials = CredentialHandler(identifier, context, server, outcomes, grants, clock, emit)

    return _Panels(
        identifier=identifier,
        positions=positions,
        hours=hours,
        credentials=credentials,
        server=server,
        peers=peers,
        signals=ReaderSignals(site, sounders, adapters.feedback),
        output_tests=output_tests,
        alarms=alarms,
        doors=doors,
        interlock=interlock,
        turnstile=turnstile,
        fire=FireLatch(site.fire, recorder, emit, clock, since_utc=past.fire_since_utc),
        faults=faults,
    )


def _parts_of(site: SiteFile) -> set[tuple[str, str]]:
    """The parts of the site whose faults are journalled."""
    buttons = {(REX, door.name) for door in site.doors() if door.rex}
    return buttons | {(POWER, name) for name, _contact in site.power.contacts()}


def _open_alarms(open_alarms: Iterable[AlarmSource], door: int) -> tuple[DoorAlarm, ...]:
    causes = {alarm.value for alarm in DoorAlarm}
    return tuple(
        DoorAlarm(source.cause.value)
        for source in open_alarms
        if source.door_id == door and source.cause.value in causes
    )
