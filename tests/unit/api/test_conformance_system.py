"""The machine and what is not there, over a real socket: each command carried out and refused.

What the operating system makes of it is for the tests of `gateway/host`; here a machine of straw
notes what it was told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from gateway.api.app import create_app
from gateway.api.server import Listener, Server
from gateway.commands.absent import ABSENT
from gateway.commands.certificate import certificate_file
from gateway.host.certificate import make_self_signed
from gateway.host.platform import Addressing
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import Entry, EntryKind, Journal

Order = Callable[..., requests.Response]

PATIENCE_S = 60
"""Far more than what follows an answer takes."""


class Machine:
    """A platform that does as it is told, and remembers it."""

    real = True

    def __init__(self) -> None:
        self.time: datetime | None = None
        self.servers: tuple[str, ...] = ()
        self.addressing: Addressing | None = None
        self.restarted = threading.Event()
        self.updated = threading.Event()
        self.readdressed = threading.Event()

    def set_time(self, utc: datetime) -> None:
        self.time = utc

    def ntp_enabled(self) -> bool:
        return True

    def set_ntp(self, *, enabled: bool) -> None:
        raise AssertionError(f"nobody asked for this ({enabled})")

    def ntp_servers(self) -> tuple[str, ...]:
        return self.servers

    def set_ntp_servers(self, servers: Sequence[str]) -> None:
        self.servers = tuple(servers)

    def uses_dhcp(self) -> bool:
        return True

    def hostname(self) -> str:
        return "door"

    def change_network(
        self, addressing: Addressing | None, hostname: str | None
    ) -> Callable[[], None]:
        assert hostname is None
        self.addressing = addressing
        return self.readdressed.set

    def check_restart(self) -> None:
        pass

    def restart(self) -> None:
        self.restarted.set()

    def install_update(self) -> None:
        self.updated.set()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def real(throwaway: SimpleNamespace, machine: Machine) -> Iterator[str]:
    """Where the throw-away device answers as one on a machine of its own."""
    context = replace(throwaway.context, platform=machine)
    with Server(create_app(context), Listener("127.0.0.1", 0)) as server:
        yield server.url


@pytest.mark.effect("system_information")
def test_the_device_tells_about_itself(order: Order, real: str) -> None:
    told = order("system_information", url=real).json()
    assert (told["serial"], told["device_id"]) == ("B14T", "514685")
    assert (told["version"], told["gateway_version"]) == ("6.11.2", "1.2.3")
    assert told["network"]["dhcp_enabled"] is True


@pytest.mark.effect("device_is_alive", "get_language", "init_device_set")
def test_signs_of_life_and_first_questions_are_answered(order: Order) -> None:
    assert order("device_is_alive").json() == {}
    order("set_configuration", {"general": {"language": "pt_BR"}})
    assert order("get_language", login=None).json() == {"language": "pt_BR"}
    assert order("init_device_set", login=None).json() == {"init_device_set": True}


@pytest.mark.effect("is_first_web_login", "get_countries")
def test_the_first_page_learns_that_there_is_nothing_left_to_set_up(order: Order) -> None:
    assert order("is_first_web_login", login=None).json() == {"is_first_web_login": False}
    countries = order("get_countries", login=None).json()["countries"]
    assert {"code": "BR", "name": "Brazil"} in countries
    assert [it["name"] for it in countries] == sorted(it["name"] for it in countries)


@pytest.mark.refusal("get_language", "init_device_set", "is_first_web_login", "get_countries")
def test_first_questions_are_asked_by_get_or_post_alone(throwaway: SimpleNamespace) -> None:
    for command in ("get_language", "init_device_set", "is_first_web_login", "get_countries"):
        reply = requests.put(f"{throwaway.url}/{command}.fcgi", timeout=30)
        assert (reply.status_code, reply.json()["error"]) == (405, "Method not allowed")


@pytest.mark.effect("finish_init_language", "init_language_set")
@pytest.mark.refusal("finish_init_language", "init_language_set")
def test_the_language_of_the_first_page_is_kept(order: Order) -> None:
    for command, language in (("finish_init_language", "spa_SPA"), ("init_language_set", "pt_BR")):
        assert order(command, {"language": language}).json() == {}
        assert order("get_language", login=None).json() == {"language": language}
        assert order(command).json() == {}
        assert order(command, {"language": 7}).status_code == 400
        assert order(command, {"language": "xx"}, login=None).status_code == 401
        assert order(command, {"language": "xx"}, login="operator").status_code == 403
        assert order("get_language", login=None).json() == {"language": language}


def audit(order: Order) -> str:
    return order("export_audit_logs", {"api": 1}).text


@pytest.mark.effect("accept_legal_terms")
@pytest.mark.refusal("accept_legal_terms")
def test_who_accepted_the_terms_stands_in_the_audit_log(order: Order) -> None:
    assert order("accept_legal_terms", login=None).status_code == 401
    assert "accept_legal_terms" not in audit(order)
    assert order("accept_legal_terms").json() == {}
    assert "admin (administrator) at 127.0.0.1: accept_legal_terms" in audit(order)


@pytest.mark.effect("get_ac_log")
@pytest.mark.refusal("get_ac_log")
def test_the_log_is_text_without_pins_for_administrators(
    order: Order, throwaway: SimpleNamespace
) -> None:
    assert order("get_ac_log").text == ""  # the controller never ran
    path = throwaway.context.data / JOURNAL_FILE
    Journal.create(path)
    row = {"id": 1, "time": 1, "event": 7, "user_id": 5, "pin_value": "482913"}
    body = {"row": row, "rules": [], "reason": "granted"}
    noon = datetime(2026, 12, 3, 15, tzinfo=UTC)
    entries = [
        Entry(
            EntryKind.STARTED,
            {"text": "\N{DOOR}"},
            noon,
            1,
            clock_trusted=True,
        ),
        Entry(EntryKind.ACCESS, body, noon, 2, clock_trusted=True),
    ]
    with closing(Journal(path, "boot")) as journal:
        journal.append(entries, {})
    reply = order("get_ac_log")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    started, access = reply.content.decode().splitlines()
    assert started == '2026-12-03 12:00:00 [started] {"text":"\N{DOOR}"}'
    assert access.startswith("2026-12-03 12:00:00 [access] ")
    assert '"user_id":5' in access
    assert "482913" not in reply.text
    assert order("get_ac_log", login="operator").status_code == 403


@pytest.mark.effect("set_network_interlock")
@pytest.mark.refusal("set_network_interlock")
def test_an_interlock_over_the_network_is_set_by_all_three_members(order: Order) -> None:
    def stored() -> object:
        return order("get_configuration", {"network_interlock": list(on)}).json()

    on = {"interlock_enabled": 1, "api_bypass_enabled": 0, "rex_bypass_enabled": 1}
    other = {"interlock_enabled": False, "api_bypass_enabled": 1, "button_bypass_enabled": False}
    assert order("set_network_interlock", on).json() == {}
    assert stored() == {"network_interlock": {key: str(value) for key, value in on.items()}}
    assert order("set_network_interlock", other).json() == {}
    assert stored() == {"network_interlock": dict(zip(on, "010", strict=True))}
    for member in on:
        reply = order("set_network_interlock", {k: v for k, v in on.items() if k != member})
        assert (reply.status_code, f"'{member}'" in reply.json()["error"]) == (400, True)
    assert order("set_network_interlock", on, login="operator").status_code == 403


@pytest.mark.effect("announce_opening")
@pytest.mark.refusal("announce_opening")
def test_an_announcement_is_answered_by_a_device_that_asks_nobody(order: Order) -> None:
    assert order("announce_opening", {"device_id": 7}).json() == {"state": "occupied"}
    refused = order("announce_opening", {"device_id": -1})
    assert refused.status_code == 400
    assert "device_id" in refused.json()["error"]


@pytest.mark.effect("set_system_time")
def test_the_clock_is_set_by_the_wall_of_the_site(
    order: Order, real: str, machine: Machine
) -> None:
    wall = {"day": 3, "month": 12, "year": 2026, "hour": 9, "minute": 30, "second": 5}
    assert order("set_system_time", wall, url=real).json() == {}
    assert machine.time == datetime(2026, 12, 3, 12, 30, 5, tzinfo=UTC)


@pytest.mark.effect("set_ntp_server", "get_ntp_server")
def test_time_servers_are_named_and_told(order: Order, real: str, machine: Machine) -> None:
    wanted = {"server1": "a.ntp.br", "server2": "10.0.0.1"}
    assert order("set_ntp_server", wanted, url=real).json() == {}
    assert machine.servers == ("a.ntp.br", "10.0.0.1")
    assert order("get_ntp_server", url=real).json() == wanted


@pytest.mark.effect("set_system_network")
def test_addresses_change_once_the_answer_has_gone_out(
    order: Order, real: str, machine: Machine
) -> None:
    wanted = {"ip": "10.0.0.9", "netmask": "255.255.255.0", "gateway": "10.0.0.1"}
    assert order("set_system_network", wanted, url=real).json() == {}
    assert machine.readdressed.wait(PATIENCE_S)
    assert machine.addressing is not None
    assert str(machine.addressing.address) == "10.0.0.9/24"


@pytest.mark.effect("reboot")
def test_a_restart_follows_its_answer(order: Order, real: str, machine: Machine) -> None:
    assert order("reboot", url=real).json() == {}
    assert machine.restarted.wait(PATIENCE_S)


@pytest.mark.parametrize(
    ("command", "body", "said"),
    [
        pytest.param(
            "set_system_time",
            {"day": 31, "month": 2, "year": 2026, "hour": 0, "minute": 0, "second": 0},
            "'day'",
            marks=pytest.mark.refusal("set_system_time"),
        ),
        pytest.param(
            "set_ntp_server",
            {"server1": "no name"},
            "'server1'",
            marks=pytest.mark.refusal("set_ntp_server"),
        ),
        pytest.param(
            "set_system_network",
            {"ip": "10.0.0.9", "netmask": "255.0.255.0", "gateway": "10.0.0.1"},
            "'netmask'",
            marks=pytest.mark.refusal("set_system_network"),
        ),
        pytest.param(
            "connection_test",
            {"host": "localhost", "port": 65_536},
            "'port'",
            marks=pytest.mark.refusal("connection_test"),
        ),
        pytest.param("ping_test", {"host": "-f"}, "'host'", marks=pytest.mark.refusal("ping_test")),
        pytest.param(
            "nslookup_test", {"host": ""}, "'host'", marks=pytest.mark.refusal("nslookup_test")
        ),
    ],
)
def test_what_makes_no_sense_never_reaches_the_machine(
    order: Order, real: str, machine: Machine, command: str, body: dict[str, object], said: str
) -> None:
    reply = order(command, body, url=real)
    assert reply.status_code == 400
    assert said in reply.json()["error"]
    assert (machine.time, machine.servers, machine.addressing) == (None, (), None)


@pytest.mark.refusal("reboot", "get_ntp_server", "set_system_time")
def test_on_a_simulated_board_the_machine_is_not_touched(order: Order) -> None:
    wall = {"day": 3, "month": 12, "year": 2026, "hour": 9, "minute": 30, "second": 5}
    for command, body in (("reboot", None), ("set_system_time", wall)):
        reply = order(command, body)
        assert reply.status_code == 400, command
        assert "simulated board" in reply.json()["error"]
    assert order("get_ntp_server", login="operator").status_code == 403


@pytest.mark.effect("connection_test", "ping_test", "nslookup_test")
def test_the_network_is_probed(
    order: Order, throwaway: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether the machine may send an echo request is not this test's affair.
    monkeypatch.setattr("gateway.commands.probes.ping", len)
    host, _, port = throwaway.url.removeprefix("http://").partition(":")
    assert order("connection_test", {"host": host, "port": int(port)}).json()["success"] is True
    assert order("ping_test", {"host": host}).json() == {"success": True, "time_ms": len(host)}
    found = order("nslookup_test", {"host": "127.0.0.1"}).json()
    assert found == {"success": True, "addresses": ["127.0.0.1"]}


@pytest.mark.effect("ssl_certificate_change")
@pytest.mark.refusal("ssl_certificate_change")
def test_another_certificate_takes_the_place_of_the_first(
    order: Order, throwaway: SimpleNamespace, tmp_path: Path
) -> None:
    kept, new = certificate_file(throwaway.context.data), tmp_path / "new.pem"
    make_self_signed(kept, throwaway.context.clock.utc())
    make_self_signed(new, throwaway.context.clock.utc())
    before = kept.read_bytes()
    assert order("ssl_certificate_change", data=b"no certificate").status_code == 400
    assert kept.read_bytes() == before
    assert order("ssl_certificate_change", data=new.read_bytes()).json() == {}
    assert new.read_bytes() != before
    assert b"PRIVATE KEY" in kept.read_bytes()
    assert kept.read_bytes() != before


# what is not there


@pytest.mark.parametrize("name", [pytest.param(it, marks=pytest.mark.refusal(it)) for it in ABSENT])
def test_a_part_that_is_not_there_is_never_served_in_appearance(order: Order, name: str) -> None:
    reply = order(name, {})
    assert reply.status_code == 400
    assert reply.json() == {"error": f"{name}: this device has no {ABSENT[name]}", "code": 1}


@pytest.mark.effect(
    "secbox_is_active",
    "has_audio_access_messages",
    "has_pjsip_audio_message",
    "get_sip_status",
    "has_vpn_file",
    "get_vpn_status",
)
def test_questions_about_parts_that_are_not_there_are_answered_as_it_is(order: Order) -> None:
    events = ("not_identified", "authorized", "not_authorized", "use_mask")
    for command, answer in (
        ("secbox_is_active", {"isActive": False}),
        ("has_audio_access_messages", dict.fromkeys(events, False)),
        ("has_pjsip_audio_message", {"file_exists": False}),
        ("get_sip_status", {"status": -1, "in_call": False}),
        ("has_vpn_file", {"has_file": False}),
        ("get_vpn_status", {"status": 8}),
    ):
        reply = order(command)
        assert (reply.status_code, reply.json()) == (200, answer)
