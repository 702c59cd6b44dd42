"""What the server of the online modes is told unasked, through an outbox at a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.tables.destinations import DestinationState, DestinationTable
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.online.channel import OnlineChannel
from gateway.uplink.outbox import Outbox
from tests.unit.uplink.online.conftest import DEVICE, Device
from tests.wild_server import hang

REX = "/acs/new_rex_log.fcgi?session="


class Told:
    """A device with a journal and the outbox of its online server."""

    def __init__(self, path: Path, device: Device) -> None:
        Journal.create(path / "journal.db")
        self.device = device
        self.journal = Journal(path / "journal.db", "boot")
        self.reader = JournalReader(path / "journal.db")
        self.accesses = 0
        self.servers = device.site.servers
        self.channel = OnlineChannel(device.client, DEVICE, self.servers)
        self.outbox = self.made_outbox()

    def made_outbox(self) -> Outbox:
        device = self.device
        return Outbox(
            self.channel, device.store, self.reader, device.clock, self.servers, lambda: True
        )

    def access(self, event: int) -> None:
        self.accesses += 1
        row = {"id": self.accesses, "time": 9, "event": event, "user_id": 0, "portal_id": 1}
        entry = Entry(
            EntryKind.ACCESS,
            {"row": row, "rules": [], "reason": "x"},
            self.device.clock.utc(),
            1,
            clock_trusted=True,
        )
        self.journal.append([entry], {})

    def sent(self, path: str) -> list[object]:
        return [it.json for it in self.device.server.requests if it.target == path]

    def close(self) -> None:
        self.channel.close()
        self.reader.close()
        self.journal.close()


@pytest.fixture
def told(tmp_path: Path, device: Device) -> Iterator[Told]:
    made = Told(tmp_path, device)
    yield made
    made.close()


def test_exit_buttons_are_told_in_their_order_and_other_accesses_are_not(told: Told) -> None:
    told.device.start_proved()
    told.outbox.work()
    for event in (7, 11, 6, 11, 3):
        told.access(event)
    told.outbox.work()
    body = {"time": 9, "event": 11, "user_id": 0, "portal_id": 1}
    assert told.sent(REX) == [{"device_id": DEVICE, "rex_log": body}] * 2
    state = told.outbox.state
    assert state is not None
    assert (state.delivered, state.backlog) == (2, 0)
    assert state.server == f"http://127.0.0.1:{told.device.server.port}"
    assert state.last_success_utc


def test_nothing_is_told_before_the_server_is_proved(told: Told) -> None:
    told.device.server.talk = hang(told.device.server.ended)
    told.device.start()
    told.outbox.work()
    told.access(11)
    told.outbox.work()
    assert told.sent(REX) == []
    state = told.outbox.state
    assert state is not None
    assert (state.backlog, state.failing_since_utc) == (1, 0)


def test_a_start_before_the_settings_are_read_forgets_nothing(told: Told) -> None:
    told.device.configure(online=1)
    table = DestinationTable(told.device.store)
    table.keep(DestinationState("online", server="http://s:80", journal_seq=3))
    told.made_outbox().work()
    kept = table.read("online")
    assert kept is not None
    assert kept.journal_seq == 3


def test_an_enrolment_goes_out_with_the_path_of_its_kind(told: Told) -> None:
    told.device.start_proved()
    told.outbox.work()
    message = told.channel.enrolled("card", 123, 5)
    assert message is not None
    told.outbox.send_soon(message)
    told.outbox.work()
    (body,) = told.sent("/acs/card_create.fcgi?session=")
    assert body == {"user_id": 5, "card_value": 123, "device_id": DEVICE}
    assert told.channel.enrolled("pin", "1324", 5) is None, "without TLS"


def test_in_standalone_mode_nothing_is_told_and_nothing_waits(told: Told) -> None:
    told.device.configure(online=0)
    told.device.start()
    told.outbox.work()
    told.access(11)
    told.outbox.work()
    assert told.outbox.state is None
    assert told.channel.enrolled("card", 123, 5) is None
    assert told.device.server.requests == []


def test_the_keep_alive_of_the_client_serves_the_outbox_as_probe(told: Told) -> None:
    told.device.start_proved()
    told.outbox.work()
    assert told.channel.send(told.channel.alive())[0] is SendOutcome.ACCEPTED
    path = f"/acs/device_is_alive.fcgi?session=&device_id={DEVICE}"
    assert told.sent(path) == [{"access_logs": 0}] * 2
