"""Empties areas at their time of day, also when that passed while the controller was off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.occupancy import AreaLimits
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.explain.events import SCHEDULED


@dataclass(frozen=True, slots=True)
class AreaEmptyingState:
    """By area, its time of day that was seen last, in seconds of the site's wall clock."""

    seen: Mapping[int, int]


class AreaEmptying:
    """Has nobody count as inside who entered before the time of day. The loop's thread alone uses
    it."""

    def __init__(self, positions: PassbackPositions) -> None:
        self._positions = positions
        self._seen: dict[int, int] = {}

    def state(self) -> AreaEmptyingState:
        return AreaEmptyingState(dict(self._seen))

    def restore(self, state: AreaEmptyingState) -> None:
        self._seen = dict(state.seen)

    def see_time(self, limits: Mapping[int, AreaLimits]) -> None:
        """Empty the areas whose time has passed since the last call; at the first one, whoever came
        before it. Call it only while the clock is trusted."""
        now = self._positions.now()
        seen: dict[int, int] = {}
        for area, its in limits.items():
            at_s = its.emptied_last(now.local_s)
            if at_s is None:
                continue
            seen[area] = at_s
            before = self._seen.get(area)
            if before is not None and at_s <= before:
                seen[area] = before  # the clock was set back: nothing is emptied twice
                continue
            # Where summer time changed since then, an hour more or less counts as before.
            self._positions.empty_before(area, now.utc_s - (now.local_s - at_s), SCHEDULED)
        self._seen = seen
