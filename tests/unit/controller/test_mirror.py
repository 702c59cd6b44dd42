"""The mirror: what is damaged in the store, or in the mirror itself, opens nothing and shuts
nobody out who has a sound row."""

from __future__ import annotations

import fcntl
import os
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.slices import drain
from gateway.controller.mirror.child import ChildFeed
from gateway.errors import StorageError
from gateway.hardware.events import InputKind, InputName
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SITE_FILE
from gateway.store.files import MIRROR_FILE, STORE_FILE
from gateway.store.files.database import TrackedDatabase
from gateway.store.mirror.reader import MirrorTables, open_mirror
from gateway.store.objects.schema import CHANGES
from gateway.store.objects.store import Store
from tests.faults.flips import at_rest, flip_rate
from tests.unit.controller.conftest import InlineFeed

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
STRANGE_CARD = (99 << 32) | 11111
ANA, PORTAL_OF_ANA = 1, 1
GRANTED, DENIED = 7, 6
BUTTON = InputName(InputKind.REX, 1)
PAGE = 4_096
EMPTY_INDEX = b"\x0a\0\0\0\0\x10\0\0"
"""The head of an index page without entries (SQLite's file format, 1.6)."""
WRITE_LOCK = 120
"""Where SQLite locks a -shm file to write (wal.c, WALINDEX_LOCK_OFFSET)."""
NOTES_LOST = "added, without a note of the change"


def spoil(data: Path, *statements: str) -> None:
    """Change rows past all checks, with the triggers that a client's write would fire."""
    with closing(sqlite3.connect(data / STORE_FILE)) as connection:
        connection.create_function("device_stamp", -1, lambda *_: 0)
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def lets_in(bench: Bench, card: int = CARD_OF_ANA) -> bool:
    """Whether a swipe at the front opens it; the door is locked again afterwards."""
    bench.swipe(card)
    opened = bench.unlocked(1)
    bench.pass_time(10)
    return opened


def named(bench: Bench) -> str:
    status = bench.controller.status().mirror
    assert status is not None
    return "; ".join(status.named)


HARMLESS = [
    ("UPDATE access_rules SET name = CAST(x'636166e9' AS TEXT)", "access_rules"),
    ("UPDATE users SET name = CAST(x'ff41' AS TEXT)", "users"),
    ("DELETE FROM policy_version", ""),
    ("UPDATE cards SET user_id = 'x' WHERE user_id <> 1", "cards"),
    ("INSERT INTO time_spans SELECT 90, 1, 'noon', 3600, 1,1,1,1,1,1,1,1,1,1", "time_spans"),
]


@pytest.mark.parametrize(("statement", "table"), HARMLESS)
def test_a_bad_row_shuts_nobody_else_out_and_is_named(
    bench: Bench, statement: str, table: str
) -> None:
    spoil(bench.data, statement)
    bench.settle()
    assert lets_in(bench)
    assert bool(named(bench)) == bool(table)


@pytest.mark.parametrize(("statement", "table"), HARMLESS)
def test_a_bad_row_that_is_there_at_the_start_shuts_nobody_else_out(
    demo: Path, start: Start, statement: str, table: str
) -> None:
    spoil(demo, statement)
    with start(demo) as bench:
        assert lets_in(bench)
        assert bool(named(bench)) == bool(table)


UNREADABLE = [
    ("UPDATE time_spans SET start = 'noon'", "time_spans"),
    ("UPDATE actions SET parameters = x'00'", "actions"),
    ("UPDATE access_rules SET type = 'both'", "access_rules"),
    ("UPDATE users SET end_time = 'never' WHERE id = 1", "users"),
    ("UPDATE user_groups SET group_id = 'x' || group_id WHERE user_id = 1", "user_groups"),
    ("UPDATE cards SET panic = 'no' WHERE user_id = 1", "cards"),
]


@pytest.mark.parametrize(("statement", "table"), UNREADABLE)
def test_what_cannot_be_read_releases_nothing_until_it_is_mended(
    bench: Bench, statement: str, table: str
) -> None:
    spoil(bench.data, f"CREATE TABLE kept AS SELECT * FROM {table}", statement)  # noqa: S608 - ours
    bench.settle()
    assert not lets_in(bench)
    assert table in named(bench)
    spoil(
        bench.data,
        f"DELETE FROM {table}",  # noqa: S608 - ours
        f"INSERT INTO {table} SELECT * FROM kept",  # noqa: S608 - ours
    )
    bench.settle()
    assert lets_in(bench)
    assert named(bench) == ""


BLOCK = (
    "INSERT INTO access_rules (id, name, type, priority) VALUES (90, 'block', 0, 0)",
    "INSERT INTO user_access_rules (user_id, access_rule_id) VALUES (1, 90)",
    "INSERT INTO portal_access_rules (portal_id, access_rule_id) VALUES (1, 90)",
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_rules SET type = x'01' WHERE id = 90",
        "UPDATE access_rules SET name = x'01' WHERE id = 90",
        "UPDATE user_access_rules SET access_rule_id = 'x' WHERE access_rule_id = 90",
        "UPDATE portal_access_rules SET portal_id = 'x' WHERE access_rule_id = 90",
    ],
)
def test_a_block_that_cannot_be_read_blocks(bench: Bench, statement: str) -> None:
    spoil(bench.data, *BLOCK)
    bench.settle()
    assert not lets_in(bench)
    spoil(bench.data, statement)
    bench.settle()
    assert not lets_in(bench)


LOST_TIE = "UPDATE portal_access_rules SET portal_id = 'x' WHERE access_rule_id = 90"


def test_the_last_tie_that_could_be_read_outlives_a_restart_and_yields_to_a_change(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        spoil(demo, *BLOCK)
        bench.settle()
        spoil(demo, LOST_TIE)
        bench.settle()
    with start(demo) as bench:
        assert "portal_access_rules" in named(bench)
        assert not lets_in(bench)
        spoil(demo, "DELETE FROM user_access_rules WHERE access_rule_id = 90")
        bench.settle()
        assert lets_in(bench)  # the rules are in force, the tie with them
        spoil(demo, "INSERT INTO user_access_rules (user_id, access_rule_id) VALUES (1, 90)")
        bench.settle()
        assert not lets_in(bench)
        spoil(demo, "DELETE FROM portal_access_rules WHERE access_rule_id = 90")
        bench.settle()
        assert lets_in(bench)
        assert named(bench) == ""


@pytest.mark.parametrize("change", ["access_rule_id = 91, portal_id = 'x'", "access_rule_id = 91"])
def test_a_lost_tie_that_somebody_changed_as_well_keeps_new_rules_from_being_put_in_force(
    demo: Path, start: Start, change: str
) -> None:
    with start(demo) as bench:
        spoil(
            demo,
            *BLOCK,
            "INSERT INTO access_rules (id, name, type, priority) VALUES (91, 'other', 0, 1)",
            "DELETE FROM user_access_rules WHERE access_rule_id = 90",
        )
        bench.settle()
        assert lets_in(bench)
        spoil(demo, LOST_TIE)
        bench.settle()
        spoil(demo, f"UPDATE portal_access_rules SET {change} WHERE access_rule_id = 90")  # noqa: S608 - ours
        bench.settle()
    with start(demo) as bench:
        assert not lets_in(bench)


@pytest.mark.parametrize("what", ["rubbish", "empty", "missing", "directory", "locked"])
def test_a_store_that_is_none_leaves_the_last_good_copy_in_force(
    demo: Path, start: Start, what: str
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
    store = demo / STORE_FILE
    with closing(sqlite3.connect(store)) as holder:
        if what == "locked":
            holder.execute("PRAGMA journal_mode = delete")
            holder.execute("BEGIN EXCLUSIVE")
        else:
            store.unlink()
        if what in ("rubbish", "empty"):
            store.write_bytes(b"rubbish" * 999 if what == "rubbish" else b"")
        if what == "directory":
            store.mkdir()
        with start(demo) as bench:
            status = bench.controller.status().mirror
            assert status is not None
            assert status.fault is not None
            assert status.since_utc > 0
            assert lets_in(bench)
            assert not lets_in(bench, STRANGE_CARD)
            # The way out is there as well.
            bench.simulator.press(BUTTON, high=False, hold_ms=200)
            bench.pass_time(0.5)
            assert bench.unlocked(1)


def test_without_store_and_mirror_people_leave_and_nobody_comes_in(
    demo: Path, start: Start
) -> None:
    for name in (STORE_FILE, MIRROR_FILE):
        (demo / name).write_bytes(b"rubbish" * 999)
    with start(demo) as bench:
        assert not lets_in(bench)
        bench.simulator.press(BUTTON, high=False, hold_ms=200)
        bench.pass_time(0.5)
        assert bench.unlocked(1)


def test_a_mirror_that_is_no_database_is_put_aside_and_made_anew(demo: Path, start: Start) -> None:
    (demo / MIRROR_FILE).write_bytes(b"rubbish" * 999)
    with start(demo) as bench:
        assert lets_in(bench)
    [aside] = demo.glob(f"{MIRROR_FILE}.damaged-*")
    assert aside.read_bytes().startswith(b"rubbish")


def test_a_mirror_that_somebody_deletes_is_made_anew_at_once(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        (demo / MIRROR_FILE).unlink()
        bench.settle()
        assert lets_in(bench)
    (demo / STORE_FILE).write_bytes(b"rubbish" * 999)
    with start(demo) as bench:
        assert lets_in(bench)


def test_a_mirror_that_cannot_be_opened_for_some_time_decides_as_soon_as_it_can(
    demo: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(demo):
        pass  # a mirror is there
    failing = True

    def opened(*arguments: Any) -> TrackedDatabase:
        if failing:
            raise StorageError("too many open files")
        return open_mirror(*arguments)

    monkeypatch.setattr("gateway.controller.mirror.mirror.open_mirror", opened)
    with start(demo) as bench:
        assert not lets_in(bench)
        failing = False
        bench.pass_time(2)
        assert lets_in(bench)


def test_a_lock_that_the_controller_left_on_the_mirror_does_not_outlast_a_change(
    demo: Path, start: Start
) -> None:
    """As after a call to unlock that failed."""
    with start(demo, make_feed=ChildFeed) as bench:
        assert lets_in(bench)
        with (demo / f"{MIRROR_FILE}-shm").open("r+b") as index:
            fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, WRITE_LOCK)
            with bench.store() as store:
                store.destroy("cards", {"cards": {"user_id": ANA}})
            end_s = time.monotonic() + 60
            while lets_in(bench):
                assert time.monotonic() < end_s, "the change is not obeyed"


def test_a_lock_that_a_read_of_the_controller_left_is_given_back_though_nothing_changes(
    demo: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[sqlite3.Connection] = []

    def opened(*arguments: Any) -> TrackedDatabase:
        """A mirror with a lock that lasts until it is closed: that of a transaction."""
        found = open_mirror(*arguments)
        close = found.close_all

        def close_all() -> None:
            left[0].close()
            close()

        if not left:
            left.append(sqlite3.connect(demo / MIRROR_FILE, isolation_level=None))
            left[0].execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(found, "close_all", close_all)
        return found

    with start(demo):
        pass  # a mirror is there
    monkeypatch.setattr("gateway.controller.mirror.mirror.open_mirror", opened)
    with start(demo) as bench:
        bench.pass_time(3)
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            left[0].execute("SELECT 1")
        assert lets_in(bench)


def test_rules_are_compiled_anew_from_a_new_mirror_of_the_same_version(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
        # The store is another one, which has come to the same version: one that was restored.
        spoil(demo, "CREATE TABLE at AS SELECT version FROM policy_version")
        spoil(
            demo,
            "DELETE FROM portal_access_rules",
            "UPDATE policy_version SET version = (SELECT version FROM at)",
        )
        (demo / MIRROR_FILE).write_bytes(b"rubbish" * 9_999)
        bench.settle()
        bench.pass_time(11)
        assert not lets_in(bench)


@pytest.mark.parametrize(("stored", "damaged"), [(0, 1), (1, 0)])
def test_a_swipe_that_meets_a_damaged_row_is_decided_by_the_row_of_the_store(
    demo: Path, start: Start, stored: int, damaged: int
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
        with bench.store() as store:
            store.modify("users", {"end_time": stored}, {"users": {"id": ANA}})
        bench.settle()
        with closing(sqlite3.connect(demo / MIRROR_FILE)) as connection:
            connection.execute("UPDATE rows_users SET end_time = ? WHERE row_key = 1", (damaged,))
            connection.commit()
        assert lets_in(bench) == (stored == 0)


class GatedFeed(InlineFeed):
    """What it finds in its check of the mirror reaches the controller after `open` was called."""

    def __init__(self, data: Path, post: Callable[[dict[str, Any]], None]) -> None:
        self._held: list[dict[str, Any]] | None = []
        self._post = post
        super().__init__(data, self._pass)

    def _pass(self, message: dict[str, Any]) -> None:
        if self._held is not None and message["is"] in ("whole", "built"):
            self._held.append(message)
        else:
            self._post(message)

    def open(self) -> None:
        held, self._held = self._held, None
        for message in held or ():
            self._post(message)


def test_a_start_waits_for_the_check_of_a_mirror_whose_index_has_lost_its_cards(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
    at_rest(demo)
    with closing(sqlite3.connect(demo / MIRROR_FILE)) as connection:
        [page] = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'by_cards_value'"
        ).fetchone()
    content = bytearray((demo / MIRROR_FILE).read_bytes())
    at = (page - 1) * PAGE
    content[at : at + PAGE] = EMPTY_INDEX.ljust(PAGE, b"\0")
    (demo / MIRROR_FILE).write_bytes(content)

    def late(data: Path, post: Callable[[dict[str, Any]], None]) -> GatedFeed:
        feed = GatedFeed(data, post)
        threading.Timer(0.2, feed.open).start()
        return feed

    with start(demo, make_feed=late) as bench:
        assert lets_in(bench)


def test_a_swipe_waits_for_the_first_rules_while_a_damaged_mirror_is_made_anew(
    demo: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (demo / MIRROR_FILE).write_bytes(b"rubbish" * 999)
    monkeypatch.setattr("gateway.controller.mirror_start.FIRST_COPY_S", 0.0)
    feeds: list[GatedFeed] = []

    def gated(data: Path, post: Callable[[dict[str, Any]], None]) -> GatedFeed:
        feeds.append(GatedFeed(data, post))
        return feeds[0]

    with start(demo, make_feed=gated) as bench:
        bench.swipe(CARD_OF_ANA)
        assert not bench.unlocked(1)
        feeds[0].open()
        bench.settle()
        assert bench.unlocked(1)


def test_a_lost_row_of_the_mirror_is_missed_before_rules_are_compiled(
    demo: Path, start: Start
) -> None:
    with start(demo):
        pass
    with closing(sqlite3.connect(demo / MIRROR_FILE)) as connection:
        connection.execute("DELETE FROM rows_portal_access_rules")
        connection.commit()
    with closing(open_mirror(demo / MIRROR_FILE, str).connection()) as connection:
        tables = MirrorTables(connection, str)
        drain(tables.begin(1))
        reading = tables.rows("portal_access_rules", ("portal_id",), tuple)
        with pytest.raises(OSError, match="portal_access_rules are missing"):
            drain(reading)
    with start(demo) as bench:
        bench.pass_time(11)
        assert lets_in(bench)


def _written(store: Store) -> Iterator[str]:
    """Every way in which a client changes what decides, one after the other."""
    [user] = store.insert("users", [{"name": "New"}])
    yield "added"
    store.insert("cards", [{"user_id": user, "value": 77}])
    store.insert("user_groups", [{"user_id": user, "group_id": 1}])
    yield "tied"
    store.modify("users", {"id": 4000, "name": "Moved"}, {"users": {"id": user}})
    yield "given another id"
    store.set_configuration({"general": {"exception_mode": "lock_down"}})
    yield "configured"
    store.destroy("users", {"users": {"id": 4000}})
    yield "removed, with all that hangs on it"
    store.insert("users", [{"name": f"Bulk {number}"} for number in range(2_000)])
    yield "added in bulk"
    store.insert("users", [{"name": f"More {number}"} for number in range(2_000)])
    yield NOTES_LOST
    store.clear()
    yield "emptied"


def test_the_mirror_holds_what_the_store_holds_after_every_kind_of_write(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench, bench.store() as store:
        for what in _written(store):
            if what == NOTES_LOST:
                spoil(demo, f"DELETE FROM {CHANGES}")  # noqa: S608 - a constant
            bench.settle()
            mirror = open_mirror(demo / MIRROR_FILE, str).connection()
            with closing(mirror), closing(sqlite3.connect(demo / STORE_FILE)) as original:
                for name in ("users", "cards", "user_groups", "configuration", "portal_actions"):
                    fields = [row[1] for row in mirror.execute(f"PRAGMA table_info({name})")]
                    every = f"SELECT {', '.join(fields)} FROM {name} ORDER BY 1, 2"  # noqa: S608 - ours
                    assert mirror.execute(every).fetchall() == original.execute(every).fetchall(), (
                        f"{name} differs after rows were {what}"
                    )


def test_what_was_taken_away_while_no_controller_ran_is_gone_at_its_start(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.destroy("cards", {"cards": {"user_id": ANA}})
    with start(demo) as bench:
        assert not lets_in(bench)


def test_a_wrong_initial_value_in_the_site_file_keeps_no_door_from_opening(
    demo: Path, start: Start
) -> None:
    site = demo / SITE_FILE
    wrong = 'relay1_timeout0 = 3000\nbell_enabled = "x"'
    site.write_text(site.read_text().replace("relay1_timeout = 3000", wrong))
    with start(demo) as bench:
        assert lets_in(bench)


def test_an_older_copy_of_the_store_that_went_on_is_compared_as_a_whole(
    demo: Path, start: Start, tmp_path: Path
) -> None:
    at_rest(demo)
    older = tmp_path / "older.db"
    shutil.copyfile(demo / STORE_FILE, older)
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.destroy("cards", {"cards": {"user_id": ANA}})
    with start(demo) as bench:
        assert not lets_in(bench)
    for suffix in ("-wal", "-shm"):
        Path(f"{demo / STORE_FILE}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(older, demo / STORE_FILE)
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        for number in range(5):
            store.insert("groups", [{"name": f"Group {number}"}])
    with start(demo) as bench:
        assert lets_in(bench)


@pytest.mark.chaos
@pytest.mark.parametrize(("file", "count"), [(STORE_FILE, 8), (MIRROR_FILE, 12)])
def test_flipped_bytes_let_nobody_wrong_in_and_hardly_shut_anybody_out(
    demo: Path,
    start: Start,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    file: str,
    count: int,
) -> None:
    with start(demo) as bench:
        assert lets_in(bench)
    at_rest(demo)

    def swiped(data: Path) -> tuple[bool, bool]:
        with start(data) as bench:
            known = lets_in(bench)
            return known, lets_in(bench, STRANGE_CARD)

    shutil.rmtree(demo / "flight", ignore_errors=True)
    found = flip_rate(demo, file, count, 12, tmp_path, swiped)
    rate = f"{file}: {found.opened} of {found.tried} flipped bytes left a door that opens"
    record_property("chaos", rate)
    assert found.wrong == []
    assert found.rate > 0.95, found.shut


def test_questions_that_wait_together_are_answered_by_one_look_at_the_store(demo: Path) -> None:
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    feed = ChildFeed(demo, messages.put)
    feed.start()
    try:
        while messages.get(timeout=30)["is"] != "built":
            pass
        shutil.copy(next(demo.glob(f"{MIRROR_FILE}.new-*")), demo / MIRROR_FILE)
        feed.send({"do": "swapped"})
        while messages.get(timeout=30)["is"] != "synced":
            pass
        assert feed.pid is not None
        os.kill(feed.pid, signal.SIGSTOP)
        for n in range(1, 501):
            feed.send({"do": "sync", "n": n})
        os.kill(feed.pid, signal.SIGCONT)
        answered: list[int] = []
        while not answered or answered[-1] < 500:
            answered.append(int(messages.get(timeout=30).get("n", 0)))
        assert len(answered) < 10
    finally:
        feed.close()


def test_the_process_that_feeds_the_mirror_imports_no_checks_of_settings() -> None:
    """It is one more process on a small machine: pydantic alone would cost it 9 MB."""
    code = "import sys, gateway.controller.mirror.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "gateway.settings"} & set(done.stdout.split())
