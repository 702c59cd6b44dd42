"""Builds process 1: outputs first, everything else after."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway.clock import AdjustableClock
from gateway.controller.access.decision_figures import DecisionFigures
from gateway.controller.access.emptying import AreaEmptying
from gateway.controller.access.passback_positions import Forgiveness
from gateway.controller.access.read_throttle import ReadThrottle
from gateway.controller.adapters import Adapters
from gateway.controller.alarms.power_watch import PowerWatch
from gateway.controller.components import Components, Item
from gateway.controller.core import Controller
from gateway.controller.flight.files import DIRECTORY, RecordFiles
from gateway.controller.flight.recorder import FlightRecorder
from gateway.controller.mirror.child import ChildFeed
from gateway.controller.mirror.mirror import MakeFeed, Mirror
from gateway.controller.mirror_start import begin_mirror
from gateway.controller.panels import panels_of
from gateway.controller.recording import (
    Record,
    note_clock,
    note_fire,
    note_start,
    recording,
    timer_of,
)
from gateway.controller.state.component import Bus
from gateway.controller.state.flight import NO_FLIGHT, Flight
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.instant import Instant
from gateway.controller.state.last_changes import LastChanges
from gateway.controller.state.modes import ModeKeeper
from gateway.controller.state.policies import PolicyKeeper
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.controller.state.threat import ThreatKeeper
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.rig import Rig, open_rig
from gateway.host.notify import Notifier
from gateway.link.runtime import RuntimeDirectory
from gateway.link.server import LinkServer
from gateway.settings import SiteFile
from gateway.settings.seal_key import sealer_of
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal.passages import PassageReader


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
        sealer = sealer_of(data, site)
        # No lock may wait for a database.
        rig = open_rig(site, profile, clock, runtime.path, data, inbox.post, inbox.wake)
        stack.enter_context(_leaving(rig))
        instant = Instant(clock)
        flight = _flight(site, data, instant)
        stack.callback(flight.close)
        mirror = Mirror(data, make_feed, clock, inbox.wake, sealer)
        stack.callback(mirror.close)
        record = stack.enter_context(
            recording(site, profile, data, runtime, instant, inbox, flight, mirror)
        )
        note_start(record, rig)
        note_clock(record, instant)
        note_fire(record)
        begin_mirror(mirror, site, record, inbox)
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
    panels = panels_of(site, adapters, record, people, link, instant, flight, bus.emit)

    return Controller(
        Components(
            site=site,
            board=board,
            rig=adapters.rig,
            clock=instant,
            outputs=panels.outputs,
            triggers=panels.triggers,
            zone=record.zone,
            device_time=record.device_time,
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
                timer_of(instant),
                lambda: (panel.status() for panel in panels.doors.values()),
                record.past.changes,
            ),
            throttle=ReadThrottle(record.recorder, bus.emit),
            signals=panels.signals,
            gestures=panels.gestures,
            output_tests=panels.output_tests,
            positions=panels.positions,
            uses=panels.uses,
            hours=panels.hours,
            emptying=AreaEmptying(panels.positions),
            forgiveness=Forgiveness(panels.positions, record.recorder, record.past.held_open),
            policies=adapters.policies,
            mirror=adapters.mirror,
            policy_version=people.policy_version,
            doors=panels.doors,
            interlock=panels.interlock,
            operators=panels.operators,
            elevators=panels.elevators,
            modes=ModeKeeper(record.recorder, instant, timer_of(instant), record.past.modes),
            threat=ThreatKeeper(record.recorder, instant, timer_of(instant), record.past.threat),
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
