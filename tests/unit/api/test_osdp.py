"""The keys of OSDP readers over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests

from gateway.link.osdp import ChangeOsdpKey, OsdpKeyAction, OsdpReaderStatus, ReportOsdp
from gateway.store.tables.audit import AuditType, entries

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]


@pytest.mark.effect("osdp_key")
@pytest.mark.parametrize("action", list(OsdpKeyAction))
def test_an_action_reaches_the_controller_and_the_audit_log(
    order: Order, straw: StrawController, throwaway: SimpleNamespace, action: OsdpKeyAction
) -> None:
    answer = order("osdp_key", {"reader": "front", "action": action.value})
    assert (answer.status_code, answer.json()) == (200, {})
    assert straw.of(ChangeOsdpKey)[-1] == ChangeOsdpKey(reader="front", action=action)
    told = entries(throwaway.context.store, [AuditType.API])
    assert any(f"osdp_key: {action} front" in line for line in told)


@pytest.mark.refusal("osdp_key")
@pytest.mark.parametrize(
    "body", [{}, {"reader": "front"}, {"reader": "front", "action": "read"}, {"action": "pair"}]
)
def test_an_unknown_action_is_refused(order: Order, body: dict[str, str]) -> None:
    assert order("osdp_key", body).status_code == 400


@pytest.mark.effect("osdp_state")
def test_the_state_tells_how_the_exchange_of_a_key_goes_on(
    order: Order, straw: StrawController
) -> None:
    shown = {
        "reader": "front",
        "address": 3,
        "health": "offline",
        "why": "is being paired; it opens nothing meanwhile",
        "clear_text": False,
        "phase": "pairing",
        "phase_why": "",
    }
    straw.osdp = (OsdpReaderStatus.model_validate(shown),)
    assert order("osdp_state").json() == {"readers": [shown]}
    assert straw.of(ReportOsdp) == [ReportOsdp()]


@pytest.mark.refusal("osdp_key", "osdp_state")
def test_keys_are_not_for_operators(device: SimpleNamespace, new_token: Callable[..., str]) -> None:
    for command in ("osdp_key", "osdp_state"):
        url = f"{device.url}/{command}.fcgi?session={new_token('operator')}"
        assert requests.post(url, json={}, timeout=30).status_code == 403
