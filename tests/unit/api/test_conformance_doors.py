"""Doors, alarms, wires and the turnstile over a real socket: each command carried out and refused.

Whether a pin moves is for `tests/e2e`; here the controller is of straw and tells what reached it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests

from gateway.api.app import create_app
from gateway.api.server import Listener, Server
from gateway.errors import NotSupportedHere
from gateway.link.messages import (
    Authorize,
    Buzz,
    OpenDoor,
    Opening,
    ResetTurnstile,
    Silence,
    TurnstileStatus,
)
from gateway.settings import SiteFile

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]

AWAY = {"error": "the controller does not answer", "code": 1}
GRANT = {
    "event": 7,
    "user_id": 6,
    "portal_id": 1,
    "actions": [{"action": "door", "parameters": "door=1"}],
}


def actions(parameters: str, action: str = "door") -> dict[str, object]:
    return {"actions": [{"action": action, "parameters": parameters}]}


@pytest.mark.effect("execute_actions")
@pytest.mark.refusal("execute_actions")
def test_an_action_opens_a_door_and_one_that_makes_no_sense_opens_none(
    order: Order, straw: StrawController
) -> None:
    refused = order("execute_actions", actions("door=4"))
    assert refused.status_code == 400
    assert "no door 4" in refused.json()["error"]
    assert straw.of(OpenDoor) == []
    assert order("execute_actions", actions("door=2, timeout=500, reason=1")).json() == {}
    assert straw.of(OpenDoor) == [OpenDoor(door=2, timeout_ms=500, reason=1, by="admin")]


@pytest.mark.effect("remote_user_authorization")
@pytest.mark.refusal("remote_user_authorization")
def test_an_authorisation_reaches_the_controller_or_nothing_does(
    order: Order, straw: StrawController
) -> None:
    refused = order("remote_user_authorization", {**GRANT, "event": 99})
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("event must be one of")
    assert straw.of(Authorize) == []
    assert order("remote_user_authorization", GRANT).json() == {}
    (told,) = straw.of(Authorize)
    assert (told.event, told.user_id, told.portal_id) == (7, 6, 1)
    assert told.openings == (Opening(door=1),)


@pytest.mark.effect("doors_state")
def test_doors_are_told_open_or_closed(order: Order, straw: StrawController) -> None:
    closed, opened = straw.status.doors
    expected = [{"id": closed.id, "open": False}, {"id": opened.id, "open": True}]
    assert order("doors_state").json() == {"doors": expected}


@pytest.mark.effect("alarm_status")
@pytest.mark.refusal("alarm_status")
def test_an_alarm_is_told_and_silenced(order: Order, straw: StrawController) -> None:
    straw.status = straw.status.model_copy(update={"alarm_active": True, "alarm_cause": 7})
    assert order("alarm_status").json() == {"active": True, "cause": 7}
    refused = order("alarm_status", {"stop": "yes"})
    assert refused.status_code == 400
    assert "'stop'" in refused.json()["error"]
    assert straw.of(Silence) == []
    assert order("alarm_status", {"stop": True}).json() == {}
    assert straw.of(Silence) == [Silence()]


@pytest.mark.refusal("execute_actions", "doors_state", "alarm_status", "remote_user_authorization")
def test_without_a_controller_nothing_is_carried_out(lonely: SimpleNamespace) -> None:
    for command, body in (
        ("execute_actions", actions("door=1")),
        ("doors_state", {}),
        ("alarm_status", {"stop": True}),
        ("remote_user_authorization", GRANT),
    ):
        url = f"{lonely.url}/{command}.fcgi?session={lonely.token}"
        reply = requests.post(url, json=body, timeout=30)
        assert (reply.status_code, reply.json()) == (503, AWAY)


@pytest.mark.effect("gpio_state")
@pytest.mark.refusal("gpio_state")
def test_a_wire_is_told_by_its_number(order: Order) -> None:
    locked, unlocked = (order("gpio_state", {"gpio": number}).json() for number in (11, 12))
    assert (locked["pin"], locked["in"], locked["value"]) == ("relay1", 0, locked["idle"])
    assert unlocked["value"] != unlocked["idle"]
    refused = order("gpio_state", {"gpio": 9})
    assert refused.status_code == 404
    assert "gpio 9" in refused.json()["error"]


BEEP = {"frequency": 4_000, "duty_cycle": 50, "timeout": 250}


@pytest.mark.effect("buzzer_buzz")
def test_a_beep_is_handed_on_for_its_time(order: Order, straw: StrawController) -> None:
    assert order("buzzer_buzz", BEEP).json() == {}
    assert straw.of(Buzz) == [Buzz(for_ms=250)]


@pytest.mark.refusal("buzzer_buzz")
def test_a_beep_is_refused_where_no_reader_has_a_buzzer(
    order: Order, straw: StrawController
) -> None:
    straw.refusal = NotSupportedHere("this device has no buzzer")
    reply = order("buzzer_buzz", BEEP)
    assert (reply.status_code, set(reply.json())) == (400, {"error", "code"})
    assert "no buzzer" in reply.json()["error"]


# the turnstile


@pytest.fixture
def turnstile(throwaway: SimpleNamespace, straw: StrawController) -> Iterator[str]:
    """Where the same device answers as one with a turnstile that was just turned."""
    context, pins = throwaway.context, iter(range(20, 30))

    def way() -> dict[str, object]:
        relay = {"pin": next(pins), "locked": "low", "unlocked": "high"}
        return {"relay": relay, "turn": {"pin": next(pins), "idle": "high"}}

    wired = {
        "name": "entrance",
        "clockwise": way(),
        "anticlockwise": way(),
        "egress": "mechanical",
    }
    site = SiteFile.model_validate({**context.site.model_dump(mode="json"), "turnstile": wired})
    status = TurnstileStatus(
        name="entrance", unlocked=(), released=(), mode="normal", event_state=4
    )
    straw.status = straw.status.model_copy(update={"turnstile": status})
    with Server(create_app(replace(context, site=site)), Listener("127.0.0.1", 0)) as server:
        yield server.url


@pytest.mark.effect("get_catra_info")
def test_turns_are_counted(order: Order, turnstile: str) -> None:
    nothing = dict.fromkeys(("left_turns", "right_turns", "entrance_turns", "exit_turns"), 0)
    assert order("get_catra_info", url=turnstile).json() == {**nothing, "total_turns": 0}
    counts = {"left_turns": 3, "right_turns": 4, "entrance_turns": 5, "exit_turns": 2}
    row = {"object": "catra_infos", "values": [{"id": 1, **counts}]}
    assert order("create_objects", row).status_code == 200
    assert order("get_catra_info", url=turnstile).json() == {**counts, "total_turns": 7}
    order("destroy_objects", {"object": "catra_infos"})


@pytest.mark.effect("turnstile_event_state")
def test_the_last_turn_is_told_and_forgotten(
    order: Order, straw: StrawController, turnstile: str
) -> None:
    asked = {"event_action": "turn_state"}
    assert order("turnstile_event_state", asked, url=turnstile).json() == {"event_state": 4}
    forgotten = order("turnstile_event_state", {"event_action": "reset_state"}, url=turnstile)
    assert forgotten.json() == {"event_state": 0}
    assert straw.of(ResetTurnstile) == [ResetTurnstile()]


@pytest.mark.refusal("get_catra_info", "turnstile_event_state")
def test_without_a_turnstile_its_commands_say_so(order: Order) -> None:
    for command, body in (
        ("get_catra_info", None),
        ("turnstile_event_state", {"event_action": "turn_state"}),
    ):
        reply = order(command, body)
        assert reply.status_code == 400
        assert "turnstile" in reply.json()["error"]
