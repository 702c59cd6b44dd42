"""What `gateway doctor` says of sets of zones, chimes and gestures that do nothing."""

from __future__ import annotations

from pathlib import Path

from gateway.store.objects.store import Store
from tests.unit.cli.conftest import said


def test_a_set_without_zones_and_chimes_that_nobody_hears_are_named(
    demo: tuple[Path, Store],
) -> None:
    data, store = demo
    before = said(data)
    assert "zone set" not in before
    assert "chime" not in before
    store.insert("zone_sets", [{"name": "night"}])
    store.modify("alarm_zones", {"chime": 1}, {"alarm_zones": {"zone": 1}})
    store.insert("door_settings", [{"door_id": 2, "chime": 1}])
    found = said(data)
    assert "zone set night: has no zone: arming it is refused" in found
    assert "chime: zone 1, door 2: no reader has a buzzer" in found


def test_gestures_without_people_doors_or_a_keypad_are_named(demo: tuple[Path, Store]) -> None:
    data, store = demo
    assert "gesture" not in said(data)
    (number,) = store.insert("zone_sets", [{"name": "day"}])
    (empty,) = store.insert("portals", [{"name": "attic", "area_from_id": 1, "area_to_id": 1}])
    row = {"portal_id": empty}
    store.insert("portal_gestures", [{**row, "gesture": 1}])
    store.insert("portal_gestures", [{**row, "gesture": 3, "zone_set_id": number, "keys": "1"}])
    found = said(data)
    subject = f"portal {empty} (attic)"
    hold = f"{subject}: a second card is to hold its doors unlocked (gesture 1), but"
    arm = f"{subject}: keys after a card are to arm zones (gesture 3), but"
    assert f"{hold} nobody is listed for it" in found
    assert f"{hold} no reader stands for this portal" in found
    assert f"{hold} it opens no door of this device" in found
    assert f"{arm} its set has no zone of this device" in found
    (keys,) = store.insert(
        "portal_gestures",
        [{"portal_id": 2, "gesture": 3, "zone_set_id": number, "keys": "1"}],
    )
    (idle,) = store.insert("groups", [{"name": "idle"}])
    store.insert("portal_gesture_groups", [{"portal_gesture_id": keys, "group_id": idle}])
    found = said(data)
    assert "(gesture 3), but qr has no keypad: use a third card (gesture 2)" in found
    assert "(gesture 3), but no rule lets its groups pass there" in found


def test_a_reader_without_a_keypad_where_everybody_must_key_is_named(
    demo: tuple[Path, Store],
) -> None:
    data, store = demo
    store.set_configuration({"identifier": {"multi_factor_authentication": "1"}})
    assert "reader qr: it has no keypad, and every portal asks for a card and a PIN" in said(data)
    store.set_configuration({"identifier": {"multi_factor_authentication": "0"}})
    assert "reader qr: it has no keypad" not in said(data)
