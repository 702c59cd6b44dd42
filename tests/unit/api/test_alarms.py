"""Arming, disarming and the state of the alarms over HTTP, carried out by the controller."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests

from gateway.errors import NotFound, NotPermitted
from gateway.link.messages import AlarmStatus, ArmAlarms, DisarmAlarms, Fault, ResetFire, ZoneStatus

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]

AWAY = {"error": "the controller does not answer", "code": 1}
BAD_ZONES = [[], [0], [6], ["1"], [True], 1, {"zone": 1}]


@pytest.mark.effect("alarm_arm")
@pytest.mark.refusal("alarm_arm")
def test_zones_are_armed_after_the_time_to_leave(order: Order, straw: StrawController) -> None:
    for delay in (-1, 601, "30", 1.5):
        refused = order("alarm_arm", {"exit_delay_s": delay})
        assert refused.status_code == 400
        assert "exit_delay_s" in refused.json()["error"]
    assert straw.of(ArmAlarms) == []
    assert order("alarm_arm", {"zones": [2, 1], "exit_delay_s": 30}).json() == {"bypassed": []}
    assert order("alarm_arm").json() == {"bypassed": []}
    assert straw.of(ArmAlarms) == [ArmAlarms(zones=(2, 1), exit_delay_s=30), ArmAlarms()]


def test_sets_are_armed_and_the_answer_names_what_was_left_out(
    order: Order, straw: StrawController
) -> None:
    both = order("alarm_arm", {"zones": [1], "zone_set": 3})
    assert both.status_code == 400
    assert "zone_set: takes the place of zones" in both.json()["error"]
    zone = {"zone": 2, "state": "bypassed", "watched": False, "active": True}
    zone |= {"entering": False, "alarm": False}
    told = {"zones": (ZoneStatus.model_validate(zone),)}
    straw.status = straw.status.model_copy(update=told)
    answer = order("alarm_arm", {"zone_set": 3, "open_zones": "bypass"}).json()
    assert answer == {"bypassed": [2]}
    assert order("alarm_disarm", {"zone_set": 3}).json() == {}
    assert straw.of(ArmAlarms) == [ArmAlarms(zone_set=3, open_zones="bypass")]
    assert straw.of(DisarmAlarms) == [DisarmAlarms(zone_set=3)]
    straw.refusal = NotPermitted("nothing was armed, since these zones are open: 1, 4")
    refused = order("alarm_arm", {})
    assert (refused.status_code, refused.json()["error"]) == (403, str(straw.refusal))
    straw.reset()


def test_a_set_takes_only_zones_that_the_site_has(order: Order) -> None:
    made = order("create_objects", {"object": "zone_sets", "values": [{"name": "night"}]})
    number = made.json()["ids"][0]
    zone = {"zone": 5, "enabled": 1, "active_level": 1, "alarm_delay": 0}
    order("create_or_modify_objects", {"object": "alarm_zones", "values": [zone]})
    tie = {"zone_set_id": number, "alarm_zone_id": 5}
    refused = order("create_objects", {"object": "zone_set_zones", "values": [tie]})
    assert refused.status_code == 400
    assert "alarm_zone_id" in refused.json()["error"]
    assert "the site has no zone 5" in refused.json()["error"]


@pytest.mark.effect("alarm_disarm")
@pytest.mark.refusal("alarm_disarm")
def test_zones_are_disarmed(order: Order, straw: StrawController) -> None:
    straw.refusal = NotFound("there is no zone 5 in this site")
    refused = order("alarm_disarm", {"zones": [5]})
    assert (refused.status_code, refused.json()["error"]) == (404, str(straw.refusal))
    straw.reset()
    assert order("alarm_disarm", {"zones": [3]}).json() == {}
    assert order("alarm_disarm", {}).json() == {}
    assert straw.of(DisarmAlarms) == [DisarmAlarms(zones=(3,)), DisarmAlarms()]


@pytest.mark.effect("fire_reset")
@pytest.mark.refusal("fire_reset")
def test_a_fire_is_reset_by_a_command_of_its_own(order: Order, straw: StrawController) -> None:
    assert order("alarm_status", {"stop": True}).status_code == 200
    assert straw.of(ResetFire) == []
    assert order("fire_reset").json() == {"fire": False}
    assert straw.of(ResetFire) == [ResetFire()]
    assert order("fire_reset", {"now": 1, "door": []}, login=None).status_code == 401


@pytest.mark.parametrize("command", ["alarm_arm", "alarm_disarm"])
@pytest.mark.parametrize("zones", BAD_ZONES, ids=str)
def test_zones_that_cannot_be_are_refused_by_name(
    order: Order, straw: StrawController, command: str, zones: object
) -> None:
    refused = order(command, {"zones": zones})
    assert refused.status_code == 400
    assert "zones" in refused.json()["error"]
    assert straw.commands == []


@pytest.mark.effect("alarm_state")
def test_the_state_tells_zones_alarms_faults_and_siren(
    order: Order, straw: StrawController
) -> None:
    zone = {"zone": 1, "state": "exit", "watched": False, "active": None}
    zone |= {"entering": False, "alarm": False}
    alarm = {"cause": 9, "door_id": 1, "part": "reader front"}
    alarm |= {"user_id": 0, "access_log_id": 0, "silenced": True}
    told = {
        "zones": (ZoneStatus.model_validate(zone),),
        "alarms": (AlarmStatus.model_validate(alarm),),
        "faults": (Fault(part="rex", name="front", why="stuck"),),
        "siren": True,
    }
    straw.status = straw.status.model_copy(update=told)
    assert order("alarm_state").json() == {
        "zones": [zone],
        "alarms": [alarm],
        "faults": [{"part": "rex", "name": "front", "why": "stuck"}],
        "siren": True,
    }


@pytest.mark.effect("live_state")
def test_the_live_state_is_what_the_controller_says(order: Order, straw: StrawController) -> None:
    straw.status = straw.status.model_copy(update={"siren": True, "clock_shift_s": 60.0})
    told = order("live_state").json()
    assert told.pop("now_utc") > 0
    said = straw.status.model_dump(mode="json")
    assert told == {name: said[name] for name in told}
    assert told["siren"]
    assert not {"pid", "levels", "keypads_locked_ms", "journal_seq"} & set(told)


@pytest.mark.refusal("alarm_arm", "alarm_disarm", "alarm_state", "live_state")
def test_without_a_controller_or_a_session_nothing_is_done(
    lonely: SimpleNamespace, order: Order, straw: StrawController
) -> None:
    for command in ("alarm_arm", "alarm_disarm", "alarm_state", "live_state"):
        url = f"{lonely.url}/{command}.fcgi?session={lonely.token}"
        reply = requests.post(url, json={}, timeout=30)
        assert (reply.status_code, reply.json()) == (503, AWAY)
        assert order(command, login=None).status_code == 401
    assert straw.commands == []


def test_who_armed_and_disarmed_is_in_the_audit_log(
    order: Order, throwaway: SimpleNamespace
) -> None:
    order("alarm_disarm", {"zones": [2, 2, 1]})
    order("alarm_arm", {"exit_delay_s": 5})
    rows = throwaway.context.store.load({"object": "audit_logs", "order": ["id"]}).rows
    details = [str(row["details"]) for row in rows]
    assert any("alarm_disarm: zones [1, 2]" in text for text in details)
    assert any("alarm_arm: all zones, 5 s to leave" in text for text in details)
