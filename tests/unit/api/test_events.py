"""What happened, newest first, and how much of it, asked over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.commands.context import CommandContext
from gateway.commands.events import MOST_EVENTS
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal
from gateway.store.tables.accounts import Role

Ask = Callable[..., Any]

ANA, BRUNO, GONE = 201, 202, 299
NOON = datetime(2026, 11, 21, 15, tzinfo=UTC)  # 12:00 on the site's clock
NOON_S = 1_795_262_400
MINUTE, HOUR = 60, 3_600
FRONT, BACK = 1, 2
OFFICE = {"rule_id": 12, "name": "Office hours", "applied": False, "why": "out_of_time"}


def access(id_: int, reason: str, event: int, user: int = 0, **more: Any) -> dict[str, Any]:
    row = {"id": id_, "time": NOON_S, "event": event, "user_id": user, "portal_id": FRONT}
    body = {"row": {**row, **more.pop("row", {})}, "rules": [], "reason": reason, "trace": []}
    return {**body, "facts": {"form": 1, **more.pop("facts", {})}, **more}


def moved(id_: int, door: int, way: str) -> dict[str, Any]:
    what = {"event": "door", "type": way, "identification": str(door), "timestamp": NOON_S}
    return {"row": {"id": id_, **what}}


ENTRIES: list[tuple[EntryKind, dict[str, Any]]] = [
    (EntryKind.STARTED, {}),
    (
        EntryKind.ACCESS,
        access(1, "granted", 7, ANA, row={"card_value": 555}, facts={"reader": "front"}),
    ),
    (EntryKind.ACCESS_EVENT, moved(1, FRONT, "OPEN")),
    (EntryKind.ACCESS_EVENT, moved(2, FRONT, "CLOSE")),
    (
        EntryKind.ACCESS,
        access(
            2,
            "out_of_time",
            6,
            BRUNO,
            row={"pin_value": "4711"},
            facts={"reader": "front"},
            trace=[OFFICE],
        ),
    ),
    (EntryKind.CODE_USED, {"card_id": 1, "card_value": 1, "step": 1, "oldest": 1}),
    (EntryKind.ACCESS, access(3, "no_rule", 6, GONE, facts={"reader": "front"})),
    (EntryKind.ACCESS, access(4, "button", 11, row={"portal_id": BACK}, facts={"door": BACK})),
    (
        EntryKind.ALARM,
        {"row": {"id": 1, "event": 1, "cause": 7, "door_id": BACK, "time": NOON_S, "user_id": 0}},
    ),
    (EntryKind.MODE, {"door": BACK, "mode": "lock_down", "login": "eva"}),
]
"""One a minute from noon on; their numbers are 1 to 10."""


@pytest.fixture(scope="module")
def site(throwaway: SimpleNamespace) -> Iterator[Ask]:
    """Asks a device with a journal; `login` names who asks."""
    context: CommandContext = throwaway.context
    context.store.insert(
        "users",
        [
            {"id": ANA, "name": "Ana Lima", "registration": "ana"},
            {"id": BRUNO, "name": "Bruno Conceição", "registration": "bruno"},
        ],
    )
    times = [(1, 7, 0), (2, 6, 0), (3, 3, 10), (4, 7, 70), (5, 11, 70), (6, 7, 24 * 60)]
    logs = context.store.model("access_logs")
    for id_, event, minutes in times:
        time = NOON_S + minutes * MINUTE
        logs.insert(id=900 + id_, time=time, event=event, portal_id=FRONT).execute()
    if context.accounts.find("operator") is None:
        context.accounts.set_password("operator", "correct horse", Role.OPERATOR)
    path = context.data / JOURNAL_FILE
    Journal.create(path)
    journal = Journal(path, "boot")
    journal.append(
        [
            Entry(kind, body, NOON + timedelta(minutes=number), 0, clock_trusted=True)
            for number, (kind, body) in enumerate(ENTRIES)
        ],
        {},
    )
    journal.close()
    tokens = {login: throwaway.token(login) for login in ("admin", "operator")}
    with requests.Session() as http:

        def ask(command: str, body: object = None, login: str = "operator") -> tuple[int, Any]:
            url = f"{throwaway.url}/{command}.fcgi?session={tokens.get(login, '')}"
            reply = http.post(url, json=body, timeout=30)
            return reply.status_code, reply.json()

        yield ask


def events(ask: Ask, **body: object) -> Any:
    status, answer = ask("recent_events", body)
    assert status == 200, answer
    return answer


def numbers(ask: Ask, **body: object) -> list[int]:
    return [event["seq"] for event in events(ask, **body)["events"]]


@pytest.mark.effect("recent_events")
def test_what_happened_comes_newest_first_without_what_only_the_controller_needs(
    site: Ask,
) -> None:
    answer = events(site)
    assert [event["seq"] for event in answer["events"]] == [10, 9, 8, 7, 5, 4, 3, 2, 1]
    assert answer["last"] == 10
    assert "before" not in answer, "there is nothing more"


def test_an_event_has_the_facts_of_its_sentence_and_no_pin(site: Ask) -> None:
    [event] = events(site, access_log_id=2)["events"]
    assert (event["kind"], event["what"], event["reason"]) == ("denied", "denied", "out_of_time")
    assert (event["time"], event["local"]) == (NOON_S + 4 * MINUTE, NOON_S + 4 * MINUTE)
    assert event["users"] == [{"id": BRUNO, "name": "Bruno Conceição"}]
    assert (event["doors"], event["reader"], event["portal_id"]) == ([FRONT], "front", FRONT)
    assert event["values"] == {
        "rules": "Office hours",
        "credential": "PIN or password",
        "where": "door1",
    }
    assert event["text"] == "DENIED Bruno Conceição at front: outside the hours of 'Office hours'"
    assert "4711" not in str(event)


def test_who_was_deleted_since_has_no_name(site: Ask) -> None:
    [event] = events(site, user_id=GONE)["events"]
    assert event["users"] == [{"id": GONE, "name": None}]
    assert event["text"].startswith(f"DENIED user {GONE} at front")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"kinds": ["denied"]}, [7, 5]),
        ({"kinds": ["granted", "alarm"]}, [9, 2]),
        ({"kinds": ["door"]}, [8, 4, 3]),
        ({"kinds": ["mode"]}, [10]),
        ({"kinds": ["system"]}, [1]),
        ({"kinds": ["waiting"]}, []),
        ({"user_id": ANA}, [2]),
        ({"door": BACK}, [10, 9, 8]),
        ({"reader": "front"}, [7, 5, 2]),
        ({"reader": "front", "kinds": ["granted"]}, [2]),
        ({"after": 8}, [10, 9]),
        ({"since": NOON_S + 8 * MINUTE}, [10, 9]),
        ({"since": NOON_S + 2 * MINUTE, "until": NOON_S + 4 * MINUTE}, [4, 3]),
        ({"until": NOON_S}, []),
        ({"text": "conceicao"}, [5]),
        ({"text": "ANA front"}, [2]),
        ({"text": "nobody of that name"}, []),
    ],
)
def test_a_filter_leaves_the_others_out(
    site: Ask, filters: dict[str, object], found: list[int]
) -> None:
    assert numbers(site, **filters) == found


def test_pages_follow_each_other_without_a_gap(site: Ask) -> None:
    seen: list[int] = []
    body: dict[str, object] = {"limit": 2}
    while True:
        answer = events(site, **body)
        assert len(answer["events"]) <= 2
        seen += [event["seq"] for event in answer["events"]]
        if "before" not in answer:
            break
        body["before"] = answer["before"]
    assert seen == [10, 9, 8, 7, 5, 4, 3, 2, 1]


@pytest.mark.refusal("recent_events")
@pytest.mark.parametrize(
    ("body", "login", "status"),
    [
        ({}, "nobody", 401),
        ({"limit": MOST_EVENTS + 1}, "admin", 400),
        ({"kinds": ["rumours"]}, "admin", 400),
        ({"before": 0}, "admin", 400),
        ({"door": "1"}, "admin", 400),
        ({"since": -1}, "admin", 400),
        ({"text": "x" * 201}, "admin", 400),
    ],
)
def test_a_search_that_is_none_is_refused(site: Ask, body: object, login: str, status: int) -> None:
    assert site("recent_events", body, login)[0] == status


@pytest.mark.effect("access_counts")
def test_accesses_are_counted_by_hour_and_outcome(site: Ask) -> None:
    day = {"since": NOON_S, "until": NOON_S + 24 * HOUR}
    status, answer = site("access_counts", day)
    assert status == 200
    assert answer["counts"] == [
        {"time": NOON_S, "granted": 1, "denied": 2},
        {"time": NOON_S + HOUR, "granted": 1, "denied": 0},
    ]
    assert site("access_counts", {**day, "door": FRONT})[1] == answer
    assert site("access_counts", {**day, "door": BACK})[1] == {"counts": []}


@pytest.mark.refusal("access_counts")
@pytest.mark.parametrize(
    ("body", "login", "status"),
    [
        ({"since": 0, "until": 1}, "nobody", 401),
        ({"since": 1, "until": 1}, "admin", 400),
        ({"since": 0, "until": 1_000_000, "step": 60}, "admin", 400),
        ({"since": 0, "until": 1_000, "step": 1}, "admin", 400),
        ({"since": 0, "until": 1_000, "door": 9}, "admin", 404),
        ({"until": 1_000}, "admin", 400),
    ],
)
def test_a_time_that_is_none_is_not_counted(
    site: Ask, body: object, login: str, status: int
) -> None:
    assert site("access_counts", body, login)[0] == status
