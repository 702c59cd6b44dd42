"""The site file over HTTP, as far as the api's part goes; tests/e2e/test_site_trial.py has both."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

from gateway.errors import NotFound
from gateway.link.messages import ConfirmSite, ProposeSite, SiteStatus, TakeBackSite
from tests.demo_site import DEMO

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]
DIGEST = "a" * 64
COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("site_file", {}),
    ("check_site_file", {"text": DEMO}),
    ("apply_site_file", {"text": DEMO, "accept_missing": True}),
    ("confirm_site_file", {"digest": DIGEST}),
    ("take_back_site_file", {"digest": DIGEST}),
)


@pytest.mark.effect("check_site_file", "site_file")
def test_a_text_is_checked_and_the_file_shown(order: Order, straw: StrawController) -> None:
    assert order("check_site_file", {"text": DEMO}).json()["problems"] == []
    [problem] = order("check_site_file", {"text": DEMO + "\n[no"}).json()["problems"]
    assert problem["line"] == DEMO.count("\n") + 2
    straw.status = straw.status.model_copy(
        update={"site": SiteStatus(digest=DIGEST, origin="file")}
    )
    shown = order("site_file").json()
    assert (shown["running"], shown["origin"], shown["trial"]) == (DIGEST, "file", None)


@pytest.mark.effect("apply_site_file", "confirm_site_file", "take_back_site_file")
def test_the_controller_is_asked_to_try_to_keep_and_to_take_back(
    order: Order, straw: StrawController
) -> None:
    straw.status = straw.status.model_copy(
        update={"site": SiteStatus(digest=DIGEST, origin="file")}
    )
    asked = {"text": DEMO, "accept_missing": True, "confirm_within_s": 90}
    assert order("apply_site_file", asked).status_code == 200
    [proposed] = straw.commands
    assert isinstance(proposed, ProposeSite)
    assert base64.b64decode(proposed.content).decode().startswith(DEMO.rstrip())
    assert (proposed.confirm_within_s, proposed.by) == (90, "admin")
    straw.commands.clear()
    assert order("confirm_site_file", {"digest": DIGEST}).json() == {}
    assert ConfirmSite(digest=DIGEST) in straw.commands
    assert order("take_back_site_file", {"digest": DIGEST}).json() == {}
    assert TakeBackSite(digest=DIGEST) in straw.commands


@pytest.mark.refusal("site_file", "check_site_file", "apply_site_file")
@pytest.mark.refusal("confirm_site_file", "take_back_site_file", "system_network_trial")
def test_an_operator_and_a_wrong_text_change_nothing(order: Order, straw: StrawController) -> None:
    for command, body in (*COMMANDS, ("system_network_trial", {})):
        assert order(command, body, login=None).status_code == 401
        assert order(command, body, login="operator").status_code == 403
    refused = order("apply_site_file", {"text": DEMO.replace("pin = 17", "pin = 170")})
    assert refused.status_code == 400
    assert "170" in refused.json()["error"]
    assert straw.commands == []
    straw.refusal = NotFound("no site file is on trial")
    for command in ("confirm_site_file", "take_back_site_file"):
        assert order(command, {"digest": DIGEST}).status_code == 404
