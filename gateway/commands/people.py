"""People and cards for the command line: by names and printed card numbers.

Each method is one transaction with its audit entry. The controller reads people and cards at every
decision, so the next swipe obeys.
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
"""Most digits of a `users.id`; a longer number is a name."""


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person, as lists show it."""

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
    """Reads and changes people in the store of this device."""

    def __init__(self, store: Store, who: str, local_s: Callable[[], int]) -> None:
        """`who` and `local_s`, seconds of the site's wall clock, go into the audit log."""
        self._store = store
        self._who = who
        self._local_s = local_s

    def add(
        self, name: str, *, registration: str = "", cards: Sequence[str], groups: Sequence[str]
    ) -> ListedPerson:
        """Add a person with cards and groups, all or none.

        Raises InvalidRequest for an empty name or a malformed card, ConstraintViolation for a card
        of another person, and NotFound for an unknown group.
        """
        if not name.strip():
            raise InvalidRequest("a person needs a name")
        with self._audited("person add") as detail:
            row = {"name": name.strip(), "registration": registration}
            (number,) = self._store.insert("users", [row])
            for card in {_card(card): card for card in cards}.values():
                self._give(number, card)
            found = dict.fromkeys(self._group(group) for group in groups)
            ties = [{"user_id": number, "group_id": group} for group in found]
            self._store.insert("user_groups", ties)
            detail(f"{number} {name.strip()!r}, cards {list(cards)}, groups {list(found)}")
        return self.find(str(number))

    def remove(self, who: str) -> ListedPerson:
        """Delete a person with their credentials and ties; the logs stay."""
        with self._audited("person remove") as detail:
            person = self.find(who)
            self._store.destroy("users", {"users": {"id": person.id}})
            detail(f"{person.id} {person.name!r}")
        return person

    def join(self, who: str, group: str) -> ListedPerson:
        """Add a person to a group, unless they are in it."""
        with self._audited("person group") as detail:
            person, number = self.find(who), self._group(group)
            tie = {"user_id": person.id, "group_id": number}
            self._store.insert_or_modify("user_groups", [tie])
            detail(f"{person.id} {person.name!r} to group {number}")
        return self.find(str(person.id))

    def add_card(self, who: str, card: str) -> ListedPerson:
        """Add a card to a person."""
        with self._audited("card add") as detail:
            person = self.find(who)
            self._give(person.id, card)
            detail(f"{card} to {person.id} {person.name!r}")
        return self.find(str(person.id))

    def remove_card(self, card: str) -> ListedPerson:
        """Delete a card; returns its former owner. Raises NotFound for an unknown card."""
        value = _card(card)
        with self._audited("card remove") as detail:
            owner = self._owner(value)
            if owner is None:
                raise NotFound(f"nobody has card {card}")
            person = self.find(str(owner))
            self._store.destroy("cards", {"cards": {"value": value}})
            detail(f"{card} of {person.id} {person.name!r}")
        return person

    def find(self, who: str) -> ListedPerson:
        """The person with this id or else this name.

        Raises NotFound, or InvalidRequest if several people have the name.
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
        """Everybody whose name contains `text`, by id."""
        for person in self._select(None):
            if text.casefold() in person.name.casefold():
                yield person

    def groups(self) -> dict[int, str]:
        """Names of groups by id."""
        rows = self._store.load({"object": "groups"}).rows
        return {_number(row["id"]): str(row["name"]) for row in rows}

    def _select(self, chosen: peewee.Expression | None) -> Iterator[ListedPerson]:
        """Includes what the running transaction has written."""
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
            raise ConstraintViolation(
                f"card {card} already belongs to {person.name} (person {owner})"
            )
        self._store.insert("cards", [{"user_id": user_id, "value": value}])

    def _owner(self, value: int) -> int | None:
        column = self._store.models.column
        query = self._store.model("cards").select(column("cards", "user_id"))
        found: int | None = query.where(column("cards", "value") == value).scalar()
        return found

    def _group(self, group: str) -> int:
        groups = self.groups()
        named = [number for number, name in groups.items() if group in {str(number), name}]
        if len(named) != 1:
            known = ", ".join(f"{number} ({name})" for number, name in groups.items())
            raise NotFound(f"there is no group {group}: there are {known or 'none'}")
        return named[0]

    @contextmanager
    def _audited(self, verb: str) -> Iterator[Callable[[str], None]]:
        """A transaction with an audit entry; the body gives the details of the entry."""
        details: list[str] = []
        with self._store.transaction():
            yield details.append
            text = f"{self._who} at this device: {verb} {' '.join(details)}"
            write_entry(self._store, AuditType.API, self._local_s(), text)


def printed(value: int) -> str:
    """The number of a card as printed on it."""
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
    """The values of a field by user, for the users `ids` or for all."""
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
