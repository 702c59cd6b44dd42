"""What the controller needs of wires, files and sockets. A replay substitutes all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from gateway.access.signals import Cue, Idle
from gateway.credentials.totp import DynamicCode, TotpSettings
from gateway.credentials.values import Credential
from gateway.errors import GatewayError, UnusableRules
from gateway.hardware.captures import Captures, LineCapture
from gateway.hardware.devices import Device
from gateway.hardware.osdp.capture import PacketCapture
from gateway.hardware.osdp.reports import BusOrder, KeyProgress, ReaderFacts
from gateway.hardware.osdp.scan import ScanProgress
from gateway.hardware.reading_settings import ReadingSettings
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import (
    Answer,
    ClearanceQuestion,
    Fact,
    MirrorStatus,
    Request,
    ServerQuestion,
)
from gateway.settings import LockState, OsdpReader
from gateway.store.journal import Entry
from gateway.store.journal.credential_uses import UseKey
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading
from gateway.store.policy.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.hardware.simulated.simulator import Simulator


FindWindow = Callable[[DynamicCode, str, int, TotpSettings, Collection[int]], int | None]
"""As `window_of`."""


class Trust(Protocol):
    """Whether the wall clock is trusted; see ClockTrust."""

    def judge(self, now: datetime, /) -> ClockVerdict: ...


class SettableTrust(Trust, Protocol):
    """One that is informed when this process sets the clock."""

    def note_set(self) -> None: ...


class People(Protocol):
    """Who owns a credential; see PeopleReader."""

    def find(self, credential: Credential) -> Reading: ...

    def find_by_password(self, user_id: int, password: str) -> Reading: ...

    def find_by_id(self, user_id: int) -> Reading: ...

    def policy_version(self) -> int: ...


class Passages(Protocol):
    """Who entered where last, and how often by which credential; see PassageReader."""

    def of(self, user_id: int) -> list[PassageEntered]: ...

    def inside(self, area_id: int) -> list[PassageEntered]: ...

    def any_before(self, day: int) -> bool: ...

    def uses(self, key: UseKey) -> int: ...


class Writer(Protocol):
    """Where journal entries go; see JournalWriter."""

    @property
    def dropped(self) -> int: ...

    @property
    def alive(self) -> bool: ...

    @property
    def waiting(self) -> int: ...

    @property
    def fault(self) -> str | None: ...

    def give_id(self, table: str) -> int: ...

    def add(self, entry: Entry) -> int: ...


class Link(Protocol):
    """Where commands come from and answers go to; see LinkServer."""

    def receive(self) -> tuple[bytes, Request] | None: ...

    def answer(self, address: bytes, answer: Answer) -> None: ...

    def refuse(self, address: bytes, request_id: str, error: GatewayError) -> None: ...

    def publish(self, fact: Fact) -> None: ...

    def ask(self, question: ServerQuestion | ClearanceQuestion) -> bool: ...


class Policies(Protocol):
    """Where new rules come from; see PolicyKeeper."""

    adopt: Callable[[Snapshot], None]
    refuse: Callable[[UnusableRules, Snapshot | None], None]

    @property
    def version(self) -> int: ...

    @property
    def compiling(self) -> bool: ...

    def want(self, version: int) -> None: ...

    def due_ns(self) -> int | None: ...

    def slice(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What was committed when question `n` was asked is in the mirror, with rules of `version`."""

    n: int
    version: int


class MirrorPort(Protocol):
    """What decisions read of the store, in a file of the controller's own; see Mirror."""

    def ask(self) -> int: ...

    def service(self) -> Sequence[Mirrored]: ...

    def release(self) -> None: ...

    def status(self) -> MirrorStatus: ...


class StrikePort(Protocol):
    """The output of one lock; see StrikeOutput."""

    @property
    def state(self) -> LockState: ...

    def drive(self, state: LockState) -> None: ...


class SounderPort(Protocol):
    """The output of a siren or a bell; see SwitchOutput."""

    @property
    def on(self) -> bool: ...

    def drive(self, *, on: bool) -> None: ...


class FeedbackPort(Protocol):
    """Light and sound of a reader that times them itself; see OsdpFeedback."""

    def show(self, cue: Cue | None, for_ms: int, *, beeps: bool) -> None: ...

    def idle(self, idle: Idle) -> None: ...

    def buzz(self, for_ms: int) -> None: ...


class OsdpBusPort(Protocol):
    """A bus of OSDP readers; see OsdpBus."""

    @property
    def progress(self) -> Mapping[str, KeyProgress]: ...

    @property
    def facts(self) -> Mapping[str, ReaderFacts]: ...

    def pairing_left_s(self, reader: str) -> int: ...

    @property
    def settings(self) -> Mapping[str, OsdpReader]: ...

    @property
    def searched(self) -> ScanProgress | None: ...

    @property
    def captured(self) -> PacketCapture | None: ...

    def order(self, order: BusOrder) -> None: ...

    def search(self, steps: Sequence[tuple[int, int]]) -> ScanProgress: ...

    def stop_search(self) -> None: ...

    def capture(self, reader: str, for_s: int) -> PacketCapture: ...


class RigPort(Protocol):
    """The wires; see Rig."""

    @property
    def simulator(self) -> Simulator | None: ...

    @property
    def osdp(self) -> Mapping[str, OsdpBusPort]: ...

    @property
    def devices(self) -> Sequence[Device]: ...

    @property
    def healthy(self) -> bool: ...

    @property
    def captures(self) -> Captures: ...

    def levels(self) -> Iterator[tuple[str, int, bool]]: ...

    def lines(self) -> Iterator[LineCapture]: ...

    def configure(self, reading: ReadingSettings) -> None: ...

    def service(self, now_ns: int) -> None: ...

    def due_ns(self) -> int | None: ...
