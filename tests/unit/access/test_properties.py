"""The compiled decision against a slow, obvious one that reads the rows themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import compress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.actions import OPENING_ACTIONS
from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.decision import decide
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    ActionRow,
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.trace import PlaceTie
from gateway.clock import Moment

Compile = Callable[[PolicyRows], Policy]

# ---- the slow, obvious evaluator --------------------------------------------------------------

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GROUPS = ("hol1", "hol2", "hol3")


def wall(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def is_on(holiday: HolidayRow, day: date, shift_s: int) -> bool:
    first = wall(holiday.start + shift_s).date()
    last = wall(holiday.end + shift_s).date()
    if not holiday.repeats:
        return first <= day <= last
    start, end = (first.month, first.day), (last.month, last.day)
    here = (day.month, day.day)
    return start <= here <= end if start <= end else (here >= start or here <= end)


def day_flags(rows: PolicyRows, day: date, shift_s: int) -> set[str]:
    groups = {
        group
        for holiday in rows.holidays
        for group in GROUPS
        if getattr(holiday, group) and is_on(holiday, day, shift_s)
    }
    return groups or {DAY_NAMES[day.weekday()]}


def good(span: TimeSpanRow) -> bool:
    return span.start in range(86_400) and span.end in range(86_401)


def opens(span: TimeSpanRow, flags: set[str]) -> bool:
    return good(span) and any(getattr(span, flag) for flag in flags)


def span_holds(rows: PolicyRows, span: TimeSpanRow, moment: Moment) -> bool:
    now = wall(moment.local)
    shift_s = moment.local - moment.stamp
    today = opens(span, day_flags(rows, now.date(), shift_s))
    second = now.hour * 3600 + now.minute * 60 + now.second
    if span.start <= span.end:
        return today and span.start <= second <= span.end
    yesterday = opens(span, day_flags(rows, now.date() - timedelta(days=1), shift_s))
    return (today and second >= span.start) or (yesterday and second <= span.end)


def spans_of(rows: PolicyRows, zone_id: int) -> list[TimeSpanRow]:
    if not any(zone.id == zone_id for zone in rows.time_zones):
        return []
    return [span for span in rows.time_spans if span.time_zone_id == zone_id]


def any_day(span: TimeSpanRow) -> bool:
    return opens(span, {*DAY_NAMES, *GROUPS})


def full_week(spans: list[TimeSpanRow]) -> bool:
    """Any kind of day, after a day of any kind, at every second where something may change."""
    good_spans = [span for span in spans if good(span)]
    seconds = {0} | {span.end + 1 for span in good_spans if span.end < 86_399}

    def held(second: int, today: str, yesterday: str) -> bool:
        for span in good_spans:
            if getattr(span, today):
                last = span.end if span.start <= span.end else 86_399
                if span.start <= second <= last:
                    return True
            if getattr(span, yesterday) and span.start > span.end >= second:
                return True
        return False

    kinds = (*DAY_NAMES, *GROUPS)
    return all(held(*case) for case in ((s, t, y) for s in seconds for t in kinds for y in kinds))


def zones_of(rows: PolicyRows, rule_id: int) -> list[list[TimeSpanRow]]:
    return [
        spans_of(rows, link.right) for link in rows.access_rule_time_zones if link.left == rule_id
    ]


def releases_now(rows: PolicyRows, rule_id: int, moment: Moment) -> bool:
    return any(
        full_week(spans)
        or (moment.trusted and any(span_holds(rows, span, moment) for span in spans))
        for spans in zones_of(rows, rule_id)
    )


def blocks_now(rows: PolicyRows, rule_id: int, moment: Moment) -> bool:
    zones = zones_of(rows, rule_id)
    unreliable = not zones or any(
        not any(any_day(span) for span in spans) or not all(good(span) for span in spans)
        for spans in zones
    )
    return (
        unreliable
        or not moment.trusted
        or any(span_holds(rows, span, moment) for spans in zones for span in spans)
    )


def linked(links: Any, left: int, right: int) -> bool:
    return LinkRow(left, right) in links


def reaches(rows: PolicyRows, rule_id: int, portal: PortalRow) -> bool:
    return linked(rows.portal_access_rules, portal.id, rule_id) or linked(
        rows.area_access_rules, portal.area_to_id, rule_id
    )


def by_hand(
    rows: PolicyRows, person: Person, portal_id: int, moment: Moment
) -> tuple[Reason, list[int]]:
    portal = next((row for row in rows.portals if row.id == portal_id), None)
    if portal is None:
        return Reason.READER_WITHOUT_PORTAL, []
    return dated_out(person, moment) or by_rules(rows, person, portal, moment)


def dated_out(person: Person, moment: Moment) -> tuple[Reason, list[int]] | None:
    begin, end = person.begin_time or 0, person.end_time or 0
    if (begin or end) and not moment.trusted:
        return Reason.CLOCK_NOT_TRUSTED, []
    if begin and moment.stamp < begin:
        return Reason.NOT_YET_VALID, []
    if end and moment.stamp > end:
        return Reason.EXPIRED, []
    return None


def by_rules(
    rows: PolicyRows, person: Person, portal: PortalRow, moment: Moment
) -> tuple[Reason, list[int]]:
    here = [rule for rule in rows.access_rules if reaches(rows, rule.id, portal)]
    own = [rule for rule in here if rule.id in person.own_rule_ids]
    group = [
        rule
        for rule in here
        if any(linked(rows.group_access_rules, id_, rule.id) for id_ in person.group_ids)
    ]
    blocking = {
        rule.id for rule in own + group if rule.type == 0 and blocks_now(rows, rule.id, moment)
    }
    if blocking:
        return Reason.BLOCKED, sorted(blocking)
    counting = {rule.id for rule in own if rule.type == 1} or {
        rule.id for rule in group if rule.type == 1
    }
    if not counting:
        return Reason.NO_RULE, []
    releasing = {id_ for id_ in counting if releases_now(rows, id_, moment)}
    if releasing:
        return Reason.GRANTED, sorted(releasing)
    unsure = not moment.trusted and any(
        any_day(span) for id_ in counting for spans in zones_of(rows, id_) for span in spans
    )
    return (Reason.CLOCK_NOT_TRUSTED if unsure else Reason.OUT_OF_TIME), []


# ---- generated sites --------------------------------------------------------------------------

IDS = st.integers(1, 3)
FLAG = st.sampled_from((0, 1, 1))
SECONDS = st.sampled_from((0, 1, 28_800, 43_199, 43_200, 64_800, 86_398, 86_399, 86_400))
SPAN_ENDS = SECONDS | st.sampled_from((-1, 86_401, 99_999))
DAYS = (
    datetime(2024, 2, 28, tzinfo=UTC),
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2025, 2, 28, tzinfo=UTC),
    datetime(2025, 3, 1, tzinfo=UTC),
    datetime(2026, 11, 21, tzinfo=UTC),
    datetime(2026, 11, 22, tzinfo=UTC),
    datetime(2026, 12, 24, tzinfo=UTC),
    datetime(2026, 12, 31, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2027, 1, 2, tzinfo=UTC),
)
STAMPS = st.builds(
    lambda day, second: int(day.timestamp()) + second, st.sampled_from(DAYS), SECONDS
)
MOMENTS = st.builds(
    lambda local, shift_s, trusted: Moment(local - shift_s, local, trusted),
    STAMPS,
    st.sampled_from((0, 0, -10_800, 19_800)),
    st.sampled_from((True, True, False)),
)
PORTAL_IDS = st.sampled_from((1, 1, 1, 2, 2, 3))
"""Sites have portals 1 and 2."""
DATES = st.sampled_from((None, 0, 0, 0)) | STAMPS
PEOPLE = st.builds(
    lambda begin, end, dated, groups, own: Person(
        5, begin if dated else 0, end if dated else None, groups, own
    ),
    DATES,
    DATES,
    st.sampled_from((False, False, False, True)),
    st.sampled_from(((1,), (2,), (1, 2), (2, 1), (), (3,))),
    st.sampled_from(((), (), (1,), (2,), (4, 3), (9,))),
)


def rows_of(
    row: Any, least: int, most: int, *columns: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Rows of one table, numbered from 1."""
    return st.lists(st.tuples(*columns), min_size=least, max_size=most).map(
        lambda many: tuple(row(number, *values) for number, values in enumerate(many, 1))
    )


def links(left: int, right: int, weight: tuple[int, ...] = (0, 1)) -> st.SearchStrategy[Any]:
    """Some of the pairs of 1 to `left` and 1 to `right`; `weight` draws 0 or 1 for each."""
    pairs = [LinkRow(a, b) for a in range(1, left + 1) for b in range(1, right + 1)]
    drawn = st.lists(st.sampled_from(weight), min_size=len(pairs), max_size=len(pairs))
    return drawn.map(lambda flags: tuple(compress(pairs, flags)))


ALWAYS = TimeSpanRow(99, 1, 0, 86_399, *(1,) * 10)
SPANS = rows_of(TimeSpanRow, 2, 6, IDS, SECONDS, SECONDS, *(FLAG,) * 10)
BAD_SPANS = rows_of(TimeSpanRow, 1, 3, IDS, SPAN_ENDS, SPAN_ENDS, *(FLAG,) * 10)
ACTIONS = st.sampled_from(("door", "sec_box", "catra", "open_collector", "lamp", "DOOR"))
SITES = st.builds(
    PolicyRows,
    version=st.integers(0, 9),
    portals=rows_of(PortalRow, 2, 2, st.just("p"), st.integers(1, 2), st.integers(1, 2)),
    access_rules=rows_of(RuleRow, 4, 4, st.just("r"), st.sampled_from((1, 1, 1, 1, 1, 0, 2))),
    portal_access_rules=links(2, 5),
    area_access_rules=links(2, 5, (0, 0, 1)),
    group_access_rules=links(2, 5),
    access_rule_time_zones=links(5, 4),
    portal_actions=links(2, 5),
    access_rule_actions=links(4, 5),
    time_zones=rows_of(TimeZoneRow, 3, 3, st.just("z")) | rows_of(TimeZoneRow, 1, 3, st.just("z")),
    time_spans=SPANS | SPANS.map(lambda spans: (ALWAYS, *spans)) | BAD_SPANS,
    holidays=rows_of(HolidayRow, 0, 3, st.just("h"), STAMPS, STAMPS, *(FLAG,) * 4),
    actions=rows_of(ActionRow, 2, 4, st.just("a"), ACTIONS, st.just(""), st.integers(0, 3)),
)


@given(rows=SITES, person=PEOPLE, portal_id=PORTAL_IDS, moment=MOMENTS)
def test_the_compiled_decision_is_the_one_that_the_rows_give(
    compiled: Compile, rows: PolicyRows, person: Person, portal_id: int, moment: Moment
) -> None:
    decision = decide(compiled(rows), person, portal_id, moment)
    assert (decision.reason, list(decision.rule_ids)) == by_hand(rows, person, portal_id, moment)


@given(
    spans=rows_of(TimeSpanRow, 1, 4, st.just(1), SECONDS, SECONDS, *(FLAG,) * 10),
    holidays=rows_of(HolidayRow, 0, 4, st.just("h"), STAMPS, STAMPS, *(FLAG,) * 4),
    kind=st.sampled_from((0, 1)),
    moment=MOMENTS,
)
def test_one_schedule_holds_as_its_rows_say_and_without_a_clock_only_what_always_holds(
    compiled: Compile,
    spans: tuple[TimeSpanRow, ...],
    holidays: tuple[HolidayRow, ...],
    kind: int,
    moment: Moment,
) -> None:
    rows = PolicyRows(
        version=1,
        portals=[PortalRow(1, "p", 1, 1)],
        access_rules=[RuleRow(1, "r", kind)],
        portal_access_rules=[LinkRow(1, 1)],
        group_access_rules=[LinkRow(1, 1)],
        access_rule_time_zones=[LinkRow(1, 1)],
        time_zones=[TimeZoneRow(1, "z")],
        time_spans=spans,
        holidays=holidays,
    )
    policy, person = compiled(rows), Person(1, group_ids=(1,))
    reason, _ = by_hand(rows, person, 1, moment)
    assert decide(policy, person, 1, moment).reason is reason
    if reason is Reason.GRANTED and not moment.trusted:
        assert decide(policy, person, 1, dataclasses.replace(moment, trusted=True)).allowed


@given(rows=SITES, person=PEOPLE, portal_id=PORTAL_IDS, moment=MOMENTS)
def test_nobody_passes_a_matching_block_and_no_denial_opens(
    compiled: Compile, rows: PolicyRows, person: Person, portal_id: int, moment: Moment
) -> None:
    always = RuleRow(50, "block", 0)
    stopped = dataclasses.replace(
        rows,
        access_rules=[*rows.access_rules, always],
        portal_access_rules=[*rows.portal_access_rules, LinkRow(portal_id, 50)],
        access_rule_actions=[*rows.access_rule_actions, *(LinkRow(50, id_) for id_ in (1, 2, 3))],
    )
    barred = dataclasses.replace(person, own_rule_ids=(*person.own_rule_ids, 50))
    decision = decide(compiled(stopped), barred, portal_id, moment)
    assert not decision.allowed
    assert not {action.name.lower() for action in decision.actions} & OPENING_ACTIONS


UNUSABLE = st.builds(
    CredentialTerms,
    st.sampled_from(CredentialKey),
    st.just(1),
    status=st.integers(1, 9),
    uses=st.integers(0, 2),
) | st.builds(
    CredentialTerms,
    st.sampled_from(CredentialKey),
    st.just(1),
    uses=st.just(2),
    used=st.integers(2, 5),
)
"""Lost, stolen, disabled, of a status that nobody knows, or used up."""
IN_ORDER = st.builds(CredentialTerms, st.sampled_from(CredentialKey), st.just(2))


@given(
    rows=SITES,
    person=PEOPLE,
    portal_id=PORTAL_IDS,
    moment=MOMENTS,
    before=st.lists(IN_ORDER, max_size=2),
    bad=UNUSABLE,
)
def test_what_is_lost_stolen_disabled_or_used_up_never_opens(
    compiled: Compile,
    rows: PolicyRows,
    person: Person,
    portal_id: int,
    moment: Moment,
    before: list[CredentialTerms],
    bad: CredentialTerms,
) -> None:
    shown = dataclasses.replace(person, credentials=(*before, bad))
    decision = decide(compiled(rows), shown, portal_id, moment)
    assert not decision.allowed
    assert not {action.name.lower() for action in decision.actions} & OPENING_ACTIONS


@given(rows=SITES, person=PEOPLE, portal_id=PORTAL_IDS, moment=MOMENTS)
def test_a_decision_is_allowed_only_when_granted_and_runs_each_known_action_once(
    compiled: Compile, rows: PolicyRows, person: Person, portal_id: int, moment: Moment
) -> None:
    decision = decide(compiled(rows), person, portal_id, moment)
    assert decision.allowed is (decision.reason is Reason.GRANTED) is (decision.event == 7)
    numbers = [action.id for action in decision.actions]
    assert len(numbers) == len(set(numbers))
    assert all(action.run_at in (0, 1, 2) for action in decision.actions)
    if not decision.allowed:
        assert not {action.name.lower() for action in decision.actions} & OPENING_ACTIONS


@given(rows=SITES, person=PEOPLE, portal_id=PORTAL_IDS, moment=MOMENTS)
def test_the_trace_lists_the_rules_of_the_person_and_marks_those_that_fired(
    compiled: Compile, rows: PolicyRows, person: Person, portal_id: int, moment: Moment
) -> None:
    decision = decide(compiled(rows), person, portal_id, moment)
    if not decision.trace:
        return
    tied = set(person.own_rule_ids) | {
        link.right for link in rows.group_access_rules if link.left in person.group_ids
    }
    existing = {rule.id for rule in rows.access_rules}
    assert [row.rule_id for row in decision.trace] == sorted(tied & existing)
    assert tuple(row.rule_id for row in decision.trace if row.applied) == decision.rule_ids
    portal = next(row for row in rows.portals if row.id == portal_id)
    for row in decision.trace:
        assert (row.place is not PlaceTie.NONE) is reaches(rows, row.rule_id, portal)


@given(rows=SITES, person=PEOPLE, portal_id=PORTAL_IDS, moment=MOMENTS)
def test_the_same_rows_give_the_same_policy_and_decision_however_they_are_compiled(
    compiled: Compile, rows: PolicyRows, person: Person, portal_id: int, moment: Moment
) -> None:
    at_once = policy = compiled(rows)
    other = compiled(dataclasses.replace(rows, time_spans=(), portals=(), version=0))
    tables = {field.name: getattr(rows, field.name) for field in dataclasses.fields(rows)}
    lazy: dict[str, Any] = {
        name: iter(table) if isinstance(table, tuple) else table for name, table in tables.items()
    }
    work = compile_policy(PolicyRows(**lazy))
    while True:
        try:
            next(work)
        except StopIteration as end:
            policy = end.value
            break
        decide(other, person, portal_id, moment)
    assert policy == at_once
    assert decide(policy, person, portal_id, moment) == decide(at_once, person, portal_id, moment)
