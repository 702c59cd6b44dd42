"""A snapshot of the mirror takes over what did not change, and is that of a whole compilation."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.access.policy import Rule
from gateway.access.slices import drain
from gateway.errors import InvalidRequest, StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.store.files import database
from gateway.store.mirror.copier import Copier
from gateway.store.mirror.mirror_side import MirrorSide
from gateway.store.mirror.reader import MirrorTables, open_mirror
from gateway.store.mirror.store_side import StoreSide
from gateway.store.objects.store import Store
from gateway.store.policy.snapshot import Snapshot, SnapshotReader
from gateway.store.tables.identity import draw_identity, store_identity

from .conftest import STAMP, factory_store

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
RUNS, CHANGES = (300, 60) if FUZZ else (3, 60)
WEEK = dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3"), 1)


class Mirrored:
    """A store, its mirror, and a reader of rules that goes on."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "store.db"
        self.mirror_path = directory / "mirror.db"
        with factory_store(self.path) as store:
            store_identity(store.database, draw_identity())
        self._feed = MirrorSide(self.mirror_path, fresh=True)
        self._copied = StoreSide(self.path)
        self._copier = Copier(self._copied, self._feed, lambda: STAMP, lambda: None, lambda: None)
        self._copier.sync()
        self._feed.finish(lambda: None)
        self._feed = MirrorSide(self.mirror_path)
        self._copier = Copier(self._copied, self._feed, lambda: STAMP, lambda: None, lambda: None)
        self._opened = open_mirror(self.mirror_path, str)
        self._reader = self._mirror_reader(self._opened)

    def close(self) -> None:
        self._opened.close_all()
        self._copied.close()
        self._feed.close()

    @contextmanager
    def store(self) -> Iterator[Store]:
        with Store.open(self.path, REGISTRY, lambda: STAMP) as opened:
            yield opened

    def sync(self) -> None:
        self._copier.sync()

    def compile(self) -> Snapshot:
        """What follows from the mirror, by the reader that has compiled before."""
        return drain(self._reader.compile())

    def compile_whole(self) -> Snapshot:
        """The same by a reader that knows nothing."""
        with closing(open_mirror(self.mirror_path, str)) as opened:
            return drain(self._mirror_reader(opened).compile())

    def compile_store(self) -> Snapshot:
        """What follows from the store itself."""
        with closing(database.open_reader(self.path)) as opened:
            return drain(SnapshotReader(opened, Models(REGISTRY, opened)).compile())

    @staticmethod
    def _mirror_reader(opened: database.TrackedDatabase) -> SnapshotReader:
        tables = MirrorTables(opened.connection(), str)
        return SnapshotReader(opened, Models(REGISTRY, opened), tables)


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Mirrored]:
    with closing(Mirrored(tmp_path)) as made:
        yield made


def some(chance: random.Random, store: Store, table: str) -> int:
    """The id of a row; 0 where there is none."""
    rows = list(store.load({"object": table, "fields": ["id"]}).rows)
    return cast("int", chance.choice(rows)["id"]) if rows else 0


def added(chance: random.Random, store: Store) -> None:
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "access_rules": lambda: {"name": "New", "type": chance.randrange(2), "priority": 0},
        "time_zones": lambda: {"name": "New"},
        "groups": lambda: {"name": "New"},
        "time_spans": lambda: {
            "time_zone_id": some(chance, store, "time_zones"),
            "start": chance.randrange(40_000),
            "end": chance.randrange(40_000, 86_400),
            **WEEK,
        },
        "holidays": lambda: (
            {"name": "New", "start": STAMP, "end": STAMP + 86_400}
            | {"hol1": 1, "hol2": 0, "hol3": 0, "repeats": chance.randrange(2)}
        ),
        "actions": lambda: {"name": "New", "action": "door", "parameters": "door=2", "run_at": 0},
    }
    table = chance.choice(list(made))
    store.insert(table, [made[table]()])


def tied(chance: random.Random, store: Store) -> None:
    table, left, right = chance.choice(
        (
            ("portal_access_rules", "portal", "access_rule"),
            ("group_access_rules", "group", "access_rule"),
            ("area_access_rules", "area", "access_rule"),
            ("access_rule_time_zones", "access_rule", "time_zone"),
            ("access_rule_actions", "access_rule", "action"),
        )
    )
    tie = {f"{side}_id": some(chance, store, f"{side}s") for side in (left, right)}
    if list(store.load({"object": table, "where": {table: tie}}).rows):
        store.destroy(table, {table: tie})
    else:
        store.insert(table, [tie])


def changed(chance: random.Random, store: Store) -> None:
    table, values = chance.choice(
        (
            ("access_rules", {"name": f"Name {chance.random()}"}),
            ("access_rules", {"type": chance.randrange(2)}),
            ("access_rules", {"priority": chance.randrange(9)}),
            ("time_spans", {"start": chance.randrange(40_000)}),
            ("portals", {"name": f"Name {chance.random()}"}),
            ("actions", {"parameters": f"door={chance.randrange(4)}"}),
            ("users", {"name": f"Name {chance.random()}"}),
        )
    )
    store.modify(table, values, {table: {"id": some(chance, store, table)}})


def removed(chance: random.Random, store: Store) -> None:
    table = chance.choice(("access_rules", "time_zones", "time_spans", "actions", "holidays"))
    store.destroy(table, {table: {"id": some(chance, store, table)}})


def configured(chance: random.Random, store: Store) -> None:
    store.set_configuration({"general": {"beep_enabled": str(chance.randrange(2))}})


KINDS = (added, added, tied, tied, tied, changed, changed, removed, configured)


def of_any_version(snapshot: Snapshot) -> Snapshot:
    """Without what mirror and store number on their own."""
    return replace(snapshot, version=0, policy=replace(snapshot.policy, version=0), rows=None)


@pytest.mark.parametrize("run", range(RUNS))
def test_after_any_changes_the_snapshot_is_that_of_a_whole_compilation(
    mirrored: Mirrored, tmp_path: Path, run: int
) -> None:
    chance = random.Random(run)  # noqa: S311 - a sample
    older = tmp_path / "older.db"
    shutil.copyfile(mirrored.path, older)
    with ExitStack() as stack:
        store = stack.enter_context(mirrored.store())
        for turn in range(CHANGES):
            with suppress(InvalidRequest):  # a tie to a row that does not exist any more
                chance.choice(KINDS)(chance, store)
            if turn % 20 == 10:
                # An older copy takes the place of the store, or becomes one.
                stack.pop_all().close()
                if chance.randrange(2):
                    shutil.copyfile(mirrored.path, older)
                else:
                    put = tmp_path / "put.db"
                    shutil.copyfile(older, put)
                    put.replace(mirrored.path)
                store = stack.enter_context(mirrored.store())
                store.insert("groups", [{"name": f"Group {turn}"}])
            if chance.randrange(3):
                mirrored.sync()
                if chance.randrange(2):
                    found = mirrored.compile()
                    assert repr(found) == repr(mirrored.compile_whole())
                    assert of_any_version(found) == of_any_version(mirrored.compile_store())


def test_a_value_of_the_configuration_compiles_no_rule(mirrored: Mirrored) -> None:
    before = mirrored.compile()
    with mirrored.store() as store:
        store.set_configuration({"general": {"beep_enabled": "0"}})
        mirrored.sync()
    after = mirrored.compile()
    assert after.version > before.version
    assert after.configuration["general", "beep_enabled"] == "0"
    assert after.policy.rules is before.policy.rules
    assert after.policy.portals is before.policy.portals
    assert after.policy.group_rules is before.policy.group_rules


def test_rules_that_were_replaced_are_freed(mirrored: Mirrored) -> None:
    with mirrored.store() as store:
        replaced = []
        for turn in range(5):
            store.modify("access_rules", {"name": f"Name {turn}"}, {"access_rules": {"id": 1}})
            mirrored.sync()
            replaced.append(mirrored.compile().policy.rules[1])
    names = [rule.name for rule in replaced]
    del replaced[:]
    gc.collect()
    alive = [it for it in gc.get_objects() if type(it) is Rule and it.name in names]
    assert [rule.name for rule in alive] == names[-1:]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rows_access_rules SET type = 0",
        "UPDATE rows_access_rules SET row_sum = row_sum + 1",
        "DELETE FROM rows_access_rules",
    ],
)
def test_damage_in_a_table_that_changed_is_met(mirrored: Mirrored, damage: str) -> None:
    mirrored.compile()
    with mirrored.store() as store:
        store.insert("access_rules", [{"name": "New", "type": 1, "priority": 0}])
        mirrored.sync()
    with closing(sqlite3.connect(mirrored.mirror_path)) as connection:
        connection.execute(damage)
        connection.commit()
    with pytest.raises(StorageError, match="access_rules"):
        mirrored.compile()
