"""The outbox: order, cursors, bounds, and what becomes of a server that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import DamagedFile, StorageError
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, Journal
from gateway.store.journal.reader import Batch
from gateway.store.journal.rows import Raw
from gateway.store.tables.destinations import stored_destinations
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.monitor import Notification
from gateway.uplink.outbox import Outbox

from .outbox_site import DAY_S, NOW, counts, drain
from .outbox_site import OutboxSite as Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def outbox(site: Site) -> Outbox:
    made = site.outbox()
    made.work()  # begins here
    return made


def test_what_was_before_it_was_switched_on_is_not_sent(site: Site) -> None:
    site.alarm(3)
    outbox = site.outbox()
    outbox.work()
    site.alarm()
    outbox.work()
    assert site.channel.got == ["4"]
    assert counts(outbox) == (1, 0, 0, 0)


def test_entries_and_changes_go_out_in_order_and_others_only_move_the_cursor(
    site: Site, outbox: Outbox
) -> None:
    site.alarm(2)
    site.nothing()
    site.fire()
    site.alarm()
    site.nothing()
    with site.store.transaction():
        (user,) = site.store.insert("users", [{"name": "Ana"}])
        (card,) = site.store.insert("cards", [{"value": 5, "user_id": user}])
    outbox.work()
    assert site.channel.got == ["1", "2", "a4", "b4", "3", f"insert {card}"]
    assert outbox.journal_seq == site.reader.last_seq()


@pytest.mark.parametrize("after", range(8))
def test_a_new_process_goes_on_where_the_last_one_stored_its_cursor(
    site: Site, outbox: Outbox, after: int
) -> None:
    site.alarm(2)
    site.fire()
    site.alarm(3)
    site.channel.answers = [SendOutcome.ACCEPTED] * after + [SendOutcome.FAILED]
    outbox.work()
    drain(site, site.outbox())
    everything = ["1", "2", "a3", "b3", "3", "4", "5"]
    # Only the first of an entry's two messages may be repeated.
    assert list(dict.fromkeys(site.channel.got)) == everything
    assert len(site.channel.got) <= len(everything) + 1


def test_a_process_that_is_killed_repeats_the_messages_of_a_second_and_loses_none(
    site: Site, outbox: Outbox
) -> None:
    site.alarm(300)
    for _ in range(150):
        outbox._step()
        outbox._store_state(at_once=False)
        site.clock.advance(0.1)
    drain(site, site.outbox())
    got = [int(number) for number in site.channel.got]
    assert sorted(set(got)) == list(range(1, 301))
    assert 0 <= len(got) - 300 <= 11


def test_a_server_that_is_away_gets_everything_in_order_when_it_returns(
    site: Site, outbox: Outbox
) -> None:
    site.channel.answers = [SendOutcome.FAILED] * 40
    site.alarm(5)
    pause_s = outbox.work()
    assert pause_s
    state = outbox.state
    assert state is not None
    assert (state.backlog, state.last_error) == (5, "alarm: it said no")
    assert state.failing_since_utc == int(NOW.timestamp())
    (stored,) = stored_destinations(site.path / "store.db")
    assert (stored.backlog, stored.journal_seq) == (5, 0)
    drain(site, outbox)
    assert [it for it in site.channel.got if it != "alive"] == ["1", "2", "3", "4", "5"]
    state = outbox.state
    assert state is not None
    assert (state.failing_since_utc, state.backlog) == (0, 0)


def test_the_oldest_are_dropped_and_counted_when_too_many_wait(site: Site) -> None:
    outbox = site.outbox(ServerSettings(keep_rows=1_000))
    outbox.work()
    site.channel.answers = [SendOutcome.FAILED]
    site.alarm(1_007)
    outbox.work()
    drain(site, outbox)
    assert site.channel.got[0] == "8"
    assert counts(outbox) == (1_000, 0, 7, 0)


def test_what_is_too_old_is_dropped_and_counted(site: Site, outbox: Outbox) -> None:
    site.channel.answers = [SendOutcome.FAILED]
    site.alarm(2)
    outbox.work()
    site.clock.advance(8 * DAY_S)
    site.alarm()
    drain(site, outbox)
    assert site.channel.got == ["3"]
    assert counts(outbox) == (1, 0, 2, 0)


def test_entries_that_left_the_journal_unsent_are_counted(site: Site, outbox: Outbox) -> None:
    site.channel.server = None
    site.alarm(1)
    site.channel.server = "http://server:80"
    site.alarm(4)
    site.journal.drop([2, 3])
    outbox._read_journal(outbox._record.required(), 5)
    assert [item.message.body["id"] for item in outbox._queue] == [1, 4, 5]
    assert outbox._record.required().dropped == 0  # none before the cursor of a new destination


def test_an_entry_that_is_written_while_a_damaged_journal_is_read_is_sent(
    site: Site, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.alarm(2)
    rows = site.reader._rows

    def damaged(connection: sqlite3.Connection, where: str, seq: int, limit: int) -> list[Raw]:
        if where == "seq > ?":
            raise DamagedFile("a page is damaged")
        found = rows(connection, where, seq, limit)
        if site.alarms == 2:
            site.alarm()
        return found

    monkeypatch.setattr(site.reader, "_rows", damaged)
    outbox.work()
    assert site.channel.got == ["1", "2", "3"]


def test_the_first_entry_of_a_journal_that_was_emptied_meanwhile_is_sent(
    site: Site, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.alarm()
    outbox.work()
    site.alarm(2)
    batch = site.reader.batch

    def late(seq: int, limit: int) -> Batch:
        if site.alarms > 3:
            return batch(seq, limit)
        site.journal.drop([1, 2, 3])
        found = batch(seq, limit)
        site.alarm()
        return found

    monkeypatch.setattr(site.reader, "batch", late)
    outbox.work()
    assert site.channel.got == ["1", "4"]
    assert counts(outbox) == (2, 0, 2, 0)


def test_an_enrolment_goes_first_and_is_dropped_after_five_minutes(
    site: Site, outbox: Outbox
) -> None:
    site.alarm(2)
    outbox.send_soon(Notification("pin", {"id": "pin 8317"}))
    outbox.work()
    assert site.channel.got == ["pin 8317", "1", "2"]
    site.channel.answers = [SendOutcome.FAILED]
    outbox.send_soon(Notification("pin", {"id": "pin 8317"}))
    outbox.work()
    site.clock.advance(301)
    outbox.work()
    assert site.channel.got == ["pin 8317", "1", "2"]
    assert counts(outbox) == (3, 0, 1, 0)
    for path in site.path.iterdir():
        assert b"pin 8317" not in path.read_bytes()


def test_a_keep_alive_comes_in_its_interval_and_only_while_nothing_waits(
    site: Site, outbox: Outbox
) -> None:
    site.channel.alive_s = 30.0
    assert outbox.work() == pytest.approx(30.0)
    site.clock.advance(30.0)
    assert outbox.work() == pytest.approx(30.0)
    assert site.channel.got == ["alive"]
    site.channel.alive_s = 10.0
    assert outbox.work() == pytest.approx(10.0)


def test_another_server_is_tried_at_once_and_gets_what_waits(site: Site, outbox: Outbox) -> None:
    site.channel.answers = [SendOutcome.FAILED]
    site.alarm()
    assert outbox.work()
    site.channel.server = "http://other:80"
    outbox.work()
    assert site.channel.got == ["1"]


def test_what_was_made_for_one_server_is_made_anew_for_another(
    site: Site, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages for a server over TLS may hold a PIN, which one without TLS must not be told."""
    told = site.channel.told_of

    def told_with_pin(entries: list[CommittedEntry]) -> list[tuple[int, list[Notification]]]:
        pin = f" pin to {site.channel.server}"
        return [
            (seq, [Notification(it.topic, {"id": f"{it.body['id']}{pin}"}) for it in messages])
            for seq, messages in told(entries)
        ]

    monkeypatch.setattr(site.channel, "told_of", told_with_pin)
    site.channel.server = "https://server:443"
    site.alarm(2)
    site.channel.answers = [SendOutcome.FAILED]
    outbox.work()
    outbox.send_soon(Notification("pin", {"id": "pin 1234"}))
    site.channel.server = "http://server:80"
    drain(site, outbox)
    assert site.channel.got == ["1 pin to http://server:80", "2 pin to http://server:80"]
    assert counts(outbox) == (2, 0, 1, 0)


def test_a_destination_that_is_off_keeps_nothing(site: Site, outbox: Outbox) -> None:
    site.channel.answers = [SendOutcome.FAILED]
    site.alarm()
    outbox.work()
    site.channel.server = None
    assert outbox.work() is None
    assert (outbox.state, outbox.journal_seq) == (None, None)
    assert stored_destinations(site.path / "store.db") == []
    site.alarm()
    site.channel.server = "http://server:80"
    outbox.work()
    site.alarm()
    outbox.work()
    assert site.channel.got == ["3"]


def test_settings_that_cannot_be_used_are_shown_and_lose_nothing(
    site: Site, outbox: Outbox
) -> None:
    site.channel.refusal = "monitor.hostname 'a b' names no host"
    site.alarm()
    assert outbox.work() is None
    state = outbox.state
    assert state is not None
    assert (state.last_error, state.backlog) == (site.channel.refusal, 1)
    site.channel.refusal = ""
    outbox.work()
    assert site.channel.got == ["1"]


def test_a_journal_that_begins_anew_is_sent_from_its_start(site: Site, outbox: Outbox) -> None:
    site.alarm(5)
    outbox.work()
    site.journal.close()
    for path in site.path.glob("journal.db*"):
        path.unlink()
    Journal.create(site.path / "journal.db")
    site.journal = Journal(site.path / "journal.db", "boot")
    site.alarm(2)
    outbox.work()
    assert site.channel.got == ["1", "2", "3", "4", "5", "6", "7"]


def test_a_store_that_cannot_be_written_delays_nothing(
    site: Site, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    site.alarm(2)
    with monkeypatch.context() as broken:
        broken.setattr(outbox._record._table, "keep", full)
        outbox.work()
        site.alarm()
        outbox.work()
    assert site.channel.got == ["1", "2", "3"]
    site.clock.advance(2)
    outbox.work()
    (stored,) = stored_destinations(site.path / "store.db")
    assert stored.delivered == 3


def test_nothing_is_sent_while_the_channel_knows_the_server_to_be_away(
    site: Site, outbox: Outbox
) -> None:
    site.channel.held = "device_is_alive: no answer in time"
    site.alarm(2)
    drain(site, outbox)
    assert site.channel.got == []
    state = outbox.state
    assert state is not None
    assert (state.last_error, state.backlog) == ("device_is_alive: no answer in time", 2)
    assert state.failing_since_utc
    site.channel.held = None
    drain(site, outbox)
    assert site.channel.got == ["1", "2"]
    state = outbox.state
    assert state is not None
    assert (state.failing_since_utc, state.delivered) == (0, 2)


def test_a_server_of_which_nothing_is_known_yet_is_waited_for_and_not_called_a_failure(
    site: Site, outbox: Outbox
) -> None:
    site.channel.held = ""
    site.alarm()
    drain(site, outbox)
    state = outbox.state
    assert state is not None
    assert (site.channel.got, state.failing_since_utc, state.last_error) == ([], 0, "")


def test_what_waits_too_long_for_a_server_that_is_away_is_dropped(site: Site) -> None:
    outbox = site.outbox(ServerSettings(keep_days=1))
    outbox.work()
    site.channel.held = "away"
    site.alarm()
    site.clock.advance(2 * DAY_S)
    site.alarm()
    drain(site, outbox)
    assert counts(outbox) == (0, 0, 1, 1)


def test_an_answer_beside_the_outbox_is_a_success_of_the_server(site: Site, outbox: Outbox) -> None:
    site.channel.success_utc = 1_900_000_000
    drain(site, outbox)
    state = outbox.state
    assert state is not None
    assert state.last_success_utc == 1_900_000_000
