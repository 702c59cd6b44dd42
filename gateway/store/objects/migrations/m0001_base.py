"""The tables that are no objects of the API."""

from __future__ import annotations

import peewee


def apply(database: peewee.Database) -> None:
    """Make the policy version's one row and the table of configuration values."""
    database.execute_sql(
        "CREATE TABLE policy_version (id INTEGER PRIMARY KEY CHECK (id = 1), "
        "version INTEGER NOT NULL)"
    )
    database.execute_sql("INSERT INTO policy_version (id, version) VALUES (1, 1)")
    database.execute_sql(
        "CREATE TABLE configuration (module TEXT NOT NULL, key TEXT NOT NULL, "
        "value TEXT NOT NULL, PRIMARY KEY (module, key)) WITHOUT ROWID"
    )
