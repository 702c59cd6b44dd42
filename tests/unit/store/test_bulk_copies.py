"""What a bulk write takes away is gone from the mirror before all of it is copied."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.commands.mirror_store import MirrorCopy
from gateway.store.files import STORE_FILE
from gateway.store.mirror import copier
from gateway.store.mirror.reader import open_mirror
from gateway.store.mirror.rows import TABLES
from gateway.store.objects.schema import CHANGES
from gateway.store.objects.store import Store

from .feeding import Fed

TIES = ("user_groups", "user_access_rules", "opening_times", "antipassback_exemptions")
HOLDERS = 30
"""People at the start, each with a card and a department."""

Person = tuple[object, ...]
People = dict[int, Person]
"""Card number -> what is decided about its holder by."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few rows be many."""
    monkeypatch.setattr(copier, "PAGE", 4)
    monkeypatch.setattr(copier, "ROWS_AT_ONCE", 6)
    monkeypatch.setattr(copier, "_EQUAL_PAGE", 1)


@pytest.fixture
def crowd(fed: Fed) -> Fed:
    """Some people whom the mirror has."""
    with fed.store.transaction():
        fed.store.insert("groups", [{"id": 2, "name": "Office"}])
        add_people(fed.store, range(1, HOLDERS + 1))
    finish(fed)
    return fed


def add_people(store: Store, ids: range) -> None:
    store.insert("users", [{"id": id_, "name": f"Person {id_}"} for id_ in ids])
    store.insert("cards", [{"user_id": id_, "value": 1_000 + id_} for id_ in ids])
    store.insert("user_groups", [{"user_id": id_, "group_id": 1} for id_ in ids])


def finish(fed: Fed) -> None:
    fed.ask(1)
    while fed.busy:
        fed.poll()


def people_of(connection: sqlite3.Connection) -> People:
    holders = connection.execute(
        "SELECT value, users.id, users.begin_time, users.end_time"
        " FROM cards JOIN users ON user_id = users.id"
    ).fetchall()
    return {value: (id_, *span, *ties_of(connection, id_)) for value, id_, *span in holders}


def ties_of(connection: sqlite3.Connection, person: int) -> Iterator[object]:
    for table in TIES:
        every = f"SELECT * FROM {table} WHERE user_id = ?"  # noqa: S608 - names of ours
        yield sorted(connection.execute(every, (person,)).fetchall(), key=repr)


def mirrored(fed: Fed) -> People:
    """As decisions read them."""
    with closing(open_mirror(fed.mirror_path, str)) as opened:
        return people_of(opened.connection())


def stored(fed: Fed) -> People:
    with closing(sqlite3.connect(fed.mirror_path.with_name(STORE_FILE))) as connection:
        return people_of(connection)


def lose_notes(store: Store) -> None:
    store.database.execute_sql(f"DELETE FROM {CHANGES}")  # noqa: S608 - a constant


def some_write(chance: random.Random, store: Store, number: int) -> None:
    """Many rows, or few, of which the mirror may have no note."""
    first = chance.randrange(1, HOLDERS)
    several = {">=": first, "<=": first + chance.choice((0, 3, 20))}
    with store.transaction():
        match chance.randrange(7):
            case 0:
                store.destroy("users", {"users": {"id": several}})
            case 1:
                store.destroy("cards", {"cards": {"user_id": several}})
            case 2:
                store.destroy("user_groups", {"user_groups": {"user_id": several}})
            case 3:
                store.modify("user_groups", {"group_id": 2}, {"user_groups": {"user_id": several}})
            case 4:
                store.modify("users", {"end_time": number}, {"users": {"id": several}})
            case 5:
                from_id = 100 * (number + 1)
                add_people(store, range(from_id, from_id + chance.choice((1, 15))))
            case 6:
                store.database.execute_sql(
                    "INSERT OR IGNORE INTO user_access_rules (user_id, access_rule_id) "
                    "SELECT id, 1 FROM users WHERE id BETWEEN ? AND ?",
                    (several[">="], several["<="]),
                )
        if not chance.randrange(4):
            lose_notes(store)


@pytest.mark.parametrize("seed", range(6))
def test_whom_the_mirror_lets_in_has_all_that_the_store_has_of_them(crowd: Fed, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, keeps no secret
    unfinished = 0
    for number in range(12):
        some_write(chance, crowd.store, number)
        crowd.ask(number)
        for _ in range(chance.randrange(6)):
            allowed = stored(crowd)
            assert {card: allowed.get(card) for card in mirrored(crowd)} == mirrored(crowd)
            unfinished += crowd.busy
            crowd.poll()
        if not chance.randrange(3):
            crowd.start_again()
    finish(crowd)
    assert mirrored(crowd) == stored(crowd)
    assert unfinished


def test_a_new_name_shuts_nobody_out_meanwhile(crowd: Fed) -> None:
    crowd.store.modify("users", {"name": "Somebody"}, {})
    crowd.ask(1)
    assert crowd.busy
    assert mirrored(crowd) == stored(crowd)


def answers(fed: Fed) -> list[int]:
    return [it["n"] for it in fed.said if it["is"] == "synced"]


def test_a_bulk_write_is_answered_when_all_of_it_is_copied(crowd: Fed) -> None:
    add_people(crowd.store, range(500, 550))
    crowd.ask(7)
    assert crowd.busy
    assert 7 not in answers(crowd)
    while crowd.busy:
        crowd.poll()
    assert answers(crowd)[-1] == 7
    assert mirrored(crowd) == stored(crowd)


def test_what_is_asked_meanwhile_is_answered_at_once(crowd: Fed) -> None:
    add_people(crowd.store, range(500, 550))
    crowd.ask(7)
    crowd.store.destroy("cards", {"cards": {"value": 1_001}})
    crowd.ask(8)
    assert crowd.busy
    assert answers(crowd) == [8]
    assert 1_001 not in mirrored(crowd)


def test_a_bulk_write_of_people_leaves_no_new_rule_uncopied(crowd: Fed) -> None:
    with crowd.store.transaction():
        add_people(crowd.store, range(500, 550))
        crowd.store.insert("access_rules", [{"name": "Nights", "type": 0, "priority": 0}])
    crowd.ask(7)
    assert crowd.busy
    assert "Nights" in crowd.copied()
    assert "committing" in [it["is"] for it in crowd.said]


def test_nobody_new_is_known_before_all_that_may_block_them(crowd: Fed) -> None:
    add_people(crowd.store, range(500, 550))
    crowd.ask(7)
    crowd.store.modify("users", {"name": "Changed"}, {"users": {"id": 549}})
    crowd.ask(8)
    assert crowd.busy
    with closing(open_mirror(crowd.mirror_path, str)) as opened:
        known = opened.connection().execute("SELECT id FROM users WHERE id >= 500").fetchall()
    assert not known
    finish(crowd)
    assert mirrored(crowd) == stored(crowd)


def test_a_restore_from_the_mirror_leaves_out_whom_it_may_not_let_in(crowd: Fed) -> None:
    crowd.store.modify("user_groups", {"group_id": 2}, {})
    crowd.ask(7)
    assert crowd.busy
    lost: list[object] = []
    with closing(MirrorCopy.of(crowd.mirror_path.parent)) as copy:
        kept = {key for key, _ in copy.rows(TABLES["users"], lost.append)}
    assert lost
    assert kept.isdisjoint(lost)
    assert kept | set(lost) == set(range(1, HOLDERS + 1))
