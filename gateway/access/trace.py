"""Why each rule did or did not count: the explanation of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PersonTie(StrEnum):
    """How a rule is tied to the person. A rule tied both ways counts as the person's own."""

    OWN = "own"
    GROUP = "group"


class PlaceTie(StrEnum):
    """How a rule is tied to the place. A rule tied both ways counts as the portal's."""

    PORTAL = "portal"
    AREA = "area"
    """By the area that the portal leads to."""
    NONE = "none"


class TimeVerdict(StrEnum):
    """What a rule's schedule says about the moment."""

    ALWAYS = "always"
    """A zone holds all week, holidays included."""
    IN_TIME = "in_time"
    OUT_OF_TIME = "out_of_time"
    NO_SCHEDULE = "no_schedule"
    """No usable time zone: none tied, deleted, or without a usable span. For a blocking rule, one
    empty or invalid zone among several is enough. Without a schedule a releasing rule never
    releases and a blocking one always blocks."""
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    """The schedule depends on the time, which is not known for certain."""
    NOT_CHECKED = "not_checked"
    """Another condition had excluded the rule already."""


class RuleOutcome(StrEnum):
    """Why a rule did or did not apply."""

    RELEASES = "releases"
    BLOCKS = "blocks"
    OTHER_PLACE = "other_place"
    UNKNOWN_TYPE = "unknown_type"
    OUT_OF_TIME = "out_of_time"
    NO_SCHEDULE = "no_schedule"
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    UNKNOWN_CONDITION = "unknown_condition"
    """It has, or the person has, a stored condition that this build cannot evaluate."""
    CONDITION_NOT_MET = "condition_not_met"
    """A condition of the rule does not hold for this person."""
    OWN_SCHEDULE_WINS = "own_schedule_wins"
    """A department's rule, where the person has a releasing rule of their own."""
    OVERRULED_BY_BLOCK = "overruled_by_block"
    """It would release, but another rule blocks."""


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """The outcome of one rule that is tied to the person. All names are stable."""

    rule_id: int
    name: str
    type: int
    """As the row has it: 0 blocks, 1 releases, others do nothing."""
    person: PersonTie
    place: PlaceTie
    time: TimeVerdict
    applied: bool
    why: RuleOutcome
