"""What `gateway doctor` says of rows about doors that do nothing, or cannot work."""

from __future__ import annotations

from pathlib import Path

from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from tests.demo_site import DEMO
from tests.unit.cli.conftest import said


def test_a_pre_alarm_that_begins_with_the_opening_is_named(demo: tuple[Path, Store]) -> None:
    data, store = demo
    store.insert("door_settings", [{"door_id": 1, "held_open_s": 10, "pre_alarm_s": 500}])
    assert "door front: its pre-alarm of 500 s is not shorter than the 10 s" in said(data)
    store.modify("door_settings", {"pre_alarm_s": 5}, {"door_settings": {"door_id": 1}})
    assert "its pre-alarm of" not in said(data)
    store.destroy("door_settings", None)


def test_rows_that_a_changed_site_has_left_behind_are_named(demo: tuple[Path, Store]) -> None:
    data, store = demo
    assert "door_settings" not in said(data)
    store.insert("door_settings", [{"door_id": 4}, {"door_id": 2, "rex_mode": 1}])
    found = said(data)
    assert "door_settings: door_id: there is no door 4; this site has: 1, 2" in found
    assert "door_settings: rex_mode: door 2 (back) has no exit button" in found
    store.destroy("door_settings", None)


def test_people_who_need_more_time_and_doors_that_give_none_are_told(
    demo: tuple[Path, Store],
) -> None:
    data, store = demo
    store.modify("users", {"extended_times": 1}, {"users": {"id": 1}})
    store.insert("door_settings", [{"door_id": 1, "extended_dwell_ms": 9_000}])
    found = said(data)
    assert "door back: 1 people need more time" in found
    assert "door front: 1 people need more time" not in found


def test_a_relock_that_comes_after_another_one_is_told(demo: tuple[Path, Store]) -> None:
    data, store = demo
    store.insert_or_modify("door_settings", [{"door_id": 1, "relock_at_close": 1}])
    assert "set general.relay1_auto_close to 0" in said(data)
    store.set_configuration({"general": {"relay1_auto_close": 0}})
    assert "set general.relay1_auto_close to 0" not in said(data)


def test_an_operator_that_never_opens_or_opens_too_late_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    output = 'operator = { pin = 26, active = "high" }\n'
    text = DEMO.replace("lock = { pin = 17,", f"{output}lock = {{ pin = 17,", 1)
    initialise(data, text, demo=True)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        assert "there is no row of door_operators for it" in said(data)
        row = {"door_id": 1, "by_button": 0}
        store.insert("door_operators", [row])
        assert "names neither the exit button" in said(data)
        store.insert("door_operator_readers", [{"door_id": 1, "reader": 1}])
        assert "its operator" not in said(data)
        store.modify("door_operators", {"delay_ms": 5_000}, None)
        assert "when the lock is locked again" in said(data)


def test_a_lift_that_nothing_releases_and_floors_without_a_row_are_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    floors = '{ number = 1, pin = 26, active = "high" }, { number = 2, pin = 13, active = "high" }'
    lift = f'[[elevator]]\nid = 1\nname = "lift"\nfloor = [{floors}]\n\n'
    initialise(data, DEMO.replace("[[reader]]", f"{lift}[[reader]]", 1), demo=True)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        row = {"name": "ground", "elevator_id": 1, "floor": 1, "portal_id": 1}
        store.insert("elevator_floors", [row, {**row, "floor": 7}])
        found = said(data)
        assert "elevator lift: no portal has an action elevator with id=1" in found
        assert "elevator lift: floor 2 has no row of elevator_floors" in found
        assert "elevator_floors: floor: lift has no relay for floor 7; it has: 1, 2" in found


def test_a_floor_that_asks_for_more_than_its_cab_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    lift = (
        '[[elevator]]\nid = 1\nname = "lift"\n'
        'floor = [{ number = 1, pin = 26, active = "high" }]\n\n'
    )
    initialise(data, DEMO.replace("[[reader]]", f"{lift}[[reader]]", 1), demo=True)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        (inside,) = store.insert("areas", [{"name": "inside"}])
        roof = {"name": "roof", "area_from_id": 1, "area_to_id": inside}
        (floor,) = store.insert("portals", [roof])
        store.insert("elevator_floors", [_floor(floor)])
        store.insert("portal_factor_modes", [{"portal_id": floor, "time_zone_id": 1, "mode": 3}])
        store.insert("occupancy_limits", [{"area_id": inside, "minimum": 2}])
        action = {"id": 99, "name": "lift", "action": "elevator", "parameters": "id=1"}
        store.insert("actions", [action])
        store.insert("portal_actions", [{"portal_id": 1, "action_id": 99}])
        found = said(data)
        assert f"floor 1 (roof): portal {floor} asks for a card and a PIN at times" in found
        assert "floor 1 (roof): nobody may be alone in the area" in found
        assert f"portal {floor} (roof): opens for nobody: no rule is tied to it" in found
        cab = {"portal_id": 1, "time_zone_id": 1, "mode": 3}
        store.insert("portal_factor_modes", [cab])
        assert "asks for a card and a PIN at times" not in said(data)


def _floor(portal: int) -> dict[str, object]:
    return {"name": "roof", "elevator_id": 1, "floor": 1, "portal_id": portal}
