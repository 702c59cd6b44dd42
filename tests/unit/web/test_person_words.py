"""What a person may do is said in one sentence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gateway.web.languages import speaking
from gateway.web.person_words import may_pass

NOW = datetime(2026, 11, 18, 12)  # noqa: DTZ001 - wall time
DAYS = [f"2026-11-{day}" for day in range(16, 23)]
ALL_WEEK = [(16, "00:00:00", 22, "23:59:59")]
OFFICE = [(day, "08:00:00", day, "17:59:59") for day in range(16, 21)]
NIGHT = [(16, "22:00:00", 17, "05:59:59")]
SATURDAY = [(21, "09:00:00", 21, "11:59:59")]

Spans = list[tuple[int, str, int, str]]


def _week(portals: dict[str, Spans]) -> dict[str, Any]:
    return {
        "days": [{"date": day} for day in DAYS],
        "portals": [
            {
                "name": name,
                "passes": [
                    {"from": f"2026-11-{first}T{begin}", "to": f"2026-11-{last}T{end}"}
                    for first, begin, last, end in spans
                ],
            }
            for name, spans in portals.items()
        ],
    }


def _said(
    portals: dict[str, Spans], begin: datetime | None = None, end: datetime | None = None
) -> str:
    return may_pass(_week(portals), begin, end, NOW)


@pytest.mark.parametrize(
    ("portals", "text"),
    [
        ({}, "May pass no door this week."),
        ({"front": []}, "May pass no door this week."),
        ({"front": ALL_WEEK}, "May pass front every day, all day."),
        ({"front": OFFICE}, "May pass front Mon-Fri 08:00-18:00."),
        (
            {"front": [*OFFICE, *SATURDAY]},
            "May pass front Mon-Fri 08:00-18:00, Sat 09:00-12:00.",
        ),
        ({"gate": NIGHT}, "May pass gate Mon 22:00-24:00, Tue 00:00-06:00."),
        (
            {"front": OFFICE, "back": OFFICE, "gate": SATURDAY},
            "May pass front, back Mon-Fri 08:00-18:00; gate Sat 09:00-12:00.",
        ),
    ],
)
def test_the_days_with_the_same_times_are_said_together(
    portals: dict[str, Spans], text: str
) -> None:
    assert _said(portals) == text


def test_validity_goes_before_the_rules() -> None:
    past = datetime(2026, 11, 1)  # noqa: DTZ001 - wall time
    future = datetime(2026, 12, 31, 18)  # noqa: DTZ001 - wall time
    assert _said({"front": ALL_WEEK}, end=past) == "Not valid any more: ended 2026-11-01 00:00."
    assert _said({"front": ALL_WEEK}, begin=future) == "Not valid yet: begins 2026-12-31 18:00."
    assert _said({"front": OFFICE}, past, future) == (
        "May pass front Mon-Fri 08:00-18:00, until 2026-12-31 18:00."
    )


def test_a_sentence_with_many_different_times_counts_the_rest() -> None:
    doors = {
        f"door {hour}": [(16, f"{hour:02d}:00:00", 16, f"{hour:02d}:29:59")]
        for hour in range(8, 14)
    }
    assert _said(doors).endswith("; 2 doors more.")


def test_the_sentence_is_said_in_the_language_of_the_visit() -> None:
    with speaking("pt"):
        assert _said({"front": OFFICE}) == "Pode passar: front - seg-sex 08:00-18:00."
