"""A card with the image: its first start, its first open door, and what power cuts leave.

The tests share one card, and each goes on where the one before it ended.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from gateway.store.check import damage, damaged_entries, too_new

from .machine import CARD_BYTES, DATA, Card, Client, Machine

CUTS = int(os.environ.get("GATEWAY_CUTS", "20"))
PASSWORD = "a-password-of-tests"
CARD = (200 << 32) | 4_321
NETWORK = """name = "depot"\r
[wifi]\r
name = "Depot"\r
password = "not on the card"\r
country = "BR"\r
"""
SWIPE = {"verb": "swipe", "reader": "front", "value": "200,4321"}
GRANTED = 7
MOST_S = 6.0
"""From the first writes after a boot to the cut, at most."""
CODE = re.compile(r"Set-up code\s+((?:[a-z2-9]{4}-){3}[a-z2-9]{4})")

Note = Callable[[str], None]


@dataclass
class Acknowledged:
    """What the device has told a client."""

    people: set[int] = field(default_factory=set)
    openings: set[int] = field(default_factory=set)
    """Ids of rows of access_logs that a client has read."""


@dataclass
class Life:
    """A card, and the machine that it is in."""

    card: Card
    work: Path
    known: Acknowledged = field(default_factory=Acknowledged)
    machine: Machine | None = None

    def power_on(self) -> Machine:
        self.machine = Machine(self.card, self.work)
        return self.machine

    @property
    def running(self) -> Machine:
        assert self.machine is not None
        return self.machine

    def client(self) -> Client:
        client = Client(self.running.url)
        login = {"login": "admin", "password": PASSWORD}
        client.session = client.ask("login", login)["session"]
        return client


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    work = tmp_path_factory.mktemp("image")
    card = Card(work / "card.img")
    card.put(Path(__file__).with_name("site.toml"), "gateway.toml")
    network = work / "network.toml"
    network.write_text(NETWORK)
    card.put(network, "network.toml")
    found = Life(card, work)
    yield found
    if found.machine is not None:
        found.machine.cut()


def test_the_first_start_shows_its_code_and_the_page_answers(life: Life, note: Note) -> None:
    machine = life.power_on()
    note("board: simulated (Debian's kernel of arm64 has no gpio-sim)")
    note(f"page's first answer, at the first start: {machine.await_page():.0f} s after power on")
    code = machine.eventually(lambda: CODE.findall(machine.shown()), "the code on the console")[-1]
    assert "http://depot.local/setup" in machine.shown()
    client = Client(machine.url)
    begun = client.ask("begin_setup", {"code": code, "password": PASSWORD})
    assert begun["login"] == "admin"


def test_a_swipe_opens_the_first_door(life: Life, note: Note) -> None:
    machine, client = life.running, life.client()
    person = client.create("users", name="Eva", registration="E")
    client.create("user_groups", user_id=person, group_id=1)
    client.create("cards", user_id=person, value=CARD)
    client.ask("simulate", SWIPE)
    machine.eventually(
        lambda: client.ask("doors_state", {})["doors"][0]["open"], "an open door", 10.0
    )
    note(f"first open door: {machine.age_s:.0f} s after power on")
    rows = machine.eventually(lambda: client.load("access_logs"), "the opening in the log", 60.0)
    assert [(row["event"], row["user_id"]) for row in rows] == [(GRANTED, person)]


def _write(client: Client, known: Acknowledged, begun: threading.Event) -> None:
    """People, one by one, until the power is cut."""
    number = max(known.people, default=0)
    try:
        while True:
            number += 1
            client.create("users", name=f"Person {number}", registration=f"P{number}")
            known.people.add(number)
            begun.set()
    except requests.RequestException:
        return


def _swipe(client: Client, known: Acknowledged, begun: threading.Event) -> None:
    """The same card again and again, until the power is cut; each row that can be read counts."""
    last = max(known.openings, default=0)
    try:
        while True:
            client.ask("simulate", SWIPE)
            for row in client.load("access_logs", where={"access_logs": {"id": {">": last}}}):
                last = max(last, row["id"])
                known.openings.add(row["id"])
                begun.set()
    except requests.RequestException:
        return


def _cut_while_writing(life: Life, after_s: float) -> None:
    jobs, begun = [], []
    for work in (_write, _swipe):
        begun.append(threading.Event())
        jobs.append(threading.Thread(target=work, args=(life.client(), life.known, begun[-1])))
    for job in jobs:
        job.start()
    try:
        for event in begun:
            assert event.wait(300), "nothing was written"
        time.sleep(after_s)
    finally:
        life.running.cut()
        for job in jobs:
            job.join()


def _examine(life: Life) -> None:
    """Both databases are whole, and hold what was acknowledged."""
    data = life.card.data(life.work) / "gateway"
    store, journal = data / "api/store.db", data / "controller/journal.db"
    for path in (store, journal):
        assert damage(path, full=True) is None, path
        assert too_new(path) is None, path
    assert damaged_entries(journal).count == 0
    with closing(sqlite3.connect(store)) as database:
        names = database.execute("SELECT registration FROM users WHERE registration LIKE 'P%'")
        people = {int(name.removeprefix("P")) for (name,) in names}
        openings = {number for (number,) in database.execute("SELECT id FROM access_logs")}
    assert life.known.people <= people
    assert life.known.openings <= openings


def test_power_cuts_lose_nothing_that_was_acknowledged(life: Life, note: Note) -> None:
    draw = random.Random(17)  # noqa: S311 - moments of cuts
    boots, begun = [], time.monotonic()
    for cut in range(CUTS):
        _cut_while_writing(life, draw.uniform(0.0, MOST_S))
        _examine(life)
        if cut == 0:
            _look_at_the_card(life)
        boots.append(life.power_on().await_page())
        client = life.client()
        wanted = {"users": {"registration": {"LIKE": "P%"}}}
        there = {int(row["registration"][1:]) for row in client.load("users", where=wanted)}
        assert life.known.people <= there
        logs = {row["id"] for row in client.load("access_logs")}
        assert life.known.openings <= logs
    if CUTS:
        each_s = (time.monotonic() - begun) / CUTS
        note(
            f"{CUTS} power cuts, {each_s:.0f} s each with the checks: page's first answer "
            f"{min(boots):.0f}-{max(boots):.0f} s after power on; {len(life.known.people)} people "
            f"and {len(life.known.openings)} openings acknowledged, none lost"
        )


def _look_at_the_card(life: Life) -> None:
    """What the first start did to the card, and a file for the next one to refuse."""
    start, size = life.card.partition(DATA)
    assert start + size == CARD_BYTES
    names = life.card.names()
    assert {"SETUP-CODE.txt", "gateway.applied.toml", "network.applied.toml"} <= set(names)
    assert not {"gateway.toml", "network.toml"} & set(names)
    assert "http://depot.local/setup" in life.card.text("SETUP-CODE.txt", life.work)
    assert "not on the card" not in life.card.text("network.applied.toml", life.work)
    wrong = life.work / "wrong.toml"
    wrong.write_text('[wired]\naddress = "192.168.1.20"\n')
    life.card.put(wrong, "network.toml")


@pytest.mark.skipif(CUTS < 1, reason="GATEWAY_CUTS is 0, and the file is read at the second start")
def test_a_wrong_file_is_refused_beside_it_and_a_used_code_is_gone(life: Life) -> None:
    life.running.cut()
    names = life.card.names()
    assert {"network.toml", "network.refused.txt"} <= set(names)
    assert "prefix" in life.card.text("network.refused.txt", life.work)
    assert "SETUP-CODE.txt" not in names
    assert not CODE.search(life.running.shown())
