"""From an empty directory to the first open door, by what a person types and a client sends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker, Running, Site

EVA = (200 << 32) | 4_321
STRIKE_PIN = 17


def state(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.sim("state", "--json").stdout)
    return found


def strike_edges(found: dict[str, Any]) -> int:
    return next(int(pin["edges"]) for pin in found["outputs"] if pin["pin"] == STRIKE_PIN)


def test_from_nothing_to_one_on_one_off_and_one_row(
    home: Home, make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    site = make.init(home.new_path(), "--demo")
    running = start(site, program=True)
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", running.url)

    # A client with nothing but HTTP.
    def post(command: str, body: object) -> Any:
        url = f"{running.url}/{command}.fcgi"
        answer = requests.post(url, params={"session": token}, json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def create(object_name: str, /, **row: object) -> int:
        return int(post("create_objects", {"object": object_name, "values": [row]})["ids"][0])

    token = ""
    token = post("login", {"login": "admin", "password": site.password})["session"]
    user = create("users", name="Eva", registration="50")
    group = create("groups", name="Cleaners")
    rule = create("access_rules", name="Front, cleaners", type=1, priority=0)
    create("user_groups", user_id=user, group_id=group)
    create("group_access_rules", group_id=group, access_rule_id=rule)
    create("portal_access_rules", portal_id=1, access_rule_id=rule)
    create("access_rule_time_zones", access_rule_id=rule, time_zone_id=1)
    create("cards", user_id=user, value=EVA)

    before = strike_edges(state(site))
    site.sim("swipe", "--reader", "front", "--card", "200,4321")
    found = eventually(
        lambda: (now := state(site)) and strike_edges(now) >= before + 2 and now, "two edges"
    )
    assert strike_edges(found) == before + 2
    moved = [edge for edge in found["recent"] if edge["pin"] == STRIKE_PIN]
    assert [edge["level"] for edge in moved] == ["high", "low"]
    # The demo's relay1_timeout, less the millisecond that a door counts in.
    assert moved[1]["stamp_ns"] - moved[0]["stamp_ns"] >= 2_999_000_000
    assert all(pin["edges"] == 0 for pin in found["outputs"] if pin["pin"] != STRIKE_PIN)

    logs = post("load_objects", {"object": "access_logs"})["access_logs"]
    assert [
        (row["event"], row["user_id"], row["portal_id"], row["card_value"]) for row in logs
    ] == [(7, user, 1, EVA)]
    fired = post("load_objects", {"object": "access_log_access_rules"})["access_log_access_rules"]
    assert fired == [{"access_log_id": logs[0]["id"], "access_rule_id": rule}]
    entered = post("load_objects", {"object": "users", "where": {"users": {"id": user}}})["users"]
    assert entered[0]["last_access"] == logs[0]["time"]


def test_standard_output_of_run_is_one_line(make: Maker, start: Callable[..., Running]) -> None:
    running = start(make.demo())
    running.swiped("123,45678")
    assert running.stop() == 0
    assert running.output.read_text() == f"ready {running.url}\n"
