"""A wall clock that was wrong: who is locked out, what ends early, and how it is set right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.clock import ManualClock
from gateway.controller.access.pending import kept_state
from gateway.errors import InvalidRequest
from gateway.host import clock_trust
from gateway.link.messages import Simulate
from gateway.link.runtime import RuntimeDirectory
from gateway.store.journal import CommittedEntry, EntryKind, Timer
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.modes import write_mode

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

BRUNO = 2
CARD_OF_BRUNO = (123 << 32) | 45679
"""He passes the front door in office hours."""
NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""A Monday, noon at the site."""
AHEAD = timedelta(days=63)
"""Two months: a Monday, too."""
FRONT = 1
BEYOND = clock_trust.CEILING + timedelta(days=1)


def sim_clock(bench: Bench, moment: datetime) -> None:
    """`gateway sim clock set`."""
    command = Simulate(verb="clock", value=moment.isoformat())
    bench.ask(command)
    bench.pass_time(1.1)


def verdicts(bench: Bench) -> list[str]:
    return [body["why"] for body in bench.journal(EntryKind.CLOCK)]


def by_hand(_data: Path, _tmp_path: Path, bench: Bench) -> None:
    sim_clock(bench, bench.clock.utc())


def by_command(data: Path, _tmp_path: Path, _bench: Bench) -> None:
    clock_trust.note_set_by_hand(RuntimeDirectory.create(data).clock_mark)


def by_network(_data: Path, tmp_path: Path, _bench: Bench) -> None:
    (tmp_path / "synchronised").touch()


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00",
        "1969-12-31T23:59:59",
        "9999-12-31T23:59:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_clock_is_not_set_to_what_no_clock_shows(bench: Bench, text: str) -> None:
    before = bench.clock.utc()
    with pytest.raises(InvalidRequest, match="the clock shows 1970-01-02 to 9999-12-01, not"):
        bench.ask(Simulate(verb="clock", value=text))
    assert bench.clock.utc() == before


@pytest.mark.parametrize(
    ("setting", "why"),
    [(by_hand, "set_by_hand"), (by_command, "set_by_hand"), (by_network, "network_time")],
)
@pytest.mark.parametrize("ahead", [AHEAD, timedelta(minutes=6)])
def test_a_clock_that_was_ahead_locks_nobody_out_once_it_is_set(
    demo: Path,
    start: Start,
    tmp_path: Path,
    ahead: timedelta,
    setting: Callable[[Path, Path, Any], None],
    why: str,
) -> None:
    with start(demo) as bench:
        bench.swipe(CARD_OF_BRUNO)
        sim_clock(bench, NOON + ahead)
        assert bench.controller.status().clock_trusted
    with start(demo) as bench:
        bench.swipe(CARD_OF_BRUNO)
        assert bench.events()[-1] == (6, BRUNO)
        assert bench.journal(EntryKind.ACCESS)[-1]["reason"] == "clock_not_trusted"
        status = bench.controller.status()
        assert (status.clock_trusted, status.clock_verdict) == (False, "behind_floor")
        floor = datetime.fromtimestamp(status.clock_floor_utc, UTC)
        assert timedelta() <= floor - (NOON + ahead) < timedelta(minutes=1)

        setting(demo, tmp_path, bench)
        bench.pass_time(2.1)
        bench.swipe(CARD_OF_BRUNO)
        assert bench.events()[-1] == (7, BRUNO)
        assert bench.controller.status().clock_trusted
        assert verdicts(bench)[-2:] == ["behind_floor", why]
    (tmp_path / "synchronised").unlink(missing_ok=True)
    with start(demo, NOON + timedelta(minutes=10)) as bench:  # the journal goes by it from then on
        assert bench.controller.status().clock_trusted


def test_a_clock_that_was_set_before_the_start_overrides_the_journal_and_that_is_written_down(
    demo: Path, start: Start, tmp_path: Path
) -> None:
    with start(demo) as bench:
        sim_clock(bench, NOON + AHEAD)
    (tmp_path / "synchronised").touch()
    with start(demo) as bench:
        assert bench.controller.status().clock_trusted
        told = bench.journal(EntryKind.CLOCK)[-1]
        assert (told["trusted"], told["why"]) == (True, "network_time")
        assert told["floor_utc"] >= (NOON + AHEAD).timestamp()


def test_a_clock_beyond_the_ceiling_is_not_believed_whoever_set_it(bench: Bench) -> None:
    sim_clock(bench, BEYOND)
    bench.swipe(CARD_OF_BRUNO)
    assert bench.journal(EntryKind.ACCESS)[-1]["reason"] == "clock_not_trusted"
    assert bench.controller.status().clock_verdict == "beyond_ceiling"
    sim_clock(bench, NOON)
    bench.pass_time(2)
    bench.swipe(CARD_OF_BRUNO)
    assert bench.events()[-1] == (7, BRUNO)


# ---- what lasts for a time ----------------------------------------------------------------------


def set_mode(bench: Bench, mode: str, minutes: float) -> None:
    until_utc = int((bench.clock.utc() + timedelta(minutes=minutes)).timestamp())
    with bench.store() as store:
        write_mode(store, ModeRow(FRONT, mode, "eva", "why", until_utc=until_utc))
    bench.pass_time(1.1)


def mode(bench: Bench) -> str:
    return str(bench.controller.status().doors[0].mode)


@pytest.mark.parametrize("step", [AHEAD, -timedelta(days=10), timedelta(minutes=10)])
@pytest.mark.parametrize("word", ["lock_down", "emergency"])
def test_a_step_of_the_clock_neither_ends_a_mode_nor_holds_it_longer(
    bench: Bench, step: timedelta, word: str
) -> None:
    set_mode(bench, word, 2)
    sim_clock(bench, bench.clock.utc() + step)
    bench.pass_time(110)
    assert mode(bench) == word
    bench.pass_time(12)
    assert mode(bench) == "normal"


def test_a_mode_goes_on_over_a_start_after_the_clock_was_set_back(demo: Path, start: Start) -> None:
    with start(demo, NOON + AHEAD) as bench:
        set_mode(bench, "lock_down", 10)
        sim_clock(bench, NOON)
        bench.pass_time(240)
    with start(demo, NOON + timedelta(minutes=5)) as bench:
        assert mode(bench) == "lock_down"
        bench.pass_time(280)
        assert mode(bench) == "lock_down"
        bench.pass_time(30)
        assert mode(bench) == "normal"


def test_a_clock_that_loses_time_with_the_power_holds_a_mode_until_it_is_set(
    demo: Path, start: Start
) -> None:
    with start(demo, NOON + AHEAD) as bench:
        set_mode(bench, "lock_down", 2)
    with start(demo, NOON) as bench:  # nobody knows how long the power was away
        bench.pass_time(300)
        assert mode(bench) == "lock_down"
        sim_clock(bench, bench.clock.utc())
        bench.pass_time(100)
        assert mode(bench) == "lock_down"
        bench.pass_time(30)
        assert mode(bench) == "normal"


def test_a_clock_put_forward_while_the_controller_restarts_ends_no_mode(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        set_mode(bench, "lock_down", 10)
        running_ns = bench.clock.monotonic_ns()
    with start(demo, NOON + AHEAD, running_ns) as bench:
        bench.pass_time(580)
        assert mode(bench) == "lock_down"
        bench.pass_time(30)
        assert mode(bench) == "normal"


def test_the_journal_tells_how_much_of_a_mode_is_left_and_whose_it_is(bench: Bench) -> None:
    set_mode(bench, "lock_down", 2)
    told = [body for body in bench.journal(EntryKind.MODE) if "timed" in body]
    assert [(it["timed"], it["mode"], it["login"], it["reason"]) for it in told] == [
        (FRONT, "lock_down", "eva", "why")
    ]
    assert 100_000 < told[0]["left_ms"] <= 120_000


@pytest.mark.parametrize(
    ("boot", "passed_s", "wall", "trusted", "locked_s"),
    [
        ("this", 30, timedelta(seconds=30), True, 60),
        ("this", 30, AHEAD, True, 60),
        ("this", 30, -AHEAD, True, 60),
        ("this", 30, AHEAD, False, 60),
        ("this", 91, timedelta(), True, 0),
        ("other", 0, timedelta(seconds=30), True, 60),
        ("other", 0, AHEAD, True, 0),
        ("other", 0, -AHEAD, True, 90),
        ("other", 0, AHEAD, False, 90),
        ("other", 0, timedelta(seconds=30), False, 90),
    ],
)
def test_a_locked_keypad_is_freed_after_its_time_whatever_the_clock_did(
    boot: str,
    passed_s: int,
    wall: timedelta,
    trusted: bool,
    locked_s: int,
) -> None:
    clock = ManualClock(NOON)
    body = {"reader": "front", "locked_ms": 90_000}
    entry = CommittedEntry(1, EntryKind.KEYPAD, body, NOON, clock.monotonic_ns(), boot)
    clock.advance(passed_s)
    clock.set_utc(NOON + wall)
    state = kept_state([entry], Timer("this", clock, lambda: trusted), now_ms=1_000)
    left = [guard.locked_until_ms for guard in state.guards.values()]
    assert left == ([1_000 + locked_s * 1000] if locked_s else [])
