"""Tables of the api process beside API objects: logins, tokens, photos, audit, machine."""

from __future__ import annotations

from typing import Any

import peewee

from gateway.store.objects.store import Store


class AnyText(peewee.TextField):
    """A text; a damaged value is read with replacement characters instead of an error."""

    def python_value(self, value: object) -> str | None:
        if value is None:
            return None
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class AnyCount(peewee.BigIntegerField):
    """A whole number from 0; 0 in the place of a damaged value."""

    def python_value(self, value: object) -> int:
        return value if isinstance(value, int) and value >= 0 else 0


def own_table(store: Store, name: str, /, **columns: peewee.Field[Any]) -> Any:
    """The model of the table `name`, which no API object reaches; makes the table if missing.

    No backup contains it. Raises StorageError.
    """
    meta = type("Meta", (), {"database": store.database, "table_name": name})
    model: Any = type(name, (peewee.Model,), {**columns, "Meta": meta})
    if not model.table_exists():
        with store.transaction():
            model.create_table(safe=True)
    return model
