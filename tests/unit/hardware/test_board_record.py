from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DeviceUnavailable
from gateway.hardware.simulated.board_record import (
    HISTORY,
    PINS,
    BoardRecord,
    EdgeRecord,
    PinFunction,
    PinRecord,
)


def new(path: Path) -> BoardRecord:
    return BoardRecord.open(path, lambda pin: pin == 3)


def test_a_new_board_stands_at_its_boot_levels(tmp_path: Path) -> None:
    record = new(tmp_path / "b")
    pins = [record.pin(number) for number in range(PINS)]
    assert [number for number, pin in enumerate(pins) if pin.high] == [3]
    assert all(pin.function is PinFunction.UNCLAIMED and pin.edges == 0 for pin in pins)
    assert record.recent() == []
    record.close()


@given(st.lists(st.tuples(st.integers(0, PINS - 1), st.booleans(), st.integers(0, 2**63))))
def test_edges_and_counts_are_read_back_by_another_reader(
    tmp_path_factory: pytest.TempPathFactory, edges: list[tuple[int, bool, int]]
) -> None:
    path = tmp_path_factory.mktemp("record") / "b"
    record = new(path)
    reader = BoardRecord.read(path)
    for pin, high, stamp in edges:
        record.edge(pin, high=high, driven=False, stamp_ns=stamp)
    assert reader.recent() == [EdgeRecord(stamp, pin, high) for pin, high, stamp in edges]
    assert reader.edge_count == len(edges)
    for number in range(PINS):
        mine = [high for pin, high, _ in edges if pin == number]
        assert reader.pin(number).edges == len(mine)
        assert reader.pin(number).high is (mine[-1] if mine else number == 3)
    reader.close()
    record.close()


def test_the_history_is_bounded_and_keeps_the_latest(tmp_path: Path) -> None:
    record = new(tmp_path / "b")
    size = (tmp_path / "b").stat().st_size
    for stamp in range(HISTORY + 10):
        record.edge(1, high=True, driven=False, stamp_ns=stamp)
    stamps = [edge.stamp_ns for edge in record.recent()]
    assert stamps == list(range(10, HISTORY + 10))
    assert [edge.stamp_ns for edge in record.recent(2)] == stamps[-2:]
    assert record.pin(1).edges == HISTORY + 10
    assert (tmp_path / "b").stat().st_size == size
    record.close()


def test_a_record_outlives_its_owner(tmp_path: Path) -> None:
    first = new(tmp_path / "b")
    first.claim(17, PinFunction.OUTPUT)
    first.edge(17, high=True, driven=False, stamp_ns=5)
    first.close()
    second = BoardRecord.open(tmp_path / "b", lambda _: False)
    assert second.pin(17) == PinRecord(PinFunction.OUTPUT, high=True, driven=False, edges=1)
    second.close()


@pytest.mark.parametrize("content", [b"", b"x", b"gwboard\x02" + bytes(100)])
def test_a_file_that_is_no_record_is_put_aside_and_never_read(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "b"
    path.write_bytes(content)
    with pytest.raises(DeviceUnavailable, match="not a board record"):
        BoardRecord.read(path)
    record = new(path)
    assert record.pin(3).high
    record.close()
    assert (tmp_path / "b.aside-1").read_bytes() == content


def test_a_missing_record_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="board's record"):
        BoardRecord.read(tmp_path / "none")
    with pytest.raises(DeviceUnavailable, match="board's record"):
        new(tmp_path / "no-folder" / "b")


def test_a_reader_cannot_move_a_pin(tmp_path: Path) -> None:
    new(tmp_path / "b").close()
    reader = BoardRecord.read(tmp_path / "b")
    with pytest.raises(TypeError):
        reader.edge(1, high=True, driven=False, stamp_ns=1)
    reader.close()


def test_a_pin_beyond_the_record_is_refused(tmp_path: Path) -> None:
    record = new(tmp_path / "b")
    with pytest.raises(ValueError, match="pin 64"):
        record.pin(64)
    record.close()
