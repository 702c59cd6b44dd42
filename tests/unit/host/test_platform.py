"""What is asked of the operating system, over a real bus, of services that are played."""

from __future__ import annotations

import ipaddress
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.host import system_helper
from gateway.host.helped_platform import HelpedPlatform
from gateway.host.platform import SIMULATED, Addressing
from gateway.host.system_bus import SystemBus
from gateway.host.system_platform import SystemPlatform

if TYPE_CHECKING:
    from tests.unit.conftest import PlayedService, PlayedSystem

LOGIN = "org.freedesktop.login1.Manager"
TIMEDATE = "org.freedesktop.timedate1"
TIMESYNC = "org.freedesktop.timesync1.Manager"
HOSTNAME = "org.freedesktop.hostname1"
MANAGER = "org.freedesktop.NetworkManager"
PROFILE = "/org/freedesktop/NetworkManager/Settings/0"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
STATIC = Addressing(
    ipaddress.IPv4Interface("192.168.7.20/24"),
    ipaddress.IPv4Address("192.168.7.1"),
    (ipaddress.IPv4Address("9.9.9.9"), ipaddress.IPv4Address("1.1.1.1")),
)

EVERYTHING = [
    ("set_time", (datetime(2027, 1, 1, tzinfo=UTC),), {}),
    ("ntp_enabled", (), {}),
    ("set_ntp", (), {"enabled": True}),
    ("ntp_servers", (), {}),
    ("set_ntp_servers", (["pool.ntp.org"],), {}),
    ("uses_dhcp", (), {}),
    ("hostname", (), {}),
    ("change_network", (STATIC, None), {}),
    ("change_network", (None, "door"), {}),
    ("check_restart", (), {}),
    ("restart", (), {}),
]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemPlatform]:
    """Through the helper of an installed device, which uses the platform of the others."""
    monkeypatch.setattr(system_helper, "RESTART_AFTER_S", 0.0)
    with started_helper() as path:
        yield HelpedPlatform(path)


@contextmanager
def started_helper() -> Iterator[Path]:
    """The helper's socket. It ends when it is asked for nothing for a moment."""
    with (
        tempfile.TemporaryDirectory(prefix="gateway-helper-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
    ):
        path = Path(directory, "socket")
        listener.bind(str(path))
        listener.listen()
        ended = threading.Event()

        def run() -> None:
            while not ended.is_set():
                system_helper.serve(listener, SystemPlatform(), idle_s=0.02, pause_s=0.0)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield path
        finally:
            ended.set()
            thread.join()


# the clock


def test_the_clock_is_set_to_the_microsecond(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    service = played_system.play("timedated", NTP=False)
    machine.set_time(datetime(2027, 7, 1, 12, 0, 0, tzinfo=UTC))
    assert service.calls("SetTime") == [[1_814_443_200_000_000, False, False]]


def test_a_clock_that_follows_the_network_is_not_set(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    service = played_system.play("timedated", NTP=True)
    with pytest.raises(InvalidRequest, match=r"ntp\.enabled"):
        machine.set_time(datetime(2027, 7, 1, tzinfo=UTC))
    assert service.calls("SetTime") == []


def test_network_time_is_switched(played_system: PlayedSystem, machine: SystemPlatform) -> None:
    service = played_system.play("timedated", NTP=True)
    assert machine.ntp_enabled() is True
    machine.set_ntp(enabled=False)
    assert machine.ntp_enabled() is False
    assert service.calls("SetNTP") == [[False, False]]


def test_network_time_is_not_to_be_had_without_a_service_for_it(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    service = played_system.play("timedated", NTP=False, CanNTP=False)
    with pytest.raises(NotSupportedHere, match="timesyncd"):
        machine.set_ntp(enabled=True)
    assert service.calls("SetNTP") == []
    machine.set_ntp(enabled=False)


def test_time_servers_are_named(played_system: PlayedSystem, machine: SystemPlatform) -> None:
    service = played_system.play("timesyncd")
    service.plays(TIMESYNC, "SetRuntimeNTPServers", "as", "", "")
    service.has(
        TIMESYNC,
        SystemNTPServers=("as", []),
        LinkNTPServers=("as", []),
        FallbackNTPServers=("as", ["0.debian.pool.ntp.org", "1.debian.pool.ntp.org"]),
    )
    assert machine.ntp_servers() == ("0.debian.pool.ntp.org", "1.debian.pool.ntp.org")
    machine.set_ntp_servers(["a.ntp.br", "b.ntp.br"])
    assert service.calls("SetRuntimeNTPServers") == [[["a.ntp.br", "b.ntp.br"]]]


# restarting


def test_a_restart_is_asked_for_once(played_system: PlayedSystem, machine: SystemPlatform) -> None:
    service = played_system.play("logind")
    machine.check_restart()
    assert service.calls("Reboot") == []
    machine.restart()
    assert service.calls("Reboot") == [[False]]


@pytest.mark.parametrize(
    ("answer", "words"), [("challenge", "does not permit"), ("na", "cannot be restarted")]
)
def test_a_restart_that_would_not_come_is_known_before(
    played_system: PlayedSystem, machine: SystemPlatform, answer: str, words: str
) -> None:
    played_system.play("logind", CanReboot=answer)
    with pytest.raises(NotSupportedHere, match=words):
        machine.check_restart()


# addresses


def ipv4(manager: PlayedService) -> dict[str, Any]:
    (profile,) = manager.calls("Update", PROFILE)[-1]
    return {key: variant[1] for key, variant in profile["ipv4"].items()}


@pytest.mark.parametrize("helped", [True, False])
def test_a_fixed_address_is_written_first_and_comes_into_force_after(
    played_system: PlayedSystem, machine: SystemPlatform, helped: bool
) -> None:
    machine = machine if helped else SystemPlatform()
    manager = played_system.plug(
        dns=("au", [1]), gateway=("s", "10.0.0.1"), **{"route-metric": ("x", 77)}
    )
    assert machine.uses_dhcp() is True
    activate = machine.change_network(STATIC, None)
    written = ipv4(manager)
    dns = [socket.inet_ntoa(struct.pack("=I", number)) for number in written.pop("dns")]
    assert dns == ["9.9.9.9", "1.1.1.1"]
    (address,) = written.pop("address-data")
    assert {key: variant[1] for key, variant in address.items()} == {
        "address": "192.168.7.20",
        "prefix": 24,
    }
    # What has nothing to do with addresses stays.
    assert written == {"method": "manual", "gateway": "192.168.7.1", "route-metric": 77}
    assert manager.calls("ActivateConnection") == []
    activate()
    device = "/org/freedesktop/NetworkManager/Devices/eth0"
    assert manager.calls("ActivateConnection") == [[PROFILE, device, "/"]]
    assert machine.uses_dhcp() is False


def test_dhcp_leaves_no_fixed_address_behind(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    address = {"address": ("s", "10.0.0.9"), "prefix": ("u", 8)}
    manager = played_system.plug(
        method=("s", "manual"),
        **{"address-data": ("aa{sv}", [address])},
        gateway=("s", "10.0.0.1"),
    )
    machine.change_network(Addressing(None), None)
    assert ipv4(manager) == {"method": "auto", "ignore-auto-dns": False}


def test_passwords_of_a_profile_are_neither_read_nor_written(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    manager = played_system.plug()
    section = "802-11-wireless-security"
    name, profile = f"{MANAGER}.Settings.Connection", manager.object.at(PROFILE, "")
    settings = {
        "connection": {"type": ("s", "802-11-wireless")},
        section: {"key-mgmt": ("s", "wpa-psk")},
    }
    SystemBus().call(profile.at(PROFILE, name), "Update", "a{sa{sv}}", settings)
    manager.ask(
        "AddMethod", "sssss", name, "GetSecrets", "s", "a{sa{sv}}", "ret = {}", path=PROFILE
    )
    machine.change_network(STATIC, None)
    (written,) = manager.calls("Update", PROFILE)[-1]
    assert {key: value[1] for key, value in written[section].items()} == {"key-mgmt": "wpa-psk"}
    assert manager.calls("GetSecrets", PROFILE) == []


def test_the_machine_is_named(played_system: PlayedSystem, machine: SystemPlatform) -> None:
    service = played_system.play("hostnamed")
    service.plays(HOSTNAME, "SetStaticHostname", "sb", "", "")
    service.has(HOSTNAME, StaticHostname=("s", "raspberrypi"))
    assert machine.hostname() == "raspberrypi"
    machine.change_network(None, "front-door")()
    assert service.calls("SetStaticHostname") == [["front-door", False]]


def test_addresses_are_taken_back_when_the_name_is_refused(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    manager = played_system.plug()
    played_system.play("hostnamed").raises(HOSTNAME, "SetStaticHostname", "sb", DENIED)
    with pytest.raises(NotSupportedHere, match="systemd-hostnamed"):
        machine.change_network(STATIC, "front-door")
    assert ipv4(manager) == {"method": "auto"}
    assert manager.calls("ActivateConnection") == []


def test_without_a_connection_that_is_up_nothing_is_written(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    played_system.play("networkmanager")
    with pytest.raises(NotSupportedHere, match="no active wired or wireless connection"):
        machine.change_network(STATIC, None)


def test_without_the_right_to_activate_nothing_is_written(
    played_system: PlayedSystem, machine: SystemPlatform
) -> None:
    manager = played_system.plug()
    permissions = f'ret = {{"{MANAGER}.network-control": "auth"}}'
    manager.plays(MANAGER, "GetPermissions", "", "a{ss}", permissions)
    with pytest.raises(NotSupportedHere, match="NetworkManager does not permit"):
        machine.change_network(STATIC, None)
    assert manager.calls("Update", PROFILE) == []


# what goes wrong


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (DENIED, NotSupportedHere, "systemd-logind does not permit.*polkit.*not for you"),
        (
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
            NotSupportedHere,
            "does not permit",
        ),
        ("org.freedesktop.DBus.Error.NoReply", DeviceUnavailable, "did not answer"),
        ("org.freedesktop.login1.OperationInProgress", InvalidRequest, "logind refused: not for"),
    ],
)
def test_a_refusal_says_who_refused_and_why(
    played_system: PlayedSystem,
    machine: SystemPlatform,
    error: str,
    kind: type[Exception],
    words: str,
) -> None:
    played_system.play("logind").raises(LOGIN, "Reboot", "b", error)
    with pytest.raises(kind, match=words):
        machine.restart()


@pytest.mark.usefixtures("played_system")
@pytest.mark.parametrize(("method", "arguments", "options"), EVERYTHING)
def test_a_service_that_is_not_there_is_named(
    machine: SystemPlatform,
    method: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    with pytest.raises(NotSupportedHere, match=r"(systemd-\w+|NetworkManager) does not offer this"):
        getattr(machine, method)(*arguments, **options)


@pytest.mark.parametrize(("method", "arguments", "options"), EVERYTHING)
def test_a_machine_without_a_bus_says_so(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machine: SystemPlatform,
    method: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    with pytest.raises(NotSupportedHere, match="no system bus"):
        getattr(machine, method)(*arguments, **options)


@pytest.mark.parametrize(("method", "arguments", "options"), EVERYTHING)
def test_a_simulated_board_touches_no_machine(
    played_system: PlayedSystem, method: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    service = played_system.play("logind")
    with pytest.raises(NotSupportedHere, match="simulated board"):
        getattr(SIMULATED, method)(*arguments, **options)
    assert service.calls("Reboot") == []
    assert not SIMULATED.real


@pytest.fixture
def hurried() -> SystemPlatform:
    return SystemPlatform(SystemBus(timeout_s=0.2))


def test_a_service_that_does_not_answer_is_waited_for_no_longer_than_said(
    played_system: PlayedSystem, hurried: SystemPlatform
) -> None:
    played_system.play("logind").freeze()
    with pytest.raises(DeviceUnavailable, match=r"systemd-logind did not answer within 0\.2 s"):
        hurried.restart()


def test_a_bus_that_does_not_answer_is_waited_for_no_longer_than_said(
    played_system: PlayedSystem, hurried: SystemPlatform
) -> None:
    played_system.freeze()
    with pytest.raises(DeviceUnavailable, match="did not answer within"):
        hurried.restart()


def test_a_bus_that_stops_after_the_greeting_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hurried: SystemPlatform
) -> None:
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path}")
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            hurried.restart()
