"""The real controller without pins, files, sockets and threads.

The caller sets its clock and passes its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from gateway.clock import DeviceTime, SiteZone
from gateway.controller.adapters import Adapters
from gateway.controller.assembly import put_together
from gateway.controller.components import Happening, Item
from gateway.controller.flight.forms import Hide
from gateway.controller.flight.recorder import FlightRecorder, Sink
from gateway.controller.recording import Record
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.instant import Instant
from gateway.controller.state.ports import FindWindow, OsdpBusPort, Passages, People
from gateway.controller.state.recorder import Recorder
from gateway.credentials.totp import window_of
from gateway.errors import GatewayError, UnusableRules
from gateway.hardware.captures import Captures, LineCapture
from gateway.hardware.devices import Device
from gateway.hardware.events import DeviceState, Health
from gateway.hardware.reading_settings import ReadingSettings
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import Answer, ClearanceQuestion, Fact, Request, ServerQuestion
from gateway.settings import LockState, Side, SiteFile
from gateway.store.journal import Entry
from gateway.store.policy.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.hardware.simulated.simulator import Simulator


class OfflineClock:
    """A clock whose time and trust the caller sets."""

    def __init__(self, utc: datetime = datetime(2026, 11, 23, 15, tzinfo=UTC)) -> None:
        self.ns = 1_000_000_000
        self.moment = utc
        self.verdict = ClockVerdict.BATTERY_CLOCK

    def monotonic_ns(self) -> int:
        return self.ns

    def utc(self) -> datetime:
        return self.moment

    def judge(self, _now: datetime, /) -> ClockVerdict:
        return self.verdict

    def note_set(self) -> None:
        """The caller sets the trust."""

    def set_utc(self, moment: datetime | None) -> None:
        self.moment = moment or self.moment

    @property
    def shift(self) -> timedelta:
        return timedelta()


class OfflineStrike:
    """A lock that only keeps its state."""

    def __init__(self, state: LockState) -> None:
        self.state = state

    def drive(self, state: LockState) -> None:
        self.state = state


class OfflineSounder:
    """A siren or bell that only keeps its state."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def drive(self, *, on: bool) -> None:
        self.on = on


class OfflineWriter:
    """Numbers entries and drops them."""

    dropped = 0
    alive = True
    waiting = 0
    fault: str | None = None

    def __init__(self, last_ids: Mapping[str, int], ticket: int) -> None:
        self._last_ids = dict(last_ids)
        self._ticket = ticket

    def give_id(self, table: str) -> int:
        self._last_ids[table] = self._last_ids.get(table, 0) + 1
        return self._last_ids[table]

    def add(self, entry: Entry) -> int:
        del entry
        self._ticket += 1
        return self._ticket


class OfflineLink:
    """A link without clients; `heard` tells whether somebody gets a question."""

    def __init__(self, heard: Callable[[str], bool]) -> None:
        self._heard = heard

    def receive(self) -> tuple[bytes, Request] | None:
        return None

    def answer(self, address: bytes, answer: Answer) -> None:
        pass

    def refuse(self, address: bytes, request_id: str, error: GatewayError) -> None:
        pass

    def publish(self, fact: Fact) -> None:
        pass

    def ask(self, question: ServerQuestion | ClearanceQuestion) -> bool:
        return self._heard(question.id)


class OfflinePolicies:
    """Compiles nothing: the caller passes new rules."""

    compiling = False

    def __init__(self) -> None:
        self.adopt: Callable[[Snapshot], None] = lambda _snapshot: None
        self.refuse: Callable[[UnusableRules, Snapshot | None], None] = lambda *_: None
        self.version = 0

    def want(self, version: int) -> None:
        pass

    def due_ns(self) -> int | None:
        return None

    def slice(self) -> None:
        pass


class OfflineRig:
    """Keeps the health of readers and modules; no board."""

    simulator: Simulator | None = None
    osdp: Mapping[str, OsdpBusPort] = MappingProxyType({})
    healthy = True

    def __init__(self, site: SiteFile, online: Mapping[str, bool]) -> None:
        self.captures = Captures()
        self._devices = {
            reader.name: Device(reader.name, reader.kind, _health(online, reader.name), "", 0)
            for reader in site.reader
        }
        for box in site.sec_box:
            self._devices[box.name] = Device(box.name, "sec_box", _health(online, box.name), "", 0)

    def report(self, state: DeviceState) -> None:
        """A reader or module came or went."""
        known = self._devices.get(state.device)
        if known is not None:
            self._devices[state.device] = replace(known, health=state.health, why=state.why)

    @property
    def devices(self) -> list[Device]:
        return list(self._devices.values())

    def levels(self) -> Iterator[tuple[str, int, bool]]:
        return iter(())

    def lines(self) -> Iterator[LineCapture]:
        return iter(())

    def configure(self, reading: ReadingSettings) -> None:
        pass

    def service(self, now_ns: int) -> None:
        pass

    def due_ns(self) -> int | None:
        return None


@dataclass(frozen=True, slots=True)
class Beginning:
    """The state of outputs, readers and journal at the begin."""

    last_ids: Mapping[str, int]
    ticket: int
    strikes: Mapping[str, LockState]
    """By lock; one that is not named has its door's `on_start`."""
    sounders: Mapping[str, bool]
    """By siren or bell: whether it is on; one that is not named is as at a start."""
    online: Mapping[str, bool]
    """By reader or module: whether it is online; one that is not named is."""


START = Beginning({}, 0, {}, {}, {})


@dataclass(frozen=True, slots=True)
class Sources:
    """Answers in place of files."""

    people: People
    passages: Passages
    new_key: Callable[[], str]
    find_window: FindWindow = window_of
    heard: Callable[[str], bool] = lambda _question: True
    """Whether anybody listens to a question to a server, by its id."""


class OfflineController:
    """A controller without hardware, whose steps go to a sink."""

    def __init__(
        self,
        site: SiteFile,
        clock: OfflineClock,
        sources: Sources,
        sink: Sink,
        new_hide: Callable[[], Hide],
        *,
        beginning: Beginning = START,
    ) -> None:
        self.clock = clock
        instant = Instant(clock, clock)
        self.flight = FlightRecorder(site, instant, sink, new_hide, sources.new_key)
        zone = SiteZone(site.site.zone)
        device_time = DeviceTime(zone, site.site.wire_time)
        offline = OfflineWriter(beginning.last_ids, beginning.ticket)
        writer = self.flight.writer(offline, beginning.last_ids)
        recorder = Recorder(writer, instant, device_time, instant)
        self._rig = OfflineRig(site, beginning.online)
        self._inbox: Inbox[Item] = Inbox()
        adapters = Adapters(
            rig=self._rig,
            strikes={
                door.id: OfflineStrike(beginning.strikes.get(f"door {door.id}", door.on_start))
                for door in site.doors()
            },
            sides=_sides(site, beginning),
            sounders={
                name: OfflineSounder(on=beginning.sounders.get(name, output.declared("start")))
                for name, output in site.switches()
            },
            link=OfflineLink(sources.heard),
            people=sources.people,
            passages=sources.passages,
            policies=OfflinePolicies(),
            mirror=None,
            wait=_never,
            find_window=sources.find_window,
        )
        record = Record(writer, recorder, zone, device_time)
        self.controller = put_together(
            site, "offline", adapters, record, instant, self._inbox, self.flight
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flight.close()
        self._inbox.close()

    def begin(self) -> None:
        """Record steps from now on."""
        self.flight.begin(self.controller)

    def happen(self, what: Happening) -> None:
        """Handle `what` at the time of the clock."""
        if isinstance(what, DeviceState):
            self._rig.report(what)
        self.controller.happen(what)


def _health(online: Mapping[str, bool], reader: str) -> Health:
    return Health.ONLINE if online.get(reader, True) else Health.OFFLINE


def _sides(site: SiteFile, beginning: Beginning) -> dict[Side, OfflineStrike]:
    if site.turnstile is None:
        return {}
    usual = site.turnstile.on_start
    return {
        side: OfflineStrike(beginning.strikes.get(f"turnstile {side.value}", usual))
        for side in Side
    }


def _never(_longest_ms: int) -> None:
    """Nothing to wait for: the caller passes inputs."""
