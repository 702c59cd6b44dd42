"""The reference of the store: the same JSON in, the same JSON out, by the standard library alone.

`bare.py STORE`: a line `VERB BODY` in, a line of JSON out; BODY is what the API's command is sent.
sqlite3 and json, one connection, hand-written statements, no rights, no checks, no audit. The
durability is the device's own: WAL, `synchronous=FULL`, a transaction for each batch, constraints
and references at work, and the triggers that the file at STORE has.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

BIAS = 1 << 63
"""Card numbers are stored as value - 2^63."""
ROWS = 1_000
"""Of an export, between two writes."""

Body = dict[str, Any]


def create(run: sqlite3.Connection, body: Body) -> Iterator[str]:
    table, rows = body["object"], body["values"]
    if table == "cards":
        for row in rows:
            row["value"] -= BIAS
    columns = ("id", *rows[0])
    marks = ", ".join("?" for _ in columns)
    run.execute("BEGIN IMMEDIATE")
    last = run.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    first = 1 + (last[0] if last else 0)
    ids = list(range(first, first + len(rows)))
    run.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - our own words
        [(number, *row.values()) for number, row in zip(ids, rows, strict=True)],
    )
    run.execute("COMMIT")
    yield text({"ids": ids})


def users(run: sqlite3.Connection, body: Body) -> Iterator[str]:
    sql = "SELECT * FROM users ORDER BY id LIMIT ?"
    return table("users", run.execute(sql, (body.get("limit", -1),)))


def card(run: sqlite3.Connection, body: Body) -> Iterator[str]:
    value = body["where"]["cards"]["value"] - BIAS
    found = run.execute("SELECT * FROM cards WHERE value = ?", (value,))
    return table("cards", found, unbias="value")


def names(run: sqlite3.Connection, body: Body) -> Iterator[str]:
    (clause,) = body["where"]
    sql = "SELECT * FROM users WHERE name LIKE ? ORDER BY name, id LIMIT ? OFFSET ?"
    return table("users", run.execute(sql, (clause["value"], body["limit"], body["offset"])))


def logs(run: sqlite3.Connection, body: Body) -> Iterator[str]:
    span = body["where"]["access_logs"]["time"]
    sql = "SELECT * FROM access_logs WHERE time >= ? AND time <= ? ORDER BY id DESC LIMIT ?"
    found = run.execute(sql, (span[">="], span["<="], body.get("limit", -1)))
    return table("access_logs", found, unbias="card_value")


def table(name: str, found: sqlite3.Cursor, unbias: str = "") -> Iterator[str]:
    """All rows that `found` gives; the column `unbias` holds card numbers."""
    columns = [column[0] for column in found.description]
    at = columns.index(unbias) if unbias else None
    yield f'{{"{name}":['
    separator = ""
    while rows := found.fetchmany(ROWS):
        if at is not None:
            rows = [(*row[:at], row[at] + BIAS, *row[at + 1 :]) for row in rows]
        yield separator + text([dict(zip(columns, row, strict=True)) for row in rows])[1:-1]
        separator = ","
    yield "]}"


def text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def connect(path: str) -> sqlite3.Connection:
    run = sqlite3.connect(path, isolation_level=None)
    run.create_function("device_stamp", 0, lambda: int(time.time()))
    for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = 1"):
        run.execute(f"PRAGMA {pragma}")
    return run


VERBS: dict[str, Callable[[sqlite3.Connection, Body], Iterator[str]]] = {
    work.__name__: work for work in (create, users, card, names, logs)
}


def serve(arguments: Sequence[str]) -> None:
    store = connect(arguments[1])
    for line in sys.stdin.buffer:
        verb, body = line.split(b" ", 1)
        for piece in VERBS[verb.decode()](store, json.loads(body)):
            sys.stdout.buffer.write(piece.encode())
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(sys.argv)
