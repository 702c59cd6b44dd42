"""What `gateway doctor` says of readers and lines."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from gateway.cli.doctor import Finding, Grade, _device
from gateway.hardware.osdp.supervision import EXPLAINED
from gateway.hardware.usb.pcsc_rights import refusal
from gateway.link.messages import DeviceStatus
from gateway.settings import Reader


def said(kind: str, health: str, why: str = "", **counters: int) -> list[Finding]:
    name = "front" if kind == "wiegand" else "door front strike"
    status = DeviceStatus(
        name=name,
        kind=kind,
        online=health != "offline",
        health=health,
        why=why,
        since_s=1.0,
        counters=counters,
    )
    return list(_device(status))


def test_a_reader_is_told_with_what_was_counted_there_and_is_not_nought() -> None:
    assert said("wiegand", "online", edges=52, edges_lost=0, frames=2) == [
        Finding(Grade.OK, "reader front", "online (edges 52, frames 2)")
    ]


def test_a_reader_whose_line_is_stuck_fails_and_one_that_loses_edges_warns() -> None:
    assert said("wiegand", "offline", "D0 is low: short or no power") == [
        Finding(Grade.FAIL, "reader front", "offline: D0 is low: short or no power")
    ]
    (found,) = said("wiegand", "degraded", "edges were lost", edges_lost=3)
    assert found == Finding(Grade.WARN, "reader front", "degraded: edges were lost (edges_lost 3)")


def test_a_line_is_told_only_when_something_is_wrong_with_it() -> None:
    assert said("output", "online") == []
    assert said("output", "offline", "cannot be driven high: No such device") == [
        Finding(Grade.FAIL, "door front strike", "offline: cannot be driven high: No such device")
    ]


def test_a_reader_that_pcscd_refuses_is_told_with_the_missing_rule_and_its_cure() -> None:
    why = refusal("gateway-controller")
    (found,) = said("pcsc", "offline", why)
    assert (found.grade, found.text) == (Grade.FAIL, f"offline: {why}")
    assert "gateway-readers.rules is missing" in why


@pytest.mark.parametrize("why", sorted(EXPLAINED))
def test_an_osdp_reader_that_says_what_is_wrong_gets_no_second_advice(why: str) -> None:
    (found,) = said("osdp", "offline", why, missed_polls=3, retries=1, channels=0)
    assert (found.grade, found.text) == (
        Grade.FAIL,
        f"offline: {why} (missed_polls 3, retries 1)",
    )


@pytest.mark.parametrize("reader", get_args(get_args(Reader)[0]))
def test_what_is_offline_is_told_with_where_to_look(reader: type[BaseModel]) -> None:
    (kind,) = get_args(reader.model_fields["kind"].annotation)
    (found,) = said(kind, "offline", "gone")
    assert found.grade is Grade.FAIL
    hints = re.findall(r"`(\w+)`", found.text)
    assert set(hints) <= set(reader.model_fields)
    # Of the other two the reason itself says it.
    assert bool(hints) is (kind not in {"wiegand", "pcsc"})
    assert said(kind, "online") == [Finding(Grade.OK, found.subject, "online")]
