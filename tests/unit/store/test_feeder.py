"""What feeds the mirror goes on after a failure of the mirror's file, and answers what it was asked
meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.store.files import MIRROR_FILE, STORE_FILE
from gateway.store.mirror import copier
from gateway.store.mirror.feeder import Feeder
from gateway.store.mirror.schema import FRESH
from gateway.store.objects.store import Store
from gateway.store.tables.identity import draw_identity, store_identity

from .conftest import factory_store

Message = dict[str, Any]
ANSWERED_WITHIN_S = 60.0
"""Far more than the pause after a failure."""


class Fed:
    """A store, and what feeds its mirror."""

    def __init__(self, store: Store, data: Path) -> None:
        self.store = store
        self.mirror_path = data / MIRROR_FILE
        self.said: list[Message] = []
        self._feeder = Feeder(data, self.said.append)
        self._feeder.poll()
        self.put_in_place()

    def close(self) -> None:
        self._feeder.close()

    def start_again(self) -> None:
        self._feeder.close()
        self._feeder = Feeder(self.mirror_path.parent, self.said.append)
        self._feeder.poll()

    def put_in_place(self) -> None:
        """Do what the controller does with a mirror that was built."""
        [fresh] = self.mirror_path.parent.glob(f"{MIRROR_FILE}{FRESH}*")
        fresh.rename(self.mirror_path)
        self._feeder.handle({"do": "swapped"})

    def ask(self, question: int) -> None:
        self.said.clear()
        self._feeder.handle({"do": "sync", "n": question})

    def wait_for_answer(self, question: int) -> None:
        """Let the feeder look now and then, as its process does, until it has answered."""
        end_s = time.monotonic() + ANSWERED_WITHIN_S
        while not any(it["is"] == "synced" and it["n"] == question for it in self.said):
            assert time.monotonic() < end_s, f"no answer: {self.said}"
            time.sleep(0.01)
            self._feeder.poll()

    def last_report(self) -> Message:
        return [it for it in self.said if it["is"] == "report"][-1]

    def copied(self) -> set[str]:
        """The names of the copied rules."""
        with closing(sqlite3.connect(self.mirror_path)) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM rows_access_rules")}


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Fed]:
    with factory_store(tmp_path / STORE_FILE) as store:
        store_identity(store.database, draw_identity())
        with closing(Fed(store, tmp_path)) as fed:
            yield fed


def add_rule(store: Store, name: str) -> None:
    store.insert("access_rules", [{"name": name, "type": 1, "priority": 0}])


@pytest.fixture
def opened_for_reading_alone(fed: Fed, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Start the feeder again, its first open of the mirror failing: SQLite tries once more without
    writing then, and says nothing."""

    def start() -> None:
        connect = copier._connect

        def failing(path: Path, mode: str) -> sqlite3.Connection:
            return connect(path, "ro" if path == fed.mirror_path else mode)

        with monkeypatch.context() as patched:
            patched.setattr(copier, "_connect", failing)
            fed.start_again()

    return start


def test_a_change_is_copied_although_the_first_open_of_the_mirror_failed(
    fed: Fed, opened_for_reading_alone: Callable[[], None]
) -> None:
    opened_for_reading_alone()
    add_rule(fed.store, "Nights")
    fed.ask(7)
    fed.wait_for_answer(7)
    assert "Nights" in fed.copied()
    assert fed.last_report()["mirror_fault"] is None


def test_a_mirror_that_cannot_be_written_is_no_fault_of_the_store(
    fed: Fed, opened_for_reading_alone: Callable[[], None]
) -> None:
    opened_for_reading_alone()
    add_rule(fed.store, "Nights")
    fed.ask(7)
    report = fed.last_report()
    assert report["store_fault"] is None
    assert report["mirror_fault"].startswith("the mirror cannot be written: ")


def test_damage_that_a_write_to_the_mirror_meets_has_it_made_anew(fed: Fed) -> None:
    with closing(sqlite3.connect(fed.mirror_path)) as connection:
        connection.execute("DROP TABLE rows_access_rules")
    add_rule(fed.store, "Nights")
    fed.ask(7)
    assert "built" in [it["is"] for it in fed.said]
    fed.put_in_place()
    fed.wait_for_answer(7)
    assert "Nights" in fed.copied()


def test_a_question_that_meets_an_unreadable_store_is_answered_once_it_can_be_read(
    fed: Fed,
) -> None:
    store_path = fed.mirror_path.with_name(STORE_FILE)
    away = store_path.with_name("away")
    add_rule(fed.store, "Nights")
    store_path.rename(away)
    fed.ask(7)
    assert fed.last_report()["store_fault"] is not None
    away.rename(store_path)
    fed.wait_for_answer(7)
    assert "Nights" in fed.copied()
