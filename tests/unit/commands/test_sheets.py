"""The rows of a CSV file are read from its text, as often as they are asked for."""

from __future__ import annotations

import tracemalloc

from gateway.commands.sheets import sheets

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
