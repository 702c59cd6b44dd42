"""Why a decision came out as it did: the report of every rule and every other stage.

This module decides nothing. `admit` and `decide` say what a door would do; the reports
analyse their answer with the same compiled time zones and calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gateway.access.admission import admit
from gateway.access.admission_values import AdmissionSettings, AdmissionState, Circumstances
from gateway.access.attempt import Attempt
from gateway.access.calendar import ScheduleInstant, compile_calendar
from gateway.access.decision import Decision, decide
from gateway.access.guessing import Guard
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason
from gateway.access.rows import TimeSpanRow
from gateway.access.schedule import compile_zone
from gateway.access.slices import drain
from gateway.access.trace import PersonTie, PlaceTie, TimeVerdict
from gateway.clock import Moment
from gateway.explain.reason_table import REASONS
from gateway.explain.stages import Stage, StageVerdict
from gateway.explain.time_words import KINDS
from gateway.explain.values import (
    Case,
    DayReport,
    NamedZone,
    RuleReport,
    SpanReport,
    StageReport,
    Step,
    Supposed,
    ZoneReport,
)

_FIRST_HOLIDAY = KINDS.index("hol1")

_SERVER_STAGES = (Stage.VALIDITY, Stage.RULES, Stage.SECOND_FACTOR, Stage.PERSONS)
"""What the answer of a server replaces."""

OTHER_PERSON = "other_person"
"""Outcome of a rule that reaches the portal but is not tied to the person."""
MOST_OTHERS = 50
"""Most rules without a tie to the person that a report lists: each person may have one."""


def stage_of(reason: Reason, *, by_rules: bool) -> Stage | None:
    """The stage that a decision ended at; None for a grant.

    For a clock that is not trusted, `by_rules` says whether the decision had reached the rules.
    """
    if reason.allowed:
        return None
    if reason is Reason.CLOCK_NOT_TRUSTED:
        return Stage.RULES if by_rules else Stage.VALIDITY
    return REASONS[reason].stage


def suppose(
    policy: Policy,
    settings: AdmissionSettings,
    attempt: Attempt,
    seen: Circumstances,
    locked_ms: int = 0,
) -> Supposed:
    """What a door would decide about `attempt` with no attempts before it, except wrong entries
    that lock its keypad for another `locked_ms`."""
    guards = {attempt.reader: Guard(locked_until_ms=seen.now_ms + locked_ms)} if locked_ms else {}
    state = AdmissionState(guards=MappingProxyType(guards))
    found = admit(policy, settings, state, attempt, seen).outcomes[-1]
    if found.decision.reason is not Reason.SECOND_FACTOR_DUE:
        return Supposed(found)
    alone = replace(settings, any_factors=True)
    after = admit(policy, alone, AdmissionState(), attempt, seen).outcomes[-1]
    return Supposed(found, after)


def steps_of(decision: Decision) -> tuple[Step, ...]:
    """The trace of a decision."""
    return tuple(
        Step(step.rule_id, step.name, step.applied, step.why.value) for step in decision.trace
    )


def day_report(policy: Policy, moment: Moment) -> DayReport:
    """The kind of day of `moment`, with the names of its holidays."""
    kinds = policy.calendar.instant(moment).today
    if kinds[0] < _FIRST_HOLIDAY:
        return DayReport((KINDS[kinds[0]],), ())
    named = tuple(
        holiday.name
        for holiday in policy.calendar.holidays
        if drain(compile_calendar([holiday])).instant(moment).today[0] >= _FIRST_HOLIDAY
    )
    return DayReport(tuple(KINDS[kind] for kind in kinds), named)


def ended_at(case: Case) -> Stage | None:
    """The stage at which a case ended; None for a grant."""
    by_rules = bool(case.trace) or (case.person is not None and not case.person.dated)
    return stage_of(case.reason, by_rules=by_rules)


def stage_reports(case: Case) -> tuple[StageReport, ...]:
    """Every stage, in order."""
    ended = ended_at(case)
    if ended is Stage.OTHER:  # it may have been at any stage
        return (StageReport(ended, StageVerdict.REFUSES),)
    ends: dict[Stage | None, Reason] = {ended: case.reason}
    if case.beyond is not None:
        ends.setdefault(stage_of(case.beyond, by_rules=True), case.beyond)
    found, reached = [], True
    for stage in Stage:
        if stage is Stage.OTHER:
            continue
        verdict = _verdict(case, stage, ends) if reached else StageVerdict.NOT_REACHED
        # The stages after a second factor that is due are known nevertheless.
        reached = reached and (stage not in ends or (stage is ended and case.beyond is not None))
        found.append(StageReport(stage, verdict))
    return tuple(found)


def _verdict(case: Case, stage: Stage, ends: Mapping[Stage | None, Reason]) -> StageVerdict:
    if stage in ends:
        return REASONS[ends[stage]].verdict
    by_server = case.reason.by_server and stage in _SERVER_STAGES
    if by_server or not case.stages_in_use.get(stage, True):
        return StageVerdict.NOT_ASKED
    if stage in (Stage.INTERLOCK, Stage.DOOR) and not (case.logged or case.doors_known):
        return StageVerdict.NOT_KNOWN
    return StageVerdict.PASSES


def rule_reports(case: Case) -> tuple[tuple[RuleReport, ...], int]:
    """Every rule tied to the person or to the place, by id, and how many of those tied to the
    place alone are left out."""
    instant = case.policy.calendar.instant(case.moment)
    now = {step.rule_id: step for step in _steps_now(case)}
    then = {step.rule_id: step for step in case.trace}
    reports = {}
    for id_, step in (then if case.logged and then else {**now, **then}).items():
        changed = case.logged and (id_ not in now or now[id_].why != step.why)
        reports[id_] = _report(case, instant, step, changed=changed)
    reaching: set[int] = set()
    if case.portal is not None and case.person is not None:
        reaching.update(case.portal.own_rules, case.portal.area_rules)
    others = sorted((reaching & case.policy.rules.keys()) - reports.keys() - now.keys())
    for id_ in others[:MOST_OTHERS]:
        step = Step(id_, case.policy.rules[id_].name, applied=False, why=OTHER_PERSON)
        reports[id_] = _report(case, instant, step, changed=False)
    return tuple(reports[id_] for id_ in sorted(reports)), len(others[MOST_OTHERS:])


def _steps_now(case: Case) -> tuple[Step, ...]:
    """The present outcome of each rule, whether or not the person is within their validity."""
    if case.person is None or case.portal is None:
        return ()
    undated = replace(case.person, begin_time=None, end_time=None)
    return steps_of(decide(case.policy, undated, case.portal.id, case.moment))


def _report(case: Case, instant: ScheduleInstant, step: Step, *, changed: bool) -> RuleReport:
    rule = case.policy.rules.get(step.rule_id)
    tied = tied_groups(case.policy, step.rule_id)
    groups = case.person.group_ids if case.person else ()
    return RuleReport(
        id=step.rule_id,
        name=step.name,
        type=rule.type if rule else None,
        person=_person(case.person, step.rule_id, tied),
        groups=tuple(group for group in sorted(groups) if group in tied),
        tied_groups=tied,
        place=_place(case.portal, step.rule_id),
        time=rule.when.at(instant) if rule else TimeVerdict.NOT_CHECKED,
        zones=_zones(case.rule_zones.get(step.rule_id, ()), instant),
        applied=step.applied,
        why=step.why,
        changed=changed,
    )


def tied_groups(policy: Policy, rule_id: int) -> tuple[int, ...]:
    """The groups that a rule is tied to, ascending."""
    return tuple(sorted(id_ for id_, rules in policy.group_rules.items() if rule_id in rules))


def _person(person: Person | None, rule_id: int, tied: Sequence[int]) -> PersonTie | None:
    if person is not None and rule_id in person.own_rule_ids:
        return PersonTie.OWN
    by_group = person is not None and not set(tied).isdisjoint(person.group_ids)
    return PersonTie.GROUP if by_group else None


def _place(portal: Portal | None, rule_id: int) -> PlaceTie:
    if portal is not None and rule_id in portal.own_rules:
        return PlaceTie.PORTAL
    if portal is not None and rule_id in portal.area_rules:
        return PlaceTie.AREA
    return PlaceTie.NONE


def _zones(zones: Iterable[NamedZone], instant: ScheduleInstant) -> tuple[ZoneReport, ...]:
    return tuple(
        ZoneReport(
            zone.id,
            zone.name,
            zone.zone.holds(instant),
            tuple(_span(span, instant) for span in zone.spans),
        )
        for zone in zones
    )


def _span(span: TimeSpanRow, instant: ScheduleInstant) -> SpanReport:
    days = tuple(name for name, flag in zip(KINDS, span[4:], strict=True) if flag)
    return SpanReport(days, span.start, span.end, drain(compile_zone([span])).holds(instant))


def named_zone(id_: int, name: str | None, spans: Sequence[TimeSpanRow]) -> NamedZone:
    """A time zone, compiled as those of the policy are; without a name it is a deleted one."""
    return NamedZone(id_, name, tuple(spans), drain(compile_zone(spans)))
