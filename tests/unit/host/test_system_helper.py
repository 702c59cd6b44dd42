"""The helper that changes the operating system takes its own words, checked, and no more."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.host import system_helper
from gateway.host.clock_trust import CEILING, RELEASED
from gateway.host.helped_platform import HelpedPlatform
from gateway.host.system_bus import SystemBus
from gateway.host.system_helper import answer
from gateway.host.system_platform import SystemPlatform


class NoBus(SystemBus):
    """A bus that nobody may use."""

    def call(self, *_: object) -> tuple[Any, ...]:
        raise AssertionError("the bus was used")


def addressing(**values: object) -> dict[str, object]:
    good = {"address": "192.168.7.20/24", "gateway": "192.168.7.1", "dns": ["9.9.9.9"]}
    return {"kind": "change_network", "addressing": {**good, **values}}


REFUSED: dict[str, object] = {
    "nothing": {},
    "a list": [],
    "an unknown word": {"kind": "run", "program": "/bin/sh"},
    "another member": {"kind": "restart", "now": True},
    "a method of the bus": {"kind": "carry_out"},
    "the past": {"kind": "set_time", "utc": (RELEASED - timedelta(days=1)).isoformat()},
    "the far future": {"kind": "set_time", "utc": (CEILING + timedelta(days=1)).isoformat()},
    "no zone": {"kind": "set_time", "utc": "2027-01-01T00:00:00"},
    "an option": {"kind": "set_ntp_servers", "servers": ["--help"]},
    "two lines": {"kind": "set_ntp_servers", "servers": ["a\nb"]},
    "a line's end": {"kind": "set_ntp_servers", "servers": ["a\n"]},
    "many servers": {"kind": "set_ntp_servers", "servers": ["a", "b", "c"]},
    "a name with a dot": {"kind": "change_network", "hostname": "a.b"},
    "a name with a line's end": {"kind": "change_network", "hostname": "a\n"},
    "no name": {"kind": "change_network", "hostname": ""},
    "no address": addressing(address="somewhere"),
    "the network's address": addressing(address="192.168.7.0/24"),
    "everybody's address": addressing(address="224.0.0.1/4", gateway=None),
    "its own address": addressing(address="127.0.0.1/8", gateway=None),
    "a network of one": addressing(address="192.168.7.20/32", gateway=None),
    "all networks": addressing(address="192.168.7.20/0", gateway=None),
    "a router elsewhere": addressing(gateway="10.0.0.1"),
    "itself as router": addressing(gateway="192.168.7.20"),
    "a router of nothing": addressing(address=None),
    "a server of no host": addressing(dns=["224.0.0.1"]),
    "three name servers": addressing(dns=["9.9.9.9", "1.1.1.1", "8.8.8.8"]),
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_in_its_words_is_refused_before_anything_is_done(request_: object) -> None:
    answered = answer(json.dumps(request_).encode(), SystemPlatform(NoBus()))
    assert answered.error_kind == "InvalidRequest"
    assert answered.error


@pytest.mark.parametrize("payload", [b"", b"[", b"\xff" * 4_096, b"[" * 4_096])
def test_what_is_no_request_is_refused(payload: bytes) -> None:
    assert answer(payload, SystemPlatform(NoBus())).error_kind == "InvalidRequest"


@pytest.mark.parametrize("kind", ["restart", "check_restart"])
def test_a_machine_that_has_just_started_is_not_restarted(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "clock_gettime", lambda _: 299.0)
    answered = answer(json.dumps({"kind": kind}).encode(), SystemPlatform(NoBus()))
    assert answered.error_kind == NotSupportedHere.__name__
    assert "it may be restarted in 1 s" in answered.error


def test_a_value_of_the_apis_own_store_that_is_wrong_is_an_error_of_the_platform(
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidRequest, match="SetNtpServers"):
        HelpedPlatform(tmp_path / "none").set_ntp_servers(["--help"])


def test_a_missing_helper_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedHere, match=r"start gateway-system\.socket"):
        HelpedPlatform(tmp_path / "none").restart()


def test_a_helper_that_does_not_answer_is_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "helper"))
        listener.listen()
        with pytest.raises(DeviceUnavailable, match=r"did not answer within 0\.05 s"):
            HelpedPlatform(tmp_path / "helper", answer_s=0.05).restart()


def test_who_connects_and_sends_nothing_delays_others_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_helper, "REQUEST_S", 0.01)
    path = str(tmp_path / "helper")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        clients = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(3)]
        for client in clients:
            client.connect(path)
        clients[1].close()
        clients[2].send(b"{}")
        system_helper.serve(listener, SystemPlatform(NoBus()), idle_s=0.01, pause_s=0.0)
        assert b"InvalidRequest" in clients[2].recv(system_helper.LARGEST_MESSAGE)
        for client in clients:
            client.close()
