"""The databases are checked at the start and every night, and damage is told."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.api import upkeep
from gateway.api.upkeep import FileChecks
from gateway.cli.doctor import _databases
from gateway.clock import DeviceTime, ManualClock
from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.store.check import FullCheck, full_checks, keep_full_checks
from gateway.store.files import CHECKS_FILE, JOURNAL_FILE, STORE_FILE
from gateway.store.journal import Journal
from gateway.store.objects.store import Store
from gateway.store.tables.audit import AuditType, entries, write_entry

NOON = datetime(2025, 7, 1, 15, tzinfo=UTC)
"""On the site's wall clock, three hours behind."""
LAST_NIGHT = "2025-07-01T06:00:00+00:00"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


class House:
    """A data directory at noon, and what looks after it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = ManualClock(NOON)
        self.time = DeviceTime(lambda: ZoneInfo("America/Sao_Paulo"))
        self.store = Store.create(data / STORE_FILE, REGISTRY, lambda: 0)
        Journal.create(data / JOURNAL_FILE)
        keep_full_checks(data, [FullCheck(STORE_FILE, LAST_NIGHT, None)])

    def checks(self) -> FileChecks:
        return FileChecks(self.data, self.store, self.clock, self.time)

    def spoil(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.data / STORE_FILE, isolation_level=None)) as connection:
            connection.create_function("device_stamp", 0, lambda: 0)
            for statement in statements:
                connection.execute(statement)

    def told(self) -> list[str]:
        return [line.partition("] ")[2] for line in entries(self.store, list(AuditType))]

    def found(self) -> dict[str, str | None]:
        """What was found since the beginning."""
        found = [check for check in full_checks(self.data) if check.utc != LAST_NIGHT]
        return {check.file: check.damage for check in found}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def lose_an_index_entry(house: House) -> None:
    """The index keeps as many entries as the table has rows: some releases of SQLite compare that
    in a quick check too."""
    house.store.insert("users", [{"id": 1, "name": "Ana"}])
    house.store.insert("cards", [{"id": 1, "user_id": 1, "value": 5}])
    with closing(sqlite3.connect(house.data / STORE_FILE)) as connection:
        [row] = connection.execute(
            "SELECT * FROM sqlite_master WHERE name = 'cards_value_unique'"
        ).fetchall()
    name = "'cards_value_unique'"
    house.spoil("PRAGMA writable_schema = 1", f"DELETE FROM sqlite_master WHERE name = {name}")  # noqa: S608 - our own
    house.spoil("UPDATE cards SET value = 7")
    with closing(sqlite3.connect(house.data / STORE_FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)


def test_a_night_s_check_finds_both_files_whole_and_says_when(house: House) -> None:
    checks = house.checks()
    house.clock.advance(16 * 3_600)
    checks.look()
    assert house.found() == {STORE_FILE: None, JOURNAL_FILE: None}
    assert {check.utc for check in full_checks(house.data)} == {"2025-07-02T07:00:00+00:00"}
    assert house.told() == []
    said = [(finding.subject, finding.text) for finding in _databases(house.data)]
    assert (STORE_FILE, "whole (full check at night, 2025-07-02T07:00:00+00:00)") in said


def test_it_comes_once_a_night_at_three_on_the_site_s_clock(house: House) -> None:
    checks = house.checks()
    due = []
    for _ in range(48):
        checks.look()
        if house.found():
            due.append(house.time.local(house.clock.utc()) // 3_600 % 24)
            (house.data / CHECKS_FILE).unlink()
        house.clock.advance(3_600)
    assert due == [3, 3]


def test_a_start_is_no_night_unless_the_last_one_is_long_ago(house: House) -> None:
    for days, checked in ((6, False), (8, True)):
        utc = (NOON - timedelta(days=days)).isoformat()
        keep_full_checks(house.data, [FullCheck(STORE_FILE, utc, None)])
        house.checks().look()
        assert (JOURNAL_FILE in house.found()) == checked


def test_a_device_that_was_never_checked_is_at_its_start(house: House) -> None:
    (house.data / CHECKS_FILE).unlink()
    house.checks().look()
    assert house.found() == {STORE_FILE: None, JOURNAL_FILE: None}


def test_a_clock_that_was_set_back_does_not_end_the_checks(house: House) -> None:
    checks = house.checks()
    house.clock.set_utc(NOON - timedelta(days=400))
    checks.look()
    assert len(house.found()) == 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lose_an_index_entry, "row 1 missing from index cards_value_unique"),
        (
            lambda house: house.spoil("INSERT INTO cards (user_id, value) VALUES (99, 7)"),
            "a reference of cards is broken",
        ),
    ],
)
def test_what_only_a_full_check_finds_is_told_in_the_audit_log_and_by_doctor(
    house: House, spoil: Callable[[House], None], said: str
) -> None:
    spoil(house)
    assert {finding.grade for finding in _databases(house.data)} == {"ok"}
    checks = house.checks()
    house.clock.advance(16 * 3_600)
    checks.look()
    assert house.found() == {STORE_FILE: said, JOURNAL_FILE: None}
    assert house.told() == [f"{STORE_FILE} is damaged: {said}"]
    failed = [finding for finding in _databases(house.data) if finding.grade == "fail"]
    assert [finding.subject for finding in failed] == [STORE_FILE]
    assert said in failed[0].text


def test_damage_that_the_start_finds_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def found(path: Path, *, full: bool, connected: object) -> str:
        del full, connected
        return f"{path.name} is torn"

    def written(*args: Any) -> None:
        write_entry(*args)
        done.set()

    monkeypatch.setattr(upkeep, "damage", found)
    monkeypatch.setattr(upkeep, "write_entry", written)
    checks = house.checks()
    checks.start()
    assert done.wait(30)
    checks.close()
    assert house.told() == ["store.db is damaged: store.db is torn"]
    assert house.found() == {}


def test_a_file_too_damaged_to_be_told_of_does_not_end_the_checks(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("database disk image is malformed")

    house.spoil("INSERT INTO cards (user_id, value) VALUES (99, 7)")
    monkeypatch.setattr(upkeep, "write_entry", refuse)
    checks = house.checks()
    for _ in range(2):
        house.clock.advance(24 * 3_600)
        checks.look()
    assert full_checks(house.data)[0].utc.startswith("2025-07-03")


def test_a_stop_does_not_wait_for_a_check(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def endless(path: Path, *, full: bool, connected: Callable[[sqlite3.Connection], None]) -> str:
        del full
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            connected(connection)
            begun.set()
            try:
                connection.execute(ENDLESS).fetchone()
            except sqlite3.OperationalError as error:
                return str(error)
        return "nothing stopped it"

    monkeypatch.setattr(upkeep, "damage", endless)
    checks = house.checks()
    checks.start()
    assert begun.wait(30)
    # Whoever writes is not held up meanwhile.
    house.store.insert("users", [{"id": 1, "name": "Ana"}])
    checks.close()
    assert house.told() == []
    assert house.found() == {}


@pytest.mark.parametrize("text", ["", "[{}]", '[{"file": 1, "utc": 5, "damage": null}]', "{"])
def test_a_broken_note_of_earlier_checks_counts_as_none(house: House, text: str) -> None:
    (house.data / CHECKS_FILE).write_text(text)
    assert full_checks(house.data) == []
    house.checks().look()


def test_a_note_that_cannot_be_kept_ends_nothing(house: House) -> None:
    (house.data / CHECKS_FILE).unlink()
    (house.data / CHECKS_FILE).mkdir()
    checks = house.checks()
    checks.look()
    assert full_checks(house.data) == []
    house.spoil("INSERT INTO cards (user_id, value) VALUES (99, 7)")
    house.clock.advance(24 * 3_600)
    checks.look()
    assert house.told() == [f"{STORE_FILE} is damaged: a reference of cards is broken"]


def test_what_was_found_is_kept_where_the_store_really_is(tmp_path: Path) -> None:
    data, own = tmp_path / "data", tmp_path / "api"
    data.mkdir()
    own.mkdir()
    (own / STORE_FILE).touch()
    (data / STORE_FILE).symlink_to(own / STORE_FILE)
    found = [FullCheck(STORE_FILE, "2025-07-02T07:00:00+00:00", None)]
    keep_full_checks(data, found)
    assert [path.name for path in data.iterdir()] == [STORE_FILE]
    assert full_checks(data) == found
