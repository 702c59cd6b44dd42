"""What the store is asked: people and cards by the batch, exports, look-ups, pages, logs.

A request holds the body of the API's command, as bytes; the reference is sent the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from .sites import card_of, put, stored

BATCH = 250
"""Rows of one create, as clients send them (Control iD Access API, 3.1)."""
ROWS = 100_000
"""People, cards, and rows of `access_logs`."""
LOOK_UPS, NAME_PAGES, LOG_PAGES = 400, 12, 20
"""Of one round; an export and the whole log come once in each."""
NAMES_ON_A_PAGE = 50
LOGS_ON_A_PAGE = 1_000
LOG_SPAN = 20_000
"""Rows of `access_logs` in the time in which a page is looked for: a week of them."""
PATTERN = "%an%"


class Kind(StrEnum):
    """The kinds of work, as the report names them."""

    USERS = f"create {BATCH} users"
    CARDS = f"create {BATCH} cards"
    EXPORT = f"export {ROWS:,} users"
    CARD = "look up a card"
    NAMES = f"{NAMES_ON_A_PAGE} users by name, LIKE {PATTERN}"
    LOG_PAGE = f"{LOGS_ON_A_PAGE:,} logs of a time, newest first"
    LOGS = f"{ROWS:,} logs of a time, newest first"


class Request(NamedTuple):
    """One thing to do."""

    kind: Kind
    verb: str
    """For the reference."""
    body: bytes
    """Of the API's command."""


_GIVEN = ("Ana", "Bruno", "Carla", "Daniel", "Edu", "Fernanda", "Igor", "João", "Luísa", "Pedro")
_FAMILY = ("Alves", "Santos", "Silva", "Souza", "Branco", "Lima", "Gonçalves")
_EPOCH_S = 1_748_736_000
"""Time of the first row of `access_logs`."""
_EVERY_S = 30
"""From one row to the next."""
_VALID_S = 10 * 365 * 86_400
_LOGS = "access_logs (id, time, event, identifier_id, user_id, portal_id, card_value, log_type_id)"


def writes(people: range) -> Iterator[Request]:
    """The creation of `people` and then of a card for each; the device chooses the ids."""
    batches = [range(at, at + BATCH) for at in people[::BATCH]]
    for batch in batches:
        yield _request(Kind.USERS, "create", object="users", values=[user_of(it) for it in batch])
    for batch in batches:
        values = [{"value": card_of(it), "user_id": _id_of(it)} for it in batch]
        yield _request(Kind.CARDS, "create", object="cards", values=values)


def export(limit: int | None = None) -> Request:
    """Every column of every user, or of the first `limit`."""
    if limit is None:
        return _request(Kind.EXPORT, "users", object="users")
    return _request(Kind.EXPORT, "users", object="users", limit=limit)


def reads(seed: int) -> Iterator[Request]:
    """One round of exports, look-ups and pages."""
    chosen = random.Random(seed)  # noqa: S311 - a sample
    yield export()
    for person in chosen.sample(range(ROWS), LOOK_UPS):
        where = {"cards": {"value": card_of(person)}}
        yield _request(Kind.CARD, "card", object="cards", where=where)
    named = {"object": "users", "field": "name", "operator": "LIKE", "value": PATTERN}
    for page in range(NAME_PAGES):
        yield _request(
            Kind.NAMES,
            "names",
            object="users",
            where=[named],
            order=["name"],
            limit=NAMES_ON_A_PAGE,
            offset=page * NAMES_ON_A_PAGE,
        )
    for first in chosen.sample(range(ROWS - LOG_SPAN), LOG_PAGES):
        span = range(first, first + LOG_SPAN)
        yield _logs(Kind.LOG_PAGE, span, limit=LOGS_ON_A_PAGE)
    yield _logs(Kind.LOGS, range(ROWS))


def fill_logs(store: Path) -> None:
    """An access by each of the people in turn, straight into the file: no controller made them."""
    put(
        store,
        (
            _LOGS,
            (
                (1 + it, _time(it), 7, 1, _id_of(it), 1, stored(card_of(it)), -1)
                for it in range(ROWS)
            ),
        ),
    )


def _logs(kind: Kind, span: range, **more: Any) -> Request:
    """The rows between the times of two of them, in the opposite of the order they came in."""
    where = {"access_logs": {"time": {">=": _time(span[0]), "<=": _time(span[-1])}}}
    order = ["id", "descending"]
    return _request(kind, "logs", object="access_logs", where=where, order=order, **more)


def user_of(person: int) -> dict[str, Any]:
    given, family = _GIVEN[person % len(_GIVEN)], _FAMILY[person % len(_FAMILY)]
    return {
        "name": f"{given} {family} {person}",
        "registration": f"{person:08}",
        "begin_time": _EPOCH_S,
        "end_time": _EPOCH_S + _VALID_S,
    }


def _id_of(person: int) -> int:
    """The id that the `person`-th user gets in a table that was empty."""
    return 1 + person


def _time(row: int) -> int:
    return _EPOCH_S + row * _EVERY_S


def _request(kind: Kind, verb: str, **members: Any) -> Request:
    return Request(kind, verb, json.dumps(members, ensure_ascii=False).encode())
