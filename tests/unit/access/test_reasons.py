"""The one table of reasons: complete, and its remedies name what exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from string import Template
from typing import Any

import pytest

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.access.reasons import Reason
from gateway.access.signals import Cue
from gateway.alarms.causes import CAUSE_WORDS, AlarmCause
from gateway.commands.table import COMMANDS
from gateway.explain.reason_table import OPENINGS, REASONS
from gateway.explain.reason_words import Known, reason_words
from gateway.explain.stages import Stage, StageVerdict
from gateway.objects.catalogue import REGISTRY
from gateway.objects.configuration_keys import CONFIGURATION

DAY = 86_400
NOON = 20_000 * DAY + 12 * 3_600


class PlainNames:
    """Names of a site whose wall clock is UTC."""

    def person(self, id_: int) -> str:
        return f"user {id_}"

    def group(self, id_: int) -> str:
        return f"group '{id_}'"

    def area(self, id_: int) -> str:
        return f"area '{id_}'"

    def door(self, number: int) -> str:
        return {1: "front", 2: "back"}[number]

    def wall(self, utc_s: int) -> int:
        return utc_s

    def wall_of_stamp(self, stamp: int) -> int:
        return stamp


def test_every_reason_opening_and_cause_has_its_entry() -> None:
    assert set(REASONS) == set(Reason)
    assert set(OPENINGS) == set(OpeningCause)
    assert set(CAUSE_WORDS) == set(AlarmCause) - {AlarmCause.NONE}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_a_gate_words_and_a_remedy(reason: Reason) -> None:
    entry = REASONS[reason]
    if reason is Reason.GRANTED:
        assert (entry.stage, entry.words, entry.remedy) == (None, "", "")
        return
    assert isinstance(entry.stage, Stage) is not reason.allowed
    assert entry.words == entry.words.strip(".") != ""
    passes = entry.verdict in (StageVerdict.FREES, StageVerdict.PASSES)
    assert bool(entry.remedy) is not passes
    assert (reason.cue is Cue.GRANT) is (reason.event is AccessEvent.GRANTED)
    assert (reason.cue is Cue.WAIT) is (entry.verdict is StageVerdict.WAITS)
    assert reason_words(Known(reason), PlainNames()) == entry.words, "nothing was recorded"


@pytest.mark.parametrize("reason", Reason)
def test_a_remedy_names_commands_objects_and_keys_that_exist(reason: Reason) -> None:
    known = set(COMMANDS) | {declared.name for declared in REGISTRY}
    known |= {f"{key.module}.{key.key}" for key in CONFIGURATION}
    remedy = Template(REASONS[reason].remedy).substitute(user=1, portal=2, door=3)
    columns = {"begin_time", "end_time", "user_id"}
    for word in re.findall(r"\b[a-z]+(?:[_.][a-z_]+)+\b", remedy):
        assert word in known | columns, word


CASES = tomllib.loads(
    (Path(__file__).parent / "tables" / "facts.toml").read_text(encoding="utf-8")
)["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["words"])
def test_what_was_known_is_told(case: dict[str, Any]) -> None:
    known = Known(Reason(case["reason"]), case["facts"], local=NOON)
    assert reason_words(known, PlainNames()) == case["words"]
    assert REASONS[known.reason].facts in known.facts


def test_the_rules_that_decided_are_named() -> None:
    rules = (("Office", "out_of_time"), ("Night", "other_place"))
    known = Known(Reason.OUT_OF_TIME, rules=rules)
    assert reason_words(known, PlainNames()) == "outside the hours of 'Office'"
    blocked = Known(Reason.BLOCKED, rules=(("Out", "blocks"),), clock_trusted=False)
    assert reason_words(blocked, PlainNames()) == (
        "blocked by 'Out', whose hours apply at any time while the clock is not trusted"
    )


def test_each_reason_that_needs_facts_has_words_for_them() -> None:
    told = {Reason(case["reason"]) for case in CASES}
    persons = {Reason.WAITING_FOR_PERSONS, Reason.PERSONS_MISSING, Reason.NO_PLACE_AMONG_PERSONS}
    needs = {reason for reason, entry in REASONS.items() if entry.facts}
    credentials = {reason for reason in Reason if reason.of_credential}
    assert told | persons | credentials | {Reason.NOT_YET_VALID} == needs
