"""What many rules cost: a compilation by itself, and beside the doors that go on opening."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.store.files import database
from gateway.store.policy.snapshot import SnapshotReader

from .client import Client
from .figures import p50, p99, say, table
from .processes import api, ask, swiper
from .sites import Site
from .swipes import Bed, Plan

CHANGES = 12
EVERY_S = 0.4
"""From one change of the rules to the next."""
TIMES = 5
_GAP_NS = 100_000_000
"""Slices of one compilation follow each other faster than this."""


def measure(site: Site, rules: int, plan: Plan) -> None:
    """Print what a compilation takes, how long it holds the loop, and what a swipe notices."""
    say()
    say(f"Compilation of {rules:,} rules, in milliseconds (nothing is expected of it)")
    alone = [_alone(site) for _ in range(TIMES)]
    with api(site) as (api_process, url), swiper(site, plan.nice) as swiping:
        bed = Bed(site, swiping, api_process, swiping)
        people = bed.people(plan, seed=1)
        ask(swiping, bed.swipes("swipe", people, plan, seed=1))
        quiet = ask(swiping, bed.swipes("swipe", people, plan, seed=2))["waits"]
        ask(swiping, {"do": "watch"})
        ask(swiping, {"do": "slices"})
        client = Client(url, site.password)
        # The swipes last as long as the changes.
        pace_ms = CHANGES * EVERY_S * 1000 / len(people)
        with ThreadPoolExecutor(1) as pool:
            request = {**bed.swipes("swipe", people, plan, seed=3), "pace_ms": pace_ms}
            done = pool.submit(ask, swiping, request)
            answers = [_change(client, turn) for turn in range(CHANGES)]
            during = done.result()["waits"]
        client.close()
        slices: list[tuple[int, int]] = ask(swiping, {"do": "slices"})
    runs = list(_runs(slices))
    spans = [run[-1][0] + run[-1][1] - run[0][0] for run in runs]
    table(
        ("what", "n", "p50", "max"),
        (
            _row("alone, in one go", [whole for whole, _ in alone]),
            _row("alone, longest step between two offers to give way", [step for _, step in alone]),
            _row("beside the doors, from first slice to last", spans),
            _row("beside the doors, pause of the loop (one slice)", [it for _, it in slices]),
            _row("a change by the API, until it is obeyed", answers),
        ),
    )
    say(f"swipes without changes: p50 {p50(quiet):.3f}, p99 {p99(quiet):.3f}")
    say(
        f"swipes while rules or schedules change every {EVERY_S} s: p50 {p50(during):.3f}, "
        f"p99 {p99(during):.3f}, max {max(during) / 1e6:.3f} (below 5 at p99 is expected)"
    )


def _alone(site: Site) -> tuple[int, int]:
    """The whole time of a compilation, and of its longest step, in nanoseconds."""
    reader = database.open_reader(site.store)
    try:
        steps = SnapshotReader(reader, Models(REGISTRY, reader)).compile()
        began_ns = at_ns = time.monotonic_ns()
        longest_ns = 0
        for _ in steps:
            now_ns = time.monotonic_ns()
            longest_ns, at_ns = max(longest_ns, now_ns - at_ns), now_ns
        return time.monotonic_ns() - began_ns, longest_ns
    finally:
        reader.close_all()


def _change(client: Client, turn: int) -> int:
    """How long the api takes to answer a change of a rule, or of a schedule that has ten rules, in
    nanoseconds; the rest is a pause."""
    began_ns = time.monotonic_ns()
    table, values, where = (
        ("access_rules", {"name": f"Rule {turn}"}, {"id": 10}),
        ("time_spans", {"sun": turn // 2 % 2}, {"time_zone_id": 10}),
    )[turn % 2]
    request = {"object": table, "values": values, "where": {table: where}}
    client.post("modify_objects", request)
    took_ns = time.monotonic_ns() - began_ns
    time.sleep(max(0.0, EVERY_S - took_ns / 1e9))
    return took_ns


def _runs(slices: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The slices of each compilation."""
    run: list[tuple[int, int]] = []
    for began_ns, length_ns in slices:
        if run and began_ns - run[-1][0] > _GAP_NS:
            yield run
            run = []
        run.append((began_ns, length_ns))
    if run:
        yield run


def _row(what: str, times_ns: Sequence[int]) -> tuple[object, ...]:
    return what, len(times_ns), p50(times_ns), max(times_ns) / 1e6
