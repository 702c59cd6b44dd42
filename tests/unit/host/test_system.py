"""Figures of the machine."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest

from gateway.host.network import network
from gateway.host.system import Capacity, disk, memory


def test_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    told.write_text(
        "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\nHugePages_Total:   0\nx\n"
    )
    assert memory(told) == Capacity(1_024_000, 409_600)


def test_a_system_that_tells_nothing_has_no_memory_figures(tmp_path: Path) -> None:
    assert memory(tmp_path / "absent") == Capacity(0, 0)


def test_this_machine_has_memory_and_a_disk(tmp_path: Path) -> None:
    for space in (memory(), disk(tmp_path)):
        assert 0 < space.free <= space.total


def test_a_disk_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        disk(tmp_path / "absent")


def test_the_network_is_told_in_dotted_notation() -> None:
    found = network()
    for address in (found.ip, found.netmask, found.gateway):
        ipaddress.IPv4Address(address)
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", found.mac)
    assert found.hostname


def test_router_and_interface_come_from_the_default_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = tmp_path / "route"
    routes.write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "lo 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
        "lo 00000000 0102A8C0 0003 0 0 0 00000000 0 0 0\n"
    )
    resolvers = tmp_path / "resolv.conf"
    resolvers.write_text("# comment\nnameserver 9.9.9.9\nsearch x\nnameserver 1.1.1.1\n")
    monkeypatch.setattr("gateway.host.network._ROUTES", routes)
    monkeypatch.setattr("gateway.host.network._RESOLVERS", resolvers)
    found = network()
    assert found.gateway == "192.168.2.1"
    assert (found.ip, found.netmask) == ("127.0.0.1", "255.0.0.0")
    assert (found.primary_dns, found.secondary_dns) == ("9.9.9.9", "1.1.1.1")
