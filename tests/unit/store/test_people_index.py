"""People by their ids, one of them or all of them page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access.person import Person
from gateway.explain import people_index as pages
from gateway.explain.people_index import Member, PeopleIndex
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store.db", REGISTRY, lambda: 0) as made:
        yield made


@pytest.fixture
def people(store: Store) -> PeopleIndex:
    """Five people with gaps between their ids."""
    users = [{"id": id_, "name": f"P{id_}"} for id_ in (2, 3, 5, 8, 13)]
    store.insert("users", users)
    store.insert("groups", [{"id": 1, "name": "All"}, {"id": 2, "name": "Few"}])
    store.insert("user_groups", [{"user_id": 3, "group_id": id_} for id_ in (1, 2)])
    store.insert("access_rules", [{"id": 7, "name": "own", "type": 1, "priority": 0}])
    store.insert("user_access_rules", [{"user_id": 3, "access_rule_id": 7}])
    store.insert("antipassback_exemptions", [{"user_id": 5}])
    return PeopleIndex(store.reader(), store.models)


def test_one_person_comes_with_all_ties(people: PeopleIndex) -> None:
    assert people.one(3) == Member(
        Person(3, 0, 0, group_ids=(1, 2), own_rule_ids=(7,), passback_exempt=False), "P3"
    )
    exempt = people.one(5)
    assert exempt is not None
    assert exempt.person.passback_exempt
    assert people.one(4) is None


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_everyone_comes_once_and_by_id_whatever_the_size_of_a_page(
    people: PeopleIndex, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(pages, "PAGE", size)
    assert [member.person.id for member in people.all()] == [2, 3, 5, 8, 13]
    assert [member.person.id for member in people.all(after=3)] == [5, 8, 13]
    assert [member.person.group_ids for member in people.all()][:2] == [(), (1, 2)]


def test_groups_are_called_by_their_names_where_they_are_there(people: PeopleIndex) -> None:
    assert people.group_names([1, 2, 3]) == {1: "All", 2: "Few"}
