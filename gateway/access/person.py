"""The person who stands at the reader, as far as a decision needs to know them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A row of `users` with the ids that tie it to rules."""

    id: int
    begin_time: int | None = None
    """Device time in seconds from which the person is valid; 0 or None: always was."""
    end_time: int | None = None
    """Device time in seconds, included, until which the person is valid; 0 or None: for ever."""
    group_ids: tuple[int, ...] = ()
    """Departments (`user_groups`)."""
    own_rule_ids: tuple[int, ...] = ()
    """Rules tied to this person alone (`user_access_rules`)."""
    opening_times: tuple[tuple[int, int], ...] = ()
    """(door, milliseconds) where doors stay unlocked longer for this person (`opening_times`)."""
    passback_exempt: bool = False
    """Anti-passback does not concern this person."""
    spends: tuple[int, int] | None = None
    """The card, by its row and its number, that lets in once and was shown; None for any other."""

    @property
    def dated(self) -> bool:
        """True when the right to pass begins or ends at some time."""
        return bool(self.begin_time or self.end_time)
