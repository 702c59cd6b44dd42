"""Rows of people, in the order in which they are copied, and from whom a change may take a right.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.store.mirror.rows import SHOWN_ONLY, TABLES, Key, MirrorTable, Value

USERS = "users"
_OWNER = "user_id"
_CREDENTIAL = "value"


def _of_people() -> Iterator[MirrorTable]:
    owned = [
        table
        for table in TABLES.values()
        if not table.policy and any(field.name == _OWNER for field in table.fields)
    ]
    yield from (table for table in owned if _CREDENTIAL not in table.lookups)
    yield from (table for table in owned if _CREDENTIAL in table.lookups)
    yield TABLES[USERS]


OF_PEOPLE = tuple(_of_people())
"""Ties first and people last: nobody new is known before all that may block them."""
ORDERED = (*(it for it in TABLES.values() if it not in OF_PEOPLE), *OF_PEOPLE)
"""All tables, as they are copied."""


def grants(table: MirrorTable) -> bool:
    """Whether nobody loses a right by a new row of `table`."""
    return table.name == USERS or _CREDENTIAL in table.lookups


def less_allowed(
    table: MirrorTable, key: Key, new: Sequence[Value] | None, old: Sequence[Value] | None
) -> set[int]:
    """The people who may lose a right when the row `old` of a table OF_PEOPLE becomes `new`.

    They may by a new tie too, which can be to a rule that blocks.
    """
    if old is None and grants(table):
        return set()
    if old is not None and new is not None:
        decisive = (
            before != after
            for field, before, after in zip(table.fields, old, new, strict=True)
            if field.name not in SHOWN_ONLY
        )
        if not any(decisive):
            return set()
    return owners(table, ((key, *row) for row in (new, old) if row is not None))


def owners(table: MirrorTable, rows: Iterable[Sequence[Value]]) -> set[int]:
    """The people to whom `rows` belong, each of which begins with its key."""
    place = 0
    if table.name != USERS:
        place = 1 + [field.name for field in table.fields].index(_OWNER)
    found = (row[place] for row in rows)
    return {owner for owner in found if isinstance(owner, int)}
