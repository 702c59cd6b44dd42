"""Searches as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

NOON = 1_751_371_200  # 1 July 2025, 12:00:00 on the site's clock


@pytest.fixture
def people(desk: Desk) -> Desk:
    names = ["Ana", "Bruno", "Carla\r\nDias", "Édson"]
    desk.ask(
        "create_objects",
        {
            "object": "users",
            "values": [
                {"id": number, "name": name, "begin_time": NOON, "password": "hash"}
                for number, name in enumerate(names, start=1)
            ],
        },
    )
    return desk


def column(name: str, **form: Any) -> dict[str, Any]:
    wanted = {"type": "object_field", "object": "users", "field": name}
    return {**wanted, "format": form} if form else wanted


def test_a_line_is_the_values_joined_by_the_delimiter(people: Desk) -> None:
    body = {"object": "users", "columns": [column("id"), column("name")]}
    assert people.text("report_generate", body) == "1;Ana\r\n2;Bruno\r\n3;Carla Dias\r\n4;Édson\r\n"


def test_header_delimiter_line_break_and_file_name_are_the_clients(people: Desk) -> None:
    answer = people.send(
        "report_generate",
        json={
            "object": "users",
            "where": {"users": {"id": {"<": 3}}},
            "order": ["id", "descending"],
            "delimiter": "|",
            "line_break": "\n",
            "header": "Nr|Who",
            "file_name": 'who"s\r\nin.txt',
            "columns": [column("id"), column("name")],
        },
    )
    assert answer.text == "Nr|Who\n2|Bruno\n1|Ana\n"
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="who_s__in.txt"'


def test_counters_and_fixed_texts_are_columns(people: Desk) -> None:
    body = {
        "object": "users",
        "limit": 3,
        "columns": [
            {"type": "counter", "offset": 10, "step": 5},
            {"type": "fixed", "fixed": "x"},
            {"type": "counter"},
        ],
    }
    assert people.text("report_generate", body) == "10;x;0\r\n15;x;1\r\n20;x;2\r\n"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"width": 5}, "Ana  "),
        ({"width": 5, "adjustment": 2}, "  Ana"),
        ({"width": 5, "adjustment": 2, "fill": "."}, "..Ana"),
        ({"width": 2}, "An"),
        ({"format": "%s"}, "Ana"),
        ({"format": "<%s>", "width": 7}, "<Ana>  "),
        ({"format": "%Y"}, "Ana"),
    ],
)
def test_a_text_is_padded_cut_and_framed(people: Desk, form: dict[str, Any], text: str) -> None:
    body = {"object": "users", "limit": 1, "columns": [column("name", **form)]}
    assert people.text("report_generate", body) == f"{text}\r\n"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d/%m/%Y %H:%M:%S", "01/07/2025 12:00:00"),
        ("%A %d %B %y", "Tuesday 01 July 25"),
        ("%s", str(NOON)),
        ("%d", str(NOON)),
    ],
)
def test_a_time_is_that_of_the_wall_clock(people: Desk, form: str, text: str) -> None:
    body = {"object": "users", "limit": 1, "columns": [column("begin_time", format=form)]}
    assert people.text("report_generate", body) == f"{text}\r\n"


@pytest.mark.parametrize("form", ["%9999999999Y", "%q", "100%", "%-d"])
def test_a_format_that_is_not_known_is_refused(people: Desk, form: str) -> None:
    body = {"object": "users", "columns": [column("begin_time", format=form)]}
    status, text = people.refusal("report_generate", body)
    assert status == 400
    assert "format" in text


def test_other_objects_and_counts_are_columns(people: Desk) -> None:
    people.ask(
        "create_objects",
        {"object": "user_groups", "values": [{"user_id": 2, "group_id": 1}]},
    )
    joined = {
        "object": "users",
        "join": "LEFT",
        "columns": [column("id"), {"type": "object_field", "object": "groups", "field": "name"}],
    }
    assert people.text("report_generate", joined) == "1;\r\n2;Standard\r\n3;\r\n4;\r\n"
    counted = {"object": "users", "columns": [column("COUNT(*)")]}
    assert people.text("report_generate", counted) == "4\r\n"


def test_secrets_are_columns_for_administrators_alone(people: Desk) -> None:
    body = {"object": "users", "limit": 1, "columns": [column("password")]}
    assert people.text("report_generate", body) == "hash\r\n"
    status, text = people.refusal("report_generate", body, login="operator")
    assert (status, text) == (400, "password is not a column of table users")


def test_a_report_of_many_rows_comes_in_pieces_and_whole(desk: Desk) -> None:
    values = [{"id": number, "name": "x" * 50} for number in range(1, 3_001)]
    desk.ask("create_objects", {"object": "users", "values": values})
    text = desk.text("report_generate", {"object": "users", "columns": [column("id")]})
    assert text == "".join(f"{number}\r\n" for number in range(1, 3_001))


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (None, "columns"),
        ([], "columns"),
        ([{"type": "object_field"}], "field"),
        ([{"type": "barcode"}], "columns"),
        ([{"field": "id"}], "columns"),
        ([column("nonsense")], "nonsense"),
        ([column("name", width="wide")], "width"),
        ([column("name", width=100_000)], "width"),
    ],
)
def test_wrong_columns_are_refused_by_name(people: Desk, columns: Any, named: str) -> None:
    status, text = people.refusal("report_generate", {"object": "users", "columns": columns})
    assert status == 400
    assert named in text


def test_a_report_is_audited(people: Desk) -> None:
    people.text("report_generate", {"object": "users", "columns": [column("id")]}, "operator")
    assert "operator (operator) at 127.0.0.1: report_generate users" in people.audit()
