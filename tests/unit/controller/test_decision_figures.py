"""What is counted of decisions, with swipes at the pins of the simulated board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.link.messages import READ_TO_RELAY_MS, OpenDoor

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

CARD_OF_ANA = (123 << 32) | 45678


def test_decisions_are_counted_by_reason_and_openings_by_their_time(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    bench.pass_time(5)
    bench.swipe((9 << 32) | 9)
    found = bench.controller.status().decisions
    assert found.verdicts == {"granted": 1, "unknown_credential": 1}
    assert len(found.opened) == len(READ_TO_RELAY_MS) + 1
    assert sum(found.opened) == 1
    # The clock of the test moves by a tenth of a second from the read to the turn that decides.
    [counted] = [number for number, count in enumerate(found.opened) if count]
    longest_s = [*(bound / 1000 for bound in READ_TO_RELAY_MS), float("inf")][counted]
    shortest_s = 0 if counted == 0 else READ_TO_RELAY_MS[counted - 1] / 1000
    assert shortest_s <= found.opened_sum_s <= longest_s
    assert found.opened_sum_s > 0


def test_an_opening_by_a_client_is_no_read(bench: Bench) -> None:
    before = bench.controller.status().decisions
    bench.ask(OpenDoor(door=1))
    assert bench.unlocked(1)
    assert bench.controller.status().decisions == before
