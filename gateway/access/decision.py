"""Decides whether a person may pass a portal at a moment. Pure.

The order is fixed: portal, credential, validity, blocking rules, releasing rules. A person's own
releasing rules that reach a portal replace those of their departments there; blocking rules of both
always count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gateway.access.actions import Action
from gateway.access.calendar import ScheduleInstant
from gateway.access.log_events import AccessEvent
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal, Rule
from gateway.access.reasons import Reason
from gateway.access.trace import PersonTie, PlaceTie, RuleOutcome, RuleTrace, TimeVerdict
from gateway.access.validations import Validation
from gateway.clock import Moment


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one identification."""

    reason: Reason
    user_id: int
    """0 if no person was identified."""
    portal_id: int
    """0 if the reader has none."""
    rule_ids: tuple[int, ...] = ()
    """The rules that fired, ascending: those that release, or those that block."""
    actions: tuple[Action, ...] = ()
    """The actions to run, in order, each once. None of them opens unless `allowed`."""
    trace: tuple[RuleTrace, ...] = ()
    """Every rule tied to the person, ascending; empty if the rules were not evaluated."""

    @property
    def event(self) -> AccessEvent:
        """The event for the API's access log."""
        return self.reason.event

    @property
    def allowed(self) -> bool:
        """True when the person may pass."""
        return self.reason.allowed


def refuse(reason: Reason, user_id: int = 0, portal_id: int = 0) -> Decision:
    """A denial without evaluating rules: unknown credential, lock-down, internal error.

    Raises ValueError for GRANTED: only rules grant.
    """
    if reason.allowed:
        raise ValueError(f"{reason} is not a refusal")
    return Decision(reason, user_id, portal_id)


def decide(policy: Policy, person: Person, portal_id: int, moment: Moment) -> Decision:
    """Whether `person` may pass the portal at `moment`, why, and which actions to run."""
    portal = policy.portals.get(portal_id)
    if portal is None:
        return refuse(Reason.READER_WITHOUT_PORTAL, person.id, portal_id)
    invalid = _invalid(person, moment)
    if invalid is not None:
        return refuse(invalid, person.id, portal_id)
    return _decide_by_rules(policy, person.at(moment), portal, policy.calendar.instant(moment))


def unusable(person: Person, moment: Moment) -> Reason | None:
    """Why what the person presented opens nothing at `moment`; None if it may."""
    refusals = (terms.refusal(moment) for terms in person.credentials)
    return next((reason for reason in refusals if reason is not None), None)


def _invalid(person: Person, moment: Moment) -> Reason | None:
    presented = unusable(person, moment)
    if presented is not None:
        return presented
    if not person.dated:
        return None
    if not moment.trusted:
        return Reason.CLOCK_NOT_TRUSTED
    if person.begin_time and moment.stamp < person.begin_time:
        return Reason.NOT_YET_VALID
    if person.end_time and moment.stamp > person.end_time:
        return Reason.EXPIRED
    return None


@dataclass(slots=True)
class _Tie:
    """A rule tied to the person and to the place."""

    rule: Rule
    person: PersonTie
    place: PlaceTie
    time: TimeVerdict
    blocks: bool
    """It blocks, now."""
    in_time: bool
    unknown: bool
    """It releases only on a condition that cannot be evaluated, so it does not."""
    unmet: bool
    """A condition that is known does not hold."""


def _decide_by_rules(
    policy: Policy, person: Person, portal: Portal, instant: ScheduleInstant
) -> Decision:
    tied = _tied(policy, person)
    doubtful = _doubtful(policy, person, tied)
    ties = _ties(
        policy,
        {**doubtful, **tied},
        portal,
        instant,
        conditional=policy.is_conditional(person),
        doubtful=doubtful.keys(),
        person=person,
    )
    tied = {**doubtful, **tied}
    own_wins = any(tie.rule.releases and tie.person is PersonTie.OWN for tie in ties)
    counted = [
        tie for tie in ties if tie.rule.releases and (tie.person is PersonTie.OWN or not own_wins)
    ]
    releasing = [tie for tie in counted if tie.in_time and not tie.unknown and not tie.unmet]
    blocking = [tie for tie in ties if tie.blocks]
    if blocking:
        reason, fired = Reason.BLOCKED, blocking
        actions = [action for action in _actions(fired) if not action.opens]
    elif releasing:
        reason, fired = Reason.GRANTED, releasing
        actions = [*portal.actions, *_actions(fired)]
    else:
        reason, fired, actions = _why_not(counted), [], []
        if reason is Reason.NO_RULE and _has_ended(policy, person, portal):
            reason = Reason.RIGHT_ENDED
    for tie in ties:
        tied[tie.rule.id] = _trace(tie, own_wins=own_wins, blocked=bool(blocking))
    return Decision(
        reason=reason,
        user_id=person.id,
        portal_id=portal.id,
        rule_ids=tuple(tie.rule.id for tie in fired),
        actions=tuple({action.id: action for action in actions}.values()),
        trace=tuple(map(tied.__getitem__, sorted(tied))),
    )


def _tied(policy: Policy, person: Person) -> dict[int, RuleTrace]:
    """The rules tied to the person, each with the trace it has if it is not tied to the place."""
    tied: dict[int, RuleTrace] = {}
    for id_ in person.group_ids:
        tied.update(policy.group_rules.get(id_, {}))
    for id_ in person.own_rule_ids:
        rule = policy.rules.get(id_)
        if rule is not None:
            tied[id_] = rule.elsewhere_own
    return tied


def _doubtful(policy: Policy, person: Person, tied: dict[int, RuleTrace]) -> dict[int, RuleTrace]:
    """The rules that only doubtful memberships and own rules tie to the person.

    An own rule is doubtful even if a department has it too, since it replaces that of the
    department while it lasts.
    """
    found: dict[int, RuleTrace] = {}
    for group in person.doubtful_group_ids:
        found.update(policy.group_rules.get(group, {}))
    found = {id_: trace for id_, trace in found.items() if id_ not in tied}
    for id_ in person.doubtful_rule_ids:
        rule = policy.rules.get(id_)
        if rule is not None:
            tied.pop(id_, None)
            found[id_] = rule.elsewhere_own
    return found


def _has_ended(policy: Policy, person: Person, portal: Portal) -> bool:
    """Whether a membership or own rule that has ended would let the person pass at times."""
    ids = set(person.ended_rule_ids)
    for group in person.ended_group_ids:
        ids.update(policy.group_rules.get(group, ()))
    here = ids & (portal.own_rules | portal.area_rules)
    return any(policy.rules[id_].releases for id_ in here if id_ in policy.rules)


def _ties(
    policy: Policy,
    tied: dict[int, RuleTrace],
    portal: Portal,
    instant: ScheduleInstant,
    *,
    conditional: bool,
    doubtful: Collection[int],
    person: Person,
) -> list[_Tie]:
    """The rules tied to person and place, ascending; `conditional` as `Policy.is_conditional`."""
    places = dict.fromkeys(tied.keys() & portal.area_rules, PlaceTie.AREA)
    places.update(dict.fromkeys(tied.keys() & portal.own_rules, PlaceTie.PORTAL))
    ties = []
    for id_ in sorted(places):
        rule = policy.rules[id_]
        time = rule.when.at(instant)
        if rule.releases and id_ in doubtful:
            time = TimeVerdict.CLOCK_NOT_TRUSTED
        holds = Validation.certain if rule.releases else Validation.possible
        unmet = not all(holds(validation, person) for validation in rule.validations)
        # A condition that is not known keeps no rule from blocking.
        lifted = unmet and not rule.unknown
        blocks = rule.blocks and time is not TimeVerdict.OUT_OF_TIME and not lifted
        in_time = time in (TimeVerdict.ALWAYS, TimeVerdict.IN_TIME)
        unknown = rule.releases and (conditional or bool(rule.unknown))
        place, owner = places[id_], tied[id_].person
        ties.append(_Tie(rule, owner, place, time, blocks, in_time, unknown, unmet))
    return ties


def _actions(ties: list[_Tie]) -> list[Action]:
    return [action for tie in ties for action in tie.rule.actions]


def _why_not(counted: list[_Tie]) -> Reason:
    if not counted:
        return Reason.NO_RULE
    late = [tie for tie in counted if not tie.unknown and not tie.unmet]
    if any(tie.time is TimeVerdict.CLOCK_NOT_TRUSTED for tie in late):
        return Reason.CLOCK_NOT_TRUSTED
    if any(tie.unknown for tie in counted):
        return Reason.UNKNOWN_CONDITION
    return Reason.OUT_OF_TIME if late else Reason.CONDITION_NOT_MET


def _trace(tie: _Tie, *, own_wins: bool, blocked: bool) -> RuleTrace:
    why = _outcome(tie, own_wins=own_wins, blocked=blocked)
    return RuleTrace(
        rule_id=tie.rule.id,
        name=tie.rule.name,
        type=tie.rule.type,
        person=tie.person,
        place=tie.place,
        time=tie.time,
        applied=why in (RuleOutcome.RELEASES, RuleOutcome.BLOCKS),
        why=why,
    )


_UNMET = {
    TimeVerdict.OUT_OF_TIME: RuleOutcome.OUT_OF_TIME,
    TimeVerdict.NO_SCHEDULE: RuleOutcome.NO_SCHEDULE,
    TimeVerdict.CLOCK_NOT_TRUSTED: RuleOutcome.CLOCK_NOT_TRUSTED,
}


def _outcome(tie: _Tie, *, own_wins: bool, blocked: bool) -> RuleOutcome:
    if tie.blocks:
        return RuleOutcome.BLOCKS
    if not (tie.rule.blocks or tie.rule.releases):
        return RuleOutcome.UNKNOWN_TYPE
    if tie.rule.releases and own_wins and tie.person is PersonTie.GROUP:
        return RuleOutcome.OWN_SCHEDULE_WINS
    if tie.unknown or tie.unmet:
        return RuleOutcome.UNKNOWN_CONDITION if tie.unknown else RuleOutcome.CONDITION_NOT_MET
    if tie.time in _UNMET:
        return _UNMET[tie.time]
    return RuleOutcome.OVERRULED_BY_BLOCK if blocked else RuleOutcome.RELEASES
