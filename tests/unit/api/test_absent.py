"""Commands for parts that this device lacks: refused by name, never carried out in appearance."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.api.controlid import endpoints
from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.api.openapi.document import document
from gateway.api.reading import BODY_LIMIT
from gateway.commands import table
from gateway.commands.absent import ABSENT

Ask = Callable[..., tuple[int, Any]]
NewToken = Callable[..., str]

DESCRIBED = document()["paths"]
TRUTHS: dict[str, dict[str, object]] = {
    "secbox_is_active": {"isActive": False},
    "has_audio_access_messages": {
        "not_identified": False,
        "authorized": False,
        "not_authorized": False,
        "use_mask": False,
    },
    "has_pjsip_audio_message": {"file_exists": False},
    "get_sip_status": {"status": -1, "in_call": False},
    "has_vpn_file": {"has_file": False},
    "get_vpn_status": {"status": 8},
    "template_sync_init": {},
    "template_sync_end": {},
}
BODIES = {
    "nothing": b"",
    "JSON": b'{"message": "Hello", "timeout": 0}',
    "JSON that is broken": b'{"message": ',
    "a form": b"message=Hello",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\xff" * 1_000,
}


def send(
    device: SimpleNamespace, name: str, token: str, body: bytes = b"", method: str = "POST"
) -> tuple[int, Any]:
    url = f"{device.url}/{name}.fcgi?current=1&session={token}&total=2"
    reply = requests.request(method, url, data=body, timeout=30)
    return reply.status_code, reply.json()


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_not_there_is_refused_by_name(
    device: SimpleNamespace, new_token: NewToken, name: str
) -> None:
    for login in ("admin", "operator"):
        status, answer = send(device, name, new_token(login))
        assert status == 400
        assert answer == {"error": f"{name}: this device has no {ABSENT[name]}", "code": 1}
    assert send(device, name, "dead") == (401, {"error": "Invalid session", "code": 1})
    takes_get = "GET" in http_of(PATHS[name]).methods
    assert send(device, name, new_token(), method="GET")[0] == (400 if takes_get else 405)
    assert send(device, name, new_token(), method="DELETE")[0] == 405


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_whatever_the_body_holds_the_answer_is_the_same(
    device: SimpleNamespace, new_token: NewToken, body: bytes
) -> None:
    for name in ("message_to_screen", "logo_change", "template_extract"):
        assert send(device, name, new_token(), body)[0] == 400


def test_a_body_that_is_too_long_is_refused_as_anywhere(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    assert send(device, "send_video", new_token(), bytes(BODY_LIMIT))[0] == 400
    assert send(device, "send_video", new_token(), bytes(BODY_LIMIT + 1))[0] == 413


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_always_refused_is_described_with_its_refusal_alone(name: str) -> None:
    for operation in DESCRIBED[f"/{name}.fcgi"].values():
        assert "400" in operation["responses"]
        assert "200" not in operation["responses"]
        assert not operation["requestBody"]["required"]
        assert ABSENT[name] in operation["summary"]


def test_the_page_says_that_it_is_always_refused(device: SimpleNamespace) -> None:
    page = requests.get(f"{device.url}/docs/api", timeout=30).text
    section = page.partition('id="/make_sip_call.fcgi"')[2].partition("</section>")[0]
    assert "Always refused" in section


@pytest.mark.parametrize("name", TRUTHS)
def test_a_question_about_what_is_not_there_is_answered_as_it_stands(
    ask: Ask, device: SimpleNamespace, name: str
) -> None:
    assert ask(name, {}) == (200, TRUTHS[name])
    assert send(device, name, "dead")[0] == 401


def test_no_command_has_the_name_of_another() -> None:
    names = [name for command in table._ALL for name in (command.name, *http_of(command).aliases)]
    assert sorted(names) == sorted(PATHS)


def test_what_is_said_of_a_command_over_http_is_said_of_one_that_is_there() -> None:
    assert set(endpoints._HTTP) <= set(table.COMMANDS)


# buzzer


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("frequency", 0),
        ("frequency", 20_001),
        ("frequency", "4000"),
        ("duty_cycle", 0),
        ("duty_cycle", 51),
        ("duty_cycle", 12.5),
        ("timeout", 0),
        ("timeout", 3_001),
        ("timeout", None),
    ],
)
def test_a_beep_that_makes_no_sense_is_refused_naming_its_member(
    ask: Ask, member: str, wrong: object
) -> None:
    beep = {"frequency": 20_000, "duty_cycle": 1, "timeout": 3_000, member: wrong}
    status, answer = ask("buzzer_buzz", beep)
    assert status == 400
    assert f"'{member}'" in answer["error"]
    del beep[member]
    assert ask("buzzer_buzz", beep)[0] == 400
