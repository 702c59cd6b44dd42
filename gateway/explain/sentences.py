"""An explanation in sentences for a technician: what happened, and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template

from gateway.access.policy import BLOCK, RELEASE
from gateway.access.reasons import Reason
from gateway.access.trace import PlaceTie, RuleOutcome, TimeVerdict
from gateway.clock import Moment
from gateway.explain.reason_table import REASONS
from gateway.explain.reason_words import (
    Known,
    WordNames,
    reason_words,
    unrecorded,
    violation_words,
    withheld_words,
)
from gateway.explain.reports import OTHER_PERSON, day_report, ended_at
from gateway.explain.stages import StageVerdict
from gateway.explain.time_words import schedule_words, when
from gateway.explain.values import Case, RuleReport, StageReport

MOST_HINTS = 10
"""Most rules of one kind that the sentences name."""


@dataclass(frozen=True, slots=True)
class PersonNames:
    """The names of the person and the groups of a case."""

    person: str = ""
    groups: Mapping[int, str] | None = None

    def group(self, id_: int) -> str:
        """A group with its name, if it has one."""
        name = (self.groups or {}).get(id_)
        return f"group {id_}" if name is None else f"group {id_} '{name}'"


_LABELS = {
    StageVerdict.PASSES: "granted",
    StageVerdict.REFUSES: "denied",
    StageVerdict.WAITS: "waiting",
    StageVerdict.FREES: "free passage",
}
_TELLING = frozenset({StageVerdict.REFUSES, StageVerdict.FREES, StageVerdict.WAITS})


class Sentences:
    """The sentences about one case."""

    def __init__(self, case: Case, names: PersonNames, words: WordNames) -> None:
        """`words` names the people and things in the facts of the case."""
        self._case = case
        self._names = names
        self._words = words
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
        """Who, where, when, and the outcome."""
        case = self._case
        label = _LABELS[REASONS[case.reason].verdict]
        why = self._why(case.reason)
        text = f"{self._person} at {self._portal}, {self._today}: {label}"
        return f"{text}: {why}" if why else text

    def rule(self, rule: RuleReport) -> str:
        """The outcome of one rule."""
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
        """Why the case ended or waits at a stage; empty for other stages."""
        if report.verdict not in _TELLING:
            return ""
        case = self._case
        ends_here = report.stage is ended_at(case)
        return self._why(case.reason if ends_here else case.beyond or case.reason)

    def _why(self, reason: Reason) -> str:
        case = self._case
        if reason is Reason.GRANTED:
            parts = (self._violation(), withheld_words(case.facts))
            return "; ".join(filter(None, parts))
        if reason is Reason.NO_RULE:
            return f"no releasing rule ties {self._person} to {self._portal}"
        known = self._known(reason)
        words = reason_words(known, self._words)
        if reason.allowed:
            return "; ".join(filter(None, (words, self._violation())))
        if case.readings and reason is Reason.UNKNOWN_CREDENTIAL:
            words = f"{words} ({case.readings})"
        if case.logged and unrecorded(known):
            return f"{words} (an older version recorded no details)"
        return words

    def _violation(self) -> str:
        """The violation of anti-passback that a grant has, in words."""
        case = self._case
        return violation_words(self._known(case.reason), self._words) if case.violates else ""

    def _known(self, reason: Reason) -> Known:
        case = self._case
        rules = tuple((step.name, step.why) for step in case.trace)
        return Known(reason, case.facts, rules, case.moment.trusted, case.moment.local)

    def to_change(self, rules: Sequence[RuleReport], opens_next: Moment | None) -> list[str]:
        """What to change so that the door opens."""
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
        return [*self._specific(reason, rules, opens_next), *self._cure(reason)]

    def _specific(
        self, reason: Reason, rules: Sequence[RuleReport], opens_next: Moment | None
    ) -> list[str]:
        match reason:
            case Reason.NO_RULE:
                return [*self._no_rule(rules)]
            case Reason.OUT_OF_TIME:
                return [*self._out_of_time(rules), *self._next(opens_next)]
            case Reason.BLOCKED:
                return [*self._blocked(rules), *self._next(opens_next)]
            case _:
                return []

    def _cure(self, reason: Reason) -> list[str]:
        """The remedy for the reason, with the ids of this case."""
        case = self._case
        locked = case.facts.get(Reason.LOCK_DOWN, {})
        ids = {
            "user": case.person.id if case.person else None,
            "portal": case.portal.id if case.portal else None,
            "door": locked.get("door", 0),
        }
        known = {name: "..." if id_ is None else str(id_) for name, id_ in ids.items()}
        remedy = Template(REASONS[reason].remedy).substitute(known)
        return [remedy] if remedy else []

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
    return f"{kind} {rule.id} '{rule.name}'"


def _untimely(rule: RuleReport) -> str:
    match rule.time:
        case TimeVerdict.OUT_OF_TIME:
            return f", at another time: {schedule_words(rule.zones)}"
        case TimeVerdict.NO_SCHEDULE:
            return " and it had a time zone"
    return ""


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
    (RuleOutcome.CONDITION_NOT_MET, None): (
        "does not count: a condition of it does not hold for {person}"
    ),
    (RuleOutcome.OVERRULED_BY_BLOCK, None): "would release, but another rule blocks",
    (RuleOutcome.UNKNOWN_TYPE, None): "neither blocks nor releases: type {type}",
}
"""By outcome, and by the verdict of the schedule where the words depend on it."""
