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
            exempt = self._exempt(ids)
        return [
            Member(
                Person(
                    id_,
                    begin_time,
                    end_time,
                    tuple(group for group, _ in groups[id_]),
                    tuple(rule for rule, _ in rules[id_]),
                    passback_exempt=id_ in exempt,
                    group_ends=tuple((group, end) for group, end in groups[id_] if end),
                    rule_ends=tuple((rule, end) for rule, end in rules[id_] if end),
                ),
                name,
            )
            for id_, name, begin_time, end_time in rows
        ]

    def _ties(self, table: str, what: str, ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
        """By person, what they are tied to, each with its last second or 0."""
        columns = [self._models.column(table, name) for name in ("user_id", what, "end_time")]
        ties = self._models[table].select(*columns)
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for id_, tied, end in fetch(self._connection, ties.where(_among(columns[0], ids))):
            found[id_].append((tied, end))
        return found

    def _exempt(self, ids: Sequence[int]) -> set[int]:
        user_id = self._models.column("antipassback_exemptions", "user_id")
        rows = self._models["antipassback_exemptions"].select(user_id)
        return {id_ for (id_,) in fetch(self._connection, rows.where(_among(user_id, ids)))}


_COLUMNS = ("id", "name", "begin_time", "end_time")


def _among(column: Any, ids: Sequence[int]) -> Any:
    return column.in_(members(list(ids)))


def fetch(connection: sqlite3.Connection, query: peewee.Query) -> list[tuple[Any, ...]]:
    """All rows of `query`. Raises StorageError."""
    text, values = query.sql()
    with sqlite_errors(STORE_UNREADABLE):
        return connection.execute(text, values).fetchall()
