"""The facts behind a reason that the journal keeps with an access.

Plain data: names, numbers and times, never a credential, a PIN or a password. The size is bounded,
because rows wait in memory while the disk is full. `gateway.explain.reason_words` words them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gateway.access.attempt import PortalState
from gateway.access.credential_terms import CredentialTerms
from gateway.access.escort import EscortRule
from gateway.access.factor_modes import FactorRuling
from gateway.access.multi_person import Shortage
from gateway.access.occupancy import Occupancy
from gateway.access.passback import Violation
from gateway.access.person import Person
from gateway.access.reasons import Reason
from gateway.access.threat import ThreatLevel
from gateway.clock import Moment

FORM = 1
"""Version of the facts in an entry (`form`). Raise it when the meaning of a name changes; an older
program then reports that it cannot read them."""
MOST = 16
"""Longest list that is kept."""
LONGEST = 200
"""Longest text that is kept, in characters."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def of_passback(found: Violation) -> Mapping[str, Any]:
    """Facts of an anti-passback violation."""
    return {"passback": found.facts()}


def of_keypad(until_s: int) -> Mapping[str, Any]:
    """Facts of a locked keypad; `until_s` is UTC seconds."""
    return {"keypad": {"until_s": until_s}}


def of_persons(
    present: Sequence[Person], missing: Sequence[Shortage], until_s: int | None = None
) -> Mapping[str, Any]:
    """Who is present, who is missing for each rule, and when the group times out (UTC seconds)."""
    known: dict[str, Any] = {
        "present": [person.id for person in present[:MOST]],
        "rules": [
            {
                "id": short.rule_id,
                "name": cut(short.name),
                "missing": [list(pair) for pair in short.groups[:MOST]],
            }
            for short in missing[:MOST]
        ],
    }
    if until_s is not None:
        known["until_s"] = until_s
    return {"persons": known}


def of_occupancy(occupancy: Occupancy) -> Mapping[str, Any]:
    """Facts of an area that is full."""
    return {"occupancy": occupancy.facts()}


def of_escort(rules: Sequence[EscortRule], until_s: int) -> Mapping[str, Any]:
    """Which rules ask for a host, and until when a visitor waits (UTC seconds)."""
    listed = [
        {"id": rule.id, "name": cut(rule.name), "group": rule.host_group_id}
        for rule in rules[:MOST]
    ]
    return {"escort": {"rules": listed, "until_s": until_s}}


def of_factors(ruling: FactorRuling) -> Mapping[str, Any]:
    """Facts of the factors that a portal asks for; without rows for the default of the site."""
    if not (ruling.row_ids or ruling.threat_level):
        return NOTHING
    rows = list(ruling.row_ids[:MOST])
    level = {"level": ruling.threat_level} if ruling.threat_level else {}
    known = {"mode": ruling.mode.word, "rows": rows, "doubtful": ruling.doubtful}
    return {"factors": {**known, **level}}


def of_refusal(
    reason: Reason,
    person: Person,
    state: PortalState,
    moment: Moment,
    threat: ThreatLevel | None = None,
) -> Mapping[str, Any]:
    """Facts of a refusal by validity, the threat level or the state of the doors."""
    if reason is Reason.THREAT_LEVEL and threat is not None:
        return {reason.value: {"level": threat.level, "name": cut(threat.name)}}
    if reason.of_credential:
        refused = (it for it in person.credentials if it.refusal(moment) is reason)
        return of_credential(next(refused, None))
    if reason is Reason.RIGHT_ENDED:
        groups, rules = list(person.ended_group_ids[:MOST]), list(person.ended_rule_ids[:MOST])
        return {"ended": {"groups": groups, "rules": rules}}
    if reason in (Reason.NOT_YET_VALID, Reason.EXPIRED):
        stamps = {"from": person.begin_time, "until": person.end_time}
        return {"valid": {name: stamp for name, stamp in stamps.items() if stamp}}
    return {reason.value: dict(state.facts[reason])} if reason in state.facts else NOTHING


def of_credential(terms: CredentialTerms | None) -> Mapping[str, Any]:
    """Facts of a credential that opens nothing by itself: its row, never its value."""
    if terms is None:
        return NOTHING
    numbers = {"from": terms.begin_time, "until": terms.end_time, "uses": terms.uses}
    known = {name: number for name, number in numbers.items() if number}
    return {"credential": {"object": terms.kind.table, "id": terms.row_id, **known}}


def of_server(message: str = "", name: str = "", why: str = "") -> Mapping[str, Any]:
    """The words of a server for the person, the name that it has for them, and why it did not
    decide."""
    told = {"message": message, "name": name, "why": why}
    known = {key: cut(text) for key, text in told.items() if text}
    return {"server": known} if known else NOTHING


def cut(text: str) -> str:
    """`text`, shortened to LONGEST characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
