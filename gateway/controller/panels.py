"""Builds the components between the wires and the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.alarms.register import AlarmSource
from gateway.clock import monotonic_ms
from gateway.controller.access.admission_context import AdmissionContext
from gateway.controller.access.credential_handler import CredentialHandler
from gateway.controller.access.credential_uses import CredentialUses
from gateway.controller.access.dynamic_codes import DynamicCodes
from gateway.controller.access.gesture_watch import GestureWatch
from gateway.controller.access.identifier import Identifier
from gateway.controller.access.outcome_handler import GrantOutputs, OutcomeHandler
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.access.peer_clearance import PeerClearance
from gateway.controller.access.pending import PendingAdmission, PendingGrants, kept_state
from gateway.controller.access.portal_opener import PortalOpener
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.access.server_decisions import ServerDecisions
from gateway.controller.access.server_questions import ServerQuestions
from gateway.controller.adapters import Adapters
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.faults import POWER, REX, Faults
from gateway.controller.alarms.fire import FireLatch
from gateway.controller.alarms.output_tests import OutputTests
from gateway.controller.alarms.sounders import Sounders
from gateway.controller.doors.clearances import Clearances
from gateway.controller.doors.door_panel import DoorPanel, KeptDoor
from gateway.controller.doors.elevators import Elevators
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.doors.operators import DoorOperators
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.recording import Record, timer_of
from gateway.controller.state.component import Emit
from gateway.controller.state.flight import Flight
from gateway.controller.state.instant import Instant
from gateway.controller.state.ports import Link, People
from gateway.controller.triggers.spare_outputs import SpareOutputs
from gateway.controller.triggers.trigger_runner import KeptTriggers, TriggerRunner
from gateway.doors.values import DoorAlarm, Schedule
from gateway.settings import SiteFile, floor_output, operator_name


@dataclass(frozen=True, slots=True)
class SitePanels:
    """The components between the wires and the rules."""

    identifier: Identifier
    positions: PassbackPositions
    uses: CredentialUses
    hours: OpeningHours
    credentials: CredentialHandler
    server: ServerDecisions
    peers: PeerClearance
    signals: ReaderSignals
    gestures: GestureWatch
    output_tests: OutputTests
    alarms: AlarmPanel
    doors: dict[int, DoorPanel]
    interlock: Interlock
    operators: DoorOperators
    elevators: Elevators
    turnstile: TurnstilePanel | None
    fire: FireLatch
    faults: Faults
    outputs: SpareOutputs
    triggers: TriggerRunner


def panels_of(
    site: SiteFile,
    adapters: Adapters,
    record: Record,
    people: People,
    link: Link,
    clock: Instant,
    flight: Flight,
    emit: Emit,
) -> SitePanels:
    """Build them on `adapters`, recorded by `flight`, with what the journal told."""
    now_ms = monotonic_ms(clock)
    past, recorder = record.past, record.recorder
    codes = DynamicCodes(
        past.used_up,
        recorder,
        clock,
        lambda: clock.trusted,
        flight.windows(adapters.find_window),
    )
    passages = flight.passages(adapters.passages)
    uses = CredentialUses(passages, recorder)
    identifier = Identifier(site, people, codes, uses)
    positions = PassbackPositions(passages, recorder, clock, record.device_time)
    kept = kept_state(past.keypads, timer_of(clock), now_ms)
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
    floors = {
        lift.id: {
            floor.number: sounders[floor_output(lift.name, floor.number)] for floor in lift.floor
        }
        for lift in site.elevator
    }
    elevators = Elevators(site.elevator, floors, recorder, clock)
    opener = PortalOpener(doors, interlock, turnstile, elevators)
    grants = PendingGrants(positions, codes, uses, hours, recorder)
    context = AdmissionContext(
        identifier, positions, PendingAdmission(kept), grants, opener, recorder, clock, emit
    )
    operators = DoorOperators(
        {door.id: sounders[operator_name(door)] for door in site.door if door.operator}, doors
    )
    outcomes = OutcomeHandler(
        identifier,
        opener,
        clearances,
        grants,
        GrantOutputs(operators, elevators),
        recorder,
        clock,
        emit,
    )
    peers = PeerClearance(clearances, interlock, outcomes, recorder, clock)
    questions = ServerQuestions(link.ask, flight.new_key, recorder, clock)
    server = ServerDecisions(
        questions, context, outcomes, opener, identifier, people, recorder, emit
    )
    credentials = CredentialHandler(identifier, context, server, outcomes, grants, clock, emit)

    signals = ReaderSignals(site, sounders, adapters.feedback)
    gestures = GestureWatch(alarms.zones, doors, interlock, signals, recorder, clock)

    return SitePanels(
        identifier=identifier,
        positions=positions,
        uses=uses,
        hours=hours,
        credentials=credentials,
        server=server,
        peers=peers,
        signals=signals,
        gestures=gestures,
        output_tests=output_tests,
        alarms=alarms,
        doors=doors,
        interlock=interlock,
        operators=operators,
        elevators=elevators,
        turnstile=turnstile,
        fire=FireLatch(site.fire, recorder, emit, clock, since_utc=past.fire_since_utc),
        faults=faults,
        outputs=SpareOutputs(site, sounders, recorder, timer_of(clock), past.outputs),
        triggers=TriggerRunner(
            site,
            recorder,
            clock,
            record.device_time,
            people,
            faults,
            timer_of(clock),
            KeptTriggers(past.triggers, past.clock_floor),
        ),
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
