"""Adds and removes custom tables and fields: their rows and the schema in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import peewee

from gateway.errors import ConstraintViolation, InvalidRequest
from gateway.objects.custom import CustomColumn, check_new_table, new_table, with_column
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import storable_text
from gateway.objects.visitors import CUSTOM_TABLE_NAMES
from gateway.store.objects.custom_rows import COLUMNS, TABLES, TYPES
from gateway.store.objects.schema import drop_column, drop_table
from gateway.store.objects.store import Store

Named = tuple[CustomColumn, str]
"""A field and its display name."""


def add_table(store: Store, name: str, title: str, fields: Sequence[Named]) -> int:
    """Make the table `name`; returns the id of its row in `custom_tables`.

    Raises InvalidRequest.
    """
    with store.reshaping():
        check_new_table(store.registry, name)
        declared = new_table(name)
        for column, _ in fields:
            declared = with_column(store.registry, declared, column)
        if not declared.fields:
            raise InvalidRequest("Invalid member 'fields' (at least one field expected, got none)")
        row = {"table_name": name, "name": storable_text("name", title)}
        number = int(store.model(TABLES).insert(row).execute())
        for field in fields:
            _add_row(store, number, field)
    return number


def add_columns(store: Store, table: str, fields: Sequence[Named]) -> list[int]:
    """Add `fields` to the custom table `table`; returns the ids of their rows in `custom_columns`.

    Raises InvalidRequest, and ConstraintViolation if existing rows would break a rule.
    """
    try:
        with store.reshaping():
            declared = custom_table(store, table)
            for column, _ in fields:
                declared = with_column(store.registry, declared, column)
            name = store.models.column(TABLES, "table_name")
            number = store.model(TABLES).select().where(name == table).scalar()
            ids = [_add_row(store, number, field) for field in fields]
    except peewee.IntegrityError as error:
        said = "would have the same value in all rows; a unique field needs the constraint NONE"
        raise ConstraintViolation(f"{error} ({table}: the new field {said})") from error
    return ids


def _add_row(store: Store, table: int, named: Named) -> int:
    column, title = named
    row = {
        "custom_table_id": table,
        "column_name": column.name,
        "name": storable_text("name", title),
    }
    number = int(store.model(COLUMNS).insert(row).execute())
    types = {
        "custom_column_id": number,
        "type": column.type,
        "constraint": column.constraint,
        "default_value": column.default,
        "unique": int(column.unique),
        "target": column.target,
    }
    store.model(TYPES).insert(types).execute()
    return number


def custom_table(store: Store, name: str) -> ObjectType:
    """The custom table `name`; raises InvalidRequest for anything else."""
    declared = store.registry[name]
    if not declared.custom:
        text = f"{name} is no custom table"
        if f"c_{name}" in CUSTOM_TABLE_NAMES:
            text += f": its custom fields are in c_{name}"
        raise InvalidRequest(text)
    return declared


def remove_tables(store: Store, ids: Sequence[int]) -> None:
    """Drop custom tables, by `custom_tables.id`, with their values and their user types.

    Raises InvalidRequest for a table that does not exist or that every device has.
    """
    with store.reshaping():
        names = _names(store, TABLES, "table_name", ids)
        for number, name in names.items():
            if name in CUSTOM_TABLE_NAMES:
                raise InvalidRequest(f"{name} cannot be removed, only its fields")
            types = store.models.column("user_types", "custom_table_id")
            store.model("user_types").delete().where(types == number).execute()
            _forget_in_reports(store, name, None)
            store.model(TABLES).delete().where(store.models.key(TABLES) == number).execute()
            if name in store.registry:
                drop_table(store.database, store.registry[name])


def remove_columns(store: Store, ids: Sequence[int]) -> None:
    """Drop custom fields, by `custom_columns.id`, with their values. Raises InvalidRequest."""
    with store.reshaping():
        names = _names(store, COLUMNS, "column_name", ids)
        tables = _names(store, TABLES, "table_name", _numbers(store, "custom_table_id", ids))
        for number, name in names.items():
            (table,) = _numbers(store, "custom_table_id", [number])
            declared = store.registry[tables[table]]
            field = declared.field(name)
            if field is declared.key:
                raise InvalidRequest(f"{name} is the key of {declared.name}: remove the table")
            _forget_in_reports(store, declared.name, name)
            store.model(COLUMNS).delete().where(store.models.key(COLUMNS) == number).execute()
            drop_column(store.database, declared, field)


def column_id(store: Store, table: str, name: str) -> int:
    """`custom_columns.id` of a field. Raises InvalidRequest if there is none."""
    declared = custom_table(store, table)
    declared.field(name)
    columns, tables = store.model(COLUMNS), store.model(TABLES)
    column = store.models.column
    query = (
        columns.select(store.models.key(COLUMNS))
        .join(tables, on=(column(COLUMNS, "custom_table_id") == store.models.key(TABLES)))
        .where(column(TABLES, "table_name") == table, column(COLUMNS, "column_name") == name)
    )
    number = query.scalar()
    if number is None:
        raise InvalidRequest(f"{name} is a part of every {table} and cannot be removed")
    return int(number)


def table_id(store: Store, table: str) -> int:
    """`custom_tables.id` of a custom table. Raises InvalidRequest if there is none."""
    custom_table(store, table)
    name = store.models.column(TABLES, "table_name")
    return int(store.model(TABLES).select().where(name == table).scalar())


def _names(store: Store, table: str, field: str, ids: Sequence[int]) -> Mapping[int, str]:
    """The names of the rows `ids`. Raises InvalidRequest if one does not exist."""
    key, named = store.models.key(table), store.models.column(table, field)
    found: dict[int, str] = {}
    for number in ids:
        name = store.model(table).select(named).where(key == number).scalar()
        if name is None:
            raise InvalidRequest(f"{number} is not a row of {table}")
        found[number] = str(name)
    return found


def _numbers(store: Store, field: str, ids: Sequence[int]) -> list[int]:
    key, column = store.models.key(COLUMNS), store.models.column(COLUMNS, field)
    return [
        int(store.model(COLUMNS).select(column).where(key == number).scalar()) for number in ids
    ]


def _forget_in_reports(store: Store, table: str, field: str | None) -> None:
    """Remove a table, or one field of it, from saved reports, which would fail otherwise."""
    column = store.models.column
    named = store.model("object_field_report_columns")
    chosen = column("object_field_report_columns", "object") == table
    filtered = column("report_filters", "object") == table
    if field is not None:
        chosen &= column("object_field_report_columns", "field") == field
        filtered &= column("report_filters", "field") == field
    of_column = column("object_field_report_columns", "report_column_id")
    gone = named.select(of_column).where(chosen)
    store.model("report_columns").delete().where(
        store.models.key("report_columns").in_(gone)
    ).execute()
    store.model("report_filters").delete().where(filtered).execute()
