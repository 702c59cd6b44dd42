"""Custom fields of people, visits and visitors, and custom tables, see `gateway.objects.custom`.

Requests and answers are those observed on devices of this family in 2026. Extensions of ours:
`object_add_fields` takes several fields as `fields`, and the removing commands also take names in
place of ids.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gateway.commands.answers import Ids
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import Flag, RequestModel
from gateway.commands.rights import Right
from gateway.objects.custom import FOREIGN_KEY, MOST_COLUMNS, NONE, CustomColumn
from gateway.objects.declaration import Registry
from gateway.objects.fields import invalid_member, invalid_value, wire_type_of
from gateway.store.objects.custom import (
    Named,
    add_columns,
    add_table,
    column_id,
    remove_columns,
    remove_tables,
    table_id,
)

MOST_IDS = 1_000


class Target(RequestModel):
    """The target of a foreign key."""

    object_name: str = Field(alias="object")
    field: str


class NewField(RequestModel):
    """One field."""

    column_name: str
    name: str | None = None
    """The title; by default the name of the column."""
    type: str
    constraint: str = NONE
    default_value: Any = None
    unique: Flag = False
    foreign_key: Target | None = None

    def named(self, registry: Registry) -> Named:
        """The column and its title. Raises InvalidRequest."""
        default = self.default_value
        if default is not None and type(default) not in {int, str}:
            raise invalid_member("default_value", "string", wire_type_of(default))
        column = CustomColumn(
            name=self.column_name,
            type=self.type,
            constraint=self.constraint,
            default=None if default is None else str(default),
            unique=self.unique,
            target=self._target(registry),
        )
        return column, self.name if self.name is not None else self.column_name

    def _target(self, registry: Registry) -> str:
        if self.constraint != FOREIGN_KEY:
            return ""
        if self.foreign_key is None:
            raise invalid_member("foreign_key", "object", "undefined")
        target = registry[self.foreign_key.object_name]
        if self.foreign_key.field != target.key_name or target.key is None:
            raise invalid_value(
                "foreign_key", f"{target.name}.{self.foreign_key.field} is not a key"
            )
        return target.name


Fields = Annotated[list[NewField], Field(min_length=1, max_length=MOST_COLUMNS)]


class AddTableRequest(RequestModel):
    """`object_add`."""

    object_name: str = Field(alias="object")
    name: str | None = None
    """The title; by default the name of the table."""
    fields: Fields


class AddFieldRequest(NewField):
    """`object_add_field`."""

    object_name: str = Field(alias="object")


class AddFieldsRequest(RequestModel):
    """`object_add_fields`."""

    object_name: str = Field(alias="object")
    fields: Fields


RowIds = Annotated[list[int], Field(min_length=1, max_length=MOST_IDS)]


class RemoveRequest(RequestModel):
    """`object_remove`: ids of `custom_tables`, or the name of one table."""

    ids: RowIds | None = None
    object_name: str | None = Field(None, alias="object")


class RemoveFieldsRequest(RequestModel):
    """`object_remove_field`: ids of `custom_columns`, or the names of one field and its table."""

    ids: RowIds | None = None
    object_name: str | None = Field(None, alias="object")
    column_name: str | None = None


def object_add(call: Call[AddTableRequest]) -> Ids:
    """Add a table of custom values; answers the id of its row in `custom_tables`."""
    request = call.request
    store, name = call.context.store, request.object_name
    fields = [field.named(store.registry) for field in request.fields]
    title = name if request.name is None else request.name
    return {"ids": [add_table(store, name, title, fields)]}


def object_add_field(call: Call[AddFieldRequest]) -> Ids:
    """Add a field to a custom table; answers the id of its row in `custom_columns`."""
    store = call.context.store
    fields = [call.request.named(store.registry)]
    return {"ids": add_columns(store, call.request.object_name, fields)}


def object_add_fields(call: Call[AddFieldsRequest]) -> Ids:
    """Add several fields to a custom table, all or none; answers the ids of their rows."""
    store = call.context.store
    fields = [field.named(store.registry) for field in call.request.fields]
    return {"ids": add_columns(store, call.request.object_name, fields)}


def object_remove(call: Call[RemoveRequest]) -> Ids:
    """Remove custom tables with all their values and their kinds of person."""
    ids = call.request.ids
    if ids is None:
        if call.request.object_name is None:
            raise invalid_member("ids", "array", "undefined")
        ids = [table_id(call.context.store, call.request.object_name)]
    remove_tables(call.context.store, ids)
    return {"ids": ids}


def object_remove_fields(call: Call[RemoveFieldsRequest]) -> Ids:
    """Remove custom fields with all their values, all or none."""
    request = call.request
    ids = request.ids
    if ids is None:
        if request.object_name is None or request.column_name is None:
            raise invalid_member("ids", "array", "undefined")
        ids = [column_id(call.context.store, request.object_name, request.column_name)]
    remove_columns(call.context.store, ids)
    return {"ids": ids}


def _added(request: AddTableRequest | AddFieldRequest | AddFieldsRequest) -> str:
    fields = [request] if isinstance(request, AddFieldRequest) else request.fields
    return f" {request.object_name}: {', '.join(field.column_name for field in fields)}"[:500]


def _removed(request: RemoveRequest | RemoveFieldsRequest) -> str:
    if request.ids is not None:
        return f" {', '.join(map(str, request.ids))}"[:500]
    column = request.column_name if isinstance(request, RemoveFieldsRequest) else None
    return f" {request.object_name}{f': {column}' if column else ''}"[:500]


_ADDING = Audit(_added, refusals=True)
_REMOVING = Audit(_removed, refusals=True)

_CPF = {
    "column_name": "cpf",
    "name": "CPF",
    "type": "TEXT",
    "constraint": "NONE",
    "default_value": "",
    "unique": False,
}

COMMANDS = (
    Command(
        object_add,
        Right.ADMINISTRATOR,
        audit=_ADDING,
        example={
            "object": "_Contractors72250",
            "name": "Contractors",
            "fields": [
                {"column_name": "id", "type": "INTEGER", "constraint": "PRIMARY_KEY"},
                {
                    "column_name": "user_id",
                    "type": "INTEGER",
                    "constraint": "FOREIGN_KEY",
                    "foreign_key": {"object": "users", "field": "id"},
                },
            ],
        },
    ),
    Command(
        object_remove,
        Right.ADMINISTRATOR,
        audit=_REMOVING,
        example={"object": "_Contractors72250"},
    ),
    Command(
        object_add_field,
        Right.ADMINISTRATOR,
        audit=_ADDING,
        example={"object": "c_users", **_CPF},
    ),
    Command(
        object_add_fields,
        Right.ADMINISTRATOR,
        audit=_ADDING,
        example={"object": "c_users", "fields": [{**_CPF, "column_name": "rg", "name": "RG"}]},
    ),
    Command(
        object_remove_fields,
        Right.ADMINISTRATOR,
        audit=_REMOVING,
        example={"object": "c_users", "column_name": "cpf"},
    ),
)
