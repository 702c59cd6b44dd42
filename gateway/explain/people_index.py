"""People by id, with their groups and rules: one person, or everyone page by page."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import peewee

from gateway.access.person import Person
from gateway.objects.models import Models
from gateway.store.files.database import (
    STORE_UNREADABLE,
    TrackedDatabase,
    one_instant,
    sqlite_errors,
)
from gateway.store.query.compile import members

PAGE = 1_000
"""People per read: short reads keep the write-ahead log from growing."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person and their name."""

    person: Person
    name: str


class PeopleIndex:
    """Reads people on the connection of the thread that made it."""

    def __init__(self, database: TrackedDatabase, models: Models) -> None:
        self._connection: sqlite3.Connection = database.connection()
        self._models = models

    def one(self, user_id: int) -> Member | None:
        """The person `user_id`. Raises StorageError."""
        key = self._models.column("users", "id")
        return next(iter(self._page(key == user_id, 1)), None)

    def all(self, after: int = 0) -> Iterator[Member]:
        """Everyone whose id is above `after`, by id. Raises StorageError."""
        key = self._models.column("users", "id")
        while True:
            page = self._page(key > after, PAGE)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].person.id

    def group_names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names by id of those groups that exist. Raises StorageError."""
        return self._names("groups", ids)

    def person_names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names by id of those people who exist. Raises StorageError."""
        return self._names("users", ids)

    def _names(self, table: str, ids: Iterable[int]) -> dict[int, str]:
        id_, name = (self._models.column(table, column) for column in ("id", "name"))
        rows = self._models[table].select(id_, name).where(id_.in_(members(list(ids))))
        return dict(fetch(self._connection, rows))

    def _page(self, which: Any, count: int) -> list[Member]:
        columns = [self._models.column("users", name) for name in _COLUMNS]
        people = self._models["users"].select(*columns).where(which).order_by(columns[0])
        with sqlite_errors(STORE_UNREADABLE), one_instant(self._connection):
            rows = fetch(self._connection, people.limit(count))
            ids = [row[0] for row in rows]
            groups = self._ties("user_groups", "group_id", ids)
            rules = self._ties("user_access_rules", "access_rule_id", ids)
            exempt = self._ties("antipassback_exemptions", "user_id", ids)
        return [
            Member(
                Person(
                    id_,
                    begin_time,
                    end_time,
                    tuple(groups.get(id_, ())),
                    tuple(rules.get(id_, ())),
                    passback_exempt=id_ in exempt,
                ),
                name,
            )
            for id_, name, begin_time, end_time in rows
        ]

    def _ties(self, table: str, what: str, ids: Sequence[int]) -> dict[int, list[int]]:
        user_id = self._models.column(table, "user_id")
        ties = self._models[table].select(user_id, self._models.column(table, what))
        found: dict[int, list[int]] = defaultdict(list)
        for id_, tied in fetch(self._connection, ties.where(user_id.in_(members(list(ids))))):
            found[id_].append(tied)
        return found


_COLUMNS = ("id", "name", "begin_time", "end_time")


def fetch(connection: sqlite3.Connection, query: peewee.Query) -> list[tuple[Any, ...]]:
    """All rows of `query`. Raises StorageError."""
    text, values = query.sql()
    with sqlite_errors(STORE_UNREADABLE):
        return connection.execute(text, values).fetchall()
