# ruff: noqa: S608 - names of our own tables
"""Backups that somebody made to do harm: changes of the database in a good one, and what comes of
each."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from gateway.objects.catalogue import REGISTRY
from gateway.objects.columns import sealed_as
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob, Choice, Digits, Field, HexText, Id, Ref, Text
from gateway.sealing import KEY_BYTES, Sealer

Change = Callable[[sqlite3.Connection], object]


class Case(NamedTuple):
    """A change of the database in a good backup, and what its refusal names; None: it is taken."""

    name: str
    change: Change
    said: str | None


def sql(*statements: str) -> Change:
    def change(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return change


# values of a wrong type, for a field of each kind


def stored(field: Field) -> object:
    """A value that the column of `field` may hold."""
    special = {Ref: 1, Digits: "7654321", HexText: "AB12", Blob: b"x"}
    if type(field) in special:
        return special[type(field)]
    if isinstance(field, Choice):
        return field.choices[0]
    if isinstance(field, Text):
        return getattr(field, "example", "" if field.default == "" else "x")
    numbers: Any = field
    return max(numbers.minimum, min(7, numbers.maximum)) if field.plain else 7


KEY = b"k" * KEY_BYTES
"""Of every backup that is made while the cases run."""


def with_value(declared: ObjectType, field: Field, value: object) -> Change:
    """One row, in the place of all others, with `value` in `field`."""

    def change(connection: sqlite3.Connection) -> None:
        seal = Sealer.of(KEY).seal
        row = {
            it.name: seal(sealed_as(declared.name, it.name), str(stored(it)))
            if it.sealed
            else stored(it)
            for it in declared.fields
            if it is not declared.key
        }
        row[field.name] = value
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        connection.execute(f'DELETE FROM "{declared.name}"')
        connection.execute(
            f'INSERT INTO "{declared.name}" ({names}) VALUES ({marks})', [*row.values()]
        )

    return change


class BadText(NamedTuple):
    """Bytes that are stored as a text and are none."""

    data: bytes


VALUES: dict[str, object] = {
    "text": "seven",
    "bytes": b"\x00\xff",
    "fraction": 1.5,
    "highest": (1 << 63) - 1,
    "lowest": -(1 << 63),
    "nul": "a\0b",
    "not_utf8": BadText(b"\xff\xfe"),
    "long": "x" * 70_000,
}
FITS = {
    "I64": {"highest", "lowest"},
    "Int": {"highest", "lowest"},
    # From 1 on.
    "DoorNumber": {"highest"},
    # Both are a number, stored as it is less 2^63.
    "U64": {"highest", "lowest"},
    "CardValue": {"highest", "lowest"},
    "Text": {"text"},
    "NameText": {"text"},
    "CodeText": {"text"},
    "Blob": {"bytes"},
}
"""Kind of field -> those of VALUES that it takes."""


def of_each_kind() -> Iterator[Case]:
    done = set()
    for declared in REGISTRY:
        for field in declared.fields:
            kind = type(field).__name__
            if declared.log or field.derived or kind in done or declared.custom:
                continue
            if kind in {"Int", "Ref"} and (field.unset or declared.check):
                continue
            done.add(kind)
            for name, value in VALUES.items():
                # A column of numbers stores a text of digits as a number, and fails at no other.
                if name in FITS.get(kind, ()) or isinstance(field, Id):
                    continue
                if isinstance(field, Text) and name in {"fraction", "highest", "lowest"}:
                    continue  # SQLite makes a text of it
                yield Case(f"{kind}-{name}", _change(declared, field, value), field.name)


def _change(declared: ObjectType, field: Field, value: object) -> Change:
    if not isinstance(value, BadText):
        return with_value(declared, field, value)

    def change(connection: sqlite3.Connection) -> None:
        with_value(declared, field, "placeholder")(connection)
        column = f'UPDATE "{declared.name}" SET "{field.name}" = CAST(? AS TEXT)'
        connection.execute(column, (value.data,))

    return change


# everything else


def deep(connection: sqlite3.Connection) -> None:
    nested = "[" * 100_000
    connection.execute("UPDATE actions SET parameters = ?", (nested,))


def many_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    for number in range(2_100):
        connection.execute(f"CREATE TABLE t{number} (id INT)")
    connection.execute("COMMIT")


def many_fields(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    rows = ((1, f"f{number}", "x") for number in range(3_000))
    names = "(custom_table_id, column_name, name)"
    connection.executemany(f"INSERT INTO custom_columns {names} VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")


def hidden_table(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE users RENAME TO others")
    connection.execute("CREATE VIEW users AS SELECT * FROM others")


def forged_schema(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'users'")


def broken_sql(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE users(' WHERE name = 'users'")


def schema_in_bytes(connection: sqlite3.Connection) -> None:
    """SQLite quotes them where it says what is wrong."""
    connection.execute("PRAGMA writable_schema = 1")
    broken = "CAST(CAST('CREATE T' AS BLOB) || x'e1' AS TEXT)"
    connection.execute(f"UPDATE sqlite_master SET sql = {broken} WHERE name = 'users'")


def without_keys(name: str, statement: str) -> Change:
    """The table `name` without any rule, and what a rule would have refused."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(f'CREATE TABLE plain AS SELECT * FROM "{name}"')
        connection.execute("PRAGMA legacy_alter_table = 1")
        connection.execute(f'DROP TABLE "{name}"')
        connection.execute(f'ALTER TABLE plain RENAME TO "{name}"')
        connection.execute(statement)

    return change


TRIGGER = "CREATE TRIGGER evil AFTER INSERT ON {} BEGIN DELETE FROM users; END"
USER_TYPE = "INSERT INTO user_types (id, custom_table_id, require_visitor)"
SPECIAL = (
    # ids
    Case("id-0", sql("INSERT INTO groups (id, name) VALUES (0, 'x')"), None),
    Case("id-negative", sql("INSERT INTO groups (id, name) VALUES (-1, 'x')"), None),
    Case(
        "id-max", sql("INSERT INTO groups (id, name) VALUES (9223372036854775807, 'x')"), "groups"
    ),
    Case(
        "id-min", sql("INSERT INTO groups (id, name) VALUES (-9223372036854775808, 'x')"), "groups"
    ),
    Case("id-person-0", sql("INSERT INTO users (id, name) VALUES (0, 'x')"), "users"),
    Case("id-person-16-digits", sql("INSERT INTO users (id, name) VALUES (1 << 60, 'x')"), "users"),
    Case("id-null", without_keys("groups", "UPDATE groups SET id = NULL"), "groups"),
    Case("id-text", without_keys("groups", "UPDATE groups SET id = 'one'"), "groups"),
    Case("id-fraction", without_keys("groups", "UPDATE groups SET id = 1.5"), "groups"),
    Case("id-twice", without_keys("groups", "INSERT INTO groups SELECT * FROM groups"), "UNIQUE"),
    Case("null", without_keys("groups", "UPDATE groups SET name = NULL"), "name"),
    # sequences and versions
    Case("sequence-max", sql("UPDATE sqlite_sequence SET seq = 9223372036854775807"), None),
    Case("sequence-text", sql("UPDATE sqlite_sequence SET seq = 'x'"), None),
    Case("sequence-none", sql("DELETE FROM sqlite_sequence"), None),
    Case("version-none", sql("DELETE FROM policy_version"), None),
    Case("version-max", sql("UPDATE policy_version SET version = 9223372036854775807"), None),
    Case("version-missing", sql("DROP TABLE policy_version"), "not one of this program"),
    Case("identity-none", sql("DELETE FROM device_identity"), "device_identity"),
    Case(
        "identity-twice",
        sql("INSERT INTO device_identity (device_id) VALUES (5)"),
        "device_identity",
    ),
    Case("identity-text", sql("UPDATE device_identity SET device_id = 'x'"), "device_identity"),
    # references and uniqueness
    Case("ref-dangling", sql("UPDATE cards SET user_id = 4711"), "cards"),
    Case(
        "ref-of-link", sql("INSERT INTO user_groups (user_id, group_id) VALUES (1, 99)"), "user_g"
    ),
    Case("ref-kept", sql("UPDATE users SET user_type_id = 99"), None),
    Case(
        "card-twice",
        sql(
            "DROP INDEX cards_value_unique",
            "INSERT INTO cards (user_id, value) SELECT user_id, value FROM cards",
        ),
        "cards.value",
    ),
    Case(
        "link-twice",
        without_keys("user_groups", "INSERT INTO user_groups SELECT * FROM user_groups"),
        "user_groups",
    ),
    Case("cycle", sql("UPDATE portals SET area_from_id = 1, area_to_id = 1"), None),
    # the schema
    Case("trigger", sql(TRIGGER.format("users")), None),
    Case(
        "trigger-of-ours",
        sql(
            "DROP TRIGGER IF EXISTS gateway_policy_areas_insert",
            TRIGGER.format("areas").replace("evil", "gateway_policy_areas_insert"),
        ),
        None,
    ),
    Case("view", sql("CREATE VIEW people AS SELECT * FROM users"), None),
    Case("view-as-table", hidden_table, "not one of this program"),
    Case("index", sql("CREATE INDEX by_name ON users (upper(name))"), None),
    Case("table", sql("CREATE TABLE escorts (id INT)"), "escorts"),
    Case("table-virtual", sql("CREATE VIRTUAL TABLE v USING fts5(x)"), "the backup has the"),
    Case("table-without-rowid", sql("CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID"), "'w'"),
    Case("table-quoted", sql('CREATE TABLE "a""; DROP TABLE users; --" (x)'), "DROP TABLE users"),
    Case("tables-many", many_tables, "tables"),
    Case("table-missing", sql("DROP TABLE users"), "not one of this program"),
    Case("table-missing-rows", sql("DROP TABLE log_types"), None),
    Case("column", sql("ALTER TABLE users ADD escort INT"), "escort"),
    Case(
        "column-generated",
        sql("ALTER TABLE users ADD escort INT GENERATED ALWAYS AS (id * 2) VIRTUAL"),
        "generated",
    ),
    Case("schema-forged", forged_schema, "damaged"),
    Case("schema-broken", broken_sql, "damaged"),
    Case("schema-bytes", schema_in_bytes, "damaged"),
    Case("form-0", sql("PRAGMA user_version = 0"), "not one of this program"),
    Case("form-negative", sql("PRAGMA user_version = -1"), "not one of this program"),
    # rows of logs
    Case(
        "log-to-come",
        sql(
            "INSERT INTO access_logs (id, time, event) VALUES (4000000000000, 1, 7)",
            "INSERT INTO alarm_logs (id, event, cause, time) VALUES (4611686018427387904, 1, 1, 1)",
            "INSERT INTO change_logs (id, operation_type, table_name, table_id, timestamp)"
            " VALUES (9223372036854775807, 'x', 'x', 1, 1)",
        ),
        None,
    ),
    Case(
        "log-of-text",
        sql("INSERT INTO access_logs (id, time, event) VALUES (-5, 'noon', 7)"),
        "time",
    ),
    Case(
        "log-tie",
        sql(
            "INSERT INTO access_log_access_rules (access_log_id, access_rule_id) VALUES (77777, 1)"
        ),
        None,
    ),
    # configuration
    Case(
        "key-unknown", sql("INSERT INTO configuration VALUES ('general', 'no_key', '1')"), "no_key"
    ),
    Case(
        "key-derived",
        sql("INSERT INTO configuration VALUES ('general', 'relay_count', '9')"),
        "relay_count",
    ),
    Case(
        "key-wrong",
        sql("INSERT OR REPLACE INTO configuration VALUES ('general', 'relay1_timeout', 'long')"),
        "relay1_timeout",
    ),
    Case(
        "key-of-bytes",
        sql("INSERT OR REPLACE INTO configuration VALUES ('general', 'relay1_timeout', X'00')"),
        "configuration",
    ),
    # photos
    Case("photo", sql("INSERT INTO user_photos VALUES (1, 5, 4, X'FFD8FFE0')"), None),
    Case(
        "photo-page", sql("INSERT INTO user_photos VALUES (1, 5, 6, '<html>')"), "photo of user 1"
    ),
    Case(
        "photo-size",
        sql("INSERT INTO user_photos VALUES (1, 5, 9, X'FFD8FFE0')"),
        "photo of user 1",
    ),
    Case(
        "photo-nobody", sql("INSERT INTO user_photos VALUES (99, 5, 4, X'FFD8FFE0')"), "user_photos"
    ),
    Case(
        "photo-large",
        sql("INSERT INTO user_photos VALUES (1, 5, 3000000, zeroblob(3000000))"),
        "photo",
    ),
    Case("value-huge", sql("UPDATE users SET name = zeroblob(5000000)"), "damaged"),
    Case("photo-stamp", sql("UPDATE users SET image_timestamp = 99"), None),
    # custom tables and fields
    Case(
        "custom-table",
        sql("INSERT INTO custom_tables (id, table_name, name) VALUES (50, 'users', 'x')"),
        "users",
    ),
    Case(
        "custom-name",
        sql("INSERT INTO custom_tables (id, table_name, name) VALUES (50, 'c_\"x', 'x')"),
        "custom table",
    ),
    Case(
        "custom-field",
        sql(
            "INSERT INTO custom_columns (custom_table_id, column_name, name)"
            " VALUES (1, 'rowid', '')"
        ),
        "rowid",
    ),
    Case("custom-fields-many", many_fields, "custom_columns"),
    # what is nested
    Case("nested", deep, "parameters"),
)
CASES = (*of_each_kind(), *SPECIAL)
TAKEN = tuple(case for case in SPECIAL if case.said is None)
REFUSED = tuple(case for case in SPECIAL if case.said is not None)


def with_database(saved: bytes, directory: Path, change: Change) -> bytes:
    """The backup with the changed database in it, and a stamp that fits."""
    first, line, rest = saved.split(b"\n", 2)
    path = directory / "x.db"
    path.write_bytes(rest)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = 0")
        connection.create_function("device_stamp", 0, lambda: 1)
        change(connection)
    rest = path.read_bytes()
    stamp = {"bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()}
    return b"\n".join((first, json.dumps({**json.loads(line), **stamp}).encode(), rest))
