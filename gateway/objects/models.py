"""peewee models, derived from the declarations and bound to one database."""

from __future__ import annotations

from typing import Any

import peewee

from gateway.objects.columns import SealedColumn, sealed_as
from gateway.objects.declaration import ROWID, ObjectType, Registry
from gateway.objects.fields import Field
from gateway.sealing import NO_KEY, Sealer


class Models:
    """One model per declared object, made when it is asked for first.

    References are plain numbers here; the schema has the constraints. The column `rowid` identifies
    rows without an id on the wire. Raises ValueError for a field named like a method of models.
    """

    def __init__(
        self, registry: Registry, database: peewee.Database, sealer: Sealer = NO_KEY
    ) -> None:
        """`sealer` has the key of the file; without it sealed values are read as null."""
        self.registry = registry
        self.sealer = sealer
        self._database = database
        self._models: dict[str, type[peewee.Model]] = {}
        for declared in registry:
            taken = [field.name for field in declared.fields if hasattr(peewee.Model, field.name)]
            if taken:
                raise ValueError(f"{declared.name}: models have a method named {taken[0]}")

    def __getitem__(self, name: str) -> type[peewee.Model]:
        """The model of the object `name`. Raises InvalidRequest if there is none."""
        declared = self.registry[name]
        known = self._models.get(name)
        if known is not None:
            return known
        # Another thread may make it too; both get the first one.
        return self._models.setdefault(name, self._model(declared))

    def _model(self, declared: ObjectType) -> type[peewee.Model]:
        members: dict[str, object] = {
            field.name: self._column(declared, field) for field in declared.fields
        }
        if declared.key is None:
            members[ROWID] = peewee.AutoField(column_name=ROWID)
        members["Meta"] = type(
            "Meta", (), {"database": self._database, "table_name": declared.name}
        )
        return type(declared.name, (peewee.Model,), members)

    def _column(self, declared: ObjectType, field: Field) -> peewee.Field[Any]:
        if not field.sealed:
            return field.column()
        return SealedColumn(
            self.sealer,
            sealed_as(declared.name, field.name),
            null=not field.not_null,
            column_name=field.name,
            default=field.default,
        )

    def column(self, name: str, field: str) -> peewee.Field[Any]:
        """The column `field` of the object `name`. Raises InvalidRequest if there is none."""
        declared = self.registry[name]
        if field != declared.key_name:
            declared.field(field)
        column: peewee.Field[Any] = self[name]._meta.fields[field]  # noqa: SLF001 - peewee's interface to the fields of a model
        return column

    def key(self, name: str) -> peewee.Field[Any]:
        """The column that identifies a row of the object `name`."""
        return self.column(name, self.registry[name].key_name)
