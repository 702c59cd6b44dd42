"""Doors and alarms over HTTP, carried out by the controller."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.commands.pace import RESERVE
from gateway.errors import InvalidRequest, NotPermitted
from gateway.link.messages import OpenDoor, OpenTogether, Silence

Ask = Callable[..., tuple[int, Any]]
CALLER = "admin"


def actions(*pairs: tuple[str, object]) -> dict[str, object]:
    return {"actions": [{"action": name, "parameters": text} for name, text in pairs]}


@pytest.mark.parametrize(
    ("action", "parameters", "command"),
    [
        ("door", "door=1", OpenDoor(door=1)),
        ("door", "door=2, timeout=3000, reason=3", OpenDoor(door=2, timeout_ms=3000, reason=3)),
        ("door", " door = 2 ,timeout= 0,x=1,,y", OpenDoor(door=2, timeout_ms=0)),
        ("door", "timeout=-1,door=1", OpenDoor(door=1, timeout_ms=-1)),
        ("sec_box", "id=65793, reason=3", OpenDoor(door=2, reason=3)),
        ("sec_box", "id=65793=1,timeout=500", OpenDoor(door=2, timeout_ms=500)),
        ("sec_box", "id=122641794704911600", OpenDoor(door=2)),
        ("sec_box", "id=1.226417947049116e+17,reason=0", OpenDoor(door=2, reason=0)),
        ("sec_box", "", OpenDoor(door=2)),
        ("sec_box", None, OpenDoor(door=2)),
    ],
)
def test_an_action_becomes_one_command(
    ask: Ask, device: SimpleNamespace, action: str, parameters: object, command: OpenDoor
) -> None:
    device.caught_up.clear()
    assert ask("execute_actions", actions((action, parameters))) == (200, {})
    assert device.straw.commands == [command.model_copy(update={"by": CALLER})]
    assert len(device.caught_up) == 1


def test_several_actions_are_one_command_in_their_order(ask: Ask, device: SimpleNamespace) -> None:
    body = actions(("door", "door=2"), ("sec_box", "id=65793"), ("door", "door=1"))
    assert ask("execute_actions", body) == (200, {})
    openings = tuple(OpenDoor(door=door, by=CALLER) for door in (2, 2, 1))
    assert device.straw.commands == [OpenTogether(openings=openings)]


@pytest.mark.parametrize(
    ("action", "parameters", "text"),
    [
        ("catra", "allow=both", "catra"),
        ("Door", "door=1", "Door"),
        ("", "", "unknown action"),
        ("door", "", "door"),
        ("door", "Door=1", "'door' is missing"),
        ("door", "door=3", "no door 3"),
        ("door", "door=0", "0"),
        ("door", "door=one", "'one'"),
        ("door", "door=1,timeout=-2", "timeout"),
        ("door", "door=1,timeout=600001", "timeout"),
        ("door", "door=1,timeout=1e3", "timeout"),
        ("door", "door=1,reason=4", "reason"),
        ("sec_box", "id=front", "'front'"),
    ],
)
def test_one_wrong_action_keeps_every_door_as_it_is(
    ask: Ask, device: SimpleNamespace, action: str, parameters: str, text: str
) -> None:
    body = actions(("door", "door=1"), (action, parameters))
    status, refusal = ask("execute_actions", body)
    assert status == 400
    assert text in refusal["error"]
    assert device.straw.commands == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"actions": "door"},
        {"actions": [1]},
        {"actions": [{}]},
        actions(("door", 1)),
        actions(*[("door", "door=1")] * 33),
    ],
)
def test_a_malformed_list_of_actions_opens_nothing(
    ask: Ask, device: SimpleNamespace, body: dict[str, object]
) -> None:
    assert ask("execute_actions", body)[0] == 400
    assert device.straw.commands == []


@pytest.mark.parametrize(
    ("error", "status"), [(NotPermitted("locked down"), 403), (InvalidRequest("no"), 400)]
)
def test_what_the_controller_refuses_is_told(
    ask: Ask, device: SimpleNamespace, error: Any, status: int
) -> None:
    device.straw.refusal = error
    answer = ask("execute_actions", actions(("door", "door=1")))
    assert answer == (status, {"error": str(error), "code": 1})


@pytest.mark.parametrize("command", ["doors_state", "door_state"])
def test_doors_are_told_open_or_not(ask: Ask, command: str) -> None:
    assert ask(command) == (
        200,
        {"doors": [{"id": 1, "open": False}, {"id": 2, "open": True}]},
    )


def test_the_alarm_is_told_and_silenced(ask: Ask, device: SimpleNamespace) -> None:
    assert ask("alarm_status") == (200, {"active": False, "cause": 0})
    device.straw.status = device.straw.status.model_copy(
        update={"alarm_active": True, "alarm_cause": 7}
    )
    assert ask("alarm_status", {"stop": False}) == (200, {"active": True, "cause": 7})
    assert device.straw.of(Silence) == []
    device.caught_up.clear()
    assert ask("alarm_status", {"stop": True}) == (200, {})
    assert device.straw.of(Silence) == [Silence()]
    assert len(device.caught_up) == 1


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("execute_actions", actions(("door", "door=1"))),
        ("doors_state", {}),
        ("alarm_status", {}),
        ("alarm_status", {"stop": True}),
    ],
)
def test_without_a_controller_doors_and_alarms_say_so(
    lonely: SimpleNamespace, command: str, body: dict[str, object]
) -> None:
    reply = requests.post(
        f"{lonely.url}/{command}.fcgi?session={lonely.token}", json=body, timeout=30
    )
    assert reply.status_code == 503
    assert reply.json() == {"error": "the controller does not answer", "code": 1}


def test_without_a_controller_everything_else_answers(lonely: SimpleNamespace) -> None:
    for command, body in (
        ("load_objects", {"object": "users"}),
        ("system_information", {}),
        ("get_configuration", {}),
    ):
        reply = requests.post(
            f"{lonely.url}/{command}.fcgi?session={lonely.token}", json=body, timeout=30
        )
        assert reply.status_code == 200


def test_the_device_tells_about_itself(ask: Ask, device: SimpleNamespace) -> None:
    status, body = ask("system_information")
    assert status == 200
    assert body["uptime"] == {"days": 1, "hours": 2, "minutes": 3, "seconds": 4}
    # 1 July 2025, 09:00 on the wall in Sao Paulo.
    assert body["time"] == 1751360400
    assert body["daylight_savings_time_active"] is False
    for kind in ("disk", "ram"):
        assert 0 < body["memory"][kind]["free"] <= body["memory"][kind]["total"]
    assert body["device_id"] == "514685"
    assert body["serial"] == "B14T"
    assert (body["version"], body["gateway_version"]) == ("6.11.2", "1.2.3")
    assert body["device_two_names"] == "Gateway"
    assert body["online"] is False
    assert body["network"]["web_server_port"] == 8080
    assert re.fullmatch(r"[0-9a-f:]{17}", body["network"]["mac"])
    assert set(body) == {
        "uptime",
        "time",
        "daylight_savings_time_active",
        "memory",
        "license",
        "biometrics",
        "network",
        "auth802_1x",
        "serial",
        "version",
        "device_id",
        "secbox_version",
        "iDCloud_code",
        "online",
        "online_available",
        "device_name",
        "device_two_names",
        "gateway_version",
    }
    device.straw.status = device.straw.status.model_copy(update={"clock_shift_s": 3600.0})
    assert ask("system_information")[1]["time"] == 1751360400 + 3600


@pytest.mark.refusal("system_information")
def test_a_stranger_learns_what_the_device_is_and_nothing_of_the_site(
    ask: Ask, device: SimpleNamespace
) -> None:
    known, url = ask("system_information")[1], f"{device.url}/system_information.fcgi"
    for method in ("GET", "POST"):
        reply = requests.request(method, url, timeout=30)
        assert reply.status_code == 200
        told = reply.json()
        assert told.keys() == known.keys()
        assert told["network"].keys() == known["network"].keys()
        same = ("serial", "device_id", "version", "device_two_names", "license", "time")
        assert all(told[name] == known[name] for name in same)
        assert all(told["network"][name] == known["network"][name] for name in ("mac", "ip"))
        assert (told["device_name"], told["gateway_version"]) == ("", "")
        hidden = ("netmask", "gateway", "primary_dns", "secondary_dns", "device_hostname")
        assert all(told["network"][name] == "" for name in hidden)
        types = {name: type(value) for name, value in known.items()}
        assert {name: type(value) for name, value in told.items()} == types
    dead = requests.post(url, params={"session": "dead"}, timeout=30)
    assert (dead.status_code, dead.json()["error"]) == (401, "Invalid session")


def test_the_version_that_clients_compare_is_a_setting(ask: Ask) -> None:
    for version in ("5.9.3", "6.11.2"):
        assert ask("set_configuration", {"general": {"reported_version": version}})[0] == 200
        assert ask("system_information")[1]["version"] == version
    for wrong in ("", "six", "6", "6.11.2-rc1", "6..1"):
        status, body = ask("set_configuration", {"general": {"reported_version": wrong}})
        assert (status, "general.reported_version" in body["error"]) == (400, True)


def test_keys_that_clients_read_at_first_answer(ask: Ask) -> None:
    asked = {
        "general": ["relay_count"],
        "alarm": ["playing_timeout", "buzzer_enabled", "alarm_central_enabled"],
        "w_out": ["data"],
    }
    assert ask("get_configuration", asked)[1] == {
        "general": {"relay_count": "2"},
        "alarm": {"playing_timeout": "", "buzzer_enabled": "0", "alarm_central_enabled": "0"},
        "w_out": {"data": ""},
    }
    assert ask("get_configuration", {})[1]["general"]["relay_count"] == "2"
    assert ask("set_configuration", {"w_out": {"data": "CARD"}})[0] == 200
    both = ask("get_configuration", {"w_out": ["data"], "w_out0": ["data"]})[1]
    assert both == {"w_out": {"data": "CARD"}, "w_out0": {"data": "CARD"}}
    status, body = ask("set_configuration", {"general": {"relay_count": 4}})
    assert (status, body["error"]) == (
        400, "general.relay_count cannot be set: the site file says it"
    )  # fmt: skip


def test_a_login_opens_doors_as_fast_as_persons_pass_and_no_faster(
    order: Callable[..., requests.Response], throwaway: SimpleNamespace
) -> None:
    clock, pace = throwaway.context.clock, throwaway.context.pace
    clock.advance(RESERVE)
    pace.take("admin", RESERVE - 2, clock.monotonic_ns())
    one, two = actions(("door", "door=1")), actions(*[("door", "door=1")] * 2)
    assert order("execute_actions", two).status_code == 200
    throwaway.straw.commands.clear()
    refused = order("execute_actions", one)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert "2 a second" in refused.json()["error"]
    assert throwaway.straw.commands == []
    # A close is never refused, nor is another login.
    assert order("execute_actions", actions(("door", "door=1,timeout=-1"))).status_code == 200
    assert order("execute_actions", two, login="operator").status_code == 200
    clock.advance(1)
    assert order("execute_actions", two).status_code == 200
    assert order("execute_actions", one).status_code == 429
