"""Hostile backups are refused by name and change nothing, or hold only rows that the API takes."""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import FACTORY_ROWS, Rows
from gateway.store import backup_secrets
from gateway.store.backup import Backups
from gateway.store.objects.store import Store
from gateway.store.tables.identity import DeviceIdentity, store_identity
from tests.unit.store.hostile_backups import CASES, KEY, Case, with_database

HERE = DeviceIdentity(50_000)
PASSPHRASE = "correct horse battery"
ANA: Rows = {
    "users": [{"id": 1, "name": "Ana"}],
    "cards": [{"user_id": 1, "value": 528_281_023_086}],
    "user_groups": [{"user_id": 1, "group_id": 1}],
}


class Device:
    """A store with the demo's people, and a good backup of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store.create(path, REGISTRY, lambda: 1_700_000_000)
        with self.store.transaction():
            store_identity(self.store.database, HERE)
            for name, values in (*FACTORY_ROWS.items(), *ANA.items()):
                self.store.insert(name, values)
        self.store.database.execute_sql("PRAGMA synchronous = 0")
        self.backups = Backups(self.store, path, HERE, "1.2.3", threading.Lock())
        self.saved = b"".join(self.backups.make("now", PASSPHRASE).pieces)

    def restore(self, data: bytes) -> None:
        self.backups.restore(io.BytesIO(data), PASSPHRASE)

    def content(self) -> list[str]:
        """Every row of every table, and the schema, as SQL."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            return list(connection.iterdump())


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backup_secrets, "new_key", lambda: KEY)
        made = Device(tmp_path_factory.mktemp("hostile") / "store.db")
    yield made
    made.store.close()


def test_there_are_cases_of_every_kind_of_field() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 150
    written = [declared for declared in REGISTRY if not declared.log]
    kinds = {type(field).__name__ for declared in written for field in declared.fields}
    assert {name.partition("-")[0] for name in names} >= kinds - {"Id"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_backup_is_refused_by_name_or_holds_rows_that_the_api_takes(
    device: Device, case: Case, tmp_path: Path
) -> None:
    hostile = with_database(device.saved, tmp_path, case.change)
    if case.said is None:
        device.restore(hostile)
        for declared in REGISTRY:
            rows = list(device.store.load({"object": declared.name}).rows)
            for row in rows:
                for name, value in row.items():
                    field = declared.field(name)
                    if not field.is_nothing(value):
                        field.decode(value)
        [number] = device.store.insert("groups", [{"name": "another"}])
        assert 0 < number < 1_000
        device.restore(device.saved)
    else:
        before = device.content()
        with pytest.raises(InvalidRequest) as refused:
            device.restore(hostile)
        assert case.said in str(refused.value)
        assert device.content() == before
