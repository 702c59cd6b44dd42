"""What the database says about Wiegand readers acts at once, and what is odd there is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from gateway.access.log_events import AccessEvent
from gateway.credentials.wiegand import FORMATS, encode
from gateway.store.files import STORE_FILE
from gateway.store.journal import EntryKind
from gateway.store.policy.snapshot import WiegandModeRow
from gateway.store.policy.wiegand import usable_formats

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

CARD_OF_ANA = 123 << 32 | 45678
GRANTED = int(AccessEvent.GRANTED)
HOUSE: dict[str, Any] = {
    "id": 1,
    "name": "house",
    "size": 30,
    "format": "F[2:11], C[12:29]",
    "parities": "E(1)[2:15], O(30)[16:29]",
    "parities_calculation_order": "1,30",
    "inverted_facility": 0,
    "inverted_card": 0,
}
GARBAGE = {**HOUSE, "id": 2, "name": "garbage", "format": "no bits"}


def house_frame(facility: int, number: int) -> str:
    """By hand, not by the program's own encoder."""
    data = f"{facility:010b}{number:018b}"
    even = data[:14].count("1") % 2
    odd = 1 - data[14:].count("1") % 2
    return f"{even}{data}{odd}"


def granted(bench: Bench, bits: str) -> bool:
    before = len(bench.events())
    bench.simulator.frame("front", bits)
    bench.pass_time(0.2)
    found = bench.events()[before:]
    bench.pass_time(5)
    return any(event == GRANTED for event, _ in found)


def write(bench: Bench, act: Any) -> None:
    with bench.store() as store:
        act(store)
    bench.pass_time(1.1)


def test_a_card_format_of_the_sites_own_is_read_as_soon_as_it_is_written(bench: Bench) -> None:
    frame = house_frame(123, 45678)
    assert not granted(bench, frame)
    write(bench, lambda store: store.insert("wiegand_modes", [HOUSE]))
    assert granted(bench, frame)
    assert granted(bench, encode(FORMATS["w26"], 123, 45678))
    write(bench, lambda store: store.modify("wiegand_modes", {"inverted_card": 1}))
    assert not granted(bench, frame)
    turned = int(f"{45678:018b}"[::-1], 2)
    assert granted(bench, house_frame(123, turned))
    write(bench, lambda store: store.destroy("wiegand_modes"))
    assert not granted(bench, frame)


@pytest.mark.parametrize(
    ("keys", "reads"),
    [
        ({"w_in0": {"byte_order": "LSB"}}, True),
        ({"card_reader0": {"type": "LSB"}}, True),
        ({"card_reader0": {"type": "34"}}, True),
        ({"w_in0": {"byte_order": "MSB"}}, False),
        ({"w_in1": {"byte_order": "LSB"}}, False),
        ({}, False),
    ],
)
def test_a_reader_that_sends_the_last_byte_first_is_read_so_at_once(
    bench: Bench, keys: dict[str, dict[str, str]], reads: bool
) -> None:
    # 7B B2 6E backwards.
    backwards = encode(FORMATS["w26"], 0x6E, 0xB27B)
    assert not granted(bench, backwards)
    if keys:
        bench.configure(keys)
    assert granted(bench, backwards) is reads
    bench.configure({module: dict.fromkeys(names, "") for module, names in keys.items()})
    assert granted(bench, encode(FORMATS["w26"], 123, 45678))


@pytest.mark.parametrize("index", [5, 16])
def test_every_index_of_a_reader_has_a_byte_order(bench: Bench, index: int) -> None:
    module = f"w_in{index - 1}"
    bench.configure({module: {"byte_order": "LSB"}})
    config = bench.controller._config
    assert config is not None
    assert config.reading.last_byte_first == {index}


def test_a_row_that_makes_no_sense_is_ignored_and_named(bench: Bench) -> None:
    """Rows of earlier versions: nothing was refused then."""
    write(bench, lambda store: store.insert("wiegand_modes", [HOUSE]))
    columns = ", ".join(GARBAGE)
    marks = ", ".join("?" for _ in GARBAGE)
    with closing(sqlite3.connect(bench.data / STORE_FILE)) as raw:
        statement = f"INSERT INTO wiegand_modes ({columns}) VALUES ({marks})"  # noqa: S608 - names of this file
        raw.execute(statement, tuple(GARBAGE.values()))
        raw.commit()
    bench.pass_time(1.1)
    mirror = bench.controller.status().mirror
    assert mirror is not None
    (row,) = mirror.named
    assert row.startswith("wiegand_modes ")
    assert granted(bench, house_frame(123, 45678))


def test_usable_formats_come_in_the_order_of_their_rows() -> None:
    rows = [
        WiegandModeRow(*list({**HOUSE, **changes}.values())[1:])
        for changes in ({}, {"name": "b", "format": "x"}, {"name": "c", "parities": ""})
    ]
    formats, problems = usable_formats(rows)
    assert [layout.name for layout in formats] == ["house", "c"]
    assert len(problems) == 1
    assert encode(formats[0], 123, 45678) == house_frame(123, 45678)


def test_a_suspected_replay_is_in_the_journal_and_decides_nothing(bench: Bench) -> None:
    frame = encode(FORMATS["w26"], 123, 45678)
    assert granted(bench, frame)
    assert bench.journal(EntryKind.REPLAY) == []
    assert granted(bench, frame)
    (told,) = bench.journal(EntryKind.REPLAY)
    assert told["reader"] == "front"
    assert "recording" in told["why"]
    (front, *_) = bench.controller.status().devices
    assert (front.name, front.health, front.online) == ("front", "degraded", True)
    bench.pass_time(600)
    assert bench.controller.status().devices[0].health == "online"


def test_the_log_of_a_frame_of_no_format_shows_what_it_may_be(bench: Bench) -> None:
    with capture_logs() as logs:
        assert not granted(bench, encode(FORMATS["w37f"], 1, 5))
        bench.wait_until(lambda: any("UNREADABLE" in line["event"] for line in logs))
    (line,) = [line["event"] for line in logs if "UNREADABLE at front" in line["event"]]
    assert "fits w37; w37f 1,5" in line
    assert "inner 524293 = 000080005" in line
    (body,) = bench.journal(EntryKind.BAD_FRAME)
    assert body["bits"] == encode(FORMATS["w37f"], 1, 5)
