"""The loop: one inbox, one thread, and nothing in it that waits.

A turn takes what arrived (identifications, levels, commits), what was asked, what is due and a
slice of compilation, in that order. Whatever opens a door drives its relay before anything else
of the same turn is written or told.
"""

from __future__ import annotations

import contextlib
import gc
from collections import deque
from dataclasses import dataclass

import structlog

from gateway.access.reasons import Reason
from gateway.access.signals import Cue
from gateway.clock import next_round_ns
from gateway.controller.access.identifier import OutdatedRules
from gateway.controller.components import Components, DamageFound, Happening, Item, RulesRefused
from gateway.controller.doors.clashes import interlock_clashes
from gateway.controller.requests.dispatcher import RequestDispatcher
from gateway.controller.requests.status import status_of
from gateway.controller.state.component import Component, Effect, OpeningId, ReadDue
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.flight import Asked, Pulse, Stateful
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.journal_writer import Committed, WriterFault
from gateway.credentials.values import BadFrame, Identification
from gateway.doors.values import Mode
from gateway.errors import GatewayError, UnusableRules
from gateway.hardware.events import (
    DeviceState,
    HardwareEvent,
    InputLevel,
    KeyPressed,
    ReplaySuspected,
)
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import (
    ControllerStatus,
    Fact,
)
from gateway.store.journal import EntryKind
from gateway.store.policy.snapshot import Snapshot

_MS = 1_000_000
HEARTBEAT_NS = 1_000_000_000
LONGEST_WAIT_NS = 3_000_000_000
"""An identification that waited this long for new rules is denied: a late answer opens nothing."""


RULES = "rules"
"""The part that is faulty while rules cannot be put in force."""

log = structlog.get_logger("controller")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Somebody at a reader while new rules are compiled; `version` is the one they need."""

    identification: Identification
    version: int | None


@dataclass(frozen=True, slots=True)
class LoopState:
    """What the loop itself remembers."""

    waiting: tuple[_Waiting, ...]
    journal_seq: int
    clock: ClockVerdict
    refused: RulesRefused | None = None
    """The newest rules, where they cannot be put in force."""


class Controller:
    """Owns the loop's state. Everything runs on the thread that calls `turn`."""

    def __init__(self, parts: Components) -> None:
        self._parts = parts
        parts.policies.adopt = self.adopt
        parts.policies.refuse = self.refuse
        self._config: EffectiveConfig | None = None
        self._refused: RulesRefused | None = None
        self._bare: Snapshot | None = None
        """Settings without rules, while there are none."""
        self._waiting: deque[_Waiting] = deque()
        self._reception = RequestDispatcher(parts, self.status)
        self._components: tuple[Component, ...] = (*parts.in_order(), self._reception.captures)
        parts.bus.connect(self._offer)
        self._journal_seq = 0
        self._unusable: frozenset[str] = frozenset()
        self._heartbeat_ns = 0
        self._clock_verdict = parts.clock_verdict()
        parts.fire.begin(self._now_ms())

    @property
    def ended_uncleanly(self) -> bool:
        """Whether the run before this one ended without saying so."""
        return self._parts.ended_uncleanly

    @property
    def inbox(self) -> Inbox[Item]:
        """Where everything that happens is posted."""
        return self._parts.inbox

    def happen(self, what: Happening) -> None:
        """Deal with one thing; whatever opens a door or writes a row begins here."""
        with self._parts.flight.step(what):
            match what:
                case Asked(address=address, request=request):
                    self._reception.asked(address, request)
                case Snapshot():
                    self._obey(what)
                case RulesRefused():
                    self._go_on_without(what)
                case Pulse.TIME:
                    self._pass_time()
                case Pulse.BEAT:
                    self._look_round()
                case Pulse.CLOSE:
                    self._close()
                case _:
                    self._take(what)
            self._see_modes()

    def adopt(self, snapshot: Snapshot) -> None:
        """Let the rules and settings of `snapshot` decide from now on.

        Raises UnusableRules, and then nothing has changed.
        """
        EffectiveConfig.proved(self._parts.site, snapshot)
        self.happen(snapshot)

    def refuse(self, error: UnusableRules, settings: Snapshot | None) -> None:
        """Go on with the rules in force; without any by `settings` alone, so that people can
        leave."""
        self._bare = settings
        self.happen(RulesRefused(error.version, str(error)))

    def state(self) -> LoopState:
        return LoopState(
            tuple(self._waiting), self._journal_seq, self._clock_verdict, self._refused
        )

    def restore(self, state: LoopState) -> None:
        self._waiting = deque(state.waiting)
        self._journal_seq = state.journal_seq
        self._clock_verdict = state.clock
        self._refused = state.refused

    def components(self) -> dict[str, Stateful]:
        """Everything that remembers something between two steps, by its name in a record."""
        return {**self._parts.named(), "enrolment": self._reception.captures, "loop": self}

    def resume(self, snapshot: Snapshot) -> None:
        """Go by the rules of `snapshot` without telling anybody: they are what decided before the
        components were restored."""
        parts = self._parts
        config = EffectiveConfig(parts.site, snapshot, parts.modes.known(snapshot))
        self._go_by(config)
        for component in self._components:
            component.configure(config)

    def _go_by(self, config: EffectiveConfig) -> None:
        self._config = config
        self._parts.zone.override(config.time_zone)
        self._parts.rig.configure(config.reading)
        self._report_unusable(config)

    def _report_unusable(self, config: EffectiveConfig) -> None:
        """Log once what the database asks for and this device cannot do."""
        found = dict.fromkeys(config.unusable_formats, "card format is ignored")
        for portal, why in interlock_clashes(self._parts.site, config):
            found[f"portal {portal.id} ({portal.name}): {why}"] = "portal never opens"
        for why, what in found.items():
            if why not in self._unusable:
                log.error(what, why=why)
        self._unusable = frozenset(found)

    def _obey(self, snapshot: Snapshot) -> None:
        config = EffectiveConfig(self._parts.site, snapshot, self._parts.modes.over(snapshot))
        self._go_by(config)
        now_ms = self._now_ms()
        for component in self._components:
            component.bind(config, now_ms)
        self._see_modes()
        # Rules are many objects that live long: without this, each full garbage collection would
        # walk through all of them while somebody stands at a door (40 ms for 2,000 rules).
        gc.freeze()
        self._give_up_waiting()
        waiting, self._waiting = self._waiting, deque()
        for held in waiting:
            self._identified(held.identification, held.version)
        self._reception.answers.settle()
        if self._refused is not None:
            self._refused = None
            self._parts.recorder.note(EntryKind.FAULT, part=RULES, why=None)

    def _bind_doors(self, config: EffectiveConfig) -> None:
        for component in (self._parts.interlock, *self._parts.doors.values()):
            component.bind(config, self._now_ms())

    def _go_on_without(self, refused: RulesRefused) -> None:
        """The rules in force stay; without any, every card is denied at once."""
        if self._refused is None or self._refused.why != refused.why:
            in_force = "the rules before stay in force" if self._config else "cards are denied"
            why = f"what is stored cannot be used ({refused.why}): {in_force}"
            log.error("rules cannot be put in force", why=why)
            self._parts.recorder.note(EntryKind.FAULT, part=RULES, why=why)
        self._refused = refused
        if self._config is None and self._bare is not None:
            self._bind_doors(EffectiveConfig(self._parts.site, self._bare))
        waiting, self._waiting = self._waiting, deque()
        for held in waiting:
            self._identified(held.identification)

    def _see_modes(self) -> None:
        """Have anti-passback see the present modes, before anybody is decided on by them."""
        modes: dict[OpeningId, Mode] = {}
        for component in self._components:
            modes.update(component.modes())
        self._parts.forgiveness.see_modes(modes)

    def _give_up_waiting(self) -> None:
        """Deny whoever waited so long for new rules that nobody may stand there any more."""
        oldest_ns = self._parts.clock.monotonic_ns() - LONGEST_WAIT_NS
        while self._waiting and self._waiting[0].identification.at_ns < oldest_ns:
            given_up = self._waiting.popleft().identification
            self._parts.credentials.refuse_late(given_up, self._config)

    def turn(self, longest_ns: int = HEARTBEAT_NS) -> None:
        """Wait until something happens or is due, at most `longest_ns`, and deal with it."""
        parts = self._parts
        parts.wait(self._patience_ms(longest_ns))
        parts.inbox.settle()
        parts.rig.service(parts.clock.monotonic_ns())
        self._take_inbox()
        while (received := parts.link.receive()) is not None:
            self.happen(Asked(*received))
            self._take_inbox()
        self.happen(Pulse.TIME)
        parts.policies.slice()
        if parts.clock.monotonic_ns() >= self._heartbeat_ns:
            self._beat()

    def _pass_time(self) -> None:
        """Do whatever is due."""
        now_ms = self._now_ms()
        for component in self._components:
            component.tick(now_ms)

    def _offer(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Have every component handle an input, or what another component caused."""
        if isinstance(event, ReadDue):
            self._identified(event.read)
            return
        for component in self._components:
            component.handle(event, now_ms)

    def _take_inbox(self) -> None:
        while (item := self._parts.inbox.take()) is not None:
            self.happen(item)

    def _patience_ms(self, longest_ns: int) -> int:
        now_ns = self._parts.clock.monotonic_ns()
        if len(self._parts.inbox):
            return 0
        dues_ns = [
            self._parts.rig.due_ns(),
            self._parts.policies.due_ns(),
            self.due_ns(),
            self._heartbeat_ns,
        ]
        next_ns = min(due for due in dues_ns if due is not None)
        wait_ns = min(next_ns - now_ns, longest_ns)
        return max(0, -(-wait_ns // _MS))

    def due_ns(self) -> int | None:
        """When time alone leads to something; None while nothing is due at any time."""
        dues_ms = (component.due_ms() for component in self._components)
        return min((due * _MS for due in dues_ms if due is not None), default=None)

    def _now_ms(self) -> int:
        return self._parts.clock.monotonic_ns() // _MS

    def _take(self, item: Item) -> None:
        match item:
            case Identification(reader=reader) | KeyPressed(reader=reader) if (
                self._parts.alarms.disabled(reader)
            ):
                self._left_aside(item)
            case Identification():
                self._read(item)
            case KeyPressed() | InputLevel():
                self._offer(item, item.at_ns // _MS)
            case Committed(ticket=ticket, seq=seq):
                self._journal_seq = seq
                self._parts.positions.committed(ticket)
                self._reception.answers.committed(ticket)
                self._parts.link.publish(Fact(kind="journal", seq=seq))
            case BadFrame() | ReplaySuspected() | DeviceState() | WriterFault() | DamageFound():
                self._note(item)

    def _read(self, item: Identification) -> None:
        """Something was read at a reader that counts."""
        # A card that is still held there after its enrolment is no visitor either.
        repeated = self._parts.identifier.is_repeat(item)
        if self._reception.captures.takes(item):
            self._report_threat(item)
        elif not repeated and self._parts.throttle.passes(item, self._now_ms()):
            self._identified(item)
        elif not repeated:
            # It waits, and may be left out for a later one.
            self._report_threat(item)

    def _left_aside(self, item: Identification | KeyPressed) -> None:
        """Something came from a reader that somebody tampers with."""
        if isinstance(item, Identification):
            self._parts.recorder.note(EntryKind.READER_DISABLED, reader=item.reader)
            self._parts.signals.show(item.reader, Cue.ERROR, self._now_ms())
            self._report_threat(item)

    def _report_threat(self, item: Identification) -> None:
        if self._config is not None:
            self._parts.credentials.report_threat(item, self._config)

    def _note(
        self, item: BadFrame | ReplaySuspected | DeviceState | WriterFault | DamageFound
    ) -> None:
        """Write down what is wrong, or right again, with a part of the device."""
        match item:
            case BadFrame():
                self._parts.recorder.note(
                    EntryKind.BAD_FRAME, reader=item.reader, bits=item.bits, why=item.why
                )
            case ReplaySuspected():
                self._parts.recorder.note(EntryKind.REPLAY, reader=item.reader, why=item.why)
            case DeviceState():
                state = {"device": item.device, "online": item.online, "why": item.why}
                self._parts.recorder.note(EntryKind.DEVICE, health=item.health.value, **state)
                self._offer(item, item.at_ns // _MS)
            case WriterFault(why=why):
                self._writer_fault(why)
            case DamageFound(file=file, what=what):
                self._parts.recorder.note(EntryKind.FAULT, part=file, why=what)

    def _writer_fault(self, why: str | None) -> None:
        if why is None:
            log.info("the journal can be written again")
        else:
            log.error("the journal cannot be written; doors go on", why=why)
        self._reception.answers.settle()

    def _identified(self, identification: Identification, enough: int | None = None) -> None:
        if self._config is None:
            if self._refused is not None:
                self._parts.credentials.refuse_late(identification, None)
            else:
                self._waiting.append(_Waiting(identification, None))
            return
        try:
            reason = self._parts.credentials.identified(identification, self._config, enough)
        except OutdatedRules as outdated:
            if self._refused is not None and self._refused.version == outdated.version:
                self._identified(identification, self._config.snapshot.version)
                return
            self._waiting.append(_Waiting(identification, outdated.version))
            self._parts.policies.want(outdated.version)
            return
        if reason is Reason.UNKNOWN_CREDENTIAL:
            self._parts.throttle.unknown(identification, self._now_ms())

    def _beat(self) -> None:
        """Once a second: tell that the loop turns, and look for changes whose wake-up was lost."""
        self._heartbeat_ns = next_round_ns(self._parts.clock.monotonic_ns(), HEARTBEAT_NS)
        self.happen(Pulse.BEAT)
        with contextlib.suppress(GatewayError):  # the next swipe finds it out and says so
            self._parts.policies.want(self._parts.policy_version())
        self._reception.answers.settle()
        if self._parts.writer.alive and self._parts.rig.healthy:
            self._parts.notifier.alive()
        self._parts.link.publish(Fact(kind="heartbeat", status=self.status()))

    def _look_round(self) -> None:
        """Whether the clock is to be believed, and what is over by it."""
        verdict = self._parts.clock_verdict()
        if verdict is not self._clock_verdict:
            self._clock_verdict = verdict
            self._parts.recorder.note(EntryKind.CLOCK, trusted=verdict.trusted, why=verdict.value)
        if verdict.trusted and self._config is not None and self._config.forgives_at_midnight:
            self._parts.forgiveness.see_day(self._parts.positions.now().day)
        self._give_up_waiting()
        self._end_modes()

    def _end_modes(self) -> None:
        """Let exception modes whose time is over count no more."""
        known = self._config
        if known and self._parts.modes.over(known.snapshot) != known.modes_ended:
            self._obey(known.snapshot)

    def close(self) -> None:
        """An orderly end, while everything still works."""
        self.happen(Pulse.CLOSE)

    def _close(self) -> None:
        now_ms = self._now_ms()
        for component in self._components:
            component.close(now_ms)

    def device_states(self) -> dict[str, bool]:
        """Which readers are there."""
        return {device.name: device.online for device in self._parts.rig.devices}

    def status(self) -> ControllerStatus:
        """The present state, as the api process and the CLI see it."""
        ended = self._config.modes_ended if self._config else ()
        return status_of(self._parts, self._journal_seq, ended, self._clock_verdict)
