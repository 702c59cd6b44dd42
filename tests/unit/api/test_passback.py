"""The commands of anti-passback over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import ControllerUnavailable
from gateway.link.messages import AskPosition, Forgive
from gateway.store.tables.audit import AuditType, entries

Ask = Callable[..., tuple[int, Any]]
EVA = 4_711


@pytest.fixture(scope="module", autouse=True)
def _eva(device: SimpleNamespace) -> None:
    device.context.store.insert("users", [{"id": EVA, "name": "Eva"}])


@pytest.mark.effect("forgive_antipassback")
def test_a_person_or_everyone_is_forgiven(device: SimpleNamespace, ask: Ask) -> None:
    assert ask("forgive_antipassback", {"user_id": EVA}) == (200, {})
    assert ask("forgive_antipassback", {"all": True}) == (200, {})
    assert ask("forgive_antipassback", {"all": 1}) == (200, {})
    asked = [command.user_id for command in device.straw.of(Forgive)]
    assert asked == [EVA, None, None]
    told = [line for line in entries(device.context.store, [AuditType.API]) if "forgive" in line]
    assert [line.rpartition(": ")[2] for line in told] == [
        f"forgive_antipassback of user {EVA}",
        "forgive_antipassback of everyone",
        "forgive_antipassback of everyone",
    ]


@pytest.mark.refusal("forgive_antipassback")
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "either user_id or all"),
        ({"all": False}, 400, "either user_id or all"),
        ({"user_id": EVA, "all": True}, 400, "either user_id or all"),
        ({"user_id": "1"}, 400, "user_id"),
        ({"user_id": 0}, 400, "user_id"),
        ({"user_id": EVA + 1}, 404, f"no user {EVA + 1}"),
    ],
)
def test_nobody_is_forgiven_by_mistake(
    device: SimpleNamespace, ask: Ask, body: object, status: int, said: str
) -> None:
    found, answer = ask("forgive_antipassback", body)
    assert found == status
    assert said in answer["error"]
    assert device.straw.of(Forgive) == []


@pytest.mark.effect("antipassback_state")
def test_the_controller_is_asked_where_somebody_is(device: SimpleNamespace, ask: Ask) -> None:
    unknown = {"user_id": EVA, "area_id": 0, "since": 0}
    assert ask("antipassback_state", {"user_id": EVA}) == (200, unknown)
    assert device.straw.of(AskPosition) == [AskPosition(user_id=EVA)]


@pytest.mark.effect("antipassback_state")
def test_since_is_told_in_device_time(device: SimpleNamespace, ask: Ask) -> None:
    device.straw.position = {"area_id": 7, "since_utc_s": 1_700_000_000}
    found = {"user_id": EVA, "area_id": 7, "since": 1_700_000_000 - 3 * 3_600}
    assert ask("antipassback_state", {"user_id": EVA}) == (200, found)


@pytest.mark.refusal("antipassback_state")
@pytest.mark.parametrize(("body", "status"), [({}, 400), ({"user_id": EVA + 1}, 404)])
def test_of_nobody_there_is_no_position(ask: Ask, body: object, status: int) -> None:
    assert ask("antipassback_state", body)[0] == status


@pytest.mark.parametrize("command", ["forgive_antipassback", "antipassback_state"])
def test_without_a_controller_nothing_is_claimed(
    device: SimpleNamespace, ask: Ask, command: str
) -> None:
    device.straw.refusal = ControllerUnavailable("away")
    assert ask(command, {"user_id": EVA})[0] == 503
