"""`gateway network-file`: what a technician writes on the card of a flashed device."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.network_file import network_file
from gateway.errors import SettingsError
from gateway.settings.network_file import (
    COUNTRY,
    HOST_NAME,
    WIFI,
    WIRED,
    parse_network,
    system_files,
    without_password,
)

WHOLE = """
name = "Depot-North"
[wired]
address = "192.168.1.20/24"
gateway = "192.168.1.1"
dns = ["192.168.1.1", "9.9.9.9"]
[wifi]
name = "Dépôt"
password = 'a b\\c secret'
country = "BR"
"""


def files(text: str) -> dict[str, str]:
    return dict(system_files(parse_network(text, "network.toml")))


def test_each_table_sets_its_own_interface_and_nothing_else() -> None:
    assert set(files(WHOLE)) == {HOST_NAME, WIRED, WIFI, COUNTRY}
    assert set(files("[wired]")) == {WIRED}
    assert set(files('name = "depot"')) == {HOST_NAME}


def test_a_fixed_address_is_set_with_its_router_and_servers() -> None:
    lines = set(files(WHOLE)[WIRED].splitlines())
    assert {"method=manual", "address1=192.168.1.20/24,192.168.1.1"} <= lines
    assert "dns=192.168.1.1;9.9.9.9;" in lines


def test_without_an_address_dhcp_gives_it_or_the_device_chooses_one() -> None:
    assert {"method=auto", "link-local=4"} <= set(files("[wired]")[WIRED].splitlines())


def test_any_name_and_password_of_a_network_reach_networkmanager_whole() -> None:
    made = files(WHOLE)
    assert "ssid=68;195;169;112;195;180;116;" in made[WIFI]  # the bytes of UTF-8
    assert r"psk=a\sb\\c\ssecret" in made[WIFI]
    assert "ieee80211_regdom=BR" in made[COUNTRY]
    assert made[HOST_NAME] == "depot-north\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "gateway-1"', ("name", "not free")),
        ('name = "two words"', ("name", "hyphens")),
        (" ", ("network.toml is empty",)),
        ('[wired]\naddress = "192.168.1.20"', ("wired", "prefix", "192.168.1.20/24")),
        ('[wired]\naddress = "192.168.1.0/24"', ("wired", "no address of a device")),
        ('[wired]\naddress = "10.0.0.2/8"\ngateway = "11.0.0.1"', ("gateway", "11.0.0.1")),
        ('[wired]\ngateway = "10.0.0.1"', ("gateway", "needs an address")),
        ('[wired]\nadress = "10.0.0.2/8"', ("wired.adress", "unknown key", "address")),
        ('[wifi]\nname = "x"\ncountry = "BR"', ("wifi.password", "missing")),
        ('[wifi]\nname = "x"\npassword = "short"\ncountry = "BR"', ("wifi.password",)),
        ('[wifi]\nname = "x"\npassword = "long enough"\ncountry = "Brazil"', ("wifi.country",)),
        ('[wifi]\nname = "a\\nb"\npassword = "long enough"\ncountry = "BR"', ("wifi.name",)),
    ],
)
def test_a_mistake_is_refused_with_its_key(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_network(text, "network.toml")
    assert all(word in str(refused.value) for word in words), refused.value


WIFI_OF = '[wifi]\nname = "x"\ncountry = "BR"\n'


@pytest.mark.parametrize(
    "line",
    [
        'password = "wlan-of-99',
        "password = wlan-of-99",
        'pasword = "wlan-of-99"',
        'password = "wlan-of-99" "',
        'password: "wlan-of-99"',
        'password = ["wlan-of-99"]',
        'name = "wlan-of-99"',
    ],
)
def test_a_refusal_shows_no_password_for_it_goes_to_the_log(line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_network(WIFI_OF + line, "network.toml")
    assert "wlan-of-99" not in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        'password = "wlan-of-99"  # of the depot',
        'password="wlan-of-99"',
        r'password = "wlan\"-of-99"',
        '"password" = "wlan-of-99"',
        "'password' = 'wlan-of-99'",
        'password = """wlan-of-99"""',
        "password = '''\nwlan-of-99'''",
        r'"pass\u0077ord" = "wlan-of-99"',
        'password = "wlan-of-99"  # formerly no-of-99, and wlan-of-99 since May',
        '#password = "wlan-of-99"\npassword = "wlan-of-99"',
    ],
)
def test_what_stays_on_the_card_has_no_password(line: str) -> None:
    kept = without_password(f"# Ours\n{WIFI_OF}{line}\n")
    assert "-of-99" not in kept.replace("no-of-99", "")
    assert "wifi" in kept


def test_what_stays_on_the_card_is_otherwise_what_was_written(tmp_path: Path) -> None:
    file, kept = tmp_path / "network.toml", tmp_path / "kept.toml"
    file.write_bytes(b"\xef\xbb\xbf# Ours\r\n" + WHOLE.replace("\n", "\r\n").encode())
    done = CliRunner().invoke(network_file, [str(file), "--kept", str(kept)])
    assert done.exit_code == 0, done.output
    expected = WHOLE.replace(r"'a b\c secret'", '"in the device"')
    assert kept.read_bytes() == f"# Ours\n{expected}".replace("\n", "\r\n").encode()


@pytest.mark.parametrize("page", ["gateway/docs/installation.md", "systemd/image/READ-ME.txt"])
def test_the_examples_for_technicians_can_be_used_as_they_are(page: str) -> None:
    text = (Path(__file__).parents[3] / page).read_text(encoding="utf-8")
    example = re.findall(r'^ *name = "depot-north"[^`]*?"BR".*?$', text, re.MULTILINE)[0]
    made = files(textwrap.dedent(example).replace('"..."', '"a long one"'))
    assert set(made) == {HOST_NAME, WIRED, WIFI, COUNTRY}


def test_files_with_passwords_are_roots_alone(tmp_path: Path) -> None:
    (tmp_path / "network.toml").write_text(WHOLE)
    words = [str(tmp_path / "network.toml"), "--apply", "--root", str(tmp_path)]
    assert CliRunner().invoke(network_file, words, catch_exceptions=False).exit_code == 0
    assert (tmp_path / WIFI.lstrip("/")).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / HOST_NAME.lstrip("/")).stat().st_mode & 0o777 == 0o644
