"""Real pins, against a stand-in for a chip of the kernel that writes down every call."""

from __future__ import annotations

import errno
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import gpiod
import gpiozero  # type: ignore[import-untyped] # - no types
import pytest
from structlog.testing import capture_logs

from gateway.errors import DeviceUnavailable
from gateway.hardware.boards import chips as boards_chips
from gateway.hardware.boards.profiles import load_profile
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.factory import open_factory
from gateway.hardware.pins.edge_thread import RETRY_NS, EdgeThread
from gateway.hardware.pins.inputs import DebouncedInput
from gateway.hardware.pins.outputs import StrikeOutput
from gateway.hardware.pins.pin import PinFactory
from gateway.hardware.pins.polled import FLOOD
from gateway.hardware.safe_relays import DeclaredState, put_safe, safe_lines
from gateway.settings import Input, LockState, Strike
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.hardware.conftest import Bench
    from tests.unit.hardware.gpiod_chips import FakeChips, FakeRequest

STRIKE = {"pin": 17, "locked": "low", "unlocked": "high"}
MAGNET = {"pin": 17, "locked": "high", "unlocked": "low"}
ZONE = InputName(InputKind.ZONE, 1)
FALLING, RISING = gpiod.EdgeEvent.Type.FALLING_EDGE, gpiod.EdgeEvent.Type.RISING_EDGE


@pytest.fixture(autouse=True)
def here(chips: FakeChips, devices: Path, monkeypatch: pytest.MonkeyPatch) -> FakeChips:
    monkeypatch.setattr(boards_chips, "DEVICES", devices)
    return chips


@pytest.fixture
def factory(bench: Bench) -> Iterator[PinFactory]:
    made = open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir)
    yield made
    made.close()


@pytest.mark.parametrize("wiring", [STRIKE, MAGNET], ids=["strike", "magnet"])
@pytest.mark.parametrize("on_start", LockState)
def test_a_lock_is_claimed_in_one_call_that_carries_its_level(
    chips: FakeChips, factory: PinFactory, wiring: dict[str, object], on_start: LockState
) -> None:
    strike = Strike.model_validate(wiring)
    StrikeOutput(factory.pin(17), strike, on_start)
    assert chips.calls == [("request", 17, "output", int(strike.level(on_start)))]
    assert chips.requests[0].asked["consumer"] == "gateway"


def test_a_lock_is_only_ever_written_and_released_last_at_its_level(
    chips: FakeChips, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(MAGNET), LockState.LOCKED)
    output.drive(LockState.UNLOCKED)
    output.release(LockState.LOCKED)
    assert chips.calls == [("request", 17, "output", 1), ("write", 17, 0), ("write", 17, 1)]
    factory.close()
    assert chips.calls[3:] == [("release", 17)]


def test_a_lock_that_is_claimed_again_is_changed_in_place_and_never_let_go(
    chips: FakeChips, factory: PinFactory
) -> None:
    factory.pin(17).output_with_state(True)
    factory.pin(17).output_with_state(True)
    assert chips.calls == [("request", 17, "output", 1), ("change", 17, "output", 1)]


def test_looking_at_a_lock_reads_its_line_and_writes_nothing_while_it_obeys(
    chips: FakeChips, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(STRIKE), LockState.LOCKED)
    output.line.check()
    assert (output.line.failure, len(chips.calls)) == ("", 1)
    chips.request_of(17).high[17] = True
    output.line.check()
    assert output.line.failure.startswith("is high though it is driven low")
    assert chips.calls[1:] == [("write", 17, 0)]
    output.line.check()
    assert output.line.failure == ""


def test_a_lock_whose_chip_is_gone_is_a_failure_and_no_exception(
    chips: FakeChips, factory: PinFactory
) -> None:
    output = StrikeOutput(factory.pin(17), Strike.model_validate(STRIKE), LockState.LOCKED)
    chips.request_of(17).error = OSError(errno.ENODEV, "No such device")
    output.drive(LockState.UNLOCKED)
    assert output.line.failure == "cannot be driven high: GPIO17 cannot be written: No such device"
    output.line.check()
    assert output.line.failure == "cannot be read back: GPIO17 cannot be read: No such device"
    chips.request_of(17).error = None
    output.line.check()
    output.line.check()
    assert output.line.failure == ""
    assert chips.calls[-1] == ("write", 17, 1)


def test_a_line_that_is_no_output_or_not_claimed_cannot_be_written(factory: PinFactory) -> None:
    pin = factory.pin(17)
    with pytest.raises(DeviceUnavailable, match="GPIO17 is not claimed"):
        pin.state = True
    pin.input_with_pull("up")
    with pytest.raises(DeviceUnavailable, match="GPIO17 cannot be written: Operation not perm"):
        pin.state = True


def test_naming_a_line_claims_nothing(chips: FakeChips, factory: PinFactory) -> None:
    factory.pin(17)
    assert chips.calls == []


@pytest.mark.parametrize("high", [True, False])
def test_the_level_before_a_claim_is_read_without_changing_or_releasing_the_line(
    chips: FakeChips, factory: PinFactory, high: bool
) -> None:
    chips.found_high = {17} if high else set()
    assert factory.level_before_claim(17) is high
    StrikeOutput(factory.pin(17), Strike.model_validate(MAGNET), LockState.LOCKED)
    assert chips.calls == [("request", 17, "as it is"), ("change", 17, "output", 1)]


def test_the_level_of_a_busy_line_is_unknown(chips: FakeChips, factory: PinFactory) -> None:
    chips.refusal = OSError(errno.EBUSY, "Device or resource busy")
    assert factory.level_before_claim(17) is None


def test_a_busy_line_is_named(chips: FakeChips, factory: PinFactory) -> None:
    chips.refusal = OSError(errno.EBUSY, "Device or resource busy")
    with pytest.raises(DeviceUnavailable, match="GPIO17 cannot be claimed: Device or resource"):
        factory.pin(17).output_with_state(True)


def test_the_relays_are_made_safe_by_one_claim_each(chips: FakeChips, bench: Bench) -> None:
    profile = load_profile("pi4")
    site = {"name": "Pi", "timezone": "UTC", "board": "pi4"}
    bench.use(site=site, reader=[])
    done = list(put_safe(bench.site, profile, bench.clock, bench.runtime_dir, DeclaredState.FAULT))
    lines = list(safe_lines(bench.site, DeclaredState.FAULT))
    assert done == [(line, "") for line in lines]
    claimed = [("request", line.pin, "output", int(line.high)) for line in lines]
    assert chips.calls == [*claimed, *(("release", line.pin) for line in lines)]


@pytest.mark.parametrize(
    ("pull", "bias"), [("up", "PULL_UP"), ("down", "PULL_DOWN"), ("floating", "DISABLED")]
)
def test_an_input_is_claimed_with_its_pull_and_reports_edges_from_then_on(
    chips: FakeChips, factory: PinFactory, bench: Bench, pull: str, bias: str
) -> None:
    contact = DebouncedInput(
        factory, ZONE, Input.model_validate({"pin": 24, "pull": pull}), bench.loop
    )
    assert chips.calls == [
        ("request", 24, "input", bias),
        ("change", 24, "input", f"{bias} BOTH"),
    ]
    contact.close()
    factory.close()
    assert chips.calls[2:] == [("release", 24)]


def test_a_pull_that_does_not_exist_is_refused(factory: PinFactory) -> None:
    with pytest.raises(ValueError, match="sideways"):
        factory.pin(24).input_with_pull("sideways")


class Contact:
    """A debounced input (20 ms) on a line of the chip, its edges read by the thread."""

    def __init__(self, chips: FakeChips, factory: PinFactory, bench: Bench) -> None:
        self.bench = bench
        self.input = DebouncedInput(factory, ZONE, Input.model_validate({"pin": 24}), bench.loop)
        self.request: FakeRequest = chips.request_of(24)
        self.thread = EdgeThread([(it, None) for it in factory.edge_sources()], bench.loop)
        self.service()

    def service(self) -> list[bool]:
        self.input.service(self.bench.clock.monotonic_ns())
        return self.bench.levels(ZONE)

    def move(self, *levels: bool) -> None:
        """Take levels one after the other, 1 ms apart, and let the thread report them."""
        before = self.input.edges
        for high in levels:
            self.bench.clock.advance(0.001)
            self.request.high[24] = high
            kind = RISING if high else FALLING
            self.request.edge(24, self.bench.clock.monotonic_ns(), kind)
        self.request.tell()
        eventually(lambda: self.input.edges == before + len(levels))


@pytest.fixture
def contact(
    chips: FakeChips,
    factory: PinFactory,
    bench: Bench,
    quick: None,  # noqa: ARG001 - the thread looks round often
) -> Iterator[Contact]:
    made = Contact(chips, factory, bench)
    yield made
    made.thread.close()
    made.input.close()


def test_a_contact_that_bounces_is_one_change_and_wakes_the_loop_once(contact: Contact) -> None:
    assert contact.service() == [True]
    wakes = contact.bench.wakes
    contact.move(False)
    assert contact.bench.wakes == wakes + 1
    assert contact.service() == [True]
    contact.move(True, False, True, False)
    assert contact.bench.wakes == wakes + 1
    contact.bench.clock.advance(0.019)
    assert contact.service() == [True]
    contact.bench.clock.advance(0.001)
    assert contact.service() == [True, False]
    assert (contact.input.edges, contact.input.changes) == (5, 1)


def test_an_edge_while_another_settles_is_not_left_lying(
    contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact.move(False)
    contact.service()
    contact.bench.clock.advance(0.020)
    settle = contact.input._settle

    def settle_late(now_ns: int) -> None:
        contact.move(True)  # the loop has looked for edges already
        settle(now_ns)

    monkeypatch.setattr(contact.input, "_settle", settle_late)
    contact.service()
    assert contact.input.due_ns <= contact.bench.clock.monotonic_ns()
    contact.service()
    contact.bench.clock.advance(0.020)
    monkeypatch.undo()
    assert contact.service()[-1] is True


def test_a_contact_that_never_rests_is_no_longer_heard_for_a_while_but_still_read(
    contact: Contact, chips: FakeChips
) -> None:
    with capture_logs() as told:
        for number in range(FLOOD + 1):
            contact.request.edge(24, 10**9 + number * 10_000, FALLING)
        contact.request.tell()
        eventually(lambda: chips.calls[-1] == ("change", 24, "input", "PULL_UP"))
    assert [line["source"] for line in told] == ["GPIO24"]
    contact.request.waiting.clear()
    contact.request.high[24] = False
    for _ in range(2):
        contact.bench.clock.advance(1.1)
        contact.service()
    assert contact.service()[-1] is False
    contact.bench.clock.advance(RETRY_NS / 1e9)
    eventually(lambda: chips.calls[-1] == ("change", 24, "input", "PULL_UP BOTH"))
    edges = contact.input.edges
    contact.move(True)
    assert contact.input.edges == edges + 1


def test_a_contact_whose_chip_is_gone_is_a_failure_and_works_when_it_is_back(
    contact: Contact, chips: FakeChips
) -> None:
    contact.request.error = OSError(errno.ENODEV, "No such device")
    with capture_logs():
        contact.request.tell()
        eventually(partial(lambda source: source.fileno() is None, contact.input._pin))
    contact.bench.clock.advance(1.1)
    contact.service()
    assert contact.input.failure == "cannot be read: GPIO24 cannot be read: No such device"
    contact.request.error = None
    contact.bench.clock.advance(RETRY_NS / 1e9)
    eventually(lambda: chips.calls[-1] == ("change", 24, "input", "PULL_UP BOTH"))
    contact.service()
    assert contact.input.failure == ""


def test_a_whole_site_on_real_lines_claims_its_locks_first_and_reads_all_edges_in_one_thread(
    chips: FakeChips, bench: Bench
) -> None:
    bench.profile = load_profile("pi4")
    site = {"name": "Pi", "timezone": "UTC", "board": "pi4"}
    bench.use(site=site, reader=[bench.site.reader[0].model_dump()])
    rig = bench.open()
    assert chips.calls[:4] == [
        ("request", 17, "as it is"),
        ("change", 17, "output", 0),
        ("request", 18, "as it is"),
        ("change", 18, "output", 1),
    ]
    assert [(claim.door, claim.edge) for claim in rig.claims] == [(1, False), (2, True)]
    assert sum(driver.name == "edges" for driver in rig._drivers) == 1
    requests = {line for request in chips.requests for line in request.high}
    assert requests == {pin for pin, _ in bench.site.pins()}
    bench.close()
    released = [call for call in chips.calls if call[0] == "release"]
    assert sum(len(call) - 1 for call in released) == len(requests)
    assert [call for call in chips.calls if call[1] in {17, 18}][4:] == [
        ("release", 17),
        ("release", 18),
    ]


def test_a_chip_that_is_not_there_is_an_error_that_names_those_that_are(bench: Bench) -> None:
    other = load_profile("pi4").model_copy(update={"chip": "pinctrl-rp1"})
    with pytest.raises(DeviceUnavailable, match=r"'pinctrl-rp1'.*chip0 is gpio-brcmstb, .*chip4"):
        open_factory(other, bench.clock, bench.runtime_dir)


def test_a_missing_library_is_an_error_that_names_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.hardware.pins.gpiod_pins", raising=False)
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(DeviceUnavailable, match="'pi4' needs the Python package gpiod"):
        open_factory(load_profile("pi4"), bench.clock, bench.runtime_dir)


def test_gpiozeros_own_devices_work_on_the_lines(chips: FakeChips, factory: PinFactory) -> None:
    with gpiozero.DigitalOutputDevice(17, initial_value=True, pin_factory=factory) as relay:
        relay.off()
    with gpiozero.Button(24, pin_factory=factory) as button:
        assert not button.is_pressed
    assert ("request", 17, "output", 1) in chips.calls
