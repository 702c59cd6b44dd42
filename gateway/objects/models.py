"""peewee models, derived from the declarations and bound to one database."""

from __future__ import annotations

from typing import Any

import peewee

from gateway.objects.declaration import ROWID, Registry


class Models:
    """One model per declared object.

    References are plain numbers here; the schema has the constraints. The column `rowid` identifies
    rows without an id on the wire. Raises ValueError for a field named like a method of models.
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
        """The model of the object `name`. Raises InvalidRequest if there is none."""
        self.registry[name]
        return self._models[name]

    def column(self, name: str, field: str) -> peewee.Field[Any]:
        """The column `field` of the object `name`. Raises InvalidRequest if there is none."""
        declared = self.registry[name]
        if field != declared.key_name:
            declared.field(field)
        column: peewee.Field[Any] = self._models[name]._meta.fields[field]  # noqa: SLF001 - peewee's interface to the fields of a model
        return column

    def key(self, name: str) -> peewee.Field[Any]:
        """The column that identifies a row of the object `name`."""
        return self.column(name, self.registry[name].key_name)
