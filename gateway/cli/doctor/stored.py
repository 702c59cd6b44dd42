"""Stored values and rows that the API would refuse today."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import peewee

from gateway.cli.doctor.findings import Finding, warn
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.models import Models
from gateway.objects.stored import raw_storable
from gateway.store.files import STORE_FILE, database
from gateway.store.objects.configuration import refused_keys

MOST_NAMED = 10
"""The most rows that are named per table."""


def stored_findings(data: Path) -> Iterator[Finding]:
    """Values and rows that the API would refuse; a restore or a damaged file brings them.

    No finding shows a value: it may be a secret.
    """
    store = database.open_reader(data / STORE_FILE)

    def run(query: peewee.Query) -> sqlite3.Cursor:
        text, values = query.sql()
        return store.connection().execute(text, values)

    try:
        for key in refused_keys(run):
            yield warn(
                "configuration",
                f"{key.module}.{key.key} holds a value that may not be set: set it again",
            )
        store.connection().text_factory = database.text_or_bytes
        models = Models(REGISTRY, store)
        for declared in REGISTRY:
            if not declared.log:
                yield from islice(_rows(models, declared, run), MOST_NAMED)
    finally:
        store.close_all()


def _rows(
    models: Models, declared: ObjectType, run: Callable[[peewee.Query], sqlite3.Cursor]
) -> Iterator[Finding]:
    columns = [models.column(declared.name, field.name) for field in declared.fields]
    key = models.key(declared.name)
    for number, *values in run(models[declared.name].select(key, *columns)):
        for field, value in zip(declared.fields, values, strict=True):
            if not raw_storable(field, value):
                yield warn(
                    f"{declared.name} {number}",
                    f"{field.name} holds a value that may not be stored: correct or delete the row",
                )
