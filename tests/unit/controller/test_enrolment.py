"""A capture takes one read for whoever asked for it; everything else at the doors goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.errors import (
    DeviceUnavailable,
    GatewayError,
    InvalidRequest,
    NotFound,
    NotSupportedHere,
)
from gateway.hardware.events import InputKind, InputName
from gateway.link.client import ControllerClient
from gateway.link.messages import Answer, CancelCapture, Capture, Captured, Command
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SITE_FILE
from gateway.store.files import JOURNAL_FILE

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

ANA, STRANGER = (123 << 32) | 45678, (77 << 32) | 777
PATIENCE_S = 30.0


def capture(kind: str = "card", **words: Any) -> Capture:
    return Capture.model_validate({"ticket": "one", "credential": kind, "left_ms": 5_000, **words})


class Asker:
    """Asks from threads of its own while the test's thread turns the controller."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.client = ControllerClient(RuntimeDirectory.create(bench.data))
        self.pool = ThreadPoolExecutor(3)

    def begin(self, command: Capture) -> Future[Any]:
        """Ask, and turn until the capture stands or is refused."""
        answer = self.send(command)
        deadline = time.monotonic() + PATIENCE_S
        while not (answer.done() or self.bench.capturing):
            assert time.monotonic() < deadline
            self.bench.controller.turn(1_000_000)
        # The simulated swipe ends now, and so begins in the past.
        self.bench.pass_time(0.1)
        return answer

    def send(self, command: Command) -> Future[Any]:
        return self.pool.submit(self.client.ask, command, PATIENCE_S)

    def end(self, answer: Future[Any]) -> dict[str, Any]:
        """The answer's body, turning until it is there."""
        deadline = time.monotonic() + PATIENCE_S
        while not answer.done():
            assert time.monotonic() < deadline
            self.bench.controller.turn(1_000_000)
        body: dict[str, Any] = answer.result()
        return body

    def ask(self, command: Command) -> dict[str, Any]:
        return self.end(self.send(command))

    def close(self) -> None:
        self.pool.shutdown()
        self.client.close()


@pytest.fixture
def asker(bench: Bench) -> Iterator[Asker]:
    made = Asker(bench)
    yield made
    made.close()


def keys(bench: Bench, text: str) -> None:
    bench.simulator.keys("front", text)
    bench.pass_time(0.1 * len(text))


# what is taken


def test_a_captured_card_goes_to_its_asker_and_is_no_access(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    bench.swipe(ANA)
    assert asker.end(answer) == {"reader": "front", "value": ANA}
    assert bench.events() == []
    assert bench.strike_edges(1) == 0
    assert not bench.unlocked(1)


def test_after_its_capture_the_reader_decides_again(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    bench.swipe(STRANGER)
    asker.end(answer)
    bench.swipe(ANA)
    assert bench.events() == [(7, 1)]


def test_a_card_still_held_at_the_reader_is_no_visitor(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    bench.swipe(ANA)
    asker.end(answer)
    bench.swipe(ANA)
    assert bench.events() == []
    bench.pass_time(3)
    bench.swipe(ANA)
    assert bench.events() == [(7, 1)]


def test_a_card_denied_a_moment_ago_can_be_enrolled(bench: Bench, asker: Asker) -> None:
    bench.swipe(STRANGER)
    answer = asker.begin(capture())
    bench.swipe(STRANGER)
    assert asker.end(answer)["value"] == STRANGER
    assert bench.events() == [(3, 0)]


def test_what_is_keyed_up_to_the_end_key_is_captured_with_its_leading_zeros(
    bench: Bench, asker: Asker
) -> None:
    answer = asker.begin(capture("pin"))
    keys(bench, "99*0042#")
    assert asker.end(answer) == {"reader": "front", "value": "0042"}
    assert bench.events() == []


def test_a_code_at_the_qr_reader_is_captured(bench: Bench, asker: Asker) -> None:
    bench.wait_until(lambda: bench.online("qr"))
    answer = asker.begin(capture("qrcode"))
    bench.simulator.qr("qr", "DEMO-ANA")
    assert asker.end(answer) == {"reader": "qr", "value": "DEMO-ANA"}
    assert bench.events() == []
    assert bench.strike_edges(2) == 0


# what goes on


def test_another_kind_at_the_same_reader_is_decided_as_always(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    keys(bench, "1234#")
    assert bench.events() == [(7, 1)]
    assert bench.unlocked(1)
    bench.swipe(STRANGER)
    assert asker.end(answer)["value"] == STRANGER


def test_the_same_kind_at_another_reader_is_decided_as_always(
    demo: Path, start: Callable[..., Any]
) -> None:
    with_side_reader(demo)
    with start(demo) as bench:
        asker = Asker(bench)
        answer = asker.begin(capture(reader="side"))
        bench.swipe(ANA, "front")
        assert bench.events() == [(7, 1)]
        assert not answer.done()
        bench.swipe(ANA, "side")
        assert asker.end(answer) == {"reader": "side", "value": ANA}
        assert bench.events() == [(7, 1)]
        asker.close()


def test_a_person_can_always_leave(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    bench.simulator.set_input(InputName(InputKind.REX, 1), high=False)
    bench.pass_time(0.2)
    assert bench.unlocked(1)
    assert bench.events() == [(11, 0)]
    assert not answer.done()
    asker.ask(CancelCapture(ticket="one"))


def test_a_read_from_before_the_capture_is_an_access(bench: Bench, asker: Asker) -> None:
    read_ns = bench.clock.monotonic_ns()
    bench.clock.advance(0.01)
    answer = asker.begin(capture())
    card = Credential(CredentialKind.CARD, ANA)
    bench.post(Identification("front", card, read_ns))
    bench.settle()
    assert bench.events() == [(7, 1)]
    bench.pass_time(3)
    bench.swipe(ANA)
    asker.end(answer)  # else its thread would wait until it gives up


# how it ends


def test_a_capture_ends_with_its_time(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture(left_ms=800))
    bench.pass_time(0.9)
    with pytest.raises(InvalidRequest, match=r"nobody acted at reader 'front' within 0\.8 s"):
        asker.end(answer)
    bench.swipe(ANA)
    assert bench.events() == [(7, 1)]


def test_a_read_after_the_time_is_an_access_even_if_nobody_was_told_yet(
    bench: Bench, asker: Asker
) -> None:
    answer = asker.begin(capture(left_ms=500))
    bench.clock.advance(0.5)
    card = Credential(CredentialKind.CARD, ANA)
    bench.post(Identification("front", card, bench.clock.monotonic_ns()))
    bench.settle()
    assert bench.events() == [(7, 1)]
    with pytest.raises(InvalidRequest, match="nobody acted"):
        asker.end(answer)


def test_a_capture_ends_when_it_is_cancelled(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    assert asker.ask(CancelCapture(ticket="one")) == {}
    with pytest.raises(InvalidRequest, match="cancelled"):
        asker.end(answer)
    bench.swipe(ANA)
    assert bench.events() == [(7, 1)]


def test_nobody_cancels_anothers_capture_by_mistake(bench: Bench, asker: Asker) -> None:
    asker.ask(CancelCapture(ticket="one"))
    answer = asker.begin(capture())
    asker.ask(CancelCapture(ticket="two"))
    bench.swipe(ANA)
    assert asker.end(answer)["value"] == ANA


def test_a_second_capture_is_refused_while_one_stands(bench: Bench, asker: Asker) -> None:
    first = asker.begin(capture())
    with pytest.raises(InvalidRequest, match="another enrolment is running at reader 'front'"):
        asker.ask(capture("qrcode", ticket="two"))
    bench.swipe(ANA)
    assert asker.end(first)["value"] == ANA
    second = asker.begin(capture(ticket="two"))
    bench.swipe(STRANGER)
    assert asker.end(second)["value"] == STRANGER


# its asker


def test_an_asker_is_told_after_a_while_and_may_go_on(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture())
    bench.pass_time(1.1)
    assert asker.end(answer) == {"reader": "front", "value": None}
    again = asker.begin(capture())
    bench.swipe(ANA)
    assert asker.end(again)["value"] == ANA


def test_going_on_gives_no_more_time(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture(left_ms=1_500))
    bench.pass_time(1.1)
    asker.end(answer)
    again = asker.begin(capture(left_ms=60_000))
    bench.pass_time(0.5)
    with pytest.raises(InvalidRequest, match=r"within 1\.5 s"):
        asker.end(again)


@pytest.mark.parametrize("how", ["read", "cancelled", "time"])
def test_what_happens_between_two_askings_is_told_at_the_next(
    bench: Bench, asker: Asker, how: str
) -> None:
    answer = asker.begin(capture(left_ms=2_000))
    bench.pass_time(1.1)
    asker.end(answer)
    match how:
        case "read":
            bench.swipe(ANA)
            bench.swipe(STRANGER)
            assert asker.ask(capture())["value"] == ANA
            assert bench.events() == [(3, 0)]
        case "cancelled":
            asker.ask(CancelCapture(ticket="one"))
            with pytest.raises(InvalidRequest, match="cancelled"):
                asker.ask(capture())
        case "time":
            bench.pass_time(1)
            with pytest.raises(InvalidRequest, match="nobody acted"):
                asker.ask(capture())
    assert bench.capture is None


def test_a_capture_dies_with_its_asker(bench: Bench, asker: Asker) -> None:
    asker.begin(capture(left_ms=60_000))
    bench.pass_time(3.1)
    bench.swipe(ANA)
    assert bench.events() == [(7, 1)]
    answer = asker.begin(capture(ticket="two"))
    bench.swipe(STRANGER)
    assert asker.end(answer)["value"] == STRANGER


def test_what_a_dead_asker_never_fetched_is_forgotten(bench: Bench, asker: Asker) -> None:
    answer = asker.begin(capture("pin"))
    bench.pass_time(1.1)
    asker.end(answer)
    keys(bench, "482913#")
    bench.pass_time(3.1)
    again = asker.begin(capture("pin"))
    assert not again.done()
    asker.ask(CancelCapture(ticket="one"))


# which reader


@pytest.mark.parametrize(
    ("command", "error", "text"),
    [
        (capture(reader="side"), NotFound, "no reader 'side'; this site has: front, qr"),
        (capture(reader="qr"), InvalidRequest, "reader 'qr' cannot read card"),
        (capture("qrcode", reader="front"), InvalidRequest, "cannot read qrcode"),
        (capture("uhf_tag"), NotSupportedHere, "no reader for uhf_tag"),
    ],
)
def test_a_reader_that_cannot_do_it_is_refused(
    asker: Asker, command: Capture, error: type[GatewayError], text: str
) -> None:
    with pytest.raises(error, match=text):
        asker.ask(command)


def test_a_reader_that_is_offline_is_refused_at_once(bench: Bench, asker: Asker) -> None:
    bench.wait_until(lambda: bench.online("qr"))
    bench.simulator.unplug("qr")
    bench.wait_until(lambda: not bench.online("qr"))
    with pytest.raises(DeviceUnavailable, match="reader 'qr' is offline"):
        asker.ask(capture("qrcode"))


def test_the_lowest_index_that_can_read_the_kind_is_the_usual_reader(
    demo: Path, start: Callable[..., Any]
) -> None:
    with_side_reader(demo)
    text = (demo / SITE_FILE).read_text(encoding="utf-8")
    (demo / SITE_FILE).write_text(text.replace("index = 1\n", "index = 9\n"), encoding="utf-8")
    with start(demo) as bench:
        asker = Asker(bench)
        answer = asker.begin(capture())
        bench.swipe(ANA, "side")
        assert asker.end(answer)["reader"] == "side"
        asker.close()


# secrets


def test_a_captured_pin_is_in_no_log_no_journal_and_no_repr(bench: Bench, asker: Asker) -> None:
    pin = "71930482"
    with structlog.testing.capture_logs() as logged:
        answer = asker.begin(capture("pin"))
        bench.pass_time(1.1)
        asker.end(answer)
        keys(bench, f"{pin}#")
        held = repr(bench.capture)
        assert asker.ask(capture("pin"))["value"] == pin
    bench.settle()
    assert {entry["event"] for entry in logged} >= {"enrolment begins", "enrolment ends"}
    captured = Captured(reader="front", value=pin)
    shown = [held, repr(captured), repr(Answer(id="1", body=captured.model_dump()))]
    assert pin not in f"{logged} {shown}"
    for path in bench.data.glob(f"{JOURNAL_FILE}*"):
        assert pin.encode() not in path.read_bytes()


# helpers


def with_side_reader(data: Path) -> None:
    """Add a second Wiegand reader to the site."""
    path = data / SITE_FILE
    reader = (
        '\n[[reader]]\nname = "side"\nindex = 3\nkind = "wiegand"\nportal = 1\nd0 = 20\nd1 = 21\n'
    )
    path.write_text(path.read_text(encoding="utf-8") + reader, encoding="utf-8")
