"""When the device deletes the credentials of expired people: once a day.

The deletion cannot be undone. After a jump of more than a day the clock must run for a day without
another one before it counts; an untrusted clock does not count at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DAY_S = 86_400
AFTER_REBOOT_S = 16 * 60
"""From the time of the daily reboot to the clearing (Access API, visits)."""


class ExpiryScope(StrEnum):
    """`general.clear_expired_users`."""

    DISABLED = "disable"
    NONE = "none"
    VISITORS = "visitors"
    ALL = "all"

    @property
    def off(self) -> bool:
        """True when nothing is cleared."""
        return self in (ExpiryScope.DISABLED, ExpiryScope.NONE)


@dataclass(frozen=True, slots=True)
class ExpiryState:
    """What the schedule remembers from one check to the next."""

    seen_s: int
    """The last check, UTC seconds."""
    steady_since_s: int
    """When the clock last jumped, or the first check, UTC seconds."""
    turn: int
    """Number of the last daily run; grows by one each day."""


@dataclass(frozen=True, slots=True)
class ExpiryCheck:
    """The state after a check, and whether to delete credentials now."""

    state: ExpiryState | None
    due: bool = False


def check_expiry(
    state: ExpiryState | None, utc_s: int, local_s: int, reboot_s: int, *, trusted: bool
) -> ExpiryCheck:
    """Decide whether the daily run is due. Call it at least once a minute.

    `state` is None before the first check. `local_s` is the site's wall clock counted as if
    it were UTC, `reboot_s` the second of the day of its daily reboot. A run that fell
    due while the device was off is due at the first check after that.
    """
    if not trusted:
        return ExpiryCheck(state)
    turn = (local_s - reboot_s - AFTER_REBOOT_S) // DAY_S
    if state is None or abs(utc_s - state.seen_s) > DAY_S:
        return ExpiryCheck(ExpiryState(utc_s, utc_s, turn))
    steady = utc_s - state.steady_since_s >= DAY_S
    # A clock that is set back a little does not repeat a run.
    after = ExpiryState(utc_s, state.steady_since_s, max(turn, state.turn))
    return ExpiryCheck(after, due=turn > state.turn and steady)
