"""Decides without a door: the rules in memory, and the reads of people, in a process of their own.

`python -m bench.decider DATA`: a request a line in, an answer a line out; it ends with its input.
All times are nanoseconds.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gateway.access.admission import admit
from gateway.access.admission_values import AdmissionSettings, AdmissionState, Circumstances
from gateway.access.attempt import Attempt, Factor
from gateway.access.decision import decide
from gateway.access.passback import Now
from gateway.access.person import Person
from gateway.access.policy import Policy
from gateway.clock import Moment, SystemClock
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.policies import PolicyKeeper
from gateway.credentials.values import Credential, CredentialKind
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import SITE_FILE, read_site
from gateway.store.files import STORE_FILE, database
from gateway.store.policy.people import PeopleReader
from gateway.store.policy.snapshot import Snapshot, SnapshotReader

from . import floor
from .sites import stored

NOON = Moment(1_795_521_600, 1_795_521_600)
"""A tuesday."""
CHUNK = 200
"""Decisions between two looks at the floor, so that both meet the same noise."""


class Decider:
    """A site's rules and people, without its doors."""

    def __init__(self, data: Path) -> None:
        store, compiling = (database.open_reader(data / STORE_FILE) for _ in range(2))
        models = Models(REGISTRY, store)
        self._people = PeopleReader(store, models)
        self._floor = floor.connected(str(data / STORE_FILE))
        self._site = read_site(data / SITE_FILE)
        self._config: EffectiveConfig | None = None
        self._keeper = PolicyKeeper(SnapshotReader(compiling, models), SystemClock())
        self._keeper.adopt = self._adopt
        self._keeper.finish()

    def _adopt(self, snapshot: Snapshot) -> None:
        """As the loop does."""
        self._config = EffectiveConfig(self._site, snapshot)
        gc.freeze()

    @property
    def _policy(self) -> Policy:
        if self._config is None:
            raise RuntimeError("no rules yet")
        return self._config.snapshot.policy

    def do_alone(self, cards: Sequence[int], seed: int) -> dict[str, list[int]]:
        """Decisions about people who are read already, at doors drawn from `seed`."""
        draw = random.Random(seed)  # noqa: S311 - a sample
        portals = list(self._policy.portals)
        found: dict[str, list[int]] = {"decide": [], "admit": []}
        settings, state = AdmissionSettings(), AdmissionState()
        for card in cards:
            person, portal = self._person(card), draw.choice(portals)
            began_ns = time.perf_counter_ns()
            decide(self._policy, person, portal, NOON)
            found["decide"].append(time.perf_counter_ns() - began_ns)
            attempt = Attempt("front", portal, Factor.CARD, person)
            seen = Circumstances(NOON, 0, Now(NOON.stamp, NOON.local))
            began_ns = time.perf_counter_ns()
            admit(self._policy, settings, state, attempt, seen)
            found["admit"].append(time.perf_counter_ns() - began_ns)
        return found

    def do_reading(self, cards: Sequence[int], seed: int) -> dict[str, list[int]]:
        """Decisions with their reads, and the same reads by bare sqlite3, in turns."""
        draw = random.Random(seed)  # noqa: S311 - a sample
        portals = list(self._policy.portals)
        found: dict[str, list[int]] = {"floor": [], "read": [], "whole": []}
        for at in range(0, len(cards), CHUNK):
            part = cards[at : at + CHUNK]
            values = [stored(card) for card in part]
            found["floor"] += _timed(lambda value: floor.read(self._floor, value), values)
            found["read"] += _timed(self._person, part)
            places = dict(zip(part, draw.choices(portals, k=len(part)), strict=True))
            found["whole"] += _timed(partial(self._decided, places), part)
        return found

    def _decided(self, places: Mapping[int, int], card: int) -> None:
        decide(self._policy, self._person(card), places[card], NOON)

    def do_obey(self) -> dict[str, Any]:
        """Take over what was written meanwhile; how long each turn of the loop was held up."""
        began_ns = time.perf_counter_ns()
        pauses = []
        self._keeper.want(self._people.policy_version())
        while self._keeper.due_ns() is not None:
            slice_ns = time.perf_counter_ns()
            self._keeper.slice()
            pauses.append(time.perf_counter_ns() - slice_ns)
        return {"whole": time.perf_counter_ns() - began_ns, "pauses": pauses}

    def _person(self, card: int) -> Person:
        person = self._people.find(Credential(CredentialKind.CARD, card)).person
        if person is None:
            raise RuntimeError(f"nobody has card {card}")
        return person


def _timed(do: Callable[[int], object], values: Sequence[int]) -> list[int]:
    times = []
    for value in values:
        began_ns = time.perf_counter_ns()
        do(value)
        times.append(time.perf_counter_ns() - began_ns)
    return times


def main() -> None:
    """Answer requests until there are no more."""
    decider = Decider(Path(sys.argv[1]))
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        answer = getattr(decider, "do_" + asked.pop("do"))(**asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
