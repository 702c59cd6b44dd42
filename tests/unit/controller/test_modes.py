"""Exception modes with who, why and until: what the journal tells, and how they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.link.messages import EndedMode, KeepModes, UnstoredMode
from gateway.store.journal import EntryKind
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.modes import write_mode

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
DEVICE, FRONT = 0, 1


def after(minutes: float) -> int:
    return int((START + timedelta(minutes=minutes)).timestamp())


def set_mode(bench: Bench, door: int, mode: str, until_utc: int = 0, reason: str = "why") -> None:
    row = ModeRow(door, mode, "eva", reason, since=bench.clock.monotonic_ns(), until_utc=until_utc)
    with bench.store() as store:
        write_mode(store, row)
    bench.pass_time(1.1)


def mode(bench: Bench, door: int = FRONT) -> str:
    return str(bench.controller.status().doors[door - 1].mode)


def ended(bench: Bench) -> list[dict[str, Any]]:
    return [body for body in bench.journal(EntryKind.MODE) if "ended" in body]


def test_the_journal_tells_who_changed_a_mode_and_why(bench: Bench) -> None:
    set_mode(bench, FRONT, "lock_down", reason="a fight outside")
    set_mode(bench, FRONT, "none", reason="it is over")
    assert bench.journal(EntryKind.MODE) == [
        {"door": 1, "mode": "lock_down", "login": "eva", "reason": "a fight outside"},
        {"door": 1, "mode": "normal", "login": "eva", "reason": "it is over"},
    ]


def test_of_a_mode_that_was_set_without_a_word_the_journal_tells_nothing_more(bench: Bench) -> None:
    set_mode(bench, FRONT, "lock_down")
    bench.configure({"general": {"door1_exception_mode": "emergency"}})
    assert bench.journal(EntryKind.MODE)[-1] == {"door": 1, "mode": "emergency"}


def test_a_mode_ends_by_itself_at_its_time(bench: Bench) -> None:
    set_mode(bench, DEVICE, "emergency", after(2))
    assert bench.unlocked(1)
    bench.pass_time(110)
    assert bench.unlocked(1)
    bench.pass_time(12)
    assert not bench.unlocked(1)
    assert ended(bench) == [{"ended": DEVICE, "mode": "emergency", "until_utc": after(2)}]
    told = bench.controller.status().modes_ended
    assert told == (EndedMode(door=DEVICE, until_utc=after(2)),)


def test_a_mode_that_somebody_sets_anew_has_its_own_end(bench: Bench) -> None:
    set_mode(bench, FRONT, "lock_down", after(1))
    set_mode(bench, FRONT, "lock_down", after(3))
    bench.pass_time(100)
    assert mode(bench) == "lock_down"
    bench.configure({"general": {"door1_exception_mode": "lock_down"}})
    bench.pass_time(200)
    assert mode(bench) == "lock_down", "a client that says nothing of an end wants none"
    assert ended(bench) == []


def test_the_door_goes_back_to_the_mode_of_the_device(bench: Bench) -> None:
    set_mode(bench, DEVICE, "lock_down")
    set_mode(bench, FRONT, "emergency", after(1))
    assert (mode(bench), mode(bench, 2)) == ("emergency", "lock_down")
    bench.pass_time(61)
    assert (mode(bench), mode(bench, 2)) == ("lock_down", "lock_down")


def test_a_mode_outlives_a_restart_and_ends_at_its_time(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        set_mode(bench, FRONT, "lock_down", after(2))
    with start(demo) as bench:
        assert mode(bench) == "lock_down"
        bench.swipe(CARD_OF_ANA)
        assert bench.events() == [(6, ANA)]
        bench.pass_time(121)
        assert mode(bench) == "normal"
        bench.swipe(CARD_OF_ANA)
        assert bench.events()[-1] == (7, ANA)


def test_a_mode_whose_time_ran_out_while_the_power_was_off_is_over_at_the_start(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        set_mode(bench, DEVICE, "emergency", after(-1))
    with start(demo) as bench:
        assert not bench.unlocked(1)
        assert mode(bench) == "normal"


def test_a_clock_that_is_not_trusted_ends_no_mode(bench: Bench) -> None:
    wrong = datetime(2020, 1, 1, tzinfo=UTC)
    bench.clock.set_utc(wrong)
    end = wrong + timedelta(minutes=2)
    set_mode(bench, FRONT, "lock_down", int(end.timestamp()))
    bench.pass_time(600)
    assert bench.clock.utc() > end
    assert mode(bench) == "lock_down"
    bench.clock.set_utc(None)
    bench.pass_time(2)
    assert mode(bench) == "normal"


def test_a_mode_that_has_ended_stays_ended_with_a_wrong_clock_and_over_a_restart(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        set_mode(bench, DEVICE, "emergency", after(1))
        bench.pass_time(61)
        bench.clock.set_utc(datetime(2020, 1, 1, tzinfo=UTC))
        bench.pass_time(2)
        assert not bench.unlocked(1)
    with start(demo) as bench:  # whose clock stands before the end again
        assert not bench.unlocked(1)
        assert len(ended(bench)) == 1


def keep(bench: Bench, *modes: UnstoredMode) -> None:
    bench.ask(KeepModes(modes=modes))


def test_a_mode_that_cannot_be_stored_holds_over_rules_modes_and_a_restart(
    demo: Path, start: Start
) -> None:
    emergency = UnstoredMode(door=FRONT, mode="emergency", login="eva", reason="smoke", since=5)
    with start(demo) as bench:
        set_mode(bench, FRONT, "lock_down")
        keep(bench, emergency)
        assert (mode(bench), bench.unlocked(FRONT)) == ("emergency", True)
        bench.configure({"general": {"relay1_timeout": "400"}})
        bench.pass_time(1.1)
        assert mode(bench) == "emergency"
    with start(demo) as bench:
        assert (mode(bench), bench.unlocked(FRONT)) == ("emergency", True)
        assert bench.controller.status().modes_unstored == (emergency,)
        keep(bench)
        assert mode(bench) == "lock_down"
    with start(demo) as bench:
        assert mode(bench) == "lock_down"


def test_a_mode_that_cannot_be_stored_ends_at_its_time(bench: Bench) -> None:
    keep(bench, UnstoredMode(door=DEVICE, mode="emergency", until_utc=after(2)))
    bench.pass_time(110)
    assert bench.unlocked(FRONT)
    bench.pass_time(20)
    assert not bench.unlocked(FRONT)
    assert [body["ended"] for body in bench.journal(EntryKind.MODE) if "ended" in body] == [0]
