"""peewee models, derived from the declarations and bound to one database."""

from __future__ import annotations

from typing import Any

import peewee

from gateway.objects.declaration import ROWID, Registry


class Models:
    """One model per declared object.

    References are plain numbers here; the schema carries the constraints. A row without an id on
    the wire is identified by the column `rowid`. A field that is named like a method of models is
    refused with ValueError.
    """

    def __init__(self, registry: Registry, database: peewee.Database) -> None:
        self.registry = registry
        self._models: dict[str, type[peewee.Model]] = {}
        for declared in registry:
            taken = [field.name for field in declared.fields if hasattr(peewee.Model, field.name)]
            if taken:
                raise ValueError(f"{declared.name}: models have a method named {taken[0]}")
            members: dict[str, object] = {field.name: field.column() for field in declared.fields}
            if declared.key is None:
                members[ROWID] = peewee.AutoField(column_name=ROWID)
            members["Meta"] = type("Meta", (), {"database": database, "table_name": declared.name})
            self._models[declared.name] = type(declared.name, (peewee.Model,), members)

    def __getitem__(self, name: str) -> type[peewee.Model]:
        """The model of the object `name`; raises InvalidRequest when there is none."""
        self.registry[name]
        return self._models[name]

    def column(self, name: str, field: str) -> peewee.Field[Any]:
        """The column `field` of the object `name`; raises InvalidRequest when there is none."""
        declared = self.registry[name]
        if field != declared.key_name:
            declared.field(field)
        column: peewee.Field[Any] = self._models[name]._meta.fields[field]  # noqa: SLF001 - peewee's door to the fields of a model
        return column

    def key(self, name: str) -> peewee.Field[Any]:
        """The column that identifies a row of the object `name`."""
        return self.column(name, self.registry[name].key_name)
