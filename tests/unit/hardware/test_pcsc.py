"""Contactless readers, with the card service played: everything that does not need pcscd."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.errors import BrokenFrame, DeviceUnavailable
from gateway.hardware.device_thread import HUNG_NS, Backoff
from gateway.hardware.events import DeviceState
from gateway.hardware.simulated.cards import SimulatedCards
from gateway.hardware.usb.card_service import CardView
from gateway.hardware.usb.pcsc_driver import PcscDriver
from gateway.settings import PcscReader
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.hardware.conftest import Bench

QUICK = Backoff(first_s=0.01, longest_s=0.05)
ANA, BRUNO = bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("DEADBEEF")
ANAS_NUMBER, BRUNOS_NUMBER = 0x04A1B2C3D4E5F6, 0xDEADBEEF


class PlayedService(SimulatedCards):
    """The simulated reader, with failures to order."""

    def __init__(self) -> None:
        super().__init__()
        self.names = ["ACME Reader 00 00"]
        self.looks = 0
        self.opened = 0
        self.closed = 0
        self.card_faults: list[str] = []
        self.fault: Exception | None = None
        """Raised by every call while it is set."""

    def open(self) -> PlayedService:
        self._fail()
        self.opened += 1
        return self

    def readers(self) -> list[str]:
        self._fail()
        return self.names if super().readers() else []

    def look(self, reader: str | None) -> CardView | None:
        self._fail()
        self.looks += 1
        view = super().look(reader)
        self._fail()
        return view if reader in self.names else None

    def transmit(self, reader: str, command: bytes) -> bytes:
        self._fail()
        if self.card_faults:
            raise BrokenFrame(self.card_faults.pop())
        return super().transmit(reader, command)

    def close(self) -> None:
        self.closed += 1
        super().close()

    def break_down(self, fault: Exception | None) -> None:
        self.fault = fault
        self.cancel()

    def rename(self, *names: str) -> None:
        self.names = list(names)
        self.cancel()

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


class Counter:
    """A driver at a played service, serviced when its thread wakes the loop."""

    def __init__(self, bench: Bench, service: PlayedService, **reader: Any) -> None:
        self.bench = bench
        fields = {"name": "nfc", "index": 1, "portal": 1, "kind": "pcsc", "reader": "ACME"}
        self.driver = PcscDriver(
            PcscReader.model_validate({**fields, **reader}),
            bench.loop,
            backoff=QUICK,
            opener=service.open,
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        eventually(condition, lambda: self.bench.events, lambda: self.driver.service(0))

    def goes_round(self, service: PlayedService) -> None:
        """Wait until whatever lay before the driver has been seen by it."""
        seen = service.looks

        def went_round() -> bool:
            service.cancel()
            return service.looks >= seen + 2

        self.wait_for(went_round)

    @property
    def read(self) -> list[int | str]:
        return [event.credential.value for event in self.bench.posted(Identification)]

    @property
    def refused(self) -> list[str]:
        return [event.why for event in self.bench.posted(BadFrame)]

    @property
    def states(self) -> list[tuple[bool, str]]:
        return [(event.online, event.why) for event in self.bench.posted(DeviceState)]


@pytest.fixture
def service() -> PlayedService:
    return PlayedService()


@pytest.fixture
def counter(bench: Bench, service: PlayedService) -> Iterator[Counter]:
    made = Counter(bench, service)
    made.wait_for(lambda: made.states == [(True, "")])
    yield made
    made.driver.close()


def test_a_card_is_one_identification_however_long_it_lies_there(
    counter: Counter, service: PlayedService
) -> None:
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    for _ in range(3):
        counter.goes_round(service)
    assert counter.read == [ANAS_NUMBER]
    assert counter.bench.posted(Identification)[0].credential.kind is CredentialKind.CARD
    service.remove()
    counter.goes_round(service)
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER, ANAS_NUMBER])


def test_a_card_changed_between_two_looks_is_a_new_one(
    counter: Counter, service: PlayedService
) -> None:
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    service.present(BRUNO)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER, BRUNOS_NUMBER])


def test_the_byte_order_is_the_sites(bench: Bench, service: PlayedService) -> None:
    counter = Counter(bench, service, byte_order="lsb")
    counter.wait_for(lambda: counter.states == [(True, "")])
    service.present(BRUNO)
    counter.wait_for(lambda: counter.read == [0xEFBEADDE])
    counter.driver.close()


@pytest.mark.parametrize(
    ("serial", "why"),
    [
        ("08A1B2C3", "MIFARE Classic 1K: random identifier"),
        ("04A1B2C3D4E5F6A7B8C9", "10 bytes does not fit"),
        ("", "found 0"),
    ],
)
def test_a_number_that_is_nobodys_is_noted_and_the_next_card_is_read(
    counter: Counter, service: PlayedService, serial: str, why: str
) -> None:
    service.present(bytes.fromhex(serial))
    counter.wait_for(lambda: bool(counter.refused))
    assert why in counter.refused[0]
    assert counter.bench.posted(BadFrame)[0].bits == serial.lower() + "9000"
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    assert len(counter.refused) == 1


def test_a_card_that_was_taken_away_too_early_is_noted(
    counter: Counter, service: PlayedService
) -> None:
    service.card_faults = ["the card was removed before it was read"]
    service.present(ANA)
    counter.wait_for(lambda: bool(counter.refused))
    assert counter.refused == ["MIFARE Classic 1K: the card was removed before it was read"]
    assert counter.read == []
    assert counter.states == [(True, "")]


def test_a_card_that_lies_there_at_the_opening_opens_nothing(
    bench: Bench, service: PlayedService
) -> None:
    service.present(ANA)
    counter = Counter(bench, service)
    counter.wait_for(lambda: bool(counter.refused))
    assert "remove it, then present it again" in counter.refused[0]
    assert counter.read == []
    service.remove()
    counter.goes_round(service)
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    counter.driver.close()


def test_a_card_that_is_noticed_late_lay_there_at_the_opening(
    bench: Bench, service: PlayedService
) -> None:
    service.settling_ns = 1_000_000_000
    counter = Counter(bench, service)
    counter.wait_for(lambda: counter.states == [(True, "")])
    bench.clock.advance(0.9)
    service.present(ANA)
    counter.wait_for(lambda: bool(counter.refused))
    service.remove()
    counter.goes_round(service)
    bench.clock.advance(0.2)
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    counter.driver.close()


def test_a_service_that_goes_is_offline_and_a_new_connection_is_made(
    counter: Counter, service: PlayedService
) -> None:
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    service.break_down(DeviceUnavailable("pcscd does not answer"))
    counter.wait_for(lambda: counter.states[-1] == (False, "pcscd does not answer"))
    service.break_down(None)
    counter.wait_for(lambda: counter.states[-1] == (True, ""))
    assert service.opened == 2
    assert service.closed >= 1
    # The card that was left on the reader meanwhile opens nothing.
    counter.wait_for(lambda: bool(counter.refused))
    assert counter.read == [ANAS_NUMBER]


def test_a_reader_comes_and_goes_without_a_new_connection(
    counter: Counter, service: PlayedService
) -> None:
    service.unplug()
    counter.wait_for(lambda: counter.states[-1][0] is False)
    assert counter.states[-1][1] == (
        "pcscd has no reader 'ACME'; it has: none; check its cable and the key `reader`"
    )
    service.plug()
    counter.wait_for(lambda: counter.states[-1] == (True, ""))
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])
    assert service.opened == 1


def test_a_beginning_that_fits_two_readers_is_refused_by_name(
    counter: Counter, service: PlayedService
) -> None:
    service.rename("ACME Reader 00 00", "ACME Reader 01 00", "Other 00 00")
    counter.wait_for(lambda: counter.states[-1][0] is False)
    assert "2 readers: ACME Reader 00 00, ACME Reader 01 00; name one" in counter.states[-1][1]
    service.rename("Other 00 00")
    counter.wait_for(lambda: "it has: Other 00 00" in counter.states[-1][1])
    service.rename("Other 00 00", "ACME Reader 01 00")
    counter.wait_for(lambda: counter.states[-1] == (True, ""))


def test_a_whole_name_goes_before_a_longer_one_that_begins_so(
    bench: Bench, service: PlayedService
) -> None:
    service.rename("ACME 10", "ACME 1")
    counter = Counter(bench, service, reader="ACME 1")
    counter.wait_for(lambda: counter.states == [(True, "")])
    counter.driver.close()


def test_a_reader_that_is_gone_when_the_card_is_asked_is_tried_again(
    counter: Counter, service: PlayedService
) -> None:
    failures = [DeviceUnavailable("reader gone")]
    original = service.transmit

    def transmit(reader: str, command: bytes) -> bytes:
        if failures:
            raise failures.pop()
        return original(reader, command)

    service.transmit = transmit  # type: ignore[method-assign] # - one failure to order
    service.present(ANA)
    counter.wait_for(lambda: (False, "reader gone") in counter.states)
    counter.wait_for(lambda: counter.states[-1] == (True, ""))
    service.remove()
    counter.goes_round(service)
    service.present(ANA)
    counter.wait_for(lambda: counter.read == [ANAS_NUMBER])


def test_a_reader_that_is_listed_and_never_found_is_no_hanging_thread(
    bench: Bench, service: PlayedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.hardware.usb.pcsc_driver._AGAIN_S", 0.01)
    monkeypatch.setattr(service, "look", lambda _: None)
    counter = Counter(bench, service)
    bench.clock.advance(2 * HUNG_NS / 1e9)
    thread = counter.driver._thread
    counter.wait_for(lambda: thread.responsive(bench.clock.monotonic_ns()))
    counter.driver.close()


def test_a_service_that_hangs_is_a_state_of_the_reader_and_ends_with_the_hanging(
    bench: Bench, counter: Counter, service: PlayedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.hardware.usb.pcsc_driver._CLOSING_S", 0.01)
    hung, answers = threading.Event(), threading.Event()

    def hang(_: str | None) -> CardView | None:
        hung.set()
        answers.wait()
        return None

    with monkeypatch.context() as stuck:
        stuck.setattr(service, "look", hang)
        service.cancel()
        counter.wait_for(hung.is_set)
        bench.clock.advance(HUNG_NS / 1e9)
        now_ns = bench.clock.monotonic_ns()
        for _ in range(3):
            counter.driver.service(now_ns)
        assert [online for online, _ in counter.states] == [True, False]
        assert "hangs" in counter.states[-1][1]
        assert counter.driver.responsive(now_ns), "a new start would not cure it"
    counter.driver.close()
    assert counter.driver.responsive(now_ns), "close has waited for the service"
    answers.set()


def test_close_ends_the_thread_while_no_card_comes(
    counter: Counter, service: PlayedService
) -> None:
    counter.driver.close()
    assert not counter.driver.responsive(0)
    assert service.closed == 1


def test_an_error_that_nobody_thought_of_is_told_and_the_thread_goes_on(
    counter: Counter, service: PlayedService
) -> None:
    service.break_down(RuntimeError("surprise"))
    counter.wait_for(lambda: counter.states[-1] == (False, "RuntimeError: surprise"))
    service.break_down(None)
    counter.wait_for(lambda: counter.states[-1] == (True, ""))
    assert counter.driver.responsive(0)


def test_a_command_that_no_card_knows_is_refused_by_the_simulated_one(
    service: PlayedService,
) -> None:
    service.present(ANA)
    assert service.transmit(service.names[0], b"\x00") == b"\x6d\x00"
    service.remove()
    with pytest.raises(BrokenFrame, match="removed before"):
        service.transmit(service.names[0], b"\xff\xca\x00\x00\x00")
