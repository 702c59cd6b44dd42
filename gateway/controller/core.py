"""The loop: one thread and one inbox. Nothing in it blocks.

A turn handles what is due, what has arrived (identifications, levels, commits), requests and a
slice of compilation, in that order. It takes a bounded number of each, and handles what has become
due between any two, so that no source delays a lock or another source. An opening drives its relay
before anything else of the same turn is journalled or reported.
"""

from __future__ import annotations

import contextlib
import gc
from collections import deque
from dataclasses import dataclass, replace

import structlog

from gateway.access.reasons import Reason
from gateway.access.signals import Cue
from gateway.clock import monotonic_ms, next_round_ns
from gateway.controller.access.identifier import OutdatedRules, PeopleUnderRepair
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
    InputLost,
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
"""An identification that has waited this long for new rules is denied."""

MOST_ITEMS = 64
"""Items of the inbox that one turn handles."""
MOST_REQUESTS = 16
"""Requests that one turn handles."""
REQUESTS_NS = 2_000_000
"""A turn begins no further request after this time; likewise when an item waits."""

RULES = "rules"
"""The part that is faulty while rules cannot be put in force."""

log = structlog.get_logger("controller")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An identification that waits for the rules of `version`; None for the next that are put in
    force, the first ones or those of a mirror that is made anew."""

    identification: Identification
    version: int | None


@dataclass(frozen=True, slots=True)
class LoopState:
    """The loop's own state."""

    waiting: tuple[_Waiting, ...]
    journal_seq: int
    clock: ClockVerdict
    refused: RulesRefused | None = None
    """The newest rules, if they cannot be put in force."""


class Controller:
    """Owns the loop's state. Everything runs on the thread that calls `turn`."""

    def __init__(self, components: Components) -> None:
        self._components = components
        components.policies.adopt = self.adopt
        components.policies.refuse = self.refuse
        self._config: EffectiveConfig | None = None
        self._stored: Snapshot | None = None
        """As the database has it: without modes that it does not have yet."""
        self._refused: RulesRefused | None = None
        self._settings_only: Snapshot | None = None
        """The settings in force while no rules can be."""
        self._doors_only: EffectiveConfig | None = None
        """What the doors alone were bound to, of these settings."""
        self._waiting: deque[_Waiting] = deque()
        self._requests = RequestDispatcher(components, self.status, self._apply_again)
        self._in_order: tuple[Component, ...] = (*components.in_order(), self._requests.captures)
        components.bus.connect(self._offer)
        self._journal_seq = 0
        self._unusable: frozenset[str] = frozenset()
        self._heartbeat_ns = 0
        self._clock_verdict = components.clock_verdict()
        components.fire.begin(self._now_ms())

    @property
    def ended_uncleanly(self) -> bool:
        """Whether the last run ended without an orderly stop."""
        return self._components.ended_uncleanly

    @property
    def inbox(self) -> Inbox[Item]:
        """Where any thread posts items for the loop."""
        return self._components.inbox

    def happen(self, what: Happening) -> None:
        """Handle one thing. Everything that opens a door or writes an entry starts here."""
        with self._components.flight.step(what):
            match what:
                case Asked(address=address, request=request):
                    self._requests.asked(address, request)
                case Snapshot():
                    self._apply(what)
                    self._accept_rules()
                case RulesRefused():
                    self._keep_rules(what)
                case Pulse.TIME:
                    self._tick()
                case Pulse.BEAT:
                    self._check_clock()
                case Pulse.CLOSE:
                    self._close()
                case _:
                    self._take(what)
            self._report_modes()

    def adopt(self, snapshot: Snapshot) -> None:
        """Put `snapshot` in force. Raises UnusableRules, and then nothing has changed."""
        EffectiveConfig.proved(self._components.site, snapshot)
        self._release_people()
        self.happen(snapshot)

    def refuse(self, error: UnusableRules, settings: Snapshot | None) -> None:
        """Keep the rules in force; without any, use `settings` for doors, to let people leave."""
        self._settings_only = settings
        self._release_people()
        self.happen(RulesRefused(error.version, str(error)))

    def _release_people(self) -> None:
        """Read people as they are now."""
        if self._components.mirror is not None:
            self._components.mirror.release()

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
        """Everything with a state between two steps, by its name in a flight record."""
        return {**self._components.named(), "enrolment": self._requests.captures, "loop": self}

    def resume(self, snapshot: Snapshot) -> None:
        """Configure restored components with `snapshot`, which was in force already: no effects."""
        components = self._components
        self._stored, snapshot = snapshot, components.modes.in_force(snapshot)
        config = EffectiveConfig(
            components.site,
            snapshot,
            components.modes.known(snapshot),
            components.threat.known.level,
        )
        self._configure(config)
        components.positions.configure(config.snapshot.policy.area_limits)
        for component in self._in_order:
            component.configure(config)

    def _configure(self, config: EffectiveConfig) -> None:
        self._config = config
        self._components.zone.override(config.time_zone)
        self._components.rig.configure(config.reading)
        self._report_unusable(config)

    def _report_unusable(self, config: EffectiveConfig) -> None:
        """Log each setting that this device cannot follow, once."""
        found = dict.fromkeys(config.unusable_formats, "card format is ignored")
        for portal, why in interlock_clashes(self._components.site, config):
            found[f"portal {portal.id} ({portal.name}): {why}"] = "portal never opens"
        for why, what in found.items():
            if why not in self._unusable:
                log.error(what, why=why)
        self._unusable = frozenset(found)

    def _apply(self, stored: Snapshot) -> None:
        self._stored, config = stored, self._config_of(stored)
        self._configure(config)
        self._components.positions.watch(config.snapshot.policy.area_limits)
        now_ms = self._now_ms()
        for component in self._in_order:
            component.bind(config, now_ms)
        self._report_modes()
        # Rules are many long-lived objects: without this, each full garbage collection would visit
        # all of them while somebody waits at a door (40 ms for 2,000 rules).
        gc.freeze()
        self._refuse_late()
        waiting, self._waiting = self._waiting, deque()
        for held in waiting:
            self._identified(held.identification, held.version)
        self._requests.answers.settle()

    def _config_of(self, stored: Snapshot) -> EffectiveConfig:
        """What `stored` means now, with what is not the database's."""
        components = self._components
        snapshot = components.modes.in_force(stored)
        return EffectiveConfig(
            components.site,
            snapshot,
            components.modes.over(snapshot),
            components.threat.look().level,
        )

    def _apply_again(self) -> None:
        """Bind what is in force anew, after a change that is not the database's."""
        if self._stored is not None:
            self._apply(self._stored)
        elif self._settings_only is not None:
            self._bind_settings(self._settings_only)

    def _accept_rules(self) -> None:
        if self._refused is not None:
            self._refused = None
            self._components.recorder.note(EntryKind.FAULT, part=RULES, why=None)

    def _bind_settings(self, settings: Snapshot) -> None:
        """Bind the doors alone, while there are no rules."""
        config = self._config_of(settings)
        self._doors_only = config
        for component in (self._components.interlock, *self._components.doors.values()):
            component.bind(config, self._now_ms())

    def _keep_rules(self, refused: RulesRefused) -> None:
        """Keep the rules in force; without any, deny every card, at once where there are rules
        that cannot be used."""
        if self._refused is None or self._refused.why != refused.why:
            in_force = "the rules before stay in force" if self._config else "cards are denied"
            why = f"the stored rules cannot be used ({refused.why}): {in_force}"
            log.error("the new rules cannot be used", why=why)
            self._components.recorder.note(EntryKind.FAULT, part=RULES, why=why)
        self._refused = refused
        if self._config is None and self._settings_only is not None:
            self._bind_settings(self._settings_only)
        waiting, self._waiting = self._waiting, deque()
        for held in waiting:
            self._identified(held.identification)

    def _report_modes(self) -> None:
        """Report the present modes to anti-passback, before any decision depends on them, and to
        the readers' lights."""
        modes: dict[OpeningId, Mode] = {}
        for component in self._in_order:
            modes.update(component.modes())
        self._components.forgiveness.see_modes(modes)
        waits_at = self._requests.captures.waits_at
        self._components.signals.show_idle(modes, waits_at, self._now_ms())

    def _refuse_late(self) -> None:
        """Deny identifications that have waited for new rules for too long."""
        oldest_ns = self._components.clock.monotonic_ns() - LONGEST_WAIT_NS
        while self._waiting and self._waiting[0].identification.at_ns < oldest_ns:
            given_up = self._waiting.popleft().identification
            self._components.credentials.refuse_late(given_up)

    def turn(self, longest_ns: int = HEARTBEAT_NS) -> None:
        """Wait until something arrives or is due, at most `longest_ns`, and handle it."""
        components = self._components
        components.wait(self._wait_ms(longest_ns))
        components.inbox.settle()
        self._tick_due()
        self._service_mirror()
        components.rig.service(components.clock.monotonic_ns())
        self._take_items()
        self._carry_out_requests()
        self.happen(Pulse.TIME)
        components.policies.slice()
        if components.rig.captures.take_news():
            components.link.publish(Fact(kind="wiring"))
        if components.clock.monotonic_ns() >= self._heartbeat_ns:
            self._beat()

    def _service_mirror(self) -> None:
        """Have copied rules compiled, and settle the answers that wait for the copy."""
        mirror = self._components.mirror
        for answer in mirror.service() if mirror else ():
            self._components.policies.want(answer.version)
            self._requests.answers.mirrored(answer)

    def _tick(self) -> None:
        now_ms = self._now_ms()
        for component in self._in_order:
            component.tick(now_ms)
        self._act_on_triggers(now_ms)

    def _act_on_triggers(self, now_ms: int) -> None:
        """Do the actions of triggers that are due. One that fails fails alone."""
        runner = self._components.triggers
        for trigger, run in runner.take_due(now_ms):
            doors: tuple[int, ...] = ()
            why: str | None = None
            with runner.acting(run):
                try:
                    doors = self._requests.actions.carry_out(trigger, run.fact)
                except GatewayError as error:
                    why = str(error)
            runner.done(trigger, run, doors, why)

    def _offer(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Have every component handle an input or an effect of another component."""
        if isinstance(event, ReadDue):
            # What a server is given to answer in counts from now.
            self._identified(replace(event.read, at_ns=now_ms * _MS))
            return
        for component in self._in_order:
            component.handle(event, now_ms)

    def _tick_due(self) -> None:
        """Have components do what is due by now."""
        due_ns = self.due_ns()
        if due_ns is not None and due_ns <= self._components.clock.monotonic_ns():
            self.happen(Pulse.TIME)

    def _take_items(self) -> None:
        for _ in range(MOST_ITEMS):
            item = self._components.inbox.take()
            if item is None:
                return
            self.happen(item)
            self._tick_due()

    def _carry_out_requests(self) -> None:
        """Carry out one request, and more while time is left and no item waits."""
        components = self._components
        end_ns = components.clock.monotonic_ns() + REQUESTS_NS
        for _ in range(MOST_REQUESTS):
            received = components.link.receive()
            if received is None:
                return
            self.happen(Asked(*received))
            self._tick_due()
            if len(components.inbox) or components.clock.monotonic_ns() >= end_ns:
                return

    def _wait_ms(self, longest_ns: int) -> int:
        now_ns = self._components.clock.monotonic_ns()
        if len(self._components.inbox):
            return 0
        dues_ns = [
            self._components.rig.due_ns(),
            self._components.policies.due_ns(),
            self.due_ns(),
            self._heartbeat_ns,
        ]
        next_ns = min(due for due in dues_ns if due is not None)
        wait_ns = min(next_ns - now_ns, longest_ns)
        return max(0, -(-wait_ns // _MS))

    def due_ns(self) -> int | None:
        """When a component is due next; None if none is."""
        dues_ms = (component.due_ms() for component in self._in_order)
        return min((due * _MS for due in dues_ms if due is not None), default=None)

    def _now_ms(self) -> int:
        return monotonic_ms(self._components.clock)

    def _take(self, item: Item) -> None:
        match item:
            case Identification(reader=reader) | KeyPressed(reader=reader) if (
                self._components.alarms.disabled(reader)
            ):
                self._ignore(item)
            case Identification():
                self._read(item)
            case KeyPressed() | InputLevel() | InputLost():
                self._offer(item, item.at_ns // _MS)
            case Committed(ticket=ticket, seq=seq):
                self._journal_seq = seq
                self._components.positions.committed(ticket)
                self._components.uses.committed(ticket)
                self._components.triggers.committed(ticket, self._now_ms())
                self._requests.answers.committed(ticket)
                self._components.link.publish(Fact(kind="journal", seq=seq))
            case BadFrame() | ReplaySuspected() | DeviceState() | WriterFault() | DamageFound():
                self._note(item)

    def _read(self, item: Identification) -> None:
        # Asked first: a card that is still held at the reader after its enrolment is a repeat.
        repeated = self._components.identifier.is_repeat(item)
        self._components.changes.read(item.reader)
        if self._requests.captures.takes(item):
            self._components.credentials.report_threat(item)
        elif self._components.gestures.takes(item):
            return
        elif not repeated and self._components.throttle.passes(item, self._now_ms()):
            self._identified(item)
        elif not repeated:
            # The throttle holds it back, and may drop it for a later one.
            self._components.credentials.report_threat(item)

    def _ignore(self, item: Identification | KeyPressed) -> None:
        """Decide nothing on what comes from a reader whose tamper contact is active."""
        if isinstance(item, Identification):
            self._components.recorder.note(EntryKind.READER_DISABLED, reader=item.reader)
            self._components.signals.show(item.reader, Cue.ERROR, self._now_ms())
            self._components.credentials.report_threat(item)

    def _note(
        self, item: BadFrame | ReplaySuspected | DeviceState | WriterFault | DamageFound
    ) -> None:
        """Journal the begin or the end of a fault of the device."""
        match item:
            case BadFrame():
                self._components.recorder.note(
                    EntryKind.BAD_FRAME, reader=item.reader, bits=item.bits, why=item.why
                )
            case ReplaySuspected():
                self._components.recorder.note(EntryKind.REPLAY, reader=item.reader, why=item.why)
            case DeviceState():
                state = {"device": item.device, "online": item.online, "why": item.why}
                self._components.recorder.note(EntryKind.DEVICE, health=item.health.value, **state)
                self._offer(item, item.at_ns // _MS)
            case WriterFault(why=why):
                self._writer_fault(why)
            case DamageFound(file=file, what=what):
                self._components.recorder.note(EntryKind.FAULT, part=file, why=what)

    def _writer_fault(self, why: str | None) -> None:
        if why is None:
            log.info("the journal can be written again")
        else:
            log.error("the journal cannot be written; doors still work", why=why)
        self._requests.answers.settle()

    def _identified(self, identification: Identification, enough: int | None = None) -> None:
        if self._config is None:
            # While none can be read (version 0), a mirror may be on its way.
            if self._refused is not None and self._refused.version:
                self._components.credentials.refuse_late(identification)
            else:
                self._waiting.append(_Waiting(identification, None))
            return
        try:
            with self._components.figures.deciding(identification):
                reason = self._components.credentials.identified(
                    identification, self._config, enough
                )
        except OutdatedRules as outdated:
            if self._refused is not None and self._refused.version == outdated.version:
                self._identified(identification, self._config.snapshot.version)
                return
            self._waiting.append(_Waiting(identification, outdated.version))
            self._components.policies.want(outdated.version)
            return
        except PeopleUnderRepair:
            self._waiting.append(_Waiting(identification, None))
            return
        if reason is Reason.UNKNOWN_CREDENTIAL:
            self._components.throttle.unknown(identification, self._now_ms())

    def _beat(self) -> None:
        """Once a second: publish the status, and check for rules whose wake-up was lost."""
        self._heartbeat_ns = next_round_ns(self._components.clock.monotonic_ns(), HEARTBEAT_NS)
        self.happen(Pulse.BEAT)
        with contextlib.suppress(GatewayError):  # the next swipe meets the error and reports it
            self._components.policies.want(self._components.policy_version())
        self._requests.answers.settle()
        if self._components.writer.alive and self._components.rig.healthy:
            self._components.notifier.alive()
        self._components.link.publish(Fact(kind="heartbeat", status=self.status()))

    def _check_clock(self) -> None:
        """Journal a change of trust in the clock, and end what is over by the clock."""
        verdict = self._components.clock_verdict()
        if verdict is not self._clock_verdict:
            self._clock_verdict = verdict
            self._components.recorder.note(
                EntryKind.CLOCK, trusted=verdict.trusted, why=verdict.value
            )
        if verdict.trusted and self._config is not None and self._config.forgives_at_midnight:
            self._components.forgiveness.see_day(self._components.positions.now().day)
        if verdict.trusted and self._config is not None:
            self._components.emptying.see_time(self._config.snapshot.policy.area_limits)
        self._refuse_late()
        self._end_modes()

    def _end_modes(self) -> None:
        """End exception modes and a threat level whose time is over."""
        known, level = self._config or self._doors_only, self._components.threat.look().level
        if known and (
            self._components.modes.over(known.snapshot) != known.modes_ended
            or level != known.threat_level
        ):
            self._apply_again()

    def close(self) -> None:
        """Stop in order, while everything still works."""
        self.happen(Pulse.CLOSE)

    def _close(self) -> None:
        now_ms = self._now_ms()
        for component in self._in_order:
            component.close(now_ms)

    def device_states(self) -> dict[str, bool]:
        """Whether each reader and module is online."""
        return {device.name: device.online for device in self._components.rig.devices}

    def status(self) -> ControllerStatus:
        """The present state for the api process and the CLI."""
        ended = self._config.modes_ended if self._config else ()
        threat = self._config.threat if self._config else None
        return status_of(
            self._components,
            self._journal_seq,
            ended,
            self._clock_verdict,
            threat.name if threat else "",
        )
