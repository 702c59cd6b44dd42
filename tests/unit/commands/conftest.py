"""A device without sockets: a real store behind the real commands and their transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import TestResponse

from gateway.api.controlid.app import create_app
from gateway.api.sessions import MemorySessions
from gateway.clock import DeviceTime, ManualClock
from gateway.commands.context import CommandContext
from gateway.commands.provisioning import factory_rows, site_rows
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SiteFile
from gateway.settings.initial import initial_configuration
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Account, Role
from gateway.store.tables.identity import DeviceIdentity, store_identity
from gateway.store.tables.tokens import TokenTable

SITE = SiteFile.model_validate(
    {
        "site": {"name": "Desk", "timezone": "America/Sao_Paulo", "board": "simulated"},
        "http": {"listen": "127.0.0.1:8080"},
        "door": [
            {
                "id": number,
                "name": f"door{number}",
                "strike": {"pin": number, "locked": "low", "unlocked": "high"},
                "egress": "mechanical",
            }
            for number in (1, 2)
        ],
        "initial": {"general": {"relay1_timeout": 5000}},
    }
)

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
TIME_ZONE = ZoneInfo("America/Sao_Paulo")


class _Accounts:
    """Logins without the cost of their hashes."""

    def __init__(self) -> None:
        self.passwords = {"admin": "right", "operator": "right"}

    def find(self, login: str) -> Account | None:
        role = Role.OPERATOR if login == "operator" else Role.ADMINISTRATOR
        return Account(login, role, login) if login in self.passwords else None

    def verify(self, login: str, password: str) -> Account | None:
        return self.find(login) if self.passwords.get(login) == password else None

    def set_password(self, login: str, password: str) -> Account:
        self.passwords[login] = password
        account = self.find(login)
        assert account is not None
        return account


@cache
def _store_file(device_id: int) -> bytes:
    """Of a device that was just initialised: making one takes ten times as long as copying it."""
    identity = DeviceIdentity(device_id)
    with TemporaryDirectory() as name:
        path = Path(name, STORE_FILE)
        with (
            Store.create(path, REGISTRY, lambda: DeviceTime(lambda: TIME_ZONE).stamp(NOON)) as made,
            made.transaction(),
        ):
            store_identity(made.database, identity)
            for rows in (factory_rows(SITE), site_rows(SITE, identity)):
                for table, values in rows.items():
                    made.insert(table, values)
            made.set_configuration(initial_configuration(SITE))
        return path.read_bytes()


class Desk:
    """A device, and somebody who asks it."""

    def __init__(self, directory: Path, device_id: int) -> None:
        directory.mkdir()
        self.clock = ManualClock(NOON)
        device_time = DeviceTime(lambda: TIME_ZONE)
        (directory / STORE_FILE).write_bytes(_store_file(device_id))
        self.store = Store.open(
            directory / STORE_FILE, REGISTRY, lambda: device_time.stamp(self.clock.utc())
        )
        self.obeyed: list[int] = []
        self.opened: list[int] = []
        stub: Any = SimpleNamespace(
            await_policy=self.obeyed.append,
            ask=lambda command, **_: self.opened.append(command.door),
        )
        accounts: Any = _Accounts()
        self.directory = directory
        self.context = CommandContext(
            store=self.store,
            controller=stub,
            accounts=accounts,
            tokens=TokenTable(self.store, self.clock.utc),
            sessions=MemorySessions(self.clock.monotonic_ns),
            catch_up=lambda: None,
            clock=self.clock,
            device_time=device_time,
            site=SITE,
            data=directory,
            identity=DeviceIdentity(device_id),
            version="1.2.3",
            started_ns=0,
        )
        self.client = create_app(self.context).test_client()

    def send(self, command: str, login: str = "admin", **options: Any) -> TestResponse:
        account = self.context.accounts.find(login)
        assert account is not None
        token = self.context.sessions.open(login, account.stamp).token
        answer: TestResponse = self.client.post(f"/{command}.fcgi?session={token}", **options)
        answer.get_data()
        answer.close()
        return answer

    def ask(self, command: str, body: object = None, login: str = "admin") -> Any:
        """The JSON of a command that must succeed."""
        answer = self.send(command, login, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json

    def text(self, command: str, body: object = None, login: str = "admin") -> str:
        """The text of a command that must succeed."""
        answer = self.send(command, login, json=body)
        assert answer.status_code == 200, answer.text
        return answer.text

    def refusal(self, command: str, body: object = None, login: str = "admin") -> tuple[int, str]:
        answer = self.send(command, login, json=body)
        assert answer.json is not None
        return answer.status_code, answer.json["error"]

    def audit(self) -> list[str]:
        """The sentences of the audit log, without their time."""
        return [line.partition("] ")[2] for line in self.text("export_audit_logs").splitlines()]

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every object but the audit log, and the configuration, as stored."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        reader = self.store.reader()
        for declared in REGISTRY:
            if declared.name == "audit_logs":
                continue
            columns = ", ".join(f'"{field.name}"' for field in declared.fields)
            query = f'SELECT {columns} FROM "{declared.name}" ORDER BY rowid'  # noqa: S608 - names of our own tables
            rows = reader.execute_sql(query)
            found[declared.name] = rows.fetchall()
        rows = reader.execute_sql("SELECT * FROM configuration ORDER BY module, key")
        found["configuration"] = rows.fetchall()
        return found


@pytest.fixture
def new_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def make(device_id: int = 514685) -> Desk:
        desks.append(Desk(tmp_path / f"desk{len(desks)}", device_id))
        return desks[-1]

    yield make
    for desk in desks:
        desk.store.close()


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    return new_desk()
