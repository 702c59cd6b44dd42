"""Power cuts while a database of an older form is brought to this program's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.sealing import Sealer
from gateway.store.files import STORE_FILE
from gateway.store.files.database import TrackedDatabase, open_writer
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.schema import prepare
from gateway.store.objects.store import Store

if TYPE_CHECKING:
    from tests.unit.store.powercut.conftest import PowerModel

CUTS = 30
FORMS = Path(__file__).parents[1] / "forms"


def thaw(form: int, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((FORMS / f"store-{form}.sql").read_bytes().decode())
        connection.execute("PRAGMA journal_mode = wal").fetchall()


@contextmanager
def writer(path: Path, stamp: int) -> Iterator[TrackedDatabase]:
    database = open_writer(path, {"device_stamp": lambda: stamp})
    try:
        yield database
    finally:
        database.close_all()


@pytest.mark.parametrize("form", range(1, VERSION))
def test_a_cut_leaves_the_old_form_or_the_new_one_and_either_opens(
    form: int, tmp_path: Path, power: type[PowerModel]
) -> None:
    path, sealer = tmp_path / STORE_FILE, Sealer.random()
    thaw(form, path)
    base = {STORE_FILE: path.read_bytes()}
    recorder = power.recorder()
    with writer(path, power.STAMP) as database:
        connection = database.connection()
        states = [power.digest(connection)]
        recorder.hear(STORE_FILE, connection)
        prepare(database, REGISTRY, path, sealer)
        connection.set_trace_callback(None)
        states.append(power.digest(connection))
    # The first start leaves no freed page with clear text, and says so in the file.
    with Store.open(path, REGISTRY, lambda: power.STAMP, sealer) as store:
        whole = power.digest(store.reader().connection())
    model = power(power.script(base, recorder.statements), tmp_path / "replay")
    assert model.commits == 1
    seen = set()
    for cut in model.cuts(CUTS, tmp_path / "cut"):
        left = cut.directory / STORE_FILE
        wrong, state = power.judged(left)
        assert not wrong
        assert state in states[cut.acknowledged :]
        seen.add(state)
        with Store.open(left, REGISTRY, lambda: power.STAMP, sealer) as store:
            assert power.digest(store.reader().connection()) == whole
    assert seen == set(states)
