"""Delays, loops and times of triggers: the truth tables of `tables/`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.access.calendar import Calendar, ScheduleInstant, compile_calendar
from gateway.access.rows import HolidayRow, TimeSpanRow
from gateway.access.schedule import compile_zone, releasing
from gateway.access.slices import drain
from gateway.clock import DeviceTime
from gateway.triggers.machine import due, due_ms, elapsed, happened
from gateway.triggers.times import ClockLook, times_come
from gateway.triggers.values import (
    Trigger,
    TriggerBegun,
    TriggerCancelled,
    TriggerFact,
    TriggerPaused,
    TriggersState,
    TriggerTransition,
    TriggerVerdict,
)
from gateway.triggers.words import TRIGGER_EVENTS, TriggerAction

TABLES = Path(__file__).parent / "tables"
KINDS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3")
NOW = ScheduleInstant(43_200, (1,), (0,), trusted=True)


def cases(table: str) -> Iterator[object]:
    text = (TABLES / f"{table}.toml").read_text(encoding="utf-8")
    for case in tomllib.loads(text)["case"]:
        yield pytest.param(case, id=case["name"])


class Triggers:
    """The machine on a bench: its actions journal what `follows`, and time passes when it asks."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.follows: dict[str, str] = case.get("follows", {})
        self.lag_ms: int = case.get("uncommitted_ms", 0)
        self.triggers = {
            number: Trigger(
                id=number,
                name=f"t{number}",
                event=TRIGGER_EVENTS[row["event"]],
                action=TriggerAction(row["action"]),
                delay_ms=row.get("delay_ms", 0),
                cancel=TRIGGER_EVENTS[row["cancel"]] if "cancel" in row else None,
                cause=row.get("cause", 0),
            )
            for number, row in enumerate(case["triggers"], 1)
        }
        self.state = TriggersState()
        self.committed: list[int] = []
        """When the entry of each ticket is on the disk."""
        self.done: list[tuple[int, str]] = []

    def tickets(self, at_ms: int) -> int:
        return sum(on_disk_ms <= at_ms for on_disk_ms in self.committed)

    def due_ms(self) -> int | None:
        waiting = [self.committed[run.ticket - 1] for run in self.state.runs if run.ticket]
        known = due_ms(self.state, len(self.committed))
        return None if known is None else max(known, *waiting) if waiting else known

    def happen(self, at_ms: int, fact: TriggerFact) -> None:
        self.take(
            at_ms,
            happened(self.state, self.triggers, fact, NOW, lambda _user: (), at_ms),
        )
        self.act(at_ms)

    def act(self, at_ms: int) -> None:
        self.take(at_ms, elapsed(self.state, at_ms))
        self.state, ready = due(self.state, at_ms, self.tickets(at_ms))
        for run in ready:
            self.done.append((at_ms, f"{run.trigger} is due"))
            word = self.follows.get(self.triggers[run.trigger].action.value)
            if word:
                chain = (*run.fact.chain, run.trigger)
                self.happen(at_ms, TriggerFact(TRIGGER_EVENTS[word], chain=chain))

    def take(self, at_ms: int, transition: TriggerTransition) -> None:
        self.state = transition.state
        for number, verdict in transition.verdicts.items():
            if verdict is not TriggerVerdict.BEGINS:
                self.done.append((at_ms, f"{number} {verdict.value}"))
        for effect in transition.effects:
            match effect:
                case TriggerBegun(run=run):
                    self.committed.append(at_ms + self.lag_ms)
                    kept = replace(run, ticket=len(self.committed))
                    runs = (kept if each == run else each for each in self.state.runs)
                    self.state = replace(self.state, runs=tuple(runs))
                    self.done.append((at_ms, f"{run.trigger} begins"))
                case TriggerCancelled(run=run):
                    self.done.append((at_ms, f"{run.trigger} is cancelled"))
                case TriggerPaused(trigger=number, why=why):
                    self.done.append((at_ms, f"{number} {'is paused' if why else 'goes on'}"))


def fact_in(words: str) -> TriggerFact:
    what, *rest = words.split()
    known = dict(zip(rest[::2], map(int, rest[1::2]), strict=True))
    doors = (known["at"],) if "at" in known else ()
    return TriggerFact(TRIGGER_EVENTS[what], doors, cause=known.get("cause", 0))


@pytest.mark.parametrize("case", list(cases("delays")))
def test_triggers_begin_wait_and_stop_as_the_table_says(case: dict[str, Any]) -> None:
    bench = Triggers(case)
    for at_ms, words, _does in case["timeline"]:
        while (next_ms := bench.due_ms()) is not None and next_ms < at_ms:
            bench.act(next_ms)
        if words:
            bench.happen(at_ms, fact_in(words))
        else:
            bench.act(at_ms)
    wanted = [
        (at_ms, one)
        for at_ms, _words, does in case["timeline"]
        for one in filter(None, does.split(", "))
    ]
    assert bench.done == wanted


def seconds(clock: str) -> int:
    hour, minute, second = map(int, clock.split(":"))
    return hour * 3_600 + minute * 60 + second


def calendar_of(case: dict[str, Any]) -> Calendar:
    if "holiday" not in case:
        return drain(compile_calendar(()))
    day = (date.fromisoformat(case["holiday"]) - date(1970, 1, 1)).days * 86_400
    return drain(compile_calendar([HolidayRow(1, "", day, day + 86_399, 1, 0, 0, 0)]))


@pytest.mark.parametrize("case", list(cases("times")))
def test_a_time_comes_or_is_missed_as_the_table_says(case: dict[str, Any]) -> None:
    zone = ZoneInfo(case.get("zone", "UTC"))
    device_time = DeviceTime(lambda: zone)
    days = case.get("days", " ".join(KINDS)).split()
    when = None
    if "span" in case:
        span = TimeSpanRow._make((1, 1, *map(seconds, case["span"]), *(1,) * 10))
        when = releasing([drain(compile_zone([span]))])
    trigger = Trigger(
        id=1,
        name="t1",
        event=TRIGGER_EVENTS[case.get("event", "time_of_day")],
        action=TriggerAction.LOCK,
        when=when,
        start_s=seconds(case.get("start", "00:00:00")),
        days=tuple(kind in days for kind in KINDS),
    )
    before: ClockLook | None = None
    found = []
    for at, _does in case["looks"]:
        utc = datetime.fromisoformat(at).astimezone(UTC)
        now = ClockLook(int(utc.timestamp()), device_time.moment(utc))
        come = times_come([trigger], before, now, calendar_of(case)) if before else []
        found.append([at, ", ".join("missed" if it.missed else "comes" for it in come)])
        before = now
    assert found == case["looks"]
