from __future__ import annotations

import pytest

from gateway.access.actions import (
    OPENING_ACTIONS,
    Action,
    SecBoxes,
    door_of,
    parse_parameters,
)
from gateway.access.log_events import AccessEvent


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        ("door=1", {"door": "1"}),
        ("id=65793, reason=1", {"id": "65793", "reason": "1"}),
        ("  id = 65793 ,reason= 1 , ", {"id": "65793", "reason": "1"}),
        ("id=65793=1", {"id": "65793"}),
        ("id=65793=1, reason=3", {"id": "65793", "reason": "3"}),
        ("Door=1, door=2", {"Door": "1", "door": "2"}),
        ("door=1, colour=red", {"door": "1", "colour": "red"}),
        ("door", {"door": ""}),
        ("door=", {"door": ""}),
        ("=3,,door=2", {"door": "2"}),
        ("door=1, door=2", {"door": "2"}),
        ("door=1, timeout=-1", {"door": "1", "timeout": "-1"}),
    ],
)
def test_parameters_are_a_comma_list(text: str, read: dict[str, str]) -> None:
    assert parse_parameters(text) == read


@pytest.mark.parametrize("name", sorted(OPENING_ACTIONS))
def test_what_lets_somebody_pass_opens(name: str) -> None:
    assert Action(name, "", 1, 0).opens


def test_a_slip_in_writing_does_not_hide_an_opening_action() -> None:
    assert Action(" Door ", "door=1", 1, 0).opens
    assert not Action("doorbell", "", 1, 0).opens


def test_events_are_those_of_the_api() -> None:
    assert [event.value for event in AccessEvent] == list(range(1, 16))
    assert AccessEvent(8) is AccessEvent.PENDING_ACCESS
    assert AccessEvent(11) is AccessEvent.BUTTON


REPORTED = 122_641_794_704_911_600
"""An id that a device of the vendor reported: as a floating-point number it is another one."""
LONE, TWO = SecBoxes((REPORTED,), stand_in=2), SecBoxes((65_793, REPORTED), stand_in=2)


@pytest.mark.parametrize(
    ("boxes", "text", "door"),
    [
        (SecBoxes((), 2), "65793", 2),
        (SecBoxes((), 2), "", 2),
        (SecBoxes((), 2), "whatever", 2),
        (LONE, str(REPORTED), REPORTED),
        (LONE, "1.226417947049116e+17", REPORTED),
        (LONE, str(int(float(REPORTED))), REPORTED),
        (LONE, "65793", REPORTED),
        (LONE, "", REPORTED),
        (LONE, "65794", 0),
        (LONE, "gate", 0),
        (LONE, "1e999", 0),
        (TWO, "65793", 65_793),
        (TWO, "65793.0", 65_793),
        (TWO, "", 65_793),
        (TWO, str(REPORTED), REPORTED),
        (TWO, "7", 0),
        (SecBoxes((70, 71), 2), "", 0),
        (SecBoxes((1 << 60, (1 << 60) + 1), 2), str((1 << 60) + 2), 0),
    ],
)
def test_the_id_of_a_secbox_names_it_or_the_door_that_stands_in(
    boxes: SecBoxes, text: str, door: int
) -> None:
    assert boxes.door(text) == door
    assert door_of(Action("sec_box", f"id={text}, reason=1", 1, 0), boxes) == door


def test_a_door_is_never_a_secbox() -> None:
    assert door_of(Action("door", "door=1", 1, 0), TWO) == 1
