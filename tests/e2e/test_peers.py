"""Two gateways of one site: a grant at A opens a door at B at once, or never."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Row, Running, Site

FRONT, BACK = 17, 18
ANA = "123,45678"
BRIEF_MS, LONG_MS = 100, 600_000
ELSEWHERE = 900
ROUNDS, MOST_ROUNDS = 5, 100
"""Openings that are waited for, and rounds in which they must come about."""
PLACEHOLDER = '# tls = "127.0.0.1:8443"'
MANUAL = Path(__file__).parents[2] / "gateway/docs/peers.md"
PAIRING = "gateway peer add --data .gateway "
Eventually = Callable[..., Any]


@dataclass
class Pair:
    """Gateway `a`, which knows gateway `b` as a device with the id `peer`."""

    a: Running
    b: Running
    peer: int
    eventually: Eventually

    def state(self) -> Row:
        """How B fares as a peer of A; empty before the first order."""
        rows = self.a.api.ask("outbox_state")["destinations"]
        return dict(next((row for row in rows if row["name"] == f"peer {self.peer}"), {}))

    def swiped(self) -> Row:
        """Swipe at A, see its door open at once, and wait for what comes of the order."""
        before, edges = self.state(), self.a.board.edges(FRONT)
        assert self.a.swiped(ANA)["event"] == 7
        assert self.a.board.edges(FRONT) > edges, "A's own door waits for nobody"

        def after() -> Row | None:
            now = self.state()
            return now if now != before else None

        now: Row = self.eventually(after, "a result")
        self.a.wait_locked()
        return now


def typed(site: Site, group: str, command: str, *words: str, stdin: str = "") -> Any:
    """Run a command of a group on the data directory of `site`."""
    return site.home.type(group, command, "--data", site.data, *words, stdin=stdin)


def pairing_words() -> list[str]:
    """What the manual says after `gateway peer add --data .gateway`."""
    lines = MANUAL.read_text().splitlines()
    _, _, words = next(line for line in lines if PAIRING in line).partition(PAIRING)
    return words.split()


def https_of(running: Running) -> str:
    noted = running.runtime.holder("api") or ""
    return next(word for word in noted.split() if word.startswith("https://"))


def with_tls(site: Site) -> Site:
    path = site.data / "gateway.toml"
    text = path.read_text()
    assert PLACEHOLDER in text
    line = next(line for line in text.splitlines() if line.startswith(PLACEHOLDER))
    path.write_text(text.replace(line, 'tls = "127.0.0.1:0"'))
    return site


def paired(one: Running, other: Running, role: str, *words: str) -> int:
    """Pair `one` with `other` as the manual says, with a login of `role`; the number of the row."""
    login = f"{role}-{one.url.rpartition(':')[2]}"
    made = typed(other.site, "login", "add", login, "--role", role)
    assert made.returncode == 0, made.stderr
    fingerprint = typed(other.site, "peer", "fingerprint").stdout.strip()
    meant = {"192.0.2.20": https_of(other), "gate-a": login}
    given = [*(meant.get(word, word) for word in pairing_words()), *words]
    added = typed(
        one.site, "peer", "add", *given, "--fingerprint", fingerprint, "--stdin", stdin=made.stdout
    )
    assert added.returncode == 0, added.stderr
    return int(added.stdout)


@pytest.fixture(scope="module")
def both(make: Maker, home: Any, eventually: Eventually) -> Iterator[Pair]:
    """The demo at A; another device with the demo's doors at B; paired as a technician does it."""
    there = with_tls(make.init(home.new_path(), "--demo"))
    with make.run(with_tls(make.demo())) as a, make.run(there) as b:
        for each in (a, b):
            each.api.configure("general", relay1_timeout=BRIEF_MS, relay2_timeout=BRIEF_MS)
        number = paired(a, b, "door_opener")
        for one, other in ((a, b), (b, a)):
            paired(one, other, "door_reader", "--interlock")
        row = {"id": ELSEWHERE, "name": "back of B", "action": "door", "parameters": "door=2"}
        a.api.create("actions", {**row, "run_at": 1})
        a.api.create("portal_actions", {"portal_id": 1, "action_id": ELSEWHERE})
        yield Pair(a, b, number, eventually)


@pytest.fixture
def pair(both: Pair) -> Iterator[Pair]:
    where = {"devices": {"id": both.peer}}
    fields = ["id", "name", "ip", "login", "password", "fingerprint"]
    (row,) = both.a.api.load("devices", fields=fields, where=where)
    yield both
    both.a.api.modify("devices", {key: row[key] for key in fields[1:]}, id=both.peer)
    both.a.wait_locked()
    both.b.wait_locked()


def test_a_grant_at_one_device_opens_a_door_of_another(pair: Pair) -> None:
    before = pair.b.board.edges(BACK)
    row = pair.b.access(pair.swiped)
    assert (row["event"], row["user_id"]) == (10, 0), "an opening by a client"
    pair.b.wait_locked()
    assert pair.b.board.edges(BACK) == before + 2
    assert not pair.state()["failing_since_utc"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ip": "127.0.0.1:1"}, "refused"),
        ({"password": "wrong"}, "401"),
        ({"fingerprint": "0" * 64}, "not the pinned one"),
        ({"fingerprint": ""}, "not trusted"),
        ({"ip": "http://127.0.0.1:1"}, "plain_secrets"),
        ({"login": ""}, "no login"),
    ],
)
def test_a_peer_that_cannot_be_told_delays_no_door_and_is_shown(
    pair: Pair, change: dict[str, str], words: str
) -> None:
    before = pair.b.board.edges(BACK)
    pair.a.api.modify("devices", change, id=pair.peer)
    state = pair.swiped()
    assert words in state["last_error"]
    assert state["failing_since_utc"] > 0
    assert pair.b.board.edges(BACK) == before


def test_a_peer_that_answers_too_late_opens_nothing(pair: Pair) -> None:
    before = pair.b.board.edges(BACK)
    stopped = pair.b.child("api")
    os.kill(stopped, signal.SIGSTOP)
    try:
        assert "in time" in pair.swiped()["last_error"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    # What it got while it was stopped is dealt with by then.
    pair.eventually(lambda: pair.b.api.post("session_is_valid")[0] == 200, "an answer")
    assert pair.b.access(pair.swiped)["event"] == 10
    pair.b.wait_locked()
    assert pair.b.board.edges(BACK) == before + 2, "the second grant alone opened"


def test_a_login_for_other_devices_can_do_nothing_else(pair: Pair) -> None:
    (row,) = pair.a.api.load(
        "devices", fields=["login", "password"], where={"devices": {"id": pair.peer}}
    )
    admin = pair.b.api.token
    try:
        pair.b.api.login(row["password"], row["login"])
        assert pair.b.api.post("doors_state")[0] == 200
        assert pair.b.api.post("load_objects", {"object": "users"})[0] == 403
        assert pair.b.api.post("get_configuration", {"general": ["online"]})[0] == 403
        pair.b.api.token = admin
        pair.b.api.ask("modify_login", {"login": row["login"], "role": "door_reader"})
        pair.b.api.login(row["password"], row["login"])
        assert pair.b.api.post("doors_state")[0] == 200
        order = {"actions": [{"action": "door", "parameters": "door=2"}]}
        assert pair.b.api.post("execute_actions", order)[0] == 403
    finally:
        pair.b.api.token = admin
        pair.b.api.ask("modify_login", {"login": row["login"], "role": "door_opener"})


def test_doctor_and_the_list_show_a_peer_and_no_password(pair: Pair) -> None:
    assert not pair.swiped()["failing_since_utc"]
    found = pair.a.site.type("doctor").stdout
    line = next(line for line in found.splitlines() if f"peer {pair.peer} (B)" in line)
    assert line.startswith("ok ")
    assert "its clock agrees" in line
    pair.a.api.modify("devices", {"ip": "127.0.0.1:1"}, id=pair.peer)
    assert pair.swiped()["failing_since_utc"]
    failing = pair.a.site.type("doctor").stdout
    assert failing.count(f"fail peer {pair.peer} (B): ") == 2, "now, and at the last action"
    listed = typed(pair.a.site, "peer", "list").stdout
    assert f"{pair.peer} " in listed
    (row,) = pair.a.api.load("devices", fields=["password"], where={"devices": {"id": pair.peer}})
    assert len(row["password"]) > 8
    assert row["password"] not in listed + found + pair.a.errors.read_text()


def test_a_removed_peer_is_told_nothing(pair: Pair) -> None:
    where = {"devices": {"id": pair.peer}}
    fields = ["name", "ip", "login", "password", "fingerprint"]
    (row,) = pair.a.api.load("devices", fields=fields, where=where)
    removed = typed(pair.a.site, "peer", "remove", str(pair.peer))
    assert removed.returncode == 0, removed.stderr
    assert pair.a.swiped(ANA)["event"] == 7
    assert not pair.a.api.ask("outbox_state")["destinations"]
    pair.a.api.create("devices", {"id": pair.peer, **row})
    assert not pair.swiped()["failing_since_utc"]


@pytest.mark.parametrize("words", [("--fingerprint", "0" * 64), ()])
def test_no_password_is_sent_to_a_device_whose_certificate_nobody_compared(
    pair: Pair, words: tuple[str, ...]
) -> None:
    address = https_of(pair.b)
    refused = typed(
        pair.a.site, "peer", "add", address, "--login", "gate-a", *words, "--stdin", stdin="secret"
    )
    assert refused.returncode == 1
    assert "fingerprint" in refused.stderr or "another certificate" in refused.stderr


OFF = {"interlock_enabled": 0, "api_bypass_enabled": 0, "rex_bypass_enabled": 0}
ON = {**OFF, "interlock_enabled": 1}
CLOSE = {"action": "door", "parameters": "door=1, timeout=-1"}
ORDER = {"actions": [{"action": "door", "parameters": "door=1"}]}


@pytest.fixture
def interlocked(pair: Pair) -> Iterator[Pair]:
    """Of the doors of both, at most one may be open."""
    pair.a.api.destroy("portal_actions", action_id=ELSEWHERE)
    for each in (pair.a, pair.b):
        each.api.ask("set_network_interlock", ON)
    yield pair
    for each in (pair.a, pair.b):
        each.sim("door", door="back", value="closed")
        each.api.ask("set_network_interlock", OFF)
    pair.a.api.create("portal_actions", {"portal_id": 1, "action_id": ELSEWHERE})


def opens(running: Running) -> bool:
    """Whether a swipe opens the front door; a denial is one of the interlock."""
    row = running.swiped(ANA)
    if row["event"] != 7:
        bodies = [entry.body for entry in running.site.journal() if entry.kind == "access"]
        (reason,) = [body["reason"] for body in bodies if body["row"]["id"] == row["id"]]
        assert reason == "interlock"
    return bool(row["event"] == 7)


def test_a_door_that_is_open_at_one_device_keeps_those_of_the_other_locked(
    interlocked: Pair,
) -> None:
    a, b = interlocked.a, interlocked.b
    b.sim("door", door="back", value="open")
    interlocked.eventually(lambda: b.status().doors[1].open, "an open door")
    edges = a.board.edges(FRONT)
    assert not opens(a)
    assert a.board.edges(FRONT) == edges
    denied = a.api.ask("execute_actions", ORDER)
    assert denied == {"actions": [{"action": "door", "status": "denied"}]}
    assert a.board.edges(FRONT) == edges
    a.api.ask("set_network_interlock", {**ON, "api_bypass_enabled": 1})
    allowed = a.api.ask("execute_actions", ORDER)
    assert allowed == {"actions": [{"action": "door", "status": "allowed"}]}
    a.wait_locked()
    b.sim("door", door="back", value="closed")
    interlocked.eventually(lambda: opens(a), "a free way")


def test_of_two_that_swipe_at_the_same_time_one_opens_at_most(interlocked: Pair) -> None:
    """Rounds follow each other at once, so that in some a device still gives way to the other.

    What opens stays open for longer than a round lasts."""
    both = (interlocked.a, interlocked.b)
    for each in both:
        each.api.configure("general", relay1_timeout=LONG_MS)
    opened = 0
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(MOST_ROUNDS):
                found = list(pool.map(opens, both))
                assert sum(found) <= 1
                assert [each.board.high(FRONT) for each in both] == found
                opened += sum(found)
                if opened >= ROUNDS:
                    break
                for each in both:
                    each.api.ask("execute_actions", {"actions": [CLOSE]})
                    each.wait_locked()
    finally:
        for each in both:
            each.api.configure("general", relay1_timeout=BRIEF_MS)
            each.api.ask("execute_actions", {"actions": [CLOSE]})
            each.wait_locked()
    assert opened >= ROUNDS


def test_a_silent_peer_denies_cards_and_no_exit(interlocked: Pair) -> None:
    a, stopped = interlocked.a, interlocked.b.child("api")
    os.kill(stopped, signal.SIGSTOP)
    try:
        assert not opens(a)
        edges = a.board.edges(FRONT)
        left = a.access(lambda: a.sim("rex", door="front", value="0.1"))
        assert left["event"] == 11
        assert a.board.edges(FRONT) > edges
    finally:
        os.kill(stopped, signal.SIGCONT)
    interlocked.eventually(lambda: opens(a), "a free way")


def test_doctor_asks_the_devices_of_the_interlock(interlocked: Pair) -> None:
    found = interlocked.a.site.type("doctor").stdout
    assert "ok   interlock 1 (B): " in found
    where = {"ip": "127.0.0.1:1"}
    (row,) = interlocked.a.api.load("network_interlocking_rules")
    interlocked.a.api.modify("network_interlocking_rules", where, id=row["id"])
    try:
        assert not opens(interlocked.a)
        assert "fail interlock 1 (B): " in interlocked.a.site.type("doctor").stdout
    finally:
        interlocked.a.api.modify("network_interlocking_rules", {"ip": row["ip"]}, id=row["id"])
