"""The wiring bench over a real socket: what a technician gets of frames, inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from gateway.commands.wiring import formats_with
from gateway.credentials.captures import BytesCapture, CardCapture, FrameCapture, TypedCapture
from gateway.credentials.wiegand import FORMATS, encode
from gateway.link.messages import OpenDoor
from gateway.link.wiring import InputLine, PulseOutput, WatchWiring, WiringCaptures

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]

MS = 1_000_000
NOW_NS = 5_000 * MS
W26 = encode(FORMATS["w26"], 123, 45678)
INVERSE = str.maketrans("01", "10")


def frame(bits: str, width_us: int | None = 50, **more: Any) -> FrameCapture:
    starts = tuple(2_000 * at for at in range(len(bits)))
    return FrameCapture(7, NOW_NS - 1_500 * MS, bits, starts, (width_us,) * len(bits), **more)


def shown(order: Order, straw: StrawController, *frames: FrameCapture) -> list[dict[str, Any]]:
    straw.wiring = WiringCaptures(now_ns=NOW_NS, frames=frames)
    found = order("wiring_watch", {"reader": "front", "pulse_widths": True}).json()["frames"]
    assert isinstance(found, list)
    return found


@pytest.mark.effect("wiring_watch")
def test_a_good_frame_is_read_in_every_format_of_its_length(
    order: Order, straw: StrawController
) -> None:
    (found,) = shown(order, straw, frame(W26))
    assert straw.of(WatchWiring) == [WatchWiring(reader="front", widths=True)]
    assert (found["number"], found["age_ms"], found["bits"]) == (7, 1_500, W26)
    assert found["widths_us"] == [50] * 26
    assert found["findings"] == []
    (chosen,) = [it for it in found["readings"] if it["chosen"]]
    assert (chosen["format"], chosen["facility"], chosen["number"]) == ("w26", 123, 45678)
    assert chosen["card"]["facility_number"] == "123,45678"
    assert chosen["card"]["hexadecimal"] == "7BB26E"
    assert [it["right"] for it in chosen["parities"]] == [True, True]
    assert [it["sent"] for it in found["readings"]] == [
        "as_sent",
        "as_sent",
        "inverted",
        "backwards",
    ]


def test_a_frame_of_34_bits_is_chosen_once_though_two_formats_accept_it(
    order: Order, straw: StrawController
) -> None:
    (found,) = shown(order, straw, frame(encode(FORMATS["w34"], 4_660, 22_136)))
    assert [it["format"] for it in found["readings"] if it["chosen"]] == ["w34"]
    assert {it["format"] for it in found["readings"]} == {"w34", "w34n"}


def test_faults_come_as_data(order: Order, straw: StrawController) -> None:
    swapped, short = shown(order, straw, frame(W26.translate(INVERSE)), frame(W26, 12))
    assert [it["fault"] for it in swapped["findings"]] == ["lines_swapped"]
    assert short["findings"] == [
        {
            "fault": "pulses_short",
            "line": "",
            "format": "",
            "measured_us": 12,
            "least_us": 20,
            "most_us": 100,
        }
    ]


def test_bits_without_a_timing_say_nothing_about_wires(
    order: Order, straw: StrawController
) -> None:
    for bits, faults in (
        (W26, []),
        (W26.translate(INVERSE), ["parity_wrong"]),
        (encode(FORMATS["w37f"], 1, 5), ["format_not_set"]),
        ("0" * 31, ["length_unknown"]),
    ):
        (found,) = shown(order, straw, FrameCapture(7, NOW_NS, bits, (), ()))
        assert [it["fault"] for it in found["findings"]] == faults
        assert any(it["chosen"] for it in found["readings"]) is (bits == W26)


def test_hidden_keys_have_a_timing_but_no_bits(order: Order, straw: StrawController) -> None:
    hidden = FrameCapture(1, NOW_NS, "", (0, 2_000, 4_000, 6_000), (None,) * 4, keys=True)
    (found,) = shown(order, straw, hidden)
    assert (found["bits"], found["keys"], found["readings"]) == ("", True, [])
    assert len(found["starts_us"]) == 4


def test_other_readers_and_inputs_are_told_as_they_are(
    order: Order, straw: StrawController
) -> None:
    straw.wiring = WiringCaptures(
        now_ns=NOW_NS,
        chunks=(BytesCapture(1, NOW_NS - MS, "0d0a"),),
        texts=(TypedCapture(2, NOW_NS, "ABC"),),
        cards=(CardCapture(3, NOW_NS, "3b8f80", "0102039000", "no number"),),
        inputs=(
            InputLine(kind="rex", number=1, high=False, changed_ns=0, changes=2, edges=9),
            InputLine(kind="wiegand_d0", number=1, high=True),
        ),
    )
    found = order("wiring_watch").json()
    assert straw.of(WatchWiring) == [WatchWiring()]
    assert found["chunks"] == [{"number": 1, "age_ms": 1, "data": "0d0a"}]
    assert found["texts"] == [{"number": 2, "age_ms": 0, "text": "ABC", "refused": ""}]
    assert found["cards"][0]["refused"] == "no number"
    button, line = found["inputs"]
    assert (button["age_ms"], button["changes"], button["bounces"]) == (5_000, 2, 7)
    assert (line["age_ms"], line["bounces"]) == (None, 0)
    assert [it["output"] for it in found["outputs"]] == ["door 1", "door 2", "siren"]


@pytest.mark.refusal("wiring_watch")
def test_an_unknown_reader_is_named_with_those_there_are(order: Order) -> None:
    refused = order("wiring_watch", {"reader": "gone"})
    assert refused.status_code == 404
    assert "this site has: front" in refused.json()["error"]


@pytest.mark.parametrize("command", ["wiring_watch", "wiring_choose", "output_test"])
def test_the_bench_is_not_for_operators(
    device: SimpleNamespace, new_token: Callable[..., str], command: str
) -> None:
    url = f"{device.url}/{command}.fcgi?session={new_token('operator')}"
    assert requests.post(url, json={}, timeout=30).status_code == 403


@pytest.mark.effect("wiring_choose")
def test_a_chosen_format_gives_the_line_for_the_site_file(order: Order) -> None:
    answer = order("wiring_choose", {"reader": "front", "format": "w37"}).json()
    assert answer["formats"] == ["w26", "w34", "w37"]
    assert answer["site_line"] == 'formats = ["w26", "w34", "w37"]'
    answer = order("wiring_choose", {"reader": "front", "format": "w26"}).json()
    assert answer == {"formats": ["w26", "w34"], "site_line": ""}


def test_a_chosen_order_of_bytes_is_stored(order: Order) -> None:
    asked = {"w_in0": ["byte_order"], "card_reader0": ["type"]}
    order("wiring_choose", {"reader": "front", "format": "w26", "last_byte_first": True})
    assert order("get_configuration", asked).json()["w_in0"] == {"byte_order": "LSB"}
    order("wiring_choose", {"reader": "front", "format": "w26"})
    stored = order("get_configuration", asked).json()
    assert (stored["w_in0"]["byte_order"], stored["card_reader0"]["type"]) == ("MSB", "")


@pytest.mark.refusal("wiring_choose")
def test_an_unknown_format_is_refused_with_those_there_are(order: Order) -> None:
    refused = order("wiring_choose", {"reader": "front", "format": "w99"})
    assert refused.status_code == 400
    assert "there is no 'w99'; there are: w26, w32" in refused.json()["error"]


def test_a_format_takes_the_place_of_those_of_its_length() -> None:
    assert formats_with(("w26", "w34"), FORMATS["w34n"]) == ("w26", "w34n")
    assert formats_with(("w34", "w34n", "w26"), FORMATS["w34n"]) == ("w34n", "w26")
    assert formats_with(("w26",), FORMATS["w37"]) == ("w26", "w37")


@pytest.mark.effect("output_test")
def test_a_lock_is_tested_by_opening_it_and_a_siren_by_itself(
    order: Order, straw: StrawController
) -> None:
    assert order("output_test", {"output": "door 1", "for_ms": 500}).json() == {}
    (opened,) = straw.of(OpenDoor)
    assert (opened.door, opened.timeout_ms, opened.reason) == (1, 500, 3)
    assert order("output_test", {"output": "siren"}).json() == {}
    assert straw.of(PulseOutput) == [PulseOutput(output="siren", for_ms=1_000)]


@pytest.mark.refusal("output_test")
def test_outputs_that_a_test_would_not_move_are_refused(
    order: Order, straw: StrawController
) -> None:
    unlocked = order("output_test", {"output": "door 2"})
    assert unlocked.status_code == 403
    assert "unlocked already" in unlocked.json()["error"]
    assert order("output_test", {"output": "door gone"}).status_code == 404
    for for_ms in (99, 5_001):
        assert order("output_test", {"output": "siren", "for_ms": for_ms}).status_code == 400
    assert straw.of(OpenDoor) == []
    assert straw.of(PulseOutput) == []
