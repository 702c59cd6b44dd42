"""Readers on serial ports, each at work behind a real pseudo-terminal of the simulated board."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gateway.credentials.uhf_reader18 import Reader18Codec
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.errors import DeviceUnavailable, InvalidRequest
from gateway.hardware.events import DeviceState, Health
from gateway.hardware.reading_settings import ReadingSettings, UhfMode, UhfReading
from gateway.settings import CardProtocol, UhfProtocol

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

TAG = "E2003412DC03011A7B00B26E"
DAY_MS = 86_400_000


def reader(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": "gate", "index": 1, "portal": 1, "kind": kind, "port": "simulated", **more}


@pytest.fixture
def at(bench: Bench) -> Callable[..., Bench]:
    """The bench with one reader."""

    def use(kind: str, **more: Any) -> Bench:
        bench.use(reader=[reader(kind, **more)])
        bench.start()
        return bench

    return use


def pass_time_until(bench: Bench, condition: Callable[[], bool]) -> None:
    """Let the loop's time pass while threads do their part."""

    def look() -> bool:
        bench.clock.advance(0.1)
        return condition()

    bench.wait_for(look)


@pytest.mark.parametrize("protocol", CardProtocol)
def test_a_card_at_a_serial_reader_is_the_card_of_a_wiegand_reader(
    at: Callable[..., Bench], protocol: str
) -> None:
    bench = at("serial_card", protocol=protocol)
    bench.sim.swipe("gate", 123 << 32 | 45678)
    bench.wait_for(lambda: bench.credentials == [("gate", 123 << 32 | 45678)])


def test_a_card_that_no_tag_is_read_as_cannot_be_swiped(at: Callable[..., Bench]) -> None:
    bench = at("serial_card", protocol="rdm6300")
    with pytest.raises(InvalidRequest, match="no tag can be card"):
        bench.sim.swipe("gate", 1 << 20)


def test_a_code_travels_as_its_reader_writes_it(at: Callable[..., Bench]) -> None:
    more = {"prefix": "\x02Q:", "suffix": "$", "encoding": "cp1252"}
    bench = at("serial_qr", **more)
    bench.sim.qr("gate", "Olá €")
    bench.wait_for(lambda: bench.credentials == [("gate", "Olá €")])
    with pytest.raises(InvalidRequest, match="cannot write the code"):
        bench.sim.qr("gate", "你")
    bench.sim._ports["gate"].send(b"Ol\xe1\r")
    bench.wait_for(lambda: bool(bench.posted(BadFrame)))
    assert bench.refused == [("gate", "the prefix b'\\x02Q:' is missing")]
    assert len(bench.credentials) == 1


def test_an_empty_transponder_is_a_bad_frame(at: Callable[..., Bench]) -> None:
    bench = at("serial_card", protocol="rdm6300")
    bench.sim.swipe("gate", 0)
    bench.wait_for(lambda: bool(bench.refused))
    assert bench.refused == [("gate", "card number 0 stands for no card")]
    assert bench.credentials == []


@pytest.mark.parametrize("protocol", UhfProtocol)
def test_a_tag_in_the_field_is_read(at: Callable[..., Bench], protocol: str) -> None:
    bench = at("serial_uhf", protocol=protocol)
    bench.sim.tag("gate", TAG, DAY_MS)
    pass_time_until(bench, lambda: bench.credentials == [("gate", TAG)])
    (read,) = bench.posted(Identification)
    assert read.credential.kind is CredentialKind.UHF_TAG
    pass_time_until(bench, lambda: len(bench.credentials) == 2)
    again = bench.posted(Identification)[1]
    assert again.at_ns - read.at_ns >= 5_000_000_000


def test_a_tag_that_was_taken_away_is_read_no_more(at: Callable[..., Bench]) -> None:
    bench = at("serial_uhf", protocol="r200")
    bench.rig.configure(ReadingSettings(uhf=UhfReading(same_tag_ms=100)))
    bench.sim.tag("gate", TAG, 400)
    assert bench.sim.due_ns is not None
    pass_time_until(bench, lambda: bench.sim.due_ns is None)
    found = len(bench.credentials)
    assert found >= 1
    bench.sim.tag("gate", "5A" * 4, 400)
    pass_time_until(bench, lambda: bench.credentials[-1] == ("gate", "5A" * 4))
    assert bench.credentials[:found] == [("gate", TAG)] * found


@pytest.mark.parametrize("protocol", UhfProtocol)
def test_a_reader_that_is_inhibited_reads_nothing_and_stays_online(
    at: Callable[..., Bench], protocol: str
) -> None:
    bench = at("serial_uhf", protocol=protocol)
    bench.rig.configure(ReadingSettings(uhf=UhfReading(mode=UhfMode.INHIBIT)))
    bench.sim.tag("gate", TAG, DAY_MS)
    end_ns = bench.clock.monotonic_ns() + 4_500_000_000
    pass_time_until(bench, lambda: bench.clock.monotonic_ns() > end_ns)
    assert bench.credentials == []
    pass_time_until(bench, lambda: bench.rig.devices[0].online)
    bench.rig.configure(ReadingSettings())
    pass_time_until(bench, lambda: bench.credentials == [("gate", TAG)])


@pytest.mark.parametrize("protocol", UhfProtocol)
def test_a_reader_that_is_unplugged_is_offline_and_comes_back(
    at: Callable[..., Bench], protocol: str
) -> None:
    bench = at("serial_uhf", protocol=protocol)
    for _ in range(2):
        bench.sim.unplug("gate")
        with pytest.raises(DeviceUnavailable, match="offline"):
            bench.sim.tag("gate", TAG, 1)
        pass_time_until(bench, lambda: not bench.rig.devices[0].online)
        bench.sim.plug("gate")
        pass_time_until(bench, lambda: bench.rig.devices[0].online)
    bench.sim.tag("gate", TAG, DAY_MS)
    pass_time_until(bench, lambda: bench.credentials == [("gate", TAG)])
    states = [event.health for event in bench.posted(DeviceState)]
    assert states == [Health.OFFLINE, Health.ONLINE] * 2


def test_an_open_port_behind_which_nobody_answers_is_offline(bench: Bench) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    bench.use(reader=[reader("serial_uhf", protocol="uhfreader18") | {"port": path}])
    bench.open()
    pass_time_until(bench, lambda: bool(bench.posted(DeviceState)))
    (silent,) = bench.posted(DeviceState)
    assert silent.health is Health.OFFLINE
    assert "does not answer at 57600 baud" in silent.why
    codec = Reader18Codec(0)

    def answer() -> bool:
        if select.select([master], [], [], 0)[0] and codec.identify in os.read(master, 4096):
            os.write(master, codec.acknowledge(codec.identify))
        return bench.rig.devices[0].online

    pass_time_until(bench, answer)
    bench.close()
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda sim: sim.tag("gate", "12 3", 1), "not in hexadecimal"),
        (lambda sim: sim.tag("gate", "123456", 1), "found 3 bytes"),
        (lambda sim: sim.qr("gate", "text"), "reads no codes"),
        (lambda sim: sim.swipe("gate", 1), "no data lines"),
    ],
)
def test_what_a_uhf_reader_cannot_see_is_refused(
    at: Callable[..., Bench], act: Callable[[Any], None], why: str
) -> None:
    bench = at("serial_uhf", protocol="r200")
    with pytest.raises(InvalidRequest, match=why):
        act(bench.sim)


def test_a_tag_at_a_reader_of_cards_is_refused(at: Callable[..., Bench]) -> None:
    bench = at("serial_card", protocol="id12")
    with pytest.raises(InvalidRequest, match="reads no tags, its kind is serial_card"):
        bench.sim.tag("gate", TAG, 1)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [each for each in threading.enumerate() if each.name.startswith("device-gate")]
