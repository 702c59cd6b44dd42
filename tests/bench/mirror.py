"""What a bulk write leaves a revocation to wait for: the process that feeds the mirror, by itself.

Each revocation takes the card of a person whom the bulk write does not touch. Times are also given
as multiples of one reading of all cards of the store, taken in the same run.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from gateway.objects.catalogue import REGISTRY
from gateway.store.files import MIRROR_FILE, STORE_FILE
from gateway.store.mirror.reader import open_mirror
from gateway.store.objects.store import Store

from .figures import Expectations, say, table
from .processes import forget_peak, memory_of, peak_mb
from .sites import FIRST_USER, Site, card_of, stored

REVOKED_WITHIN_S = 2.0
"""The api waits no longer."""
PATIENCE_S = 300.0


class Feed:
    """The process, with its messages in a queue."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.messages: Queue[dict[str, Any]] = Queue()
        self._asked = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.controller.mirror", str(data), str(getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self.messages.put(json.loads(line))

    def send(self, command: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the process has no pipe")
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def ask(self) -> int:
        self._asked += 1
        self.send({"do": "sync", "n": self._asked})
        return self._asked

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            message = self.messages.get(timeout=max(0.0, end_s - time.monotonic()))
            if wanted(message):
                return message

    def answered(self, question: int) -> None:
        self.wait(lambda it: it["is"] == "synced" and it["n"] >= question)

    def put_in_place(self) -> None:
        built = self.wait(lambda it: it["is"] == "built")
        (self.data / built["name"]).rename(self.data / MIRROR_FILE)
        self.send({"do": "swapped"})
        self.wait(lambda it: it["is"] == "synced")

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def written_mb(self) -> float:
        lines = Path(f"/proc/{self.pid}/io").read_text().splitlines()
        return next(int(it.split()[1]) for it in lines if it.startswith("wchar:")) / 1e6

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Cards:
    """Whose card the mirror knows, as a decision reads it."""

    def __init__(self, data: Path) -> None:
        self._mirror = open_mirror(data / MIRROR_FILE, lambda _: None)

    def known(self, card: int) -> bool:
        query = "SELECT user_id FROM cards JOIN users ON users.id = user_id WHERE value = ?"
        row = self._mirror.connection().execute(query, (stored(card),)).fetchone()
        return row is not None

    def close(self) -> None:
        self._mirror.close_all()


@dataclass(frozen=True, slots=True)
class BulkWrite:
    """A bulk write, and whom it takes the right to come in."""

    name: str
    sql: tuple[str, ...]
    """`:middle` is the id of the person in the middle."""
    revoked: int | None = None
    """One of whom it revokes, None for nobody."""


def _bulk_writes(people: int) -> Iterator[BulkWrite]:
    yield BulkWrite(
        "import of half as many people",
        (
            """INSERT INTO users (id, registration, name)
            SELECT id + 10000000, 'new ' || id, 'New ' || id FROM users WHERE id < :middle""",
            # Numbers in no order, as those of real cards.
            """INSERT INTO cards (value, user_id)
            SELECT (id * 7919) % 1000003 - (1 << 62), id FROM users WHERE id > 10000000""",
            """INSERT INTO user_groups (user_id, group_id)
            SELECT id, 1 FROM users WHERE id > 10000000""",
        ),
    )
    yield BulkWrite("renaming of all", ("UPDATE users SET name = name || '.'",))
    yield BulkWrite(
        "destruction of half the people",
        ("DELETE FROM users WHERE id BETWEEN :middle AND 9999999",),
        people - 1,
    )
    yield BulkWrite(
        "all into another department",
        (
            "INSERT INTO groups (id, name) VALUES (3, 'Other')",
            "UPDATE user_groups SET group_id = 3 WHERE group_id = 1 AND user_id > 1020",
        ),
        people // 2 - 1,
    )


def measure(site: Site, expected: Expectations) -> None:
    """Print the times until a revocation in and after each bulk write is obeyed."""
    reference_s = _reading_s(site)
    say()
    say(f"Revocations in and after bulk writes, {site.users:,} people, in seconds")
    rows = []
    bound = {"middle": FIRST_USER + site.users // 2}
    with closing(Feed(site.data)) as feed:
        began_s = time.monotonic()
        feed.put_in_place()
        took_s = time.monotonic() - began_s
        memory = memory_of(feed.pid)
        say(f"first copy {took_s:.1f} s, {feed.cpu_s():.1f} s of processor time; {memory}")
        with closing(Cards(site.data)) as cards, _opened(site) as store:
            for number, bulk in enumerate(_bulk_writes(site.users)):
                rows.append(_one(feed, cards, store, bulk, bound, number, reference_s))
    head = ("bulk write", "in it", "after it", "of reading", "complete", "CPU", "MB out", "MB")
    table(head, rows)
    for name, inside, after, *_ in rows:
        for what, took in (("in", inside), ("after", after)):
            if isinstance(took, float):
                expected.below(f"revocation {what} {name}", took, REVOKED_WITHIN_S, " s")


def _one(
    feed: Feed,
    cards: Cards,
    store: Store,
    bulk: BulkWrite,
    bound: dict[str, int],
    person: int,
    reference_s: float,
) -> tuple[object, ...]:
    forget_peak(feed.pid)
    cpu_s, written_mb = feed.cpu_s(), feed.written_mb()
    with store.transaction():
        for sql in bulk.sql:
            store.database.connection().execute(sql, bound)
    began_s = time.monotonic()
    asked = feed.ask()
    # In the midst of the copying, as soon as one is sure to be under way.
    time.sleep(min(1.0, reference_s))
    with store.transaction():
        store.database.execute_sql("DELETE FROM cards WHERE value = ?", (stored(card_of(person)),))
    revoked_s = time.monotonic()
    later = feed.ask()
    inside_s: object = "-"
    while cards.known(card_of(person)) or (bulk.revoked is not None and inside_s == "-"):
        if bulk.revoked is not None and inside_s == "-" and not cards.known(card_of(bulk.revoked)):
            inside_s = time.monotonic() - began_s
        time.sleep(0.01)
    after_s = time.monotonic() - revoked_s
    feed.answered(max(asked, later))
    _await_complete(feed)
    complete_s = time.monotonic() - began_s
    return (
        bulk.name,
        inside_s,
        after_s,
        after_s / reference_s,
        complete_s,
        feed.cpu_s() - cpu_s,
        feed.written_mb() - written_mb,
        peak_mb(feed.pid),
    )


def _await_complete(feed: Feed) -> None:
    """Until the mirror has as many rows as the store."""
    query = "SELECT count(*), max(name), (SELECT count(*) FROM {0}cards) FROM {0}users"
    with (
        closing(sqlite3.connect(feed.data / STORE_FILE)) as store,
        closing(sqlite3.connect(feed.data / MIRROR_FILE)) as mirror,
    ):
        wanted = store.execute(query.format("")).fetchone()
        while mirror.execute(query.format("rows_")).fetchone() != wanted:
            time.sleep(0.05)


@contextmanager
def _opened(site: Site) -> Iterator[Store]:
    with Store.open(site.store, REGISTRY, lambda: 0) as store:
        yield store


def _reading_s(site: Site) -> float:
    """How long one reading of all cards takes."""
    with closing(sqlite3.connect(site.store)) as connection:
        began_s = time.monotonic()
        connection.execute("SELECT id, value, user_id FROM cards ORDER BY id").fetchall()
        return time.monotonic() - began_s
