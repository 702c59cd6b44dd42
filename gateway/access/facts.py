"""What the controller knew at the instant of an access, as the journal keeps it beside the reason.

Plain data: names, numbers and times, never a credential, a PIN or a password. Its size is bounded,
since a row that waits for a full disk is kept in memory. `gateway.explain.reason_words` puts it
into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gateway.access.attempt import Place
from gateway.access.multi_person import Shortage
from gateway.access.passback import Violation
from gateway.access.person import Person
from gateway.access.reasons import Reason

FORM = 1
"""Of the facts in an entry (`form`); a later program that means something else by a name raises
it, and an older one then says that it cannot read them."""
MOST = 16
"""Items of a list that are kept."""
LONGEST = 200
"""Characters of a text that are kept."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def of_passback(found: Violation) -> Mapping[str, Any]:
    """What anti-passback refuses, or notes."""
    return {"passback": found.facts()}


def of_keypad(until_s: int) -> Mapping[str, Any]:
    """A locked keypad; `until_s` is UTC seconds."""
    return {"keypad": {"until_s": until_s}}


def of_persons(
    present: Sequence[Person], missing: Sequence[Shortage], until_s: int | None = None
) -> Mapping[str, Any]:
    """Who is there and who is missing for each rule, and until when they are waited for."""
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


def of_refusal(reason: Reason, person: Person, place: Place) -> Mapping[str, Any]:
    """What a refusal before the rules, or by the doors, rests on."""
    if reason in (Reason.NOT_YET_VALID, Reason.EXPIRED):
        stamps = {"from": person.begin_time, "until": person.end_time}
        return {"valid": {name: stamp for name, stamp in stamps.items() if stamp}}
    return {reason.value: dict(place.facts[reason])} if reason in place.facts else NOTHING


def cut(text: str) -> str:
    """`text`, at most as long as a record keeps it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
