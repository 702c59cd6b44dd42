"""Admission at three portals over any sequence of events: what must never happen."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.access.admission import admit, due_ms, pass_time
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionSettings,
    AdmissionState,
    AdmissionStep,
    Circumstances,
)
from gateway.access.attempt import Attempt, Factor, PortalState
from gateway.access.log_events import AccessEvent
from gateway.access.passback import (
    UNKNOWN_POSITION,
    Now,
    PassbackMode,
    PassbackPosition,
    PassbackSettings,
)
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    LinkRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.slices import drain
from gateway.clock import Moment

OUT, IN = 1, 2
WAY_IN, WAY_OUT, VAULT = 1, 2, 3
STAFF, GUARDS, BANNED = 1, 2, 3
NOON_S = 1_795_435_200
PEOPLE = {
    1: Person(1, group_ids=(STAFF,)),
    2: Person(2, group_ids=(STAFF, GUARDS)),
    3: Person(3, group_ids=(STAFF, GUARDS)),
    4: Person(4, group_ids=(STAFF, BANNED)),
    5: Person(5),
    6: Person(6, group_ids=(STAFF,), passback_exempt=True),
}
READERS = {"in": WAY_IN, "out": WAY_OUT, "vault": VAULT}


def site() -> Policy:
    rows = PolicyRows(
        version=1,
        portals=[
            PortalRow(WAY_IN, "in", OUT, IN),
            PortalRow(WAY_OUT, "out", IN, OUT),
            PortalRow(VAULT, "vault", IN, IN),
        ],
        access_rules=[RuleRow(1, "staff", 1), RuleRow(2, "banned", 0)],
        portal_access_rules=[LinkRow(portal, rule_) for portal in (1, 2, 3) for rule_ in (1, 2)],
        group_access_rules=[LinkRow(STAFF, 1), LinkRow(BANNED, 2)],
        access_rule_time_zones=[LinkRow(1, 1), LinkRow(2, 1)],
        time_zones=[TimeZoneRow(1, "always")],
        time_spans=[TimeSpanRow(1, 1, 0, 86_399, *(1,) * 10)],
        portal_rules=[PortalRuleRow(1, "two guards")],
        portal_portal_rules=[LinkRow(VAULT, 1)],
        portal_rule_groups=[PortalRuleGroupRow(1, GUARDS, 2)],
        passback_areas=[LinkRow(IN, 2)],
    )
    return drain(compile_policy(rows))


class Admissions(RuleBasedStateMachine):
    """People at readers, and a record of where they are."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = site()
        self.state = AdmissionState()
        self.settings = AdmissionSettings(
            keypads=frozenset(READERS), passback=PassbackSettings(PassbackMode.OFF)
        )
        self.now_ms = 0
        self.area: dict[int, int] = {}
        """Where people are by the record."""
        self.portal_state = PortalState()
        self.pending: dict[str, int] = {}
        """Reader -> the person whose second factor it waits for, by what was told."""
        self.waiting: dict[int, list[int]] = {}
        """Portal -> those who wait for others, by what was told."""

    @initialize(second_factor=st.booleans())
    def site_is_configured(self, *, second_factor: bool) -> None:
        self.settings = replace(self.settings, second_factor=second_factor)

    @rule(
        reader=st.sampled_from(sorted(READERS)),
        who=st.sampled_from([None, *PEOPLE]),
        factor=st.sampled_from([Factor.CARD, Factor.PIN]),
        goes=st.booleans(),
    )
    def somebody_identifies(
        self, reader: str, who: int | None, factor: Factor, *, goes: bool
    ) -> None:
        person = None if who is None else PEOPLE[who]
        before = self.pending.get(reader)
        attempt = Attempt(reader, READERS[reader], factor, person)
        admission = admit(self.policy, self.settings, self.state, attempt, self.seen(person))
        *earlier, answer = self.reported(admission)

        assert all(not outcome.decision.allowed for outcome in earlier)
        if answer.decision.allowed:
            self.granted(answer, reader, before if factor.keyed else None)
            if goes:
                for entering in answer.company:
                    self.entered(entering, READERS[reader])

    def granted(self, outcome: AdmissionOutcome, reader: str, awaited: int | None) -> None:
        """Everything that a grant must have behind it."""
        person = outcome.person
        assert person is not None
        assert BANNED not in person.group_ids, "a blocked person passes"
        assert STAFF in person.group_ids, "somebody without a right passes"
        assert not self.portal_state.locked_down
        assert not self.portal_state.interlocked
        assert not self.portal_state.released
        if self.settings.second_factor:
            assert awaited == person.id, "one factor is enough"
        if READERS[reader] == VAULT:
            guards = {other.id for other in outcome.company if GUARDS in other.group_ids}
            assert len(guards) >= 2, "the vault opens to one"
            assert person in outcome.company
        elif not person.passback_exempt:
            led_from = OUT if READERS[reader] == WAY_IN else IN
            assert self.area.get(person.id, led_from) == led_from, "a card was passed back"

    def entered(self, person: Person, portal: int) -> None:
        if portal != VAULT:
            self.area[person.id] = IN if portal == WAY_IN else OUT

    def seen(self, person: Person | None) -> Circumstances:
        position = UNKNOWN_POSITION
        if person is not None and person.id in self.area:
            position = PassbackPosition(self.area[person.id], NOON_S)
        utc_s = NOON_S + self.now_ms // 1000
        return Circumstances(
            Moment(utc_s, utc_s), self.now_ms, Now(utc_s, utc_s), self.portal_state, position
        )

    def reported(self, admission: AdmissionStep) -> tuple[AdmissionOutcome, ...]:
        """Take over the state, and follow what it reports."""
        self.state = admission.state
        for outcome in admission.outcomes:
            decision = outcome.decision
            if outcome.reader in self.pending and decision.reason is not Reason.KEYPAD_LOCKED:
                assert self.pending.pop(outcome.reader) == decision.user_id
            if decision.reason is Reason.SECOND_FACTOR_DUE:
                self.pending[outcome.reader] = decision.user_id
            waiting = self.waiting.setdefault(decision.portal_id, [])
            # The group of a portal that an interlock keeps locked goes on waiting.
            if decision.reason is Reason.WAITING_FOR_PERSONS or (
                decision.reason is Reason.INTERLOCK and decision.portal_id == VAULT
            ):
                if decision.user_id not in waiting:
                    waiting.append(decision.user_id)
            elif decision.reason is Reason.PERSONS_MISSING:
                waiting.remove(decision.user_id)
            elif decision.allowed:
                self.waiting[decision.portal_id] = []
        return admission.outcomes

    @rule(seconds=st.sampled_from([0.5, 3, 9, 16, 100]))
    def time_passes(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        outcomes = self.reported(pass_time(self.settings, self.state, self.now_ms))
        assert all(
            outcome.decision.event is AccessEvent.IDENTIFICATION_TIMEOUT for outcome in outcomes
        )
        due = due_ms(self.state)
        assert due is None or due > self.now_ms

    @rule(which=st.sampled_from(["", "released", "locked_down", "interlocked"]))
    def doors_change(self, which: str) -> None:
        self.portal_state = PortalState(
            which == "released", which == "locked_down", which == "interlocked"
        )

    @rule(who=st.sampled_from(sorted(PEOPLE)))
    def somebody_is_forgiven(self, who: int) -> None:
        self.area.pop(who, None)

    @invariant()
    def what_was_reported_is_what_is_remembered(self) -> None:
        pending = {reader: it.person.id for reader, it in self.state.pending.items()}
        assert pending == self.pending
        gathered = {
            portal: [person.id for person in it.people] for portal, it in self.state.groups.items()
        }
        reported = {portal: people for portal, people in self.waiting.items() if people}
        assert {portal: sorted(people) for portal, people in gathered.items()} == {
            portal: sorted(people) for portal, people in reported.items()
        }


TestAdmissions = Admissions.TestCase
