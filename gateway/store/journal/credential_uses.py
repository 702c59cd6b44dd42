"""How often each credential with a number of uses has let its owner in, in the journal's file.

A row is written in the transaction of the entry that tells of a use. A credential is named by its
table, its row and its owner: given to somebody else, it is another one. Its value is not kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import peewee

from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.store.files.database import sql_of

MOST_USED = 1 << 31
"""What a count that cannot be read stands for: more than any credential is good for."""


class CredentialUseRow(peewee.Model):
    """The entries made with one credential."""

    kind = peewee.IntegerField()
    """A `CredentialKey`."""
    row_id = peewee.BigIntegerField()
    user_id = peewee.BigIntegerField()
    used = peewee.BigIntegerField()

    class Meta:
        table_name = "credential_uses"
        primary_key = peewee.CompositeKey("kind", "row_id", "user_id")


@dataclass(frozen=True, slots=True, order=True)
class UseKey:
    """Names a credential of a person."""

    kind: int
    row_id: int
    user_id: int


def key_of(terms: CredentialTerms, user_id: int) -> UseKey:
    """The name of a credential that `user_id` owns."""
    return UseKey(int(terms.kind), terms.row_id, user_id)


class CredentialUseTable:
    """The writing end, inside the transactions of the journal."""

    TABLES = (CredentialUseRow,)

    def __init__(self, writer: peewee.SqliteDatabase) -> None:
        with writer.bind_ctx(self.TABLES):
            row = CredentialUseRow
            columns = (row.kind, row.row_id, row.user_id, row.used)
            self._count = sql_of(
                row.insert_many([(0, 0, 0, 1)], columns).on_conflict(
                    conflict_target=(row.kind, row.row_id, row.user_id),
                    update={row.used: row.used + 1},
                )
            )

    def count(self, connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
        """Count, in the running transaction, the use that the body of an entry tells of."""
        kind = int(CredentialKey[body["object"].upper()])
        connection.execute(self._count, (kind, body["row_id"], body["user_id"], 1, 1))
