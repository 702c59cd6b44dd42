"""What can become of a file on a bad card, the same in every run."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from gateway.store.objects.schema import quote
from tests.faults.flips import drawn

Damage = Callable[[Path], None]

VALUES = ("x'00ff'", "'\u00e9' || char(0)", "9223372036854775807", "-1", "1e300", "NULL", "''")
"""In the place of a value, as SQL."""
PAGE = 4_096


def flip(draw: random.Random) -> Damage:
    """One bit turned over."""
    return drawn(draw).apply


def cut(draw: random.Random) -> Damage:
    """The end is missing."""
    place = draw.random()

    def apply(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(place * len(content))])

    return apply


def zeros(draw: random.Random) -> Damage:
    """A page of zeros, as a card leaves that lost a block."""
    place = draw.random()

    def apply(path: Path) -> None:
        content = bytearray(path.read_bytes())
        at = int(place * len(content)) // PAGE * PAGE
        content[at : at + PAGE] = bytes(len(content[at : at + PAGE]))
        path.write_bytes(content)

    return apply


def swap(draw: random.Random) -> Damage:
    """A page that holds what another one should."""
    places = draw.random(), draw.random()

    def apply(path: Path) -> None:
        content = bytearray(path.read_bytes())
        into, out_of = (int(place * len(content)) // PAGE * PAGE for place in places)
        page = content[out_of : out_of + PAGE]
        content[into : into + len(page)] = page
        path.write_bytes(content)

    return apply


def wrong_type(draw: random.Random) -> Damage:
    """A value of another type, or beyond its range, in one column of one table, in every row."""
    table_draw, column_draw, value = draw.random(), draw.random(), draw.choice(VALUES)

    def apply(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = 1")
            connection.execute("PRAGMA foreign_keys = 0")
            named = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            tables = [
                (name, column)
                for (name,) in connection.execute(named).fetchall()
                if not name.startswith("sqlite_")
                for column in [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
                if connection.execute(f"SELECT 1 FROM {name}").fetchone()  # noqa: S608 - its names
            ]
            names = sorted({name for name, _ in tables})
            chosen = names[int(table_draw * len(names))]
            columns = [column for name, column in tables if name == chosen]
            column = columns[int(column_draw * len(columns))]
            # Without triggers, as a card would; one row each, so that unique columns take it.
            for (trigger,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            with suppress(sqlite3.IntegrityError):  # SQLite itself keeps this column's type
                connection.execute(
                    f"UPDATE OR REPLACE {chosen} SET {quote(column)} = {value} "  # noqa: S608 - its names
                    f"WHERE rowid = (SELECT min(rowid) FROM {chosen})"
                )

    return apply
