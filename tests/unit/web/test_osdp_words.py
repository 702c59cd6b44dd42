"""What the page says of an OSDP reader."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.hardware.osdp.reports import KeyFailure
from gateway.link.osdp import OsdpCondition, OsdpIdentity, OsdpReaderStatus
from gateway.settings import OsdpReader
from gateway.web.osdp_words import CONDITIONS, FAILURES, ShownReader, shown_reader

READER = OsdpReader.model_validate(
    {"name": "side", "index": 1, "portal": 1, "kind": "osdp", "port": "simulated", "address": 3}
)


def shown(condition: OsdpCondition = OsdpCondition.SECURE, **more: Any) -> ShownReader:
    state = OsdpReaderStatus(
        reader="side",
        address=3,
        health="online",
        condition=condition,
        **{"why": "", "clear_text": False, "phase": None, "phase_why": "", **more},
    )
    return shown_reader(READER, state.model_dump(mode="json"))


def test_every_condition_and_every_failure_has_words() -> None:
    assert set(CONDITIONS) == {it.value for it in OsdpCondition}
    assert set(FAILURES) == {it.value for it in KeyFailure}


@pytest.mark.parametrize("condition", list(OsdpCondition))
def test_nothing_but_the_channel_of_its_own_key_counts_as_good(condition: OsdpCondition) -> None:
    assert (shown(condition).grade == "good") is (condition is OsdpCondition.SECURE)


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("new_serial", "pair it again"),
        ("dropped", "outside its secure channel"),
        ("tamper", "tamper contact is open"),
        ("power_fault", "fault of its supply"),
    ],
)
def test_what_a_reader_that_is_reached_reports_is_a_warning(fact: str, said: str) -> None:
    told = shown(OsdpCondition.SECURE, **{fact: True})
    assert told.grade == "bad"
    assert said in told.warnings[0]


def test_a_silent_reader_is_looked_for_at_its_address_and_speed() -> None:
    told = shown(OsdpCondition.SILENT)
    assert "address 3 and speed 9600 Bd" in told.advice
    assert not told.reached


def test_how_an_exchange_ended_is_said_with_the_systems_own_words_where_they_help() -> None:
    why = "the key cannot be stored: Read-only file system"
    told = shown(phase="failed", failure="not_stored", phase_why=why)
    assert (told.outcome, told.outcome_detail) == (FAILURES["not_stored"], why)
    assert not told.exchanging
    assert shown(phase="failed", failure="nobody").outcome_detail == ""
    assert "new key" in shown(phase="done").outcome
    assert shown(phase="pairing").exchanging


def test_a_reader_is_known_by_what_it_says_of_itself() -> None:
    identity = OsdpIdentity(vendor=0xCAFE, model=1, version=2, serial=7, firmware=0x010203)
    assert shown(identity=identity).identity == (
        "Maker FE-CA-00, model 1.2, serial number 7, firmware 1.2.3"
    )
    assert shown().identity == ""
