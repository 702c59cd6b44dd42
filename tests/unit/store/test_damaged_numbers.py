"""A number near the end of its range, which somebody or a bad card left, ends no table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import NUMBERS_ENDED, Store

from .feeding import Fed

HIGHEST = (1 << 63) - 1
DAMAGES = [
    "UPDATE sqlite_sequence SET seq = :highest WHERE name = 'mirror_changes'",
    "UPDATE mirror_changes SET seq = :highest WHERE seq = (SELECT max(seq) FROM mirror_changes)",
    "UPDATE sqlite_sequence SET seq = :highest",
    "UPDATE sqlite_sequence SET seq = 'many'",
    "UPDATE change_logs SET id = :highest WHERE id = (SELECT max(id) FROM change_logs)",
    "UPDATE user_groups SET rowid = :highest WHERE rowid = (SELECT max(rowid) FROM user_groups)",
    "UPDATE users SET id = :highest WHERE id = (SELECT max(id) FROM users)",
]


def spoil(path: Path, statement: str) -> None:
    """Past all checks and triggers, as a bad card would."""
    with closing(sqlite3.connect(path)) as connection:
        kept = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = kept.fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement, {"highest": HIGHEST}).rowcount > 0
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def add_person(store: Store, name: str) -> int:
    [user] = store.insert("users", [{"name": name}])
    store.insert("user_groups", [{"user_id": user, "group_id": 1}])
    return user


@pytest.mark.parametrize("statement", DAMAGES)
def test_a_store_with_a_number_at_the_end_of_its_range_takes_rows_after_it_is_opened(
    store: Store, tmp_path: Path, statement: str
) -> None:
    path = tmp_path / STORE_FILE
    before = [add_person(store, "Ana"), add_person(store, "Bruno")]
    store.close()
    spoil(path, statement)
    with Store.open(path, REGISTRY, lambda: 0) as opened:
        new = add_person(opened, "Carla")
        assert new not in before
        assert new < HIGHEST
        [(members,)] = opened.reader().execute_sql("SELECT count(*) FROM user_groups").fetchall()
        assert members == 3


def test_a_number_that_ends_while_the_store_is_open_is_named_and_mended(fed: Fed) -> None:
    spoil(fed.mirror_path.with_name(STORE_FILE), DAMAGES[0])
    with pytest.raises(StorageError, match=NUMBERS_ENDED):
        add_person(fed.store, "Ana")
    user = add_person(fed.store, "Ana")
    fed.ask(7)
    fed.wait_for_answer(7)
    with closing(sqlite3.connect(fed.mirror_path)) as mirror:
        found = mirror.execute("SELECT name FROM rows_users WHERE row_key = ?", (user,)).fetchone()
    assert found == ("Ana",)


def test_a_version_of_rules_at_its_end_keeps_no_later_rule_from_being_copied(fed: Fed) -> None:
    path = fed.mirror_path.with_name(STORE_FILE)
    spoil(path, "UPDATE policy_version SET version = :highest")
    spoil(path, "UPDATE mirror_epoch SET epoch = epoch + 1")
    fed.ask(7)
    fed.wait_for_answer(7)
    fed.store.insert("access_rules", [{"name": "Nights", "type": 1, "priority": 0}])
    fed.ask(8)
    fed.wait_for_answer(8)
    assert "Nights" in fed.copied()
