"""A database of every released form opens with today's program, and nothing in it is lost."""

from __future__ import annotations

import base64
import json
import runpy
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peewee
import pytest

from gateway import __version__
from gateway.access.policy import Policy
from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ROWID
from gateway.objects.models import Models
from gateway.sealing import Sealer
from gateway.store.files import JOURNAL_FILE
from gateway.store.files.database import open_reader
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects import schema
from gateway.store.objects.migrations import MIGRATIONS, VERSION
from gateway.store.objects.store import Store
from gateway.store.policy.snapshot import SnapshotReader
from gateway.store.tables.accounts import Accounts
from gateway.store.tables.identity import read_identity
from gateway.store.tables.photos import Photos
from gateway.store.tables.tokens import TokenTable

if TYPE_CHECKING:
    from tests.unit.store.forms.conftest import Frozen

STAMP = 1_700_000_000


@pytest.fixture
def store(frozen: Frozen, tmp_path: Path) -> Iterator[Store]:
    with Store.open(frozen.thaw(tmp_path), REGISTRY, lambda: STAMP) as opened:
        yield opened


def test_every_form_up_to_this_program_s_is_kept_as_test_data(frozen_forms: list[int]) -> None:
    assert frozen_forms == list(range(1, VERSION + 1)), "see tests/unit/store/forms/freeze.py"


def test_it_is_brought_to_this_program_s_form_and_is_sound(store: Store, tmp_path: Path) -> None:
    reader = store.reader()
    assert reader.execute_sql("PRAGMA user_version").fetchall() == [(VERSION,)]
    assert reader.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert reader.execute_sql("PRAGMA foreign_key_check").fetchall() == []
    with Store.create(tmp_path / "fresh.db", REGISTRY, lambda: STAMP) as fresh:
        # All tables of it, and perhaps one that a part of the program makes at its start.
        assert shape(fresh) <= shape(store)


def shape(store: Store) -> set[tuple[Any, ...]]:
    """Tables with their columns and references, indices, triggers and views."""
    reader = store.reader()
    found: set[tuple[Any, ...]] = set()
    rows = reader.execute_sql("SELECT type, name FROM sqlite_master").fetchall()
    for kind, name in rows:
        found.add((kind, name))
        if kind == "table":
            # Name, whether it may be null, default, place in the key; every whole number is stored
            # alike, whatever its type is called.
            for _, column, declared, *rest in reader.execute_sql(f'PRAGMA table_info("{name}")'):
                found.add((name, column, declared.replace("BIGINT", "INTEGER"), *rest))
            references = reader.execute_sql(f'PRAGMA foreign_key_list("{name}")').fetchall()
            found |= {(name, "references", *reference[2:]) for reference in references}
    return found


def test_the_form_that_is_not_released_yet_is_frozen_as_this_program_makes_it(
    frozen: Frozen, tmp_path: Path
) -> None:
    """A later program adds tables and columns without another form."""
    if frozen.known.get("program") != __version__:
        return
    fresh = tmp_path / "fresh.db"
    Store.create(fresh, REGISTRY, lambda: STAMP, Sealer.random()).close()
    (tmp_path / "frozen").mkdir()
    then, now = (columns(it) for it in (frozen.thaw(tmp_path / "frozen"), fresh))
    assert {it.name: then.get(it.name) for it in REGISTRY} == {
        it.name: now[it.name] for it in REGISTRY
    }, "delete the files of this form and freeze it again: tests/unit/store/forms/freeze.py"


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Table -> its columns."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(
                connection.execute(
                    'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (name,)
                ),
                key=str,
            )
            for (name,) in tables.fetchall()
        }


def test_every_row_is_read_as_it_was(store: Store, frozen: Frozen) -> None:
    for name, then in frozen.known["objects"].items():
        # What follows from elsewhere may follow from something else now.
        declared = REGISTRY[name]
        derived = {field.name for field in declared.fields if field.derived}
        fields = [field.name for field in declared.fields]
        now = list(store.load({"object": name, "fields": fields}).rows)
        # What a migration changes in people is told like any other change.
        grown = name in {"change_logs", "custom_tables"}
        assert len(now) == len(then) or grown, name
        for old, new in zip(then, now[: len(then)], strict=True):
            assert {key: new.get(key) for key in old if key not in derived} == {
                # Null was answered as it is once.
                key: declared.field(key).encode(None) if value is None else value
                for key, value in old.items()
                if key not in derived
            }
    assert sum(map(len, frozen.known["objects"].values())) > 50


def test_configuration_logins_tokens_and_photos_are_there(store: Store, frozen: Frozen) -> None:
    wanted = frozen.known["configuration"]
    asked = {module: list(values) for module, values in wanted.items()}
    assert store.configuration(asked) == wanted
    accounts = Accounts(store, lambda: 0)
    for login, role in frozen.known["logins"].items():
        account = accounts.verify(login, f"password of {login}")
        assert account is not None
        assert account.role == role
    assert read_identity(store.reader()).device_id == 51_469
    if "token" in frozen.known:
        token = TokenTable(store, lambda: pytest.fail("no time is asked for")).find(
            frozen.known["token"]
        )
        assert token is not None
        assert token.name == "cloud"
    stamps = {row["id"]: row["image_timestamp"] for row in store.load({"object": "users"}).rows}
    photos = frozen.known.get("photos", {})
    assert {user: stamp != 0 for user, stamp in stamps.items()} == {
        user: str(user) in photos for user in stamps
    }
    for user, image in photos.items():
        photo = Photos(store).find(int(user))
        assert photo is not None
        assert photo.image == base64.b64decode(image)


def compiled(path: Path) -> Policy:
    reader = open_reader(path)
    compiling = SnapshotReader(reader, Models(REGISTRY, reader)).compile()
    try:
        while True:
            next(compiling)
    except StopIteration as done:
        policy: Policy = done.value.policy
        return policy
    finally:
        reader.close_all()


def test_its_rules_are_compiled_and_count_as_changed_by_a_write(
    store: Store, tmp_path: Path, frozen: Frozen
) -> None:
    objects = frozen.known["objects"]
    policy = compiled(tmp_path / "store.db")
    assert set(policy.portals) == {row["id"] for row in objects["portals"]}
    assert set(policy.rules) == {row["id"] for row in objects["access_rules"]}
    version = store.policy_version()
    assert version >= frozen.known["policy_version"]
    [area] = store.insert("areas", [{"name": "new"}])
    assert store.policy_version() == version + 1
    assert area > max(row["id"] for row in objects["areas"])


def test_writes_obey_today_s_rules(store: Store) -> None:
    [user] = store.insert("users", [{"name": "New"}])
    # One PIN of each type, which the first form refused.
    store.insert("pins", [{"user_id": user, "value": "47110815", "pin_type": 0}])
    store.insert("pins", [{"user_id": user, "value": "47110816", "pin_type": 1}])
    [change] = store.load({"object": "change_logs", "order": ["id", "desc"], "limit": 1}).rows
    assert change["table_name"] in {"pins", "users"}
    assert store.destroy("users", {"users": {"id": user}}) == 1
    assert list(store.load({"object": "pins", "where": {"pins": {"user_id": user}}}).rows) == []


def test_its_journal_is_read_projected_and_goes_on(
    store: Store, tmp_path: Path, frozen: Frozen
) -> None:
    path = tmp_path / JOURNAL_FILE
    logs = {"object": "access_logs", "order": ["id"]}
    with closing(Journal(path, "boot")) as journal, closing(JournalReader(path)) as reader:
        told = [[entry.kind.value, dict(entry.body)] for entry in reader.after(0, 1_000)]
        assert told == frozen.known["journal"]
        assert journal.last_ids() == {"access_logs": 2, "access_events": 2, "alarm_logs": 2}
        before = list(store.load(logs).rows)
        # Projected already, as its cursor says.
        Projection(store, reader).catch_up()
        assert list(store.load(logs).rows) == before
        last = journal.last_of(EntryKind.STOPPED)
        assert last is not None
        run = journal.last_run()
        assert run is not None
        assert (run.seq, run.clean) == (last.seq, True)
        row = {"id": 3, "time": 3, "event": 7, "user_id": 1}
        body = {"row": row, "rules": [1], "reason": "allowed", "trace": []}
        entry = Entry(EntryKind.ACCESS, body, last.utc, 9, clock_trusted=True)
        assert journal.append([entry], {"access_logs": 3}) == last.seq + 1
        Projection(store, reader).catch_up()
        assert [log["id"] for log in store.load(logs).rows] == [1, 2, 3]


def test_it_has_no_column_that_nothing_declares(store: Store) -> None:
    for declared in store.registry:
        found = {column.name for column in store.database.get_columns(declared.name)}
        known = {field.name for field in declared.fields} | {ROWID}
        assert found <= known, "a migration drops the column of a field that is removed"


def test_a_second_opening_changes_nothing(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path)
    Store.open(path, REGISTRY, lambda: STAMP).close()
    before = path.read_bytes()
    Store.open(path, REGISTRY, lambda: STAMP).close()
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_old_form_as_it_was(
    frozen: Frozen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = frozen.thaw(tmp_path)
    before = path.read_bytes()

    def fail(database: peewee.Database) -> None:
        database.execute_sql("DROP TABLE configuration")
        database.execute_sql("DROP TABLE no_such_table")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, fail))
        patch.setattr(schema, "VERSION", VERSION + 1)
        with pytest.raises(StorageError, match="no_such_table"):
            Store.open(path, REGISTRY, lambda: STAMP)
    assert path.read_bytes() == before
    with Store.open(path, REGISTRY, lambda: STAMP) as store:
        assert store.configuration({"general": ["relay1_timeout"]}) == {
            "general": {"relay1_timeout": "1234"}
        }


def raise_form(path: Path) -> bytes:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")
    return path.read_bytes()


def test_a_newer_form_is_refused_and_left_alone(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path)
    before = raise_form(path)
    with pytest.raises(StorageError, match=r"newer version \(form 99, this program knows \d"):
        Store.open(path, REGISTRY, lambda: STAMP)
    assert path.read_bytes() == before
    journal = tmp_path / JOURNAL_FILE
    before = raise_form(journal)
    with pytest.raises(StorageError, match=r"newer version \(form 99, this program knows \d"):
        Journal(journal, "boot")
    with (
        closing(JournalReader(journal)) as reader,
        pytest.raises(StorageError, match="newer version"),
    ):
        reader.last_seq()
    assert journal.read_bytes() == before


def test_freezing_makes_what_these_tests_read_and_never_changes_it(tmp_path: Path) -> None:
    freeze = runpy.run_path(str(Path(__file__).with_name("freeze.py")))["freeze"]
    made = {path.name for path in freeze(tmp_path)}
    assert made == {f"store-{VERSION}.sql", f"journal-{VERSION}.sql", f"rows-{VERSION}.json"}
    assert made <= {path.name for path in Path(__file__).parent.iterdir()}
    assert freeze(tmp_path) == []
    known = json.loads((tmp_path / f"rows-{VERSION}.json").read_text(encoding="utf-8"))
    assert [name for name in known["objects"] if len(known["objects"][name]) < 2] == []
    assert set(known["objects"]) == {declared.name for declared in REGISTRY}
