"""One line for each journal entry."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.access.log_events import OpeningCause
from gateway.access.reasons import Reason
from gateway.clock import DeviceTime
from gateway.doors.values import Mode
from gateway.errors import StorageError
from gateway.explain.entry_words import _CLOCKS, _LINES, _MODES, line_of
from gateway.explain.names import SiteNames
from gateway.host.clock_trust import ClockVerdict
from gateway.settings import parse_site
from gateway.store.journal import EntryKind
from tests.demo_site import DEMO

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
NAMES = {("users", 1): "Ana", ("users", 2): "Bruno", ("portals", 1): "Standard"}


def names(lookup: Any = lambda table, id_: NAMES.get((table, id_), "")) -> SiteNames:
    return SiteNames(parse_site(DEMO, "site"), DeviceTime(lambda: UTC), lookup)


def access(reason: str, event: int) -> dict[str, Any]:
    """An entry of an older program, which recorded no facts."""
    row = {"user_id": 1, "portal_id": 1, "event": event}
    return {"row": row, "reason": reason, "trace": [], "rules": []}


CASES = tomllib.loads(
    (Path(__file__).parent / "tables" / "entries.toml").read_text(encoding="utf-8")
)["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["line"])
def test_an_entry_is_one_line(case: dict[str, Any]) -> None:
    line = line_of(EntryKind(case["kind"]), case["body"], AT, names())
    assert line is not None
    assert (line.priority.name.lower(), line.text[: len(case["line"])]) == (
        case["priority"],
        case["line"],
    )


def test_every_kind_of_entry_has_words_or_is_known_to_have_none() -> None:
    assert set(_LINES) == set(EntryKind) - {EntryKind.ACCESS}


@pytest.mark.parametrize("reason", [*Reason, *OpeningCause])
def test_every_reason_has_a_line_even_where_nothing_was_recorded(
    reason: Reason | OpeningCause,
) -> None:
    event = reason.event if isinstance(reason, Reason) else 10
    line = line_of(EntryKind.ACCESS, access(reason.value, event), AT, names())
    assert line is not None
    assert line.text


def test_names_that_cannot_be_read_are_replaced_by_ids() -> None:
    def away(_table: str, _id: int) -> str:
        raise StorageError("the store cannot be read")

    line = line_of(EntryKind.ACCESS, access("granted", 7), AT, names(away))
    assert line is not None
    assert line.text == "GRANTED user 1 at portal 1 (PIN or password)"


def test_every_verdict_about_the_clock_has_words() -> None:
    assert set(_CLOCKS) == {verdict.value for verdict in ClockVerdict}


def test_every_mode_of_a_door_has_words() -> None:
    assert set(_MODES) == set(Mode)
