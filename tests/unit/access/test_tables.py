"""Runs the truth tables in `tables/`: sites, cases and what the door does."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.access.credential_terms import CredentialKey, CredentialStatus, CredentialTerms
from gateway.access.decision import decide
from gateway.access.log_events import AccessEvent
from gateway.access.person import Person
from gateway.access.policy import compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    ActionRow,
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
    ValidationRow,
)
from gateway.access.slices import drain
from gateway.clock import Moment

Table = dict[str, Any]

TABLES = Path(__file__).with_name("tables")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3")
GROUPS = ("hol1", "hol2", "hol3")


def read(name: str) -> Table:
    return tomllib.loads((TABLES / name).read_text(encoding="utf-8"))


def stamp(value: datetime | int | None) -> int | None:
    return int(value.replace(tzinfo=UTC).timestamp()) if isinstance(value, datetime) else value


def second(value: time | int) -> int:
    if isinstance(value, int):
        return value
    return value.hour * 3600 + value.minute * 60 + value.second


def flags(words: str, names: tuple[str, ...]) -> list[int]:
    assert set(words.split()) <= set(names)
    return [int(name in words.split()) for name in names]


def ids(table: Table, kind: str, names: list[str | int]) -> list[int]:
    return [name if isinstance(name, int) else table[kind][name]["id"] for name in names]


def links(table: Table, left: str, right: str) -> list[LinkRow]:
    """Pairs of a row of `left` with each row of `right` that its key of that name lists."""
    return [
        LinkRow(row["id"], other)
        for row in table[left].values()
        for other in ids(table, right, row.get(right, []))
    ]


def rule_links(table: Table, key: str) -> list[LinkRow]:
    rules = table["rules"].values()
    return [
        LinkRow(other, rule["id"]) for rule in rules for other in ids(table, key, rule.get(key, []))
    ]


def site(table: Table) -> PolicyRows:
    number = count(1)
    return PolicyRows(
        version=1,
        portals=[
            PortalRow(row["id"], name, row["from_area"], row["to_area"])
            for name, row in table["portals"].items()
        ],
        access_rules=[
            RuleRow(row["id"], name, row["type"]) for name, row in table["rules"].items()
        ],
        portal_access_rules=rule_links(table, "portals"),
        area_access_rules=rule_links(table, "areas"),
        group_access_rules=rule_links(table, "groups"),
        access_rule_time_zones=links(table, "rules", "zones"),
        validations=[
            ValidationRow(number, word, parameters)
            for number, (word, parameters) in enumerate(table.get("validations", ()), 1)
        ],
        access_rule_validations=[
            LinkRow(row["id"], validation)
            for row in table["rules"].values()
            for validation in row.get("validations", [])
        ],
        user_identification_rules=[
            LinkRow(row["id"], 1)
            for row in table["people"].values()
            if row.get("identification_rule")
        ],
        group_identification_rules=[
            LinkRow(row["id"], 1) for row in table.get("conditional_groups", {}).values()
        ],
        portal_actions=links(table, "portals", "actions"),
        access_rule_actions=links(table, "rules", "actions"),
        time_zones=[TimeZoneRow(row["id"], name) for name, row in table["zones"].items()],
        time_spans=[
            TimeSpanRow(
                next(number),
                row["id"],
                second(span["from"]),
                second(span["to"]),
                *flags(span["days"], DAYS),
            )
            for row in table["zones"].values()
            for span in row["spans"]
        ],
        holidays=[
            HolidayRow(
                row["id"],
                name,
                stamp(row["from"]) or 0,
                stamp(row["to"]) or 0,
                *(*flags(row["groups"], GROUPS), int(row.get("repeats", False))),
            )
            for name, row in table.get("holidays", {}).items()
        ],
        actions=[
            ActionRow(row["id"], name, row["script"], row["parameters"], row["run_at"])
            for name, row in table.get("actions", {}).items()
        ],
    )


def person(table: Table, name: str) -> Person:
    row = table["people"][name]
    return Person(
        row["id"],
        begin_time=stamp(row.get("begin")),
        end_time=stamp(row.get("end")),
        group_ids=tuple(row.get("groups", ())),
        own_rule_ids=tuple(ids(table, "rules", row.get("rules", []))),
        group_ends=tuple(
            (int(group), stamp(end) or 0) for group, end in row.get("group_ends", {}).items()
        ),
        rule_ends=tuple(
            (table["rules"][rule]["id"], stamp(end) or 0)
            for rule, end in row.get("rule_ends", {}).items()
        ),
        credentials=tuple(
            CredentialTerms(
                CredentialKey.CARDS,
                1,
                CredentialStatus[card["status"].upper()]
                if "status" in card
                else card.get("raw", 0),
                stamp(card.get("begin")),
                stamp(card.get("end")),
                card.get("uses", 0),
                card.get("used", 0),
            )
            for card in row.get("cards", ())
        ),
    )


def cases() -> list[Any]:
    return [
        pytest.param(table, case, id=f"{name}: {case['says']}")
        for name in ("rules.toml", "schedule.toml", "validity.toml")
        for table in [read(name)]
        for case in table["case"]
    ]


@pytest.mark.parametrize(("table", "case"), cases())
def test_the_door_does_what_the_table_says(table: Table, case: Table) -> None:
    at = stamp(case["at"]) or 0
    moment = Moment(at, at, case.get("trusted", True))
    who = person(table, case["who"])
    [portal_id] = ids(table, "portals", [case["where"]])

    decision = decide(drain(compile_policy(site(table))), who, portal_id, moment)

    assert decision.reason == case["reason"]
    assert decision.allowed is (case["reason"] == "granted")
    assert (decision.user_id, decision.portal_id) == (who.id, portal_id)
    if "rules" in case:
        assert decision.rule_ids == tuple(ids(table, "rules", case["rules"]))
    if "runs" in case:
        assert [action.id for action in decision.actions] == ids(table, "actions", case["runs"])


@pytest.mark.parametrize("row", read("reasons.toml")["row"], ids=lambda row: row["reason"])
def test_each_reason_has_the_event_of_the_table(row: Table) -> None:
    reason = Reason(row["reason"])
    assert reason.event == AccessEvent(row["event"])
    assert reason.allowed is row["allowed"]


def test_the_table_of_reasons_is_complete() -> None:
    assert {row["reason"] for row in read("reasons.toml")["row"]} == set(Reason)
