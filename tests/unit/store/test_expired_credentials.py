"""What expired people lose, and what stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.access.expiry_schedule import ExpiryState
from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.expired_credentials import (
    CREDENTIALS,
    PEOPLE_AT_ONCE,
    ExpiryStateTable,
    clear_expired,
)
from gateway.store.tables.photos import Photo, Photos

NOW = 1_700_000_000
VISITOR = 1
LEFT, STILL_HERE, FOR_EVER, VISITING, VISITED = 1, 2, 3, 4, 5
SECRETS = ("password", "salt", "panic_password", "panic_salt")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / STORE_FILE, REGISTRY, lambda: NOW) as made:
        made.insert("user_types", [{"id": VISITOR}])
        for user_id, end_time, kind in (
            (LEFT, NOW - 1, None),
            (STILL_HERE, NOW, None),
            (FOR_EVER, 0, None),
            (VISITING, NOW + 1, VISITOR),
            (VISITED, NOW - 100, VISITOR),
        ):
            add(made, user_id, end_time=end_time, user_type_id=kind)
        yield made


def add(store: Store, user_id: int, **columns: Any) -> None:
    """A person with everything that there is to identify with."""
    secrets = {name: f"{name} {user_id}" for name in SECRETS}
    store.insert("users", [{"id": user_id, "name": f"N{user_id}", **secrets, **columns}])
    for table in ("cards", "qrcodes", "uhf_tags", "pins"):
        value: int | str = user_id if table == "cards" else f"{user_id:04}"
        store.insert(table, [{"value": value, "user_id": user_id}])
    store.insert("templates", [{"template": "AAAA", "user_id": user_id}])
    store.insert("face_templates", [{"template": "AAAA", "user_id": user_id, "length": 3}])
    Photos(store).put(user_id, Photo(7, b"photo"))


def clear(store: Store, *, visitors_only: bool = False) -> Counter[str]:
    told: Counter[str] = Counter()

    def tell(went: Mapping[str, int]) -> None:
        told.update(went)

    assert clear_expired(store, NOW, tell, visitors_only=visitors_only)
    return told


def having(store: Store, table: str) -> list[int]:
    """Who has something in `table`."""
    return sorted({int(str(row["user_id"])) for row in store.load({"object": table}).rows})


def people(store: Store) -> dict[int, dict[str, Any]]:
    rows: list[dict[str, Any]] = [dict(row) for row in store.load({"object": "users"}).rows]
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize("table", CREDENTIALS)
def test_whoever_has_expired_has_no_credential_left(store: Store, table: str) -> None:
    clear(store)
    assert having(store, table) == [STILL_HERE, FOR_EVER, VISITING]


@pytest.mark.parametrize("table", CREDENTIALS)
def test_of_visitors_alone_it_is_taken_where_that_is_wanted(store: Store, table: str) -> None:
    clear(store, visitors_only=True)
    assert having(store, table) == [LEFT, STILL_HERE, FOR_EVER, VISITING]


def test_passwords_and_photo_go_and_the_person_stays(store: Store) -> None:
    clear(store)
    found = people(store)
    assert sorted(found) == [LEFT, STILL_HERE, FOR_EVER, VISITING, VISITED]
    assert [found[LEFT][name] for name in SECRETS] == [""] * 4
    assert (found[LEFT]["name"], found[LEFT]["end_time"]) == ("N1", NOW - 1)
    assert found[LEFT]["image_timestamp"] == 0
    assert Photos(store).find(LEFT) is None
    assert found[STILL_HERE]["password"] == "password 2"
    assert Photos(store).find(STILL_HERE) is not None


def test_it_says_how_many_of_which_went_and_then_that_nothing_is_left(store: Store) -> None:
    assert clear(store) == {**dict.fromkeys(CREDENTIALS, 2), "passwords": 2, "photos": 2}
    assert clear(store) == {}


def test_the_change_log_has_every_row_that_went(store: Store) -> None:
    store.destroy("change_logs")
    clear(store, visitors_only=True)
    rows = store.load({"object": "change_logs"}).rows
    logged = {(row["operation_type"], row["table_name"], row["table_id"]) for row in rows}
    assert logged >= {
        ("delete", "cards", VISITED),
        ("delete", "templates", VISITED),
        ("delete", "face_templates", VISITED),
        ("update", "users", VISITED),
    }
    assert all(number == VISITED for _, table, number in logged if table == "users")


def test_many_people_go_in_parts_and_what_went_stays_gone(store: Store) -> None:
    count = PEOPLE_AT_ONCE + 5
    ids = range(1_000, 1_000 + count)
    store.insert("users", [{"id": n, "name": "V", "end_time": 1} for n in ids])
    store.insert("cards", [{"value": n, "user_id": n} for n in ids])
    parts: list[int] = []
    done = clear_expired(
        store,
        NOW,
        lambda went: parts.append(went["cards"]),
        visitors_only=False,
        go_on=lambda: not parts,
    )
    assert not done
    assert parts == [PEOPLE_AT_ONCE]
    clear(store)
    assert having(store, "cards") == [STILL_HERE, FOR_EVER, VISITING]


def test_what_could_not_be_told_of_has_not_gone(store: Store) -> None:
    def fail(went: Mapping[str, int]) -> None:
        raise StorageError(f"no room for {went}")

    with pytest.raises(StorageError):
        clear_expired(store, NOW, fail, visitors_only=False)
    assert LEFT in having(store, "cards")
    assert people(store)[LEFT]["password"]


def test_the_watch_is_kept(store: Store) -> None:
    assert ExpiryStateTable(store).read() is None
    for state in (ExpiryState(1, 2, 3), ExpiryState(4, 5, 6)):
        ExpiryStateTable(store).keep(state)
    assert ExpiryStateTable(store).read() == ExpiryState(4, 5, 6)
