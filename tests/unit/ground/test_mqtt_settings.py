"""`[mqtt]` of the site file: what is allowed, and what each refusal says."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.settings import SiteFile, parse_site
from tests.mqtt.device import DEMO


def parsed(*lines: str, servers: str = "") -> SiteFile:
    return parse_site("\n".join((DEMO, servers, "[mqtt]", *lines, "")), "site")


@pytest.mark.parametrize(
    ("broker", "address", "shown"),
    [
        ("mqtts://broker.example", ("broker.example", 8883), "mqtts://broker.example:8883"),
        ("mqtt://broker.example/", ("broker.example", 1883), "mqtt://broker.example:1883"),
        ("mqtts://192.0.2.1:1", ("192.0.2.1", 1), "mqtts://192.0.2.1:1"),
        ("mqtt://[::1]", ("::1", 1883), "mqtt://[::1]:1883"),
        ("mqtt://[::1]:99", ("::1", 99), "mqtt://[::1]:99"),
    ],
)
def test_a_broker_is_a_host_and_may_have_a_port(
    broker: str, address: tuple[str, int], shown: str
) -> None:
    mqtt = parsed(f"broker = '{broker}'").mqtt
    assert mqtt is not None
    assert (mqtt.address, mqtt.shown) == (address, shown)


def test_without_more_a_broker_gets_no_names_and_sends_no_commands() -> None:
    mqtt = parsed("broker = 'mqtts://b'").mqtt
    assert mqtt is not None
    given = (mqtt.persons, mqtt.cards, mqtt.commands, mqtt.allow_unlock)
    assert given == (False,) * 4
    assert mqtt.require_at


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["user = 'a'"], "mqtt.broker: missing key"),
        (["broker = 'broker.example'"], "mqtts://HOST:PORT or mqtt://HOST:PORT is needed"),
        (["broker = 'mqtt://me:secret@b'"], "without user and path"),
        (["broker = 'mqtt://b:0'"], "port 0 is no port of a broker"),
        (["broker = 'mqtt://b:99999'"], "a port to 65535"),
        (["broker = 'mqtts://b'", "prefix = 'a/#'"], "mqtt.prefix"),
        (["broker = 'mqtts://b'", "prefix = ''"], "mqtt.prefix"),
        (["broker = 'mqtts://b'", "discovery_prefix = '+'"], "mqtt.discovery_prefix"),
        (["broker = 'mqtts://b'", "prefix = 'homeassistant/x'"], "must differ"),
        (["broker = 'mqtts://b'", "password_file = '/p'"], "password_file needs a user"),
        (["broker = 'mqtts://b'", "user = 'a'", "password_file = 'p'"], "an absolute path"),
        (["broker = 'mqtts://b'", "certificate = '/c'"], "certificate and key go together"),
        (["broker = 'mqtt://localhost'", "ca_file = '/c'"], "need mqtts://"),
        (["broker = 'mqtts://b'", "allow_unlock = true"], "allow_unlock needs commands = true"),
        (
            ["broker = 'mqtt://b'", "user = 'a'", "password_file = '/p'"],
            "'mqtt://b' would get the password without TLS",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_name(lines: list[str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parsed(*lines)
    assert said in str(refused.value)


def test_a_password_in_the_site_file_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        parsed("broker = 'mqtts://b'", "password = 'hunter2'")
    assert "mqtt.password" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_password_without_tls_stays_on_this_machine_or_is_permitted() -> None:
    lines = ("user = 'a'", "password_file = '/p'")
    assert parsed("broker = 'mqtt://127.0.0.1'", *lines).mqtt
    assert parsed("broker = 'mqtt://b'", *lines, servers="[servers]\nplain_secrets = true").mqtt
