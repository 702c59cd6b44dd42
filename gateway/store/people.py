"""Who owns a credential: the reads of one decision, by index, in one transaction.

The policy's version is read with the person, so that a decision knows whether the rules in memory
are those of the same instant.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import peewee

from gateway.access.person import Person
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import StorageError
from gateway.objects.models import Models
from gateway.store.schema import PolicyVersion

_TABLES = {
    CredentialKind.CARD: "cards",
    CredentialKind.QRCODE: "qrcodes",
    CredentialKind.PIN: "pins",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store knows at one instant."""

    policy_version: int
    person: Person | None


class PeopleReader:
    """Reads people by credential. One thread uses it."""

    def __init__(self, database: peewee.SqliteDatabase, models: Models) -> None:
        """`database` is open for reading; `models` are those of the store's registry."""
        self._connection: sqlite3.Connection = database.connection()
        # The ORM writes each statement once; nothing is composed while somebody waits.
        self._version = _sql(PolicyVersion.select(PolicyVersion.version))
        column = models.column
        user_id = column("users", "id")
        self._owner = {
            kind: _sql(
                models["users"]
                .select(user_id, column("users", "begin_time"), column("users", "end_time"))
                .join(models[table], on=(column(table, "user_id") == user_id))
                .where(column(table, "value") == 0)
            )
            for kind, table in _TABLES.items()
        }
        self._groups = _ties(models, "user_groups", "group_id")
        self._own_rules = _ties(models, "user_access_rules", "access_rule_id")
        self._stored_card: Callable[[int | str], int] = column("cards", "value").db_value

    def find(self, credential: Credential) -> Reading:
        """The owner of `credential`, None when nobody has it, and the policy's version.

        Raises StorageError when the store cannot be read.
        """
        value = credential.value
        if credential.kind is CredentialKind.CARD:
            value = self._stored_card(value)
        try:
            return self._read(self._owner.get(credential.kind), value)
        except sqlite3.Error as error:
            raise StorageError(f"the store cannot be read: {error}") from error

    def policy_version(self) -> int:
        """The version of the rules as the store has them now."""
        try:
            return int(self._connection.execute(self._version).fetchone()[0])
        except sqlite3.Error as error:
            raise StorageError(f"the store cannot be read: {error}") from error

    def _read(self, owner: str | None, value: int | str) -> Reading:
        run = self._connection.execute
        run("BEGIN")
        try:
            version = int(run(self._version).fetchone()[0])
            row = run(owner, (value,)).fetchone() if owner else None
            if row is None:
                return Reading(version, None)
            user_id, begin_time, end_time = row
            groups = run(self._groups, (user_id,)).fetchall()
            own_rules = run(self._own_rules, (user_id,)).fetchall()
        finally:
            run("COMMIT")
        person = Person(
            user_id,
            begin_time,
            end_time,
            tuple(row[0] for row in groups),
            tuple(row[0] for row in own_rules),
        )
        return Reading(version, person)


def _ties(models: Models, table: str, what: str) -> str:
    model, user_id = models[table], models.column(table, "user_id")
    return _sql(model.select(models.column(table, what)).where(user_id == 0))


def _sql(query: peewee.Query) -> str:
    text, _placeholders = query.sql()
    return str(text)
