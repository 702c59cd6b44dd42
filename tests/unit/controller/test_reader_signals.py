"""Lights and buzzers of readers, from swipes at pins to levels of pins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.decision import Decision
from gateway.access.reasons import Reason
from gateway.controller.access.reader_signals import ReaderSignals
from gateway.controller.replay.replay import replay
from gateway.controller.state.component import Decided
from gateway.controller.state.flight import Asked
from gateway.credentials.values import BadFrame, CredentialKind
from gateway.errors import NotSupportedHere, StorageError
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.simulated.board_record import BoardRecord, record_path
from gateway.link.messages import Buzz, CancelCapture, Capture, Request
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SITE_FILE, SiteFile
from gateway.store.policy.people import PeopleReader

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO = 1, 2
CARD_OF_ANA = (123 << 32) | 45678
UNKNOWN_CARD = (7 << 32) | 7
GREEN, RED, BUZZER, QR_BUZZER = 13, 19, 20, 26
FRONT = f"""d1 = 6
green = {{ pin = {GREEN}, active = "high" }}
red = {{ pin = {RED}, active = "low" }}
buzzer = {{ pin = {BUZZER}, active = "high" }}
tamper = {{ pin = 21, idle = "high" }}
tamper_disables = true
"""
QR = f"""port = "simulated"
buzzer = {{ pin = {QR_BUZZER}, active = "high" }}
"""


@pytest.fixture
def site(demo: Path) -> Path:
    """The demo site with two lights and a buzzer at the front reader and a buzzer at the other; and
    a flight record."""
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8").replace("d1 = 6\n", FRONT)
    text = text.replace('\nport = "simulated"', f"\n{QR}", 1)
    path.write_text(f"{text}\n[flight_record]\nenabled = true\n", encoding="utf-8")
    return demo


@pytest.fixture
def lit(site: Path, start: Start) -> Iterator[Bench]:
    with start(site) as bench:
        yield bench


def shown(bench: Bench) -> str:
    """What is on at the front reader, by first letters."""
    level = {output["pin"]: output["level"] for output in bench.outputs()}
    on = {"g": level[GREEN] == "high", "r": level[RED] == "low", "b": level[BUZZER] == "high"}
    return "".join(letter for letter, is_on in on.items() if is_on)


def watched(bench: Bench, seconds: float) -> list[str]:
    """What is shown from now on, change by change, looked at every 50 ms."""
    found = [shown(bench)]
    for _ in range(round(seconds / 0.05)):
        bench.pass_time(0.05)
        if shown(bench) != found[-1]:
            found.append(shown(bench))
    return found


def request(command: Any) -> Request:
    return Request(id="1", expires_ns=1 << 62, command=command)


def ask(bench: Bench, command: Any) -> None:
    """Put a command to the controller as the link does."""
    bench.controller.happen(Asked(b"", request(command)))
    bench.settle()


def test_by_itself_a_reader_shows_nothing(lit: Bench) -> None:
    assert watched(lit, 1) == [""]


def test_a_grant_is_green_for_the_doors_time_with_one_beep(lit: Bench) -> None:
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 2.5) == ["gb", "g"]
    assert watched(lit, 1) == ["g", ""]


def test_a_denial_is_red_with_three_short_beeps(lit: Bench) -> None:
    lit.swipe(UNKNOWN_CARD)
    assert watched(lit, 1.5) == ["rb", "r", "rb", "r", "rb", "r", ""]


def test_while_a_pin_is_due_the_lights_change_until_it_is_right(lit: Bench) -> None:
    lit.configure({"identifier": {"multi_factor_authentication": 1}})
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 2) == ["g", "r", "g", "r", "g"]
    lit.type_keys("1234#")
    assert lit.unlocked(1)
    assert watched(lit, 4)[-2:] == ["g", ""]


def test_a_wait_that_nobody_ends_is_denied(lit: Bench) -> None:
    lit.configure({"identifier": {"multi_factor_authentication": 1}})
    lit.swipe(CARD_OF_ANA)
    lit.pass_time(9.5)
    assert shown(lit) in ("g", "r")
    assert watched(lit, 3)[-7:] == ["rb", "r", "rb", "r", "rb", "r", ""]


def test_under_threat_a_grant_looks_as_any_other(lit: Bench) -> None:
    lit.swipe(CARD_OF_ANA)
    usual = watched(lit, 5)
    with lit.store() as store:
        store.modify("cards", {"panic": 1}, [{"field": "user_id", "value": ANA}])
    lit.configure({"alarm": {"panic_card_enabled": 1, "panic_finger_delay": 0}})
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 5) == usual
    assert lit.controller.status().alarm_active


def test_a_wrong_entry_looks_the_same_before_and_in_a_lock_out(lit: Bench) -> None:
    looks = []
    for _ in range(8):
        lit.type_keys("999#")
        looks.append(watched(lit, 2))
    assert any("keypad" in alarm.part for alarm in lit.controller.status().alarms)
    assert all(look == looks[0] for look in looks)
    assert looks[0][0].startswith("r")


def test_a_decision_that_cannot_be_taken_is_a_long_beep(
    lit: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_credential: object) -> None:
        raise StorageError("the store cannot be read")

    monkeypatch.setattr(PeopleReader, "find", gone)
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 1.5) == ["rb", ""]


def test_a_reader_that_somebody_tampers_with_says_so_and_decides_nothing(lit: Bench) -> None:
    lit.simulator.set_input(InputName(InputKind.READER_TAMPER, 1), high=False)
    lit.pass_time(0.5)
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 1.5) == ["rb", ""]
    assert lit.events() == []


def test_without_beeps_the_lights_go_on(lit: Bench) -> None:
    lit.configure({"general": {"beep_enabled": 0}})
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 4) == ["g", ""]


def test_a_frame_that_is_nothing_shows_nothing(lit: Bench) -> None:
    lit.simulator.frame("front", "0" * 26)
    lit.pass_time(0.1)
    lit.controller.happen(BadFrame("front", "0" * 26, "noise", 0))
    assert watched(lit, 1) == [""]


def test_what_another_reader_decides_is_not_shown_here(lit: Bench) -> None:
    lit.wait_until(lambda: lit.online("qr"))
    lit.simulator.qr("qr", "nobody's code")
    assert watched(lit, 1) == [""]


@pytest.mark.parametrize("beeps", [0, 1])
def test_a_clients_beep_is_heard_at_every_reader_for_its_time(lit: Bench, beeps: int) -> None:
    lit.configure({"general": {"beep_enabled": beeps}})

    def other() -> str:
        outputs = lit.outputs()
        return str(next(output["level"] for output in outputs if output["pin"] == QR_BUZZER))

    ask(lit, Buzz(for_ms=400))
    assert (shown(lit), other()) == ("b", "high")
    lit.pass_time(0.35)
    assert (shown(lit), other()) == ("b", "high")
    lit.pass_time(0.1)
    assert (shown(lit), other()) == ("", "low")


def test_a_beep_where_nothing_beeps_is_refused(bench: Bench) -> None:
    with pytest.raises(NotSupportedHere, match="no buzzer"):
        bench.ask(Buzz(for_ms=400))


def enrol(bench: Bench, ticket: str) -> None:
    """Ask for a card at the front reader, as the api process does."""
    command = Capture(ticket=ticket, credential=CredentialKind.CARD, reader="front", left_ms=9_000)
    ask(bench, command)


def test_a_reader_that_waits_for_a_card_to_enrol_blinks_until_it_has_it(lit: Bench) -> None:
    enrol(lit, "one")
    assert watched(lit, 1) == ["gr", "", "gr", "", "gr"]
    lit.swipe(UNKNOWN_CARD)
    assert watched(lit, 1) == [""]
    assert lit.events() == []


def test_an_enrolment_that_is_cancelled_or_forgotten_is_shown_no_more(lit: Bench) -> None:
    enrol(lit, "one")
    ask(lit, CancelCapture(ticket="one"))
    assert watched(lit, 1) == [""]
    enrol(lit, "two")
    lit.pass_time(4)  # its client asks no more
    assert watched(lit, 1) == [""]


def test_in_a_lock_down_the_readers_of_its_doors_are_red(lit: Bench) -> None:
    lit.configure({"general": {"door2_exception_mode": "lock_down"}})
    assert watched(lit, 1) == [""]
    lit.configure({"general": {"door1_exception_mode": "lock_down"}})
    assert watched(lit, 1) == ["r"]
    lit.swipe(CARD_OF_ANA)
    assert watched(lit, 2) == ["rb", "r", "rb", "r", "rb", "r"]
    enrol(lit, "one")
    assert set(watched(lit, 1)) == {"gr", ""}
    ask(lit, CancelCapture(ticket="one"))
    assert watched(lit, 0.3)[-1] == "r"
    lit.configure({"general": {"door1_exception_mode": "none"}})
    assert watched(lit, 1) == [""]


def test_lights_that_an_order_of_the_loop_moved_are_off_after_the_end(
    site: Path, start: Start
) -> None:
    with start(site) as bench:
        bench.swipe(CARD_OF_ANA)
        assert "g" in shown(bench)
    with closing(BoardRecord.open(record_path(RuntimeDirectory.create(site).path), bool)) as board:
        assert not board.pin(GREEN).high
        assert board.pin(RED).high, "it shines while it is low"


def test_what_the_lights_did_replays_identically(lit: Bench) -> None:
    lit.configure({"identifier": {"multi_factor_authentication": 1}})
    lit.swipe(CARD_OF_ANA)
    lit.pass_time(2)
    lit.type_keys("1234#")
    lit.pass_time(4)
    lit.swipe(UNKNOWN_CARD)
    ask(lit, Buzz(for_ms=400))
    lit.pass_time(2)
    lit.configure({"general": {"door1_exception_mode": "lock_down"}})
    enrol(lit, "one")
    lit.pass_time(1)
    (record,) = sorted((lit.data / "flight").glob("*.jsonl"))
    assert "reader front green" in record.read_text(encoding="utf-8")
    result = replay(record)
    assert result.difference is None
    assert result.broken is None
    assert result.effects > 10


def test_a_record_may_begin_while_a_light_is_on(lit: Bench) -> None:
    lit.configure({"identifier": {"multi_factor_authentication": 1}})
    lit.swipe(CARD_OF_ANA)
    lit.pass_time(0.3)
    assert shown(lit) == "g"
    lit.begin_record()
    lit.pass_time(5)
    record = max((lit.data / "flight").glob("*.jsonl"))
    result = replay(record)
    assert result.difference is None
    assert result.broken is None
    assert result.effects >= 10


class Lamp:
    """An output that only knows whether it is on."""

    def __init__(self) -> None:
        self.on = False

    def drive(self, *, on: bool) -> None:
        self.on = on


def test_everyone_who_waited_sees_that_the_portal_is_passed_and_nobody_else_does() -> None:
    reader = {"portal": 1, "kind": "wiegand"}
    readers = [
        {
            **reader,
            "name": name,
            "index": index,
            "d0": 10 * index,
            "d1": 10 * index + 1,
            "green": {"pin": 10 * index + 2, "active": "high"},
            "red": {"pin": 10 * index + 3, "active": "high"},
        }
        for index, name in enumerate(("left", "right", "other"), start=1)
    ]
    site = SiteFile.model_validate(
        {"site": {"name": "S", "timezone": "UTC", "board": "simulated"}, "reader": readers}
    )
    lamps = {name: Lamp() for name, _output in site.switches()}
    signals = ReaderSignals(site, lamps)

    def tell(reason: Reason, name: str, portal_id: int) -> None:
        outcome = AdmissionOutcome(Decision(reason, ANA, portal_id), name)
        signals.handle(Decided(outcome, unlocked_ms=0), 0)

    def lit() -> set[str]:
        return {name.split()[1] for name, lamp in lamps.items() if lamp.on}

    tell(Reason.WAITING_FOR_PERSONS, "left", 1)
    tell(Reason.WAITING_FOR_PERSONS, "other", 2)
    assert lit() == {"left", "other"}
    tell(Reason.NO_RULE, "right", 1)
    assert lit() == {"left", "other", "right"}
    tell(Reason.GRANTED, "right", 1)
    assert lit() == {"other", "right"}
