"""Admission: what an attempt at a reader leads to.

Pure: (state, attempt, time) in, (state, outcomes) out. The order is fixed: fire or emergency,
lock-down, identification, the threat level, validity and rules (`decide`), the second factor and
the rules again, anti-passback, the most people of an area, escorts and multi-person rules,
interlock. Only the last outcome of an attempt can be a grant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from gateway.access import facts
from gateway.access.admission_step import StepBuilder
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionSettings,
    AdmissionState,
    AdmissionStep,
    Circumstances,
    PendingFactor,
)
from gateway.access.attempt import Attempt
from gateway.access.decision import Decision, decide, refuse
from gateway.access.escort import EscortRule, escorts_of, hosted, remembered
from gateway.access.factor_modes import FactorMode
from gateway.access.floors import shown_by
from gateway.access.multi_person import (
    MultiPersonGroup,
    PortalRule,
    Shortage,
    complete,
    has_place,
    shortage,
)
from gateway.access.occupancy import Occupancy
from gateway.access.passback import Strictness
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason


def admit(
    policy: Policy,
    settings: AdmissionSettings,
    state: AdmissionState,
    attempt: Attempt,
    seen: Circumstances,
) -> AdmissionStep:
    """The outcomes of `attempt`, after those that fell due before it."""
    step = _LocalStep(settings, state, seen.now_ms)
    step.pass_time()
    step.take(policy, attempt, seen)
    return step.done()


def pass_time(settings: AdmissionSettings, state: AdmissionState, now_ms: int) -> AdmissionStep:
    """Time out second factors and multi-person groups, and unlock keypads."""
    due = due_ms(state)
    if due is None or now_ms < due:
        return AdmissionStep(state)
    step = _LocalStep(settings, state, now_ms)
    step.pass_time()
    return step.done()


def key_pressed(
    settings: AdmissionSettings, state: AdmissionState, reader: str, now_ms: int
) -> AdmissionState:
    """Extend the time of a second factor awaited at `reader`, where a key was pressed."""
    waiting = state.pending.get(reader)
    if waiting is None or not any(factor.keyed for factor in waiting.wanted):
        return state
    typing = replace(waiting, next_key_until_ms=now_ms + settings.next_key_ms)
    return replace(state, pending=MappingProxyType({**state.pending, reader: typing}))


def due_ms(state: AdmissionState) -> int | None:
    """When `pass_time` must be called next; None if nothing is pending."""
    instants = [
        *(waiting.due_ms for waiting in state.pending.values()),
        *(group.until_ms for group in state.groups.values()),
        *(guard.locked_until_ms for guard in state.guards.values()),
    ]
    return min((instant for instant in instants if instant is not None), default=None)


class _LocalStep(StepBuilder):
    """A step in which this device decides."""

    def take(self, policy: Policy, attempt: Attempt, seen: Circumstances) -> None:
        """Handle one attempt; its answer is the last outcome."""
        portal = self.portal_of(policy, attempt, seen)
        if portal is None:
            return
        if attempt.person is not None:
            attempt = replace(attempt, person=attempt.person.at(seen.moment))
        waiting = self.pending.get(attempt.reader)
        if waiting is not None and attempt.factor.keyed and attempt.factor in waiting.wanted:
            self._second_factor(policy, portal, attempt, seen)
            return
        if waiting is not None:
            self.time_out_factor(attempt.reader)
        self._first_factor(policy, portal, attempt, seen)

    def _first_factor(
        self, policy: Policy, portal: Portal, attempt: Attempt, seen: Circumstances
    ) -> None:
        person = self._identified(policy, attempt)
        if person is None:
            if attempt.factor.keyed:
                self.count_wrong_entry(attempt.reader)
            self.add_refusal(Reason.UNKNOWN_CREDENTIAL, attempt)
            return
        decision = self._decide(policy, person, portal, seen)
        ruling = policy.factors_at(portal, seen.moment, self.settings.factor_mode, seen.threat)
        missing = self._missing_factor(attempt, ruling.mode)
        # A contingency card has no owner, so no factors are asked for.
        if not decision.allowed or missing is None or not person.id:
            self._conclude(policy, portal, attempt, person, decision, seen)
        elif missing is not Reason.SECOND_FACTOR_DUE:
            known = facts.of_factors(ruling)
            self.add_refusal(missing, attempt, decision, known=known)
        else:
            whole = attempt.reader in self.settings.whole_pins
            first_key_ms = self.settings.second_factor_ms if whole else self.settings.next_key_ms
            self.pending[attempt.reader] = PendingFactor(
                person,
                portal.id,
                self.now_ms + self.settings.second_factor_ms,
                self.now_ms + first_key_ms,
                attempt.duress,
            )
            self.add_refusal(Reason.SECOND_FACTOR_DUE, attempt, decision)

    def _missing_factor(self, attempt: Attempt, mode: FactorMode) -> Reason | None:
        """Why the factor of `attempt` is not enough; None if it is."""
        keyed = attempt.factor.keyed
        if self.settings.any_factors or mode in (
            FactorMode.CARD_OR_PIN,
            FactorMode.PIN if keyed else FactorMode.CARD,
        ):
            return None
        if mode is FactorMode.CARD:
            return Reason.PIN_NOT_ACCEPTED
        if mode is FactorMode.PIN:
            return Reason.CARD_NOT_ACCEPTED
        if keyed:
            return Reason.FIRST_FACTOR_MISSING
        if attempt.reader not in self.settings.keypads:
            return Reason.NO_SECOND_FACTOR_HERE
        return Reason.SECOND_FACTOR_DUE

    def _second_factor(
        self, policy: Policy, portal: Portal, attempt: Attempt, seen: Circumstances
    ) -> None:
        waiting = self.pending.pop(attempt.reader)
        first = waiting.person
        right = attempt.person is not None and attempt.person.id == first.id
        if not right:
            self.count_wrong_entry(attempt.reader)
        if attempt.person is None or not right or not seen.first_holds:
            # The row names the person of the first factor, no matter who keyed the second. If the
            # first was revoked, the answer does not show whether the second was right.
            revoked = not seen.first_holds
            why = Reason.CREDENTIAL_REVOKED if revoked else Reason.SECOND_FACTOR_WRONG
            duress = attempt.duress or waiting.duress
            denied = refuse(why, first.id, portal.id)
            self.outcomes.append(AdmissionOutcome(denied, attempt.reader, first, duress))
            return
        # The rules may have changed, or their time may be over, since the first factor. The
        # person as read now counts.
        shown = first.credentials if seen.first_now is None else seen.first_now.credentials
        person = replace(
            attempt.person,
            spends=first.spends,
            credentials=(*shown, *attempt.person.credentials),
        )
        decision = self._decide(policy, person, portal, seen)
        both = replace(attempt, person=person, duress=attempt.duress or waiting.duress)
        self._conclude(policy, portal, both, person, decision, seen)

    def _identified(self, policy: Policy, attempt: Attempt) -> Person | None:
        if attempt.person is None and attempt.contingency and self.settings.contingency:
            return Person(0, own_rule_ids=policy.contingency_rules)
        return attempt.person

    def _decide(
        self, policy: Policy, person: Person, portal: Portal, seen: Circumstances
    ) -> Decision:
        decision = self.by_mode(person, portal, seen)
        if decision is not None:
            return decision
        return decide(policy, person, portal.id, seen.moment)

    def _conclude(
        self,
        policy: Policy,
        portal: Portal,
        attempt: Attempt,
        person: Person,
        decision: Decision,
        seen: Circumstances,
    ) -> None:
        """Check anti-passback, multi-person rules and interlock after a grant of the rules."""
        if not decision.allowed:
            self.add_denial(decision, attempt, person, seen)
            return
        found = self.passback(person, portal, seen)
        if found is not None and found.strictness is Strictness.HARD:
            self.add_refusal(Reason.PASSBACK, attempt, decision, known=facts.of_passback(found))
            return
        if seen.occupancy is not None and seen.occupancy.full_for((person,)):
            self._add_full(attempt, decision, seen.occupancy)
            return
        self._recheck_group(policy, portal, seen)
        company = self._company(policy, portal, attempt, person, decision, seen)
        if company is None:
            return
        people, complete_rules = company
        if seen.occupancy is not None and seen.occupancy.full_for(people):
            self._add_full(attempt, decision, seen.occupancy)
            return
        if seen.portal_state.interlocked:
            known = facts.of_refusal(Reason.INTERLOCK, person, seen.portal_state, seen.moment)
            self.add_refusal(Reason.INTERLOCK, attempt, decision, known=known)
            return
        self._let_go(portal.id, people)
        self._remember_hosts(policy.escorts.get(portal.id, ()), portal.id, people)
        self.outcomes.append(
            AdmissionOutcome(
                _with_actions(decision, complete_rules),
                attempt.reader,
                person,
                attempt.duress,
                tuple(rule.id for rule in complete_rules),
                company=people,
                passback_violation=found is not None,
                facts=facts.of_passback(found) if found else facts.NOTHING,
            )
        )

    def _add_full(self, attempt: Attempt, decision: Decision, occupancy: Occupancy) -> None:
        known = facts.of_occupancy(occupancy)
        self.add_refusal(Reason.AREA_FULL, attempt, decision, known=known)

    def _company(
        self,
        policy: Policy,
        portal: Portal,
        attempt: Attempt,
        person: Person,
        decision: Decision,
        seen: Circumstances,
    ) -> tuple[tuple[Person, ...], tuple[PortalRule, ...]] | None:
        """Who enters together with `person`, and the portal rules that they complete.

        None while they wait for others, or may not be there at all, which adds an outcome.
        """
        rules = self._portal_rules(policy, portal, attempt, person, decision, seen)
        if rules is None:
            return None
        escorts = policy.escorts.get(portal.id, ())
        group = self.groups.get(portal.id) or MultiPersonGroup(0, ())
        own = escorts_of(escorts, person)
        passes = self.hosts.get(portal.id, ())
        alone = bool(own) and not hosted(own, group.people, passes, self.now_ms)
        few = seen.occupancy is not None and seen.occupancy.missing((person,)) > 0
        if not (rules or alone or few):
            # Nothing keeps this person; visitors who waited for such a host come along.
            both = (*self._visitors_of(person, escorts, group), person)
            fits = seen.occupancy is None or not seen.occupancy.full_for(both)
            return (both if fits else (person,)), ()
        longest_ms = max((rule.within_ms for rule in own), default=self.settings.persons_ms)
        until_ms = group.until_ms or self.now_ms + (
            longest_ms if alone else self.settings.persons_ms
        )
        group = replace(group.joined_by(person), until_ms=until_ms)
        together = tuple(
            one
            for one in group.people
            if not (asked := escorts_of(escorts, one))
            or hosted(asked, group.people, passes, self.now_ms)
        )
        done = tuple(rule for rule in rules if complete(rule, together))
        lacking = seen.occupancy.missing(together) if seen.occupancy is not None else 0
        if person in together and not lacking and (done or not rules):
            self.groups[portal.id] = group
            return together, done
        missing = tuple(shortage(rule, together) for rule in rules)
        if lacking:
            missing += (Shortage(0, "", ((0, lacking),)),)
        hostless = tuple(one.id for one in group.people if one not in together)
        self.groups[portal.id] = replace(group, missing=missing, hostless=hostless)
        until_s = seen.now.utc_s + self.left_s(until_ms)
        if person in together:
            waiting = tuple(rule.id for rule in rules)
            known = facts.of_persons(group.people, missing, until_s)
            self.add_refusal(Reason.WAITING_FOR_PERSONS, attempt, decision, waiting, known)
        else:
            known = facts.of_escort(own, until_s)
            self.add_refusal(Reason.WAITING_FOR_HOST, attempt, decision, known=known)
        return None

    def _portal_rules(
        self,
        policy: Policy,
        portal: Portal,
        attempt: Attempt,
        person: Person,
        decision: Decision,
        seen: Circumstances,
    ) -> tuple[PortalRule, ...] | None:
        """The rules in force, one of which must be complete; None, after a refusal, for a person
        who can complete none."""
        in_force = policy.portal_rules_at(portal, seen.moment)
        known_rules = tuple(rule for rule in in_force if not rule.unknown)
        if in_force and not known_rules:
            self.add_refusal(Reason.UNKNOWN_CONDITION, attempt, decision)
            return None
        if in_force and not has_place(known_rules, person):
            known = facts.of_persons((), tuple(shortage(rule, ()) for rule in known_rules))
            self.add_refusal(Reason.NO_PLACE_AMONG_PERSONS, attempt, decision, known=known)
            return None
        return known_rules

    def _visitors_of(
        self, host: Person, escorts: Sequence[EscortRule], group: MultiPersonGroup
    ) -> tuple[Person, ...]:
        """The visitors who waited for somebody like `host`."""
        return tuple(
            one
            for one in group.left_by(host).people
            if (own := escorts_of(escorts, one)) and hosted(own, (host,), (), self.now_ms)
        )

    def _remember_hosts(
        self, escorts: Sequence[EscortRule], portal_id: int, people: Sequence[Person]
    ) -> None:
        """Remember who of `people` may be a host, for the visitors who come after them."""
        hosts = remembered(escorts, self.hosts.pop(portal_id, ()), people, self.now_ms)
        if hosts:
            self.hosts[portal_id] = hosts

    def _let_go(self, portal_id: int, people: Sequence[Person]) -> None:
        """Remove those who enter from the group that waits."""
        group = self.groups.pop(portal_id, None)
        if group is None:
            return
        for person in people:
            group = group.left_by(person)
        if group.people:
            self.groups[portal_id] = group

    def _recheck_group(self, policy: Policy, portal: Portal, seen: Circumstances) -> None:
        """Remove people from the group who lost their right while they waited."""
        group = self.groups.get(portal.id)
        if group is None or seen.waiting is None:
            return
        now = {person.id: person.at(seen.moment) for person in seen.waiting}
        ruling = policy.factors_at(portal, seen.moment, self.settings.factor_mode, seen.threat)
        # A level that began meanwhile asks for more than they have shown.
        more = ruling.mode if ruling.threat_level else FactorMode.CARD_OR_PIN
        staying = []
        for person in group.people:
            if person.id not in now:
                revoked = refuse(Reason.CREDENTIAL_REVOKED, person.id, portal.id)
                self.outcomes.append(AdmissionOutcome(revoked, person=person))
                continue
            decision = self._decide(policy, now[person.id], portal, seen)
            if decision.reason is Reason.GRANTED and more & ~shown_by(now[person.id]):
                decision = refuse(Reason.THREAT_LEVEL, person.id, portal.id)
            if decision.allowed:
                staying.append(now[person.id])
            else:
                after, state = now[person.id], seen.portal_state
                known = facts.of_refusal(decision.reason, after, state, seen.moment, seen.threat)
                self.outcomes.append(AdmissionOutcome(decision, person=after, facts=known))
        self.groups[portal.id] = replace(group, people=tuple(staying))
        if not staying:
            del self.groups[portal.id]


def _with_actions(decision: Decision, rules: tuple[PortalRule, ...]) -> Decision:
    """The decision with the actions of the portal rules after its own, each once."""
    actions = {action.id: action for action in decision.actions}
    for rule in rules:
        actions.update({action.id: action for action in rule.actions})
    return replace(decision, actions=tuple(actions.values()))
