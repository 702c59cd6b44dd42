"""The sealed values of a store: which they are, and what is done to all of them at once.

Which fields are sealed follows from their declarations (`Field.sealed`); besides, there are the
secret values of the configuration. The table `sealing` names the key. It is the device's own: no
backup has it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import peewee

from gateway.objects.columns import sealed_as
from gateway.objects.configuration import ConfigurationKey
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import Field
from gateway.objects.stored import storable
from gateway.sealing import Sealer

TABLE = "sealing"
SINCE = 4
"""The form of `store.db` that brought it."""
_AT_ONCE = 2_000
"""Rows in memory."""
_FIRST = -(1 << 63)

Reseal = Callable[[str, str], str | None]
"""From a field and its stored text to the text to store; None for one that is lost."""


def sealed_fields(registry: Registry) -> Iterator[tuple[ObjectType, Field]]:
    """Every field whose values are sealed."""
    for declared in registry:
        for field in declared.fields:
            if field.sealed:
                yield declared, field


def sealed_key(key: ConfigurationKey) -> str:
    """What binds the sealed value of a secret key of the configuration to it."""
    return sealed_as("configuration", key.name)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class SealingState:
    """The row of `sealing`."""

    key_id: str
    scrub: bool
    """Whether freed pages of the file may still hold secrets of before: in clear text, or sealed
    with a former key."""


def read_state(run: Callable[[str], sqlite3.Cursor]) -> SealingState | None:
    """None where nothing was sealed yet, by an older program; `run` executes SQL."""
    row = run(f"SELECT key_id, scrub FROM {TABLE}").fetchone() if _has_table(run) else None  # noqa: S608 - a constant
    return SealingState(str(row[0]), row[1] != 0) if row is not None else None


def forget_import(database: peewee.Database) -> None:
    """Forget what the last import changed, in the caller's transaction: it holds secrets as they
    were stored then."""
    present = database.get_tables()
    for table in ("import_changes", "last_import"):
        if table in present:
            database.execute_sql(f"DELETE FROM {table}")  # noqa: S608 - constants


def awaits_key(run: Callable[[str], sqlite3.Cursor]) -> bool:
    """Whether nothing is sealed yet in a store of this form, for want of a key."""
    return _has_table(run) and read_state(run) is None


def _has_table(run: Callable[[str], sqlite3.Cursor]) -> bool:
    named = f"SELECT count(*) FROM sqlite_master WHERE name = '{TABLE}'"  # noqa: S608 - a constant
    return bool(run(named).fetchone()[0])


def keep_state(database: peewee.Database, state: SealingState) -> None:
    """Write what `read_state` answers, in the caller's transaction."""
    database.execute_sql(
        f"INSERT OR REPLACE INTO {TABLE} (id, key_id, scrub) VALUES (1, ?, ?)",  # noqa: S608 - a constant
        (state.key_id, int(state.scrub)),
    )


def holds_sealed(connection: sqlite3.Connection, registry: Registry) -> bool:
    """Whether any value is sealed."""
    for declared, field in sealed_fields(registry):
        table, column = _quote(declared.name), _quote(field.name)
        some = f"SELECT 1 FROM {table} WHERE {column} <> '' LIMIT 1"  # noqa: S608 - declared names, quoted
        if connection.execute(some).fetchone() is not None:
            return True
    named = {(key.module, key.key) for key in CONFIGURATION if key.secret}
    rows = connection.execute("SELECT module, key FROM configuration WHERE value <> ''")
    return not named.isdisjoint(rows.fetchall())


def seal_all(database: peewee.SqliteDatabase, registry: Registry, sealer: Sealer) -> None:
    """Seal what an older program stored in clear text, in the caller's transaction.

    Triggers of the change log must not be there: nothing that a client sees changes.
    """
    reseal(database.connection(), registry, sealer.seal)


def reseal(connection: sqlite3.Connection, registry: Registry, change: Reseal) -> Counter[str]:
    """Replace every sealed value that is not empty by what `change` makes of it, in the caller's
    transaction.

    A value that is lost is emptied; a row that cannot be without it goes; one that guards becomes a
    random text, sealed by `change` unless that is lost too. Returns how many were lost, by table.
    """
    lost: Counter[str] = Counter()
    for declared, field in sealed_fields(registry):
        lost[declared.name] += _reseal_field(connection, declared, field, change)
    for key in CONFIGURATION:
        if key.secret:
            lost["configuration"] += _reseal_key(connection, key, change)
    return +lost


def _reseal_field(
    connection: sqlite3.Connection, declared: ObjectType, field: Field, change: Reseal
) -> int:
    table, column, key = _quote(declared.name), _quote(field.name), _quote(declared.key_name)
    context = sealed_as(declared.name, field.name)
    page = (
        f"SELECT {key}, {column} FROM {table} WHERE {column} <> '' AND {key} > ?"  # noqa: S608 - declared names, quoted
        f" ORDER BY {key} LIMIT {_AT_ONCE}"
    )
    update = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"  # noqa: S608 - as above
    delete = f"DELETE FROM {table} WHERE {key} = ?"  # noqa: S608 - as above
    lost, last = 0, _FIRST
    while rows := connection.execute(page, (last,)).fetchall():
        last = rows[-1][0]
        kept: list[tuple[str, int]] = []
        gone: list[tuple[int]] = []
        for number, value in rows:
            changed = change(context, value) if isinstance(value, str) else None
            if changed is None:
                lost += 1
                changed = _instead(field, context, change)
            if changed is None:
                gone.append((number,))
            else:
                kept.append((changed, number))
        connection.executemany(update, kept)
        connection.executemany(delete, gone)
    return lost


def _instead(field: Field, context: str, change: Reseal) -> str | None:
    """What takes the place of a value that is lost; None if its row must go."""
    if field.guards:
        text = secrets.token_hex(16)
        return change(context, text) or text
    return "" if storable(field, "") else None


def _reseal_key(connection: sqlite3.Connection, key: ConfigurationKey, change: Reseal) -> int:
    named = (key.module, key.key)
    where = "WHERE module = ? AND key = ?"
    row = connection.execute(f"SELECT value FROM configuration {where}", named).fetchone()  # noqa: S608 - constants
    if row is None or not row[0]:
        return 0
    value = change(sealed_key(key), str(row[0]))
    if value is None:
        connection.execute(f"DELETE FROM configuration {where}", named)  # noqa: S608 - constants
        return 1
    connection.execute(f"UPDATE configuration SET value = ? {where}", (value, *named))  # noqa: S608 - constants
    return 0
