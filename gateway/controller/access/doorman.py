"""Carries out what admission decides: the lock first, then the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.access.actions import Action
from gateway.access.attempt import Place
from gateway.access.decision import refuse
from gateway.access.facts import cut
from gateway.access.reasons import Reason
from gateway.clock import Clock
from gateway.controller.access.admission import AdmissionDesk, AdmissionDeskState, Verdict
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.state.component import (
    Component,
    Effect,
    Emit,
    GrantLapsed,
    GrantUsed,
    ThreatSensed,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Receipt, Recorder
from gateway.credentials.values import Identification
from gateway.doors.values import Mode, Refusal, Unlock
from gateway.hardware.events import HardwareEvent, KeyPressed
from gateway.objects.modes import DEVICE


class PortalState:
    """The ways behind a portal, and how they stand. The loop's thread alone uses it."""

    def __init__(
        self,
        doors: Mapping[int, DoorPanel],
        interlock: Interlock,
        turnstile: TurnstilePanel | None,
    ) -> None:
        self.doors = doors
        self._interlock = interlock
        self.turnstile = turnstile

    def place(self, actions: tuple[Action, ...], bindings: EffectiveConfig) -> Place:
        """The place that `actions` open, at this instant."""
        doors = tuple(bindings.topology.doors_of(actions))
        modes = {door: self.doors[door].mode for door in doors}
        sides = bindings.topology.sides_of(actions)
        side_locked = False
        if self.turnstile and sides:
            modes[DEVICE] = self.turnstile.mode
            side_locked = self.turnstile.refusal(sides) is Refusal.SIDE_LOCKED
        facts: dict[Reason, Mapping[str, Any]] = {}
        shut = next((door for door, mode in modes.items() if mode is Mode.LOCK_DOWN), None)
        if shut is not None:
            facts[Reason.LOCK_DOWN] = bindings.modes[shut].lock_down
        obstacle = self._interlock.obstacle(doors)
        if obstacle is not None:
            facts[Reason.INTERLOCK] = obstacle.facts()
        return Place(
            released=bool(modes) and all(mode.releases for mode in modes.values()),
            locked_down=shut is not None,
            interlocked=obstacle is not None,
            side_locked=side_locked,
            facts=facts,
        )


class Doorman(Component):
    """Lets people in. The loop's thread alone uses it."""

    def __init__(
        self,
        desk: AdmissionDesk,
        hours: OpeningHours,
        standing: PortalState,
        recorder: Recorder,
        clock: Clock,
        emit: Emit,
        signals: ReaderSignals,
    ) -> None:
        self._desk = desk
        self._hours = hours
        self._standing = standing
        self._doors = standing.doors
        self._turnstile = standing.turnstile
        self._recorder = recorder
        self._clock = clock
        self._emit = emit
        self._bindings: EffectiveConfig | None = None
        self._signals = signals

    def state(self) -> AdmissionDeskState:
        return self._desk.state()

    def restore(self, state: AdmissionDeskState) -> None:
        self._desk.restore(state)

    def identified(
        self, identification: Identification, bindings: EffectiveConfig, enough: int | None = None
    ) -> Reason | None:
        """Decide on an identification and carry that out. Raises OutdatedRules.

        Returns the answer's reason; None where there is no answer yet.
        """
        verdicts = self._desk.judge(
            identification, bindings, self._recorder.moment(), self._now_ms(), enough
        )
        for verdict in verdicts:
            self._carry_out(verdict, bindings)
        if not verdicts:
            self.pass_over(identification, bindings)
            return None
        return verdicts[-1].decision.reason

    def pass_over(
        self, identification: Identification, bindings: EffectiveConfig, access_log_id: int = 0
    ) -> None:
        """Nothing is decided on an identification: its kind is switched off, its reader is tampered
        with, it is enrolled, or it came too early. A threat is told whatever the verdict."""
        threat = self._desk.threat(identification, bindings)
        if threat is not None:
            kind, person = threat
            sensed = ThreatSensed(kind, person.id, access_log_id, identification.reader)
            self._emit(sensed, self._now_ms())

    def configure(self, bindings: EffectiveConfig) -> None:
        self._bindings = bindings

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Take in keys, and what became of grants."""
        match event:
            case KeyPressed(reader=reader) if self._bindings is not None:
                self._desk.key_pressed(reader, self._bindings, now_ms)
            case GrantUsed(grant=grant):
                self._desk.entered(grant)
            case GrantLapsed(grant=grant, door=door):
                self._desk.not_entered(grant, door)

    def give_up(self, identification: Identification, bindings: EffectiveConfig | None) -> None:
        """Deny somebody who could not be decided upon in time."""
        denied = self._record(self._desk.give_up(identification))
        if bindings is not None:
            self.pass_over(identification, bindings, denied.id)

    def tick(self, now_ms: int) -> None:
        """Carry out what time alone leads to."""
        due = self._desk.due_ms()
        if self._bindings is not None and due is not None and due <= now_ms:
            for verdict in self._desk.tick(self._bindings, now_ms):
                self._carry_out(verdict, self._bindings)

    def locked_keypads(self, now_ms: int) -> dict[str, int]:
        """By reader, the milliseconds for which its keypad stays locked."""
        return self._desk.locked_keypads(now_ms)

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        return self._desk.due_ms()

    def _carry_out(self, verdict: Verdict, bindings: EffectiveConfig) -> None:
        decision = verdict.decision
        if not decision.allowed:
            self._record(verdict)
            return
        # The place that was judged is the portal's; a rule may open more doors than that.
        place = self._standing.place(decision.actions, bindings)
        barred = (
            (place.locked_down, Reason.LOCK_DOWN),
            (place.side_locked, Reason.TURNSTILE_BLOCKED),
            (place.interlocked, Reason.INTERLOCK),
        )
        why = next((reason for holds, reason in barred if holds), None)
        if why is not None:
            self._record(_kept_out(verdict, why, place.facts.get(why, {})))
            return
        wanted = [self._doors[door] for door in bindings.topology.doors_of(decision.actions)]
        # The grant of a door that cannot be reached would be a lie, and an opening later on.
        panels = [panel for panel in wanted if not panel.away]
        sides = bindings.topology.sides_of(decision.actions) if self._turnstile else frozenset()
        if wanted and not panels and not sides:
            known = {"door": wanted[0].door.id, "why": cut(wanted[0].away)}
            self._record(_kept_out(verdict, Reason.DOOR_UNREACHABLE, known))
            return
        opened = [panel.door.id for panel in panels]
        away = [panel.door.id for panel in wanted if panel.away]
        grant = self._desk.granted(verdict, bindings)
        self._hours.granted(grant, verdict.outcome, bindings)
        now_ms = self._now_ms()
        longer = dict(verdict.outcome.person.opening_times) if verdict.outcome.person else {}
        opened_ms = 0
        for panel in panels:
            asked_ms = longer.get(panel.door.id) or None
            panel.feed(Unlock(asked_ms, grant), now_ms)
            opened_ms = max(opened_ms, panel.unlocks_ms(asked_ms))
        release = ""
        if self._turnstile and sides:
            release = self._turnstile.release(sides, now_ms)
        if away:
            facts = {**verdict.outcome.facts, "away": away}
            verdict = replace(verdict, outcome=replace(verdict.outcome, facts=facts))
        access = self._record(verdict, opened, opened_ms, turnstile=bool(release))
        if self._turnstile and release:
            self._turnstile.granted_as(release, access.id, grant)
        if not opened and not release:
            # Nothing can tell whether somebody went through a portal that opens nothing.
            self._emit(GrantUsed(grant), now_ms)

    def _record(
        self,
        verdict: Verdict,
        opened: Sequence[int] = (),
        opened_ms: int = 0,
        *,
        turnstile: bool = False,
    ) -> Receipt:
        decision = verdict.decision
        receipt = self._recorder.decision(
            verdict.outcome, verdict.credential, verdict.identifier_id, opened, turnstile=turnstile
        )
        outcome = verdict.outcome
        if outcome.duress is not None:
            # Whatever the verdict; nothing else here may differ from an ordinary read.
            user_id = outcome.person.id if outcome.person else decision.user_id
            sensed = ThreatSensed(outcome.duress, user_id, receipt.id, outcome.reader)
            self._emit(sensed, self._now_ms())
        self._signals.verdict(verdict, self._now_ms(), opened_ms)
        return receipt

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


def _kept_out(verdict: Verdict, why: Reason, known: Mapping[str, Any]) -> Verdict:
    """The refusal of a grant one of whose doors may not open now, and what is known of that."""
    was = verdict.decision
    refusal = replace(refuse(why, was.user_id, was.portal_id), trace=was.trace)
    facts = {why.value: dict(known)} if known else {}
    alone = replace(
        verdict.outcome, decision=refusal, company=(), passback_violation=False, facts=facts
    )
    return replace(verdict, outcome=alone)
