"""What the form of the network asks for: what differs from what is so, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.web.views.network import _changes

NOW = {
    "ip": "192.168.7.20",
    "netmask": "255.255.255.0",
    "gateway": "192.168.7.1",
    "primary_dns": "192.168.7.1",
    "secondary_dns": "0.0.0.0",  # noqa: S104 - as it is shown
    "device_hostname": "door",
    "web_server_port": 80,
    "ssl_enabled": True,
    "dhcp_enabled": False,
}
FORM = {
    "addressing": "fixed",
    "ip": "192.168.7.20",
    "netmask": "255.255.255.0",
    "gateway": "192.168.7.1",
    "dns_primary": "192.168.7.1",
    "dns_secondary": "",
    "device_hostname": "door",
    "web_server_port": "80",
    "ssl_enabled": "1",
}
FIXED = {
    "ip": "192.168.7.21",
    "netmask": "255.255.255.0",
    "gateway": "192.168.7.1",
    "dns_primary": "192.168.7.1",
    "dns_secondary": "",
    "dhcp_enabled": False,
}


def changes(form: dict[str, str]) -> dict[str, object]:
    platform = SimpleNamespace(real=True)
    visit: Any = SimpleNamespace(form=form, context=SimpleNamespace(platform=platform))
    return _changes(visit, NOW)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ({"web_server_port": "8080"}, {"web_server_port": 8080}),
        ({"ip": "192.168.7.21"}, FIXED),
        ({"addressing": "dhcp"}, {"dhcp_enabled": True}),
        (
            {"device_hostname": "gate"},
            {"custom_hostname_enabled": True, "device_hostname": "gate"},
        ),
        ({"device_hostname": ""}, {"custom_hostname_enabled": False, "device_hostname": ""}),
    ],
)
def test_only_what_was_changed_is_asked_for(
    typed: dict[str, str], asked: dict[str, object]
) -> None:
    assert changes(FORM | typed) == asked


def test_a_box_that_is_no_longer_ticked_is_a_change() -> None:
    unticked = {name: value for name, value in FORM.items() if name != "ssl_enabled"}
    assert changes(unticked) == {"ssl_enabled": False}


@pytest.mark.parametrize("typed", [{}, {"web_server_port": "x"}, {"web_server_port": ""}])
def test_nothing_and_nonsense_are_refused(typed: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        changes(FORM | typed)
