"""Nothing that lies in the place of the journal keeps doors from opening for their people."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import ResetFire
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import EntryKind, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.store import Store
from tests.faults.flips import flips

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = (123 << 32) | 45678
STRANGER = (200 << 32) | 1
GRANTED, UNKNOWN = 7, 3
FRONT = 1
PAGE, CELLS_BEGIN = 4_096, 6
"""Bytes: of a page of SQLite; where a page has the low byte of where its content begins."""


def run(data: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / JOURNAL_FILE, isolation_level=None)) as connection:
        return connection.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def site_that_ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs such a site leaves it for the others."""
    return tmp_path_factory.mktemp("ran") / "data"


@pytest.fixture
def used(demo: Path, start: Start, site_that_ran: Path) -> Path:
    """A site that has run: somebody entered, and the door had a mode for a while."""
    if site_that_ran.exists():
        shutil.rmtree(demo)
        shutil.copytree(site_that_ran, demo)
        return demo
    with start(demo) as bench:
        bench.swipe(ANA)
        bench.configure({"general": {"exception_mode": "emergency"}})
        bench.configure({"general": {"exception_mode": "none"}})
    with closing(LogTables(demo)) as projected:
        projected.projection.catch_up()
    shutil.copytree(demo, site_that_ran)
    return demo


class LogTables:
    """The api process's part: the log tables of a site."""

    def __init__(self, data: Path) -> None:
        self.store = Store.open(data / STORE_FILE, REGISTRY, lambda: 0)
        self.reader = JournalReader(data / JOURNAL_FILE)
        self.projection = Projection(self.store, self.reader)

    def ids(self) -> list[int]:
        self.projection.catch_up()
        rows = self.store.load({"object": "access_logs", "order": ["id"]}).rows
        return [int(str(row["id"])) for row in rows]

    def close(self) -> None:
        self.reader.close()
        self.store.close()


def serves(bench: Bench) -> None:
    """The door opens for its person and for nobody else, and both are written down."""
    before = bench.strike_edges(FRONT)
    bench.swipe(STRANGER)
    assert not bench.unlocked(FRONT)
    assert bench.strike_edges(FRONT) == before
    bench.swipe(ANA)
    assert bench.unlocked(FRONT)
    bench.pass_time(4)
    assert not bench.unlocked(FRONT)
    bench.wait_until(lambda: bench.controller.status().journal_fault is None)  # while made anew
    assert bench.controller.status().journal_waiting == 0
    with closing(JournalReader(bench.data / JOURNAL_FILE)) as reader:
        last = reader.after(max(0, reader.last_seq() - 20), 20)
    events = [e.body["row"]["event"] for e in last if e.kind is EntryKind.ACCESS]
    assert events[-2:] == [UNKNOWN, GRANTED]


NEWEST = "seq = (SELECT max(seq) FROM journal)"
MODES = "kind = 'mode'"
DEEP = "[" * 100_000
ROWS = {
    "a kind that nobody knows": ("kind = 'stoppee'", NEWEST),
    "a kind that is a blob": ("kind = x'00ff'", NEWEST),
    "a kind that is not UTF-8": ("kind = CAST(x'ff' AS TEXT)", NEWEST),
    "no JSON": ("body = '{'", MODES),
    "no object": ("body = '[]'", MODES),
    "a body of numbers": ("body = 5", MODES),
    "a blob for a body": ("body = x'00ff00'", MODES),
    "no UTF-8": ("body = CAST(x'7bff7d' AS TEXT)", "1"),
    "deep nesting": (f"body = '{DEEP}'", MODES),
    "not a number": ("""body = '{"door": NaN, "mode": "emergency"}'""", MODES),
    "a wrong type": ("""body = '{"door": "1", "mode": "emergency"}'""", MODES),
    "an unknown mode": ("""body = '{"door": 1, "mode": "open"}'""", MODES),
    "a missing member": ("""body = '{"door": 1}'""", MODES),
    "a huge number": (f"""body = '{{"ended": {"9" * 4000}, "mode": "x"}}'""", MODES),
    "the end of a mode of no door": (
        """body = '{"ended": -1, "until_utc": 5, "mode": "emergency"}'""",
        MODES,
    ),
    "the rest of a mode of no door": (
        """body = '{"timed": -1, "until_utc": 5, "left_ms": 5, "mode": "emergency"}'""",
        MODES,
    ),
    "an unstored mode with an endless reason": (
        f"""body = '{{"unstored": 1, "mode": "emergency", "reason": "{"x" * 2_000}"}}'""",
        MODES,
    ),
    "empty bodies": ("body = ''", "1"),
    "empty objects": ("body = '{}'", "1"),
    "a negative time": ("utc_us = -1", "1"),
    "an overflowing time": ("utc_us = 9223372036854775807", "1"),
    "a time in text": ("utc_us = 'noon'", "1"),
    "a broken time": ("utc_us = 1.5e300", NEWEST),
    "a trusted time in the far future": ("utc_us = 250000000000000000", NEWEST),
    "a monotonic time in text": ("monotonic_ns = 'x'", "1"),
    "an untold trust": ("clock_trusted = 'maybe'", "1"),
    "a boot that is a blob": ("boot_id = x'ff'", "1"),
    "a number at the end of all numbers": ("seq = 9223372036854775807", NEWEST),
    "a negative number": ("seq = -5", "seq = 1"),
}
TABLES = {
    "last ids beyond all": "UPDATE last_ids SET value = 9223372036854775807",
    "last ids in text": "UPDATE last_ids SET value = 'many'",
    "newest entries that are not there": "UPDATE newest SET seq = seq + 100000",
    "newest entries of other things": "UPDATE newest SET seq = 1, about = x'ff00'",
    "passages in text": (
        "INSERT INTO passages (user_id, portal_id, area_id, utc_s, day) "
        "VALUES (1, 1, 'x', x'00', 9223372036854775807)"
    ),
    "used codes in text": "INSERT INTO used_codes VALUES ('a', 'b', 'c')",
    "spent cards in text": "INSERT INTO spent_cards VALUES ('a', x'ff')",
    "no table of passages": "DROP TABLE passages",
    "no table of the newest": "DROP TABLE newest",
}


@pytest.mark.parametrize(("change", "where"), ROWS.values(), ids=ROWS)
def test_a_damaged_row_is_skipped_counted_and_named(
    used: Path, start: Start, change: str, where: str
) -> None:
    run(used, f"UPDATE journal SET {change} WHERE {where}")  # noqa: S608 - cases above
    with start(used) as bench:
        serves(bench)
        serves(bench)
    with closing(JournalReader(used / JOURNAL_FILE)) as reader:
        harmless = change.startswith(("boot_id", "utc_us = 25"))
        assert bool(reader.examine().count) is not harmless
    with closing(LogTables(used)) as projected:
        ids = projected.ids()
        assert len(ids) >= 2
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("sql", TABLES.values(), ids=TABLES)
def test_a_damaged_row_beside_the_journal_is_skipped(used: Path, start: Start, sql: str) -> None:
    run(used, sql)
    with start(used) as bench:
        serves(bench)


def rubbish(path: Path) -> None:
    path.write_bytes(b"this is no database" * 400)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").touch()


def other_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE journal (kind, body)")


def log_directory(path: Path) -> None:
    log = Path(f"{path}-wal")
    log.unlink(missing_ok=True)
    log.mkdir()


def unwritable(path: Path) -> None:
    """Damage that only a write meets."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = "SELECT rootpage FROM sqlite_schema WHERE name = 'last_ids'"
        page = connection.execute(found).fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * PAGE + CELLS_BEGIN] ^= 8
    path.write_bytes(content)


def schema_in_bytes(path: Path) -> None:
    """SQLite quotes them where it says what is wrong."""
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE T\xe1BLE"))


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def truncated(size: int) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:size])

    return cut


FILES: dict[str, Callable[[Path], None]] = {
    "nothing": Path.unlink,
    "an empty file": truncated(0),
    "rubbish": rubbish,
    "a directory": directory,
    "other tables": other_tables,
    "a directory for its log": log_directory,
    "a newer program's": newer,
    "ids that cannot be written": unwritable,
    "a schema that is not UTF-8": schema_in_bytes,
    **{f"{size} bytes": truncated(size) for size in (1, 100, 4_096, 8_192, 12_288, 20_480)},
}


@pytest.mark.parametrize("harm", FILES.values(), ids=FILES)
def test_what_is_no_journal_is_put_aside_and_ids_go_on(
    used: Path, start: Start, harm: Callable[[Path], None]
) -> None:
    with closing(LogTables(used)) as projected:
        before = projected.ids()
        assert before
        assert not list(used.glob("journal.db.*-2*"))
        harm(used / JOURNAL_FILE)
        with start(used) as bench:
            serves(bench)
            replaced = bench.controller.status().journal_replaced
            aside = [path.name for path in used.glob("journal.db.*-2*")]
            if replaced is None:  # what was cut held nothing that a start reads
                assert not aside
            else:
                assert aside
                assert "made anew: " in replaced
            ids = projected.ids()  # by a reader that had the old file open
        assert set(before) <= set(ids)
        assert len(ids) == len(before) + 2
        assert min(set(ids) - set(before)) > max(before)
    with start(used) as bench:
        assert bench.controller.status().journal_replaced is None
        serves(bench)


@pytest.mark.chaos
def test_whatever_bit_of_the_journal_is_flipped_doors_open_for_their_people(
    used: Path, start: Start
) -> None:
    whole = used.with_name("whole")
    shutil.copytree(used, whole)
    wrong = {}
    for flip in flips(seed=12, count=20):
        shutil.rmtree(used)
        shutil.copytree(whole, used)
        flip.apply(used / JOURNAL_FILE)
        try:
            with start(used) as bench:
                serves(bench)
            with closing(LogTables(used)) as tables:
                ids = tables.ids()
            with start(used) as bench:
                assert len(ids) == len(set(ids))
                assert bench.controller.status().journal_fault is None
        except Exception as error:  # noqa: BLE001 - every flip is tried
            wrong[str(flip)] = repr(error)[:300]
    assert not wrong


def test_a_fire_outlives_the_damage_of_everything_but_its_entry(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        for high in (True, False):
            bench.simulator.set_input(InputName(InputKind.FIRE), high=high)
            bench.pass_time(1)
        assert bench.unlocked(FRONT)
    run(demo, "UPDATE journal SET body = '{' WHERE kind <> 'fire'")
    with start(demo) as bench:
        assert bench.unlocked(FRONT)
        bench.ask(ResetFire())
        bench.pass_time(1)
        assert not bench.unlocked(FRONT)


EDGES = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
)


@pytest.mark.parametrize("at", EDGES, ids=lambda at: f"{at.year}")
def test_a_clock_at_its_edge_stops_nothing(demo: Path, start: Start, at: datetime) -> None:
    with start(demo, at=at) as bench:
        serves(bench)
        for other in EDGES:
            bench.clock.set_utc(other)
            bench.pass_time(3)
            assert bench.controller.status().doors
            serves(bench)
            bench.pass_time(60)
    with start(demo) as bench:
        serves(bench)
