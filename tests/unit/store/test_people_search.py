"""People are found by the beginnings of words, and the index follows the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import SEARCH_FILE
from gateway.store.objects import people_search
from gateway.store.objects.people_search import MOST_CHANGES, words_of
from gateway.store.objects.store import Store


def _add(store: Store, *names: str, registration: str = "") -> list[int]:
    return store.insert("users", [{"name": it, "registration": registration} for it in names])


@pytest.mark.parametrize(
    "typed",
    ["jose", "José", "JOSÉ gonc", "gonçalves josé", "Jose\u0301", "oliv go", "  jo,  go "],
)
def test_a_person_is_found_by_words_without_accents_and_in_any_order(
    store: Store, typed: str
) -> None:
    [jose, _] = _add(store, "José Gonçalves de Oliveira", "Joana Lima")
    assert store.people_search.find(typed, 10) == [jose]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Łukasz Żak", "lukasz zak"),
        ("Søren Ærø", "soren aero"),
        ("Jürgen Weiß", "jurgen weiss"),
        ("O'Brien-Smith", "brien sm"),
        ("<script>alert(1)</script>", "script alert"),
        ("Дмитрий", "дми"),
        ('x" OR "y', 'y" x'),
    ],
)
def test_letters_of_other_languages_and_signs_are_found(
    store: Store, name: str, typed: str
) -> None:
    [person] = _add(store, name)
    assert store.people_search.find(typed, 10) == [person]


def test_a_registration_is_found_with_and_without_its_punctuation(store: Store) -> None:
    [person] = _add(store, "Ana", registration="123.456.789-00")
    for typed in ("123.456.789-00", "12345678900", "1234567", "789-00"):
        assert store.people_search.find(typed, 10) == [person]


def test_whole_words_come_first_and_no_more_than_asked_for(store: Store) -> None:
    anabela, ana, anita = _add(store, "Anabela", "Bela Ana", "Anita")
    assert store.people_search.find("ana", 10) == [ana, anabela]
    assert store.people_search.find("an", 2) == [anabela, ana]
    assert store.people_search.find("an", 10) == [anabela, ana, anita]


@pytest.mark.parametrize("looked_at", [0, 2_000])
def test_a_long_beginning_is_found_among_many_that_begin_alike(
    store: Store, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(people_search, "_LOOKED_AT", looked_at)
    _add(store, *["Rodrigo Lima"] * 20)
    first, second = _add(store, "Rodolfo Lima", "Lima Rodolfa")
    for typed, most, found in (
        ("rodol", 5, [first, second]),
        ("li rodol", 1, [first]),
        ("rodolf lima", 5, [first, second]),
        ("rodol rodri", 5, []),
        ("rodrix", 5, []),
    ):
        assert store.people_search.find(typed, most) == found


@pytest.mark.parametrize("typed", ["", "-", "*", '"', "'; DROP TABLE people; --"])
def test_what_is_no_word_finds_nobody(store: Store, typed: str) -> None:
    _add(store, "Ana")
    assert store.people_search.find(typed, 10) == []


def test_the_index_follows_every_kind_of_change(store: Store) -> None:
    [ana, bruno] = _add(store, "Ana", "Bruno")
    find = store.people_search.find
    assert find("bruno", 10) == [bruno]
    store.modify("users", {"name": "Carla"}, {"users": {"id": ana}})
    store.modify("users", {"registration": "77"}, {"users": {"id": bruno}})
    assert (find("ana", 10), find("carla", 10), find("77", 10)) == ([], [ana], [bruno])
    store.destroy("users", {"users": {"id": bruno}})
    assert find("bruno", 10) == []
    with pytest.raises(InvalidRequest), store.transaction():
        store.insert("users", [{"name": "Daniel"}, {"name": 5}])
    assert find("daniel", 10) == []


def test_a_store_with_more_changes_than_are_followed_is_read_anew(store: Store) -> None:
    assert store.people_search.find("ana", 10) == []
    with store.transaction():
        for _ in range(0, MOST_CHANGES + 1, 1_000):
            store.insert("users", [{"name": "Many"} for _ in range(1_000)])
        [ana] = _add(store, "Ana")
    assert store.people_search.find("ana", 10) == [ana]


@pytest.mark.parametrize("rubbish", [b"not a database" * 100, b""], ids=["damaged", "empty"])
def test_a_damaged_index_is_made_anew(store: Store, tmp_path: Path, rubbish: bytes) -> None:
    [ana] = _add(store, "Ana")
    (tmp_path / SEARCH_FILE).write_bytes(rubbish)
    assert store.people_search.find("ana", 10) == [ana]


def test_an_index_of_another_form_is_made_anew(store: Store, tmp_path: Path) -> None:
    [ana] = _add(store, "Ana")
    with closing(sqlite3.connect(tmp_path / SEARCH_FILE)) as other:
        other.execute("PRAGMA user_version = 99")
        other.commit()
    assert store.people_search.find("ana", 10) == [ana]


def test_an_older_store_that_was_put_back_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.create(path, REGISTRY, lambda: 0) as store:
        _add(store, "Ana")
    older = path.read_bytes()
    with Store.open(path, REGISTRY, lambda: 0) as store:
        _add(store, "Bruno")
        assert len(store.people_search.find("bruno", 10)) == 1
    path.write_bytes(older)
    with Store.open(path, REGISTRY, lambda: 0) as store:
        [carla] = _add(store, "Carla")
        assert store.people_search.find("bruno", 10) == []
        assert store.people_search.find("carla", 10) == [carla]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_every_part_of_a_name_finds_its_person(shared_store: Store, name: str) -> None:
    [person] = shared_store.insert("users", [{"name": "x" + name}])
    try:
        for typed in words_of("x" + name) or ["x"]:
            assert person in shared_store.people_search.find(typed, 1_000)
        assert person in shared_store.people_search.find("x" + name, 1_000)
    finally:
        shared_store.destroy("users", {"users": {"id": person}})
