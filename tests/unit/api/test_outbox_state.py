"""How servers fare, as clients and scrapers are told over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import requests

from gateway.store.tables.destinations import DestinationState

Order = Callable[..., requests.Response]

MONITOR = DestinationState(
    "monitor",
    server="http://10.0.0.5:80",
    backlog=3,
    delivered=7,
    refused=2,
    dropped=1,
    last_success_utc=1_700_000_000,
    last_error="dao: answered 500",
    last_error_utc=1_700_000_060,
    failing_since_utc=1_700_000_050,
)


@pytest.fixture
def failing(throwaway: SimpleNamespace) -> SimpleNamespace:
    """The device with a monitor that fails."""
    object.__setattr__(throwaway.context, "destinations", lambda: [MONITOR])
    return throwaway


@pytest.mark.effect("outbox_state")
@pytest.mark.refusal("outbox_state")
def test_an_administrator_is_told_all_about_each_server(
    order: Order, failing: SimpleNamespace
) -> None:
    assert failing.url
    assert order("outbox_state").json() == {"destinations": [asdict(MONITOR)]}
    assert order("outbox_state", login=None).status_code == 401
    assert order("outbox_state", login="operator").status_code == 403


def test_a_scraper_gets_the_figures_of_each_server(failing: SimpleNamespace) -> None:
    token = failing.context.tokens.create("scraper")
    reply = requests.get(
        f"{failing.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    failing.context.tokens.revoke("scraper")
    figures = dict(
        line.rsplit(" ", 1) for line in reply.text.splitlines() if "gateway_outbox" in line[:14]
    )
    assert {name: float(value) for name, value in figures.items()} == {
        'gateway_outbox_backlog{destination="monitor"}': 3.0,
        'gateway_outbox_failing_since_timestamp_seconds{destination="monitor"}': 1_700_000_050.0,
        'gateway_outbox_last_success_timestamp_seconds{destination="monitor"}': 1_700_000_000.0,
        'gateway_outbox_delivered_total{destination="monitor"}': 7.0,
        'gateway_outbox_refused_total{destination="monitor"}': 2.0,
        'gateway_outbox_dropped_total{destination="monitor"}': 1.0,
    }
