"""A person may have a PIN of each type."""

from __future__ import annotations

import peewee


def apply(database: peewee.Database) -> None:
    """Drop the rule of one PIN per person; the one per person and type derives from objects."""
    database.execute_sql("DROP INDEX IF EXISTS pins_user_id_unique")
