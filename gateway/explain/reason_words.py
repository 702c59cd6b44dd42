"""The words for a reason with its recorded facts.

The service log, explanations and the simulator share them. Facts that an older version did not
record are missing from the words; explanations say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.access.factor_modes import FactorMode
from gateway.access.facts import FORM, NOTHING
from gateway.access.floors import FloorHindrance
from gateway.access.passback import PassbackMode
from gateway.access.reasons import Reason
from gateway.access.trace import RuleOutcome
from gateway.explain.reason_table import REASONS
from gateway.explain.time_words import stamp_words, wall_words


class WordNames(Protocol):
    """The names of people and things, and times on the site's wall clock."""

    def person(self, id_: int) -> str:
        """The name of a person, or else `user` and the id."""

    def group(self, id_: int) -> str:
        """A group, as `group 'Office'`."""

    def area(self, id_: int) -> str:
        """An area, as `area 'Hall'`."""

    def door(self, number: int) -> str:
        """A door's bare name."""

    def wall(self, utc_s: int) -> int:
        """UTC seconds as seconds of the site's wall clock."""

    def wall_of_stamp(self, stamp: int) -> int:
        """A value of the API's time columns as seconds of the site's wall clock."""


@dataclass(frozen=True, slots=True)
class Known:
    """A reason and what its record holds."""

    reason: Reason
    facts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    rules: tuple[tuple[str, str], ...] = ()
    """Name and outcome of each rule that was evaluated."""
    clock_trusted: bool = True
    local: int = 0
    """The instant, in seconds of the site's wall clock."""

    @classmethod
    def of_body(cls, body: Mapping[str, Any], local: int, *, clock_trusted: bool = True) -> Known:
        """From the body of an entry. Raises ValueError for an unknown reason."""
        rules = tuple((step["name"], step["why"]) for step in body["trace"])
        return cls(Reason(body["reason"]), facts_of(body), rules, clock_trusted, local)


def facts_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts in the body of an entry; empty without facts of a known form."""
    facts = body.get("facts")
    return facts if isinstance(facts, Mapping) and facts.get("form") == FORM else NOTHING


def reason_words(known: Known, names: WordNames) -> str:
    """The words after `DENIED Ana at front:`; empty for a plain grant."""
    words = REASONS[known.reason].words
    detail = detail_words(known, names)
    if detail and known.reason in _WHOLE:
        return detail
    return ": ".join(part for part in (words, detail) if part)


def detail_words(known: Known, names: WordNames) -> str:
    """The recorded details of a reason; empty without any."""
    words = _DETAILS.get(known.reason)
    return words(known, names) if words is not None else ""


_WHOLE = frozenset({Reason.OUT_OF_TIME, Reason.BLOCKED, Reason.LOCK_DOWN})
"""Reasons whose details replace their words."""


def _rules(known: Known, *outcomes: RuleOutcome) -> str:
    """The names of the rules with one of these outcomes."""
    return ", ".join(dict.fromkeys(f"'{name}'" for name, why in known.rules if why in outcomes))


def _out_of_time(known: Known, _: WordNames) -> str:
    which = _rules(known, RuleOutcome.OUT_OF_TIME, RuleOutcome.NO_SCHEDULE)
    return f"outside the hours of {which}" if which else ""


def _blocked(known: Known, _: WordNames) -> str:
    which = _rules(known, RuleOutcome.BLOCKS)
    if not which:
        return ""
    why = ", whose hours apply at any time while the clock is not trusted"
    return f"blocked by {which}{'' if known.clock_trusted else why}"


def _conditions(known: Known, _: WordNames) -> str:
    return _rules(known, RuleOutcome.UNKNOWN_CONDITION)


def _unmet(known: Known, _: WordNames) -> str:
    return _rules(known, RuleOutcome.CONDITION_NOT_MET)


def _untrusted(known: Known, _: WordNames) -> str:
    return _rules(known, RuleOutcome.CLOCK_NOT_TRUSTED)


def _passback(known: Known, names: WordNames) -> str:
    facts = known.facts.get("passback")
    if facts is None:
        return ""
    if facts["rule"] == PassbackMode.TIMED:
        parts = [f"entered at {_at(facts['entered_s'], known, names)}"]
    else:
        there = names.area(facts["area_id"])
        before, beyond = names.area(facts["area_from_id"]), names.area(facts["area_to_id"])
        since = _at(facts["since_s"], known, names)
        parts = [f"in {there} since {since}, and the portal leads from {before} to {beyond}"]
    if "again_s" in facts:
        parts.append(f"again from {_at(facts['again_s'], known, names)}")
    elif facts["rule"] == PassbackMode.DAILY_BY_DIRECTION:
        parts.append("again from midnight")
    return ", ".join(parts)


def _lock_down(known: Known, names: WordNames) -> str:
    facts = known.facts.get(Reason.LOCK_DOWN)
    if facts is None:
        return ""
    where = f"door '{names.door(facts['door'])}'" if facts["door"] else "the device"
    parts = [f"{where} is locked down"]
    if "login" in facts:
        parts.append(f"by {facts['login']}")
    if "since" in facts:
        parts.append(f"since {_stamp(facts['since'], known, names)}")
    if "until" in facts:
        parts.append(f"until {_stamp(facts['until'], known, names)}")
    because = f" ({facts['reason']})" if "reason" in facts else ""
    return " ".join(parts) + because


def _threat(known: Known, _: WordNames) -> str:
    facts = known.facts.get(Reason.THREAT_LEVEL)
    return threat_words(facts["level"], facts["name"]) if facts else ""


def threat_words(level: int, name: str) -> str:
    """A threat level with what the site calls it."""
    return f"level {level} ({name})" if name else f"level {level}, which has no definition"


def _interlock(known: Known, names: WordNames) -> str:
    facts = known.facts.get(Reason.INTERLOCK)
    if facts is None:
        return ""
    if not facts["by"]:
        peer = facts.get("peer", "")
        return f"device '{peer}' {facts['why']}" if peer else str(facts["why"])
    return (
        f"door '{names.door(facts['door'])}' stays locked, since door "
        f"'{names.door(facts['by'])}' {facts['why']}"
    )


def _keypad(known: Known, names: WordNames) -> str:
    facts = known.facts.get("keypad")
    return f"until {_at(facts['until_s'], known, names)}" if facts else ""


def _persons(known: Known, names: WordNames) -> str:
    facts = known.facts.get("persons")
    if facts is None:
        return ""
    texts = []
    for rule in facts["rules"]:
        who = " and ".join(
            f"{count} of {names.group(group)}" if group else f"{count} more to enter together"
            for group, count in rule["missing"]
        )
        texts.append(f"{who} for '{rule['name']}'" if rule["id"] else who)
    missing = "; or ".join(texts)
    if "until_s" in facts:
        missing = f"{missing}, until {_at(facts['until_s'], known, names)}"
    return missing


_FACTOR_WORDS = {
    FactorMode.CARD_OR_PIN.word: "a card or a PIN",
    FactorMode.CARD.word: "a card only",
    FactorMode.PIN.word: "a PIN only",
    FactorMode.CARD_AND_PIN.word: "a card and a PIN",
}


def _factors(known: Known, _: WordNames) -> str:
    facts = known.facts.get("factors")
    if facts is None:
        return ""
    rows = ", ".join(map(str, facts["rows"]))
    level = f"threat level {facts['level']}" if "level" in facts else ""
    by = " and ".join(filter(None, (f"portal_factor_modes {rows}" if rows else "", level)))
    asks = f"{by}: {_FACTOR_WORDS[facts['mode']]}"
    why = ", since the hours of a row cannot be told, and the stricter counts then"
    return f"{asks}{why if facts['doubtful'] else ''}"


def _full(known: Known, names: WordNames) -> str:
    facts = known.facts.get("occupancy")
    if facts is None:
        return ""
    return f"{facts['inside']} of {facts['maximum']} in {names.area(facts['area_id'])}"


_WITHHELD = {
    FloorHindrance.SEVERAL_PERSONS.value: "its portal needs several persons",
    FloorHindrance.THREAT_LEVEL.value: "the threat level lets only listed groups go there",
    FloorHindrance.FACTORS.value: "its portal asks for more than was shown in the cab",
    FloorHindrance.AREA_FULL.value: "its area is full",
    FloorHindrance.AREA_MINIMUM.value: "too few enter its area together",
    FloorHindrance.HOST.value: "a visitor has no host there",
}


def withheld_words(facts: Mapping[str, Any]) -> str:
    """Which floors of lifts the rules release and something else withholds; empty for none."""
    return "; ".join(
        f"floor {floor} is withheld: {_WITHHELD.get(why, why.replace('_', ' '))}"
        for _lift, floors in sorted(facts.get("withheld", {}).items())
        for floor, why in sorted(floors.items())
    )


def _floors(known: Known, _: WordNames) -> str:
    return withheld_words(known.facts)


def _escort(known: Known, names: WordNames) -> str:
    facts = known.facts.get("escort")
    if facts is None:
        return ""
    hosts = dict.fromkeys(names.group(rule["group"]) for rule in facts["rules"])
    until = f", until {_at(facts['until_s'], known, names)}" if "until_s" in facts else ""
    return f"somebody of {' or '.join(hosts)}{until}"


def _valid(known: Known, names: WordNames) -> str:
    facts = known.facts.get("valid", {})
    parts = [
        f"valid {name} {stamp_words(names.wall_of_stamp(facts[name]))}"
        for name in ("from", "until")
        if name in facts
    ]
    return ", ".join(parts)


_CREDENTIALS = {"cards": "card", "qrcodes": "QR code", "uhf_tags": "UHF tag", "pins": "PIN"}


def _credential(known: Known, names: WordNames) -> str:
    facts = known.facts.get("credential")
    if facts is None:
        return ""
    parts = [f"{_CREDENTIALS[facts['object']]} {facts['id']} of {facts['object']}"]
    parts += [
        f"valid {name} {stamp_words(names.wall_of_stamp(facts[name]))}"
        for name in ("from", "until")
        if name in facts
    ]
    if known.reason is Reason.CREDENTIAL_USED_UP and "uses" in facts:
        parts.append(f"good for {facts['uses']} entries in all")
    return ", ".join(parts)


def _ended(known: Known, names: WordNames) -> str:
    facts = known.facts.get("ended")
    if facts is None:
        return ""
    parts = [f"membership in {names.group(group)}" for group in facts["groups"]]
    parts += [f"own rule {rule}" for rule in facts["rules"]]
    return ", ".join(parts)


def _unreachable(known: Known, names: WordNames) -> str:
    facts = known.facts.get(Reason.DOOR_UNREACHABLE)
    if facts is None:
        return ""
    # What a server names, and this site does not have, may be no door.
    return f"door '{names.door(facts['door'])}': {facts['why']}" if facts["door"] else facts["why"]


def _error(known: Known, _: WordNames) -> str:
    return str(known.facts.get(Reason.INTERNAL_ERROR, {}).get("error", ""))


def _server(known: Known, _: WordNames) -> str:
    facts = known.facts.get("server", {})
    message = f'"{facts["message"]}"' if "message" in facts else ""
    return ", ".join(part for part in (facts.get("why", ""), message) if part)


_DETAILS: Mapping[Reason, Callable[[Known, WordNames], str]] = {
    Reason.OUT_OF_TIME: _out_of_time,
    Reason.BLOCKED: _blocked,
    Reason.CLOCK_NOT_TRUSTED: _untrusted,
    Reason.UNKNOWN_CONDITION: _conditions,
    Reason.CONDITION_NOT_MET: _unmet,
    Reason.PASSBACK: _passback,
    Reason.LOCK_DOWN: _lock_down,
    Reason.THREAT_LEVEL: _threat,
    Reason.INTERLOCK: _interlock,
    Reason.KEYPAD_LOCKED: _keypad,
    Reason.AREA_FULL: _full,
    Reason.NO_FLOOR: _floors,
    Reason.WAITING_FOR_HOST: _escort,
    Reason.WAITING_FOR_PERSONS: _persons,
    Reason.PERSONS_MISSING: _persons,
    Reason.NO_PLACE_AMONG_PERSONS: _persons,
    Reason.FIRST_FACTOR_MISSING: _factors,
    Reason.NO_SECOND_FACTOR_HERE: _factors,
    Reason.PIN_NOT_ACCEPTED: _factors,
    Reason.CARD_NOT_ACCEPTED: _factors,
    **dict.fromkeys((reason for reason in Reason if reason.of_credential), _credential),
    Reason.RIGHT_ENDED: _ended,
    Reason.NOT_YET_VALID: _valid,
    Reason.EXPIRED: _valid,
    Reason.DOOR_UNREACHABLE: _unreachable,
    Reason.INTERNAL_ERROR: _error,
    Reason.SERVER_GRANTED: _server,
    Reason.SERVER_DENIED: _server,
    Reason.SERVER_NOT_IDENTIFIED: _server,
    Reason.SERVER_FACTOR_DUE: _server,
    Reason.SERVER_UNDECIDED: _server,
    Reason.SERVER_AWAY: _server,
}


def violation_words(known: Known, names: WordNames) -> str:
    """The violation that anti-passback recorded with a grant."""
    details = _passback(known, names) or "an older version recorded no details"
    return f"anti-passback violation: {details}"


def unrecorded(known: Known) -> bool:
    """Whether the facts that the reason needs are missing from the record."""
    needed = REASONS[known.reason].facts
    return bool(needed) and needed not in known.facts


def _at(utc_s: int, known: Known, names: WordNames) -> str:
    return wall_words(names.wall(utc_s), known.local)


def _stamp(stamp: int, known: Known, names: WordNames) -> str:
    return wall_words(names.wall_of_stamp(stamp), known.local)
