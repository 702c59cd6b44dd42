"""The values that an explanation consists of."""

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
from gateway.access.reasons import Reason, Stage, StageVerdict
from gateway.access.rows import TimeSpanRow
from gateway.access.schedule import CompiledZone
from gateway.access.trace import PersonTie, PlaceTie, TimeVerdict
from gateway.clock import Moment


@dataclass(frozen=True, slots=True)
class NamedZone:
    """A time zone with what its compiled form leaves out."""

    id: int
    name: str | None
    """None for one that was deleted."""
    spans: tuple[TimeSpanRow, ...]
    zone: CompiledZone


@dataclass(frozen=True, slots=True)
class SpanReport:
    """One span of a time zone. Seconds of the day, both included."""

    days: tuple[str, ...]
    start: int
    end: int
    holds: bool
    """At the moment asked about."""


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """One time zone of a rule."""

    id: int
    name: str | None
    holds: bool
    spans: tuple[SpanReport, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one rule, as a journal keeps it too."""

    rule_id: int
    name: str
    applied: bool
    why: str
    """A `RuleOutcome`, or `other_person`."""


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule, clause by clause."""

    rule_id: int
    name: str
    type: int | None
    """As the row has it; None for a rule that was deleted."""
    person: PersonTie | None
    """None: not tied to this person."""
    groups: tuple[int, ...]
    """The person's groups that it is tied to."""
    tied_groups: tuple[int, ...]
    """All groups that it is tied to."""
    place: PlaceTie
    time: TimeVerdict
    """Of the rule alone, whether or not it is tied to person and place."""
    zones: tuple[ZoneReport, ...]
    applied: bool
    why: str
    """A `RuleOutcome`, or `other_person`."""
    changed: bool = False
    """The rules have changed since the decision: `why` is the outcome then, the clauses are those
    of now."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage, and what became of it."""

    stage: Stage
    verdict: StageVerdict


@dataclass(frozen=True, slots=True)
class DayReport:
    """What kind of day a moment falls on."""

    kinds: tuple[str, ...]
    """Its weekday, or the holiday groups that stand in for it."""
    holidays: tuple[str, ...]
    """Names."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """What would become of an attempt."""

    outcome: AdmissionOutcome
    after: AdmissionOutcome | None = None
    """Where a second factor is due: what would become of it after that."""

    @property
    def decision(self) -> Decision:
        return self.outcome.decision

    @property
    def beyond(self) -> Reason | None:
        return self.after.decision.reason if self.after else None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What both rest on; nobody waits for others yet, so nothing tells until when."""
        return {
            name: {key: it for key, it in known.items() if (name, key) != _WAIT}
            for outcome in (self.outcome, self.after)
            if outcome is not None
            for name, known in outcome.facts.items()
        }


_WAIT = ("persons", "until_s")


@dataclass(frozen=True, slots=True)
class Case:
    """A decision to be explained, with all that it rested on."""

    policy: Policy
    person: Person | None
    portal: Portal | None
    moment: Moment
    reason: Reason
    trace: tuple[Step, ...]
    """Every rule tied to the person, where rules were asked."""
    rule_zones: Mapping[int, tuple[NamedZone, ...]]
    """By rule."""
    logged: bool = False
    """The decision is from the log; the explanation states its outcome then."""
    beyond: Reason | None = None
    """Where a second factor is due: what would become of it after that."""
    facts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What the decision rests on beside the rules, as `facts` names it."""
    violates: bool = False
    """Let in against the record of anti-passback."""
    readings: str = ""
    """The common readings of a card that nobody has."""
    doors_known: bool = False
    """Of one that has not happened: how the doors stand is known."""
    asked: Mapping[Stage, bool] = field(default_factory=lambda: MappingProxyType({}))
    """Whether anything is set up at a stage that depends on the configuration."""
