"""Configuration values in the database: a key has a row only if somebody has set it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping

import peewee

from gateway.errors import InvalidRequest
from gateway.objects.configuration import ConfigurationKey
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.fields import invalid_member, wire_type_of
from gateway.sealing import NO_KEY, Sealer
from gateway.store.files.database import TrackedDatabase
from gateway.store.objects.seals import sealed_key

Values = Mapping[tuple[str, str], str]
"""(module, key) -> value."""


class ConfigurationValue(peewee.Model):
    """A value that somebody has set. The model is bound to no database."""

    module = peewee.TextField()
    key = peewee.TextField()
    value = peewee.TextField()

    class Meta:
        """Table and key."""

        table_name = "configuration"
        primary_key = peewee.CompositeKey("module", "key")


def read_configuration(
    run: Callable[[peewee.Query], sqlite3.Cursor], sealer: Sealer = NO_KEY
) -> dict[tuple[str, str], str]:
    """The value of every key of the device; `run` executes a query.

    A stored value that is no longer allowed, or that `sealer` cannot open, counts as not set: the
    default applies.
    """
    stored = _stored(run, sealer)
    return {
        (key.module, key.key): key.default if text is None else text
        for key in CONFIGURATION
        for text in (_allowed(key, stored.get((key.module, key.key))),)
    }


def refused_keys(
    run: Callable[[peewee.Query], sqlite3.Cursor],
) -> Iterator[ConfigurationKey]:
    """The keys whose stored value is not allowed; `run` as for `read_configuration`."""
    stored = _stored(run)
    for key in CONFIGURATION:
        value = stored.get((key.module, key.key))
        if value is not None and _allowed(key, value) is None:
            yield key


def _stored(
    run: Callable[[peewee.Query], sqlite3.Cursor], sealer: Sealer = NO_KEY
) -> dict[tuple[str, str], str | None]:
    query = ConfigurationValue.select(
        ConfigurationValue.module, ConfigurationValue.key, ConfigurationValue.value
    )
    found: dict[tuple[str, str], str | None] = {
        (module, key): value for module, key, value in run(query).fetchall()
    }
    for key in CONFIGURATION:
        named = key.module, key.key
        if key.secret and named in found:
            found[named] = sealer.opened(sealed_key(key), found[named])
    return found


def _allowed(key: ConfigurationKey, stored: str | None) -> str | None:
    """The value of `key` for `stored`; None if nothing is stored or the value is not allowed."""
    try:
        return None if stored is None else key.text(stored)
    except InvalidRequest:
        return None


def read_asked(
    database: TrackedDatabase,
    request: Mapping[str, object] | None,
    sealer: Sealer,
    *,
    show_secrets: bool,
) -> dict[str, dict[str, str]]:
    """The values of `request`, module -> list of keys; of all keys if it is empty.

    The answer omits modules and keys that the device does not have and, without `show_secrets`,
    secret ones. Raises InvalidRequest for a request of another shape.
    """

    def run(query: peewee.Query) -> sqlite3.Cursor:
        sql, values = query.sql()
        return database.execute_sql(sql, values)

    in_force = read_configuration(run, sealer)
    answer: dict[str, dict[str, str]] = {}
    for module, names in (request or _everything()).items():
        if module not in CONFIGURATION.modules:
            continue
        values = answer.setdefault(module, {})
        for name in _names(module, names):
            key = CONFIGURATION.find(module, name)
            if key is not None and (show_secrets or not key.secret):
                values[name] = in_force[key.module, key.key]
    return answer


def _everything() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for key in CONFIGURATION:
        names.setdefault(key.module, []).append(key.key)
    return names


def _names(module: str, names: object) -> list[str]:
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list):
        raise invalid_member(module, "array", wire_type_of(names))
    for name in listed:
        if not isinstance(name, str):
            raise invalid_member(module, "string", wire_type_of(name))
    return listed


def check(values: Mapping[str, object]) -> Values:
    """The values to store for `values`, module -> key -> value.

    Raises InvalidRequest, which names the key.
    """
    checked: dict[tuple[str, str], str] = {}
    for module, given in values.items():
        if not isinstance(given, Mapping):
            raise invalid_member(module, "object", wire_type_of(given))
        for name, value in given.items():
            key = CONFIGURATION.known(module, str(name))
            checked[key.module, key.key] = key.text(value)
    return checked


def write(database: TrackedDatabase, values: Values, sealer: Sealer) -> None:
    """Store `values` in the caller's transaction; equal values are not written again. Raises
    KeyUnusable for a secret one without a key."""
    for (module, key), value in values.items():
        declared = CONFIGURATION.find(module, key)
        if declared is not None and declared.secret:
            value = sealer.seal(sealed_key(declared), value)  # noqa: PLW2901 - as it is stored
        query = ConfigurationValue.insert(module=module, key=key, value=value).on_conflict(
            conflict_target=[ConfigurationValue.module, ConfigurationValue.key],
            update={ConfigurationValue.value: value},
            where=ConfigurationValue.value != value,
        )
        query.execute(database)
