"""The values of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.decision import Decision
from gateway.access.facts import NOTHING
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason
from gateway.access.rows import TimeSpanRow
from gateway.access.schedule import CompiledZone
from gateway.access.trace import PersonTie, PlaceTie, TimeVerdict
from gateway.clock import Moment
from gateway.explain.stages import Stage, StageVerdict


@dataclass(frozen=True, slots=True)
class NamedZone:
    """A time zone with its name and spans, which the compiled form lacks."""

    id: int
    name: str | None
    """None for a deleted zone."""
    spans: tuple[TimeSpanRow, ...]
    zone: CompiledZone


@dataclass(frozen=True, slots=True)
class SpanReport:
    """One span of a time zone, in seconds of the day, both ends included."""

    days: tuple[str, ...]
    start: int
    end: int
    holds: bool
    """At the moment of the question."""


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """One time zone of a rule."""

    id: int
    name: str | None
    holds: bool
    spans: tuple[SpanReport, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one rule, as the journal records it."""

    rule_id: int
    name: str
    applied: bool
    why: str
    """A `RuleOutcome`, or `other_person`."""


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule, clause by clause."""

    id: int
    name: str
    type: int | None
    """As stored; None for a deleted rule."""
    person: PersonTie | None
    """How the rule is tied to the person, None for not at all."""
    groups: tuple[int, ...]
    """Those groups of the person that the rule is tied to."""
    tied_groups: tuple[int, ...]
    """All groups that the rule is tied to."""
    place: PlaceTie
    time: TimeVerdict
    """Of the rule alone, whether or not it is tied to person and place."""
    zones: tuple[ZoneReport, ...]
    applied: bool
    why: str
    """A `RuleOutcome`, or `other_person`."""
    changed: bool = False
    """The rules have changed since the decision: `why` is the outcome of that time, the clauses
    are the present ones."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage of the decision and its verdict."""

    stage: Stage
    verdict: StageVerdict


@dataclass(frozen=True, slots=True)
class DayReport:
    """The kind of day of a moment."""

    kinds: tuple[str, ...]
    """The weekday, or the holiday groups that replace it."""
    holidays: tuple[str, ...]
    """Names of the holidays."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """The outcome of an attempt that has not happened."""

    outcome: AdmissionOutcome
    after: AdmissionOutcome | None = None
    """If a second factor is due: the outcome once it is given."""

    @property
    def decision(self) -> Decision:
        return self.outcome.decision

    @property
    def beyond(self) -> Reason | None:
        return self.after.decision.reason if self.after else None

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts of both outcomes, without the time until which a person would wait for
        others."""
        return {
            name: {key: it for key, it in known.items() if (name, key) not in _WAIT}
            for outcome in (self.outcome, self.after)
            if outcome is not None
            for name, known in outcome.facts.items()
        }


_WAIT = (("persons", "until_s"), ("escort", "until_s"))


@dataclass(frozen=True, slots=True)
class Case:
    """A decision to be explained and everything that it depended on."""

    policy: Policy
    person: Person | None
    portal: Portal | None
    moment: Moment
    reason: Reason
    trace: tuple[Step, ...]
    """Every rule tied to the person; empty where the decision did not reach the rules."""
    rule_zones: Mapping[int, tuple[NamedZone, ...]]
    """The time zones of each rule."""
    logged: bool = False
    """The decision is in the log; the explanation states its recorded outcome."""
    beyond: Reason | None = None
    """If a second factor is due: the outcome once it is given."""
    facts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What the decision depends on beside the rules; `gateway.access.facts` names the members."""
    violates: bool = False
    """The person was let in although anti-passback recorded a violation."""
    readings: str = ""
    """The common readings of an unknown card's number."""
    doors_known: bool = False
    """For an access that has not happened: the state of the doors is known."""
    stages_in_use: Mapping[Stage, bool] = field(default_factory=lambda: MappingProxyType({}))
    """For stages that depend on the configuration: whether they are in use."""
