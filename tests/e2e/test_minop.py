"""The second vendor's API on the running gateway: what it says is what the door does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from tests.e2e.conftest import Running, Site

FRONT = 17
CARD = "200,7"
EVA = {"UserID": "900", "FirstName": "Eva", "LastName": "Reis", "UserType": "1"}
OFFICE = {
    "UserID": "900",
    "AccessStartTime": "08:00:00",
    "AccessEndTime": "18:00:00",
    "AccessDays": "1,2,3,4,5",
}

Say = Callable[..., tuple[int, Any]]


def manage(site: Site, verb: str, *words: str) -> str:
    """Type `gateway token`, which must succeed; what it prints."""
    done = site.home.type("token", verb, "--data", site.data, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def token(demo: Running) -> Iterator[str]:
    yield manage(demo.site, "create", "cloud").strip()
    manage(demo.site, "revoke", "cloud")


@pytest.fixture
def say(demo: Running, token: str) -> Say:
    def post(verb: str, entity: str, **data: object) -> tuple[int, Any]:
        answer = requests.post(
            f"{demo.url}/api/v1/execute",
            json={"CommandName": verb, "CommandEntity": entity, "OperationData": data},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        return answer.status_code, answer.json()

    return post


def test_a_person_passes_within_the_access_time_alone_and_never_once_deleted(
    demo: Running, say: Say
) -> None:
    done = (200, {"status": "done"})

    def event_at(moment: str) -> int:
        demo.wait_locked()
        demo.sim("clock", value=moment)
        edges = demo.board.edges(FRONT)
        event = int(demo.swiped(CARD)["event"])
        assert (demo.board.edges(FRONT) > edges) == (event == 7)
        return event

    assert say("Add", "User", **EVA) == done
    demo.api.create("cards", {"user_id": 900, "value": (200 << 32) | 7})
    assert event_at("2026-11-22T12:00:00") == 7  # a Sunday
    assert say("Update", "AccessTime", **OFFICE) == done
    assert event_at("2026-11-22T12:00:00") == 6
    assert event_at("2026-11-23T07:59:50") == 6
    assert event_at("2026-11-23T08:00:00") == 7
    assert event_at("2026-11-23T18:00:01") == 6
    assert say("Update", "AccessTime", **OFFICE | {"AccessEndTime": "x"})[0] == 400
    assert event_at("2026-11-23T12:00:00") == 7
    assert say("Update", "AccessTime", **OFFICE | {"AccessDays": "7"}) == done
    assert event_at("2026-11-23T12:00:00") == 6
    assert event_at("2026-11-22T12:00:00") == 7
    assert say("Delete", "User", UserID="900") == done
    assert event_at("2026-11-22T12:00:00") == 3
    assert demo.api.load("cards", where={"cards": {"user_id": 900}}) == []
    for name in ("access_rules", "time_zones"):
        assert demo.api.load(name, where={name: {"name": "minop:900"}}) == []


def test_logs_of_a_range_of_days_are_deleted_and_no_others(demo: Running, say: Say) -> None:
    def swiped_at(moment: str) -> int:
        demo.sim("clock", value=moment)
        return int(demo.stranger()["id"])

    inside, outside = [], []
    outside.append(swiped_at("2026-12-04T23:59:30"))
    inside.append(swiped_at("2026-12-05T00:00:00"))
    inside.append(swiped_at("2026-12-06T23:59:30"))
    outside.append(swiped_at("2026-12-07T00:00:00"))

    def kept() -> set[int]:
        return {row["id"] for row in demo.api.load("access_logs")}

    before = kept()
    assert {*inside, *outside} <= before
    assert say("Delete", "AttendanceLog", StartDate="2026-12-05", EndDate="2026-12-05x")[0] == 400
    assert kept() == before
    data = {"StartDate": "2026-12-05", "EndDate": "2026-12-06"}
    assert say("Delete", "AttendanceLog", **data) == (200, {"status": "done"})
    assert kept() == before - {*inside}


def test_a_token_is_made_shown_once_listed_and_revoked(demo: Running) -> None:
    site = demo.site

    def status(token: str) -> int:
        return requests.post(
            f"{demo.url}/api/v1/execute",
            json={},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        ).status_code

    token = manage(site, "create", "erp").strip()
    assert len(token) == 64
    assert status(token) == 400  # known, and asked for nothing
    again = site.home.type("token", "create", "--data", site.data, "erp")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "gateway: there is a token erp already\n"
    [listed] = json.loads(manage(site, "list", "--json"))
    assert (listed["name"], set(listed)) == ("erp", {"name", "created"})
    text = manage(site, "list")
    assert text.endswith("  erp\n")
    assert token not in text
    manage(site, "revoke", "erp")
    assert status(token) == 401
    assert manage(site, "list") == ""
    gone = site.home.type("token", "revoke", "--data", site.data, "erp")
    assert (gone.returncode, gone.stderr) == (1, "gateway: there is no token erp\n")


def test_tokens_need_a_data_directory_that_init_made(demo: Running) -> None:
    done = demo.site.home.type("token", "list", "--data", demo.site.home.new_path())
    assert done.returncode == 1
    assert "gateway init" in done.stderr
