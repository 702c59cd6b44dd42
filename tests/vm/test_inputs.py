"""A button on a kernel line: its bounces are one press, a glitch is none."""

from __future__ import annotations

from .board import REX, STRIKE, Act, Board, Watch
from .machine import Machine, eventually

BOUNCES = 5


def pulses(count: int, width_us: int) -> str:
    """The shell's line that pulls the button's line low so often, as long high in between."""
    button, other = (f"/run/board/sim_gpio{line}/pull" for line in (REX, REX + 1))
    return (
        f"printf '%0{count}d\\n' 0 >/run/rex.frame; "
        f"/usr/lib/vm/pulses {width_us} {2 * width_us} 1000 {button}:{other}:/run/rex.frame"
    )


def test_a_button_that_bounces_opens_its_door_once(
    machine: Machine, board: Board, watch: Watch
) -> None:
    pull = f"/run/board/sim_gpio{REX}/pull"
    bounces = pulses(BOUNCES, 2_000)
    held = f"{bounces}; echo pull-down >{pull}; sleep 0.2; {bounces}; echo pull-up >{pull}"
    machine.run("sh", "-ec", held)
    eventually(lambda: len(watch.edges(STRIKE)) == 2, "the strike's two edges")
    assert watch.edges(STRIKE) == [True, False]
    claims = [touch.act for touch in board.touches(REX)]
    assert set(claims) <= {Act.FLOAT, Act.RELEASE}, "it has only ever been an input"


def test_a_glitch_at_a_button_opens_nothing(machine: Machine, watch: Watch) -> None:
    # Shorter than the 20 ms of debounce.
    machine.run("sh", "-ec", f"{pulses(1, 5_000)}; sleep 1")
    assert watch.edges(STRIKE) == []
