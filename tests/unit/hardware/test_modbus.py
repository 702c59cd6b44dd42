"""Module profiles, and the played module against frames and against the library's own codec."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest

from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import check_site, load_profile, warnings
from gateway.hardware.secbox.profiles import load_module, module_names
from gateway.hardware.simulated.modules import SimulatedModule, checksum
from gateway.settings import SiteFile

BOX: dict[str, Any] = {
    "name": "gate",
    "egress": "mechanical",
    "port": "simulated",
    "address": 1,
    "relay": 0,
}


def site(board: str = "simulated", **box: Any) -> SiteFile:
    head = {"name": "Test", "timezone": "UTC", "board": board}
    return SiteFile.model_validate({"site": head, "sec_box": [{**BOX, **box}]})


# profiles


@pytest.mark.parametrize("name", module_names())
def test_every_profile_can_be_read_and_names_its_source(name: str) -> None:
    profile = load_module(name)
    assert profile.name == name
    assert profile.source
    # What nobody has tried is said to be so, except where the standard alone is relied on.
    assert bool(profile.unverified) is (name != "generic")


def test_the_timed_switching_is_that_of_the_makers_frame() -> None:
    # 01 05 02 00 00 07 8D B0: relay 0 of module 1 on for 700 ms.
    pulse = load_module("waveshare_relay_8").pulse
    assert pulse is not None
    frame = bytes.fromhex("0105") + pulse.coil.to_bytes(2, "big")
    frame += pulse.units(700).to_bytes(2, "big")
    assert (frame + checksum(frame)).hex() == "0105020000078db0"


@pytest.mark.parametrize(
    ("hold_ms", "units"), [(1, 1), (100, 1), (101, 2), (2_000, 20), (10_000_000, 0x7FFF)]
)
def test_a_hold_is_never_shorter_than_asked_for_where_the_module_can(
    hold_ms: int, units: int
) -> None:
    pulse = load_module("waveshare_relay_8").pulse
    assert pulse is not None
    assert pulse.units(hold_ms) == units


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ({"module": "nobody"}, "sec_box 'gate' module: 'nobody' has no profile"),
        ({"module": "waveshare_relay_8", "relay": 8}, "relay: found 8, allowed: 0 to 7"),
        ({"module": "waveshare_relay_8", "sensor": 0}, "sensor: found input 0, allowed: none"),
        (
            {"module": "wirenboard_relay", "rex": {"input": 6}},
            "rex: found input 6, allowed: 0 to 5",
        ),
    ],
)
def test_what_a_module_lacks_is_refused_by_its_key(box: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_site(load_profile("simulated"), site(**box))
    assert text in str(refused.value)


def test_a_simulated_line_needs_the_simulated_board() -> None:
    with pytest.raises(SettingsError, match="sec_box 'gate': 'simulated' needs"):
        check_site(load_profile("pi4"), site("pi4"))


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ({}, "keeps its relay when the line is cut"),
        ({"module": "waveshare_relay_8", "unlocked": "off"}, "keeps its relay"),
        (
            {"module": "wirenboard_relay", "unlocked": "off"},
            "switches its relay off, which is unlocked; on_fault says locked",
        ),
        (
            {"module": "wirenboard_relay", "on_stop": "unlocked"},
            "switches its relay off, which is locked; on_stop says unlocked",
        ),
        ({"module": "waveshare_relay_8", "on_fault": "unlocked"}, "on_fault says unlocked"),
    ],
)
def test_what_a_cut_line_does_to_a_door_is_told(box: dict[str, Any], told: str) -> None:
    assert any(told in text for text in warnings(load_profile("simulated"), site(**box)))


@pytest.mark.parametrize("module", ["waveshare_relay_8", "wirenboard_relay"])
def test_a_module_that_locks_by_itself_is_no_worry(module: str) -> None:
    told = warnings(load_profile("simulated"), site(module=module))
    assert [text for text in told if "line" in text or "stopped" in text] == []


# the played module


@given(st.binary(max_size=64))
def test_the_played_checksum_is_the_librarys(data: bytes) -> None:
    assert checksum(data) == FramerRTU.compute_CRC(data).to_bytes(2, "big")


@given(st.lists(st.booleans(), min_size=8, max_size=8), st.integers(1, 8), st.booleans())
def test_what_a_module_says_of_its_lines_is_read_as_it_is(
    lines: list[bool], count: int, coils: bool
) -> None:
    module = SimulatedModule(load_module("waveshare_io_8"))
    for number, on in enumerate(lines):
        module.contact(number, closed=on)
        value = b"\xff\x00" if on else b"\x00\x00"
        module.answer(b"\x05" + number.to_bytes(2, "big") + value)
    kind = ReadCoilsRequest if coils else ReadDiscreteInputsRequest
    framer = FramerRTU(DecodePDU(is_server=False))
    request = framer.buildFrame(kind(address=0, count=count, dev_id=1))
    answer = request[:1] + module.answer(request[1:-2])
    _, read = framer.handleFrame(answer + checksum(answer), 1, 0)
    assert read is not None
    assert read.bits[:count] == lines[:count]
    assert not any(read.bits[count:])


@given(st.binary(min_size=5, max_size=5))
def test_any_request_has_an_answer_and_none_breaks_a_module(request_: bytes) -> None:
    module = SimulatedModule(load_module("wirenboard_relay"))
    answer = module.answer(request_)
    assert answer[0] & 0x7F == request_[0] & 0x7F


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("0500080000", 2),
        ("050000ff01", 3),
        ("0100000009", 2),
        ("0100000000", 3),
        ("0300000001", 2),
        ("0600000001", 2),
        ("0f00000001", 1),
    ],
)
def test_what_a_module_does_not_have_is_refused_as_the_protocol_says(
    request_: str, code: int
) -> None:
    asked = bytes.fromhex(request_)
    answer = SimulatedModule(load_module("waveshare_io_8")).answer(asked)
    assert answer == bytes([asked[0] | 0x80, code])


def test_a_timed_relay_falls_when_its_time_is_over_and_at_once_when_told() -> None:
    now_s = 0.0
    module = SimulatedModule(load_module("waveshare_io_8"), lambda: now_s)
    seen = []
    for at_s, request in ((0.0, "0502000014"), (1.9, ""), (2.0, ""), (3.0, "0502000014")):
        now_s = at_s
        if request:
            module.answer(bytes.fromhex(request))
        seen.append(module.relay(0))
    module.answer(bytes.fromhex("0500000000"))
    assert [*seen, module.relay(0)] == [True, True, False, True, False]


def test_a_watchdog_lets_relays_fall_when_nobody_asks() -> None:
    now_s = 0.0
    module = SimulatedModule(load_module("wirenboard_relay"), lambda: now_s)
    module.answer(bytes.fromhex("050000ff00"))
    now_s = 1.9
    assert module.relay(0)
    module.answer(bytes.fromhex("0200000001"))
    now_s = 3.8
    assert module.relay(0)
    now_s = 4.0
    assert not module.relay(0)
