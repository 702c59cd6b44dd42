"""The online modes: a whole gateway with a real server that decides, fails, dies and comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.wild_server import Request, Talk, WildServer, says

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Row, Running

ANA, BRUNO, STRANGER = "123,45678", "123,45679", "55,555"
ANA_VALUE, STRANGER_VALUE = str((123 << 32) | 45678), str((55 << 32) | 555)
FRONT, BACK = 17, 18
BRIEF_MS = 100
OPEN_BACK = [{"action": "door", "parameters": "door=2"}]
Eventually = Callable[..., Any]


class AccessServer:
    """A server that decides by `decide`, and answers everything else with 200."""

    def __init__(self) -> None:
        self.decide: Callable[[dict[str, str]], Talk] = lambda _: decision(6)
        self.questions: list[tuple[str, dict[str, str]]] = []
        self.told: list[tuple[str, Any]] = []
        self.alive = 0
        self._server = WildServer(answers=self._answer)
        self.port = self._server.port

    def _answer(self, request: Request) -> Talk:
        path = request.target.partition("?")[0].removeprefix("/acs/")
        if path == "device_is_alive.fcgi":
            self.alive += 1
        elif request.headers.get("Content-Type") == "application/json":
            self.told.append((path, request.json))
        elif path != "session_is_valid.fcgi":
            self.questions.append((path, request.form))
            return self.decide(request.form)
        return says({})

    def die(self) -> None:
        self._server.close()

    def come_back(self) -> None:
        self._server = WildServer(answers=self._answer, port=self.port)

    def close(self) -> None:
        self._server.close()


def decision(event: int | str, **members: Any) -> Talk:
    return says({"result": {"event": event, **members}})


@pytest.fixture(scope="module")
def acs() -> Iterator[AccessServer]:
    made = AccessServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(make: Maker, acs: AccessServer) -> Iterator[Running]:
    """The demo site, which may send PINs without TLS, with the server that decides."""
    site = make.demo()
    path = site.data / "gateway.toml"
    text = path.read_text()
    assert "\n# [servers]\n" in text
    path.write_text(text.replace("\n# [servers]\n", "\n[servers]\nplain_secrets = true\n"))
    with make.run(site) as running:
        running.api.configure("general", relay1_timeout=BRIEF_MS, relay2_timeout=BRIEF_MS)
        ip = f"http://127.0.0.1:{acs.port}/acs"
        (row,) = running.api.create("devices", {"name": "Server", "ip": ip})
        running.api.configure("online_client", server_id=row, alive_interval=1_000)
        yield running


def online(running: Running) -> dict[str, Any]:
    """How the server fares; empty in standalone mode."""
    found: dict[str, Any] = running.api.ask("outbox_state").get("online", {})
    return found


def asked(running: Running) -> bool:
    """Whether the controller asks the server."""
    status = running.status().online
    return status is not None and status.reachable


def in_mode(running: Running, eventually: Eventually, *, identifies: bool) -> None:
    running.api.configure("general", online=1, local_identification=int(identifies))
    running.api.configure(
        "online_client", request_timeout=5_000, max_request_attempts=2, contingency_enabled=1
    )
    eventually(lambda: asked(running), "a server that is asked")


@pytest.fixture
def pro(shared: Running, acs: AccessServer, eventually: Eventually) -> Running:
    acs.questions.clear()
    in_mode(shared, eventually, identifies=True)
    shared.wait_locked()
    return shared


@pytest.fixture
def enterprise(shared: Running, acs: AccessServer, eventually: Eventually) -> Running:
    acs.questions.clear()
    in_mode(shared, eventually, identifies=False)
    shared.wait_locked()
    return shared


class Edges:
    """How often the strikes have moved since it was made."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._before = self._now()

    def _now(self) -> tuple[int, int]:
        board = self._running.board
        return board.edges(FRONT), board.edges(BACK)

    def __call__(self) -> tuple[int, int]:
        """Front and back, once all is locked again."""
        self._running.wait_locked()
        front, back = self._now()
        return front - self._before[0], back - self._before[1]


def card(running: Running, number: str) -> Row:
    """The row of one swipe at the front. The same card within two seconds is one read: another one
    goes before it."""
    return running.access(lambda: running.swipe(number))


def test_a_server_grants_and_the_portal_opens(pro: Running, acs: AccessServer) -> None:
    acs.decide = lambda _: decision(7, user_id=1, user_name="Ana", portal_id=1)
    edges = Edges(pro)
    row = card(pro, ANA)
    assert (row["event"], row["user_id"], row["portal_id"]) == (7, 1, 1)
    assert edges() == (2, 0)
    ((path, form),) = acs.questions
    assert path == "new_user_identified.fcgi"
    assert (form["user_id"], form["user_name"], form["card_value"]) == ("1", "Ana", ANA_VALUE)
    assert (form["event"], form["portal_id"], form["time"]) == ("8", "1", str(row["time"]))
    assert form["device_id"] == str(row["device_id"])
    assert form["identifier_id"] == str(row["identifier_id"])


def test_a_server_may_open_another_door_than_the_portals(pro: Running, acs: AccessServer) -> None:
    acs.decide = lambda _: decision("7", user_id="1", actions=OPEN_BACK)
    edges = Edges(pro)
    assert card(pro, BRUNO)["event"] == 7
    assert edges() == (0, 2)


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (decision(6, user_id=1), 6),
        (decision(7, actions=[{"action": "explode"}]), 6),
        (says({"status": "allowed"}), 14),
        (says({}), 14),
    ],
    ids=["denied", "malformed action", "no result", "empty"],
)
def test_without_a_grant_nothing_opens(
    pro: Running, acs: AccessServer, answer: Talk, event: int
) -> None:
    acs.decide = lambda _: answer
    edges = Edges(pro)
    pro.stranger()  # the same card within two seconds is one read
    assert card(pro, ANA)["event"] == event
    assert edges() == (0, 0)
    assert online(pro)["reachable"]


def test_in_enterprise_mode_the_server_identifies_cards_and_pins(
    enterprise: Running, acs: AccessServer
) -> None:
    acs.decide = lambda form: decision(7 if form.get("card_value") == STRANGER_VALUE else 6)
    edges = Edges(enterprise)
    assert card(enterprise, STRANGER)["event"] == 7
    assert edges() == (2, 0)
    acs.decide = lambda form: decision(7, user_id=5 if form["pin_value"] == "8642" else 0)
    row = enterprise.access(lambda: enterprise.sim("key", reader="front", value="8642#"))
    assert (row["event"], row["user_id"]) == (7, 5)
    assert edges() == (4, 0)
    (path, form), (pin_path, pin_form) = acs.questions
    assert (path, form["card_value"], form["panic"]) == ("new_card.fcgi", STRANGER_VALUE, "0")
    assert pin_path == "new_user_identified.fcgi"
    assert (pin_form["event"], pin_form["user_id"], pin_form["pin_value"]) == ("3", "0", "8642")


def test_a_late_answer_opens_nothing(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    released = threading.Event()

    def late(connection: Any) -> None:
        released.wait()
        decision(7)(connection)

    pro.api.configure(
        "online_client", request_timeout=500, max_request_attempts=1, contingency_enabled=0
    )
    acs.decide = lambda _: late
    edges = Edges(pro)
    pro.stranger()
    try:
        assert card(pro, ANA)["event"] == 6
    finally:
        released.set()
    pro.api.configure("online_client", request_timeout=5_000)
    eventually(lambda: asked(pro), "the server again")
    acs.decide = lambda _: decision(6)
    pro.stranger()
    assert edges() == (0, 0)


def test_a_door_opens_while_the_question_of_another_waits(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    released = threading.Event()

    def slow(connection: Any) -> None:
        released.wait()
        decision(6)(connection)

    acs.decide = lambda form: slow if form["portal_id"] == "1" else decision(7)
    edges = Edges(pro)
    before = pro.api.last_id("access_logs")
    pro.swipe(STRANGER, "front")
    eventually(lambda: acs.questions, "the first question")
    assert pro.status().online.waiting == 1  # type: ignore[union-attr] # - it is on
    try:
        row = pro.access(lambda: pro.sim("qr", reader="qr", value="DEMO-ANA"))
        assert (row["event"], row["portal_id"]) == (7, 2)
        assert edges() == (0, 2)
        assert pro.status().online.waiting == 1  # type: ignore[union-attr] # - it is on
    finally:
        released.set()
    rows = eventually(
        lambda: len(found := pro.api.since("access_logs", before)) == 2 and found, "both rows"
    )
    assert [it["event"] for it in rows] == [7, 6]


def test_an_exit_button_is_told_to_the_server(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    acs.told.clear()
    row = pro.access(lambda: pro.sim("rex", door="front", value="0.1"))
    path, body = eventually(lambda: acs.told, "the message")[0]
    assert path == "new_rex_log.fcgi"
    told = {name: row[name] for name in ("time", "event", "user_id", "portal_id")}
    assert told["event"] == 11
    assert body == {"device_id": row["device_id"], "rex_log": told}


def test_an_enrolment_that_nobody_waits_for_is_told_to_the_server(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    acs.told.clear()
    order = {"type": "card", "user_id": 5, "save": False, "sync": False, "countdown": 30}
    pro.api.ask("remote_enroll", order)
    eventually(
        lambda: pro.api.ask("enroller_state")["enroller_state"] == "ENROLL_CARD_STATE", "waiting"
    )

    def read() -> Any:
        pro.swipe("88,99")
        return acs.told

    device_id = int(pro.api.ask("system_information")["device_id"])
    body = {"user_id": 5, "card_value": (88 << 32) | 99, "device_id": device_id}
    assert eventually(read, "the card")[0] == ("card_create.fcgi", body)


def test_a_server_that_dies_leaves_the_decision_here_until_it_is_back(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    acs.decide = lambda _: decision(6)
    pro.stranger()
    edges = Edges(pro)
    acs.die()
    try:
        row = card(pro, ANA)
        assert row["event"] == 7, "by this device's own rules"
        assert edges() == (2, 0)
        assert not asked(pro)
        lost = eventually(lambda: (it := online(pro)) and not it["reachable"] and it, "the loss")
        assert "refused" in lost["last_error"]
        found = pro.site.type("doctor")
        assert f"http://127.0.0.1:{acs.port} fails: " in found.stdout
    finally:
        acs.come_back()
    eventually(lambda: asked(pro), "the server again")
    acs.questions.clear()
    assert card(pro, BRUNO)["event"] == 6
    assert len(acs.questions) == 1
    assert edges() == (2, 0)


def test_a_controller_that_was_killed_asks_again(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    acs.decide = lambda _: decision(7)
    pro.kill("controller")
    eventually(lambda: pro.api.post("doors_state")[0] == 200, "the controller's return")
    eventually(lambda: asked(pro), "the server, told to the new controller")
    edges = Edges(pro)
    assert card(pro, STRANGER)["event"] == 7
    assert edges() == (2, 0)


def test_changes_of_the_settings_have_effect_without_a_new_start(
    pro: Running, acs: AccessServer, eventually: Eventually
) -> None:
    pids = pro.child("api"), pro.child("controller")
    pro.api.configure("general", online=0)
    eventually(lambda: online(pro) == {}, "the standalone mode")
    acs.questions.clear()
    acs.decide = lambda _: decision(6)
    pro.stranger()
    assert card(pro, ANA)["event"] == 7
    assert acs.questions == []
    pro.api.configure("general", online=1)
    eventually(lambda: asked(pro), "a server that is asked")
    assert card(pro, STRANGER)["event"] == 6
    assert len(acs.questions) == 1
    assert (pro.child("api"), pro.child("controller")) == pids
