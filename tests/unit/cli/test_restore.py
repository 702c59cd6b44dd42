"""`gateway restore`: the way back when `store.db` cannot be opened."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.commands.provisioning import initialise
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.store.backup import Backups
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.identity import read_identity
from tests.unit.cli.test_portal import HEAD, door

RUBBISH = b"rubbish" * 10_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    initialise(data, HEAD + door(1, "front"), demo=False)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("users", [{"name": "Eva"}])
        identity = read_identity(store.database)
        backups = Backups(store, data / STORE_FILE, identity, "1.2.3", threading.Lock())
        made = backups.make("2025-07-01T12:00:00+00:00")
        (tmp_path / "saved").write_bytes(b"".join(made.pieces))
        (tmp_path / "id").write_text(str(identity.device_id))
    return data


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
