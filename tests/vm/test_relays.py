"""The relay lines while the service starts, stops, crashes and starts again.

Door 1 is a strike (power opens it), door 2 a magnet (power keeps it shut). Edges are those of a
kernel that keeps an output as it was driven, as a Pi's does: see `board.edges`.
"""

from __future__ import annotations

from itertools import pairwise

from .board import MAGNET, STRIKE, Act, Board, Watch
from .machine import Machine
from .services import CONTROLLER, Services


def open_both(machine: Machine, board: Board, then: str) -> None:
    """Swipe at both readers, and run `then` in the machine as soon as both doors are unlocked.

    One script does it all: the machine's clock leaps while it waits for the tests outside, and the
    doors would be locked again.
    """
    for reader in ("front", "back"):
        board.prepare(reader)
    swipes = " && ".join(board.swipe_line(reader) for reader in ("front", "back"))
    unlocked = (
        f"read -r front </run/board/sim_gpio{STRIKE}/value;"
        f"read -r back </run/board/sim_gpio{MAGNET}/value;"
        "[ $front$back = 10 ]"
    )
    machine.run("sh", "-ec", f"{swipes}; until {unlocked}; do :; done; {then}")


def test_a_stop_and_a_start_move_neither_lock(machine: Machine, board: Board, watch: Watch) -> None:
    machine.run("systemctl", "stop", CONTROLLER)
    # Why `board.edges` leaves the chip's own edges out; a chip that kept its outputs needs no such
    # thing.
    assert not board.high(MAGNET)
    machine.run("systemctl", "start", CONTROLLER)
    assert board.high(MAGNET)
    assert watch.edges(STRIKE) == []
    assert watch.edges(MAGNET) == []


def test_a_restart_locks_open_doors_before_it_lets_go_of_them(
    machine: Machine, board: Board, watch: Watch
) -> None:
    open_both(machine, board, f"systemctl restart {CONTROLLER}")
    assert watch.edges(STRIKE) == [True, False]
    assert watch.edges(MAGNET) == [False, True]
    for line, locked in ((STRIKE, False), (MAGNET, True)):
        touches = watch.touches(line)
        for before, touch in pairwise(touches):
            if touch.act is Act.RELEASE:
                assert before.high is locked


def test_a_crash_locks_open_doors_at_the_next_start_and_does_nothing_else(
    machine: Machine, board: Board, services: Services, watch: Watch
) -> None:
    before = services.look(CONTROLLER)
    open_both(machine, board, f"kill -KILL {before.process}")
    services.recovered(CONTROLLER, before)
    assert watch.edges(STRIKE) == [True, False]
    assert watch.edges(MAGNET) == [False, True]


def test_a_line_is_claimed_with_its_level_and_never_floats(board: Board) -> None:
    for line, locked in ((STRIKE, False), (MAGNET, True)):
        touches = board.touches(line)
        assert Act.FLOAT not in {touch.act for touch in touches}
        claims = [touch.high for touch in touches if touch.act is Act.CLAIM]
        assert claims
        assert set(claims) == {locked}


PUT_BY_PLAN = (
    "import sys; from pathlib import Path;"
    " release = Path('/opt/gateway/bin').resolve().parent;"
    " sys.path.extend(map(str, release.glob('lib/python3*/site-packages')));"
    " from gateway.safe.main import main; main(['relays'])"
)


def test_without_the_release_each_lock_is_put_in_one_step(machine: Machine, board: Board) -> None:
    """As the safe page's programs do: by the standard library and what the controller left."""
    machine.run("systemctl", "stop", CONTROLLER)
    before = {line: len(board.touches(line)) for line in (STRIKE, MAGNET)}
    machine.run("/usr/bin/python3", "-IS", "-c", PUT_BY_PLAN)
    for line, locked in ((STRIKE, False), (MAGNET, True)):
        touches = board.touches(line)[before[line] :]
        assert [touch.act for touch in touches] == [Act.CLAIM, Act.RELEASE]
        assert touches[0].high is locked
    machine.run("systemctl", "start", CONTROLLER)
