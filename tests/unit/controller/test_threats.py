"""Whoever identifies under threat is told of, whatever is decided and also where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.controller.access.admission_context import AdmissionContext
from gateway.controller.core import LONGEST_WAIT_NS
from gateway.controller.state.flight import Asked
from gateway.controller.state.policies import PolicyKeeper
from gateway.credentials.values import CredentialKind
from gateway.errors import StorageError
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import Capture, Request
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
PANIC_PIN = "7777"
PANIC_PIN_TYPE = 1
CARD_CAUSE, PIN_CAUSE = 10, 11
AT_FRONT = InputName(InputKind.READER_TAMPER, 1)


@pytest.fixture
def site(demo: Path) -> Path:
    text = (demo / SITE_FILE).read_text(encoding="utf-8")
    contact = 'd1 = 6\ntamper = { pin = 21, idle = "high" }\ntamper_disables = true\n'
    (demo / SITE_FILE).write_text(text.replace("d1 = 6\n", contact), encoding="utf-8")
    return demo


@pytest.fixture
def threatened(site: Path, start: Start) -> Iterator[Bench]:
    """Ana's card and one of her PINs are those that she presents under threat."""
    with start(site) as bench:
        with bench.store() as store:
            store.modify("cards", {"panic": 1}, [{"field": "user_id", "value": ANA}])
            store.insert("pins", [{"user_id": ANA, "value": PANIC_PIN, "pin_type": PANIC_PIN_TYPE}])
        enabled = {"panic_card_enabled": 1, "panic_pin_enabled": 1, "panic_finger_delay": 0}
        bench.configure({"alarm": enabled})
        yield bench


def type_pin(bench: Bench, pin: str) -> None:
    for key in f"{pin}#":
        bench.simulator.keys("front", key)
        bench.pass_time(0.2)


def silent_alarms(bench: Bench) -> list[tuple[int, int]]:
    """Cause and person of every alarm of a threat so far."""
    rows = [body["row"] for body in bench.journal(EntryKind.ALARM)]
    return [(it["cause"], it["user_id"]) for it in rows if it["user_id"] and it["event"] == 1]


def test_a_panic_pin_at_a_locked_keypad_is_denied_and_told(threatened: Bench) -> None:
    for _ in range(5):
        type_pin(threatened, "9")
    type_pin(threatened, "8")
    type_pin(threatened, PANIC_PIN)
    bodies = threatened.journal(EntryKind.ACCESS)[-2:]
    wrong, panic = ({**it, "row": {**it["row"], "id": 0, "time": 0}} for it in bodies)
    assert (wrong["reason"], wrong) == ("keypad_locked", panic)
    assert not threatened.unlocked(1)
    assert silent_alarms(threatened) == [(PIN_CAUSE, ANA)]


def switch_cards_off(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    del patch
    bench.configure({"identifier": {"card_identification_enabled": 0}})


def tamper(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    del patch
    bench.simulator.set_input(AT_FRONT, high=False)
    bench.pass_time(0.5)


def enrol(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    del patch
    command = Capture(ticket="one", credential=CredentialKind.CARD, left_ms=60_000)
    late_ns = bench.clock.monotonic_ns() + 60 * 10**9
    request = Request(id="1", expires_ns=late_ns, command=command)
    bench.controller.happen(Asked(b"nobody", request))


def fail_to_decide(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    del bench

    def lost(*_: object) -> None:
        raise StorageError("the journal cannot be read")

    patch.setattr(AdmissionContext, "seen", lost)


def never_compile(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """The rules that a card needs come too late for it."""
    patch.setattr(PolicyKeeper, "slice", lambda _: None)
    with bench.store() as store:
        store.insert("groups", [{"name": "another"}])


NOTHING_DECIDED = [switch_cards_off, tamper, enrol, fail_to_decide, never_compile]


@pytest.mark.parametrize("obstruct", NOTHING_DECIDED)
def test_a_threat_is_told_where_nothing_is_decided(
    threatened: Bench,
    monkeypatch: pytest.MonkeyPatch,
    obstruct: Callable[[Any, pytest.MonkeyPatch], None],
) -> None:
    obstruct(threatened, monkeypatch)
    threatened.simulator.swipe("front", CARD_OF_ANA, "w26")
    for _ in range(LONGEST_WAIT_NS // 10**9 + 2):
        threatened.clock.advance(1)
        threatened.controller.turn(0)
    assert not threatened.unlocked(1)
    monkeypatch.undo()
    assert silent_alarms(threatened) == [(CARD_CAUSE, ANA)]
