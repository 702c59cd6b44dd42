"""`search` over HTTP at many people: what a person types, one letter more each time."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path

from gateway.store.files import SEARCH_FILE

from .client import Client
from .figures import Expectations, p50, p99, say, table
from .processes import gateway
from .sites import Site, build, card_of, put, stored
from .work import user_of

PEOPLE = 200_000
SEARCHES = 300
"""Of each kind."""
LIMIT_MS = 100
_FIRST_ID = 1_001


def measure(directory: Path, expected: Expectations) -> None:
    """Fill a site, search it, and print what came out."""
    site = build(directory / "search", 0)
    rows = [user_of(it) for it in range(PEOPLE)]
    users = ((_FIRST_ID + at, it["name"], it["registration"]) for at, it in enumerate(rows))
    cards = ((stored(card_of(it)), _FIRST_ID + it) for it in range(PEOPLE))
    put(site.store, ("users (id, name, registration)", users), ("cards (value, user_id)", cards))
    times, first_ms, changed_ms = _search(site)
    say()
    say(f"search over HTTP at {PEOPLE:,} people, in milliseconds")
    table(("what", "n", "p50", "p99"), ((kind, len(it), p50(it), p99(it)) for kind, it in times))
    whole = (site.data / SEARCH_FILE).stat().st_size / 1e6
    say(f"the index was made in {first_ms:.0f} ms by the first search and has {whole:.1f} MB;")
    say(f"a search after one person has changed takes {changed_ms:.1f} ms")
    say()
    say("Expected")
    for kind, taken in times:
        expected.below(f"search by {kind}: p99", p99(taken), LIMIT_MS, " ms")


def _search(site: Site) -> tuple[list[tuple[str, list[int]]], float, float]:
    chosen = random.Random(1)  # noqa: S311 - a sample
    people = chosen.sample(range(PEOPLE), SEARCHES)
    names = [str(user_of(it)["name"]) for it in people]
    kinds = {
        "one letter": [name[0] for name in names],
        "a first name": [name.split()[0] for name in names],
        "two beginnings": [" ".join(part[:2] for part in name.split()[:2]) for name in names],
        "a whole name": names,
        "registration": [str(user_of(it)["registration"]) for it in people],
        "card, facility,number": [f"{card_of(it) >> 32},{card_of(it) & 0xFFFF}" for it in people],
        "card, hexadecimal": [
            f"{card_of(it) >> 32:02x}{card_of(it) & 0xFFFF:04X}" for it in people
        ],
        "nobody": [f"{name} zz" for name in names],
    }
    with gateway(site) as (_, url), closing(Client(url, site.password)) as client:

        def taken(text: str) -> int:
            began_ns = time.monotonic_ns()
            client.post("search", {"text": text})
            return time.monotonic_ns() - began_ns

        first_ns = taken(names[0])
        times = [(kind, [taken(text) for text in texts]) for kind, texts in kinds.items()]
        body = {"object": "users", "values": {"name": "Zoe"}, "where": {"users": {"id": _FIRST_ID}}}
        client.post("modify_objects", body)
        changed_ns = taken("zoe")
    return times, first_ns / 1e6, changed_ns / 1e6
