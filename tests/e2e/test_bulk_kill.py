"""`kill -9` of the api process in the middle of bulk writes and restores over HTTP.

Each time the database opens and is sound, whatever was acknowledged is there, a batch is there
whole or not at all, and the change log tells of the rows that are there and of no others.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
import requests

from gateway.store.files import STORE_FILE

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Site
    from tests.e2e.fork_server import Process

LONG = "GATEWAY_FLIPS" in os.environ
"""In `make chaos`."""
ROUNDS, RESTORES = (16, 10) if LONG else (5, 4)
CLIENTS = 2
BATCH = 100
LONGEST_S = 0.3
"""Of bulk writes before the kill."""
FIRST, ROUND_IDS, CLIENT_IDS = 10_000, 100_000, 50_000
CHANGES_KEPT = 10_000
READY = re.compile(r"api ready \(url: (http://[^)]+)\)")


class Processes:
    """A controller and an api of their own, the latter started again by the test alone."""

    def __init__(self, site: Site, eventually: Callable[..., Any]) -> None:
        self.site = site
        self.path = site.data / STORE_FILE
        self._eventually = eventually
        self._stack = ExitStack()
        self.start("controller")

    def start(self, role: str, *words: str) -> tuple[Process, Path]:
        told = self.site.home.new_path()
        with told.open("wb") as errors:
            process = self.site.home.start(
                *(role, "--data", str(self.site.data), *words), stdout=errors, stderr=errors
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process, told

    def serve(self) -> Serving:
        process, told = self.start("api", "--http", "127.0.0.1:0")

        def ready() -> Any:
            assert process.poll() is None, told.read_text()
            return READY.search(told.read_text())

        url = self._eventually(ready, "an api that serves")[1]
        return Serving(process, url, Client(url, self.site.password).token)

    def close(self) -> None:
        self._stack.close()

    def look(self) -> sqlite3.Connection:
        """The database as another process finds it; it must be sound."""
        connection = sqlite3.connect(self.path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return connection


@dataclass(frozen=True)
class Serving:
    """An api process at work."""

    process: Process
    url: str
    token: str

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL

    def client(self) -> Client:
        return Client(self.url, token=self.token)


class Client:
    """A session at the API."""

    def __init__(self, url: str, password: str = "", token: str = "") -> None:
        self._url = url
        self._http = requests.Session()
        self.token = token
        if password:
            answer = self.ask("login", json={"login": "admin", "password": password})
            self.token = answer.json()["session"]

    def ask(self, command: str, **options: Any) -> requests.Response:
        """The answer to a command that must succeed; raises RequestException when cut off."""
        url = f"{self._url}/{command}.fcgi"
        answer = self._http.post(url, params={"session": self.token}, timeout=60, **options)
        assert answer.status_code == 200, answer.text
        return answer

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def processes(make: Maker, eventually: Callable[..., Any]) -> Iterator[Processes]:
    made = Processes(make.demo(), eventually)
    yield made
    made.close()


# bulk writes


@dataclass
class Writer:
    """One client in one round: what it asked for, and which of that was acknowledged."""

    first: int
    asked: list[tuple[str, int]] = field(default_factory=list)
    acknowledged: set[tuple[str, int]] = field(default_factory=set)

    def run(self, serving: Serving, begun: threading.Event) -> None:
        with serving.client() as client:
            try:
                for first in range(self.first, self.first + CLIENT_IDS, BATCH):
                    self._batch(client, first)
                    begun.set()
            except requests.RequestException:
                return  # killed
            finally:
                begun.set()

    def _batch(self, client: Client, first: int) -> None:
        ids = range(first, first + BATCH)
        users = [{"id": number, "name": "new", "registration": "x" * 40} for number in ids]
        cards = [{"id": number, "user_id": number, "value": number} for number in ids]
        where = {"users": {"id": {">=": first, "<": first + BATCH}}}
        bodies: list[tuple[str, str, dict[str, object]]] = [
            ("users", "create_objects", {"values": users}),
            ("cards", "create_objects", {"values": cards}),
            ("renamed", "modify_objects", {"values": {"name": "renamed"}, "where": where}),
        ]
        for what, command, body in bodies:
            name = "users" if what == "renamed" else what
            self.asked.append((what, first))
            client.ask(command, json={"object": name, **body})
            self.acknowledged.add((what, first))


def _tally(connection: sqlite3.Connection, query: str) -> Counter[int]:
    """Rows of each batch: first id -> how many."""
    rows = connection.execute(query).fetchall()
    return Counter(number // BATCH * BATCH for (number,) in rows if number >= FIRST)


def _check(connection: sqlite3.Connection, writers: list[Writer], first: int) -> int:
    """Everything that `writers` did is there as it should be; how many batches are."""
    found = {
        "users": _tally(connection, "SELECT id FROM users"),
        "cards": _tally(connection, "SELECT user_id FROM cards"),
        "renamed": _tally(connection, "SELECT id FROM users WHERE name = 'renamed'"),
    }
    assert all(size == BATCH for tally in found.values() for size in tally.values())  # none half
    there = {(what, batch) for what, tally in found.items() for batch in tally}
    assert {one for writer in writers for one in writer.acknowledged} <= there
    assert there <= {one for writer in writers for one in writer.asked}
    # Only this round's: the log keeps the newest changes.
    told = connection.execute(
        "SELECT table_name, operation_type, table_id FROM change_logs WHERE table_id >= ?", (first,)
    ).fetchall()
    changes = {"users": ("users", "insert"), "cards": ("cards", "insert")}
    changes["renamed"] = ("users", "update")
    expected = {
        (*changes[what], number)
        for what, batch in there
        if batch >= first
        for number in range(batch, batch + BATCH)
    }
    assert set(told) <= expected
    assert len(told) == len(set(told)) == min(len(expected), CHANGES_KEPT)
    return len(there)


def _write_until_killed(serving: Serving, first: int, after_s: float) -> list[Writer]:
    """Writers that began at ids from `first` on; the api is killed so long after a batch."""
    begun = threading.Event()
    writers = [Writer(first + number * CLIENT_IDS) for number in range(CLIENTS)]
    threads = [threading.Thread(target=it.run, args=(serving, begun)) for it in writers]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    timer = threading.Timer(after_s, serving.process.kill)  # at any instant: nothing is awaited
    timer.start()
    timer.join()
    for thread in threads:
        thread.join()
    serving.kill()
    return writers


@pytest.mark.chaos
def test_bulk_writes_survive_every_kill_whole(processes: Processes) -> None:
    chance = random.Random(23)  # noqa: S311 - the same pauses every time
    writers: list[Writer] = []
    batches = 0
    for round_ in range(ROUNDS):
        serving = processes.serve()
        first = FIRST + round_ * ROUND_IDS
        writers += _write_until_killed(serving, first, chance.uniform(0, LONGEST_S))
        with closing(processes.look()) as connection:
            batches = _check(connection, writers, first)
    assert batches > ROUNDS
    # It serves on, and clients find what the file has.
    with processes.serve().client() as client:
        where = {"users": {"id": {">=": FIRST}}}
        search = {"object": "users", "fields": ["COUNT(*)"], "where": where}
        [row] = client.ask("load_objects", json=search).json()["users"]
        with closing(processes.look()) as connection:
            there = connection.execute("SELECT count(*) FROM users WHERE id >= ?", (FIRST,))
            assert [*row.values()] == [*there.fetchone()]
        client.ask("create_objects", json={"object": "users", "values": [{"name": "Last"}]})


# restores


def _people(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Enough of all that a backup holds to tell one from another."""
    people = connection.execute("SELECT id, name FROM users ORDER BY id").fetchall()
    cards = connection.execute("SELECT user_id, value FROM cards ORDER BY id").fetchall()
    settings = connection.execute("SELECT * FROM configuration ORDER BY 1, 2").fetchall()
    return [*people, *cards, *settings]


def _backup(processes: Processes, serving: Serving, name: str) -> tuple[bytes, list[Any]]:
    with serving.client() as client:
        client.ask("destroy_objects", json={"object": "users"})
        users = [{"id": number, "name": name} for number in range(1, 1_500)]
        cards = [{"user_id": number, "value": number} for number in range(1, 1_500)]
        client.ask("create_objects", json={"object": "users", "values": users})
        client.ask("create_objects", json={"object": "cards", "values": cards})
        minutes = 1_000 + ord(name)
        client.ask("set_configuration", json={"general": {"relay1_timeout": str(minutes)}})
        saved = client.ask("backup_objects").content
    with closing(processes.look()) as connection:
        return saved, _people(connection)


def _restore_until_killed(serving: Serving, saved: bytes, after_s: float) -> bool:
    """Whether a restore, killed so long after it was sent, was acknowledged."""
    answered: list[requests.Response] = []

    def restore() -> None:
        with serving.client() as client:
            try:
                answered.append(client.ask("restore_objects", data=saved))
            except requests.RequestException:
                return

    thread = threading.Thread(target=restore)
    timer = threading.Timer(after_s, serving.process.kill)
    thread.start()
    timer.start()
    timer.join()
    thread.join()
    serving.kill()
    return bool(answered)


@pytest.mark.chaos
def test_a_restore_that_is_killed_leaves_the_old_or_the_new_database(
    processes: Processes,
) -> None:
    chance = random.Random(7)  # noqa: S311 - the same pauses every time
    serving = processes.serve()
    backups = dict(_backup(processes, serving, name) for name in ("A", "B"))
    contents = list(backups.values())
    saved, wanted = next(iter(backups.items()))
    with serving.client() as client:
        begun = time.monotonic()
        client.ask("restore_objects", data=saved)
        length_s = time.monotonic() - begun
    serving.kill()
    for _ in range(RESTORES):
        with closing(processes.look()) as connection:
            present = _people(connection)
        saved, wanted = next((s, w) for s, w in backups.items() if w != present)
        serving = processes.serve()
        # The file is received and checked first; what is written comes towards the end.
        after_s = length_s * chance.uniform(0.4, 1.1)
        acknowledged = _restore_until_killed(serving, saved, after_s)
        with closing(processes.look()) as connection:
            found = _people(connection)
        assert found in contents
        assert found == wanted or not acknowledged
    # A copy that a killed restore left behind goes with the next start.
    with processes.serve().client() as client:
        assert not list(processes.site.data.glob(".store.db-copies"))
        client.ask("restore_objects", data=saved)
    with closing(processes.look()) as connection:
        assert _people(connection) == wanted
