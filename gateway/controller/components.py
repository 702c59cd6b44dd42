"""The components of the controller, and the inputs of its loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.clock import AdjustableClock, DeviceTime, SiteZone
from gateway.controller.access.credential_handler import CredentialHandler
from gateway.controller.access.credential_uses import CredentialUses
from gateway.controller.access.decision_figures import DecisionFigures
from gateway.controller.access.emptying import AreaEmptying
from gateway.controller.access.gesture_watch import GestureWatch
from gateway.controller.access.identifier import Identifier
from gateway.controller.access.passback_positions import Forgiveness, PassbackPositions
from gateway.controller.access.peer_clearance import PeerClearance
from gateway.controller.access.read_throttle import ReadThrottle
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.access.server_decisions import ServerDecisions
from gateway.controller.alarms.alarm_panel import AlarmPanel
from gateway.controller.alarms.faults import Faults
from gateway.controller.alarms.fire import FireLatch
from gateway.controller.alarms.output_tests import OutputTests
from gateway.controller.alarms.power_watch import PowerWatch
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.elevators import Elevators
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.doors.operators import DoorOperators
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.past import JournalHealth
from gateway.controller.state.component import Bus, Component
from gateway.controller.state.flight import NO_FLIGHT, Asked, Flight, Pulse, Stateful
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.journal_writer import Committed, WriterFault
from gateway.controller.state.last_changes import LastChanges
from gateway.controller.state.modes import ModeKeeper
from gateway.controller.state.ports import Link, MirrorPort, Policies, RigPort, Writer
from gateway.controller.state.recorder import Recorder
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.controller.state.threat import ThreatKeeper
from gateway.controller.triggers.spare_outputs import SpareOutputs
from gateway.controller.triggers.trigger_runner import TriggerRunner
from gateway.hardware.events import (
    HardwareEvent,
)
from gateway.host.clock_trust import ClockVerdict
from gateway.host.notify import Notifier
from gateway.settings import SiteFile
from gateway.store.policy.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class DamageFound:
    """A check of a database file found it damaged."""

    file: str
    what: str


@dataclass(frozen=True, slots=True)
class RulesRefused:
    """New rules or settings cannot be put in force; those before stay in force, if any."""

    version: int
    why: str


Item = HardwareEvent | Committed | WriterFault | DamageFound
Happening = Item | Asked | Snapshot | RulesRefused | Pulse
"""Everything that the controller acts on."""


@dataclass(frozen=True, slots=True)
class Components:
    """What the loop works with; `assembly.py` builds it."""

    site: SiteFile
    board: str
    """The board's name."""
    rig: RigPort
    clock: AdjustableClock
    inbox: Inbox[Item]
    bus: Bus
    writer: Writer
    recorder: Recorder
    link: Link
    identifier: Identifier
    credentials: CredentialHandler
    server: ServerDecisions
    peers: PeerClearance
    figures: DecisionFigures
    changes: LastChanges
    throttle: ReadThrottle
    signals: ReaderSignals
    gestures: GestureWatch
    output_tests: OutputTests
    positions: PassbackPositions
    uses: CredentialUses
    hours: OpeningHours
    forgiveness: Forgiveness
    emptying: AreaEmptying
    policies: Policies
    policy_version: Callable[[], int]
    """Reads the version of the rules in the mirror."""
    doors: dict[int, DoorPanel]
    interlock: Interlock
    operators: DoorOperators
    elevators: Elevators
    modes: ModeKeeper
    threat: ThreatKeeper
    alarms: AlarmPanel
    fire: FireLatch
    power: PowerWatch
    faults: Faults
    outputs: SpareOutputs
    triggers: TriggerRunner
    zone: SiteZone
    device_time: DeviceTime
    notifier: Notifier
    clock_verdict: Callable[[], ClockVerdict]
    clock_floor: datetime | None
    """As in `ClockTrust`."""
    ended_uncleanly: bool
    wait: Callable[[int], object]
    """Returns when something arrives, or after the given milliseconds."""
    turnstile: TurnstilePanel | None = None
    """None where the site has none."""
    flight: Flight = NO_FLIGHT
    health: JournalHealth = field(default_factory=JournalHealth)
    mirror: MirrorPort | None = None
    """None in a replay, whose rules come from the record."""
    site_keeper: SiteKeeper | None = None
    """None in a replay."""

    def in_order(self) -> tuple[Component, ...]:
        """The order in which the loop binds components, offers them events and ticks them.

        Locks come first. `hours` comes after `credentials`, so that a schedule that a first card
        starts is due in the same turn.
        """
        turnstile = (self.turnstile,) if self.turnstile else ()
        return (
            self.interlock,
            *self.doors.values(),
            *turnstile,
            self.operators,
            self.elevators,
            self.fire,
            self.power,
            self.alarms,
            self.signals,
            self.output_tests,
            self.throttle,
            self.credentials,
            self.server,
            self.peers,
            self.hours,
            self.outputs,
            self.triggers,
            self.gestures,
            self.figures,
            self.changes,
        )

    def named(self) -> dict[str, Stateful]:
        """Everything with a state between two steps, by its name in a flight record."""
        named: dict[str, Stateful] = {
            "admission": self.credentials,
            "alarms": self.alarms,
            "emptying": self.emptying,
            "elevators": self.elevators,
            "faults": self.faults,
            "fire": self.fire,
            "forgiveness": self.forgiveness,
            "gestures": self.gestures,
            "hours": self.hours,
            "identifier": self.identifier,
            "modes": self.modes,
            "online": self.server,
            "operators": self.operators,
            "output_tests": self.output_tests,
            "outputs": self.outputs,
            "peers": self.peers,
            "positions": self.positions,
            "recorder": self.recorder,
            "signals": self.signals,
            "threat": self.threat,
            "throttle": self.throttle,
            "uses": self.uses,
            "triggers": self.triggers,
        }
        named |= {f"door {number}": panel for number, panel in self.doors.items()}
        return named | ({"turnstile": self.turnstile} if self.turnstile else {})
