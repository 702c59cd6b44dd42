"""The keys of OSDP readers over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests

from gateway.link.osdp import (
    CaptureOsdp,
    ChangeOsdpKey,
    FoundOsdpReader,
    MoveOsdpReader,
    OsdpCondition,
    OsdpIdentity,
    OsdpKeyAction,
    OsdpReaderStatus,
    OsdpScan,
    ReportOsdp,
    ReportOsdpScan,
    ScanOsdp,
    TakeOsdpPackets,
)
from gateway.store.tables.audit import AuditType, entries

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]


@pytest.mark.effect("osdp_key")
@pytest.mark.parametrize("action", list(OsdpKeyAction))
def test_an_action_reaches_the_controller_and_the_audit_log(
    order: Order, straw: StrawController, throwaway: SimpleNamespace, action: OsdpKeyAction
) -> None:
    answer = order("osdp_key", {"reader": "front", "action": action.value})
    assert (answer.status_code, answer.json()) == (200, {})
    assert straw.of(ChangeOsdpKey)[-1] == ChangeOsdpKey(reader="front", action=action)
    told = entries(throwaway.context.store, [AuditType.API])
    assert any(f"osdp_key: {action} front" in line for line in told)


@pytest.mark.refusal("osdp_key")
@pytest.mark.parametrize(
    "body", [{}, {"reader": "front"}, {"reader": "front", "action": "read"}, {"action": "pair"}]
)
def test_an_unknown_action_is_refused(order: Order, body: dict[str, str]) -> None:
    assert order("osdp_key", body).status_code == 400


@pytest.mark.effect("osdp_state")
def test_the_state_tells_how_the_exchange_of_a_key_goes_on(
    order: Order, straw: StrawController
) -> None:
    shown = {
        "reader": "front",
        "address": 3,
        "baud": 9600,
        "health": "offline",
        "why": "is being paired; it opens nothing meanwhile",
        "condition": "pairing",
        "paired": True,
        "tamper": False,
        "power_fault": False,
        "new_serial": True,
        "dropped": False,
        "identity": {"vendor": 0xCAFE, "model": 1, "version": 1, "serial": 7, "firmware": 65_536},
        "counters": {"retries": 2},
        "clear_text": False,
        "phase": "pairing",
        "phase_why": "",
        "failure": None,
        "left_s": 119,
    }
    straw.osdp = (OsdpReaderStatus.model_validate(shown),)
    assert order("osdp_state").json() == {"readers": [shown]}
    assert straw.of(ReportOsdp) == [ReportOsdp()]


@pytest.mark.refusal(
    "osdp_key", "osdp_state", "set_osdp_installation_mode", "get_osdp_installation_mode"
)
def test_keys_are_not_for_operators(device: SimpleNamespace, new_token: Callable[..., str]) -> None:
    for command in (
        "osdp_key",
        "osdp_state",
        "set_osdp_installation_mode",
        "get_osdp_installation_mode",
    ):
        url = f"{device.url}/{command}.fcgi?session={new_token('operator')}"
        assert requests.post(url, json={}, timeout=30).status_code == 403


def shown(reader: str, phase: str | None = None) -> OsdpReaderStatus:
    return OsdpReaderStatus(
        reader=reader,
        address=0,
        health="online",
        why="",
        condition=OsdpCondition.SECURE,
        clear_text=False,
        phase=phase,
        phase_why="",
    )


@pytest.mark.effect("set_osdp_installation_mode")
@pytest.mark.parametrize(("enable", "action"), [(True, "pair"), (False, "cancel")])
@pytest.mark.parametrize("named", [{}, {"reader": "front"}])
def test_the_vendors_installation_mode_is_a_pairing(
    order: Order,
    straw: StrawController,
    throwaway: SimpleNamespace,
    action: str,
    named: dict[str, str],
    *,
    enable: bool,
) -> None:
    straw.osdp = (shown("front"),)
    answer = order("set_osdp_installation_mode", {"enable": enable, **named})
    assert (answer.status_code, answer.json()) == (200, {})
    expected = ChangeOsdpKey(reader="front", action=OsdpKeyAction(action))
    assert straw.of(ChangeOsdpKey)[-1] == expected
    told = entries(throwaway.context.store, [AuditType.API])
    assert any("set_osdp_installation_mode: " in line for line in told)


@pytest.mark.refusal("set_osdp_installation_mode")
@pytest.mark.parametrize("readers", [(), ("front", "back")])
def test_among_several_readers_or_none_one_must_be_named(
    order: Order, straw: StrawController, readers: tuple[str, ...]
) -> None:
    straw.osdp = tuple(map(shown, readers))
    answer = order("set_osdp_installation_mode", {"enable": True})
    assert answer.status_code == 400
    assert "`reader`" in answer.text
    assert not straw.of(ChangeOsdpKey)


@pytest.mark.effect("get_osdp_installation_mode")
@pytest.mark.parametrize(("phase", "on"), [("pairing", True), ("rotating", False), (None, False)])
def test_the_vendors_installation_mode_is_on_while_a_reader_is_paired(
    order: Order, straw: StrawController, phase: str | None, *, on: bool
) -> None:
    straw.osdp = (shown("back"), shown("front", phase))
    assert order("get_osdp_installation_mode").json() == {"installation_mode": on}


def audited(throwaway: SimpleNamespace) -> list[str]:
    return list(entries(throwaway.context.store, [AuditType.API]))


@pytest.mark.effect("osdp_address")
def test_another_address_and_speed_reach_the_controller_and_the_audit_log(
    order: Order, straw: StrawController, throwaway: SimpleNamespace
) -> None:
    assert order("osdp_address", {"reader": "front", "address": 5, "baud": 115_200}).json() == {}
    assert straw.of(MoveOsdpReader) == [MoveOsdpReader(reader="front", address=5, baud=115_200)]
    assert any("osdp_address: front to 5 at 115200 Bd" in line for line in audited(throwaway))


@pytest.mark.effect("osdp_scan", "osdp_scan_state")
def test_a_search_begins_ends_and_tells_what_it_found(
    order: Order, straw: StrawController, throwaway: SimpleNamespace
) -> None:
    found = FoundOsdpReader(
        address=3,
        baud=38_400,
        identity=OsdpIdentity(vendor=0xCAFE, model=1, version=2, serial=77, firmware=0x010203),
        secure=True,
    )
    straw.scanned = OsdpScan(port="/dev/x", running=True, done=7, steps=9, found=(found,))
    shown = straw.scanned.model_dump(mode="json")
    asked = {"reader": "front", "speeds": [38_400], "addresses": [3]}
    assert order("osdp_scan", asked).json() == shown
    assert order("osdp_scan", {"reader": "front", "on": False}).json() == shown
    assert order("osdp_scan_state", {"reader": "front"}).json() == shown
    assert straw.of(ScanOsdp) == [
        ScanOsdp(reader="front", speeds=(38_400,), addresses=(3,)),
        ScanOsdp(reader="front", on=False),
    ]
    assert straw.of(ReportOsdpScan) == [ReportOsdpScan(reader="front")]
    assert any("osdp_scan: end front" in line for line in audited(throwaway))


@pytest.mark.effect("osdp_packets", "osdp_packets_file")
def test_a_capture_begins_and_comes_as_one_file(
    order: Order, straw: StrawController, throwaway: SimpleNamespace
) -> None:
    assert order("osdp_packets", {"reader": "front", "for_s": 9}).json() == {}
    assert straw.of(CaptureOsdp) == [CaptureOsdp(reader="front", for_s=9)]
    straw.packets = bytes(range(250))
    answer = order("osdp_packets_file", {"reader": "front"})
    assert answer.content == straw.packets
    assert answer.headers["Content-Type"] == "application/vnd.tcpdump.pcap"
    assert [it.after for it in straw.of(TakeOsdpPackets)] == [0, 100, 200, 250]
    assert any("osdp_packets: front for 9 s" in line for line in audited(throwaway))


@pytest.mark.refusal(
    "osdp_address", "osdp_scan", "osdp_scan_state", "osdp_packets", "osdp_packets_file"
)
def test_tools_take_what_there_is_and_are_not_for_operators(order: Order) -> None:
    bad: list[tuple[str, dict[str, object]]] = [
        ("osdp_address", {"reader": "front", "address": 127}),
        ("osdp_address", {"reader": "front", "baud": 1_200}),
        ("osdp_scan", {"reader": "front", "speeds": []}),
        ("osdp_scan", {"reader": "front", "addresses": [-1]}),
        ("osdp_scan_state", {}),
        ("osdp_packets", {"reader": "front", "for_s": 601}),
        ("osdp_packets_file", {"reader": 1}),
    ]
    for command, body in bad:
        assert order(command, body).status_code == 400, (command, body)
        assert order(command, {"reader": "front"}, login="operator").status_code == 403, command
