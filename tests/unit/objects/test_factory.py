from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import FACTORY_ROWS, portal_of_readers, reader_binding_rows
from gateway.objects.fields import Ref


def as_tuples(rows: dict[str, list[dict[str, object]]], name: str, *fields: str) -> list[object]:
    return [tuple(row[field] for field in fields) for row in rows[name]]


def bindings(rows: dict[str, list[dict[str, object]]]) -> dict[int, int]:
    return dict(
        portal_of_readers(
            as_tuples(rows, "scripts", "id", "script"),  # type: ignore[arg-type] # - built above
            as_tuples(rows, "script_parameters", "id", "script_id", "type"),  # type: ignore[arg-type] # - as above
            as_tuples(  # type: ignore[arg-type] # - as above
                rows,
                "portal_script_parameters",
                "script_parameter_id",
                "script_instance_id",
                "sequence",
                "value",
            ),
        )
    )


def test_factory_rows_are_of_declared_objects_and_decode() -> None:
    for name, rows in FACTORY_ROWS.items():
        declared = REGISTRY[name]
        for row in rows:
            assert {field.name for field in declared.fields if field.required} <= set(row)
            for member, value in row.items():
                assert declared.field(member).decode(value) == value


def test_factory_references_point_to_rows_that_come_before() -> None:
    # Those of custom tables are there with the file.
    seen: set[tuple[str, object]] = {("custom_tables", number) for number in (1, 2, 3)}
    for name, rows in FACTORY_ROWS.items():
        for row in rows:
            for field in REGISTRY[name].fields:
                if isinstance(field, Ref) and field.name in row:
                    assert (field.target, row[field.name]) in seen
            seen.add((name, row.get("id")))


def test_the_factory_rule_reaches_its_portal_and_never_the_area() -> None:
    assert FACTORY_ROWS["portal_access_rules"] == [{"portal_id": 1, "access_rule_id": 1}]
    assert "area_access_rules" not in FACTORY_ROWS


@given(st.dictionaries(st.integers(1, 16), st.integers(1, 9)))
def test_the_binding_of_readers_is_read_back(readers: dict[int, int]) -> None:
    assert bindings(reader_binding_rows(readers.items())) == readers


def test_a_reader_is_the_position_of_its_parameter_not_the_number() -> None:
    assert portal_of_readers(
        [(4, "password"), (9, "card_idbox")],
        [(70, 9, 2), (30, 9, 2), (31, 9, 1), (10, 4, 2)],
        [(70, 1, 0, 5), (30, 1, 0, 6), (10, 1, 0, 7), (31, 1, 0, 8)],
    ) == {1: 6, 2: 5}


def test_without_a_card_script_no_reader_is_bound() -> None:
    assert portal_of_readers([(1, "password")], [(1, 1, 2)], [(1, 1, 0, 1)]) == {}
