"""What no order of facts and times makes triggers do."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.calendar import ScheduleInstant
from gateway.triggers.loops import FOLLOWS, loops
from gateway.triggers.machine import MOST_BEGUN, WINDOW_MS, due, elapsed, happened
from gateway.triggers.values import Trigger, TriggerBegun, TriggerFact, TriggersState
from gateway.triggers.words import Occurrence, TriggerAction, TriggerEvent

NOON = ScheduleInstant(43_200, (1,), (0,), trusted=True)
EVENTS = sorted({event for events in FOLLOWS.values() for event in events} | {Occurrence.ALARM})

TRIGGERS = st.lists(
    st.builds(
        Trigger,
        id=st.just(0),
        name=st.just("t"),
        event=st.sampled_from(EVENTS),
        action=st.sampled_from(sorted(TriggerAction)),
        enabled=st.booleans(),
        delay_ms=st.sampled_from((0, 0, 500, 90_000)),
        cancel=st.sampled_from((None, *EVENTS)),
    ),
    min_size=1,
    max_size=6,
).map(lambda rows: {n: _numbered(n, row) for n, row in enumerate(rows, 1)})
STEPS = st.lists(
    st.tuples(st.sampled_from((0, 1, 700, 20_000, 61_000)), st.sampled_from(EVENTS)), max_size=30
)


def _numbered(number: int, row: Trigger) -> Trigger:
    return Trigger(
        number,
        f"t{number}",
        row.event,
        row.action,
        enabled=row.enabled,
        delay_ms=row.delay_ms,
        cancel=row.cancel,
    )


@given(TRIGGERS, STEPS)
def test_no_chain_goes_on_for_ever_and_no_trigger_begins_too_often(
    triggers: dict[int, Trigger], steps: list[tuple[int, TriggerEvent]]
) -> None:
    state, now_ms = TriggersState(), 0
    begun: list[tuple[int, int]] = []

    def happen(fact: TriggerFact) -> None:
        nonlocal state
        found = happened(state, triggers, fact, NOON, lambda _user: (), now_ms)
        state = found.state
        for effect in found.effects:
            if isinstance(effect, TriggerBegun):
                assert effect.run.trigger not in effect.run.fact.chain
                assert triggers[effect.run.trigger].enabled
                begun.append((now_ms, effect.run.trigger))

    for passed_ms, event in steps:
        now_ms += passed_ms
        state = elapsed(state, now_ms).state
        happen(TriggerFact(event))
        rounds = 0
        while True:
            state, ready = due(state, now_ms, 0)
            if not ready:
                break
            rounds += 1
            assert rounds <= 8, "actions follow one another without end"
            for run in ready:
                for word in sorted(FOLLOWS.get(triggers[run.trigger].action, ())):
                    happen(TriggerFact(word, chain=(*run.fact.chain, run.trigger)))
        waiting = Counter(run.trigger for run in state.runs)
        assert all(count == 1 for count in waiting.values())
    for at_ms, number in begun:
        lately = sum(it == number and at_ms - WINDOW_MS < ms <= at_ms for ms, it in begun)
        assert lately <= MOST_BEGUN


@given(TRIGGERS)
def test_a_circle_that_the_rows_show_is_one(triggers: dict[int, Trigger]) -> None:
    for circle in loops(list(triggers.values())):
        for cause, follower in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert follower.event in FOLLOWS[cause.action]
