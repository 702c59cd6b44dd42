"""`search`: people by what a person types, and the doors and tables with such a name.

The command is ours. It finds people by the beginnings of words of their name or registration, by
id, and by a card in any notation, a QR code or a UHF tag; never by a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.explain import RowId
from gateway.commands.people import printed
from gateway.commands.requests import RequestModel
from gateway.credentials.card_number import cards_of_text
from gateway.errors import InvalidRequest
from gateway.objects.people import USER_ID_MAX
from gateway.store.objects.people_search import words_of
from gateway.store.objects.store import Store
from gateway.store.query.compile import members

MOST_MATCHES = 10_000
"""People with the words who are looked for in a group."""
_NAMED = ("areas", "portals", "groups")
"""Objects that are found by name."""
_MOST_NAMED = 20
"""Of each kind."""


class SearchRequest(RequestModel):
    """`search`."""

    text: Annotated[str, Field(min_length=1, max_length=100)]
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    """Most people in the answer."""
    group_id: RowId | None = None
    """Only people of this group."""


class PersonFound(TypedDict):
    """A person, what of theirs matches (`name`, which includes the registration, `id`, `card`,
    `qrcode` or `uhf_tag`), and the credential that does, a card as printed."""

    id: int
    name: str
    registration: str
    by: str
    credential: NotRequired[str]


class Named(TypedDict):
    """Something with a name."""

    id: int
    name: str


class Found(TypedDict):
    """Answer to `search`; `more` if further people match."""

    people: list[PersonFound]
    more: bool
    doors: list[Named]
    areas: list[Named]
    portals: list[Named]
    groups: list[Named]


def search(call: Call[SearchRequest]) -> Annotated[Mapping[str, object], Found]:
    """People by name, registration, id or credential, and doors, areas, portals and groups by name.

    Words match from their beginning, without regard to case and accents. A card is found by its
    number in decimal or hexadecimal, as `facility,number`, or as printed in 8 or 10 digits.
    """
    request, store = call.request, call.context.store
    found = dict(_by_number(store, request.text))
    asked = MOST_MATCHES if request.group_id else request.limit + 1
    for id_ in store.people_search.find(request.text, asked):
        found.setdefault(id_, {"by": "name"})
    rows = _people(store, found, request.group_id, request.limit + 1)
    words = words_of(request.text)
    doors = ((door.id, door.name) for door in call.context.site.doors())
    return {
        "people": rows[: request.limit],
        "more": len(rows) > request.limit,
        "doors": _with_words(words, doors),
        **{name: _with_words(words, _names(store, name)) for name in _NAMED},
    }


def _by_number(store: Store, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Who has `text` as a credential or an id, the credentials first."""
    for value, user_id in _owners(store, "cards", sorted(cards_of_text(text))):
        yield user_id, {"by": "card", "credential": printed(value)}
    for table, by in (("qrcodes", "qrcode"), ("uhf_tags", "uhf_tag")):
        try:
            value = store.registry[table].field("value").decode(text.strip())
        except InvalidRequest:
            continue
        for code, user_id in _owners(store, table, [value]):
            yield user_id, {"by": by, "credential": str(code)}
    typed = text.strip()
    if typed.isascii() and typed.isdigit() and int(typed) <= USER_ID_MAX:
        yield int(typed), {"by": "id"}


def _owners(store: Store, table: str, values: list[Any]) -> list[tuple[Any, int]]:
    column = store.models.column
    value, owner = column(table, "value"), column(table, "user_id")
    return store.read(store.model(table).select(value, owner).where(value.in_(values)).tuples())


def _people(
    store: Store, found: Mapping[int, Mapping[str, str]], group_id: int | None, limit: int
) -> list[dict[str, object]]:
    """Those of `found` who exist, are in the group and are among the first, in their order."""
    column = store.models.column
    id_, name, registration = (column("users", it) for it in ("id", "name", "registration"))
    chosen = id_.in_(members(list(found)))
    if group_id is not None:
        ties = store.model("user_groups").select(column("user_groups", "user_id"))
        chosen &= id_.in_(ties.where(column("user_groups", "group_id") == group_id))
    query = store.model("users").select(id_, name, registration).where(chosen)
    rows = {row[0]: row for row in store.read(query.tuples())}
    ordered = [rows[it] for it in found if it in rows][:limit]
    return [
        {"id": row[0], "name": row[1], "registration": row[2], **found[row[0]]} for row in ordered
    ]


def _names(store: Store, table: str) -> list[tuple[int, str]]:
    column = store.models.column
    query = store.model(table).select(column(table, "id"), column(table, "name"))
    return store.read(query.order_by(column(table, "id")).tuples())


def _with_words(words: list[str], named: Any) -> list[dict[str, object]]:
    """Those in whose name a word begins with each of `words`."""
    found = (
        {"id": id_, "name": name}
        for id_, name in named
        if words and all(any(it.startswith(word) for it in words_of(name)) for word in words)
    )
    return [it for it, _ in zip(found, range(_MOST_NAMED), strict=False)]


COMMANDS = (
    Command(
        search,
        example={"text": "ana"},
        answered={
            "people": [{"id": 1, "name": "Ana", "registration": "1002", "by": "name"}],
            "more": False,
            "doors": [],
            "areas": [],
            "portals": [],
            "groups": [],
        },
    ),
)
