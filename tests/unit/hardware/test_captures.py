"""What is kept of the wires while somebody watches, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.credentials.captures import (
    BytesCapture,
    Captured,
    CardCapture,
    FrameCapture,
    TypedCapture,
)
from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import NotFound
from gateway.hardware.captures import BYTES_KEPT, CAPTURES_KEPT, LEASE_NS, NEWS_NS
from gateway.hardware.events import InputKind, InputName

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

ANAS = encode(FORMATS["w26"], 123, 45678)


@pytest.fixture(autouse=True)
def started(bench: Bench) -> None:
    bench.start()


def watch(
    bench: Bench, reader: str = "card", *, keys: bool = False, widths: bool = True
) -> tuple[Captured, ...]:
    now_ns = bench.clock.monotonic_ns()
    captures = bench.rig.captures.of(reader)
    captures.watch(now_ns, keys=keys, widths=widths)
    bench.rig.captures.watch(now_ns)
    return captures.kept(keys=keys)


def frames(bench: Bench, *, keys: bool = False) -> list[FrameCapture]:
    return [each for each in watch(bench, keys=keys) if isinstance(each, FrameCapture)]


def test_nothing_is_kept_or_measured_while_nobody_watches(bench: Bench) -> None:
    bench.sim.swipe("card", 123 << 32 | 45678, "w26")
    bench.run(ms=200)
    assert frames(bench) == []


def test_a_frame_is_kept_with_its_bits_starts_and_widths(bench: Bench) -> None:
    watch(bench)
    bench.run(ms=1)
    bench.sim.frame("card", ANAS)
    bench.run(ms=200)
    (frame,) = frames(bench)
    assert (frame.bits, frame.why, frame.number) == (ANAS, "", 1)
    assert frame.starts_us == tuple(range(0, 26 * 2_000, 2_000))
    assert frame.widths_us == (50,) * 26
    assert bench.credentials[-1] == ("card", 123 << 32 | 45678)


def test_without_a_wish_for_widths_only_starts_are_known(bench: Bench) -> None:
    watch(bench, widths=False)
    bench.sim.frame("card", ANAS)
    bench.run(ms=200)
    (frame,) = [each for each in watch(bench, widths=False) if isinstance(each, FrameCapture)]
    assert set(frame.widths_us) == {None}
    assert frame.starts_us[1] == 2_000


def test_a_refused_frame_says_why(bench: Bench) -> None:
    watch(bench)
    bench.sim.frame("card", "10" * 15)
    bench.run(ms=200)
    (frame,) = frames(bench)
    assert "30 bits fit no format" in frame.why


def test_a_watch_that_is_not_renewed_ends_and_forgets(bench: Bench) -> None:
    watch(bench)
    bench.sim.frame("card", ANAS)
    bench.run(ms=200)
    bench.run(ms=LEASE_NS / 1e6)
    assert not bench.rig.captures.watched
    assert bench.rig.captures.due_ns() is None
    assert frames(bench) == []


def test_a_renewed_watch_keeps_the_latest_frames(bench: Bench) -> None:
    watch(bench)
    for number in range(CAPTURES_KEPT + 3):
        bench.sim.frame("card", encode(FORMATS["w26"], 1, number))
        bench.run(ms=400)
        watch(bench)
    kept = frames(bench)
    assert [frame.number for frame in kept] == list(range(4, CAPTURES_KEPT + 4))
    assert kept[-1].bits == encode(FORMATS["w26"], 1, CAPTURES_KEPT + 2)


def test_keys_are_hidden_from_who_did_not_ask_for_them(bench: Bench) -> None:
    watch(bench)
    bench.sim.keys("card", "1")
    bench.run(ms=200)
    assert [(frame.bits, frame.keys) for frame in frames(bench)] == [("", True)]
    assert [frame.bits for frame in frames(bench, keys=True)] == [""], "never kept"
    bench.sim.keys("card", "2")
    bench.run(ms=200)
    assert [frame.bits for frame in frames(bench)] == ["", ""]
    assert [frame.bits for frame in frames(bench, keys=True)] == ["", "0010"]


def test_keys_go_when_nobody_wants_them_though_the_watch_lasts(bench: Bench) -> None:
    watch(bench, keys=True)
    bench.sim.keys("card", "7")
    bench.run(ms=200)
    for _ in range(3):
        bench.run(ms=LEASE_NS / 2e6)
        watch(bench)
    bench.run(ms=1)
    assert [frame.bits for frame in frames(bench, keys=True)] == [""]


def test_serial_bytes_are_kept_as_they_came(bench: Bench) -> None:
    watch(bench, "code")
    bench.sim.qr("code", "DEMO" * 200)
    bench.wait_for(lambda: bool(bench.credentials or bench.refused))
    chunks = [each for each in watch(bench, "code") if isinstance(each, BytesCapture)]
    came = bytes.fromhex("".join(chunk.data for chunk in chunks))
    assert came.endswith((b"DEMO\r\n", b"DEMO\r"))
    assert all(len(chunk.data) <= 2 * BYTES_KEPT for chunk in chunks)


def test_typed_texts_and_cards_are_kept_as_they_came(bench: Bench) -> None:
    bench.close()
    bench.use(
        reader=[
            {"name": "desk", "index": 1, "portal": 1, "kind": "hid", "device": "simulated"},
            {"name": "nfc", "index": 2, "portal": 1, "kind": "pcsc", "reader": "simulated"},
        ]
    )
    bench.start()
    watch(bench, "desk")
    watch(bench, "nfc")
    bench.sim.type("desk", "DEMO-7")
    bench.sim.present("nfc", bytes.fromhex("04A1B2C3"))
    bench.wait_for(lambda: len(bench.credentials) == 2)
    (typed,) = watch(bench, "desk")
    assert isinstance(typed, TypedCapture)
    assert (typed.text, typed.why) == ("DEMO-7", "")
    (card,) = watch(bench, "nfc")
    assert isinstance(card, CardCapture)
    assert card.answer == "04a1b2c39000"
    assert card.atr.startswith("3b")


def test_inputs_have_a_level_an_age_and_bounces(bench: Bench) -> None:
    rex = InputName(InputKind.REX, 1)
    pressed_ns = bench.clock.monotonic_ns()
    for high in (False, True, False, True, False):
        bench.sim.set_input(rex, high=high)
    bench.run(ms=200)
    (line,) = [it for it in bench.rig.lines() if (it.kind, it.number) == ("rex", 1)]
    assert (line.high, line.changes, line.edges) == (False, 1, 5)
    assert line.changed_ns is not None
    assert line.changed_ns >= pressed_ns
    assert {it.kind for it in bench.rig.lines()} >= {"door_sensor", "zone", "wiegand_d0", "fire"}


def test_news_come_at_most_ten_times_a_second_and_only_while_somebody_watches(
    bench: Bench,
) -> None:
    captures = bench.rig.captures

    def press() -> bool:
        for high in (False, True):
            bench.sim.set_input(InputName(InputKind.REX, 1), high=high)
        bench.rig.service(bench.clock.monotonic_ns())
        return captures.take_news()

    assert not press()
    watch(bench)
    bench.run(ms=200)
    captures.take_news()
    assert [press(), press()] == [True, False]
    bench.run(ms=NEWS_NS / 1e6)
    assert [captures.take_news(), captures.take_news()] == [True, False]


def test_an_unknown_reader_is_named_with_those_there_are(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no reader 'gone'; this site has: card, code"):
        bench.rig.captures.of("gone")
