"""A store with the factory rows, and one with an object per kind of field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.factory import FACTORY_ROWS
from gateway.objects.fields import I64, U64, Blob, Choice, Flag, Id, Int, OnDelete, Ref, Text
from gateway.store import backup_secrets
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.identity import draw_identity, store_identity

from .feeding import Fed

STAMP = 1_700_000_000

BOXES = ObjectType("boxes", (Id("id"), Text("name", required=True, unique=True)))
THINGS = ObjectType(
    "things",
    (
        Id("id"),
        Int("number", minimum=-1_000, maximum=1_000),
        I64("big", default=0),
        U64("code", default=0, unique=True),
        Flag("flag", default=0),
        Text("label", max_length=20),
        Blob("data", default=b""),
        Choice("colour", default=1, choices=(1, 2, 5)),
        Ref("box_id", "boxes", on_delete=OnDelete.SET_NULL),
        Text("hidden", default="", secret=True),
    ),
)
MARKS = ObjectType(
    "marks",
    (Ref("thing_id", "things", required=True), Ref("box_id", "boxes", required=True)),
    pairs_unique=(("thing_id", "box_id"),),
)


@pytest.fixture(scope="session", autouse=True)
def quick_passphrases() -> Iterator[None]:
    """A guess of a passphrase is to take long on a device, not here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backup_secrets, "_MEMORY_KIB", 64)
        patch.setattr(backup_secrets, "_PASSES", 1)
        yield


@cache
def _factory_file() -> bytes:
    """Making one takes ten times as long as copying it."""
    with TemporaryDirectory() as name:
        path = Path(name, "store.db")
        with Store.create(path, REGISTRY, lambda: STAMP) as made, made.transaction():
            for table, rows in FACTORY_ROWS.items():
                made.insert(table, rows)
        return path.read_bytes()


@contextmanager
def factory_store(path: Path) -> Iterator[Store]:
    path.touch(mode=0o660, exist_ok=False)
    path.write_bytes(_factory_file())
    with Store.open(path, REGISTRY, lambda: STAMP) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with factory_store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """For modules whose tests only read what a fixture of theirs has put in."""
    with factory_store(tmp_path_factory.mktemp("shared") / "store.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    registry = Registry((BOXES, THINGS, MARKS))
    path = tmp_path_factory.mktemp("synthetic") / "store.db"
    with Store.create(path, registry, lambda: STAMP) as opened:
        yield opened


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Fed]:
    with factory_store(tmp_path / STORE_FILE) as store:
        store_identity(store.database, draw_identity())
        with closing(Fed(store, tmp_path)) as fed:
            yield fed
