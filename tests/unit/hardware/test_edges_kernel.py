"""Edges from the kernel's GPIO device, against a stand-in for a chip with gpiod's own values."""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gpiod
import pytest
from gpiod.line import Bias, Clock, Direction, Edge
from structlog.testing import capture_logs

from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import DeviceUnavailable
from gateway.hardware.boards.chips import find_chip
from gateway.hardware.device_thread import HUNG_NS
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.pins.edge_thread import PRIORITY, RETRY_NS, EdgeThread
from gateway.hardware.pins.polled import FLOOD
from gateway.hardware.wiegand.frames import FRAMES_KEPT
from gateway.hardware.wiegand.kernel_edges import KernelEdgeSource
from gateway.hardware.wiegand.line_watch import LineWatch
from gateway.hardware.wiegand.reader import WiegandDriver
from gateway.settings import WiegandReader
from tests.unit.hardware.gpiod_chips import FakeChip, FakeChips, FakeRequest
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench


@pytest.fixture
def source(chips: FakeChips) -> Iterator[KernelEdgeSource]:
    made = KernelEdgeSource("front", "/dev/gpiochip4", 5, 6)
    assert len(chips.requests) == 1
    yield made
    made.close()


@pytest.fixture
def thread(source: KernelEdgeSource, bench: Bench) -> Iterator[EdgeThread]:
    made = EdgeThread([(source, None)], bench.loop)
    yield made
    made.close()


def pulses(request: FakeRequest, bits: str, start_ns: int = 10**9, step_ns: int = 200_000) -> None:
    for index, bit in enumerate(bits):
        request.pulse(5 + int(bit), start_ns + index * step_ns)
    request.tell()


@pytest.mark.parametrize(
    "method",
    [
        "read_edge_events",
        "get_value",
        "get_values",
        "set_value",
        "reconfigure_lines",
        "release",
    ],
)
def test_the_stand_in_of_a_request_is_called_as_the_real_one(method: str) -> None:
    ours = inspect.signature(getattr(FakeRequest, method))
    theirs = inspect.signature(getattr(gpiod.LineRequest, method))
    assert list(ours.parameters) == list(theirs.parameters)
    assert isinstance(gpiod.LineRequest.fd, property)


def test_the_stand_in_of_a_chip_is_called_as_the_real_one() -> None:
    assert list(inspect.signature(FakeChip.request_lines).parameters) == list(
        inspect.signature(gpiod.Chip.request_lines).parameters
    )
    assert list(inspect.signature(gpiod.Chip).parameters) == ["path"]


def test_both_lines_are_asked_for_at_once_as_the_wiring_needs_them(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    assert source.name == "front"
    assert list(request.high) == [5, 6]
    assert request.asked == {"consumer": "gateway front", "event_buffer_size": 1024}
    asked = request.settings
    assert (asked.direction, asked.edge_detection, asked.bias, asked.event_clock) == (
        Direction.INPUT,
        Edge.FALLING,
        Bias.PULL_UP,
        Clock.MONOTONIC,
    )
    assert asked.debounce_period == timedelta(0)
    assert not asked.active_low


@pytest.mark.usefixtures("thread")
def test_edges_come_with_the_kernels_stamps(source: KernelEdgeSource, chips: FakeChips) -> None:
    pulses(chips.requests[0], "0110")
    eventually(lambda: source.counts.largest_batch == 4)
    assert source.drain() == [(10**9 + n * 200_000, bit) for n, bit in enumerate((0, 1, 1, 0))]
    assert (source.counts.d0, source.counts.d1) == (2, 2)
    assert source.lost_until(2 * 10**9) == 0


@pytest.mark.usefixtures("thread")
def test_an_edge_that_the_kernel_dropped_is_known_by_its_number(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    for stamp_ns in (100, 200, 300, 400):
        request.pulse(5, stamp_ns)
    del request.waiting[1]
    request.tell()
    eventually(lambda: source.counts.largest_batch)
    assert source.drain() == [(100, 0), (300, 0), (400, 0)]
    assert source.lost_until(299) == 0
    assert source.lost_until(400) == 1
    assert source.counts.lost == 1


def test_many_edges_at_once_are_told_when_they_are_more_than_ever(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    with capture_logs() as told:
        for size in (256, 300, 290, 301):
            pulses(chips.requests[0], "0" * size)
            source.read()
    assert [line["edges"] for line in told] == [300, 301]


def reader_at(source: KernelEdgeSource, loop: Loop, **settings: Any) -> WiegandDriver:
    fields = {"name": source.name, "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6}
    return WiegandDriver(WiegandReader.model_validate({**fields, **settings}), source, loop)


def card(request: FakeRequest, number: int, start_ns: int = 10**9) -> int:
    """Pulses of a card, 200 us apart, not told yet; returns the stamp of the last."""
    first = min(request.high)
    for index, bit in enumerate(encode(FORMATS["w26"], 1, number)):
        request.pulse(first + int(bit), start_ns + index * 200_000)
    return start_ns + 25 * 200_000


@pytest.mark.usefixtures("quick")
def test_frames_of_two_readers_at_once_become_two_cards(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench
) -> None:
    other = KernelEdgeSource("back", "/dev/gpiochip4", 12, 13)
    drivers = [reader_at(each, bench.loop) for each in (source, other)]
    polled = [
        (each, driver.collector) for each, driver in zip((source, other), drivers, strict=True)
    ]
    for request, number in zip(chips.requests, (11, 22), strict=True):
        card(request, number)
        request.tell()
    thread = EdgeThread(polled, bench.loop)
    eventually(lambda: source.counts.edges == other.counts.edges == 26)
    wakes = bench.wakes
    bench.clock.advance(10)
    eventually(lambda: bench.wakes == wakes + 2)
    assert [driver.due_ns for driver in drivers] == [None, None], "the loop waits for no frame"
    for driver in drivers:
        driver.service(bench.clock.monotonic_ns())
    assert bench.credentials == [("front", 1 << 32 | 11), ("back", 1 << 32 | 22)]
    thread.close()
    other.close()


@pytest.mark.usefixtures("quick")
def test_the_loop_is_woken_for_a_frame_and_never_for_an_edge(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench
) -> None:
    driver = reader_at(source, bench.loop, formats=["w26"])
    thread = EdgeThread([(source, driver.collector)], bench.loop)
    eventually(lambda: bench.wakes)  # it says that it runs
    wakes = bench.wakes
    (request,) = chips.requests
    card(request, 7)
    edges, request.waiting = request.waiting, []
    for number, edge in enumerate(edges, 1):
        request.waiting.append(edge)
        request.tell()
        eventually(partial(lambda wanted: source.counts.edges == wanted, number))
    assert bench.wakes == wakes
    bench.clock.advance(1)
    eventually(lambda: bench.wakes == wakes + 1)
    driver.service(bench.clock.monotonic_ns())
    assert bench.credentials == [("front", 1 << 32 | 7)]
    thread.close()


def test_frames_that_the_loop_leaves_lying_are_bounded_and_known_as_lost(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench
) -> None:
    driver = reader_at(source, bench.loop)
    (request,) = chips.requests
    for number in range(FRAMES_KEPT + 2):
        request.pulse(5, (number + 1) * 100_000_000)
    request.tell()
    source.read()
    driver.collector.service(10**12)
    assert source.counts.lost == 2
    driver.service(10**12)
    assert driver.counts.frames == FRAMES_KEPT


FALLING, RISING = gpiod.EdgeEvent.Type.FALLING_EDGE, gpiod.EdgeEvent.Type.RISING_EDGE
BIT_NS, WIDTH_NS = 2_000_000, 50_000


def measured(source: KernelEdgeSource, request: FakeRequest) -> list[tuple[int, int]]:
    """The edges of bits that come of those that the kernel reports."""
    request.tell()
    source.read()
    return source.drain()


def test_both_directions_are_asked_for_only_while_widths_are_measured(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    source.measure(on=True)
    assert (source.measuring, request.settings.edge_detection) == (True, Edge.BOTH)
    source.measure(on=False)
    assert (source.measuring, request.settings.edge_detection) == (False, Edge.FALLING)


def test_the_end_of_a_pulse_is_no_bit(source: KernelEdgeSource, chips: FakeChips) -> None:
    (request,) = chips.requests
    source.measure(on=True)
    for index, bit in enumerate("0110"):
        request.edge(5 + int(bit), index * BIT_NS, FALLING)
        request.edge(5 + int(bit), index * BIT_NS + WIDTH_NS, RISING)
    assert measured(source, request) == [(n * BIT_NS, bit) for n, bit in enumerate((0, 1, 1, 0))]
    assert source.rises() == [(n * BIT_NS + WIDTH_NS, b) for n, b in enumerate((0, 1, 1, 0))]
    assert source.lost_until(10 * BIT_NS) == 0
    assert source.counts.edges == 4


def test_a_pulse_whose_start_was_replaced_by_its_end_is_still_one_bit(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    source.measure(on=True)
    for index in range(4):
        request.edge(5, index * BIT_NS, FALLING)
        request.edge(5, index * BIT_NS + WIDTH_NS, RISING)
    del request.waiting[4], request.waiting[2]
    assert [stamp // BIT_NS for stamp, _bit in measured(source, request)] == [0, 1, 2, 3]
    assert source.lost_until(10 * BIT_NS) == 0


def test_a_start_that_the_kernel_calls_rising_is_one_bit_with_its_end(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    source.measure(on=True)
    for index in range(3):
        request.edge(6, BIT_NS + index * BIT_NS, RISING)
        request.edge(6, BIT_NS + index * BIT_NS + WIDTH_NS, RISING)
    assert measured(source, request) == [(n * BIT_NS, 1) for n in (1, 2, 3)]
    assert [stamp % BIT_NS for stamp, _bit in source.rises()] == [WIDTH_NS] * 3
    assert source.lost_until(10 * BIT_NS) == 0


def test_a_whole_pulse_that_is_lost_is_known_while_widths_are_measured(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    source.measure(on=True)
    for index in range(3):
        request.edge(5, index * BIT_NS, FALLING)
        request.edge(5, index * BIT_NS + WIDTH_NS, RISING)
    del request.waiting[2:4]
    assert len(measured(source, request)) == 2
    assert source.lost_until(10 * BIT_NS) == 2


def test_ends_that_wait_when_measuring_ends_are_no_bits(
    source: KernelEdgeSource, chips: FakeChips
) -> None:
    (request,) = chips.requests
    source.measure(on=True)
    request.edge(5, 0, FALLING)
    request.edge(5, WIDTH_NS, RISING)
    request.tell()
    source.read()
    source.measure(on=False)
    request.pulse(5, BIT_NS)
    assert [stamp for stamp, _bit in measured(source, request)] == [0, BIT_NS]


def test_lines_that_cannot_be_measured_go_on(source: KernelEdgeSource, chips: FakeChips) -> None:
    (request,) = chips.requests
    request.error = OSError(errno.EINVAL, "Invalid argument")
    with capture_logs() as told:
        source.measure(on=True)
    assert [line["event"] for line in told] == ["pulse widths cannot be measured"]
    request.error = None
    request.pulse(5, BIT_NS)
    assert measured(source, request) == [(BIT_NS, 0)]


def test_levels_are_those_of_the_lines(source: KernelEdgeSource, chips: FakeChips) -> None:
    assert source.levels() == (True, True)
    chips.requests[0].high[6] = False
    assert source.levels() == (True, False)


@pytest.mark.usefixtures("quick")
def test_lines_that_another_program_has_at_the_start_are_a_state_and_tried_again(
    chips: FakeChips, bench: Bench
) -> None:
    chips.refusal = OSError(errno.EBUSY, "Device or resource busy")
    source = KernelEdgeSource("front", "/dev/gpiochip4", 5, 6)
    watch = LineWatch("front", source, bench.loop)
    watch.service(bench.clock.monotonic_ns())
    assert [(told.health, told.why) for told in bench.posted(DeviceState)] == [
        (
            Health.OFFLINE,
            "lines 5 and 6 of /dev/gpiochip4 are not available: Device or resource busy",
        )
    ]
    thread = EdgeThread([(source, None)], bench.loop)
    eventually(lambda: chips.refused == 2)
    chips.refusal = None
    bench.clock.advance(RETRY_NS / 1e9)
    eventually(lambda: not source.failure)
    pulses(chips.requests[0], "01")
    eventually(lambda: source.counts.edges == 2)
    watch.service(bench.clock.monotonic_ns())
    assert bench.posted(DeviceState)[-1].health is Health.ONLINE
    assert [bit for _stamp, bit in source.drain()] == [0, 1]
    thread.close()
    source.close()


@pytest.mark.usefixtures("quick")
def test_lines_that_fail_are_given_up_and_tried_again_while_other_readers_go_on(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench
) -> None:
    other = KernelEdgeSource("back", "/dev/gpiochip4", 12, 13)
    thread = EdgeThread([(source, None), (other, None)], bench.loop)
    failing, sound = chips.requests
    pulses(failing, "01")
    eventually(lambda: source.counts.largest_batch)
    failing.error = OSError(errno.ENODEV, "No such device")
    chips.refusal = OSError(errno.EBUSY, "Device or resource busy")
    with capture_logs():
        failing.tell()
        eventually(lambda: source.failure)
    assert source.failure == "edges cannot be read: No such device"
    with pytest.raises(OSError, match="No such device"):
        source.levels()
    sound.pulse(12, 100)
    sound.tell()
    eventually(lambda: other.counts.largest_batch)
    bench.clock.advance(RETRY_NS / 1e9)
    eventually(lambda: "are not available" in source.failure)

    def seen(number: int) -> bool:
        return other.counts.edges > number

    # Rounds go by, each of which would be an occasion.
    for number in range(1, 11):
        sound.pulse(12, 100 + number)
        sound.tell()
        eventually(partial(seen, number))
    assert chips.refused == 1
    chips.refusal = None
    bench.clock.advance(RETRY_NS / 1e9)
    eventually(lambda: not source.failure)
    pulses(chips.requests[2], "1")
    eventually(lambda: source.counts.edges == 3)
    # The new request counts from 1 again, and that is no gap.
    assert [bit for _stamp, bit in source.drain()] == [0, 1, 1]
    assert source.lost_until(10**12) == 0
    thread.close()
    other.close()


@pytest.mark.usefixtures("quick")
def test_lines_that_never_rest_are_let_go_for_a_while(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench, thread: EdgeThread
) -> None:
    (request,) = chips.requests
    for number in range(FLOOD + 1):
        request.pulse(5 + number % 2, 10**9 + number * 20_000)
    request.tell()
    eventually(lambda: source.failure)
    assert "more edges than any reader sends" in source.failure
    assert request.released
    bench.clock.advance(RETRY_NS / 1e9)
    eventually(lambda: len(chips.requests) == 2)
    eventually(lambda: not source.failure)
    assert thread.responsive(bench.clock.monotonic_ns())


def test_cards_one_after_the_other_are_no_flood(source: KernelEdgeSource, chips: FakeChips) -> None:
    (request,) = chips.requests
    for second in range(4):
        for number in range(FLOOD // 2):
            request.pulse(5, (second + 1) * 10**9 + number * 200_000)
        request.tell()
        while request.waiting:
            source.read()
    assert not source.failure


def test_a_chip_that_vanishes_is_a_failure_of_its_readers(
    source: KernelEdgeSource, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(source, "fileno", lambda: None if source.failure else reading)
    monkeypatch.setattr(source, "reopen", lambda: None)
    with capture_logs():
        thread = EdgeThread([(source, None)], bench.loop)
        os.close(writing)
        eventually(lambda: source.failure)
    assert source.failure == "edges cannot be read: the GPIO chip is gone"
    thread.close()
    os.close(reading)


@pytest.mark.usefixtures("thread")
def test_the_thread_asks_for_real_time_priority(
    ordinary: list[tuple[int, int, int]],
) -> None:
    eventually(lambda: ordinary)
    assert ordinary == [(0, os.SCHED_FIFO, PRIORITY)]


def test_a_thread_without_real_time_priority_says_so_once_and_works(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_asked: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with capture_logs() as told:
        thread = EdgeThread([(source, None)], bench.loop)
        pulses(chips.requests[0], "0")
        eventually(lambda: source.counts.largest_batch)
        thread._ask_for_priority()
        thread.close()
    assert [line["event"] for line in told] == ["edges are read without real-time priority"]


@pytest.mark.usefixtures("quick")
def test_the_thread_gives_signs_of_life_while_nothing_comes(
    thread: EdgeThread, bench: Bench
) -> None:
    bench.clock.advance(HUNG_NS / 1e9)
    eventually(lambda: thread.responsive(bench.clock.monotonic_ns()))
    thread._thread.close()
    assert not thread.responsive(bench.clock.monotonic_ns())


@pytest.mark.usefixtures("quick")
def test_a_thread_that_fails_as_a_whole_begins_again_and_says_so(
    source: KernelEdgeSource, chips: FakeChips, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([RuntimeError("no more memory")])
    really = EdgeThread._listen

    def listen(thread: EdgeThread) -> Any:
        for failure in failures:
            raise failure
        return really(thread)

    monkeypatch.setattr(EdgeThread, "_listen", listen)
    thread = EdgeThread([(source, None)], bench.loop)
    pulses(chips.requests[0], "0")
    eventually(lambda: source.counts.largest_batch)
    with capture_logs() as told:
        thread.service(0)
    assert [line["why"] for line in told] == ["RuntimeError: no more memory"]
    thread.close()


def test_the_chip_is_found_by_its_label(chips: FakeChips, devices: Path) -> None:
    assert chips.requests == []
    assert find_chip("pinctrl-bcm2711", devices) == str(devices / "gpiochip4")


def test_a_chip_that_is_not_there_is_an_error_that_names_those_that_are(
    chips: FakeChips, devices: Path
) -> None:
    chips.unopened.add("gpiochip4")
    with pytest.raises(
        DeviceUnavailable,
        match=r"'pinctrl-rp1'.*gpiochip0 is gpio-brcmstb, .*gpiochip4: Permission denied",
    ):
        find_chip("pinctrl-rp1", devices)
