"""The first boots of a flashed device, with the real package and service manager, in Debian 13.

The package is installed into the file tree, as `make image` does, before anything runs. The card's
FAT partition is a directory. The tests share the device, and each goes on where the one before it
ended.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .container import Container, eventually
from .packages import built

PASSWORD = "a-password-of-tests"  # as Container.ask has it
NETWORK = 'name = "depot"\n[wifi]\nname = "Depot"\npassword = "not on the card"\ncountry = "BR"\n'
CODE = re.compile(r"Set-up code +((?:[a-z2-9]{4}-){3}[a-z2-9]{4})")
BEGIN = """
import json, sys, urllib.request
request = urllib.request.Request(
    "http://127.0.0.1:8080/begin_setup.fcgi", sys.argv[1].encode(),
    {"Content-Type": "application/json"},
)
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    container = Container("trixie", tmp_path_factory.mktemp("first-boot"))
    root = container.root
    shutil.copy(built("deb13"), root / "var/gateway.deb")
    install = (
        'mount -t proc proc "$1/proc"; chroot "$1" dpkg -i /var/gateway.deb; '
        'chroot "$1" systemctl enable gateway-provision.service'
    )
    words = ["unshare", "--mount", "sh", "-ec", install, "install", str(root)]
    subprocess.run(words, check=True, capture_output=True)
    for name in ("card", "boot/firmware"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/fstab").write_text("/card /boot/firmware none bind,ro 0 0\n")
    (root / "etc/hostname").write_text("")
    demo = Path(__file__).parents[2] / "gateway/cli/demo.toml"
    shutil.copy(demo, root / "card/gateway.toml")
    (root / "card/network.toml").write_text(NETWORK)
    with container:
        yield container


def names(device: Container) -> set[str]:
    return {it.name for it in (device.root / "card").iterdir()}


def provision(device: Container) -> str:
    """What the device does at its next boot; returns the console's text."""
    device.run("systemctl", "restart", "gateway-provision.service")
    return device.run("cat", "/run/issue.d/60-gateway.issue")


def runs(device: Container) -> bool:
    units = ("gateway-api.service", "gateway-controller.service")
    return all(device.unit(unit)[0] == "active" for unit in units)


def test_the_first_boot_makes_name_data_and_code(device: Container) -> None:
    words = ("systemctl", "is-active", "gateway-provision.service")
    eventually(
        lambda: device.run(*words, codes=(0, 1, 3)) == "active\n", "the end of its work", 300
    )
    eventually(lambda: runs(device), "both services")
    assert names(device) == {"SETUP-CODE.txt", "gateway.applied.toml", "network.applied.toml"}
    assert "not on the card" not in (device.root / "card/network.applied.toml").read_text()
    assert device.run("cat", "/proc/sys/kernel/hostname").strip() == "depot"
    shown = device.run("cat", "/run/issue.d/60-gateway.issue")
    text = (device.root / "card/SETUP-CODE.txt").read_text()
    assert CODE.findall(shown) == CODE.findall(text) != []
    assert "depot.local" in shown
    assert " ro," in device.run("grep", " /boot/firmware ", "/proc/mounts")


def test_the_code_opens_the_device_once_and_is_shown_no_longer(device: Container) -> None:
    assert CODE.search(provision(device))
    (code,) = CODE.findall((device.root / "card/SETUP-CODE.txt").read_text())
    body = json.dumps({"code": code, "password": PASSWORD})
    assert "session" in json.loads(device.run("python3", "-c", BEGIN, body))
    assert device.ask(("load_objects", {"object": "groups"}))["groups"]
    assert not CODE.search(provision(device))
    assert "SETUP-CODE.txt" not in names(device)


def test_files_that_do_not_fit_are_refused_beside_themselves(device: Container) -> None:
    (device.root / "card/gateway.toml").write_text("[site]\n")
    (device.root / "card/network.toml").write_text('[wired]\naddress = "10.0.0.5"\n')
    provision(device)
    assert "set up" in (device.root / "card/gateway.refused.txt").read_text()
    assert "prefix" in (device.root / "card/network.refused.txt").read_text()
    assert device.ask(("load_objects", {"object": "groups"}))["groups"]
    assert runs(device)
