"""Each journal entry as an event: what happened, to whom and where."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.access.log_events import OpeningCause
from gateway.access.reasons import Reason
from gateway.clock import DeviceTime
from gateway.commands.events import _KINDS, _access_events
from gateway.explain.entry_words import line_of
from gateway.explain.event import Event, EventKind, LogOnly
from gateway.explain.events import _EVENTS, event_of
from gateway.explain.names import SiteNames
from gateway.settings import parse_site
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.triggers.words import Occurrence
from tests.demo_site import DEMO

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
NAMES = {("users", 1): "Ana", ("users", 2): "Bruno", ("portals", 1): "Standard"}
TABLES = Path(__file__).parent / "tables"
LINES = tomllib.loads((TABLES / "entries.toml").read_text(encoding="utf-8"))["case"]
CASES = tomllib.loads((TABLES / "events.toml").read_text(encoding="utf-8"))["case"]


def event(kind: str, body: dict[str, Any]) -> Event | None:
    names = SiteNames(
        parse_site(DEMO, "site"),
        DeviceTime(lambda: UTC),
        lambda table, id_: NAMES.get((table, id_), ""),
    )
    row = {"row": {"id": 5, **body["row"]}} if "row" in body else {}
    entry = CommittedEntry(1, EntryKind(kind), {**body, **row}, AT)
    made = event_of(entry, names, {1: (1,), 2: (2,)})
    line = line_of(entry.kind, entry.body, AT, names)
    assert (made is None) is (line is None), "what has a line is an event"
    assert made is None or entry.kind in _KINDS[made.kind], "the filter of its kind finds it"
    if made is not None and entry.kind is EntryKind.ACCESS:
        assert body["row"]["event"] in _access_events([made.kind])
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']} {case['what']}")
def test_an_entry_is_an_event_with_the_values_of_its_sentence(case: dict[str, Any]) -> None:
    made = event(case["kind"], case["body"])
    assert made is not None
    assert (made.kind, made.what) == (case["is"], case["what"])
    assert made.values == case["values"]
    assert made.users == tuple(case.get("users", ()))
    assert made.doors == tuple(case.get("doors", ()))


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["line"])
def test_what_has_a_line_is_an_event(case: dict[str, Any]) -> None:
    assert event(case["kind"], case["body"]) is not None


def test_every_occurrence_is_in_the_table() -> None:
    assert {case["what"] for case in CASES} == {*Occurrence, *LogOnly} - {Occurrence.FAULT_OVER}
    assert set(_EVENTS) == set(EntryKind) - {EntryKind.ACCESS}
    assert set(_KINDS) == set(EventKind)


def test_a_fault_without_a_reason_is_over() -> None:
    made = event("fault", {"part": "rex front", "why": None})
    assert made is not None
    assert (made.what, made.values) == (Occurrence.FAULT_OVER, {"part": "rex front"})


@pytest.mark.parametrize("reason", [*Reason, *OpeningCause])
def test_every_reason_is_an_event_even_where_nothing_was_recorded(
    reason: Reason | OpeningCause,
) -> None:
    event_of_cause = {OpeningCause.BUTTON: 11, OpeningCause.OPENED_BY_CLIENT: 10}
    row = {"user_id": 1, "portal_id": 1}
    row["event"] = reason.event if isinstance(reason, Reason) else event_of_cause.get(reason, 6)
    body = {"row": row, "reason": reason.value, "trace": [], "rules": []}
    made = event("access", body)
    assert made is not None
    assert made.values["where"] == "front"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("mode", {"timed": 1, "mode": "emergency", "until_utc": 1, "left_ms": 1}),
        ("mode", {"stored": 1, "mode": "emergency"}),
        ("entry", {"zone": 1, "entry": "alarm", "left_ms": 0}),
        ("passage", {"user_id": 1, "portal_id": 1, "area_id": 1, "utc_s": 1, "day": 1}),
        ("clock", {"floor_utc": 1}),
        ("code_used", {"card_id": 1, "card_value": 1, "step": 1, "oldest": 1}),
        ("card_spent", {"card_id": 1, "card_value": 1}),
        ("credential_used", {"object": "cards", "row_id": 1, "user_id": 1, "used": 1}),
        ("duress", {"cause": 10, "user_id": 1}),
    ],
)
def test_what_only_the_controller_needs_is_no_event(kind: str, body: dict[str, Any]) -> None:
    assert event(kind, body) is None
