"""Expired people lose their credentials at the configured time, and the audit log tells of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from gateway.api import expiry
from gateway.api.expiry import ExpiredPeople, clock_trusted_by
from gateway.clock import DeviceTime, ManualClock
from gateway.errors import StorageError
from gateway.link.client import ControllerClient
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.audit import AuditType, entries

START = datetime(2025, 7, 1, 15, tzinfo=UTC)
"""Noon at the site."""
STAFF, GUEST = 1, 2


class House:
    """A site with an employee and a visitor whose time is over."""

    def __init__(self, data: Path) -> None:
        self.clock = ManualClock(START)
        self.time = DeviceTime(lambda: ZoneInfo("America/Sao_Paulo"))
        self.store = Store.create(data / STORE_FILE, REGISTRY, lambda: 0)
        self.trusted = True
        self.store.insert("user_types", [{"id": 1}])
        self.store.insert(
            "users",
            [
                {"id": STAFF, "name": "Staff", "end_time": 1},
                {"id": GUEST, "name": "Guest", "end_time": 1, "user_type_id": 1},
            ],
        )
        self.store.insert("cards", [{"value": n, "user_id": n} for n in (STAFF, GUEST)])
        self.device = self.started()

    def started(self) -> ExpiredPeople:
        return ExpiredPeople(self.store, self.clock, self.time, lambda: self.trusted)

    def configure(self, **values: object) -> None:
        self.store.set_configuration({"general": values})

    def on_for(self, hours: int) -> None:
        for _ in range(hours * 60):
            self.device.check()
            self.clock.advance(60)

    def have_cards(self) -> list[int]:
        return [int(str(row["user_id"])) for row in self.store.load({"object": "cards"}).rows]

    def told(self) -> list[str]:
        return list(entries(self.store, list(AuditType)))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("setting", "left"),
    [("all", []), ("visitors", [STAFF]), ("disable", [STAFF, GUEST]), ("none", [STAFF, GUEST])],
)
def test_the_configuration_says_whose_credentials_go(
    house: House, setting: str, left: list[int]
) -> None:
    house.configure(clear_expired_users=setting)
    house.on_for(48)
    assert house.have_cards() == left


def test_a_new_device_takes_nothing_away(house: House) -> None:
    house.on_for(48)
    assert house.have_cards() == [STAFF, GUEST]


def test_it_happens_sixteen_minutes_after_the_reboot_and_is_audited(house: House) -> None:
    house.configure(clear_expired_users="all", auto_reboot_hour=3, auto_reboot_minute=30)
    house.on_for(48)
    assert house.told() == [
        "2025-07-03 03:46:00 [boot] credentials of expired people deleted (all): cards 2"
    ]


def test_what_the_device_saw_of_the_clock_outlives_a_restart(house: House) -> None:
    house.configure(clear_expired_users="all")
    house.on_for(24)
    house.device = house.started()
    house.on_for(13)
    assert house.have_cards() == []


def test_a_clock_that_is_not_trusted_takes_nothing_away(house: House) -> None:
    house.configure(clear_expired_users="all")
    house.trusted = False
    house.on_for(72)
    assert house.have_cards() == [STAFF, GUEST]


def test_what_a_full_disk_prevents_is_done_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.configure(clear_expired_users="all")
    with monkeypatch.context() as full:

        def refuse(*_: object) -> None:
            raise StorageError("the disk is full")

        full.setattr(expiry, "write_entry", refuse)
        house.on_for(37)
        assert house.have_cards() == [STAFF, GUEST]
    house.on_for(1)
    assert house.have_cards() == []


def test_its_thread_looks_until_it_is_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Semaphore(0)
    monkeypatch.setattr(expiry, "CHECK_S", 0.001)
    monkeypatch.setattr(house.device, "check", looked.release)
    house.device.start()
    for _ in range(3):
        assert looked.acquire(timeout=60)
    house.device.close()
    assert not house.device._thread.is_alive()


def test_the_controller_says_whether_the_clock_is_trusted(
    device: SimpleNamespace, tmp_path: Path
) -> None:
    controller, straw = device.context.controller, device.straw
    assert clock_trusted_by(controller)
    straw.status = straw.status.model_copy(update={"clock_trusted": False})
    assert not clock_trusted_by(controller)
    nobody = ControllerClient(RuntimeDirectory(tmp_path))
    assert not clock_trusted_by(nobody)
    nobody.close()
