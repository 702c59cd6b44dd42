"""Sets triggers off by facts that are committed, and by time.

Nothing here is on the path of a swipe: facts are looked at once their entry is durable. A trigger
that begins writes an entry, and its action is due once that entry is durable, so that no output
moves without a record of its cause. What waits goes on over a restart: a lasting state (`LEVELS`)
is made up however late it is, anything else only if its time is still to come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import structlog

from gateway.clock import Clock, DeviceTime, unix_s
from gateway.controller.access.identifier import PeopleUnderRepair
from gateway.controller.alarms.faults import TRIGGER, Faults
from gateway.controller.state.component import Component
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import People
from gateway.controller.state.recorder import Recorder
from gateway.controller.state.wall_seconds import WallSeconds
from gateway.errors import GatewayError
from gateway.explain.names import SiteNames
from gateway.explain.trigger_facts import fact_of
from gateway.link.messages import TriggerStatus
from gateway.settings import SiteFile
from gateway.store.journal import CommittedEntry, Entry, EntryKind, Timer
from gateway.triggers.machine import (
    configured,
    due,
    due_ms,
    elapsed,
    happened,
    timed,
    too_late,
)
from gateway.triggers.times import ClockLook, times_come
from gateway.triggers.values import (
    Trigger,
    TriggerBegun,
    TriggerCancelled,
    TriggerFact,
    TriggerPaused,
    TriggerRun,
    TriggersState,
    TriggerTransition,
    TriggerVerdict,
)
from gateway.triggers.words import LEVELS, TRIGGER_EVENTS, TriggerTime

MOST_AT_ONCE = 16
"""Facts that are looked at in one turn: 64 triggers take milliseconds for each, and no swipe waits
for a storm."""
MOST_FACTS = 1_000
"""Facts that wait to be committed. Later ones set nothing off."""

_PAUSES = {
    TriggerVerdict.LOOP: "it is set off by what it does itself, directly or through others: see"
    " its event and those of the triggers that it sets off",
    TriggerVerdict.TOO_OFTEN: "it was set off more than 10 times in a minute; it pauses until a"
    " minute has passed without",
}

log = structlog.get_logger("triggers")


@dataclass(frozen=True, slots=True)
class TriggerRunnerState:
    """The machine, the facts that are not committed yet, and the last look at the clock."""

    machine: TriggersState
    facts: tuple[tuple[int, TriggerFact], ...]
    """With their tickets."""
    committed: int
    look: ClockLook | None
    second_ms: int | None
    bound: bool


@dataclass(frozen=True, slots=True)
class KeptTriggers:
    """What the journal holds at a start."""

    entries: tuple[CommittedEntry, ...] = ()
    """The newest entry on each trigger."""
    seen_until: datetime | None = None
    """The newest instant at which an earlier run trusted the clock."""


class TriggerRunner(Component):
    """Keeps what waits, and tells what is due."""

    def __init__(
        self,
        site: SiteFile,
        recorder: Recorder,
        clock: Clock,
        device_time: DeviceTime,
        people: People,
        faults: Faults,
        timer: Timer,
        kept: KeptTriggers,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._people = people
        self._faults = faults
        self._timer = timer
        self._past = kept.entries
        # Names of rows are not needed, and none is read on the loop.
        self._names = SiteNames(site, device_time, lambda _table, _id: "")
        self._doors_of: dict[int, tuple[int, ...]] = {}
        self._config: EffectiveConfig | None = None
        self._triggers: dict[int, Trigger] = {}
        self._machine = TriggersState()
        self._facts: deque[tuple[int, TriggerFact]] = deque()
        self._committed = 0
        self._chain: tuple[int, ...] = ()
        """While an action is done: the triggers that led to it."""
        self._look: ClockLook | None = None
        if kept.seen_until is not None:
            moment = device_time.moment(kept.seen_until)
            self._look = ClockLook(unix_s(kept.seen_until), moment)
        self._seconds = WallSeconds(clock)
        self._bound = False
        self._told: dict[int, TriggerStatus] = {
            entry.body["trigger"]: _told(entry) for entry in self._past
        }
        recorder.noted = self._noted

    def state(self) -> TriggerRunnerState:
        return TriggerRunnerState(
            self._machine,
            tuple(self._facts),
            self._committed,
            self._look,
            self._seconds.due_ms(),
            self._bound,
        )

    def restore(self, state: TriggerRunnerState) -> None:
        self._machine = state.machine
        self._facts = deque(state.facts)
        self._committed = state.committed
        self._look = state.look
        self._seconds.restore(state.second_ms)
        self._bound = state.bound

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the triggers of a snapshot; nothing happens yet."""
        self._config = config
        self._triggers = {trigger.id: trigger for trigger in config.snapshot.triggers}
        portals = config.snapshot.policy.portals.values() if self._triggers else ()
        self._doors_of = {
            portal.id: tuple(config.topology.doors_of(portal.actions)) for portal in portals
        }

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the triggers of a snapshot; with the first one, what an earlier run left."""
        before, first = self._triggers, not self._bound
        self.configure(config)
        if first:
            self._bound = True
            for entry in self._past:
                self._take_up(entry, now_ms)
            if not self._triggers:
                self._facts.clear()
        self._apply(configured(self._machine, self._triggers), before | self._triggers)
        watched = any(isinstance(trigger.event, TriggerTime) for trigger in self._triggers.values())
        if watched is (self._seconds.due_ms() is None):
            if not first:
                self._look = None  # nobody looked while there was nothing to look for
            self._seconds.enable(now_ms, enabled=watched)

    def _noted(self, ticket: int, entry: Entry) -> None:
        """Keep what an entry tells until it is durable."""
        if self._bound and not self._triggers:
            return
        committed = CommittedEntry(0, entry.kind, entry.body, entry.utc)
        fact = fact_of(committed, self._names, self._doors_of)
        if fact is None:
            return
        if len(self._facts) >= MOST_FACTS:
            log.warning("a fact sets no trigger off: too many wait", what=fact.what.value)
            return
        self._facts.append((ticket, replace(fact, chain=self._chain)))

    def committed(self, ticket: int, now_ms: int) -> None:
        """All entries up to `ticket` are durable."""
        self._committed = ticket
        self._take_facts(now_ms)

    def _take_facts(self, now_ms: int) -> None:
        if self._config is None:
            return
        for _ in range(MOST_AT_ONCE):
            if not self._fact_waits:
                return
            _ticket, fact = self._facts.popleft()
            if self._triggers:
                instant = self._config.snapshot.policy.calendar.instant(self._recorder.moment())
                # Each person is read once, however many triggers ask for their groups.
                groups_of = cache(self._groups_of)
                found = happened(self._machine, self._triggers, fact, instant, groups_of, now_ms)
                self._apply(found, self._triggers)

    @property
    def _fact_waits(self) -> bool:
        """Whether a fact that is durable has not been looked at."""
        return bool(self._facts) and self._facts[0][0] <= self._committed

    def _groups_of(self, user: int) -> Collection[int] | None:
        try:
            person = self._people.find_by_id(user).person
        except (GatewayError, PeopleUnderRepair):
            return None
        return person.group_ids if person else ()

    def tick(self, now_ms: int) -> None:
        """ClockLook at the clock once a second, and let triggers go on whose pause is over."""
        self._take_facts(now_ms)
        if self._seconds.passed(now_ms):
            self._see_time(now_ms)
        self._apply(elapsed(self._machine, now_ms), self._triggers)

    def _see_time(self, now_ms: int) -> None:
        moment = self._recorder.moment()
        if self._config is None or not moment.trusted:
            return
        now = ClockLook(unix_s(self._clock.utc()), moment)
        before, self._look = self._look, now
        if before is None:
            return
        calendar = self._config.snapshot.policy.calendar
        for come in times_come(self._triggers.values(), before, now, calendar):
            fact = TriggerFact(come.trigger.event)
            found = timed(self._machine, come.trigger, fact, now_ms, missed=come.missed)
            self._apply(found, self._triggers)

    def due_ms(self) -> int | None:
        if self._config is not None and self._fact_waits:
            return 0
        instants = (due_ms(self._machine, self._committed), self._seconds.due_ms())
        return min((instant for instant in instants if instant is not None), default=None)

    def take_due(self, now_ms: int) -> Iterator[tuple[Trigger, TriggerRun]]:
        """The actions that are due now. Ends those that come too late."""
        self._machine, ready = due(self._machine, now_ms, self._committed)
        for run in ready:
            trigger = self._triggers[run.trigger]
            if too_late(trigger, run, now_ms):
                self._end(trigger, run, "late", why="it could not be done in time")
            else:
                yield trigger, run

    @contextmanager
    def acting(self, run: TriggerRun) -> Iterator[None]:
        """What is recorded meanwhile follows from `run`."""
        before, self._chain = self._chain, (*run.fact.chain, run.trigger)
        try:
            yield
        finally:
            self._chain = before

    def done(
        self, trigger: Trigger, run: TriggerRun, doors: Collection[int], why: str | None = None
    ) -> None:
        """The action was done, at `doors`, or refused because of `why`."""
        step = "done" if why is None else "refused"
        self._end(trigger, run, step, why=why or "", doors=doors)

    def statuses(self, now_ms: int) -> tuple[TriggerStatus, ...]:
        """What became of each trigger lately."""
        waiting = {run.trigger: run for run in self._machine.runs}
        return tuple(
            self._told.get(id_, TriggerStatus(id=id_)).model_copy(
                update={
                    "waits_ms": max(0, waiting[id_].due_ms - now_ms) if id_ in waiting else None,
                    "paused": id_ in self._machine.paused,
                }
            )
            for id_ in self._triggers
        )

    def _take_up(self, entry: CommittedEntry, now_ms: int) -> None:
        """Let a run go on that waited when the last run of the controller ended."""
        body = entry.body
        trigger = self._triggers.get(body["trigger"])
        if body["step"] != "waits" or trigger is None or body["what"] not in TRIGGER_EVENTS:
            return
        passed = self._timer.passed_since(entry)
        left_ms = -1 if passed is None else body["left_ms"] - passed // timedelta(milliseconds=1)
        fact = TriggerFact(
            TRIGGER_EVENTS[body["what"]],
            tuple(body.get("doors", ())),
            tuple(body.get("users", ())),
            body.get("reader", ""),
            body.get("cause", 0),
            tuple(body.get("chain", ())),
        )
        run = TriggerRun(trigger.id, fact, now_ms + max(0, left_ms))
        if left_ms < 0 and trigger.action not in LEVELS:
            self._end(trigger, run, "late", why="its time passed while the device was off")
            return
        self._machine = replace(self._machine, runs=(*self._machine.runs, run))

    def _apply(self, transition: TriggerTransition, known: dict[int, Trigger]) -> None:
        """Carry out the effects; `known` has the triggers that they are about."""
        self._machine = transition.state
        for id_, verdict in transition.verdicts.items():
            self._tell(id_, verdict)
        for effect in transition.effects:
            match effect:
                case TriggerBegun(run=run, delay_ms=delay_ms):
                    self._begun(run, delay_ms)
                case TriggerCancelled(run=run, by=by):
                    if run.trigger in known:
                        self._end(known[run.trigger], run, "cancelled", why=by)
                case TriggerPaused(trigger=id_, why=why):
                    name = f"{known[id_].name} ({id_})" if id_ in known else f"({id_})"
                    self._faults.report(TRIGGER, name, _PAUSES[why] if why else None)

    def _begun(self, run: TriggerRun, delay_ms: int) -> None:
        ticket = self._note(self._triggers[run.trigger], run, "waits", left_ms=delay_ms)
        kept = replace(run, ticket=ticket)
        runs = (kept if each == run else each for each in self._machine.runs)
        self._machine = replace(self._machine, runs=tuple(runs))

    def _end(
        self,
        trigger: Trigger,
        run: TriggerRun,
        step: str,
        *,
        why: str = "",
        doors: Collection[int] = (),
    ) -> None:
        self._note(trigger, run, step, why=why, target_doors=list(doors))
        if step == "done":
            self._told[trigger.id] = TriggerStatus(
                id=trigger.id, done_utc=unix_s(self._clock.utc())
            )
            return
        verdict = {
            "refused": TriggerVerdict.REFUSED,
            "cancelled": TriggerVerdict.CANCELLED,
        }.get(step, TriggerVerdict.LATE)
        self._tell(trigger.id, verdict, why)

    def _tell(self, trigger: int, verdict: TriggerVerdict, why: str = "") -> None:
        """Remember why a trigger did nothing."""
        if verdict is TriggerVerdict.BEGINS:
            return
        told = self._told.get(trigger, TriggerStatus(id=trigger))
        self._told[trigger] = told.model_copy(
            update={
                "verdict": verdict.value,
                "verdict_utc": unix_s(self._clock.utc()),
                "why": why,
            }
        )

    def _note(self, trigger: Trigger, run: TriggerRun, step: str, **more: Any) -> int:
        fact = run.fact
        about: dict[str, Any] = {
            "doors": list(fact.doors),
            "users": list(fact.users),
            "reader": fact.reader,
            "cause": fact.cause,
            "chain": list(fact.chain),
            "output": trigger.output,
            "zone": trigger.alarm_zone,
            "message": trigger.message,
            "destination": trigger.destination.value if trigger.message else "",
            **more,
        }
        return self._recorder.note(
            EntryKind.TRIGGER,
            trigger=trigger.id,
            name=trigger.name,
            step=step,
            what=fact.what.value,
            action=trigger.action.value,
            **{name: value for name, value in about.items() if value},
        )


def _told(entry: CommittedEntry) -> TriggerStatus:
    """The status of a trigger by its newest entry."""
    body, utc = entry.body, unix_s(entry.utc)
    if body["step"] == "done":
        return TriggerStatus(id=body["trigger"], done_utc=utc)
    if body["step"] == "waits":
        return TriggerStatus(id=body["trigger"])
    verdict = body["step"] if body["step"] in tuple(TriggerVerdict) else ""
    return TriggerStatus(
        id=body["trigger"], verdict=verdict, verdict_utc=utc, why=body.get("why", "")
    )
