"""Dates of a spreadsheet in columns of times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gateway.commands.date_cells import seconds_of_date

if TYPE_CHECKING:
    from .conftest import Desk

SIX = int(datetime(2026, 12, 31, 18, tzinfo=UTC).timestamp())
MIDNIGHT = int(datetime(2026, 12, 31, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-31 18:00",
        "2026-12-31T18:00:00",
        "31.12.2026 18:00",
        "31/12/2026 18:00",
        "12/31/2026 18:00:00",
    ],
)
def test_a_date_with_one_meaning_is_that_time_of_the_clock_on_the_wall(text: str) -> None:
    assert seconds_of_date(text, is_end=False) == SIX
    assert seconds_of_date(text, is_end=True) == SIX


def test_a_date_alone_is_its_day_from_the_first_second_to_the_last() -> None:
    assert seconds_of_date("31.12.2026", is_end=False) == MIDNIGHT
    assert seconds_of_date("31.12.2026", is_end=True) == MIDNIGHT + 86_399


def test_slashes_with_the_same_day_and_month_have_one_meaning() -> None:
    assert seconds_of_date("4/4/2026", is_end=False) == seconds_of_date("4.4.2026", is_end=False)


def test_day_and_month_that_cannot_be_told_apart_are_refused_with_both() -> None:
    with pytest.raises(ValueError, match="may be 2026-04-03 or 2026-03-04"):
        seconds_of_date("03/04/2026", is_end=False)


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2026",
        "31/12/26",
        "0/5/2026",
        "13/13/2026",
        "2026-12-31 25:00",
        "2026-12-31 6 PM",
        "soon",
        "1.5",
    ],
)
def test_what_is_no_date_is_refused_with_the_forms_that_are_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"2026-12-31 18:00.*expected, got"):
        seconds_of_date(text, is_end=False)


def test_dates_of_people_are_imported(desk: Desk) -> None:
    text = "name;begin_time;end_time\nIvo;31.12.2026;31/12/2026\n"
    desk.ask("import_objects", {"object": "users", "data": text})
    found = desk.ask("load_objects", {"object": "users"})["users"][-1]
    assert (found["begin_time"], found["end_time"]) == (MIDNIGHT, MIDNIGHT + 86_399)


def test_a_refused_date_names_column_and_row(desk: Desk) -> None:
    text = "name;end_time\nIvo;31/12/2026\nRita;03/04/2026\n"
    before = desk.content()
    status, said = desk.refusal("import_objects", {"object": "users", "data": text})
    assert status == 400
    assert "end_time" in said
    assert "'03/04/2026' may be 2026-04-03 or 2026-03-04" in said
    assert "row 3" in said
    assert desk.content() == before
