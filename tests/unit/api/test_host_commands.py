"""Commands to the operating system, over a real socket; the system's services are played."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import requests

from gateway.api.controlid.app import create_app
from gateway.api.server import Listener, Server
from gateway.clock import DeviceTime, ManualClock
from gateway.commands.certificate import certificate_file
from gateway.commands.clock import adopt_clock
from gateway.commands.context import CommandContext
from gateway.commands.listening import Listening
from gateway.commands.network_trial import take_back_if_due
from gateway.host.certificate import is_self_signed, make_self_signed
from gateway.host.clock_trust import ClockTrust
from gateway.host.platform import SIMULATED, NoPlatform
from gateway.host.system_platform import SystemPlatform
from gateway.settings import HttpSettings
from tests.ports import free_port
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.unit.conftest import PlayedSystem

NOW = datetime(2027, 10, 31, 1, 20, tzinfo=UTC)
"""Berlin's clocks went back twenty minutes ago."""
LOGIN = "org.freedesktop.login1.Manager"
TIMEDATE = "org.freedesktop.timedate1"
TIMESYNC = "org.freedesktop.timesync1.Manager"
HOSTNAME = "org.freedesktop.hostname1"
PROFILE = "/org/freedesktop/NetworkManager/Settings/0"
STATIC = {"ip": "192.168.7.20", "netmask": "255.255.255.0", "gateway": "192.168.7.1"}
NOON = {"day": 1, "month": 7, "year": 2027, "hour": 12, "minute": 0, "second": 0}


class Socket:
    """One server for all devices of this file, one after the other: each would take a while to
    stop."""

    def __init__(self, stack: ExitStack) -> None:
        self.application: Any = None
        self.url = stack.enter_context(Server(self._answer, Listener("127.0.0.1", 0))).url

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


class Pi:
    """A device whose board is real, as far as the processes know."""

    def __init__(self, place: Socket, throwaway: SimpleNamespace, **parts: Any) -> None:
        self.begun_anew = threading.Event()
        self._token = throwaway.token
        self.context: CommandContext = replace(
            throwaway.context,
            platform=parts.pop("platform", None) or SystemPlatform(),
            device_time=DeviceTime(lambda: ZoneInfo("Europe/Berlin")),
            clock=parts.pop("clock", None) or ManualClock(NOW),
            request_restart=self.begun_anew.set,
            **parts,
        )
        self.url = place.url
        place.application = create_app(self.context)

    def post(self, command: str, body: object = None, login: str = "admin") -> tuple[int, Any]:
        reply = requests.post(
            f"{self.url}/{command}.fcgi?session={self._token(login)}", json=body, timeout=30
        )
        return reply.status_code, reply.json()

    def ask(self, command: str, body: object = None) -> Any:
        status, answer = self.post(command, body)
        assert status == 200, answer
        return answer

    def refused(self, command: str, body: object = None) -> tuple[int, str]:
        status, answer = self.post(command, body)
        assert set(answer) == {"error", "code"}
        return status, answer["error"]

    def audit(self) -> str:
        reply = requests.post(
            f"{self.url}/export_audit_logs.fcgi?session={self._token()}", timeout=30
        )
        return reply.text


@pytest.fixture(autouse=True)
def _never_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")


@pytest.fixture(scope="module")
def socket_of_all() -> Iterator[Socket]:
    with ExitStack() as stack:
        yield Socket(stack)


@pytest.fixture
def make_pi(throwaway: SimpleNamespace, socket_of_all: Socket) -> Iterator[Callable[..., Pi]]:
    yield lambda **parts: Pi(socket_of_all, throwaway, **parts)
    throwaway.context.store.clear()
    throwaway.context.machine.change(
        web_server_port=None, ssl_enabled=None, ntp_server1="", ntp_server2="", own_hostname=""
    )


@pytest.fixture
def pi(make_pi: Callable[..., Pi]) -> Pi:
    return make_pi()


# the clock


@pytest.mark.effect("set_system_time")
def test_the_time_of_day_is_the_sites_and_daylight_saving_counts(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("timedated", NTP=False)
    assert pi.ask("set_system_time", NOON) == {}
    assert pi.ask("set_system_time", {**NOON, "month": 12}) == {}
    summer = datetime(2027, 7, 1, 10, tzinfo=UTC).timestamp() * 1_000_000
    winter = datetime(2027, 12, 1, 11, tzinfo=UTC).timestamp() * 1_000_000
    assert service.calls("SetTime") == [[summer, False, False], [winter, False, False]]
    assert "set_system_time 2027-07-01 12:00:00" in pi.audit()


def test_the_controller_may_believe_a_clock_that_was_set_until_the_machine_restarts(
    played_system: PlayedSystem,
    make_pi: Callable[..., Pi],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played_system.play("timedated", NTP=False)
    mark, nothing = tmp_path / "clock-set", tmp_path / "nothing"
    trust = ClockTrust(None, synchronised=nothing, battery_clock=nothing, set_by_hand=mark)
    assert not trust.trusted(NOW)
    pi = make_pi(clock_mark=mark)
    assert pi.refused("set_system_time", {**NOON, "day": 0})[0] == 400
    assert not trust.trusted(NOW)
    pi.ask("set_system_time", NOON)
    assert trust.trusted(NOW)
    monkeypatch.setattr("gateway.host.clock_trust.boot_id", lambda: "another")
    assert not trust.trusted(NOW)


def test_a_time_that_happens_twice_is_the_one_nearer_to_now(
    played_system: PlayedSystem, make_pi: Callable[..., Pi]
) -> None:
    service, pi = played_system.play("timedated", NTP=False), make_pi()
    twice = {"day": 31, "month": 10, "year": 2027, "hour": 2, "minute": 30, "second": 0}
    pi.ask("set_system_time", twice)
    an_hour_before = ManualClock(datetime(2027, 10, 31, 0, 20, tzinfo=UTC))
    make_pi(clock=an_hour_before).ask("set_system_time", twice)
    first, second = (
        datetime(2027, 10, 31, hour, 30, tzinfo=UTC).timestamp() * 1_000_000 for hour in (0, 1)
    )
    assert service.calls("SetTime") == [[second, False, False], [first, False, False]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"day": 0}, "'day'"),
        ({"month": 13}, "'month'"),
        ({"hour": 24}, "'hour'"),
        ({"minute": 60}, "'minute'"),
        ({"second": 60}, "'second'"),
        ({"second": "1"}, "'second' (int expected, got string)"),
        ({"year": True}, "'year' (int expected, got bool"),
        ({"year": 2018}, "'year'"),
        ({"year": 2026, "month": 10}, "'year' (2026-10-01 12:00:00 is before this software's"),
        (
            {"day": 30, "month": 2},
            "'day' (2027-02-30 12:00:00 is not a date: the month has 28",
        ),
        ({"day": 28, "month": 3, "hour": 2}, "'hour' (2027-03-28 02:00:00 is skipped"),
    ],
)
@pytest.mark.refusal("set_system_time")
def test_a_time_that_cannot_be_is_refused_by_name(
    pi: Pi, change: dict[str, Any], words: str
) -> None:
    status, error = pi.refused("set_system_time", {**NOON, **change})
    assert (status, words in error) == (400, True), error


@pytest.mark.parametrize("member", NOON)
def test_no_member_of_the_time_has_another_spelling(pi: Pi, member: str) -> None:
    spelt = {f"{name}s" if name == member else name: value for name, value in NOON.items()}
    status, error = pi.refused("set_system_time", spelt)
    assert (status, error) == (400, f"Invalid member '{member}' (int expected, got undefined)")


@pytest.mark.effect("set_ntp_server", "get_ntp_server")
def test_network_time_follows_configuration(played_system: PlayedSystem, pi: Pi) -> None:
    clock, servers = played_system.play("timedated", NTP=False), played_system.play("timesyncd")
    servers.plays(TIMESYNC, "SetRuntimeNTPServers", "as", "", "")
    pair = {"server1": "a.ntp.br", "server2": "10.0.0.1"}
    assert pi.ask("set_ntp_server", pair) == {}
    assert servers.calls("SetRuntimeNTPServers") == []  # nobody would ask them
    pi.ask("set_configuration", {"ntp": {"enabled": "1"}})
    assert clock.calls("SetNTP") == [[True, False]]
    assert servers.calls("SetRuntimeNTPServers") == [[["a.ntp.br", "10.0.0.1"]]]
    assert pi.ask("get_ntp_server") == pair
    assert pi.refused("set_system_time", NOON)[0] == 400
    pi.ask("set_configuration", {"ntp": {"enabled": 0}})
    assert clock.calls("SetNTP")[-1] == [False, False]


def test_a_switch_that_the_machine_refuses_is_not_stored(
    played_system: PlayedSystem, pi: Pi
) -> None:
    played_system.play("timedated", NTP=False, CanNTP=False)
    wanted = {"general": {"language": "pt_BR"}, "ntp": {"enabled": "1"}}
    status, error = pi.refused("set_configuration", wanted)
    assert (status, "systemd-timesyncd" in error) == (400, True)
    asked = {"ntp": ["enabled"], "general": ["language"]}
    assert pi.ask("get_configuration", asked) == {
        "ntp": {"enabled": "0"},
        "general": {"language": ""},
    }


def test_a_key_that_is_unknown_leaves_network_time_alone(
    played_system: PlayedSystem, pi: Pi
) -> None:
    clock = played_system.play("timedated", NTP=False)
    status, _ = pi.refused("set_configuration", {"ntp": {"enabled": "1", "speed": "1"}})
    assert (status, clock.calls("SetNTP")) == (400, [])


def test_a_client_that_sends_back_what_it_read_is_not_refused(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("logind")
    read = pi.ask("get_configuration", {"ntp": ["enabled"]})
    assert pi.ask("set_configuration", read) == {}
    assert service.calls("Reboot") == []


def test_configuration_says_what_the_machine_does(played_system: PlayedSystem, pi: Pi) -> None:
    played_system.play("timedated", NTP=True)
    servers = played_system.play("timesyncd")
    servers.plays(TIMESYNC, "SetRuntimeNTPServers", "as", "", "")
    pi.context.machine.change(ntp_server1="a.ntp.br")
    adopt_clock(pi.context)
    assert pi.ask("get_configuration", {"ntp": ["enabled"]}) == {"ntp": {"enabled": "1"}}
    assert servers.calls("SetRuntimeNTPServers") == [[["a.ntp.br"]]]


def test_a_machine_that_tells_nothing_does_not_stop_the_device(pi: Pi) -> None:
    adopt_clock(replace(pi.context, platform=NoPlatform("today")))
    adopt_clock(replace(pi.context, platform=SIMULATED))


def test_time_servers_are_the_machines_until_some_are_set(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("timesyncd")
    service.has(TIMESYNC, SystemNTPServers=("as", ["one", "two", "three"]))
    assert pi.ask("get_ntp_server") == {"server1": "one", "server2": "two"}


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"server1": ""}, "server1"),
        ({"server1": "--help"}, "server1"),
        ({"server1": "a b"}, "server1"),
        ({"server1": "a\n"}, "server1"),
        ({"server1": "a", "server2": "b/c"}, "server2"),
        ({"server1": "a" * 254}, "server1"),
        ({}, "server1"),
    ],
)
@pytest.mark.refusal("set_ntp_server")
def test_a_time_server_that_cannot_be_is_refused_by_name(
    pi: Pi, body: dict[str, Any], member: str
) -> None:
    status, error = pi.refused("set_ntp_server", body)
    assert (status, f"'{member}'" in error) == (400, True), error


# restarting


class Awaited(NoPlatform):
    """Restarts only when somebody has the answer in hand."""

    def __init__(self) -> None:
        super().__init__("in this test")
        self.answered = threading.Event()
        self.restarted: list[bool] = []

    def check_restart(self) -> None:
        pass

    def restart(self) -> None:
        self.restarted.append(self.answered.wait(30))


def test_the_answer_goes_out_before_the_machine_restarts(make_pi: Callable[..., Pi]) -> None:
    platform = Awaited()
    pi = make_pi(platform=platform)
    assert pi.ask("reboot") == {}
    platform.answered.set()
    assert eventually(lambda: platform.restarted) == [True]


@pytest.mark.effect("reboot")
def test_the_machine_is_restarted_once(played_system: PlayedSystem, pi: Pi) -> None:
    service = played_system.play("logind")
    assert pi.ask("reboot") == {}
    assert eventually(lambda: service.calls("Reboot")) == [[False]]
    assert "admin (administrator) at 127.0.0.1: reboot" in pi.audit()


@pytest.mark.refusal("reboot")
def test_who_may_not_restart_the_machine_is_told_before(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("logind", CanReboot="challenge")
    status, error = pi.refused("reboot")
    assert (status, "does not permit" in error) == (400, True)
    assert service.calls("Reboot") == []


def test_anybody_may_restart_it_by_its_page_only_where_that_is_wanted(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("logind")
    closed = requests.get(f"{pi.url}/reboot", timeout=30)
    assert (closed.status_code, service.calls("CanReboot")) == (404, [])
    pi.ask("set_configuration", {"general": {"url_reboot_enabled": "1"}})
    page = requests.get(f"{pi.url}/reboot", timeout=30)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert eventually(lambda: service.calls("Reboot")) == [[False]]
    assert "nobody at 127.0.0.1: reboot" in pi.audit()
    assert requests.post(f"{pi.url}/reboot", timeout=30).status_code == 405


def test_a_failure_after_the_answer_does_not_end_the_device(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("logind")
    service.raises(LOGIN, "Reboot", "b", "org.freedesktop.DBus.Error.AccessDenied")
    assert pi.ask("reboot") == {}
    eventually(lambda: service.calls("Reboot"))
    assert pi.ask("device_is_alive") == {}


# the network


@pytest.mark.effect("set_system_network")
def test_an_address_is_written_and_then_comes_into_force(
    played_system: PlayedSystem, pi: Pi
) -> None:
    manager = played_system.plug()
    assert pi.ask("system_information")["network"]["dhcp_enabled"] is True
    assert pi.ask("set_system_network", STATIC) == {}
    assert eventually(lambda: manager.calls("ActivateConnection"))
    ((profile,),) = manager.calls("Update", PROFILE)
    (address,) = profile["ipv4"]["address-data"][1]
    assert (address["address"][1], address["prefix"][1]) == ("192.168.7.20", 24)
    assert len(profile["ipv4"]["dns"][1]) == 2  # the vendor's, as none were given
    assert pi.ask("system_information")["network"]["dhcp_enabled"] is False
    assert not pi.begun_anew.is_set()
    assert "set_system_network ip=192.168.7.20 netmask=255.255.255.0" in pi.audit()


def test_an_address_may_come_from_a_server(played_system: PlayedSystem, pi: Pi) -> None:
    manager = played_system.plug()
    # Clients send the old address along.
    pi.ask("set_system_network", {**STATIC, "dhcp_enabled": True})
    ((profile,),) = manager.calls("Update", PROFILE)
    assert profile["ipv4"]["method"][1] == "auto"
    assert "dns" not in profile["ipv4"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ip": "192.168.7.300"}, "'ip' ('192.168.7.300' is not an IPv4 address)"),
        ({"ip": "127.0.0.1"}, "'ip'"),
        ({"ip": "224.0.0.1"}, "'ip'"),
        (
            {"ip": "192.168.7.0"},
            "'ip' (192.168.7.0 is not a host address in 192.168.7.0/24)",
        ),
        ({"ip": "192.168.7.255"}, "'ip'"),
        ({"ip": 7}, "'ip' (string expected, got "),
        ({"ip": None}, "'ip' (string expected, got undefined)"),
        ({"netmask": "255.0.255.0"}, "'netmask'"),
        ({"netmask": "0.0.0.255"}, "'netmask'"),
        ({"netmask": "24"}, "'netmask'"),
        ({"netmask": "255.255.255.254"}, "'netmask'"),
        ({"netmask": "0.0.0.0"}, "'netmask'"),  # noqa: S104 - nothing is bound
        (
            {"gateway": "192.168.8.1"},
            "'gateway' (192.168.8.1 is not a host address in 192.168.7.0/24)",
        ),
        ({"gateway": "192.168.7.20"}, "'gateway'"),
        ({"gateway": "192.168.7.255"}, "'gateway'"),
        ({"gateway": None}, "'gateway' (string expected, got undefined)"),
        ({"dns_primary": "dns.google"}, "'dns_primary'"),
        ({"dns_secondary": "::1"}, "'dns_secondary'"),
        ({"web_server_port": 0}, "'web_server_port'"),
        ({"web_server_port": 65_536}, "'web_server_port'"),
        ({"web_server_port": "80"}, "'web_server_port' (int expected, got string)"),
        ({"ssl_enabled": "yes"}, "'ssl_enabled' (bool expected, got string)"),
        ({"dhcp_enabled": 2}, "'dhcp_enabled'"),
        ({"device_hostname": "door"}, "'device_hostname'"),
        ({"custom_hostname_enabled": True}, "'device_hostname'"),
        ({"custom_hostname_enabled": True, "device_hostname": "-door"}, "'device_hostname'"),
    ],
)
@pytest.mark.refusal("set_system_network")
def test_a_network_that_cannot_be_is_refused_by_name(
    pi: Pi, change: dict[str, Any], words: str
) -> None:
    status, error = pi.refused("set_system_network", {**STATIC, **change})
    assert (status, words in error) == (400, True), error


def test_name_servers_alone_make_no_network(pi: Pi) -> None:
    status, error = pi.refused("set_system_network", {"dns_primary": "9.9.9.9"})
    assert (status, "'dns_primary' (only with 'ip')" in error) == (400, True)


def test_a_network_without_a_way_out_is_one(played_system: PlayedSystem, pi: Pi) -> None:
    manager = played_system.plug()
    nothing = {"gateway": "0.0.0.0", "dns_primary": "", "dns_secondary": ""}  # noqa: S104 - nothing is bound
    pi.ask("set_system_network", {**STATIC, **nothing})
    ((profile,),) = manager.calls("Update", PROFILE)
    assert {"gateway", "dns"} & set(profile["ipv4"]) == set()


def test_the_device_is_named_and_gets_its_own_name_back(
    played_system: PlayedSystem, pi: Pi
) -> None:
    service = played_system.play("hostnamed")
    code = f'self.Set("{HOSTNAME}", "StaticHostname", args[0])'
    service.plays(HOSTNAME, "SetStaticHostname", "sb", "", code)
    service.has(HOSTNAME, StaticHostname=("s", "raspberrypi"))

    def custom() -> bool:
        return bool(pi.ask("system_information")["network"]["custom_hostname_enabled"])

    assert not custom()
    named = {"custom_hostname_enabled": True, "device_hostname": "front-door"}
    pi.ask("set_system_network", named)
    assert pi.begun_anew.wait(30)  # a process keeps the name that it began with
    assert custom()
    pi.ask("set_system_network", {**named, "device_hostname": "back-door"})
    pi.ask("set_system_network", {"custom_hostname_enabled": 0})
    assert not custom()
    names = [name for name, _ in service.calls("SetStaticHostname")]
    assert names == ["front-door", "back-door", "raspberrypi"]


def test_a_certificate_of_ones_own_takes_the_place_of_an_uploaded_one(pi: Pi) -> None:
    path = certificate_file(pi.context.data)
    path.write_text("somebody else's")
    assert pi.ask("set_system_network", {"self_signed_certificate": True}) == {}
    assert is_self_signed(path)
    made = path.read_bytes()
    assert pi.ask("set_system_network", {"self_signed_certificate": True}) == {}
    assert path.read_bytes() == made
    status, error = pi.refused("set_system_network", {"self_signed_certificate": False})
    assert (status, "ssl_certificate_change" in error) == (400, True)
    make_self_signed(path, NOW)
    path.unlink()


# where the API listens


def test_another_port_is_kept_and_the_process_begins_anew(pi: Pi) -> None:
    port = free_port()
    assert pi.ask("set_system_network", {"web_server_port": port}) == {}
    assert pi.begun_anew.wait(30)
    stored = pi.context.machine.read()
    assert (stored.web_server_port, stored.ssl_enabled) == (port, None)
    rules = Listening(pi.context.site.http)
    assert rules.addresses(stored).plain_address == f"127.0.0.1:{port}"


@pytest.mark.effect("system_clock")
@pytest.mark.refusal("system_clock")
def test_the_clock_is_told_with_its_trust(pi: Pi, throwaway: SimpleNamespace) -> None:
    throwaway.straw.status = throwaway.straw.status.model_copy(
        update={"clock_trusted": False, "clock_verdict": "no_source", "clock_floor_utc": 5}
    )
    assert pi.ask("system_clock") == {
        "utc": int(NOW.timestamp()),
        "timezone": "America/Sao_Paulo",
        "fixed_offset": "",
        "controller": True,
        "trusted": False,
        "verdict": "no_source",
        "floor_utc": 5,
        "shift_s": 0.0,
        "adjustable": True,
        "ntp_enabled": pi.context.setting("ntp", "enabled") == "1",
    }
    assert pi.post("system_clock", login="operator")[0] == 403
    throwaway.straw.silent = True
    shown = pi.ask("system_clock")
    assert (shown["controller"], shown["trusted"], shown["verdict"]) == (False, False, "")


@pytest.mark.effect("system_network_trial", "confirm_system_network", "take_back_system_network")
@pytest.mark.refusal("confirm_system_network", "take_back_system_network")
def test_a_change_that_nobody_confirms_goes_back(make_pi: Callable[..., Pi]) -> None:
    clock = ManualClock(NOW)
    pi = make_pi(clock=clock)

    def changed(port: int) -> None:
        pi.begun_anew.clear()
        asked = {"web_server_port": port, "confirm_within_s": 60}
        assert pi.ask("set_system_network", asked) == {}
        assert pi.begun_anew.wait(30)
        pi.begun_anew.clear()
        assert pi.ask("system_network_trial") == {
            "pending": True,
            "left_s": 60,
            "listen": f"127.0.0.1:{port}",
            "tls": "",
        }
        assert pi.refused("set_system_network", {"web_server_port": 8080})[0] == 429

    for command in ("confirm_system_network", "take_back_system_network"):
        assert pi.refused(command)[0] == 404
    port = free_port()
    changed(port)
    assert pi.ask("confirm_system_network") == {}
    clock.advance(61)
    take_back_if_due(pi.context)
    assert (pi.begun_anew.is_set(), pi.context.machine.read().web_server_port) == (False, port)

    changed(free_port())
    clock.advance(59)
    take_back_if_due(pi.context)
    assert not pi.begun_anew.is_set()
    clock.advance(2)
    take_back_if_due(pi.context)
    assert (pi.begun_anew.is_set(), pi.context.machine.read().web_server_port) == (True, port)

    changed(free_port())
    assert pi.ask("take_back_system_network") == {}
    assert pi.begun_anew.wait(30)
    assert pi.context.machine.read().web_server_port == port
    shown = pi.ask("system_network_trial")
    assert (shown["pending"], shown["left_s"], shown["listen"]) == (False, 0, f"127.0.0.1:{port}")


def test_an_address_that_nobody_confirms_goes_back(
    played_system: PlayedSystem, make_pi: Callable[..., Pi]
) -> None:
    manager, clock = played_system.plug(), ManualClock(NOW)
    pi = make_pi(clock=clock)
    assert pi.ask("set_system_network", {**STATIC, "confirm_within_s": 60}) == {}
    assert eventually(lambda: manager.calls("ActivateConnection"))
    clock.advance(61)
    take_back_if_due(pi.context)
    _, (profile,) = manager.calls("Update", PROFILE)
    assert profile["ipv4"]["method"][1] == "auto"
    assert len(manager.calls("ActivateConnection")) == 2


def test_the_port_that_is_in_use_already_changes_nothing(pi: Pi) -> None:
    assert pi.ask("set_system_network", {"web_server_port": 8080, "ssl_enabled": False}) == {}
    assert pi.ask("device_is_alive") == {}
    assert not pi.begun_anew.is_set()


def test_a_port_that_cannot_be_had_is_refused_and_not_kept(pi: Pi) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, error = pi.refused(
            "set_system_network", {"web_server_port": other.getsockname()[1]}
        )
    assert (status, "'web_server_port' (cannot listen on" in error) == (400, True)
    assert pi.context.machine.read().web_server_port is None
    assert not pi.begun_anew.is_set()


PLAIN = HttpSettings(listen="0.0.0.0:80")
BOTH = HttpSettings(listen="0.0.0.0:80", tls="0.0.0.0:8443")
SECURE = HttpSettings(listen="0.0.0.0:80", tls="0.0.0.0:443", plain=False)


@pytest.mark.parametrize(
    ("rules", "stored", "plain", "tls"),
    [
        (Listening(PLAIN), {}, "0.0.0.0:80", None),
        (Listening(PLAIN), {"web_server_port": 81}, "0.0.0.0:81", None),
        (Listening(PLAIN), {"ssl_enabled": True}, "0.0.0.0:80", "0.0.0.0:443"),
        (Listening(BOTH), {"ssl_enabled": True}, "0.0.0.0:80", "0.0.0.0:8443"),
        (Listening(BOTH), {"ssl_enabled": False}, "0.0.0.0:80", None),
        (Listening(SECURE), {"web_server_port": 444}, None, "0.0.0.0:444"),
        (Listening(SECURE), {"ssl_enabled": False}, None, "0.0.0.0:443"),
        (Listening(PLAIN, "[::1]:8"), {"web_server_port": 81}, "[::1]:8", None),
        (Listening(PLAIN, None, "[::1]:9"), {"ssl_enabled": False}, "0.0.0.0:80", "[::1]:9"),
        (Listening(SECURE, "[::1]:8"), {"web_server_port": 444}, "[::1]:8", "0.0.0.0:444"),
    ],
)
def test_the_command_line_goes_before_the_database_and_that_before_the_site(
    pi: Pi, rules: Listening, stored: dict[str, Any], plain: str | None, tls: str | None
) -> None:
    found = rules.addresses(replace(pi.context.machine.read(), **stored))
    assert (found.plain_address, found.tls) == (plain, tls)


def test_a_site_that_serves_https_only_stays_so(make_pi: Callable[..., Pi]) -> None:
    pi = make_pi(listening=Listening(SECURE))
    status, error = pi.refused("set_system_network", {"ssl_enabled": False})
    assert (status, "HTTPS only" in error) == (400, True)


def test_http_and_https_do_not_share_a_port(make_pi: Callable[..., Pi]) -> None:
    pi = make_pi(listening=Listening(BOTH))
    status, error = pi.refused("set_system_network", {"web_server_port": 8443})
    assert (status, "HTTPS listens on" in error) == (400, True)


# who may, and where


SYSTEM_COMMANDS = {
    "set_system_time": NOON,
    "set_ntp_server": {"server1": "a.ntp.br"},
    "get_ntp_server": {},
    "set_system_network": STATIC,
    "reboot": {},
}


@pytest.mark.refusal(*SYSTEM_COMMANDS)
def test_a_simulated_board_refuses_and_leaves_the_machine_alone(
    played_system: PlayedSystem, make_pi: Callable[..., Pi]
) -> None:
    services = [played_system.play(name) for name in ("logind", "timedated")]
    pi = make_pi(platform=SIMULATED)
    for command, body in SYSTEM_COMMANDS.items():
        status, error = pi.refused(command, body)
        assert (status, "on a simulated board" in error) == (400, True)
    for service in services:
        assert service.ask("GetCalls") == ([],)


@pytest.mark.usefixtures("played_system")
def test_a_machine_without_the_service_refuses_by_its_name(pi: Pi) -> None:
    for command, body in SYSTEM_COMMANDS.items():
        status, error = pi.refused(command, body)
        assert (status, "does not offer this here" in error) == (400, True), error


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(name, marks=pytest.mark.refusal(name))
        for name in (*SYSTEM_COMMANDS, "connection_test", "ping_test", "nslookup_test")
    ],
)
def test_an_operator_may_not(pi: Pi, command: str) -> None:
    status, answer = pi.post(command, SYSTEM_COMMANDS.get(command), login="operator")
    assert (status, answer["error"]) == (403, "Invalid access level")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(name, marks=pytest.mark.refusal(name))
        for name in (
            "reboot_recovery",
            "configure_802_1X",
            "get_802_1X_status",
            "get_vpn_information",
            "set_vpn_information",
            "set_vpn_file",
            "get_vpn_file",
            "get_vpn_ip",
            "master_password",
        )
    ],
)
def test_what_this_device_has_not_is_refused_by_name(pi: Pi, command: str) -> None:
    status, error = pi.refused(command, {"password": "x"})
    assert (status, error.startswith(f"{command}: this device has no ")) == (400, True)


@pytest.mark.effect("get_language", "init_device_set")
@pytest.mark.refusal("get_language", "init_device_set")
def test_the_first_pages_are_answered_to_anybody_by_get_or_post(pi: Pi) -> None:
    for expected in ("en_US", "pt_BR"):
        for send in (requests.get, requests.post):
            reply = send(f"{pi.url}/get_language.fcgi", timeout=30)
            assert (reply.status_code, reply.json()) == (200, {"language": expected})
        pi.ask("set_configuration", {"general": {"language": "pt_BR"}})
    reply = requests.get(f"{pi.url}/init_device_set.fcgi", timeout=30)
    assert reply.json() == {"init_device_set": True}
    for name in ("get_language", "init_device_set"):
        reply = requests.put(f"{pi.url}/{name}.fcgi", timeout=30)
        assert (reply.status_code, reply.json()["error"]) == (405, "Method not allowed")


@pytest.mark.effect("device_is_alive")
@pytest.mark.refusal("device_is_alive")
def test_a_sign_of_life_is_given_to_those_who_are_logged_in(pi: Pi) -> None:
    assert pi.post("device_is_alive", login="operator") == (200, {})
    reply = requests.post(f"{pi.url}/device_is_alive.fcgi", timeout=30)
    assert (reply.status_code, reply.json()["error"]) == (401, "Invalid session")
