"""Photos live and die with their people."""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import InvalidRequest, NotFound
from gateway.objects.catalogue import REGISTRY
from gateway.store import backup
from gateway.store.backup import Backups
from gateway.store.objects.store import Store
from gateway.store.tables import photos as module
from gateway.store.tables.identity import DeviceIdentity, store_identity
from gateway.store.tables.photos import (
    JPEG_BEGIN,
    PNG_BEGIN,
    Photo,
    Photos,
    PhotoStamp,
    count_people_with_faces,
)

FIRST = Photo(1_000, JPEG_BEGIN + b"first\x00")
SECOND = Photo(2_000, PNG_BEGIN + bytes(range(256)) * 9)


@pytest.fixture
def photos(store: Store) -> Photos:
    store.insert("users", [{"id": number, "name": f"n{number}"} for number in (1, 2, 3)])
    return Photos(store)


def stamps(store: Store) -> dict[Any, Any]:
    """User -> `image_timestamp`."""
    rows = store.load({"object": "users", "fields": ["id", "image_timestamp"]}).rows
    return {row["id"]: row["image_timestamp"] for row in rows}


def changes(store: Store) -> list[tuple[object, ...]]:
    rows = store.load({"object": "change_logs"}).rows
    return [(row["operation_type"], row["table_name"], row["table_id"]) for row in rows]


def test_a_photo_comes_back_byte_by_byte_with_its_time_stamp(photos: Photos) -> None:
    photos.put(1, FIRST)
    photos.put(2, SECOND)
    assert photos.find(1) == FIRST
    assert photos.find(2) == SECOND
    assert photos.find(3) is None
    assert list(photos.stamps()) == [PhotoStamp(1, 1_000), PhotoStamp(2, 2_000)]


def test_a_new_photo_takes_the_place_of_the_old_one(photos: Photos) -> None:
    photos.put(1, FIRST)
    photos.put(1, SECOND)
    assert photos.find(1) == SECOND
    assert list(photos.stamps()) == [PhotoStamp(1, 2_000)]


def test_the_person_carries_the_time_stamp_and_is_seen_to_change(
    store: Store, photos: Photos
) -> None:
    before = changes(store)
    photos.put(1, FIRST)
    assert stamps(store) == {1: 1_000, 2: 0, 3: 0}
    photos.put(1, Photo(1_000, b"another of the same time"))
    photos.remove([1])
    assert stamps(store) == {1: 0, 2: 0, 3: 0}
    assert changes(store)[len(before) :] == [("update", "users", 1)] * 3


def test_who_has_no_photo_is_not_seen_to_change_when_photos_go(
    store: Store, photos: Photos
) -> None:
    photos.put(2, FIRST)
    before = changes(store)
    assert photos.remove([1, 3, 99]) == 0
    assert changes(store) == before
    assert photos.remove_all() == 1
    assert changes(store) == [*before, ("update", "users", 2)]
    assert stamps(store) == {1: 0, 2: 0, 3: 0}


def test_only_the_named_photos_are_removed(photos: Photos) -> None:
    for number in (1, 2, 3):
        photos.put(number, FIRST)
    assert photos.remove([1, 3, 3]) == 2
    assert [it.user_id for it in photos.stamps()] == [2]


def test_many_are_told_and_removed_in_pages(
    store: Store, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    store.insert("users", [{"id": number, "name": "x"} for number in (10, 20)])
    for number in (20, 3, 10, 1):
        photos.put(number, FIRST)
    assert [it.user_id for it in photos.stamps()] == [1, 3, 10, 20]
    assert photos.remove([1, 3, 10]) == 3
    assert [it.user_id for it in photos.stamps()] == [20]


def test_nobody_has_no_photo(store: Store, photos: Photos) -> None:
    with pytest.raises(NotFound):
        photos.put(99, FIRST)
    assert list(photos.stamps()) == []
    assert photos.has_user(1)
    assert not photos.has_user(99)
    assert 99 not in stamps(store)


@pytest.mark.parametrize("where", [{"users": {"id": [1, 2]}}, None])
def test_whoever_is_deleted_takes_the_photo_along(store: Store, photos: Photos, where: Any) -> None:
    for number in (1, 2, 3):
        photos.put(number, FIRST)
    store.destroy("users", where)
    left = [3] if where else []
    assert [it.user_id for it in photos.stamps()] == left


def test_a_person_with_a_new_id_keeps_the_photo(store: Store, photos: Photos) -> None:
    photos.put(1, FIRST)
    store.modify("users", {"id": 50}, {"users": {"id": 1}})
    assert photos.find(50) == FIRST
    assert stamps(store)[50] == 1_000


def test_a_person_written_again_keeps_the_photo(store: Store, photos: Photos) -> None:
    photos.put(1, FIRST)
    store.insert_or_modify("users", [{"id": 1, "name": "Ana", "image_timestamp": 5}])
    store.modify("users", {"image_timestamp": 0})
    assert photos.find(1) == FIRST
    assert stamps(store)[1] == 1_000


def test_a_photo_that_does_not_get_through_leaves_all_as_it_was(
    store: Store, photos: Photos
) -> None:
    photos.put(1, FIRST)
    before = changes(store)
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012 - what comes before counts
        photos.put(1, SECOND)
        photos.put(2, SECOND)
        photos.remove([1])
        raise KeyError
    assert photos.find(1) == FIRST
    assert stamps(store) == {1: 1_000, 2: 0, 3: 0}
    assert changes(store) == before


def test_all_photos_together_have_a_bound(
    store: Store, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    photos.put(1, Photo(1, b"123456"))
    with pytest.raises(InvalidRequest, match="10 bytes"):
        photos.put(2, Photo(1, b"12345"))
    assert stamps(store) == {1: 1, 2: 0, 3: 0}
    photos.put(2, Photo(1, b"1234"))
    # The one whose place it takes does not count.
    photos.put(1, Photo(1, b"654321"))


def test_the_rules_at_the_door_are_not_touched(store: Store, photos: Photos) -> None:
    before = store.policy_version()
    photos.put(1, FIRST)
    photos.remove_all()
    assert store.policy_version() == before


def test_a_way_back_to_the_beginning_leaves_no_photo(store: Store, photos: Photos) -> None:
    photos.put(1, FIRST)
    store.clear()
    assert list(photos.stamps()) == []


def test_people_with_faces_are_counted_once_each(store: Store) -> None:
    assert count_people_with_faces(store) == 0
    store.insert("users", [{"id": number, "name": "x"} for number in (1, 2, 3)])
    rows = [{"user_id": number, "template": "AA==", "length": 1} for number in (1, 1, 3)]
    store.insert("face_templates", rows)
    assert count_people_with_faces(store) == 2


# backup


@pytest.fixture
def backups(store: Store, tmp_path: Path) -> Callable[[], Backups]:
    identity = DeviceIdentity(50_000)
    with store.transaction():
        store_identity(store.database, identity)

    def make() -> Backups:
        return Backups(store, tmp_path / "store.db", identity, "1", threading.Lock())

    return make


def test_a_backup_has_the_photos_and_brings_them_back(
    store: Store, photos: Photos, backups: Callable[[], Backups]
) -> None:
    photos.put(1, FIRST)
    photos.put(2, SECOND)
    data = b"".join(backups().make("2025-07-01").pieces)
    photos.remove([1])
    photos.put(2, FIRST)
    photos.put(3, FIRST)
    backups().restore(io.BytesIO(data))
    assert [photos.find(number) for number in (1, 2, 3)] == [FIRST, SECOND, None]
    assert stamps(store) == {1: 1_000, 2: 2_000, 3: 0}
    store.destroy("users", {"users": {"id": 1}})
    assert photos.find(1) is None


def test_a_database_of_the_form_before_gets_room_for_photos_and_claims_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    with Store.create(path, REGISTRY, lambda: 7) as made:
        made.insert("users", [{"id": 1, "name": "Ana"}])
    with closing(sqlite3.connect(path)) as old:
        old.create_function("device_stamp", 0, lambda: 7)
        old.execute("DROP TABLE user_photos")
        old.execute("DROP TABLE sealing")
        old.execute("UPDATE users SET image_timestamp = 1600000000")
        old.execute("PRAGMA user_version = 2")
        old.commit()
    with Store.open(path, REGISTRY, lambda: 8) as store:
        assert stamps(store) == {1: 0}
        Photos(store).put(1, FIRST)
        assert Photos(store).find(1) == FIRST


def test_a_backup_of_the_form_before_is_taken_back(
    store: Store, photos: Photos, backups: Callable[[], Backups], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos.put(1, FIRST)
    plain = Backups._strip

    def as_before(self: Backups, copy: sqlite3.Connection, key: None) -> dict[str, int]:
        left_out = plain(self, copy, key)
        copy.execute("DROP TABLE user_photos")
        copy.execute("PRAGMA user_version = 2")
        return left_out

    with monkeypatch.context() as patch:
        patch.setattr(Backups, "_strip", as_before)
        patch.setattr(backup, "VERSION", 2)
        data = b"".join(backups().make("2025-07-01").pieces)
    backups().restore(io.BytesIO(data))
    assert list(photos.stamps()) == []
    assert stamps(store) == {1: 0, 2: 0, 3: 0}
    photos.put(1, SECOND)
    assert photos.find(1) == SECOND
