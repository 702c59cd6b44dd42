"""Deletes the credentials of expired people; the people stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, fields
from typing import Any

import peewee

from gateway.access.expiry_schedule import ExpiryState
from gateway.store.objects.store import Store
from gateway.store.tables import own_table
from gateway.store.tables.photos import Photos

VISITOR = 1
"""`users.user_type_id` of a visitor (Access API, list of objects)."""
PEOPLE_AT_ONCE = 500
"""People per transaction, so that no other write waits for long."""

CREDENTIALS = ("cards", "qrcodes", "uhf_tags", "pins", "templates", "face_templates")
_PASSWORDS = ("password", "salt", "panic_password", "panic_salt")

ReportRemoved = Callable[[Mapping[str, int]], None]
"""Called with the deleted rows, table -> count, in the transaction that deletes them."""


def clear_expired(
    store: Store,
    stamp: int,
    report: ReportRemoved,
    *,
    visitors_only: bool,
    go_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Delete cards, codes, tags, PINs, templates, passwords and photos of expired people.

    `stamp` is the current device time, which is compared with `users.end_time`. `go_on` is called
    between transactions; False stops the work. Returns whether all of it was done. Raises
    StorageError; reported rows stay deleted.
    """
    for user_ids in _expired(store, stamp, visitors_only=visitors_only):
        if not go_on():
            return False
        with store.transaction():
            went = _clear(store, user_ids)
            if went:
                report(went)
    return True


def _expired(store: Store, stamp: int, *, visitors_only: bool) -> Iterator[list[int]]:
    """The ids of expired people, in pages."""
    users, key = store.model("users"), store.models.key("users")
    end: peewee.Field[Any] = store.models.column("users", "end_time")
    chosen = (end != 0) & (end < stamp)
    if visitors_only:
        chosen &= store.models.column("users", "user_type_id") == VISITOR
    last = 0
    while True:
        query = users.select(key).where(chosen & (key > last)).order_by(key).limit(PEOPLE_AT_ONCE)
        part = [int(row[0]) for row in store.read(query.tuples())]
        if part:
            yield part
        if len(part) < PEOPLE_AT_ONCE:
            return
        last = part[-1]


def _clear(store: Store, user_ids: list[int]) -> Counter[str]:
    went: Counter[str] = Counter()
    for table in CREDENTIALS:
        owner: peewee.Field[Any] = store.models.column(table, "user_id")
        went[table] = int(store.model(table).delete().where(owner.in_(user_ids)).execute())
    columns = [store.models.column("users", name) for name in _PASSWORDS]
    having = peewee.fn.COALESCE(columns[0], "") != ""
    for column in columns[1:]:
        having |= peewee.fn.COALESCE(column, "") != ""
    emptied = store.model("users").update(dict.fromkeys(columns, ""))
    theirs = store.models.key("users").in_(user_ids)
    went["passwords"] = int(emptied.where(theirs & having).execute())
    went["photos"] = Photos(store).remove(user_ids)
    return +went


class ExpiryStateTable:
    """Stores the `ExpiryState`."""

    def __init__(self, store: Store) -> None:
        """Raises StorageError."""
        self._store = store
        self._model = own_table(
            store,
            "expiry_watch",
            id=peewee.IntegerField(primary_key=True),
            **{name: peewee.BigIntegerField() for name in _NAMES},
        )

    def read(self) -> ExpiryState | None:
        """The stored state; None on a new device. Raises StorageError."""
        columns = [getattr(self._model, name) for name in _NAMES]
        rows = self._store.read(self._model.select(*columns).tuples())
        return ExpiryState(*rows[0]) if rows else None

    def keep(self, state: ExpiryState) -> None:
        """Store `state`. Raises StorageError."""
        values = dict(zip(_NAMES, astuple(state), strict=True))
        with self._store.transaction():
            self._model.replace(id=_ONLY, **values).execute()


_NAMES = tuple(column.name for column in fields(ExpiryState))
_ONLY = 1
"""The key of the one row."""
