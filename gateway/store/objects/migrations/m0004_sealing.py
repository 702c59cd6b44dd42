"""Secret texts are sealed."""

from __future__ import annotations

import peewee


def apply(database: peewee.Database) -> None:
    """Make the table that names the key; `gateway.store.objects.seals` seals what is there.

    What the last import changed is forgotten: it holds secrets that it found in clear text.
    """
    database.execute_sql(
        "CREATE TABLE sealing (id INTEGER PRIMARY KEY CHECK (id = 1), key_id TEXT NOT NULL, "
        "scrub INTEGER NOT NULL)"
    )
    present = database.get_tables()
    for table in ("import_changes", "last_import"):
        if table in present:
            database.execute_sql(f"DELETE FROM {table}")  # noqa: S608 - constants
