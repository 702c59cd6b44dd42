"""The delays of triggers, what cancels them, and the guard against loops.

A trigger that waits is not set off again: its first fact counts. A trigger whose own action led to
the fact does not begin, nor after LONGEST_CHAIN others in a row; what comes back through a wire is
stopped by a bound of MOST_BEGUN in a minute. Either pauses it, which is a fault that ends after a
minute without such facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.access.calendar import ScheduleInstant
from gateway.triggers.match import GroupsOf, judge
from gateway.triggers.values import (
    Trigger,
    TriggerBegun,
    TriggerCancelled,
    TriggerEffect,
    TriggerFact,
    TriggerPaused,
    TriggerRun,
    TriggersState,
    TriggerTransition,
    TriggerVerdict,
)
from gateway.triggers.words import LEVELS

LONGEST_CHAIN = 4
"""Triggers in a row, each of which sets off the next."""
MOST_BEGUN = 10
"""Times that a trigger may begin within `WINDOW_MS`."""
WINDOW_MS = 60_000
LATE_MS = 60_000
"""An action that is no lasting state is not done later than this after its time."""
REMOVED = "removed"


def happened(
    state: TriggersState,
    triggers: Mapping[int, Trigger],
    fact: TriggerFact,
    instant: ScheduleInstant,
    groups_of: GroupsOf,
    now_ms: int,
) -> TriggerTransition:
    """A fact cancels what waits for it, then sets triggers off."""
    kept, effects = [], list[TriggerEffect]()
    for run in state.runs:
        if _cancels(triggers.get(run.trigger), run, fact):
            effects.append(TriggerCancelled(run, fact.what.value))
        else:
            kept.append(run)
    state = replace(state, runs=tuple(kept))
    verdicts: dict[int, TriggerVerdict] = {}
    for trigger in triggers.values():
        verdict = judge(trigger, fact, instant, groups_of)
        if verdict is TriggerVerdict.OTHER_EVENT:
            continue
        if verdict is TriggerVerdict.BEGINS:
            state, more, verdict = _begin(state, trigger, fact, now_ms)
            effects += more
        verdicts[trigger.id] = verdict
    return TriggerTransition(state, tuple(effects), verdicts)


def timed(
    state: TriggersState, trigger: Trigger, fact: TriggerFact, now_ms: int, *, missed: bool
) -> TriggerTransition:
    """The time of a trigger has come, or is past (`missed`)."""
    if not trigger.enabled:
        return TriggerTransition(state, (), {trigger.id: TriggerVerdict.DISABLED})
    if missed and trigger.action not in LEVELS:
        return TriggerTransition(state, (), {trigger.id: TriggerVerdict.MISSED})
    state, effects, verdict = _begin(state, trigger, fact, now_ms)
    return TriggerTransition(state, effects, {trigger.id: verdict})


def guard(state: TriggersState, trigger: Trigger, fact: TriggerFact, now_ms: int) -> TriggerVerdict:
    """Whether a trigger that a fact sets off may begin."""
    if trigger.id in fact.chain or len(fact.chain) >= LONGEST_CHAIN:
        return TriggerVerdict.LOOP
    if trigger.id in state.paused:
        return TriggerVerdict.TOO_OFTEN
    if any(run.trigger == trigger.id for run in state.runs):
        return TriggerVerdict.WAITS_ALREADY
    if len(_lately(state, trigger.id, now_ms)) >= MOST_BEGUN:
        return TriggerVerdict.TOO_OFTEN
    return TriggerVerdict.BEGINS


def due(
    state: TriggersState, now_ms: int, committed: int
) -> tuple[TriggersState, tuple[TriggerRun, ...]]:
    """The runs whose time has come and whose entry is durable, in the order of their times."""
    ready = [run for run in state.runs if run.due_ms <= now_ms and run.ticket <= committed]
    if not ready:
        return state, ()
    left = tuple(run for run in state.runs if run not in ready)
    return replace(state, runs=left), tuple(sorted(ready, key=lambda run: run.due_ms))


def elapsed(state: TriggersState, now_ms: int) -> TriggerTransition:
    """Let triggers go on whose pause is over."""
    over = [trigger for trigger, until_ms in state.paused.items() if until_ms <= now_ms]
    if not over:
        return TriggerTransition(state)
    paused = {trigger: until for trigger, until in state.paused.items() if trigger not in over}
    effects = tuple(TriggerPaused(trigger, None) for trigger in over)
    return TriggerTransition(replace(state, paused=paused), effects)


def configured(state: TriggersState, triggers: Mapping[int, Trigger]) -> TriggerTransition:
    """Forget what belongs to triggers that are no more, or no longer enabled."""
    on = {trigger.id for trigger in triggers.values() if trigger.enabled}
    gone = [run for run in state.runs if run.trigger not in on]
    freed = [trigger for trigger in state.paused if trigger not in on]
    effects: tuple[TriggerEffect, ...] = (
        *(TriggerCancelled(run, REMOVED) for run in gone),
        *(TriggerPaused(trigger, None) for trigger in freed),
    )
    state = TriggersState(
        tuple(run for run in state.runs if run.trigger in on),
        {trigger: times for trigger, times in state.begun.items() if trigger in on},
        {trigger: until for trigger, until in state.paused.items() if trigger in on},
    )
    return TriggerTransition(state, effects)


def due_ms(state: TriggersState, committed: int) -> int | None:
    """When `due` or `elapsed` is next needed."""
    instants: Iterable[int] = (
        *(run.due_ms for run in state.runs if run.ticket <= committed),
        *state.paused.values(),
    )
    return min(instants, default=None)


def too_late(trigger: Trigger, run: TriggerRun, now_ms: int) -> bool:
    """Whether the action must not be done any more."""
    return trigger.action not in LEVELS and now_ms - run.due_ms > LATE_MS


def _begin(
    state: TriggersState, trigger: Trigger, fact: TriggerFact, now_ms: int
) -> tuple[TriggersState, tuple[TriggerEffect, ...], TriggerVerdict]:
    verdict = guard(state, trigger, fact, now_ms)
    if verdict in (TriggerVerdict.LOOP, TriggerVerdict.TOO_OFTEN):
        new = trigger.id not in state.paused
        state = replace(state, paused={**state.paused, trigger.id: now_ms + WINDOW_MS})
        return state, ((TriggerPaused(trigger.id, verdict),) if new else ()), verdict
    if verdict is not TriggerVerdict.BEGINS:
        return state, (), verdict
    run = TriggerRun(trigger.id, fact, now_ms + trigger.delay_ms)
    times = (*_lately(state, trigger.id, now_ms), now_ms)
    state = replace(state, runs=(*state.runs, run), begun={**state.begun, trigger.id: times})
    return state, (TriggerBegun(run, trigger.delay_ms),), verdict


def _lately(state: TriggersState, trigger: int, now_ms: int) -> tuple[int, ...]:
    times = state.begun.get(trigger, ())
    return tuple(begun_ms for begun_ms in times if begun_ms > now_ms - WINDOW_MS)


def _cancels(trigger: Trigger | None, run: TriggerRun, fact: TriggerFact) -> bool:
    """Whether `fact` cancels the run: at another door, or of another alarm, it does not."""
    if trigger is None or trigger.cancel is not fact.what:
        return False
    if run.fact.doors and fact.doors and not set(run.fact.doors) & set(fact.doors):
        return False
    return not (run.fact.cause and fact.cause and run.fact.cause != fact.cause)
