"""Guessing with cards and codes: one code is one try, and too many tries slow their reader."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gateway.access.guessing import QUIET_MS, UNKNOWN
from gateway.controller.access.read_throttle import MOST_WAITING
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

ANA, CARD_OF_ANA = 1, 123 << 32 | 45678
GRANTED, UNKNOWN_EVENT = 7, 3


@pytest.fixture
def guesses() -> Iterator[int]:
    """Cards that nobody has."""
    return itertools.count(7 << 32 | 1)


def read(bench: Bench, card: int, reader: str = "front") -> None:
    """A card as its driver hands it on; no time passes."""
    credential = Credential(CredentialKind.CARD, card)
    bench.controller.happen(Identification(reader, credential, bench.clock.monotonic_ns()))


def slow_down(bench: Bench, guesses: Iterator[int], reader: str = "front") -> None:
    for _ in range(UNKNOWN + 1):
        read(bench, next(guesses), reader)
    assert slowed(bench) == [(reader, True)]


def slowed(bench: Bench) -> list[tuple[str, bool]]:
    return [(body["reader"], body["slow"]) for body in bench.journal(EntryKind.READER_SLOWED)]


def events(bench: Bench) -> list[int]:
    return [event for event, _ in bench.events()]


def test_a_code_of_three_hundred_lines_is_one_try(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("qrcodes", [{"value": "4711", "user_id": ANA}])
    bench.pass_time(1.1)
    bench.wait_until(lambda: bench.online("qr"))
    bench.simulator.qr("qr", "\n".join(str(code) for code in range(4500, 4800)))
    bench.wait_until(lambda: bench.journal(EntryKind.BAD_FRAME))
    assert bench.events() == [(UNKNOWN_EVENT, 0)]
    (refused,) = bench.journal(EntryKind.BAD_FRAME)
    assert "299 more" in refused["why"]


def test_ten_unknown_cards_in_a_minute_slow_nothing(bench: Bench, guesses: Iterator[int]) -> None:
    for _ in range(UNKNOWN):
        read(bench, next(guesses))
    read(bench, CARD_OF_ANA)
    assert events(bench) == [UNKNOWN_EVENT] * UNKNOWN + [GRANTED]
    assert slowed(bench) == []


def test_an_unknown_card_that_is_shown_again_is_no_further_guess(bench: Bench) -> None:
    for number in range(3 * UNKNOWN):
        read(bench, 7 << 32 | number % 2 + 1)
    assert slowed(bench) == []


def test_one_more_slows_that_reader_to_one_read_a_second(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    before = len(events(bench))
    for _ in range(200):
        read(bench, next(guesses))
        bench.pass_time(0.05)
    assert 9 <= len(events(bench)) - before <= 10
    assert slowed(bench) == [("front", True)]


def test_a_read_that_waits_is_not_displaced_by_strangers(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    read(bench, next(guesses))
    read(bench, CARD_OF_ANA)
    for _ in range(25):
        read(bench, next(guesses))
        bench.pass_time(0.1)
    assert (GRANTED, ANA) in bench.events()
    assert bench.unlocked(1)


def test_strangers_tags_before_and_after_it_shut_no_resident_out(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    for _ in range(5):
        bench.pass_time(1.5)
        read(bench, next(guesses))
        bench.pass_time(0.24)
        read(bench, CARD_OF_ANA)
        bench.pass_time(0.24)
        read(bench, next(guesses))
        bench.pass_time(2.5)
    assert bench.events().count((GRANTED, ANA)) == 5


def test_a_card_under_a_lasting_flood_is_let_in_after_a_few_tries(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    tries = 0
    while (GRANTED, ANA) not in bench.events():
        tries += 1
        assert tries <= 10
        for step in range(10):  # three guesses a second, each at another time of it
            bench.pass_time(0.1)
            if step == tries % 10:
                read(bench, CARD_OF_ANA)
            if step % 3 == 0:
                read(bench, next(guesses))


def test_nobody_is_let_in_more_than_three_seconds_after_showing_a_card(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    for _ in range(10):
        read(bench, next(guesses))
    read(bench, CARD_OF_ANA)
    bench.pass_time(10)
    assert (GRANTED, ANA) not in bench.events()


def test_known_people_pass_a_slowed_reader_without_a_pause(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    with bench.store() as store:
        store.insert("cards", [{"value": 9 << 32 | number, "user_id": ANA} for number in (1, 2, 3)])
    bench.pass_time(1.1)
    for number in (1, 2, 3):
        read(bench, 9 << 32 | number)
    assert bench.events()[-3:] == [(GRANTED, ANA)] * 3


def test_other_readers_and_pins_are_as_fast_as_ever(bench: Bench, guesses: Iterator[int]) -> None:
    slow_down(bench, guesses)
    bench.simulator.keys("front", "1234#")
    bench.pass_time(0.4)
    assert bench.events()[-1] == (GRANTED, ANA)
    code = Credential(CredentialKind.QRCODE, "DEMO-ANA")
    bench.controller.happen(Identification("qr", code, bench.clock.monotonic_ns()))
    assert bench.events()[-1] == (GRANTED, ANA)


def test_it_is_over_when_the_reader_was_quiet_and_the_journal_counts_the_rest(
    bench: Bench, guesses: Iterator[int]
) -> None:
    slow_down(bench, guesses)
    for _ in range(5):
        read(bench, next(guesses))
    bench.pass_time(QUIET_MS / 1000 + MOST_WAITING + 2)
    assert slowed(bench) == [("front", True), ("front", False)]
    assert bench.journal(EntryKind.READER_SLOWED)[-1]["left_out"] == 5 - MOST_WAITING
    read(bench, next(guesses))
    read(bench, CARD_OF_ANA)
    assert bench.events()[-1] == (GRANTED, ANA)


def test_there_is_one_alarm_while_it_lasts(bench: Bench, guesses: Iterator[int]) -> None:
    bench.configure({"alarm": {"device_violation_enabled": 1}})
    slow_down(bench, guesses)
    for _ in range(50):
        read(bench, next(guesses))
        bench.pass_time(0.5)
    tamper = bench.controller.status().alarms
    assert [alarm.part for alarm in tamper] == ["guessing at front"]
    bench.pass_time(QUIET_MS / 1000 + 2)
    assert [event for event, _, _ in bench.alarms()] == [1, 2]
