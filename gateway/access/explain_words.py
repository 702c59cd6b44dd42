"""An explanation in sentences that a technician reads: what was, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.access.explain import OTHER_PERSON, day_report, ended_at
from gateway.access.explain_values import Case, RuleReport, StageReport
from gateway.access.passback import Strictness
from gateway.access.policy import BLOCK, RELEASE
from gateway.access.reasons import Reason
from gateway.access.stages import Stage, StageVerdict
from gateway.access.time_words import schedule_words, stamp_words, when
from gateway.access.trace import PlaceTie, RuleOutcome, TimeVerdict
from gateway.clock import Moment

MOST_HINTS = 10
"""Rules of one kind that are named, so that what would have to change stays readable."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the people and groups of a case are called."""

    person: str = ""
    groups: Mapping[int, str] | None = None

    def group(self, id_: int) -> str:
        """A group with its name, where it has one."""
        name = (self.groups or {}).get(id_)
        return f"group {id_}" if name is None else f"group {id_} '{name}'"


_OF_PERSONS = frozenset({Reason.WAITING_FOR_PERSONS, Reason.NO_PLACE_AMONG_PERSONS})
_TELLING = frozenset({StageVerdict.REFUSES, StageVerdict.FREES, StageVerdict.WAITS})


class Sentences:
    """The sentences about one case."""

    def __init__(self, case: Case, names: Names) -> None:
        self._case = case
        self._names = names
        day = day_report(case.policy, case.moment)
        self._today = when(case.moment)
        if day.holidays:
            named = ", ".join(f"'{name}'" for name in day.holidays)
            self._today += f", a holiday ({', '.join(day.kinds)}: {named})"
        portal = case.portal
        self._portal = f"portal {portal.id} '{portal.name}'" if portal else "the portal"
        person = case.person
        called = f" '{names.person}'" if names.person else ""
        self._person = f"user {person.id}{called}" if person else "nobody known"

    def verdict(self) -> str:
        """Who, where, when, and what came of it."""
        reason = self._case.reason
        said = "granted" if reason is Reason.GRANTED else self._why(reason)
        return f"{self._person} at {self._portal}, {self._today}: {said}"

    def rule(self, rule: RuleReport) -> str:
        """What became of one rule."""
        text = f"{_title(rule)} {self._outcome(rule)}"
        return f"{text} (the rules have changed since)" if rule.changed else text

    def _outcome(self, rule: RuleReport) -> str:
        said = _OUTCOMES.get((rule.why, rule.time)) or _OUTCOMES.get((rule.why, None))
        if said is None:
            return rule.why.replace("_", " ")
        return said.format(
            schedule=schedule_words(rule.zones),
            verb="block" if rule.type == BLOCK else "open",
            person=self._person,
            portal=self._portal,
            today=self._today,
            type=rule.type,
        )

    def stage(self, report: StageReport) -> str:
        """Why a case ended, or waits, at a stage; empty for the others."""
        if report.verdict not in _TELLING:
            return ""
        case = self._case
        ends_here = report.stage is ended_at(case)
        return self._why(case.reason if ends_here else case.beyond or case.reason)

    def _why(self, reason: Reason) -> str:
        case = self._case
        if reason in _OF_PERSONS and case.needs:
            return f"{_SAID.get(reason, _plain(reason))}: {self._needs()}"
        if reason is Reason.PASSBACK and not case.logged:
            return self._passback()
        if reason is case.reason and ended_at(case) is Stage.VALIDITY and case.person:
            return f"{self._person}: {self._validity()}"
        if reason is Reason.NO_RULE:
            return f"no releasing rule ties {self._person} to {self._portal}"
        return _SAID.get(reason, _plain(reason))

    def _needs(self) -> str:
        texts = []
        for rule in self._case.needs:
            people = ", ".join(
                f"{count} of {self._names.group(group)}" for group, count in rule.needs.items()
            )
            texts.append(f"portal rule {rule.id} '{rule.name}' needs {people}")
        return "; ".join(texts)

    def _passback(self) -> str:
        case = self._case
        passage = case.portal.passage if case.portal else None
        if passage is None or passage.strictness is Strictness.OFF or not case.way.area_id:
            return f"{self._person} entered too recently"
        return (
            f"by the record {self._person} is in area {case.way.area_id}, and {self._portal} leads "
            f"from area {passage.area_from_id} to area {passage.area_to_id}"
        )

    def _validity(self) -> str:
        person = self._case.person
        begin, end = (person.begin_time, person.end_time) if person else (None, None)
        parts = [
            *([f"valid from {stamp_words(begin)}"] if begin else []),
            *([f"valid until {stamp_words(end)}"] if end else []),
        ]
        untrusted = ["the clock is not trusted"] if not self._case.moment.trusted else []
        return ", ".join([*parts, *untrusted]) or "valid without limits by now"

    def to_change(self, rules: Sequence[RuleReport], opens_next: Moment | None) -> list[str]:
        """What would have to be otherwise, for the door to open."""
        reasons = (self._case.reason, self._case.beyond)
        return [
            text
            for reason in reasons
            if reason is not None
            for text in self._remedies(reason, rules, opens_next)
        ]

    def _remedies(
        self, reason: Reason, rules: Sequence[RuleReport], opens_next: Moment | None
    ) -> list[str]:
        match reason:
            case Reason.NO_RULE:
                return [*self._no_rule(rules)]
            case Reason.OUT_OF_TIME:
                return [*self._out_of_time(rules), *self._next(opens_next)]
            case Reason.BLOCKED:
                return [*self._blocked(rules), *self._next(opens_next)]
            case Reason.EXPIRED | Reason.NOT_YET_VALID:
                which = "end_time" if reason is Reason.EXPIRED else "begin_time"
                change = f"the {which} of {self._person} would have to be another"
                return [f"{change} ({self._validity()}); it is {self._today}"]
        return [_REMEDY[reason]] if reason in _REMEDY else []

    def _no_rule(self, rules: Sequence[RuleReport]) -> Iterator[str]:
        person = self._case.person
        if person is not None and not person.group_ids and not person.own_rule_ids:
            yield f"{self._person} is in no group and has no rule of their own"
        for group in person.group_ids if person else ():
            reached = any(group in it.groups and it.place is not PlaceTie.NONE for it in rules)
            kind = "releasing rule" if reached else "rule"
            yield f"{self._names.group(group)} is not tied to any {kind} reaching {self._portal}"
        mine = [rule for rule in rules if rule.type == RELEASE and rule.why != OTHER_PERSON]
        for rule in mine[:MOST_HINTS]:
            if rule.why == RuleOutcome.OTHER_PLACE:
                yield f"{_title(rule)} would reach {self._person} if it were tied to {self._portal}"
        others = [rule for rule in rules if rule.type == RELEASE and rule.why == OTHER_PERSON]
        for rule in others[:MOST_HINTS]:
            groups = " or ".join(map(self._names.group, rule.tied_groups[:MOST_HINTS]))
            through = f"were in {groups}" if groups else "were tied to it"
            yield f"{_title(rule)} would count if {self._person} {through}{_untimely(rule)}"
        if not others:
            yield f"no other releasing rule reaches {self._portal}"

    def _out_of_time(self, rules: Sequence[RuleReport]) -> Iterator[str]:
        for rule in rules:
            in_time = rule.time in (TimeVerdict.ALWAYS, TimeVerdict.IN_TIME)
            if rule.why in (RuleOutcome.OUT_OF_TIME, RuleOutcome.NO_SCHEDULE):
                if rule.type != BLOCK:
                    yield self.rule(rule)
            elif rule.why == RuleOutcome.OWN_SCHEDULE_WINS and in_time:
                yield f"{_title(rule)} is in time, and would count without the person's own rules"

    def _blocked(self, rules: Sequence[RuleReport]) -> Iterator[str]:
        for rule in rules:
            if rule.why == RuleOutcome.BLOCKS:
                ties = [self._names.group(group) for group in rule.groups] or [self._person]
                yield f"{self.rule(rule)}; it is tied to {', '.join(ties)}"
        ready = [_title(rule) for rule in rules if rule.why == RuleOutcome.OVERRULED_BY_BLOCK]
        if ready:
            yield f"without the block, {', '.join(ready[:MOST_HINTS])} would release"
        else:
            yield "without the block, no rule would release at that moment either"

    def _next(self, opens_next: Moment | None) -> Iterator[str]:
        if opens_next is not None:
            yield f"it opens next on {when(opens_next)}"


def _title(rule: RuleReport) -> str:
    kind = "blocking rule" if rule.type == BLOCK else "rule"
    return f"{kind} {rule.rule_id} '{rule.name}'"


def _untimely(rule: RuleReport) -> str:
    match rule.time:
        case TimeVerdict.OUT_OF_TIME:
            return f", at another time: {schedule_words(rule.zones)}"
        case TimeVerdict.NO_SCHEDULE:
            return " and it had a time zone"
    return ""


def _plain(reason: Reason) -> str:
    return reason.value.replace("_", " ")


_OUTCOMES: Mapping[tuple[str, TimeVerdict | None], str] = {
    (RuleOutcome.RELEASES, None): "releases: {schedule}",
    (RuleOutcome.BLOCKS, None): "blocks: {schedule}",
    (RuleOutcome.BLOCKS, TimeVerdict.NO_SCHEDULE): (
        "blocks always: it has no time zone, or one that cannot be relied on"
    ),
    (RuleOutcome.BLOCKS, TimeVerdict.CLOCK_NOT_TRUSTED): (
        "blocks: {schedule}, and the clock is not trusted"
    ),
    (RuleOutcome.OTHER_PLACE, None): "is tied to {person}, but not to {portal}",
    (OTHER_PERSON, None): "is tied to {portal}, but not to {person}",
    (RuleOutcome.OUT_OF_TIME, None): "would {verb}: {schedule}; it is {today}",
    (RuleOutcome.NO_SCHEDULE, None): "never releases: it has no time zone that some day opens",
    (RuleOutcome.CLOCK_NOT_TRUSTED, None): "would open: {schedule}; the clock is not trusted",
    (RuleOutcome.OWN_SCHEDULE_WINS, None): (
        "does not count: a releasing rule of the person's own reaches the portal"
    ),
    (RuleOutcome.UNKNOWN_CONDITION, None): (
        "never releases: it or the person has a stored condition that this device cannot evaluate"
    ),
    (RuleOutcome.OVERRULED_BY_BLOCK, None): "would release, but another rule blocks",
    (RuleOutcome.UNKNOWN_TYPE, None): "neither blocks nor releases: type {type}",
}
"""By outcome, and where that makes a difference by what the schedule says."""
_SAID = {
    Reason.UNKNOWN_CREDENTIAL: "nobody owns what was presented",
    Reason.READER_WITHOUT_PORTAL: "the reader stands for no portal that exists",
    Reason.LOCK_DOWN: "the device or a door behind the portal is locked down",
    Reason.FREE_PASSAGE: "fire or emergency holds the doors open for everyone",
    Reason.SECOND_FACTOR_DUE: "the reader waits for the person's PIN or password",
    Reason.NO_SECOND_FACTOR_HERE: "a PIN is due, and the reader has no keypad",
    Reason.FIRST_FACTOR_MISSING: "a PIN or password alone counts as a second factor only",
    Reason.CREDENTIAL_REVOKED: "what was shown before was no longer the person's by then",
    Reason.OUT_OF_TIME: "no releasing rule that counts is in time",
    Reason.BLOCKED: "a blocking rule applies",
    Reason.UNKNOWN_CONDITION: "a stored condition cannot be evaluated by this device",
    Reason.WAITING_FOR_PERSONS: "the portal waits for more people",
    Reason.PERSONS_MISSING: "not enough of the required people came in time",
    Reason.NO_PLACE_AMONG_PERSONS: "the portal needs several people, none of this one's groups",
    Reason.INTERLOCK: "another door that must be closed first was not",
    Reason.CLOCK_NOT_TRUSTED: "rules or person depend on the time, and the clock is not trusted",
    Reason.PASSBACK: "by the record the person was on the other side already",
}
_REMEDY = {
    Reason.UNKNOWN_CREDENTIAL: "the credential would have to be given to somebody",
    Reason.READER_WITHOUT_PORTAL: "the reader would have to stand for a portal",
    Reason.LOCK_DOWN: "the lock-down would have to end (general.exception_mode, or the door's own)",
    Reason.SECOND_FACTOR_DUE: "the person's PIN or password has to be keyed after it",
    Reason.NO_SECOND_FACTOR_HERE: "no second factor may be asked for, or the reader needs a keypad",
    Reason.FIRST_FACTOR_MISSING: "a card or code has to be presented before it",
    Reason.CREDENTIAL_REVOKED: "the credential would have to be given back, and shown anew",
    Reason.PASSBACK: "the person would have to leave first, be exempt, or be forgiven",
    Reason.WAITING_FOR_PERSONS: "the missing people have to identify in time",
    Reason.PERSONS_MISSING: "the missing people would have had to identify in time",
    Reason.NO_PLACE_AMONG_PERSONS: "the person would have to be in a group that is needed",
    Reason.INTERLOCK: "the other door has to be closed and locked",
    Reason.CLOCK_NOT_TRUSTED: "the clock has to be set by a source that can be trusted",
    Reason.UNKNOWN_CONDITION: "the condition that `gateway doctor` names would have to be deleted",
    Reason.KEYPAD_LOCKED: "the keypad is free again after its time",
}
