"""Rules about credentials that are not those of one field alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import ConstraintViolation, InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store
from gateway.store.policy.people import PeopleReader


@pytest.fixture
def people(store: Store) -> Store:
    store.insert("users", [{"id": 7, "name": "Ana"}, {"id": 8, "name": "Rui"}])
    return store


def test_a_person_has_one_pin_of_each_type(people: Store) -> None:
    people.insert("pins", [{"value": "1234", "user_id": 7}])
    people.insert("pins", [{"value": "4321", "user_id": 7, "pin_type": 1}])

    for pin_type in (0, 1):
        with pytest.raises(ConstraintViolation) as refusal:
            people.insert("pins", [{"value": "5555", "user_id": 7, "pin_type": pin_type}])
        assert str(refusal.value).startswith(
            "UNIQUE constraint failed: pins.user_id, pins.pin_type (row 1"
        )


def test_a_pin_is_of_one_person_whatever_its_type(people: Store) -> None:
    people.insert("pins", [{"value": "1234", "user_id": 7}])

    with pytest.raises(ConstraintViolation, match=r"^UNIQUE constraint failed: pins\.value \("):
        people.insert("pins", [{"value": "1234", "user_id": 8, "pin_type": 1}])


def test_a_store_of_the_first_form_takes_a_second_pin_after_opening(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.create(path, REGISTRY, lambda: 99) as store:
        store.insert("users", [{"id": 7, "name": "Ana"}])
        store.insert("pins", [{"value": "1234", "user_id": 7}])
    with closing(sqlite3.connect(path)) as old:
        old.execute("DROP INDEX pins_user_id_pin_type_unique")
        old.execute("CREATE UNIQUE INDEX pins_user_id_unique ON pins (user_id)")
        old.execute("DROP TABLE user_photos")
        old.execute("DROP TABLE sealing")
        old.execute("PRAGMA user_version = 1")
    with Store.open(path, REGISTRY, lambda: 99) as store:
        assert store.insert("pins", [{"value": "99", "user_id": 7, "pin_type": 1}]) == [2]
        with pytest.raises(ConstraintViolation, match="UNIQUE"):
            store.insert("pins", [{"value": "98", "user_id": 7, "pin_type": 1}])


def test_a_tag_has_one_form_however_it_is_written(people: Store) -> None:
    people.insert("uhf_tags", [{"value": "e200aB", "user_id": 7}])
    search = {"object": "uhf_tags", "where": {"uhf_tags": {"value": "E200ab"}}}

    assert [row["value"] for row in people.load(search).rows] == ["E200AB"]
    with pytest.raises(ConstraintViolation, match="owned by user 7"):
        people.insert("uhf_tags", [{"value": "E200AB", "user_id": 8}])


@pytest.mark.parametrize("value", ["", "0xE2", "E2 00", "E" * 25, "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_tag_is_hexadecimal_of_at_most_96_bits(people: Store, value: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^Invalid member 'value'"):
        people.insert("uhf_tags", [{"value": value, "user_id": 7}])


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("cards", 0),
        ("cards", 255 << 32 | 65535),
        ("cards", (1 << 64) - 1),
        ("contingency_cards", 0),
        ("qrcodes", ""),
        ("qrcodes", " "),
        ("uhf_tags", "0" * 24),
    ],
)
def test_a_placeholder_cannot_be_anybodys_identifier(
    people: Store, table: str, value: int | str
) -> None:
    owner = {} if table == "contingency_cards" else {"user_id": 7}
    (known,) = people.insert(table, [{"value": "A1" if isinstance(value, str) else 9, **owner}])

    for write in (
        lambda: people.insert(table, [{"value": value, **owner}]),
        lambda: people.insert_or_modify(table, [{"id": known, "value": value}]),
        lambda: people.modify(table, {"value": value}),
    ):
        with pytest.raises(InvalidRequest, match=r"^Invalid member 'value'"):
            write()


def test_a_card_0_of_an_older_database_is_nobodys_and_can_be_found_and_deleted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    with Store.create(path, REGISTRY, lambda: 99) as store:
        store.insert("users", [{"id": 7, "name": "Ana"}])
        store.insert("cards", [{"value": 5, "user_id": 7}])
        with store.alone() as connection:
            connection.execute("UPDATE cards SET value = ?", (-(1 << 63),))
        reader = PeopleReader(store._database, store.models)

        assert reader.find(Credential(CredentialKind.CARD, 0)).person is None
        assert store.destroy("cards", {"cards": {"value": 0}}) == 1


def test_templates_leave_traces_in_the_change_log_also_when_their_owner_goes(
    people: Store,
) -> None:
    (finger,) = people.insert("templates", [{"template": "AAEC", "user_id": 7}])
    (face,) = people.insert("face_templates", [{"template": "AA==", "user_id": 7, "length": 1}])
    people.modify("templates", {"finger_type": 1})
    people.destroy("users", {"users": {"id": 7}})

    rows = people.load({"object": "change_logs"}).rows
    told = [(row["operation_type"], row["table_name"], row["table_id"]) for row in rows]
    assert sorted(it for it in told if "templates" in str(it[1])) == [
        ("delete", "face_templates", face),
        ("delete", "templates", finger),
        ("insert", "face_templates", face),
        ("insert", "templates", finger),
        ("update", "templates", finger),
    ]
