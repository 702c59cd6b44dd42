"""Damaged rows in the tables of logins, tokens, the machine and the device's id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.destinations import (
    DestinationState,
    DestinationTable,
    stored_destinations,
)
from gateway.store.tables.identity import (
    DeviceIdentity,
    read_identity,
    read_or_mend_identity,
    store_identity,
)
from gateway.store.tables.machine import MachineSettings, MachineTable
from gateway.store.tables.tokens import TokenTable

VALUES = ("x'00ff'", "'\u00e9'", "9223372036854775807", "-1", "1e300", "''")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store.db", REGISTRY, lambda: 0) as made:
        yield made


def put(store: Store, table: str, column: str, value: str) -> None:
    with store.transaction():
        store.database.execute_sql(f"UPDATE {table} SET {column} = {value}")  # noqa: S608 - ours


@pytest.mark.parametrize("value", VALUES)
def test_a_damaged_role_keeps_nobody_else_out_and_a_new_password_mends_it(
    store: Store, value: str
) -> None:
    accounts = Accounts(store, lambda: 0)
    accounts.create("admin", "right", Role.ADMINISTRATOR)
    put(store, "gateway_logins", "role", value)
    accounts.create("eva", "right", Role.OPERATOR)
    assert accounts.verify("admin", "right") is None
    assert [account.login for account in accounts.logins()] == ["eva"]
    accounts.modify("eva", role=Role.ADMINISTRATOR)
    assert accounts.set_password("admin", "new").role is Role.ADMINISTRATOR
    assert accounts.verify("admin", "new") is not None


@pytest.mark.parametrize("value", VALUES)
def test_a_damaged_hash_is_a_wrong_password(store: Store, value: str) -> None:
    accounts = Accounts(store, lambda: 0)
    accounts.create("admin", "right", Role.ADMINISTRATOR)
    put(store, "gateway_logins", "password", value)
    assert accounts.verify("admin", "right") is None


@pytest.mark.parametrize("value", VALUES)
def test_a_token_with_a_damaged_date_is_valid(store: Store, value: str) -> None:
    tokens = TokenTable(store, lambda: datetime(2026, 11, 1, tzinfo=UTC))
    token = tokens.create("monitor")
    put(store, "gateway_tokens", "created", value)
    found = tokens.find(token)
    assert found is not None
    assert found.created.year <= 1970
    assert tokens.all() == (found,)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", ["web_server_port", "ssl_enabled", "ntp_server1"])
def test_damaged_settings_of_the_machine_keep_no_api_from_starting(
    store: Store, column: str, value: str
) -> None:
    machine = MachineTable(store)
    machine.change(web_server_port=8_443)
    put(store, "machine_settings", column, value)
    assert isinstance(machine.read(), MachineSettings)


@pytest.mark.parametrize("value", VALUES)
def test_a_damaged_cursor_projects_the_journal_once_more(
    store: Store, tmp_path: Path, value: str
) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path)
    row = {"id": 1, "time": 5, "event": 7, "user_id": 2, "portal_id": 1}
    with closing(Journal(path, "boot")) as journal, closing(JournalReader(path)) as reader:
        now = datetime(2026, 11, 1, tzinfo=UTC)
        body = {"row": row, "rules": [], "reason": "granted", "facts": {"doors": [1]}}
        entry = Entry(EntryKind.ACCESS, body, now, 5, clock_trusted=True)
        last = journal.append([entry], {"access_logs": 1})
        Projection(store, reader).catch_up()
        put(store, "journal_cursors", "seq", value)
        for _ in range(2):
            projection = Projection(store, reader)
            projection.catch_up()
            assert projection.done == last
            rows = list(store.load({"object": "access_logs"}).rows)
            assert [found["id"] for found in rows] == [1]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", ["journal_seq", "backlog", "failing_since_utc", "server"])
def test_a_damaged_state_of_a_destination_is_as_at_the_beginning(
    store: Store, tmp_path: Path, column: str, value: str
) -> None:
    table = DestinationTable(store)
    table.keep(DestinationState("monitor", "http://server", 7, 7, 7, failing_since_utc=7))
    put(store, "destinations", column, value)
    found = table.read("monitor")
    assert found is not None
    for state in (found, *stored_destinations(tmp_path / "store.db")):
        told = getattr(state, column)
        assert isinstance(told, str) if column == "server" else told in (0, (1 << 63) - 1)
        assert replace(state, **{column: getattr(found, column)}) == found
    table.keep(found)


@pytest.mark.parametrize("value", [*VALUES, None])
def test_a_damaged_version_of_the_rules_is_above_all_before_at_the_next_start(
    store: Store, tmp_path: Path, value: str | None
) -> None:
    before = store.policy_version()
    if value is None:
        with store.transaction():
            store.database.execute_sql("DELETE FROM policy_version")
    else:
        put(store, "policy_version", "version", value)
    for _ in range(2):
        with Store.open(tmp_path / "store.db", REGISTRY, lambda: 0) as again:
            assert before < again.policy_version() < 1 << 62
            before = again.policy_version()
            again.insert("access_rules", [{"name": "another", "type": 1, "priority": 0}])
            assert again.policy_version() > before


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_damaged_id_is_taken_from_the_only_device_or_drawn_anew(
    store: Store, value: str, rows: int
) -> None:
    with store.transaction():
        store_identity(store.database, DeviceIdentity(50_000))
    named = [{"id": 50_000 + n, "name": "x", "ip": "", "public_key": ""} for n in range(rows)]
    store.insert("devices", named)
    put(store, "device_identity", "device_id", value)
    with pytest.raises(StorageError, match="device's id"):
        read_identity(store.reader())
    mended = read_or_mend_identity(store)
    assert mended.plausible
    assert (mended == DeviceIdentity(50_000)) == (rows == 1)
    assert read_identity(store.reader()) == read_or_mend_identity(store) == mended
