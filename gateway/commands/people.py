"""People and their cards for who sits at the device itself: in words and printed card numbers.

Each function is one transaction, with its entry in the audit log. The controller reads people and
cards at every decision, so that the next swipe obeys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import peewee

from gateway.credentials.card_number import format_card, parse_printed_card
from gateway.errors import ConstraintViolation, InvalidRequest, NotFound
from gateway.store.objects.store import Store
from gateway.store.query.compile import members
from gateway.store.tables.audit import AuditType, write_entry

LONGEST_ID = 15
"""Digits of `users.id`; more are a name."""


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person as lists show one."""

    id: int
    name: str
    registration: str
    cards: tuple[str, ...]
    """As printed: `facility,number`, or the number alone."""
    groups: tuple[str, ...]

    def shown(self) -> dict[str, object]:
        """As JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "registration": self.registration,
            "cards": list(self.cards),
            "groups": list(self.groups),
        }


class LocalPeople:
    """What a person at the device may do with people."""

    def __init__(self, store: Store, who: str, local_s: Callable[[], int]) -> None:
        """`who` does it, for the audit log, at `local_s` of the site's wall clock."""
        self._store = store
        self._who = who
        self._local_s = local_s

    def add(
        self, name: str, *, registration: str = "", cards: Sequence[str], groups: Sequence[str]
    ) -> ListedPerson:
        """Add a person with cards and groups, all or none.

        Raises InvalidRequest for an empty name, a card of a wrong form or of somebody else, and
        NotFound for a group that does not exist.
        """
        if not name.strip():
            raise InvalidRequest("a person needs a name")
        with self._told("person add") as say:
            row = {"name": name.strip(), "registration": registration}
            (number,) = self._store.insert("users", [row])
            for card in {_card(card): card for card in cards}.values():
                self._give(number, card)
            found = dict.fromkeys(self._group(group) for group in groups)
            ties = [{"user_id": number, "group_id": group} for group in found]
            self._store.insert("user_groups", ties)
            say(f"{number} {name.strip()!r}, cards {list(cards)}, groups {list(found)}")
        return self.find(str(number))

    def remove(self, who: str) -> ListedPerson:
        """Delete a person with all that is theirs; the logs stay."""
        with self._told("person remove") as say:
            person = self.find(who)
            self._store.destroy("users", {"users": {"id": person.id}})
            say(f"{person.id} {person.name!r}")
        return person

    def join(self, who: str, group: str) -> ListedPerson:
        """Put a person into one more group; who is in it stays so."""
        with self._told("person group") as say:
            person, number = self.find(who), self._group(group)
            tie = {"user_id": person.id, "group_id": number}
            self._store.insert_or_modify("user_groups", [tie])
            say(f"{person.id} {person.name!r} to group {number}")
        return self.find(str(person.id))

    def add_card(self, who: str, card: str) -> ListedPerson:
        """Give a person one more card."""
        with self._told("card add") as say:
            person = self.find(who)
            self._give(person.id, card)
            say(f"{card} to {person.id} {person.name!r}")
        return self.find(str(person.id))

    def remove_card(self, card: str) -> ListedPerson:
        """Take a card away; whose it was. Raises NotFound when it is nobody's."""
        value = _card(card)
        with self._told("card remove") as say:
            owner = self._owner(value)
            if owner is None:
                raise NotFound(f"card {card} is nobody's")
            person = self.find(str(owner))
            self._store.destroy("cards", {"cards": {"value": value}})
            say(f"{card} of {person.id} {person.name!r}")
        return person

    def find(self, who: str) -> ListedPerson:
        """The person with that id, or else that name.

        Raises NotFound, or InvalidRequest when several have the name.
        """
        column = self._store.models.column
        if who.isascii() and who.isdigit() and len(who) <= LONGEST_ID:
            found = list(self._select(column("users", "id") == int(who)))
        else:
            found = list(self._select(column("users", "name") == who))
        if not found:
            raise NotFound(f"there is no person {who}: gateway person list shows all")
        if len(found) > 1:
            ids = ", ".join(str(person.id) for person in found)
            raise InvalidRequest(f"{len(found)} people are called {who}: give the id, of {ids}")
        return found[0]

    def all(self, text: str = "") -> Iterator[ListedPerson]:
        """Everybody whose name holds `text`, by id."""
        for person in self._select(None):
            if text.casefold() in person.name.casefold():
                yield person

    def groups(self) -> dict[int, str]:
        """Group id -> name."""
        rows = self._store.load({"object": "groups"}).rows
        return {_number(row["id"]): str(row["name"]) for row in rows}

    def _select(self, chosen: peewee.Expression | None) -> Iterator[ListedPerson]:
        """Reads what the running transaction has written, too."""
        column = self._store.models.column
        names = ("id", "name", "registration")
        query = self._store.model("users").select(*(column("users", name) for name in names))
        if chosen is not None:
            query = query.where(chosen)
        found: Any = query.order_by(column("users", "id")).tuples()
        people = list(found)
        ids = None if chosen is None else [number for number, _, _ in people]
        cards = _by_user(self._store, "cards", "value", ids)
        ties = _by_user(self._store, "user_groups", "group_id", ids)
        groups = self.groups()
        for number, name, registration in people:
            yield ListedPerson(
                number,
                name,
                registration,
                tuple(printed(value) for value in cards.get(number, ())),
                tuple(groups.get(group, str(group)) for group in ties.get(number, ())),
            )

    def _give(self, user_id: int, card: str) -> None:
        value = _card(card)
        owner = self._owner(value)
        if owner is not None:
            person = self.find(str(owner))
            raise ConstraintViolation(f"card {card} is of {person.name} (person {owner}) already")
        self._store.insert("cards", [{"user_id": user_id, "value": value}])

    def _owner(self, value: int) -> int | None:
        column = self._store.models.column
        query = self._store.model("cards").select(column("cards", "user_id"))
        found: int | None = query.where(column("cards", "value") == value).scalar()
        return found

    def _group(self, wanted: str) -> int:
        groups = self.groups()
        named = [number for number, name in groups.items() if wanted in {str(number), name}]
        if len(named) != 1:
            known = ", ".join(f"{number} ({name})" for number, name in groups.items())
            raise NotFound(f"there is no group {wanted}: there are {known or 'none'}")
        return named[0]

    @contextmanager
    def _told(self, verb: str) -> Iterator[Callable[[str], None]]:
        """A transaction with an entry in the audit log, of what is said in it."""
        said: list[str] = []
        with self._store.transaction():
            yield said.append
            text = f"{self._who} at this device: {verb} {' '.join(said)}"
            write_entry(self._store, AuditType.API, self._local_s(), text)


def printed(value: int) -> str:
    """A card's value as it is printed and typed."""
    readings = format_card(value)
    return readings.facility_number if value >> 32 else readings.decimal


def _card(text: str) -> int:
    try:
        return parse_printed_card(text)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


def _by_user(
    store: Store, table: str, field: str, ids: Sequence[int] | None
) -> dict[int, list[int]]:
    """User -> what is theirs, of those with `ids` or of all."""
    column = store.models.column
    found: dict[int, list[int]] = {}
    query = store.model(table).select(column(table, "user_id"), column(table, field))
    if ids is not None:
        query = query.where(column(table, "user_id").in_(members(ids)))
    rows: Any = query.order_by(store.models.key(table)).tuples()
    for user, value in rows:
        found.setdefault(user, []).append(value)
    return found


def _number(value: object) -> int:
    return int(str(value))
