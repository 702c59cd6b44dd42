"""The server of the online modes, as clients name it in the configuration and in `devices`."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from gateway.uplink.online.client import KEYS
from gateway.uplink.online.target import OnlineTarget, named_server, online_target

VALUES = {
    "general": {"online": "1"},
    "online_client": {
        "server_id": "5",
        "max_request_attempts": "3",
        "request_timeout": "2500",
        "alive_interval": "30000",
    },
}


def with_client(**changed: str) -> dict[str, dict[str, str]]:
    return {**VALUES, "online_client": {**VALUES["online_client"], **changed}}


def target(ip: str | None, *, plain: bool = False, **changed: str) -> OnlineTarget:
    return online_target(with_client(**changed), 5, ip, plain_secrets=plain)


def test_what_is_read_are_the_keys_that_are_asked_for() -> None:
    assert {module: set(keys) for module, keys in KEYS.items()} == {
        module: set(keys) for module, keys in VALUES.items()
    }


def test_in_standalone_mode_no_server_is_named() -> None:
    assert named_server({**VALUES, "general": {"online": "0"}}) is None
    assert named_server(VALUES) == 5


@pytest.mark.parametrize("number", ["", "0"])
def test_an_online_mode_without_a_server_is_refused_by_the_name_of_the_key(number: str) -> None:
    with pytest.raises(InvalidRequest, match=r"online_client\.server_id names no server"):
        named_server(with_client(server_id=number))


def test_a_server_without_a_row_is_refused_by_its_number() -> None:
    with pytest.raises(InvalidRequest, match="there is no row 5 in devices"):
        target(None)


@pytest.mark.parametrize(
    ("ip", "shown", "path"),
    [
        ("10.0.0.5", "http://10.0.0.5:80", "/new_card.fcgi?session="),
        ("10.0.0.5:8000", "http://10.0.0.5:8000", "/new_card.fcgi?session="),
        ("http://10.0.0.5:8000/", "http://10.0.0.5:8000", "/new_card.fcgi?session="),
        ("https://acs.example", "https://acs.example:443", "/new_card.fcgi?session="),
        ("192.168.110.200:80/api2", "http://192.168.110.200:80", "/api2/new_card.fcgi?session="),
        ("::1", "http://[::1]:80", "/new_card.fcgi?session="),
        ("h/a/b?key=1", "http://h:80", "/a/b/new_card.fcgi?key=1&session="),
    ],
)
def test_an_ip_may_have_a_scheme_a_port_and_a_path(ip: str, shown: str, path: str) -> None:
    address = target(ip).address
    assert address.shown == shown
    assert address.target("new_card.fcgi", "session=") == path


def test_an_ip_that_is_none_is_refused_by_its_row() -> None:
    with pytest.raises(InvalidRequest, match="devices 5 ip"):
        target("ftp://10.0.0.5")


def test_times_are_milliseconds_and_a_keep_alive_comes_once_a_second_at_most() -> None:
    found = target("h")
    assert (found.timeout_s, found.attempts, found.alive_s) == (2.5, 3, 30.0)
    assert target("h", alive_interval="1").alive_s == 1.0
    assert target("h", alive_interval="0").alive_s == 0.0


@pytest.mark.parametrize(
    ("ip", "plain", "secrets"),
    [("http://h", False, False), ("http://h", True, True), ("https://h", False, True)],
)
def test_secrets_need_tls_or_the_site_file(ip: str, plain: bool, secrets: bool) -> None:
    assert target(ip, plain=plain).secrets is secrets
