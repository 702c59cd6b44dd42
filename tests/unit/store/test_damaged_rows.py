"""A damaged value costs nobody the other rows, nor the rest of its own; doctor names it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cli.doctor.stored import stored_findings
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob, Id, Text
from gateway.store.files import STORE_FILE
from gateway.store.objects.schema import quote
from gateway.store.objects.store import Store

WRONG = {
    "text that is not UTF-8": "CAST(x'ff41' AS TEXT)",
    "bytes that are not UTF-8": "x'ff41'",
    "text": "'x'",
    "a fraction": "1.5",
    "infinity": "9e999",
}
ROW = 77


@pytest.fixture(params=list(WRONG.values()), ids=list(WRONG), scope="module")
def damaged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which one row of every object has the same wrong value in all its columns."""
    data = tmp_path_factory.mktemp("damaged")
    with Store.create(data / STORE_FILE, REGISTRY, lambda: 0):
        pass
    with closing(sqlite3.connect(data / STORE_FILE)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {quote(name)}")
        for declared in REGISTRY:
            columns = [quote(field.name) for field in declared.fields if field is not declared.key]
            names = ", ".join((quote(declared.key_name), *columns))
            values = ", ".join((str(ROW), *(request.param for _ in columns)))
            connection.execute(f"INSERT INTO {quote(declared.name)} ({names}) VALUES ({values})")  # noqa: S608 - ours
        connection.commit()
    return data


@pytest.fixture(scope="module")
def opened(damaged: Path) -> Iterator[Store]:
    with Store.open(damaged / STORE_FILE, REGISTRY, lambda: 0) as store:
        yield store


def test_a_row_with_wrong_values_is_shown_as_far_as_it_can_be_read(opened: Store) -> None:
    for declared in REGISTRY:
        loads_what_can_be_read(opened, declared)


def loads_what_can_be_read(opened: Store, declared: ObjectType) -> None:
    ordered: list[dict[str, object]] = [{}]
    if declared.key is not None:
        ordered.append({"order": [declared.key.name]})
    for further in ordered:
        rows = list(opened.load({"object": declared.name, **further}).rows)
        assert rows, declared.name
        json.dumps([{**row} for row in rows], allow_nan=False)
        for row in rows:
            for name, value in row.items():
                field = declared.field(name)
                wanted = str if isinstance(field, Text | Blob) else int
                assert value is None or type(value) is wanted, (declared.name, name)
                assert value is not None or not isinstance(field, Id), (declared.name, name)


def test_doctor_names_every_object_with_a_wrong_value(damaged: Path) -> None:
    subjects = {finding.subject for finding in stored_findings(damaged)}
    expected = {
        f"{declared.name} {ROW}"
        for declared in REGISTRY
        if not declared.log and any(not isinstance(field, Text | Id) for field in declared.fields)
    }
    assert expected <= subjects
