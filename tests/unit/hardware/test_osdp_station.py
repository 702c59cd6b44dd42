"""What one OSDP reader may report, whatever the library says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hardware.osdp.keys import KeyFile, ReaderKeys, new_key
from gateway.hardware.osdp.reports import Broken, BusReport, ReaderRead, TamperChanged
from gateway.hardware.osdp.station import ReaderStation
from gateway.settings import OsdpReader

CARD = {"event": 1, "reader_no": 0, "format": 1, "direction": 0, "length": 8, "data": b"\1"}
KEYS = {"event": 2, "reader_no": 0, "data": b"1"}


def channel(*, active: bool, default: bool = False) -> dict[str, Any]:
    return {"event": 5, "type": 1, "arg0": int(active), "arg1": int(default)}


def presence(*, online: bool) -> dict[str, Any]:
    return {"event": 5, "type": 2, "arg0": int(online), "arg1": 0}


class Panel:
    """The library, of which nothing but the reader's number is asked."""

    def get_pd_id(self, reader: int) -> Mapping[str, int]:
        return {"serial_number": reader + 7}

    def check_capability(self, reader: int, capability: int) -> tuple[int, int]:
        del reader, capability
        return 0, 0

    def submit_command(self, reader: int, command: Mapping[str, Any]) -> bool:
        del reader, command
        return True

    def enable_pd(self, reader: int) -> bool:
        del reader
        return True

    disable_pd = enable_pd

    def is_pd_enabled(self, reader: int) -> bool:
        del reader
        return False


class Heard:
    """A reader with a key, and what it reported."""

    def __init__(self, keys: KeyFile, **settings: Any) -> None:
        fields = {"name": "front", "index": 1, "portal": 1, "kind": "osdp", "port": "/dev/x"}
        reader = OsdpReader.model_validate({**fields, **settings})
        self.reports: list[BusReport] = []
        self.station = ReaderStation(
            reader, keys, self.reports.append, lambda: 1, Counter(), (), dict
        )
        self.station.begin(Panel(), 0)  # type: ignore[arg-type]

    def event(self, event: Mapping[str, Any], *, secure: bool) -> None:
        self.station.event(event, 0, secure=secure)

    @property
    def reads(self) -> int:
        return sum(isinstance(it, ReaderRead) for it in self.reports)

    @property
    def alarmed(self) -> bool:
        return any(isinstance(it, TamperChanged) and it.active for it in self.reports)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path / "keys")
    file.put("front", ReaderKeys(new_key()))
    return file


@pytest.mark.parametrize("read", [CARD, KEYS])
def test_over_its_own_channel_it_is_heard(keys: KeyFile, read: dict[str, Any]) -> None:
    heard = Heard(keys)
    heard.event(channel(active=True), secure=True)
    heard.event(read, secure=True)
    assert heard.reads == 1
    assert not heard.alarmed


@pytest.mark.parametrize("read", [CARD, KEYS])
@pytest.mark.parametrize(
    ("before", "secure"),
    [
        ([], False),
        ([], True),
        ([presence(online=True)], False),
        ([channel(active=True, default=True), presence(online=True)], True),
        ([channel(active=True)], False),
        ([channel(active=True), channel(active=False)], True),
    ],
    ids=["nothing", "no word of it", "clear text", "SCBK-D", "library denies", "lost"],
)
def test_outside_of_it_everything_is_dropped_and_an_alarm(
    keys: KeyFile, before: list[dict[str, Any]], secure: bool, read: dict[str, Any]
) -> None:
    heard = Heard(keys)
    for event in before:
        heard.event(event, secure=secure)
    heard.event(read, secure=secure)
    assert heard.reads == 0
    assert heard.alarmed
    assert any(isinstance(it, Broken) for it in heard.reports)


def test_nothing_counts_while_it_is_paired(keys: KeyFile) -> None:
    heard = Heard(keys)
    heard.station.pair(0)
    heard.station.begin(Panel(), 0)  # type: ignore[arg-type]
    for event in (presence(online=True), CARD, channel(active=True, default=True), CARD, KEYS):
        heard.event(event, secure=True)
    assert heard.reads == 0


def test_a_pairing_ends_by_itself_and_the_old_key_is_in_force(keys: KeyFile) -> None:
    heard, before = Heard(keys), keys.of("front")
    heard.station.pair(0)
    heard.station.tick(119_999)
    assert heard.station.pairing
    heard.station.tick(120_000)
    assert not heard.station.pairing
    assert keys.of("front") == before
    told = heard.station.told()
    assert told is not None
    assert told.enforce
    assert told.key == before.current


EVENTS = st.one_of(
    st.builds(lambda a, b: channel(active=a, default=b), st.booleans(), st.booleans()),
    st.builds(lambda a: presence(online=a), st.booleans()),
    st.just(CARD),
    st.just(KEYS),
)


@given(st.lists(EVENTS, max_size=40))
def test_no_order_of_events_without_a_channel_identifies(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]]
) -> None:
    file = KeyFile(tmp_path_factory.mktemp("station") / "keys")
    heard = Heard(file)
    for event in events:
        heard.event(event, secure=False)
    assert heard.reads == 0
