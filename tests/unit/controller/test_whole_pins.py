"""A keypad that sends a whole PIN: no digit of it is left anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.credentials.wiegand import FORMATS, encode
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

PIN = 123456
GRANTED, UNKNOWN = 7, 3


@pytest.fixture
def bench(demo: Path, start: Start) -> Iterator[Bench]:
    """The demo site, its first reader a keypad of whole PINs; a flight record is kept."""
    text = (demo / SITE_FILE).read_text(encoding="utf-8")
    text = text.replace("# whole_pins = 24", "whole_pins = 24")
    # Before the line at its end: the key of the store is looked up in the file too.
    text = f"[flight_record]\nenabled = true\n\n{text}"
    (demo / SITE_FILE).write_text(text, encoding="utf-8")
    with start(demo) as running:
        yield running


def key_in(bench: Bench, pin: int) -> None:
    bench.simulator.frame("front", encode(FORMATS["w26"], pin >> 16, pin & 0xFFFF))
    bench.pass_time(0.2)


def test_wrong_whole_pins_lock_the_keypad_and_leave_no_digit(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    for pin in range(PIN, PIN + 6):
        key_in(bench, pin)

    accesses = bench.journal(EntryKind.ACCESS)
    assert [access["row"]["event"] for access in accesses] == [UNKNOWN] * 6
    assert [access["reason"] for access in accesses][-1] == "keypad_locked"
    broken = encode(FORMATS["w26"], PIN >> 16, PIN & 0xFFFF)
    for bits in (broken[:-1], broken + "0", broken[:-1] + str(1 - int(broken[-1]))):
        bench.simulator.frame("front", bits)
        bench.pass_time(0.2)
    assert len(bench.journal(EntryKind.BAD_FRAME)) == 3

    written = [path for path in bench.data.rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in written) + capsys.readouterr().out.encode()
    facility_number = (PIN >> 16) << 32 | PIN & 0xFFFF
    for trace in (*range(PIN, PIN + 6), facility_number, broken, broken[1:-1]):
        assert str(trace).encode() not in kept


def test_a_whole_pin_lets_in_whoever_has_it(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("pins", [{"value": str(PIN), "user_id": 2}])
    bench.pass_time(1.1)
    key_in(bench, PIN)
    assert bench.events() == [(GRANTED, 2)]


def test_a_whole_pin_has_the_whole_time_of_a_second_factor(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("pins", [{"value": str(PIN), "user_id": 2}])
        store.insert("cards", [{"value": 5 << 32 | 6, "user_id": 2}])
    bench.configure({"identifier": {"multi_factor_authentication": 1}})
    bench.simulator.swipe("front", 5 << 32 | 6, "w34")
    bench.pass_time(25)
    key_in(bench, PIN)
    assert bench.events()[-1] == (GRANTED, 2)
