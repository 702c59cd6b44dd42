"""`gateway restore`: the way back when `store.db` cannot be opened."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.commands.provisioning import initialise
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.store import check
from gateway.store.backup import Backups
from gateway.store.files import MIRROR_FILE, STORE_FILE
from gateway.store.mirror.feeder import Feeder
from gateway.store.objects.store import Store
from gateway.store.tables.identity import read_identity
from tests.unit.cli.test_portal import HEAD, door

RUBBISH = b"rubbish" * 10_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site and its backup, to be copied."""
    beside = tmp_path_factory.mktemp("made")
    data = beside / "data"
    initialise(data, HEAD + door(1, "front"), demo=False)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("users", [{"name": "Eva"}])
        identity = read_identity(store.database)
        backups = Backups(store, data / STORE_FILE, identity, "1.2.3", threading.Lock())
        made = backups.make("2025-07-01T12:00:00+00:00")
        (beside / "saved").write_bytes(b"".join(made.pieces))
        (beside / "id").write_text(str(identity.device_id))
    return beside


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def restore(data: Path, file: str = "saved") -> Result:
    return CliRunner().invoke(cli, ["restore", "--data", str(data), str(data.parent / file)])


def damaged(data: Path) -> list[Path]:
    for left in data.glob(f"{STORE_FILE}-*"):
        left.unlink()
    (data / STORE_FILE).write_bytes(RUBBISH)
    return sorted(data.iterdir())


def names(data: Path) -> list[str]:
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        assert read_identity(store.database).device_id == int((data.parent / "id").read_text())
        found = store.reader().execute_sql("SELECT name FROM users").fetchall()
    return [name for (name,) in found]


@pytest.mark.parametrize("lost", [False, True], ids=["damaged", "missing"])
def test_a_lost_store_is_replaced_by_the_backup_and_kept_aside(data: Path, *, lost: bool) -> None:
    damaged(data)
    if lost:
        (data / STORE_FILE).unlink()
    done = restore(data)
    assert done.exit_code == 0, done.output
    assert "password  " in done.output
    assert names(data) == ["Eva"]
    aside = [path.read_bytes() for path in data.glob(f"{STORE_FILE}.damaged-*")]
    assert aside == ([] if lost else [RUBBISH])
    assert not list(data.glob("*restored*"))


def test_a_damaged_backup_changes_nothing(data: Path) -> None:
    before = damaged(data)
    saved = (data.parent / "saved").read_bytes()
    (data.parent / "cut").write_bytes(saved[:-1])
    done = restore(data, "cut")
    assert done.exit_code == 1
    assert "the backup is damaged" in str(done.exception)
    assert sorted(data.iterdir()) == before
    assert (data / STORE_FILE).read_bytes() == RUBBISH


def test_a_store_that_can_be_used_is_not_replaced(data: Path) -> None:
    done = restore(data)
    assert done.exit_code == 1
    assert "can be used" in str(done.exception)


def test_nothing_is_replaced_while_the_api_runs(data: Path) -> None:
    damaged(data)
    with RuntimeDirectory.create(data).claim("api", data / STORE_FILE):
        done = restore(data)
    assert "stop it first" in str(done.exception)
    assert (data / STORE_FILE).read_bytes() == RUBBISH


def test_doctor_names_the_way_back(data: Path) -> None:
    damaged(data)
    done = CliRunner().invoke(cli, ["doctor", "--data", str(data)])
    assert "gateway restore" in done.output


def copy_into_mirror(data: Path) -> None:
    said: list[dict[str, object]] = []
    feeder = Feeder(data, said.append)
    feeder.poll()
    feeder.close()
    [built] = [str(message["name"]) for message in said if message["is"] == "built"]
    (data / built).rename(data / MIRROR_FILE)


@pytest.fixture
def mirrored(data: Path) -> Path:
    """`data` with a mirror that has all of the store."""
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        [number] = store.insert("users", [{"name": "Ana", "password": "x" * 64, "salt": "y" * 32}])
        store.insert("cards", [{"user_id": number, "value": (123 << 32) + 45_678}])
        store.insert("user_groups", [{"user_id": number, "group_id": 1}])
        [condition] = store.insert("validations", [{"name": "late", "validation": "x"}])
        store.insert("access_rule_validations", [{"access_rule_id": 1, "validation_id": condition}])
        store.set_configuration({"general": {"relay1_timeout": "2345"}})
    copy_into_mirror(data)
    return data


def rows(data: Path, sql: str) -> list[tuple[object, ...]]:
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        found: list[tuple[object, ...]] = store.reader().execute_sql(sql).fetchall()
    return found


OF_THE_DOORS = (
    "SELECT * FROM cards",
    "SELECT * FROM user_groups",
    "SELECT * FROM access_rules",
    "SELECT * FROM portals",
    "SELECT * FROM portal_access_rules",
    "SELECT * FROM time_spans",
    "SELECT * FROM script_instances",
    "SELECT * FROM access_rule_validations",
    "SELECT * FROM configuration",
    "SELECT id, name, password, salt FROM users",
    "SELECT device_id FROM device_identity",
)


def typed(data: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["restore", "--data", str(data), *map(str, words)])


def test_without_a_backup_the_mirror_gives_people_rules_and_settings(mirrored: Path) -> None:
    before = {sql: rows(mirrored, sql) for sql in OF_THE_DOORS}
    damaged(mirrored)
    done = typed(mirrored, "--from-mirror")
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert {sql: rows(mirrored, sql) for sql in OF_THE_DOORS} == before
    assert len(rows(mirrored, "SELECT * FROM devices")) == 1
    assert "Left out" not in done.output
    assert check.damage(mirrored / STORE_FILE, full=True) is None
    assert not list(mirrored.glob("*restored*"))


def harmed(data: Path, table: str) -> None:
    with closing(sqlite3.connect(data / MIRROR_FILE, isolation_level=None)) as mirror:
        mirror.execute(f"UPDATE rows_{table} SET row_sum = row_sum + 1")  # noqa: S608 - ours


def test_a_damaged_person_of_the_mirror_is_left_out_and_named(mirrored: Path) -> None:
    damaged(mirrored)
    harmed(mirrored, "cards")
    done = typed(mirrored, "--from-mirror")
    assert done.exit_code == 0, done.output
    assert "Left out, since it is damaged: cards 1" in done.output
    assert rows(mirrored, "SELECT * FROM cards") == []
    assert len(rows(mirrored, "SELECT * FROM users")) == 2


@pytest.mark.parametrize("table", ["access_rules", "access_rule_validations", "configuration"])
def test_nothing_is_restored_of_a_mirror_whose_damage_might_let_somebody_in(
    mirrored: Path, table: str
) -> None:
    damaged(mirrored)
    harmed(mirrored, table)
    before = sorted(mirrored.glob("store.db*"))
    done = typed(mirrored, "--from-mirror")
    assert done.exit_code == 1
    assert f"{table} " in str(done.exception)
    assert "may block somebody" in str(done.exception)
    assert sorted(mirrored.glob("store.db*")) == before


@pytest.mark.parametrize("content", [None, b"", b"x" * 9_999], ids=["none", "empty", "rubbish"])
def test_a_mirror_that_is_none_is_refused(mirrored: Path, content: bytes | None) -> None:
    damaged(mirrored)
    for path in mirrored.glob(f"{MIRROR_FILE}*"):
        path.unlink()
    if content is not None:
        (mirrored / MIRROR_FILE).write_bytes(content)
    done = typed(mirrored, "--from-mirror")
    assert done.exit_code == 1
    assert "mirror" in str(done.exception)
    assert (mirrored / STORE_FILE).read_bytes() == RUBBISH


def test_a_backup_of_another_device_leaves_this_one_its_id(data: Path, tmp_path: Path) -> None:
    other = data.with_name("other")
    initialise(other, HEAD + door(1, "front"), demo=False)
    copy_into_mirror(other)
    [(own,)] = rows(other, "SELECT device_id FROM device_identity")
    damaged(other)
    done = typed(other, tmp_path / "saved")
    assert done.exit_code == 0, done.output
    assert rows(other, "SELECT device_id FROM device_identity") == [(own,)]
    assert rows(other, "SELECT id FROM devices") == [(own,)]
    assert f"Device id {own}, serial " in done.output
    damaged(other)
    done = typed(other, "--take-id", tmp_path / "saved")
    assert done.exit_code == 0, done.output
    assert names(other) == ["Eva"]  # which compares the id with that of the backup
    assert "that of the backup" in done.output


def test_without_anything_the_store_is_that_of_a_new_device_with_the_old_id(mirrored: Path) -> None:
    damaged(mirrored)
    done = typed(mirrored, "--empty")
    assert done.exit_code == 0, done.output
    assert names(mirrored) == []  # which compares the id
    assert rows(mirrored, "SELECT id FROM access_rules") == [(1,)]
    assert len(list(mirrored.glob(f"{STORE_FILE}.damaged-*"))) == 1


@pytest.mark.parametrize(
    "words", [(), ("--from-mirror", "--take-id"), ("--from-mirror", "--empty")], ids=str
)
def test_restore_is_told_what_to_restore(mirrored: Path, words: tuple[str, ...]) -> None:
    assert typed(mirrored, *words).exit_code == 2
