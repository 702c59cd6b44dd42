"""Who may change the machine, by real polkit and NetworkManager: the API through its helper, the
api's user itself never."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from .machine import Machine, MachineError, eventually
from .services import API, CONTROLLER, Services
from .users import as_api

NETWORK_MANAGER = "NetworkManager.service"
WIRED, KEPT = "wired", "kept"
"""Profiles: the one in use, and one with a password."""
OLD, NEW = "10.1.2.3", "10.1.2.77"
NAME = "front-door"
SET_PASSWORD = ("/opt/gateway/bin/gateway", "passwd", "--stdin", "--data", "/var/lib/gateway")
BUS = ("busctl", "--timeout=20", "call")
SYSTEM = "/org/freedesktop"

ASK = """
import json, sys, urllib.request
session = ""
for command, body in json.loads(sys.argv[1]):
    request = urllib.request.Request(
        f"http://127.0.0.1/{command}.fcgi?session={session}",
        json.dumps(body).encode(), {"Content-Type": "application/json"},
    )
    try:
        answer = json.load(urllib.request.urlopen(request, timeout=60))
    except urllib.error.HTTPError as error:
        answer = {"status": error.code, **json.load(error)}
    session = answer.get("session", session)
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def wired(machine: Machine) -> Iterator[Machine]:
    """The machine with a wired connection that NetworkManager manages."""
    machine.run("systemctl", "start", NETWORK_MANAGER)
    machine.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
    machine.run("ip", "link", "set", "far", "up")
    add = ("nmcli", "connection", "add", "type", "ethernet", "ifname")
    fixed = ("ipv4.method", "manual", "ipv4.addresses", f"{OLD}/24", "ipv4.route-metric", 77)
    machine.run(*add, "eth0", "con-name", WIRED, *fixed)
    secret = ("802-1x.eap", "md5", "802-1x.identity", "door", "802-1x.password", "a secret")
    machine.run(*add, "other", "con-name", KEPT, "autoconnect", "no", *secret)
    machine.run("nmcli", "connection", "up", WIRED)
    yield machine
    machine.run("systemctl", "stop", NETWORK_MANAGER)
    machine.run("ip", "link", "delete", "eth0")


def ask(machine: Machine, *requests: tuple[str, dict[str, Any]]) -> Any:
    """Send requests to the API as its administrator; the last answer."""
    machine.run(*SET_PASSWORD, text="a-password-of-tests\n")
    login = ("login", {"login": "admin", "password": "a-password-of-tests"})
    return json.loads(machine.run("python3", "-c", ASK, json.dumps([login, *requests])))


def profile(machine: Machine, name: str, *fields: str) -> list[str]:
    words = ("nmcli", "--show-secrets", "--get-values", ",".join(fields))
    return machine.run(*words, "connection", "show", name).splitlines()


def test_the_api_sets_address_and_name_of_the_connection_in_use(
    wired: Machine, services: Services
) -> None:
    before = services.look(API)
    request = {
        "ip": NEW,
        "netmask": "255.255.255.0",
        "gateway": "10.1.2.1",
        "custom_hostname_enabled": True,
        "device_hostname": NAME,
    }
    assert "error" not in ask(wired, ("set_system_network", request))
    eventually(lambda: NEW in wired.run("ip", "-4", "addr", "show", "dev", "eth0"), "an address")
    assert OLD not in wired.run("ip", "-4", "addr", "show", "dev", "eth0")
    assert wired.read("/etc/hostname").strip() == NAME
    fields = ("ipv4.addresses", "ipv4.gateway", "ipv4.route-metric")
    assert profile(wired, WIRED, *fields) == [f"{NEW}/24", "10.1.2.1", "77"]
    # It restarts to see its new name.
    services.recovered(API, before)


def test_a_profile_that_is_written_without_its_password_keeps_it(wired: Machine) -> None:
    script = (
        "import sys; from gateway.host.network_manager import *; "
        "from gateway.host.system_bus import SystemBus; "
        "network = NetworkManager(SystemBus()); profile = ActiveConnection(sys.argv[1], '/'); "
        "network.write(profile, network.read(profile))"
    )
    shown = ("nmcli", "--get-values", "connection.uuid", "connection", "show", KEPT)
    uuid = wired.run(*shown).strip()
    nm = f"{SYSTEM}/NetworkManager/Settings"
    call = ("call", "org.freedesktop.NetworkManager", nm, "org.freedesktop.NetworkManager.Settings")
    found = wired.run("busctl", *call, "GetConnectionByUuid", "s", uuid).split('"')[1]
    folder = wired.run("readlink", "-f", "/opt/gateway/bin").strip()
    wired.run(f"{folder}/python", "-c", script, found)
    assert profile(wired, KEPT, "802-1x.password") == ["a secret"]


def test_the_helper_restarts_no_machine_that_has_just_started(wired: Machine) -> None:
    boot = wired.boot
    if wired.now_s() > 250:
        pytest.skip("the machine has been up for long")
    answer = ask(wired, ("reboot", {}))
    assert answer["status"] == 400
    assert "it may be restarted in" in answer["error"]
    assert wired.read("/proc/sys/kernel/random/boot_id").strip() == boot


def call(service: str, path: str, interface: str, *words: str) -> tuple[str, ...]:
    return (*BUS, f"org.freedesktop.{service}", f"{SYSTEM}/{path}", interface, *words)


FORBIDDEN = {
    "restart": call("login1", "login1", "org.freedesktop.login1.Manager", "Reboot", "b", "false"),
    "power off": call(
        "login1", "login1", "org.freedesktop.login1.Manager", "PowerOff", "b", "false"
    ),
    "name": call(
        *("hostname1", "hostname1", "org.freedesktop.hostname1"),
        *("SetStaticHostname", "sb", "evil", "false"),
    ),
    "clock": call(
        *("timedate1", "timedate1", "org.freedesktop.timedate1"),
        *("SetTime", "xbb", "1814443200000000", "false", "false"),
    ),
    "profile": ("nmcli", "connection", "modify", WIRED, "ipv4.addresses", "10.9.9.9/24"),
    "new profile": ("nmcli", "connection", "add", "type", "vpn", "vpn-type", "openvpn"),
    "secrets": ("nmcli", "--show-secrets", "connection", "show", KEPT),
    "deactivation": ("nmcli", "connection", "down", WIRED),
    "the controller's stop": ("systemctl", "--no-ask-password", "stop", CONTROLLER),
    "the controller's end": ("systemctl", "--no-ask-password", "kill", CONTROLLER),
    "a drop-in": ("systemctl", "--no-ask-password", "set-property", CONTROLLER, "CPUQuota=1%"),
    "a unit": ("systemd-run", "--no-ask-password", "/bin/true"),
    "the helper itself": ("systemctl", "--no-ask-password", "start", "gateway-system.service"),
}
BY_EFFECT = ("secrets", "deactivation")
"""Those for which nmcli reports success however NetworkManager has answered."""


def test_the_apis_user_itself_changes_nothing(wired: Machine, services: Services) -> None:
    before = services.look(CONTROLLER)
    address = wired.run("ip", "-4", "addr", "show", "dev", "eth0")
    profiles = profile(wired, WIRED, "all")
    carried_out = []
    for name, words in FORBIDDEN.items():
        with suppress(MachineError):
            answer = wired.run(*as_api(*words))
            if name not in BY_EFFECT or "a secret" in answer:
                carried_out.append(name)
    assert carried_out == []
    assert services.look(CONTROLLER) == before
    assert wired.run("ip", "-4", "addr", "show", "dev", "eth0") == address
    assert profile(wired, WIRED, "all") == profiles
    assert wired.read("/etc/hostname").strip() == NAME
