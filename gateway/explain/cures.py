"""What would change a refusal, as data: an action and what it is done to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gateway.access.policy import BLOCK, RELEASE
from gateway.access.reasons import Reason
from gateway.access.trace import RuleOutcome, TimeVerdict
from gateway.explain.reports import OTHER_PERSON
from gateway.explain.values import Case, RuleReport

MOST_IDS = 10
"""Most rules, zones or groups that a cure names."""

Target = Mapping[str, int | str | list[int]]
"""Members such as `user_id`; of none, if the record lacks it."""


class CureAction(StrEnum):
    """What to do. Names are stable."""

    GIVE_CREDENTIAL = "give_credential"
    """Give what was shown to a person (to `user_id`, if it was theirs before)."""
    CHANGE_VALIDITY = "change_validity"
    ADD_TO_GROUP = "add_to_group"
    """Add `user_id` to one of `group_ids`."""
    TIE_RULE = "tie_rule"
    """Tie a releasing rule to the portal and to a group of the person."""
    CHANGE_HOURS = "change_hours"
    """Change the time zones `time_zone_ids` of the rules `rule_ids`."""
    CHANGE_BLOCK = "change_block"
    """Change the blocking rules `rule_ids`."""
    REMOVE_CONDITION = "remove_condition"
    """Delete the condition of `rule_ids` that does not hold, or that this device cannot
    evaluate."""
    END_LOCK_DOWN = "end_lock_down"
    """Of `door`, 0 for the device."""
    LOWER_THREAT_LEVEL = "lower_threat_level"
    """Of the site."""
    IDENTIFY_AGAIN = "identify_again"
    """Show the card or code again, then key the PIN in time."""
    CHANGE_FACTORS = "change_factors"
    """Change what `portal_id` asks for at that time (`portal_factor_modes`)."""
    CHANGE_CREDENTIAL = "change_credential"
    """Change status, validity or uses of the row `id` of `object`, which is `user_id`'s."""
    EXTEND_RIGHT = "extend_right"
    """Extend a membership or an own rule of `user_id`."""
    CHANGE_PIN = "change_pin"
    """Give the person another PIN, if they do not know theirs."""
    IDENTIFY_TOGETHER = "identify_together"
    """The people required identify one right after the other."""
    CORRECT_OCCUPANCY = "correct_occupancy"
    """Empty the area `area_id`, or raise its maximum, if fewer people are in it."""
    BRING_HOST = "bring_host"
    """A host identifies right before or after, at `portal_id`."""
    WAIT_FOR_KEYPAD = "wait_for_keypad"
    FORGIVE_PASSBACK = "forgive_passback"
    CLOSE_DOOR = "close_door"
    """Close the other door of the interlock, `door`; 0 for a door of another device."""
    SET_CLOCK = "set_clock"
    TIE_READER = "tie_reader"
    """Tie `reader` to a portal."""
    CONFIGURE = "configure"
    """Change the configuration value `module`.`key`."""
    CHECK_DEVICE = "check_device"
    """Look at what is not well with this device: `gateway doctor`."""
    CHECK_SERVER = "check_server"
    """Look at the server of the online modes."""
    OPEN_ONCE = "open_once"
    """Open `door` once."""


@dataclass(frozen=True, slots=True)
class Cure:
    """One action that would change the outcome."""

    action: CureAction
    target: Target = field(default_factory=dict)


_IN_TIME = frozenset({TimeVerdict.ALWAYS, TimeVerdict.IN_TIME})
_Made = Callable[[Case, Sequence[RuleReport]], Cure]


def cures_of(
    case: Case,
    rules: Sequence[RuleReport],
    doors: Sequence[int] = (),
    shown: Target = MappingProxyType({}),
) -> tuple[Cure, ...]:
    """The cure of a case first, then what helps at once; empty where nothing is wrong.

    `rules` are those of the report, `doors` what the portal opens, and `shown` names what was
    presented.
    """
    reason = case.reason
    make = _CURES.get(reason)
    if make is None:
        return ()
    cure = make(case, rules)
    if cure.action is CureAction.GIVE_CREDENTIAL:
        cure = Cure(cure.action, {**cure.target, **shown})
    found = [cure]
    if case.person is not None and doors and reason in _OPENS_ONCE:
        found.append(Cure(CureAction.OPEN_ONCE, {"door": doors[0]}))
    return tuple(found)


_OPENS_ONCE = frozenset(
    {
        Reason.NOT_YET_VALID,
        Reason.EXPIRED,
        Reason.NO_RULE,
        Reason.RIGHT_ENDED,
        Reason.CREDENTIAL_NOT_YET_VALID,
        Reason.CREDENTIAL_EXPIRED,
        Reason.CREDENTIAL_USED_UP,
        Reason.OUT_OF_TIME,
        Reason.BLOCKED,
        Reason.THREAT_LEVEL,
        Reason.PASSBACK,
        Reason.AREA_FULL,
        Reason.CLOCK_NOT_TRUSTED,
        Reason.UNKNOWN_CONDITION,
        Reason.CONDITION_NOT_MET,
        Reason.PIN_NOT_ACCEPTED,
        Reason.CARD_NOT_ACCEPTED,
    }
)
"""A known person is refused, and nothing at the door keeps it locked."""


def _just(action: CureAction, **target: int | str) -> _Made:
    return lambda _case, _rules: Cure(action, target)


def _for_person(action: CureAction) -> _Made:
    return lambda case, _: Cure(action, _person(case))


def _person(case: Case) -> Target:
    return {} if case.person is None else {"user_id": case.person.id}


def _portal(case: Case) -> Target:
    return {} if case.portal is None else {"portal_id": case.portal.id}


def _ids(rules: Sequence[RuleReport], *outcomes: str, type_: int | None = None) -> list[int]:
    found = [it.id for it in rules if it.why in outcomes and type_ in (None, it.type)]
    return found[:MOST_IDS]


def _no_rule(case: Case, rules: Sequence[RuleReport]) -> Cure:
    """One of the groups whose rules reach the place, those in time first; else a new tie."""
    reaching = [it for it in rules if it.type == RELEASE and it.why == OTHER_PERSON]
    reaching.sort(key=lambda rule: rule.time not in _IN_TIME)
    groups = dict.fromkeys(group for rule in reaching for group in rule.tied_groups)
    if not groups:
        return Cure(CureAction.TIE_RULE, {**_person(case), **_portal(case)})
    return Cure(
        CureAction.ADD_TO_GROUP,
        {**_person(case), **_portal(case), "group_ids": list(groups)[:MOST_IDS]},
    )


def _out_of_time(case: Case, rules: Sequence[RuleReport]) -> Cure:
    late = _ids(rules, RuleOutcome.OUT_OF_TIME, RuleOutcome.NO_SCHEDULE, type_=RELEASE)
    zones = dict.fromkeys(zone.id for rule in rules if rule.id in late for zone in rule.zones)
    return Cure(
        CureAction.CHANGE_HOURS,
        {**_person(case), "rule_ids": late, "time_zone_ids": list(zones)[:MOST_IDS]},
    )


def _blocked(case: Case, rules: Sequence[RuleReport]) -> Cure:
    blocks = _ids(rules, RuleOutcome.BLOCKS, type_=BLOCK)
    return Cure(CureAction.CHANGE_BLOCK, {**_person(case), "rule_ids": blocks})


def _condition(_: Case, rules: Sequence[RuleReport]) -> Cure:
    unknown = _ids(rules, RuleOutcome.UNKNOWN_CONDITION, RuleOutcome.CONDITION_NOT_MET)
    return Cure(CureAction.REMOVE_CONDITION, {"rule_ids": unknown})


def _credential(case: Case, _: Sequence[RuleReport]) -> Cure:
    known = case.facts.get("credential", {})
    row = {name: known[name] for name in ("object", "id") if name in known}
    return Cure(CureAction.CHANGE_CREDENTIAL, {**_person(case), **row})


def _factors(case: Case, _: Sequence[RuleReport]) -> Cure:
    return Cure(CureAction.CHANGE_FACTORS, _portal(case))


def _no_keypad(case: Case, rules: Sequence[RuleReport]) -> Cure:
    if "factors" in case.facts:
        return _factors(case, rules)
    target = {"module": "identifier", "key": "multi_factor_authentication"}
    return Cure(CureAction.CONFIGURE, target)


def _lock_down(case: Case, _: Sequence[RuleReport]) -> Cure:
    door = case.facts.get(Reason.LOCK_DOWN, {}).get("door", 0)
    return Cure(CureAction.END_LOCK_DOWN, {"door": door})


def _no_place(case: Case, _: Sequence[RuleReport]) -> Cure:
    needed = case.facts.get("persons", {}).get("rules", ())
    groups = dict.fromkeys(group for rule in needed for group, _ in rule["missing"])
    return Cure(
        CureAction.ADD_TO_GROUP,
        {**_person(case), **_portal(case), "group_ids": list(groups)[:MOST_IDS]},
    )


def _together(case: Case, _: Sequence[RuleReport]) -> Cure:
    return Cure(CureAction.IDENTIFY_TOGETHER, _portal(case))


def _full(case: Case, _: Sequence[RuleReport]) -> Cure:
    area = case.facts.get("occupancy", {}).get("area_id")
    return Cure(CureAction.CORRECT_OCCUPANCY, {} if area is None else {"area_id": area})


def _host(case: Case, _: Sequence[RuleReport]) -> Cure:
    return Cure(CureAction.BRING_HOST, _portal(case))


def _interlock(case: Case, _: Sequence[RuleReport]) -> Cure:
    return Cure(CureAction.CLOSE_DOOR, {"door": case.facts.get("interlock", {}).get("by", 0)})


def _reader(case: Case, _: Sequence[RuleReport]) -> Cure:
    reader = case.facts.get("reader")
    return Cure(CureAction.TIE_READER, {} if reader is None else {"reader": reader})


_CURES: Mapping[Reason, _Made] = MappingProxyType(
    {
        Reason.UNKNOWN_CREDENTIAL: _just(CureAction.GIVE_CREDENTIAL),
        Reason.NOT_YET_VALID: _for_person(CureAction.CHANGE_VALIDITY),
        Reason.EXPIRED: _for_person(CureAction.CHANGE_VALIDITY),
        **dict.fromkeys((reason for reason in Reason if reason.of_credential), _credential),
        Reason.RIGHT_ENDED: _for_person(CureAction.EXTEND_RIGHT),
        Reason.NO_RULE: _no_rule,
        Reason.OUT_OF_TIME: _out_of_time,
        Reason.UNKNOWN_CONDITION: _condition,
        Reason.CONDITION_NOT_MET: _condition,
        Reason.BLOCKED: _blocked,
        Reason.LOCK_DOWN: _lock_down,
        Reason.THREAT_LEVEL: _just(CureAction.LOWER_THREAT_LEVEL),
        Reason.SECOND_FACTOR_DUE: _just(CureAction.IDENTIFY_AGAIN),
        Reason.SECOND_FACTOR_WRONG: _for_person(CureAction.CHANGE_PIN),
        Reason.SECOND_FACTOR_TIMED_OUT: _just(CureAction.IDENTIFY_AGAIN),
        Reason.CREDENTIAL_REVOKED: _for_person(CureAction.GIVE_CREDENTIAL),
        Reason.FIRST_FACTOR_MISSING: _just(CureAction.IDENTIFY_AGAIN),
        Reason.NO_SECOND_FACTOR_HERE: _no_keypad,
        Reason.PIN_NOT_ACCEPTED: _factors,
        Reason.CARD_NOT_ACCEPTED: _factors,
        Reason.KEYPAD_LOCKED: _just(CureAction.WAIT_FOR_KEYPAD),
        Reason.PASSBACK: _for_person(CureAction.FORGIVE_PASSBACK),
        Reason.AREA_FULL: _full,
        Reason.WAITING_FOR_HOST: _host,
        Reason.HOST_MISSING: _host,
        Reason.WAITING_FOR_PERSONS: _together,
        Reason.PERSONS_MISSING: _together,
        Reason.NO_PLACE_AMONG_PERSONS: _no_place,
        Reason.INTERLOCK: _interlock,
        Reason.CLOCK_NOT_TRUSTED: _just(CureAction.SET_CLOCK),
        Reason.READER_WITHOUT_PORTAL: _reader,
        Reason.TURNSTILE_BLOCKED: _just(CureAction.CONFIGURE, module="catra", key="operation_mode"),
        Reason.DOOR_UNREACHABLE: _just(CureAction.CHECK_DEVICE),
        Reason.NO_FLOOR: _for_person(CureAction.TIE_RULE),
        Reason.SERVER_DENIED: _just(CureAction.CHECK_SERVER),
        Reason.SERVER_NOT_IDENTIFIED: _just(CureAction.CHECK_SERVER),
        Reason.SERVER_FACTOR_DUE: _just(CureAction.IDENTIFY_AGAIN),
        Reason.SERVER_UNDECIDED: _just(CureAction.CHECK_SERVER),
        Reason.SERVER_AWAY: _just(CureAction.CHECK_SERVER),
        Reason.INTERNAL_ERROR: _just(CureAction.CHECK_DEVICE),
    }
)
