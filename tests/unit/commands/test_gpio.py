"""`gpio_state`: the vendor's numbers, answered from the wires of a site."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gateway.commands.context import Call
from gateway.commands.gpio import GpioRequest, gpio_state
from gateway.commands.rights import Caller
from gateway.errors import ControllerUnavailable, DeviceUnavailable, NotFound
from gateway.link.messages import ControllerStatus, DoorStatus, LineLevel
from gateway.settings import SiteFile
from gateway.store.tables.accounts import Role
from tests.unit.statuses import AT_REST

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

CALLER = Caller("operator", Role.OPERATOR, "token", "10.0.0.1")
SITE = SiteFile.model_validate(
    {
        "site": {"name": "Desk", "timezone": "America/Sao_Paulo", "board": "simulated"},
        "door": [
            {
                "id": 1,
                "name": "front",
                "strike": {"pin": 1, "locked": "low", "unlocked": "high"},
                "sensor": {"pin": 11, "pull": "up"},
                "rex": {"pin": 12, "pull": "down"},
                "egress": "mechanical",
            },
            {
                "id": 2,
                "name": "magnet",
                "strike": {"pin": 2, "locked": "high", "unlocked": "low"},
                "egress": "mechanical",
            },
            {
                "id": 3,
                "name": "yard",
                "strike": {"pin": 3, "locked": "low", "unlocked": "high"},
                "sensor": {"pin": 13, "pull": "up"},
                "egress": "mechanical",
            },
        ],
        "reader": [
            {"name": "w", "index": 2, "portal": 1, "kind": "wiegand", "d0": 21, "d1": 22},
            {"name": "q", "index": 1, "portal": 1, "kind": "serial_qr", "port": "simulated"},
        ],
        "zone": [{"number": 2, "pin": 14, "pull": "down"}],
        "tamper": {"pin": 15, "pull": "up", "idle": "high"},
    }
)


def level(kind: str, number: int, *, high: bool) -> LineLevel:
    return LineLevel(kind=kind, number=number, high=high)


def status(*levels: LineLevel, unlocked: tuple[int, ...] = ()) -> ControllerStatus:
    doors = tuple(
        DoorStatus(
            id=door.id,
            name=door.name,
            open=False,
            unlocked=door.id in unlocked,
            mode="normal",
            sensor_open=None,
            alarms=(),
        )
        for door in SITE.door
    )
    return AT_REST.model_copy(update={"doors": doors, "levels": levels})


def look(desk: Desk, gpio: int, found: ControllerStatus) -> dict[str, Any]:
    controller: Any = SimpleNamespace(status=lambda: found)
    context = replace(desk.context, site=SITE, controller=controller)
    answer: Any = gpio_state(Call(context, CALLER, GpioRequest(gpio=gpio)))
    assert (answer["notify"], answer["notified"]) == (0, 0)
    assert all(type(answer[name]) is int for name in answer if name != "pin")
    return {name: answer[name] for name in ("pin", "enabled", "value", "idle", "in", "pullup")}


def told(pin: str, enabled: int, value: int, idle: int, direction: int, pullup: int) -> object:
    return {
        "pin": pin,
        "enabled": enabled,
        "value": value,
        "idle": idle,
        "in": direction,
        "pullup": pullup,
    }


@pytest.mark.parametrize("high", [False, True])
def test_a_contact_tells_its_level_beside_what_is_configured(desk: Desk, high: bool) -> None:
    found = status(level("door_sensor", 1, high=high), level("door_sensor", 3, high=not high))
    assert look(desk, 5, found) == told("door_sensor1", 0, high, 1, 1, 1)
    desk.ask(
        "set_configuration", {"general": {"door_sensor1_enabled": 1, "door_sensor1_idle": "0"}}
    )
    assert look(desk, 5, found) == told("door_sensor1", 1, high, 0, 1, 1)
    found = status(level("rex", 1, high=high))
    assert look(desk, 7, found) == told("button1", 0, high, 1, 1, 0)
    desk.ask("set_configuration", {"general": {"buttonhole1_enabled": 1, "buttonhole1_idle": 0}})
    assert look(desk, 7, found) == told("button1", 1, high, 0, 1, 0)


def test_a_relay_tells_the_level_that_locks_or_unlocks(desk: Desk) -> None:
    assert look(desk, 11, status()) == told("relay1", 1, 0, 0, 0, 0)
    assert look(desk, 12, status()) == told("relay2", 1, 1, 1, 0, 0)
    assert look(desk, 11, status(unlocked=(1, 2))) == told("relay1", 1, 1, 0, 0, 0)
    assert look(desk, 12, status(unlocked=(1, 2))) == told("relay2", 1, 0, 1, 0, 0)
    desk.ask("set_configuration", {"general": {"relay1_enabled": 0}})
    assert look(desk, 11, status()) == told("relay1", 0, 0, 0, 0, 0)


@pytest.mark.parametrize("high", [False, True])
def test_a_zone_tells_its_row(desk: Desk, high: bool) -> None:
    found = status(level("zone", 2, high=high))
    assert look(desk, 1, found) == told("zone2", 0, high, 0, 1, 0)
    row = {"zone": 2, "enabled": 1, "active_level": 0, "alarm_delay": 0}
    desk.ask("create_objects", {"object": "alarm_zones", "values": [row]})
    assert look(desk, 1, found) == told("zone2", 1, high, 1, 1, 0)


@pytest.mark.parametrize("high", [False, True])
def test_the_case_and_the_data_lines_are_told(desk: Desk, high: bool) -> None:
    found = status(
        level("tamper", 0, high=high),
        level("wiegand_d0", 2, high=high),
        level("wiegand_d1", 2, high=not high),
    )
    assert look(desk, 13, found) == told("tamper", 1, high, 1, 1, 1)
    desk.ask("set_configuration", {"alarm": {"device_violation_enabled": 0}})
    assert look(desk, 13, found) == told("tamper", 0, high, 1, 1, 1)
    assert look(desk, 22, found) == told("w_in1_d0", 1, high, 1, 1, 1)
    assert look(desk, 23, found) == told("w_in1_d1", 1, not high, 1, 1, 1)


@pytest.mark.parametrize("gpio", [-1, 0, 2, 6, 8, 9, 10, 14, 20, 21, 24, 1 << 70])
def test_a_number_without_a_wire_is_refused_by_name(desk: Desk, gpio: int) -> None:
    with pytest.raises(NotFound, match=f"gpio {gpio}: no wire"):
        look(desk, gpio, status())


def test_a_wire_that_was_not_read_yet_has_no_level(desk: Desk) -> None:
    with pytest.raises(DeviceUnavailable, match="tamper"):
        look(desk, 13, status())


def test_without_a_controller_nothing_is_made_up(desk: Desk) -> None:
    def away() -> ControllerStatus:
        raise ControllerUnavailable("the controller does not answer")

    controller: Any = SimpleNamespace(status=away)
    context = replace(desk.context, site=SITE, controller=controller)
    with pytest.raises(ControllerUnavailable):
        gpio_state(Call(context, CALLER, GpioRequest(gpio=11)))


@pytest.mark.parametrize("body", [{}, {"gpio": "1"}, {"gpio": True}, {"gpio": 1.5}])
def test_a_number_that_is_none_is_refused_naming_the_member(desk: Desk, body: object) -> None:
    status_code, error = desk.refusal("gpio_state", body)
    assert status_code == 400
    assert "'gpio'" in error
