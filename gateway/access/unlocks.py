"""Unlock schedules: while one is in force, the doors behind its portals let everyone pass.

The schedule comes from the time zones of its releasing rules, the places from the portals and
areas that those rules are tied to (Access API, `scheduled_unlocks`). A blocking rule tied to it
unlocks nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass

from gateway.access.calendar import Instant
from gateway.access.condition import Condition
from gateway.access.rows import LinkRow, ScheduledUnlockRow
from gateway.access.slices import sliced


@dataclass(frozen=True, slots=True)
class Unlock:
    """One rule of an unlock schedule."""

    id: int
    name: str
    rule_id: int
    when: Condition


def compile_unlocks(
    rows: Iterable[ScheduledUnlockRow],
    links: Iterable[LinkRow],
    releasing: Mapping[int, Condition],
) -> Generator[None, None, dict[int, list[Unlock]]]:
    """By rule, the schedules that go by it; `releasing` are the conditions of releasing rules."""
    names: dict[int, str] = {}
    for part in sliced(rows):
        names.update((row.id, row.name) for row in part)
        yield
    found: dict[int, list[Unlock]] = {}
    for links_part in sliced(links):
        for schedule, rule in links_part:
            if schedule in names and rule in releasing:
                unlock = Unlock(schedule, names[schedule], rule, releasing[rule])
                found.setdefault(rule, []).append(unlock)
        yield
    return found


def unlocked_by(unlocks: Iterable[Unlock], instant: Instant) -> Unlock | None:
    """The schedule that holds the place unlocked at `instant`, None for none.

    Only a schedule that is certain counts: with a clock that is not trusted, one of all week.
    """
    return next((unlock for unlock in unlocks if unlock.when.holds(instant)), None)
