"""The api dies over and over while events are committed: every server gets each, in order."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.access.reasons import Reason
from gateway.settings import SITE_FILE
from gateway.settings.files import END_LINE
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal
from tests.e2e.conftest import Site, eventually

from .receivers import MINOP, MONITOR, MQTT, ONLINE, HttpReceivers, KilledBroker, judged
from .units import LONG, Units

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker

pytestmark = pytest.mark.chaos

EVENTS, KILLS, BROKER_KILLS = (10_000, 100, 10) if LONG else (300, 3, 1)
"""BROKER_KILLS are beside KILLS, which are the api's."""
IN_START = 5
"""Each so many-th time the next process is killed too, while it starts."""
STARTS_S = 0.5
"""About what a start by a fork takes."""
DELIVERED_S = 600.0 if LONG else 90.0
"""Far more than what waits takes."""
LARGEST_BATCH = 50
"""Entries in a transaction."""
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Committer:
    """Commits accesses as the controller does: a person is let in, the exit button, in turn."""

    def __init__(self, data: Path, draw: random.Random) -> None:
        self._journal = Journal(data / JOURNAL_FILE, "boot")
        self._draw = draw
        self.numbers: list[int] = []
        """Of rows of access_logs."""
        self.entries: list[int] = []
        """Of the journal, in the same order."""

    def commit(self, count: int) -> None:
        while count:
            size = min(count, self._draw.randint(1, LARGEST_BATCH))
            first = len(self.numbers) + 1
            numbers = range(first, first + size)
            last_ids = {"access_logs": numbers[-1]}
            last = self._journal.append([self._entry(number) for number in numbers], last_ids)
            self.numbers += numbers
            self.entries += range(last - size + 1, last + 1)
            count -= size

    @staticmethod
    def _entry(number: int) -> Entry:
        row = {"id": number, "time": int(_BEGAN.timestamp()) + number, "portal_id": 1}
        body: dict[str, Any] = {"rules": []}
        if is_button(number):
            row |= {"event": int(AccessEvent.BUTTON), "user_id": 0}
            body |= {"reason": OpeningCause.BUTTON.value, "facts": {"door": 1}}
        else:
            row |= {"event": int(AccessEvent.GRANTED), "user_id": number}
            body |= {"reason": Reason.GRANTED.value, "facts": {"doors": [1]}}
        now = datetime.now(UTC)
        return Entry(EntryKind.ACCESS, {**body, "row": row}, now, number, clock_trusted=True)

    def close(self) -> None:
        self._journal.close()


def is_button(number: int) -> bool:
    return number % 2 == 0


def _monitored(path: str, body: Any) -> int | None:
    return int(body["object_changes"][0]["values"]["id"]) if path == "dao" else None


def _identified(_: str, body: Any) -> int:
    return int(body["UserID"])


def _logged(path: str, body: Any) -> int | None:
    if path.partition("?")[0] != "new_rex_log.fcgi":
        return None
    return int(body["rex_log"]["time"]) - int(_BEGAN.timestamp())


NUMBERS: dict[str, Callable[[str, Any], int | None]] = {
    MONITOR: _monitored,
    MINOP: _identified,
    ONLINE: _logged,
}


class Delivery:
    """A site without controller, whose events this process commits, and its servers."""

    def __init__(self, site: Site, http: HttpReceivers, broker: KilledBroker, seed: int) -> None:
        self.site, self.http, self.broker = site, http, broker
        self.draw = random.Random(seed)  # noqa: S311 - no secret
        self.committer = Committer(site.data, self.draw)
        self.units = Units(site)
        self.api = self.units.api
        self.kills = 0

    def close(self) -> None:
        self.units.api.close()
        self.units.controller.close()
        self.committer.close()

    def switch_on(self) -> None:
        """Name the servers, and wait until the cursors stand where the events begin."""
        self.await_true(lambda: bool(self.api.url), "an api that is ready")
        server = f"127.0.0.1:{self.http.port}"
        with closing(self.units.client()) as api:
            api.configure(MONITOR, hostname=server, path=MONITOR)
            api.configure(MINOP, listener=f"http://{server}/{MINOP}/")
            (row,) = api.create("devices", {"name": "Server", "ip": f"http://{server}/{ONLINE}"})
            api.configure("online_client", server_id=row)
            api.configure("general", online=1)

            def all_on() -> bool:
                found = api.ask("outbox_state")["destinations"]
                return {it["name"] for it in found if it["server"]} == set(self.expected())

            self.await_true(all_on, "every destination at work")

    def await_true(self, look: Callable[[], bool], what: str) -> None:
        """Wait, while the api is started whenever it is dead."""

        def looked() -> bool:
            self.api.keep()
            return look()

        eventually(looked, what, DELIVERED_S)

    def expected(self) -> dict[str, list[int]]:
        """The numbers that each destination has to get, in order."""
        numbers = self.committer.numbers
        return {
            MONITOR: numbers,
            MINOP: [number for number in numbers if not is_button(number)],
            ONLINE: [number for number in numbers if is_button(number)],
            MQTT: self.committer.entries,
        }

    def got(self) -> dict[str, list[int]]:
        return {**self.http.got, MQTT: self.broker.got}

    def await_share(self, name: str, count: int) -> None:
        """Until destination `name` got `count` messages, however often each."""
        http = self.http.got
        self.await_true(
            lambda: (len(http[name]) if name in http else self.broker.count) >= count,
            f"{count} messages to {name}",
        )

    def kill_api(self) -> None:
        """At a random moment of what was committed, seen from one of the destinations; now and
        then again during the start."""
        name, wanted = self.draw.choice(list(self.expected().items()))
        self.await_share(name, int(len(wanted) * self.draw.uniform(0.5, 1.0)))
        self.api.kill()
        self.kills += 1
        if self.kills % IN_START == 0:
            self.api.keep()
            time.sleep(self.draw.uniform(0, STARTS_S))
            self.api.kill()
            self.kills += 1

    def kill_broker(self) -> None:
        """While the api lives, which finds it back after the client that listens."""
        self.await_share(MQTT, int(len(self.committer.entries) * self.draw.uniform(0.5, 1.0)))
        self.broker.kill()
        os.kill(self.api.pid, signal.SIGSTOP)
        self.broker.start()
        os.kill(self.api.pid, signal.SIGCONT)


@pytest.fixture
def delivery(make: Maker, tmp_path: Path) -> Iterator[Delivery]:
    site = make.demo()
    with KilledBroker(tmp_path) as broker, HttpReceivers(NUMBERS) as http:
        path = site.data / SITE_FILE
        table = f"[mqtt]\nbroker = 'mqtt://127.0.0.1:{broker.broker.port}'\n"
        path.write_text(path.read_text().replace(END_LINE, table + END_LINE))
        with closing(Delivery(site, http, broker, seed=1)) as made:
            made.switch_on()
            yield made


def test_every_server_gets_each_event_in_order_whenever_the_api_is_killed(
    delivery: Delivery, record_property: Callable[[str, object], None]
) -> None:
    broker_killed = 0
    for number in range(1, KILLS + 1):
        delivery.committer.commit(EVENTS * number // KILLS - len(delivery.committer.numbers))
        if broker_killed * KILLS < BROKER_KILLS * number:
            delivery.kill_broker()
            broker_killed += 1
        delivery.kill_api()
    expected = delivery.expected()
    assert len(expected[MONITOR]) == EVENTS

    def all_there() -> bool:
        last = {name: got[-1:] for name, got in delivery.http.got.items()}
        last[MQTT] = [delivery.broker.last]
        return last == {name: numbers[-1:] for name, numbers in expected.items()}

    delivery.await_true(all_there, "every event at every server")
    record_property(
        "delivery", f"kill -9: {delivery.kills} of the api, {broker_killed} of the broker"
    )
    for name, got in delivery.got().items():
        record_property("delivery", judged(name, got, expected[name]))
