"""The tables of SecBoxes in the site file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import LockState, SecBox, SiteFile

BOX: dict[str, Any] = {
    "name": "gate",
    "egress": "mechanical",
    "port": "/dev/rs485",
    "address": 1,
    "relay": 0,
    "sensor": 0,
}
OTHER: dict[str, Any] = {**BOX, "id": 65_794, "name": "yard", "relay": 1, "sensor": 1}
DOOR = {
    "id": 1,
    "name": "front",
    "egress": "mechanical",
    "strike": {"pin": 17, "locked": "low", "unlocked": "high"},
}
READER = {"name": "yard", "index": 1, "portal": 1, "kind": "serial_qr", "port": "/dev/qr"}


def site(*boxes: dict[str, Any], **more: Any) -> SiteFile:
    head = {"name": "Test", "timezone": "UTC", "board": "simulated"}
    return SiteFile.model_validate({"site": head, "sec_box": boxes, **more})


def test_a_secbox_has_the_vendors_id_and_locks_with_its_relay_off() -> None:
    (box,) = site(BOX).sec_box
    assert (box.id, box.baud, box.parity, box.module) == (65_793, 9_600, "none", "generic")
    assert not box.switches_on(LockState.LOCKED)
    assert not box.energised_to_lock
    assert box.inputs() == {"sensor": 0}


def test_doors_and_secboxes_are_the_doors_of_a_site() -> None:
    assert [door.name for door in site(BOX, OTHER, door=[DOOR]).doors()] == [
        "front",
        "gate",
        "yard",
    ]


@pytest.mark.parametrize(
    ("boxes", "more", "text"),
    [
        ([{**BOX, "id": 4}], {}, "id"),
        ([{**BOX, "address": 0}], {}, "address"),
        ([{**BOX, "address": 248}], {}, "address"),
        ([{**BOX, "parity": "mark"}], {}, "parity"),
        ([{**BOX, "rex": {"input": 0}}], {}, "sensor and rex are both input 0"),
        (
            [{**BOX, "egress": "software", "rex": {"input": 1, "mode": "shunt"}}],
            {},
            "shunt drives nothing",
        ),
        ([BOX, {**OTHER, "id": 65_793}], {}, "sec_box id 65793 is used twice"),
        ([{**BOX, "name": "front"}], {"door": [DOOR]}, "door name front is used twice"),
        ([OTHER], {"reader": [READER]}, "device name yard is used twice"),
        ([BOX, {**OTHER, "baud": 19_200}], {}, "baud, parity and direction must be the same"),
        ([BOX, {**OTHER, "direction": "rts"}], {}, "baud, parity and direction must be the same"),
        ([BOX, {**OTHER, "module": "waveshare_io_8"}], {}, "module must be the same"),
        ([BOX, {**OTHER, "relay": 0}], {}, "use relay 0 at address 1"),
        ([BOX, {**OTHER, "sensor": 2, "rex": {"input": 0}}], {}, "use input 0 at address 1"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(
    boxes: list[dict[str, Any]], more: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValidationError, match=text):
        site(*boxes, **more)


@pytest.mark.parametrize(
    "changes", [{"port": "/dev/other", "relay": 0, "baud": 19_200}, {"address": 2, "relay": 0}]
)
def test_another_line_and_another_address_have_numbers_of_their_own(
    changes: dict[str, Any],
) -> None:
    assert len(site(BOX, {**OTHER, "sensor": 0, **changes}).sec_box) == 2


def test_a_magnet_is_energised_to_lock() -> None:
    assert SecBox.model_validate({**BOX, "unlocked": "off"}).energised_to_lock


@pytest.mark.parametrize(
    ("lock", "on_while_locked", "power_locks"),
    [
        ({"relay": 2, "kind": "strike"}, False, False),
        ({"relay": 2, "kind": "magnet"}, True, True),
        ({"relay": 2, "kind": "strike", "contact": "NC"}, True, False),
        ({"relay": 2, "kind": "magnet", "contact": "NC"}, False, True),
        ({"relay": 2, "kind": "strike", "unlocked": "off"}, True, False),
    ],
)
def test_what_the_relay_does_follows_from_the_kind_of_the_lock(
    lock: dict[str, Any], *, on_while_locked: bool, power_locks: bool
) -> None:
    bare = {key: value for key, value in BOX.items() if key != "relay"}
    (box,) = site({**bare, "lock": lock}).sec_box
    assert box.coil == 2
    assert (box.energised_to_lock, box.power_locks) == (on_while_locked, power_locks)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lock": {"relay": 0, "kind": "strike"}}, "either lock or relay is needed"),
        ({"relay": None}, "either lock or relay is needed"),
        (
            {"relay": None, "lock": {"relay": 0, "kind": "strike"}, "unlocked": "on"},
            "unlocked belongs into lock",
        ),
    ],
)
def test_a_lock_is_described_once(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        site({**BOX, **change})
