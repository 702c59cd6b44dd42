"""From the last bit on the lines of a reader to the relay, and what a frame costs.

The bits come from a thread that reports edges as the GPIO library's own does, in real time. Where a
reader knows one format, the last bit ends the frame; where a longer one may come, a silence does.
"""

from __future__ import annotations

import random

from .figures import Expectations, p50, p99, say, table
from .processes import ask, swiper
from .sites import DOORS, Site, card_of
from .swipes import Plan

UNAMBIGUOUS = DOORS[:2]
"""Doors whose readers know one format."""
AMBIGUOUS = DOORS[2:]
GAP_MS = 25
"""The silence that ends a frame there."""
INTERVALS_US = (200, 2_000)
"""From bit to bit: of the fastest reader, and of a usual one."""
PACE_MS = 60
"""From frame to frame: more than the silence, and than a dwell."""
SWIPES = 200


def measure(site: Site, plan: Plan, expected: Expectations) -> None:
    """Swipe at the lines of all four readers, and print what came out."""
    say()
    say("Last bit of a card to relay driven, in milliseconds; CPU of a frame")
    chosen = random.Random(7)  # noqa: S311 - a sample
    cards = [card_of(person) for person in chosen.sample(range(site.users), SWIPES)]
    rows = []
    found_p99 = {}
    with swiper(site, plan.nice) as swiping:
        for doors, name in ((UNAMBIGUOUS, "one format"), (AMBIGUOUS, "two lengths")):
            for interval_us in INTERVALS_US:
                request = {"do": "wire", "doors": doors, "interval_us": interval_us}
                ask(swiping, {**request, "cards": cards[:20], "pace_ms": PACE_MS})
                told = ask(swiping, {**request, "cards": cards, "pace_ms": PACE_MS})
                waits = told["waits"]
                found_p99[name, interval_us] = p99(waits)
                figures = (len(waits), told["lost"], p50(waits), p99(waits), max(waits) / 1e6)
                late = p99(told["sleeps"])
                rows.append((name, f"{interval_us} us", *figures, late, told["cpu"] / 1e6))
    table(("reader", "bits", "frames", "lost", "p50", "p99", "max", "late p99", "CPU"), rows)
    say("late: how late the sender itself was. CPU: of the controller, for a frame and its door.")
    for interval_us in INTERVALS_US:
        bits = f"bits of {interval_us} us"
        expected.below(f"one format, {bits}: p99", found_p99["one format", interval_us], 10, " ms")
        after_gap = found_p99["two lengths", interval_us] - GAP_MS
        expected.below(f"two lengths, {bits}: p99 after the silence", after_gap, 10, " ms")
