"""An access that a server decided, told to the device over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gateway.link.messages import Authorize, Opening

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Ask = Callable[..., Any]
CALLER = "admin"

GRANT = {
    "event": 7,
    "user_id": 6,
    "user_name": "Neal",
    "user_image": False,
    "portal_id": 1,
    "actions": [{"action": "door", "parameters": "door=1"}],
}


def test_a_grant_reaches_the_controller_with_its_person_place_and_doors(
    ask: Ask, straw: StrawController
) -> None:
    assert ask("remote_user_authorization", GRANT) == (200, {})
    (told,) = straw.of(Authorize)
    assert told == Authorize(
        event=7, user_id=6, portal_id=1, openings=(Opening(door=1),), by=CALLER
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"event": 4}, "event must be one of 3, 6, 7"),
        ({"event": "7"}, "Invalid member 'event' (int expected, got string)"),
        ({"user_id": -1}, "user_id"),
        ({"actions": [{"action": "open_sesame"}]}, "unknown action 'open_sesame'"),
        ({"actions": [{"action": "door", "parameters": "door=4"}]}, "no door 4"),
    ],
)
def test_what_makes_no_sense_is_refused_and_never_told(
    ask: Ask, straw: StrawController, change: dict[str, object], said: str
) -> None:
    status, refusal = ask("remote_user_authorization", {**GRANT, **change})
    assert status == 400
    assert said in refusal["error"]
    assert straw.of(Authorize) == []
