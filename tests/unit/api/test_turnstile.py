"""The turnstile over HTTP: its action, its counters, its state; and a device that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.api.app import create_app
from gateway.api.server import Listener, Server
from gateway.link.messages import (
    Authorize,
    OpenDoor,
    Opening,
    OpenTogether,
    ReleaseTurnstile,
    ReportStatus,
    ResetTurnstile,
    TurnstileStatus,
)
from gateway.settings import Side, SiteFile

Ask = Callable[..., tuple[int, Any]]
CALLER = "operator"
IN, OUT = Side.CLOCKWISE, Side.ANTICLOCKWISE


def way(relay: int, turn: int) -> dict[str, object]:
    return {
        "relay": {"pin": relay, "locked": "low", "unlocked": "high"},
        "turn": {"pin": turn, "idle": "high"},
    }


TURNSTILE = {
    "name": "lobby",
    "egress": "mechanical",
    "clockwise": way(19, 20),
    "anticlockwise": way(21, 26),
}


@pytest.fixture(scope="module")
def lobby(device: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The device with a turnstile, and a session of each role."""
    context = device.context
    site = SiteFile.model_validate({**context.site.model_dump(), "turnstile": TURNSTILE})
    with Server(create_app(replace(context, site=site)), Listener("127.0.0.1", 0)) as server:
        tokens = {
            login: context.sessions.open(login, context.accounts.find(login).stamp).token
            for login in ("admin", "operator")
        }
        yield SimpleNamespace(
            url=server.url,
            token=tokens["operator"],
            admin=tokens["admin"],
            straw=device.straw,
            context=context,
        )


@pytest.fixture
def tell(lobby: SimpleNamespace) -> Ask:
    """Asks the device with a turnstile, as an operator where one may."""

    def post(command: str, body: object = None, verb: str = "POST") -> tuple[int, Any]:
        token = lobby.admin if command == "remote_user_authorization" else lobby.token
        url = f"{lobby.url}/{command}.fcgi?session={token}"
        reply = requests.request(verb, url, json=body, timeout=30)
        return reply.status_code, reply.json()

    return post


def actions(*pairs: tuple[str, str]) -> dict[str, object]:
    return {"actions": [{"action": name, "parameters": text} for name, text in pairs]}


@pytest.mark.parametrize(
    ("parameters", "sides", "reason"),
    [
        ("allow=clockwise", {IN}, None),
        ("allow=anticlockwise", {OUT}, None),
        (" allow = both ,x=1", {IN, OUT}, None),
        ("relay=1", {IN}, None),
        ("relay=2,reason=3", {OUT}, 3),
    ],
)
def test_the_action_names_the_sides_that_are_released(
    tell: Ask, lobby: SimpleNamespace, parameters: str, sides: set[Side], reason: int | None
) -> None:
    assert tell("execute_actions", actions(("catra", parameters))) == (200, {})
    (command,) = lobby.straw.commands
    assert isinstance(command, ReleaseTurnstile)
    assert (set(command.sides), command.reason) == (sides, reason)


def test_doors_and_turnstile_go_together(tell: Ask, lobby: SimpleNamespace) -> None:
    both = actions(("door", "door=1"), ("catra", "allow=clockwise"))
    assert tell("execute_actions", both) == (200, {})
    both_openings = (OpenDoor(door=1, by=CALLER), ReleaseTurnstile(sides=(IN,), by=CALLER))
    assert lobby.straw.commands == [OpenTogether(openings=both_openings)]


@pytest.mark.parametrize(
    ("action", "parameters", "said"),
    [
        ("catra", "", "catra: allow must be clockwise, anticlockwise or both (found '')"),
        ("catra", "allow=left", "(found 'left')"),
        ("catra", "Allow=both", "catra: allow must be"),
        ("catra", "allow=both,reason=9", "catra: reason must be 0 to 3"),
        ("open_collector", "", "this device has no card collector"),
    ],
)
def test_an_action_that_makes_no_sense_moves_nothing(
    tell: Ask, lobby: SimpleNamespace, action: str, parameters: str, said: str
) -> None:
    body = actions(("door", "door=1"), ("catra", "allow=both"), (action, parameters))
    status, refusal = tell("execute_actions", body)
    assert status == 400
    assert said in refusal["error"]
    assert lobby.straw.commands == []


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_the_counters_are_the_row_of_the_table(
    tell: Ask, lobby: SimpleNamespace, verb: str
) -> None:
    nothing = dict.fromkeys(
        ("left_turns", "right_turns", "entrance_turns", "exit_turns", "total_turns"), 0
    )
    assert tell("get_catra_info", verb=verb) == (200, nothing)
    counted = {"left_turns": 2, "right_turns": 3, "entrance_turns": 4, "exit_turns": 1}
    lobby.context.store.insert("catra_infos", [{"id": 1, **counted}])
    try:
        assert tell("get_catra_info", verb=verb) == (200, {**counted, "total_turns": 5})
    finally:
        lobby.context.store.destroy("catra_infos")


def test_the_event_state_is_the_controllers(tell: Ask, lobby: SimpleNamespace) -> None:
    status = TurnstileStatus(name="lobby", unlocked=(), released=(), mode="normal", event_state=5)
    lobby.straw.status = lobby.straw.status.model_copy(update={"turnstile": status})
    asked = {"event_action": "turn_state"}
    assert tell("turnstile_event_state", asked) == (200, {"event_state": 5})
    assert lobby.straw.of(ResetTurnstile) == []
    reset = {"event_action": "reset_state"}
    assert tell("turnstile_event_state", reset) == (200, {"event_state": 0})
    assert len(lobby.straw.of(ResetTurnstile)) == 1


@pytest.mark.parametrize("body", [{}, {"event_action": "spin"}, {"event_action": 1}, None])
def test_another_event_action_is_refused_by_its_member(tell: Ask, body: object) -> None:
    status, refusal = tell("turnstile_event_state", body)
    assert status == 400
    assert "event_action" in refusal["error"]


def test_a_servers_grant_carries_its_ways_and_its_kind_of_punch(
    tell: Ask, lobby: SimpleNamespace
) -> None:
    (kind,) = lobby.context.store.insert("log_types", [{"name": "lunch"}])
    grant = {
        "event": 7,
        "user_id": 6,
        "portal_id": 1,
        "log_type_id": kind,
        **actions(("catra", "allow=clockwise"), ("door", "door=2")),
    }
    assert tell("remote_user_authorization", grant) == (200, {})
    assert lobby.straw.of(Authorize) == [
        Authorize(
            event=7,
            user_id=6,
            portal_id=1,
            openings=(Opening(door=2),),
            turnstile=(IN,),
            log_type_id=kind,
            by="admin",
        )
    ]


@pytest.mark.parametrize("given", [{}, {"log_type_id": -1}, {"log_type_id": 0}])
def test_an_access_without_a_kind_of_punch_has_none(
    tell: Ask, lobby: SimpleNamespace, given: dict[str, object]
) -> None:
    assert tell("remote_user_authorization", {"event": 6, "user_id": 6, **given}) == (200, {})
    (told,) = lobby.straw.of(Authorize)
    assert told.log_type_id == -1


@pytest.mark.parametrize("given", [987_654, -2, 1 << 64, "1"])
def test_a_kind_of_punch_that_does_not_exist_is_refused_by_name(
    tell: Ask, lobby: SimpleNamespace, given: object
) -> None:
    body = {"event": 6, "user_id": 6, "log_type_id": given}
    status, refusal = tell("remote_user_authorization", body)
    assert status == 400
    assert "log_type_id" in refusal["error"]
    assert lobby.straw.commands == []


def test_a_device_without_a_turnstile_says_so(ask: Ask, device: SimpleNamespace) -> None:
    for command, body in (
        ("get_catra_info", None),
        ("turnstile_event_state", {"event_action": "turn_state"}),
        ("turnstile_event_state", {"event_action": "reset_state"}),
    ):
        status, refusal = ask(command, body)
        assert (status, refusal["error"]) == (400, "this device has no turnstile")
    status, refusal = ask("execute_actions", actions(("catra", "allow=both")))
    assert (status, refusal["error"]) == (400, "catra: this device has no turnstile")
    grant = {"event": 7, **actions(("catra", "allow=both"))}
    assert ask("remote_user_authorization", grant)[0] == 400
    assert {type(command) for command in device.straw.commands} == {ReportStatus}
