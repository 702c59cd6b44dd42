"""A person, with what a decision needs to know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A row of `users` with the ids that tie it to rules."""

    id: int
    begin_time: int | None = None
    """Device time in seconds from which the person is valid; 0 or None for no begin."""
    end_time: int | None = None
    """Last second of validity in device time; 0 or None for no end."""
    group_ids: tuple[int, ...] = ()
    """Departments (`user_groups`)."""
    own_rule_ids: tuple[int, ...] = ()
    """Rules tied to this person alone (`user_access_rules`)."""
    opening_times: tuple[tuple[int, int], ...] = ()
    """(door, milliseconds) where doors stay unlocked longer for this person (`opening_times`)."""
    extended_times: bool = False
    """The person needs more time at doors (`users.extended_times`)."""
    passback_exempt: bool = False
    """Anti-passback ignores this person."""
    spends: tuple[int, int] | None = None
    """Row and number of the single-use card that was presented; None for other credentials."""

    @property
    def dated(self) -> bool:
        """True if the validity has a begin or an end."""
        return bool(self.begin_time or self.end_time)
