"""Which one-time codes, and which single-use cards, are used up.

Kept beside the journal and by its writer: a row is written in the transaction of the entry that
tells of it. A card is named by its row and its number: one that a reset of the device numbered
anew is another card.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import peewee

from gateway.store.files.database import sql_of
from gateway.store.journal.rows import whole_number


class UsedCodeRow(peewee.Model):
    """A code that was accepted, by the number of its time window."""

    card_id = peewee.BigIntegerField()
    card_value = peewee.BigIntegerField()
    step = peewee.BigIntegerField()

    class Meta:
        table_name = "used_codes"
        primary_key = peewee.CompositeKey("card_id", "card_value", "step")


class SpentCardRow(peewee.Model):
    """A single-use card whose one passage was granted."""

    card_id = peewee.BigIntegerField()
    card_value = peewee.BigIntegerField()

    class Meta:
        table_name = "spent_cards"
        primary_key = peewee.CompositeKey("card_id", "card_value")


@dataclass(frozen=True, slots=True, order=True)
class CodeCard:
    """A card whose codes change."""

    id: int
    value: int


@dataclass(slots=True)
class UsedUp:
    """Everything that is used up."""

    steps: dict[CodeCard, set[int]] = field(default_factory=dict)
    """Windows whose code was accepted."""
    cards: set[CodeCard] = field(default_factory=set)
    complete: bool = True
    """False where something of it was lost."""


class UsedCodeTable:
    """The writing end, inside the transactions of the journal."""

    TABLES = (UsedCodeRow, SpentCardRow)

    def __init__(self, writer: peewee.SqliteDatabase) -> None:
        with writer.bind_ctx(self.TABLES):
            card = (UsedCodeRow.card_id, UsedCodeRow.card_value)
            use = UsedCodeRow.insert_many([(0, 0, 0)], (*card, UsedCodeRow.step))
            self._use = sql_of(use.on_conflict_ignore())
            same = (UsedCodeRow.card_id == 0) & (UsedCodeRow.card_value == 0)
            self._forget = sql_of(UsedCodeRow.delete().where(same & (UsedCodeRow.step < 0)))
            spent = (SpentCardRow.card_id, SpentCardRow.card_value)
            self._spend = sql_of(SpentCardRow.insert_many([(0, 0)], spent).on_conflict_ignore())

    def use(self, connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
        """Write down, in the running transaction, the code that the body of an entry tells of.

        Codes of windows before `oldest` are accepted no more anyway, and go.
        """
        card = (body["card_id"], body["card_value"])
        connection.execute(self._use, (*card, body["step"]))
        connection.execute(self._forget, (*card, body["oldest"]))

    def spend(self, connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
        """As `use`, for a card."""
        connection.execute(self._spend, (body["card_id"], body["card_value"]))


def read_used_up(connection: sqlite3.Connection) -> UsedUp:
    """Everything that is used up. Raises sqlite3.Error.

    A row that is damaged is left out, and `complete` tells so.
    """
    found = UsedUp()
    columns = [whole_number(name) for name in ("card_id", "card_value", "step")]
    for card_id, card_value, step in connection.execute(
        f"SELECT {', '.join(columns)} FROM used_codes"  # noqa: S608 - ours
    ):
        if card_id is None or card_value is None or step is None:
            found.complete = False
        else:
            found.steps.setdefault(CodeCard(card_id, card_value), set()).add(step)
    for card_id, card_value in connection.execute(
        f"SELECT {', '.join(columns[:2])} FROM spent_cards"  # noqa: S608 - ours
    ):
        if card_id is None or card_value is None:
            found.complete = False
        else:
            found.cards.add(CodeCard(card_id, card_value))
    return found
