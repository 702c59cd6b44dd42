"""What holds for each declared object, generated from the declarations: driven over the store.

What is created, refused and destroyed over a socket is in tests/unit/api/test_every_object.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Id
from gateway.objects.metadata import object_metadata
from gateway.store.objects.store import Store


def of_all(objects: list[ObjectType]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("declared", objects, ids=lambda it: it.name)


WRITABLE = [declared for declared in REGISTRY if declared.addable]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, samples: Callable[..., Any]
) -> Iterator[SimpleNamespace]:
    path: Path = tmp_path_factory.mktemp("every") / "store.db"
    with Store.create(path, REGISTRY, lambda: 99) as store:
        made = samples(REGISTRY, lambda name, row: store.insert_or_modify(name, [row])[0])
        yield SimpleNamespace(store=store, samples=made)


def load(site: SimpleNamespace, name: str, where: Any, **more: Any) -> list[dict[str, Any]]:
    # By name, since not all of them come unasked.
    secrets = more.get("show_secrets", True)
    fields = [field.name for field in REGISTRY[name].visible(show_secrets=secrets)]
    search = {"object": name, "where": where, "fields": fields}
    return list(site.store.load(search, **more).rows)


def create(site: SimpleNamespace, declared: ObjectType) -> dict[str, Any]:
    """A row with its required fields alone, as it is loaded back."""
    sent = site.samples.row(declared)
    if declared.key and not declared.key.auto:
        site.store.destroy(declared.name, site.samples.identity(declared, sent))
    (number,) = site.store.insert(declared.name, [sent])
    known = {**site.samples.defaults(declared), **sent}
    if declared.key:
        known[declared.key.name] = number
    (loaded,) = load(site, declared.name, site.samples.identity(declared, known))
    assert loaded == known
    return loaded


@of_all(WRITABLE)
def test_every_field_can_be_changed_alone(site: SimpleNamespace, declared: ObjectType) -> None:
    row = create(site, declared)
    for field in declared.fields:
        if isinstance(field, Id) or field.derived:
            continue
        where = site.samples.identity(declared, row)
        value = site.samples.other(field, row[field.name])
        row = {**row, field.name: value}
        assert site.store.modify(declared.name, {field.name: value}, where) == 1, field.name
        assert load(site, declared.name, site.samples.identity(declared, row)) == [row], field.name
    site.store.destroy(declared.name, site.samples.identity(declared, row))


@pytest.mark.parametrize(
    ("declared", "field"),
    [(it, field) for it in WRITABLE for field in it.fields if field.derived],
    ids=lambda it: it.name,
)
def test_what_is_given_for_a_derived_field_is_left_aside(
    site: SimpleNamespace, declared: ObjectType, field: Field
) -> None:
    name, row = declared.name, site.samples.row(declared)
    given = {**row, field.name: site.samples.other(field, field.default)}
    (number,) = site.store.insert_or_modify(name, [given])
    where = {name: {declared.key_name: number}}

    (loaded,) = load(site, name, where)
    assert loaded[field.name] == field.default
    assert site.store.modify(name, {field.name: given[field.name]}, where) == 0
    site.store.insert_or_modify(name, [{**given, declared.key_name: number}])
    assert load(site, name, where) == [loaded]
    site.store.destroy(name, where)


@of_all(WRITABLE)
def test_a_wrong_type_is_refused_naming_the_field(
    site: SimpleNamespace, declared: ObjectType
) -> None:
    row = site.samples.row(declared)
    for field in declared.fields:
        wrongs: tuple[object, ...] = (site.samples.wrong(field), True, 1.5, [], {})
        for wrong in wrongs:
            with pytest.raises(InvalidRequest, match=f"^Invalid member '{field.name}' "):
                site.store.insert(declared.name, [{**row, field.name: wrong}])


@of_all([it for it in WRITABLE if any(field.secret for field in it.fields)])
def test_secrets_are_for_those_alone_who_may_see_them(
    site: SimpleNamespace, declared: ObjectType
) -> None:
    secrets = {field.name: site.samples.value(field) for field in declared.fields if field.secret}
    site.store.insert(declared.name, [{**site.samples.row(declared), **secrets}])

    assert secrets.items() <= load(site, declared.name, {})[-1].items()
    (hidden,) = load(site, declared.name, {}, show_secrets=False)[-1:]
    assert secrets.keys().isdisjoint(hidden)
    for name, value in secrets.items():
        with pytest.raises(InvalidRequest):
            load(site, declared.name, {declared.name: {name: value}}, show_secrets=False)


def test_the_metadata_has_every_object_and_the_fields_of_its_rows() -> None:
    described = object_metadata(REGISTRY)

    assert {name: list(it["fields"]) for name, it in described.items()} == {  # type: ignore[call-overload] # - a map of fields
        **{
            declared.name: [it.name for it in declared.fields if it.extension is None]
            for declared in REGISTRY
        },
        "special_columns": ["COUNT(*)"],
    }
    assert described["user_roles"]["fields"] == {
        "user_id": {
            "type": "BIGINT",
            "primary key": False,
            "foreign key": {"object": "users", "field": "id"},
            "not null": True,
            "default value": None,
            "unique": False,
        },
        "role": {
            "type": "INTEGER",
            "primary key": False,
            "foreign key": None,
            "not null": True,
            "default value": None,
            "unique": False,
        },
    }
