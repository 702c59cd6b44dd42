"""A decision by itself: rules alone, with reads beside the bare reads, and what a change costs."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store

from .figures import Expectations, p50, p99, say, table
from .processes import Process, ask, started
from .sites import Site, add_estate, build, card_of

PORTALS, ZONES = 500, 1_000
SAMPLES = 20_000
SIZES = (250, 500, 1_000, 2_000, 4_000)
"""Rules, with a quarter as many portals and half as many time zones."""
CHANGES = 12
_MS = 1e6


def measure(site: Site, rules: int, nice: int, expected: Expectations) -> None:
    """Measure decisions and changes at a large site, and compilations at growing ones."""
    say()
    say(
        f"Decisions at {site.users:,} people, {rules:,} rules, {PORTALS} portals and {ZONES:,} "
        "time zones, in milliseconds"
    )
    with _decider(site, nice) as process:
        _decisions(site, process, expected)
        _changes(site, process, expected)
    _growth(nice, expected)


def _decider(site: Site, nice: int) -> AbstractContextManager[Process]:
    return started(site, "-m", f"{__package__}.decider", str(site.data), nice=nice)


def _decisions(site: Site, process: Process, expected: Expectations) -> None:
    draw = random.Random(1)  # noqa: S311 - a sample
    cards = [card_of(draw.randrange(site.users)) for _ in range(SAMPLES)]
    warm = {"cards": cards[: SAMPLES // 10], "seed": 0}
    found: dict[str, list[int]] = {}
    for do in ("alone", "reading"):
        ask(process, {"do": do, **warm})
        found |= ask(process, {"do": do, "cards": cards, "seed": 1})
    table(
        ("what", "per second", "p50", "p99", "max"),
        (
            (name, f"{1e9 * len(times) / sum(times):,.0f}", *_spread(times))
            for name, times in (
                ("decide, rules alone", found["decide"]),
                ("admit, rules alone", found["admit"]),
                ("the reads with bare sqlite3", found["floor"]),
                ("the reads", found["read"]),
                ("the reads and decide", found["whole"]),
            )
        ),
    )
    expected.below("decide alone: p99", p99(found["decide"]), 0.2, " ms")
    for name, part in (("p50", p50), ("p99", p99)):
        ratio = part(found["whole"]) / part(found["floor"])
        expected.below(f"reads and decide over the bare reads: {name}", ratio, 3, "x")


def _changes(site: Site, process: Process, expected: Expectations) -> None:
    pauses: list[int] = []
    wholes: list[int] = []
    for turn in range(CHANGES):
        with Store.open(site.store, REGISTRY, lambda: 0) as store, store.transaction():
            store.database.execute_sql(
                "UPDATE access_rules SET priority = ? WHERE id = 10", (turn + 1,)
            )
        answer = ask(process, {"do": "obey"})
        pauses += answer["pauses"]
        wholes.append(answer["whole"])
    say(f"{CHANGES} changes of a rule: the whole compilation, and one turn of the loop")
    table(
        ("what", "n", "p50", "p99", "max"),
        (("whole", len(wholes), *_spread(wholes)), ("pause", len(pauses), *_spread(pauses))),
    )
    expected.below("a change of a rule holds up the loop: longest", max(pauses) / _MS, 5, " ms")


def _spread(times: list[int]) -> tuple[float, float, float]:
    return p50(times), p99(times), max(times) / _MS


def _growth(nice: int, expected: Expectations) -> None:
    """Compile sites of growing sizes: what a rule costs must not grow with them."""
    per_rule: dict[int, float] = {}
    for rules in SIZES:
        with TemporaryDirectory(prefix="gateway-bench-") as name:
            site = build(Path(name, "site"), 10)
            add_estate(site, rules, portals=rules // 4, zones=rules // 2)
            with _decider(site, nice) as process:
                ask(process, {"do": "obey"})  # it has the rules by now
                wholes = []
                for turn in range(5):
                    with Store.open(site.store, REGISTRY, lambda: 0) as store, store.transaction():
                        store.database.execute_sql(
                            "UPDATE access_rules SET priority = ? WHERE id = 10", (turn + 1,)
                        )
                    wholes.append(ask(process, {"do": "obey"})["whole"])
        per_rule[rules] = min(wholes) / _MS / rules
    say()
    say("Compilation of growing sites, in milliseconds (the fastest of five)")
    table(
        ("rules", "whole", "per 1,000 rules"),
        ((f"{rules:,}", cost * rules, cost * 1000) for rules, cost in per_rule.items()),
    )
    growth = per_rule[SIZES[-1]] / per_rule[SIZES[0]]
    expected.below("cost of a rule, largest site over smallest", growth, 1.5, "x")
