"""What the loop works with, and all that it acts on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import AdjustableClock, SiteZone
from gateway.controller.alarm_panel import AlarmPanel
from gateway.controller.door_panel import DoorPanel
from gateway.controller.doorman import Doorman
from gateway.controller.faults import Faults
from gateway.controller.fire import FireLatch
from gateway.controller.flight.hook import NO_FLIGHT, Asked, Flight, Pulse
from gateway.controller.forgiveness import Forgiveness
from gateway.controller.identifier import Identifier
from gateway.controller.inbox import Inbox
from gateway.controller.interlock import InterlockDesk
from gateway.controller.journal_writer import Committed, WriterFault
from gateway.controller.modes import ModeKeeper
from gateway.controller.opening_hours import OpeningHours
from gateway.controller.ports import Link, Policies, RigPort, Writer
from gateway.controller.power_watch import PowerWatch
from gateway.controller.read_throttle import ReadThrottle
from gateway.controller.reader_signals import ReaderSignals
from gateway.controller.recorder import Recorder
from gateway.controller.turnstile_panel import TurnstilePanel
from gateway.controller.ways import Ways
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


Item = HardwareEvent | Committed | WriterFault | DamageFound
Happening = Item | Asked | Snapshot | Pulse
"""All that the controller acts on; what is not among these decides nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works with; `process.py` puts it together."""

    site: SiteFile
    board: str
    """What the board is called."""
    rig: RigPort
    clock: AdjustableClock
    inbox: Inbox[Item]
    writer: Writer
    recorder: Recorder
    link: Link
    identifier: Identifier
    doorman: Doorman
    throttle: ReadThrottle
    signals: ReaderSignals
    ways: Ways
    hours: OpeningHours
    forgiveness: Forgiveness
    policies: Policies
    policy_version: Callable[[], int]
    """The version of the rules in the store, read now."""
    doors: dict[int, DoorPanel]
    interlock: InterlockDesk
    modes: ModeKeeper
    alarms: AlarmPanel
    fire: FireLatch
    power: PowerWatch
    faults: Faults
    zone: SiteZone
    notifier: Notifier
    clock_verdict: Callable[[], ClockVerdict]
    clock_floor: datetime | None
    """As `ClockTrust` has it."""
    ended_uncleanly: bool
    wait: Callable[[int], object]
    """Returns when something arrived, or after so many milliseconds."""
    turnstile: TurnstilePanel | None = None
    """None where the site has none."""
    flight: Flight = NO_FLIGHT
