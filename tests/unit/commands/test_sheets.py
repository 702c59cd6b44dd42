"""The rows of a CSV file are read from its text, as often as they are asked for."""

from __future__ import annotations

import tracemalloc

import pytest

from gateway.commands.sheets import MOST_COLUMNS, sheets
from gateway.errors import InvalidRequest

MOST_BYTES = 200_000
ROWS = 20_000
SEVERAL = (
    '#groups\r\nname\r\n"One\r\nand more"\r\nTwo\r\n\r\n#users\r\n,id,name\r\n\r\n,7\r\n,8,Eva\r\n'
)


def test_rows_can_be_read_again_and_keep_their_numbers() -> None:
    groups, users = sheets(SEVERAL, None)
    for _ in range(2):
        assert [(it.number, it.cells) for it in groups.rows] == [
            (3, ["One\r\nand more"]),
            (4, ["Two"]),
        ]
        assert [(it.number, it.cells) for it in users.rows] == [(9, ["7", ""]), (10, ["8", "Eva"])]
    assert (len(groups.rows), len(users.rows)) == (2, 2)


def test_a_large_file_is_not_kept_as_rows() -> None:
    text = "id,name\n" + "".join(f"{number},Person {number}\n" for number in range(ROWS))
    tracemalloc.start()
    try:
        [users] = sheets(text, "users")
        assert sum(1 for _ in users.rows) == len(users.rows) == ROWS
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES < len(text)


def test_a_table_has_a_bounded_number_of_columns() -> None:
    titles = ",".join(f"c{number}" for number in range(MOST_COLUMNS))
    [users] = sheets(f"{titles}\n{'1,' * MOST_COLUMNS}\n", "users")
    assert len(next(iter(users.rows)).cells) == MOST_COLUMNS
    # The time that each row takes grew with the square of this number: of 100,000, minutes.
    with pytest.raises(InvalidRequest, match="row 1 has 1001 cells: at most 1000 columns"):
        sheets(f"{titles},more\n", "users")


def test_cells_outside_the_named_columns_are_refused_wherever_they_stand() -> None:
    for row in ("1,x,2", "1,,2,x"):
        with pytest.raises(InvalidRequest, match=r"row 2 has .* 'x' is in none of them"):
            sheets(f"id,,name\n{row}\n", "users")
    [users] = sheets("id,,name\n1, ,2,,\n", "users")
    assert next(iter(users.rows)).cells == ["1", "2"]
