"""How servers fare, as clients and scrapers are told over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import requests

from gateway.commands.online_server import OnlineServer
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


ONLINE = OnlineServer(
    server="http://10.0.0.6:80",
    reachable=False,
    since_utc=1_700_000_080,
    failures=4,
    waiting=2,
    last_success_utc=1_700_000_070,
    last_error="device_is_alive.fcgi: no answer in time",
    last_error_utc=1_700_000_090,
)


@pytest.fixture
def online(throwaway: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The device in an online mode whose server is away."""
    before = throwaway.context.online
    object.__setattr__(throwaway.context, "online", lambda: ONLINE)
    yield throwaway
    object.__setattr__(throwaway.context, "online", before)


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


def test_in_an_online_mode_an_administrator_is_told_whether_the_server_is_there(
    order: Order, online: SimpleNamespace
) -> None:
    assert online.url
    assert order("outbox_state").json()["online"] == asdict(ONLINE)


def figures(device: SimpleNamespace, beginning: str) -> dict[str, float]:
    """What a scraper gets whose name has such a beginning."""
    token = device.context.tokens.create("scraper")
    reply = requests.get(
        f"{device.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    device.context.tokens.revoke("scraper")
    lines = [line.rsplit(" ", 1) for line in reply.text.splitlines() if line.startswith(beginning)]
    return {name: float(value) for name, value in lines}


def test_a_scraper_gets_the_figures_of_the_online_server(online: SimpleNamespace) -> None:
    assert figures(online, "gateway_server") == {
        "gateway_server_failures": 4.0,
        "gateway_server_last_success_timestamp_seconds": 1_700_000_070.0,
    }


def test_in_standalone_mode_a_scraper_gets_no_figure_of_it(throwaway: SimpleNamespace) -> None:
    assert figures(throwaway, "gateway_server") == {}


def test_a_scraper_gets_the_figures_of_each_server(failing: SimpleNamespace) -> None:
    assert figures(failing, "gateway_outbox") == {
        'gateway_outbox_backlog{destination="monitor"}': 3.0,
        'gateway_outbox_failing_since_timestamp_seconds{destination="monitor"}': 1_700_000_050.0,
        'gateway_outbox_last_success_timestamp_seconds{destination="monitor"}': 1_700_000_000.0,
        'gateway_outbox_delivered_total{destination="monitor"}': 7.0,
        'gateway_outbox_refused_total{destination="monitor"}': 2.0,
        'gateway_outbox_dropped_total{destination="monitor"}': 1.0,
    }
