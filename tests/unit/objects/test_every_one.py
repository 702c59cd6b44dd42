"""What holds for each declared object, generated from the declarations: driven over the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import ConstraintViolation, InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Id
from gateway.objects.metadata import object_metadata
from gateway.store.objects.store import Store

NOBODY = 987_654_321_012


def of_all(objects: list[ObjectType]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("declared", objects, ids=lambda it: it.name)


def of_each_field(wanted: Callable[[Field], bool]) -> pytest.MarkDecorator:
    pairs = [(it, field) for it in WRITABLE for field in it.fields if wanted(field)]
    names = [f"{it.name}.{field.name}" for it, field in pairs]
    return pytest.mark.parametrize(("declared", "field"), pairs, ids=names)


WRITABLE = [declared for declared in REGISTRY if declared.addable]
LOGS = [declared for declared in REGISTRY if declared.log]
UNIQUE = [
    (declared, names)
    for declared in WRITABLE
    for names in (
        *declared.pairs_unique,
        *((field.name,) for field in declared.fields if field.unique or isinstance(field, Id)),
    )
]


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
def test_what_was_created_with_required_fields_alone_is_read_back_and_destroyed(
    site: SimpleNamespace, declared: ObjectType
) -> None:
    row = create(site, declared)
    where = site.samples.identity(declared, row)

    assert site.store.destroy(declared.name, where) == 1
    assert load(site, declared.name, where) == []


@of_each_field(lambda field: not isinstance(field, Id) and not field.derived)
def test_every_field_can_be_changed_alone(
    site: SimpleNamespace, declared: ObjectType, field: Field
) -> None:
    row = create(site, declared)
    value = site.samples.other(field, row[field.name])
    changed = {**row, field.name: value}

    where = site.samples.identity(declared, row)
    assert site.store.modify(declared.name, {field.name: value}, where) == 1
    assert load(site, declared.name, site.samples.identity(declared, changed)) == [changed]
    site.store.destroy(declared.name, site.samples.identity(declared, changed))


@of_each_field(lambda field: field.derived)
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
def test_an_unknown_field_is_refused(site: SimpleNamespace, declared: ObjectType) -> None:
    said = f"^nonesuch is not a column of table {declared.name}$"
    row = {**site.samples.row(declared), "nonesuch": 1}

    for act in (
        lambda: site.store.insert(declared.name, [row]),
        lambda: site.store.modify(declared.name, {"nonesuch": 1}),
        lambda: load(site, declared.name, {declared.name: {"nonesuch": 1}}),
    ):
        with pytest.raises(InvalidRequest, match=said):
            act()


@of_each_field(lambda _: True)
def test_a_wrong_type_is_refused_naming_the_field(
    site: SimpleNamespace, declared: ObjectType, field: Field
) -> None:
    row = site.samples.row(declared)

    wrongs: tuple[object, ...] = (site.samples.wrong(field), True, 1.5, [], {})
    for wrong in wrongs:
        with pytest.raises(InvalidRequest, match=f"^Invalid member '{field.name}' "):
            site.store.insert(declared.name, [{**row, field.name: wrong}])


@of_each_field(lambda field: field.required)
def test_a_required_field_cannot_be_left_out_or_null(
    site: SimpleNamespace, declared: ObjectType, field: Field
) -> None:
    row = site.samples.row(declared)
    without = {name: value for name, value in row.items() if name != field.name}

    with pytest.raises(InvalidRequest, match=f"'{field.name}' .*got undefined"):
        site.store.insert(declared.name, [without])
    with pytest.raises(ConstraintViolation, match=f"NOT NULL .*{declared.name}.{field.name}$"):
        site.store.insert(declared.name, [{**row, field.name: None}])


@pytest.mark.parametrize(
    ("declared", "names"), UNIQUE, ids=lambda it: getattr(it, "name", None) or "-".join(it)
)
def test_a_duplicate_is_refused(
    site: SimpleNamespace, declared: ObjectType, names: tuple[str, ...]
) -> None:
    row = create(site, declared)
    twin = {**site.samples.row(declared), **{name: row[name] for name in names}}
    columns = ", ".join(f"{declared.name}.{name}" for name in names)

    with pytest.raises(ConstraintViolation, match=f"^UNIQUE constraint failed: {columns}"):
        site.store.insert(declared.name, [twin])
    site.store.destroy(declared.name, site.samples.identity(declared, row))


@of_each_field(lambda field: getattr(field, "enforced", False))
def test_a_reference_to_nothing_is_refused(
    site: SimpleNamespace, declared: ObjectType, field: Field
) -> None:
    row = {**site.samples.row(declared), field.name: NOBODY}
    said = rf"^FOREIGN KEY constraint failed: {declared.name}\.{field.name} .*{NOBODY}"

    with pytest.raises(ConstraintViolation, match=said):
        site.store.insert(declared.name, [row])


@of_all(LOGS)
def test_rows_of_a_log_come_from_the_device_alone(
    site: SimpleNamespace, declared: ObjectType
) -> None:
    with pytest.raises(InvalidRequest, match="only the device writes"):
        site.store.insert(declared.name, [site.samples.row(declared)])
    row = {
        field.name: field.decode(site.samples.value(field))
        for field in declared.fields
        if field.required and not getattr(field, "enforced", False)
    }
    for ref in declared.refs:
        if ref.enforced:
            row[ref.name] = site.store.model(ref.target).insert(time=1, event=7).execute()
    with site.store.transaction():
        site.store.model(declared.name).insert(**row).execute()
    (loaded,) = (it for it in load(site, declared.name, {}) if row.items() <= it.items())
    where = site.samples.identity(declared, loaded)

    if declared.read_only:
        with pytest.raises(InvalidRequest, match="only the device writes"):
            site.store.destroy(declared.name, where)
        with pytest.raises(InvalidRequest, match="only the device writes"):
            site.store.modify(declared.name, {declared.fields[-1].name: "x"}, where)
        assert load(site, declared.name, where) == [loaded]
    else:
        assert site.store.destroy(declared.name, where) == 1


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
