"""`simulate` over HTTP: what a person does at the simulated board."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests

from gateway.errors import NotSupportedHere
from gateway.link.messages import Simulate

if TYPE_CHECKING:
    from .conftest import StrawController

Order = Callable[..., requests.Response]
AWAY = {"error": "the controller does not answer", "code": 1}


@pytest.mark.effect("simulate")
def test_the_controller_is_told_what_to_do_at_the_board(
    order: Order, straw: StrawController
) -> None:
    asked = {"verb": "swipe", "reader": "front", "value": "123,45678"}
    assert order("simulate", asked).json() == {}
    assert straw.commands == [Simulate(verb="swipe", reader="front", value="123,45678")]


@pytest.mark.refusal("simulate")
def test_what_no_board_does_and_who_may_not_is_refused(
    lonely: SimpleNamespace, order: Order, straw: StrawController
) -> None:
    refused = order("simulate", {"verb": "explode"})
    assert refused.status_code == 400
    assert "'verb'" in refused.json()["error"]
    assert order("simulate", {"verb": "swipe"}, login=None).status_code == 401
    assert order("simulate", {"verb": "swipe"}, login="operator").status_code == 403
    assert straw.commands == []
    straw.refusal = NotSupportedHere("this one is real")
    assert order("simulate", {"verb": "swipe"}).status_code == 400
    url = f"{lonely.url}/simulate.fcgi?session={lonely.token}"
    reply = requests.post(url, json={"verb": "swipe"}, timeout=30)
    assert (reply.status_code, reply.json()) == (503, AWAY)
