"""From the inbox to the relay, beside the floor: small and large, idle and under an export."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import Export
from .figures import Expectations, p50, p99, say, table
from .processes import Memory, Process, api, ask, memory_of, started, swiper
from .sites import Site, card_of, stored

STATES = ("idle", "export")
AIMS_MB = (60, 90)
"""Memory of the controller and of the api process."""
FLOOR = Path(__file__).with_name("floor.py")
CHUNK = 100
"""Swipes between two looks at the floor, so that both meet the same noise."""
SHORT_REST_S = 0.05
REST_S = 0.5
"""What was broken off has come to its end by then."""


@dataclass(slots=True)
class Cell:
    """All samples of one size in one state, in nanoseconds."""

    waits: list[int] = field(default_factory=list)
    """From the post into the inbox to the relay."""
    lates: list[int] = field(default_factory=list)
    """From the instant at which the post was due."""
    sleeps: list[int] = field(default_factory=list)
    """How late a plain sleep of the same process ended: the machine's noise, and the interpreter's
    lock."""
    floor: list[int] = field(default_factory=list)
    """The bare reads, one after the other: caches and processor as warm as can be."""
    paced: list[int] = field(default_factory=list)
    """The bare reads, as far apart as the swipes."""
    rounds: list[float] = field(default_factory=list)
    """p99 of each round, in milliseconds."""
    lost: int = 0
    """Swipes without a sample: the door was open still."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    samples: int
    """Swipes of one round in one cell."""
    pace_ms: float
    nice: int
    """Priority of the controller and of the floor."""


class Bed:
    """One site with its three processes: controller, api, floor."""

    def __init__(self, site: Site, swiper: Process, api_process: Process, floor: Process) -> None:
        self.site = site
        self.swiper = swiper
        self._api = api_process
        self._floor = floor
        self.cells = {state: Cell() for state in STATES}
        self.memory: list[tuple[str, Memory, Memory]] = []
        """When, of the controller, of the api process."""

    def warm_up(self, plan: Plan) -> None:
        """Swipe and read until nothing is done for the first time any more."""
        people = self.people(plan, seed=0)
        ask(self.swiper, self.swipes("swipe", people, plan, seed=0))
        for _ in range(3):
            self._read(people, 0)

    def round(self, state: str, plan: Plan, seed: int) -> None:
        """One round in `state`, which the caller has brought about; the same people for all."""
        cell = self.cells[state]
        everybody = self.people(plan, seed)
        waits: list[int] = []
        for at in range(0, len(everybody), CHUNK):
            people = everybody[at : at + CHUNK]
            # What the last swipes left behind is written, and told, by then.
            time.sleep(SHORT_REST_S)
            cell.floor += self._read(people, 0)
            cell.paced += self._read(people[: CHUNK // 4], plan.pace_ms)
            found = ask(self.swiper, self.swipes("swipe", people, plan, seed + at))
            waits += found["waits"]
            cell.lates += found["lates"]
            cell.sleeps += found["sleeps"]
            cell.lost += found["lost"]
        cell.waits += waits
        cell.rounds.append(p99(waits))

    def people(self, plan: Plan, seed: int) -> list[int]:
        """Whoever comes in a round: anybody, and nobody twice."""
        chosen = random.Random(seed)  # noqa: S311 - a sample
        return chosen.sample(range(self.site.users), plan.samples)

    def swipes(self, do: str, people: list[int], plan: Plan, seed: int) -> dict[str, Any]:
        """What the swiper is asked."""
        cards = [card_of(person) for person in people]
        return {"do": do, "cards": cards, "pace_ms": plan.pace_ms, "seed": seed}

    def weigh(self, when: str) -> None:
        """Note the memory of both processes."""
        self.memory.append((when, memory_of(self.swiper.pid), memory_of(self._api.pid)))

    def _read(self, people: list[int], pace_ms: float) -> list[int]:
        cards = [stored(card_of(person)) for person in people]
        times: list[int] = ask(self._floor, {"cards": cards, "pace_ms": pace_ms})
        return times


@contextmanager
def bed_of(site: Site, plan: Plan) -> Iterator[tuple[Bed, Export]]:
    """A site at work."""
    with ExitStack() as stack:
        api_process, url = stack.enter_context(api(site))
        swiping = stack.enter_context(swiper(site, plan.nice))
        floor = stack.enter_context(started(site, str(FLOOR), str(site.store), nice=plan.nice))
        export = Export(url, site.password)
        stack.callback(export.close)
        yield Bed(site, swiping, api_process, floor), export


def measure(sites: list[Site], plan: Plan, expected: Expectations) -> None:
    """Measure all cells in turns, round by round, and print what came out."""
    with ExitStack() as stack:
        pairs = [stack.enter_context(bed_of(site, plan)) for site in sites]
        beds = [bed for bed, _ in pairs]
        for bed in beds:
            bed.warm_up(plan)
            bed.weigh("warm")
        for turn in range(1, plan.rounds + 1):
            for bed, export in pairs:
                for state in STATES:
                    with export.running() if state == "export" else nullcontext():
                        bed.round(state, plan, seed=turn)
                    time.sleep(REST_S)
            _progress(beds, turn)
        for bed in beds:
            bed.weigh("after the exports")
        _report(beds)
        for bed, export in pairs:
            rate = export.bytes / export.seconds / 1e6
            say(f"export at {bed.site.users:,} users: {rate:.1f} MB/s, {export.whole} whole tables")
        before = len(expected.missed)
        _compare(beds, expected)
        if len(expected.missed) > before:
            say()
            say(f"Profile of the loop's thread at {beds[-1].site.users:,} users, idle:")
            people = beds[-1].people(plan, seed=99)
            say(ask(beds[-1].swiper, beds[-1].swipes("profile", people, plan, seed=99)))


def _progress(beds: list[Bed], turn: int) -> None:
    shown = (
        f"{bed.site.users:,} {state} {cell.rounds[-1]:.2f}"
        for bed in beds
        for state, cell in bed.cells.items()
    )
    load = os.getloadavg()[0]
    say(f"  round {turn}, load {load:.1f}, p99 in ms: {'; '.join(shown)}")


def _report(beds: list[Bed]) -> None:
    say()
    say("Swipe in the inbox to relay driven, and the floor (bare reads), in milliseconds")
    head = ("users", "state", "swipes", "lost", "p50", "p99", "max", "due p99", "sleep p99")
    floor_head = ("floor p50", "p99", "max", "paced p50", "p99")
    table((*head, *floor_head), (_row(bed, state) for bed in beds for state in STATES))
    say(
        "lost: the door was open still. due: from the instant at which the post was due. sleep: how"
    )
    say("late a plain sleep of the same process ended. floor: the bare reads one after the other;")
    say("paced: as far apart as the swipes.")
    say()
    say("Ratios to the floor of the same state, and to the idle floor")
    table(
        ("users", "state", "p50", "p99", "p99/idle", "p99/paced", "p99/paced idle"),
        (_ratios(bed, state) for bed in beds for state in STATES),
    )
    say()
    say("Resident memory")
    table(
        ("users", "when", "controller", "api"),
        ((f"{bed.site.users:,}", *noted) for bed in beds for noted in bed.memory),
    )


def _row(bed: Bed, state: str) -> tuple[object, ...]:
    cell = bed.cells[state]
    return (
        f"{bed.site.users:,}",
        state,
        len(cell.waits),
        cell.lost,
        p50(cell.waits),
        p99(cell.waits),
        max(cell.waits) / 1e6,
        p99(cell.lates),
        p99(cell.sleeps),
        p50(cell.floor),
        p99(cell.floor),
        max(cell.floor) / 1e6,
        p50(cell.paced),
        p99(cell.paced),
    )


def _ratios(bed: Bed, state: str) -> tuple[object, ...]:
    cell, idle = bed.cells[state], bed.cells["idle"]
    return (
        f"{bed.site.users:,}",
        state,
        p50(cell.waits) / p50(cell.floor),
        p99(cell.waits) / p99(cell.floor),
        p99(cell.waits) / p99(idle.floor),
        p99(cell.waits) / p99(cell.paced),
        p99(cell.waits) / p99(idle.paced),
    )


def _compare(beds: list[Bed], expected: Expectations) -> None:
    say()
    say("Expected")
    for bed in beds:
        loaded = p99(bed.cells["export"].waits)
        idle = bed.cells["idle"]
        users = f"{bed.site.users:,} users"
        for name, floor in (("idle floor", idle.floor), ("paced idle floor", idle.paced)):
            ratio = loaded / p99(floor)
            expected.below(f"{users}, export: p99 over the {name}'s", ratio, 10, "x")
        expected.below(f"{users}, export: p99", loaded, 10, " ms")
        for name, found, aim in zip(
            ("controller", "api"), bed.memory[-1][1:], AIMS_MB, strict=True
        ):
            what = f"{users}: memory of the {name} after the exports"
            expected.below(what, found.rss, aim, " MB")
    small, large = beds[0].cells, beds[-1].cells
    for state in STATES:
        growth = p99(large[state].waits) / p99(small[state].waits)
        expected.below(f"{state}: p99 of large over small", growth, 1.5, "x")
