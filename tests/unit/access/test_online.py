"""Who decides in the online modes, by settings and by what was heard of the server."""

from __future__ import annotations

import pytest

from gateway.access.online import (
    OnlineMode,
    OnlineSettings,
    Operation,
    ServerReach,
    online_settings,
    operation_of,
    report,
)
from gateway.objects.configuration_keys import CONFIGURATION

START = ServerReach()
UP = report(START, 100, reachable=True)
AWAY = report(UP, 200, reachable=False, why="refused")


def configured(**values: str) -> OnlineSettings | None:
    known = {(key.module, key.key): key.default for key in CONFIGURATION}
    for name, value in values.items():
        module = "general" if name in {"online", "local_identification"} else "online_client"
        known[module, name] = value
    return online_settings(known)


def test_a_new_device_is_in_standalone_mode() -> None:
    assert configured() is None


@pytest.mark.parametrize(("local", "mode"), [("1", OnlineMode.PRO), ("0", OnlineMode.ENTERPRISE)])
def test_who_identifies_makes_the_mode(local: str, mode: OnlineMode) -> None:
    settings = configured(online="1", local_identification=local)
    assert settings is not None
    assert settings.mode is mode


def test_a_person_waits_for_all_tries() -> None:
    settings = configured(online="1", request_timeout="1500", max_request_attempts="4")
    assert settings is not None
    assert settings.wait_ms == 6_000


@pytest.mark.parametrize(
    ("reach", "server_id", "contingency", "decides"),
    [
        (START, "7", "1", Operation.CONTINGENCY),
        (START, "7", "0", Operation.DENIAL),
        (UP, "7", "1", Operation.ONLINE),
        (UP, "7", "0", Operation.ONLINE),
        (UP, "", "1", Operation.CONTINGENCY),
        (UP, "0", "0", Operation.DENIAL),
        (AWAY, "7", "1", Operation.CONTINGENCY),
        (AWAY, "7", "0", Operation.DENIAL),
    ],
)
def test_the_server_decides_only_while_it_can_be_asked(
    reach: ServerReach, server_id: str, contingency: str, decides: Operation
) -> None:
    settings = configured(online="1", server_id=server_id, contingency_enabled=contingency)
    assert operation_of(settings, reach) is decides
    assert operation_of(None, reach) is Operation.STANDALONE


def test_a_repeated_report_changes_no_time() -> None:
    assert report(UP, 300, reachable=True) == UP
    again = report(AWAY, 300, reachable=False, why="no route")
    assert (again.since_utc_s, again.lost_utc_s, again.why) == (200, 200, "no route")


def test_it_is_known_when_the_server_was_lost_last() -> None:
    assert (UP.lost_utc_s, AWAY.lost_utc_s) == (0, 200)
    back = report(AWAY, 300, reachable=True)
    assert (back.reachable, back.since_utc_s, back.lost_utc_s, back.why) == (True, 300, 200, "")


def test_nothing_is_known_before_the_first_report() -> None:
    assert not START.reported
    assert report(START, 100, reachable=False).reported
