"""Watched inputs: the truth tables of `tables/`, and what holds in any order of events."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.alarms import zones
from gateway.alarms.causes import AlarmCause
from gateway.alarms.zones import (
    Silenced,
    ZoneInputLevel,
    ZoneInputLost,
    ZoneSettings,
    ZoneSettingsChanged,
    ZoneState,
    ZoneTimePassed,
)

TABLES = Path(__file__).parent / "tables"
USUAL = ZoneSettings(AlarmCause.ZONE_1, enabled=True, active_high=True, delay_ms=2_000)


class Input:
    """A watched input on a bench, that is given time whenever it asks for it."""

    def __init__(
        self,
        settings: ZoneSettings,
        *,
        alarm: bool,
        entry: zones.ZoneEntry = zones.ZoneEntry.OVER,
        left_ms: int = 0,
    ) -> None:
        self.settings = settings
        since_ms = left_ms - settings.entry_delay_ms
        self.state = ZoneState.initial(alarm=alarm, entry=entry, entry_since_ms=since_ms)
        self.entry = entry
        self.done: list[tuple[int, str]] = []

    def feed(self, at_ms: int, event: zones.ZoneEvent) -> None:
        transition = zones.step(self.settings, self.state, event, at_ms)
        self.state = transition.state
        for effect in transition.effects:
            if isinstance(effect, zones.EntryChanged):
                assert effect.entry is not self.entry, "an entry repeats"
                self.entry = effect.entry
                continue
            assert effect.cause is self.settings.cause
            self.done.append((at_ms, "on" if isinstance(effect, zones.ZoneAlarmOn) else "off"))
        assert self.entry is self.state.entry

    def wait(self, until_ms: int) -> None:
        while (due := zones.due_ms(self.settings, self.state)) is not None and due < until_ms:
            before = self.state
            self.feed(due, ZoneTimePassed())
            assert self.state != before, "an instant was due at which nothing happens"

    def play(self, at_ms: int, words: str) -> None:
        self.wait(at_ms)
        if words.startswith("set "):
            self.settings = replace(self.settings, **tomllib.loads(words.removeprefix("set ")))
            self.feed(at_ms, ZoneSettingsChanged())
        elif words == "silence":
            self.feed(at_ms, Silenced())
        elif words in ("lost", "cut"):
            self.feed(at_ms, ZoneInputLost(tampered=words == "cut"))
        elif words:
            self.feed(at_ms, ZoneInputLevel(high={"high": True, "low": False}[words]))
        else:
            self.feed(at_ms, ZoneTimePassed())


def cases() -> Iterator[object]:
    for case in tomllib.loads((TABLES / "zones.toml").read_text(encoding="utf-8"))["case"]:
        yield pytest.param(case, id=case["name"])


@pytest.mark.parametrize("case", list(cases()))
def test_the_input_does_what_the_table_says(case: dict[str, object]) -> None:
    known = {"name", "settings", "timeline", "unfinished_alarm", "entry", "entry_left_ms"}
    assert set(case) <= known
    changes = dict(case.get("settings", {}))  # type: ignore[call-overload]  # - tables are untyped
    if "cause" in changes:
        changes["cause"] = AlarmCause(changes["cause"])
    left_ms, entry = case.get("entry_left_ms", 0), case.get("entry", "over")
    assert isinstance(left_ms, int)
    assert isinstance(entry, str)
    watched = Input(
        replace(USUAL, **changes),
        alarm=bool(case.get("unfinished_alarm", False)),
        entry=zones.ZoneEntry(entry),
        left_ms=left_ms,
    )
    timeline = case["timeline"]
    assert isinstance(timeline, list)
    for at_ms, words, _ in timeline:
        watched.play(at_ms, words)
    assert watched.done == [(at_ms, did) for at_ms, _, did in timeline if did]


def test_a_late_step_tells_an_alarm_that_fell_due_and_ended_meanwhile() -> None:
    state = zones.step(USUAL, ZoneState.initial(), ZoneInputLevel(high=True), 0).state
    assert zones.step(USUAL, state, ZoneInputLevel(high=False), 5_000).effects == (
        zones.ZoneAlarmOn(AlarmCause.ZONE_1),
        zones.ZoneAlarmOff(AlarmCause.ZONE_1),
    )


def test_what_fell_due_under_old_settings_is_not_told_under_new_ones() -> None:
    state = zones.step(USUAL, ZoneState.initial(), ZoneInputLevel(high=True), 0).state
    inverted = replace(USUAL, active_high=False)
    assert zones.step(inverted, state, ZoneSettingsChanged(), 5_000).effects == ()


def test_nothing_is_due_before_the_first_level_was_read() -> None:
    waiting = zones.step(USUAL, ZoneState.initial(alarm=True), ZoneTimePassed(), 0)
    assert waiting == zones.ZoneTransition(ZoneState.initial(alarm=True))
    assert zones.due_ms(USUAL, waiting.state) is None


def test_a_row_of_the_api_becomes_settings() -> None:
    low = ZoneSettings.of_row(zone=3, enabled=1, active_level=0, alarm_delay=1_500)
    assert low == ZoneSettings(AlarmCause.ZONE_3, True, False, 1_500)
    high = ZoneSettings.of_row(zone=5, enabled=0, active_level=1, alarm_delay=0)
    assert high == ZoneSettings(AlarmCause.ZONE_5, False, True, 0)


@pytest.mark.parametrize("cause", set(AlarmCause) - {1, 2, 3, 4, 5, 9})
def test_a_cause_that_no_input_sets_off_is_refused(cause: AlarmCause) -> None:
    with pytest.raises(ValueError, match="no input sets off the cause"):
        replace(USUAL, cause=cause)


@pytest.mark.parametrize("name", ["delay_ms", "entry_delay_ms"])
def test_a_negative_delay_is_refused(name: str) -> None:
    wrong: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"^{name} must be 0 or more, not -1"):
        replace(USUAL, **wrong)


EVENTS = st.one_of(
    st.builds(ZoneInputLevel, st.booleans()),
    st.just(ZoneTimePassed()),
    st.builds(ZoneInputLost, tampered=st.booleans()),
    st.builds(
        replace,
        st.just(USUAL),
        enabled=st.booleans(),
        active_high=st.booleans(),
        delay_ms=st.sampled_from([0, 1, 500]),
    ),
)


@hypothesis_settings(deadline=None)
@given(
    alarm=st.booleans(),
    script=st.lists(st.tuples(st.sampled_from([0, 1, 499, 1_000, 9_999]), EVENTS), max_size=30),
)
def test_each_on_has_one_off_and_no_instant_is_due_twice(
    alarm: bool,
    script: list[tuple[int, ZoneInputLevel | ZoneInputLost | ZoneTimePassed | ZoneSettings]],
) -> None:
    watched = Input(USUAL, alarm=alarm)
    now_ms = 0
    for span_ms, event in script:
        now_ms += span_ms
        watched.wait(now_ms)
        if isinstance(event, ZoneSettings):
            watched.settings = event
            watched.feed(now_ms, ZoneSettingsChanged())
        else:
            watched.feed(now_ms, event)
        due = zones.due_ms(watched.settings, watched.state)
        assert due is None or due > now_ms
        probe_ms = now_ms + 10**9 if due is None else due - 1
        early = zones.step(watched.settings, watched.state, ZoneTimePassed(), probe_ms)
        assert early == zones.ZoneTransition(watched.state)
        active = watched.state.high is watched.settings.active_high and watched.settings.enabled
        assert active or not watched.state.alarm or watched.state.high is None
    told = [did for _, did in watched.done]
    first = "off" if alarm else "on"
    second = "on" if alarm else "off"
    assert told == [first if place % 2 == 0 else second for place in range(len(told))]
    assert watched.state.alarm is (len(told) % 2 == (0 if alarm else 1))
