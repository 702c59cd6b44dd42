"""Why a door opened or did not, for whom and when, asked over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.commands.context import CommandContext
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal
from gateway.store.tables.accounts import Role

Ask = Callable[..., Any]

ANA, BRUNO, DAVI, EVA = 101, 102, 104, 105
OFFICE, VISITORS, OFFICE_RULE, BLOCK = 12, 13, 12, 15
FRONT, BACK = 1, 2
SATURDAY = 1_795_251_600  # 2026-11-21 09:00:00
MONDAY = 1_795_424_400  # 2026-11-23 09:00:00
NOW = 1_751_360_400  # 2025-07-01 09:00:00
HOUR = 3_600
WEEKDAYS = {"mon": 1, "tue": 1, "wed": 1, "thu": 1, "fri": 1, "sat": 0, "sun": 0}
NO_HOLIDAYS = {"hol1": 0, "hol2": 0, "hol3": 0}

ROWS: dict[str, list[dict[str, Any]]] = {
    "groups": [{"id": OFFICE, "name": "Office"}, {"id": VISITORS, "name": "Visitors"}],
    "users": [
        {"id": ANA, "name": "Ana", "registration": "a"},
        {"id": BRUNO, "name": "Bruno", "registration": "b"},
        {"id": DAVI, "name": "Davi", "registration": "d", "end_time": MONDAY},
        {"id": EVA, "name": "Eva", "registration": "e"},
    ],
    "user_groups": [
        {"user_id": ANA, "group_id": 1},
        {"user_id": BRUNO, "group_id": OFFICE},
        {"user_id": DAVI, "group_id": VISITORS},
        {"user_id": EVA, "group_id": VISITORS},
    ],
    "cards": [{"user_id": ANA, "value": 555}],
    "qrcodes": [{"user_id": BRUNO, "value": "BRUNO"}],
    "pins": [{"user_id": BRUNO, "value": "4711"}],
    "actions": [{"id": 2, "name": "back", "action": "door", "parameters": "door=2"}],
    "portals": [{"id": BACK, "name": "Back", "area_from_id": 1, "area_to_id": 1}],
    "portal_actions": [{"portal_id": BACK, "action_id": 2}],
    "time_zones": [{"id": 12, "name": "Office hours"}],
    "time_spans": [
        {"time_zone_id": 12, "start": 8 * HOUR, "end": 18 * HOUR, **WEEKDAYS, **NO_HOLIDAYS}
    ],
    "access_rules": [
        {"id": OFFICE_RULE, "name": "Office hours", "type": 1, "priority": 0},
        {"id": BLOCK, "name": "Visitors out", "type": 0, "priority": 0},
    ],
    "access_rule_time_zones": [{"access_rule_id": OFFICE_RULE, "time_zone_id": 12}],
    "portal_access_rules": [
        {"portal_id": FRONT, "access_rule_id": OFFICE_RULE},
        {"portal_id": BACK, "access_rule_id": OFFICE_RULE},
        {"portal_id": BACK, "access_rule_id": BLOCK},
    ],
    "group_access_rules": [
        {"group_id": OFFICE, "access_rule_id": OFFICE_RULE},
        {"group_id": VISITORS, "access_rule_id": OFFICE_RULE},
        {"group_id": VISITORS, "access_rule_id": BLOCK},
    ],
}


def logged(
    log_id: int, reason: str, trace: list[dict[str, Any]], at: datetime, **row: Any
) -> Entry:
    values = {"id": log_id, "time": SATURDAY, "event": 6, "user_id": 0, "portal_id": FRONT, **row}
    body = {"row": values, "rules": [], "reason": reason, "trace": trace}
    return Entry(EntryKind.ACCESS, body, at, 0, clock_trusted=True)


def keep_journal(context: CommandContext) -> None:
    """A journal of three accesses among other entries."""
    path = context.data / JOURNAL_FILE
    Journal.create(path)
    journal = Journal(path, "boot")
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)  # 09:00 on the site's clock
    step = {"name": "Office hours", "applied": False, "why": "out_of_time"}
    gone = {"rule_id": 99, "name": "Gone", "applied": False, "why": "other_place"}
    other = Entry(EntryKind.DEVICE, {"name": "front"}, at, 0, clock_trusted=True)
    out_of_time = [{"rule_id": OFFICE_RULE, **step}, gone]
    journal.append(
        [
            other,
            logged(7, "out_of_time", out_of_time, at, user_id=BRUNO, pin_value="4711"),
            other,
            logged(8, "unknown_credential", [], at, event=3, card_value=9),
            logged(9, "button", [], at, event=11),
            other,
        ],
        {"access_logs": 9},
    )
    journal.close()


@pytest.fixture(scope="module")
def site(throwaway: SimpleNamespace) -> Iterator[Ask]:
    """Asks a device with people, rules and a journal; `login` names who asks."""
    context: CommandContext = throwaway.context
    for name, rows in ROWS.items():
        context.store.insert(name, rows)
    if context.accounts.find("operator") is None:
        context.accounts.set_password("operator", "correct horse", Role.OPERATOR)
    keep_journal(context)
    tokens = {login: throwaway.token(login) for login in ("admin", "operator")}
    with requests.Session() as http:

        def ask(command: str, body: object = None, login: str = "operator") -> tuple[int, Any]:
            url = f"{throwaway.url}/{command}.fcgi?session={tokens.get(login, '')}"
            reply = http.post(url, json=body, timeout=30)
            return reply.status_code, reply.json()

        yield ask


def told(ask: Ask, command: str, body: object, login: str = "operator") -> Any:
    status, answer = ask(command, body, login)
    assert status == 200, answer
    return answer


def stages(answer: Any) -> dict[str, str]:
    return {row["stage"]: row["verdict"] for row in answer["stages"]}


def outcomes(answer: Any) -> dict[int, str]:
    return {row["id"]: row["why"] for row in answer["rules"]}


@pytest.mark.effect("explain")
def test_a_person_out_of_time_is_told_which_rule_would_open_and_when(site: Ask) -> None:
    answer = told(site, "explain", {"user_id": BRUNO, "portal_id": FRONT, "time": SATURDAY})
    assert (answer["reason"], answer["event"]) == ("out_of_time", 6)
    assert (answer["user_id"], answer["time"]) == (BRUNO, SATURDAY)
    assert answer["day"] == {"kinds": ["saturday"], "holidays": []}
    assert stages(answer)["rules"] == "refuses"
    assert outcomes(answer) == {1: "other_person", OFFICE_RULE: "out_of_time"}
    [rule] = [row for row in answer["rules"] if row["id"] == OFFICE_RULE]
    assert (rule["person"], rule["groups"], rule["place"]) == ("group", [OFFICE], "portal")
    [zone] = rule["zones"]
    assert (zone["name"], zone["holds"]) == ("Office hours", False)
    assert zone["spans"][0]["start"] == 8 * HOUR
    assert "rule 12 'Office hours' would open: monday to friday 08:00-18:00" in str(
        answer["to_change"]
    )
    assert answer["opens_next"] == MONDAY - HOUR


def test_a_grant_names_no_change(site: Ask) -> None:
    answer = told(site, "explain", {"card_value": 555, "portal_id": FRONT, "time": SATURDAY})
    assert (answer["reason"], answer["user_id"]) == ("granted", ANA)
    assert (answer["to_change"], answer["cures"], answer["source"]) == ([], [], "rules")
    assert "opens_next" not in answer


def test_now_is_the_moment_where_no_time_is_named(site: Ask) -> None:
    answer = told(site, "explain", {"qrcode_value": "BRUNO", "portal_id": FRONT})
    assert answer["time"] == NOW
    assert (answer["reason"], answer["user_id"]) == ("granted", BRUNO), "a tuesday, 09:00"


def test_it_is_found_without_its_ending_too(
    device: SimpleNamespace, new_token: Callable[..., str]
) -> None:
    reply = requests.post(
        f"{device.url}/explain", params={"session": new_token()}, json={}, timeout=30
    )
    assert reply.status_code == 400
    assert "error" in reply.json()


def test_what_nobody_owns_is_unknown(site: Ask) -> None:
    answer = told(site, "explain", {"card_value": 1, "portal_id": FRONT})
    assert (answer["reason"], answer["user_id"], answer["rules"]) == ("unknown_credential", 0, [])


def test_the_block_that_applies_is_named(site: Ask) -> None:
    answer = told(site, "explain", {"user_id": DAVI, "portal_id": BACK, "time": MONDAY})
    assert answer["reason"] == "blocked"
    assert outcomes(answer) == {OFFICE_RULE: "overruled_by_block", BLOCK: "blocks"}


def test_a_logged_access_is_told_as_it_was_decided(site: Ask) -> None:
    answer = told(site, "explain", {"access_log_id": 7})
    assert (answer["access_log_id"], answer["reason"]) == (7, "out_of_time")
    assert (answer["user_id"], answer["time"]) == (BRUNO, SATURDAY)
    rules = {row["id"]: row for row in answer["rules"]}
    assert (rules[OFFICE_RULE]["why"], rules[OFFICE_RULE]["changed"]) == ("out_of_time", False)
    assert (rules[99]["name"], rules[99]["changed"]) == ("Gone", True)
    assert "it is saturday 2026-11-21 09:00:00" in answer["to_change"][0]
    assert "4711" not in str(answer), "a PIN is told to nobody"
    verdicts = {gate["gate"]: gate["verdict"] for gate in answer["gates"]}
    assert (verdicts["right"], verdicts["hours"]) == ("passes", "refuses")
    assert (verdicts["second_factor"], verdicts["interlock"]) == ("not_reached", "not_reached")
    assert [gate["gate"] for gate in answer["gates"] if gate["decides"]] == ["hours"]
    assert answer["cures"] == [
        {
            "action": "change_hours",
            "target": {"user_id": BRUNO, "rule_ids": [OFFICE_RULE], "time_zone_ids": [12]},
        },
        {"action": "open_once", "target": {"door": 1}},
    ]
    assert (answer["source"], answer["rules_now"]) == ("journal", "granted"), "a tuesday, 09:00"


def test_each_access_of_the_journal_is_found_by_its_id(site: Ask) -> None:
    unknown = told(site, "explain", {"access_log_id": 8})
    assert unknown["reason"] == "unknown_credential"
    assert unknown["cures"] == [{"action": "give_credential", "target": {"card_value": 9}}]
    assert "rules_now" not in unknown
    button = told(site, "explain", {"access_log_id": 9})
    assert (button["reason"], button["event"], button["stages"]) == ("button", 11, [])


@pytest.mark.refusal("explain")
@pytest.mark.parametrize(
    ("body", "login", "status", "said"),
    [
        ({"user_id": BRUNO, "portal_id": FRONT}, "nobody", 401, "Invalid session"),
        ({"pin": "4711", "portal_id": FRONT}, "operator", 403, "Invalid access level"),
        ({}, "admin", 400, "user_id"),
        ({"user_id": 1, "card_value": 2, "portal_id": 1}, "admin", 400, "card_value"),
        ({"user_id": BRUNO}, "admin", 400, "portal_id, reader"),
        ({"user_id": BRUNO, "portal_id": 1, "reader": "x"}, "admin", 400, "portal_id, reader"),
        ({"user_id": BRUNO, "reader": "x"}, "admin", 400, "no reader 'x'"),
        ({"user_id": "2", "portal_id": 1}, "admin", 400, "user_id"),
        ({"user_id": BRUNO, "portal_id": 1, "time": 1 << 40}, "admin", 400, "time"),
        ({"user_id": 999, "portal_id": 1}, "admin", 404, "no user 999"),
        ({"user_id": BRUNO, "portal_id": 99}, "admin", 404, "no portal 99"),
        ({"access_log_id": 1}, "admin", 404, "no access 1"),
        ({"access_log_id": 10}, "admin", 404, "no access 10"),
    ],
)
def test_what_makes_no_question_is_refused(
    site: Ask, body: object, login: str, status: int, said: str
) -> None:
    found, answer = site("explain", body, login)
    assert (found, answer["code"]) == (status, 1)
    assert said in answer["error"]


def test_an_administrator_may_ask_by_pin_and_does_not_see_it_again(site: Ask) -> None:
    body = {"pin": "4711", "portal_id": FRONT, "time": MONDAY}
    answer = told(site, "explain", body, "admin")
    assert (answer["reason"], answer["user_id"]) == ("granted", BRUNO)
    assert "4711" not in str(answer)


def test_a_way_to_identify_that_is_switched_off_is_named(site: Ask) -> None:
    def switch(value: str) -> None:
        told(site, "set_configuration", {"identifier": {key: value}}, "admin")

    key = "card_identification_enabled"
    switch("0")
    status, answer = site("explain", {"card_value": 555, "portal_id": FRONT})
    switch("1")
    assert (status, key in answer["error"]) == (400, True)


def test_a_change_of_the_rules_is_in_the_next_answer(site: Ask) -> None:
    body = {"user_id": BRUNO, "portal_id": FRONT, "time": SATURDAY}
    tie = {"object": "group_access_rules", "values": [{"group_id": OFFICE, "access_rule_id": 1}]}
    where = {"group_access_rules": {"group_id": OFFICE, "access_rule_id": 1}}
    assert told(site, "explain", body)["reason"] == "out_of_time"
    told(site, "create_objects", tie, "admin")
    assert told(site, "explain", body)["reason"] == "granted"
    told(site, "destroy_objects", {"object": "group_access_rules", "where": where}, "admin")
    assert told(site, "explain", body)["reason"] == "out_of_time"


def test_configuration_decides_at_the_stages_beside_the_rules(site: Ask) -> None:
    def configure(module: str, key: str, value: str) -> None:
        told(site, "set_configuration", {module: {key: value}}, "admin")

    body = {"user_id": ANA, "portal_id": FRONT, "time": MONDAY}
    configure("identifier", "multi_factor_authentication", "1")
    try:
        answer = told(site, "explain", body)
        assert (answer["reason"], stages(answer)["second_factor"]) == ("second_factor_due", "waits")
    finally:
        configure("identifier", "multi_factor_authentication", "0")
    assert stages(told(site, "explain", body))["second_factor"] == "not_asked"


# who, and when


@pytest.mark.effect("who_can_open")
def test_the_people_of_a_portal_come_by_id_with_whether_they_may_now(site: Ask) -> None:
    answer = told(site, "who_can_open", {"portal_id": FRONT, "time": SATURDAY})
    assert answer["people"] == [
        {"user_id": ANA, "name": "Ana", "now": True},
        {"user_id": BRUNO, "name": "Bruno", "now": False},
        {"user_id": DAVI, "name": "Davi", "now": False},
        {"user_id": EVA, "name": "Eva", "now": False},
    ]
    now = told(site, "who_can_open", {"portal_id": FRONT, "time": SATURDAY, "now": True})
    assert [row["user_id"] for row in now["people"]] == [ANA]


def test_whose_time_is_over_is_not_among_them(site: Ask) -> None:
    later = MONDAY + 7 * 24 * HOUR
    answer = told(site, "who_can_open", {"portal_id": FRONT, "time": later})
    assert [row["user_id"] for row in answer["people"]] == [ANA, BRUNO, EVA]


def test_the_people_of_a_door_are_those_whose_grant_opens_it(site: Ask) -> None:
    front = told(site, "who_can_open", {"door": 1, "time": SATURDAY})
    back = told(site, "who_can_open", {"door": 2, "time": SATURDAY})
    assert [row["user_id"] for row in front["people"]] == [ANA, BRUNO, DAVI, EVA]
    assert [row["user_id"] for row in back["people"]] == [BRUNO], "visitors are blocked there"


def test_pages_follow_each_other_by_the_last_id(site: Ask) -> None:
    first = told(site, "who_can_open", {"portal_id": FRONT, "time": SATURDAY, "limit": 2})
    assert [row["user_id"] for row in first["people"]] == [ANA, BRUNO]
    second = {"portal_id": FRONT, "time": SATURDAY, "limit": 2, "after": BRUNO}
    assert [row["user_id"] for row in told(site, "who_can_open", second)["people"]] == [DAVI, EVA]


@pytest.mark.refusal("who_can_open")
@pytest.mark.parametrize(
    ("body", "login", "status"),
    [
        ({"portal_id": FRONT}, "nobody", 401),
        ({}, "admin", 400),
        ({"portal_id": 1, "door": 1}, "admin", 400),
        ({"door": 0}, "admin", 400),
        ({"door": 5}, "admin", 404),
        ({"portal_id": 99}, "admin", 404),
        ({"door": 4}, "admin", 404),
        ({"portal_id": 1, "limit": 0}, "admin", 400),
    ],
)
def test_what_names_no_portal_and_no_door_is_refused(
    site: Ask, body: object, login: str, status: int
) -> None:
    assert site("who_can_open", body, login)[0] == status


@pytest.mark.effect("when_can")
def test_a_week_is_told_in_intervals_at_each_portal(site: Ask) -> None:
    answer = told(site, "when_can", {"user_id": BRUNO, "time": SATURDAY})
    assert (answer["user_id"], answer["name"]) == (BRUNO, "Bruno")
    assert [day["date"] for day in answer["days"]][::6] == ["2026-11-16", "2026-11-22"]
    assert answer["days"][0] == {"date": "2026-11-16", "kinds": ["monday"], "holidays": []}
    front, back = answer["portals"]
    assert (front["portal_id"], back["portal_id"]) == (FRONT, BACK)
    assert [row["from"] for row in front["passes"]] == [
        f"2026-11-{day}T08:00:00" for day in range(16, 21)
    ]
    begin = SATURDAY - 5 * 24 * HOUR - HOUR
    assert front["passes"][0]["begin"] == begin
    assert front["passes"][0]["end"] == begin + 10 * HOUR
    assert front["unlocked"] == []


def test_a_week_at_one_portal_ends_with_the_persons_validity(site: Ask) -> None:
    answer = told(site, "when_can", {"user_id": DAVI, "portal_id": FRONT, "time": MONDAY})
    [portal] = answer["portals"]
    assert [row["to"] for row in portal["passes"]] == ["2026-11-23T09:00:00"]


def test_an_unlock_schedule_shows_beside_it(site: Ask) -> None:
    told(site, "create_objects", _rows("scheduled_unlocks", {"id": 3, "name": "Open"}), "admin")
    tie = {"scheduled_unlock_id": 3, "access_rule_id": OFFICE_RULE}
    told(site, "create_objects", _rows("scheduled_unlock_access_rules", tie), "admin")
    answer = told(site, "when_can", {"user_id": ANA, "portal_id": FRONT, "time": MONDAY})
    told(site, "destroy_objects", {"object": "scheduled_unlocks"}, "admin")
    assert len(answer["portals"][0]["unlocked"]) == 5


def _rows(name: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"object": name, "values": list(values)}


@pytest.mark.refusal("when_can")
@pytest.mark.parametrize(
    ("body", "login", "status"),
    [
        ({"user_id": BRUNO}, "nobody", 401),
        ({}, "admin", 400),
        ({"user_id": 999}, "admin", 404),
        ({"user_id": BRUNO, "portal_id": 99}, "admin", 404),
        ({"user_id": BRUNO, "time": -1}, "admin", 400),
    ],
)
def test_a_week_of_nobody_is_refused(site: Ask, body: object, login: str, status: int) -> None:
    assert site("when_can", body, login)[0] == status


def test_a_card_that_is_not_in_order_is_told_with_its_row_and_where_to_change_it(
    site: Ask, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    [card] = store.load({"object": "cards", "where": {"cards": {"value": 555}}}).rows
    body = {"card_value": 555, "portal_id": FRONT, "time": SATURDAY}
    where = {"cards": {"id": card["id"]}}
    store.modify("cards", {"status": 1}, where)
    lost = told(site, "explain", body)
    store.modify("cards", {"status": 0, "uses": 3}, where)
    fresh = told(site, "explain", body)
    store.modify("cards", {"uses": 0}, where)

    assert (lost["reason"], lost["event"], stages(lost)["validity"]) == (
        "credential_lost",
        6,
        "refuses",
    )
    assert f"the credential is marked as lost: card {card['id']} of cards" in lost["text"]
    target = {"user_id": ANA, "object": "cards", "id": card["id"]}
    assert lost["cures"] == [{"action": "change_credential", "target": target}]
    assert "555" not in lost["text"], "the row, not the number"
    assert (fresh["reason"], stages(fresh)["validity"]) == ("granted", "passes")


def test_what_a_portal_asks_for_is_told_with_the_row_that_says_so(
    site: Ask, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    [row] = store.insert(
        "portal_factor_modes", [{"portal_id": FRONT, "time_zone_id": 12, "mode": 2}]
    )
    body = {"card_value": 555, "portal_id": FRONT}
    inside = told(site, "explain", {**body, "time": MONDAY})
    outside = told(site, "explain", {**body, "time": SATURDAY})
    store.destroy("portal_factor_modes")

    assert (inside["reason"], inside["decided_by"]) == ("card_not_accepted", "second_factor")
    assert f"portal_factor_modes {row}: a PIN only" in inside["text"]
    assert (outside["reason"], stages(outside)["second_factor"]) == ("granted", "not_asked")


def test_a_membership_that_has_ended_is_told(site: Ask, throwaway: SimpleNamespace) -> None:
    store = throwaway.context.store
    where = {"user_groups": {"user_id": BRUNO, "group_id": OFFICE}}
    store.modify("user_groups", {"end_time": MONDAY - HOUR}, where)
    answer = told(site, "explain", {"user_id": BRUNO, "portal_id": FRONT, "time": MONDAY})
    store.modify("user_groups", {"end_time": 0}, where)

    assert (answer["reason"], answer["event"]) == ("right_ended", 6)
    assert "membership in group 'Office'" in answer["text"]
    assert outcomes(answer)[OFFICE_RULE] == "other_person"
