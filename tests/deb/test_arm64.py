"""The package of arm64 in empty Debian 12 and 13 of that architecture, which qemu-user emulates.

It has no service manager there, so that upgrades and returns are tried on amd64 alone
(test_package.py); here it is that every program and library of the package runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import __version__

from .container import BUILT, Container, eventually
from .packages import built

READY_S = 300.0
RUNTIME = "/run/gateway:/var/lib/gateway/api-run"


@pytest.fixture(scope="module", params=[("deb12", "bookworm"), ("deb13", "trixie")], ids=str)
def device(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """With the package, installed without a network."""
    release, code = request.param
    if not (BUILT / f"{code}-arm64.tar").exists():
        pytest.skip("qemu-user cannot be had: packages of arm64 are not installed")
    directory = tmp_path_factory.mktemp(release)
    with Container(f"{code}-arm64", directory, idle=True) as container:
        package = container.copy(built(release, "arm64"))
        told = container.run("dpkg", "-i", package, SITE="demo")
        assert "password" in told
        yield container


def test_every_bundled_package_can_be_imported(device: Container) -> None:
    assert device.run("uname", "-m").strip() == "aarch64"
    assert device.run("gateway", "version").strip() == f"gateway {__version__}"
    names = "argon2, cryptography, gpiod, osdp_sys, PIL, pydantic_core, zeroconf"
    device.run("/usr/lib/gateway/bin/python", "-c", f"import {names}")


def test_a_door_opens(device: Container, tmp_path: Path) -> None:
    device.set_password()
    device.run("systemd-tmpfiles", "--create", "gateway.conf")
    data = ("--data", "/var/lib/gateway")
    running = [
        device.start(
            f"gateway-{name}",
            "gateway",
            name,
            *data,
            log=tmp_path / name,
            RUNTIME_DIRECTORY=RUNTIME,
        )
        for name in ("controller", "api")
    ]

    def answers() -> bool:
        ended = [it for it in running if it.poll() is not None]
        logs = [(tmp_path / name).read_text(errors="replace") for name in ("controller", "api")]
        assert not ended, "\n".join(logs)
        return bool(device.fetch("http://127.0.0.1:8080/sign-in"))

    eventually(answers, "an answer of the api", READY_S)
    action: dict[str, Any] = {"actions": [{"action": "door", "parameters": "door=1"}]}
    wanted = {"object": "access_logs", "where": {"access_logs": {"portal_id": 1}}}

    def opened() -> bool:
        device.ask(("execute_actions", action))
        return bool(device.ask(("load_objects", wanted))["access_logs"])

    eventually(opened, "the opening in the log", READY_S)
    device.run("pkill", "--uid", "gateway-controller,gateway-api")
    for process in running:
        process.wait()


def test_purging_leaves_nothing(device: Container) -> None:
    device.run("dpkg", "-P", "gateway")
    left = device.run("find", "/etc", "/usr", "/var", "-path", "*gateway*")
    assert left == ""
    for name in ("passwd", "group"):
        assert "gateway" not in device.run("cat", f"/etc/{name}")
