from __future__ import annotations

import pytest

from gateway.access.actions import OPENING_ACTIONS, Action, parse_parameters
from gateway.access.reasons import AccessEvent


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
