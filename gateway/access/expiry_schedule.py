"""When expired people lose their credentials: once a day, by a clock that has proved itself.

What is taken away does not come back, so a clock that jumped by more than a day has to go on for
a day before it is believed, and one that is not trusted is not looked at.
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
    """What is remembered from one look at the clock to the next."""

    seen_s: int
    """The last look, UTC seconds."""
    steady_since_s: int
    """Since when the clock has made no jump, UTC seconds."""
    turn: int
    """The last turn that came: grows by one each day."""


@dataclass(frozen=True, slots=True)
class ExpiryCheck:
    """The state after a look, and whether to clear now."""

    state: ExpiryState | None
    due: bool = False


def check_expiry(
    state: ExpiryState | None, utc_s: int, local_s: int, reboot_s: int, *, trusted: bool
) -> ExpiryCheck:
    """Look at the clock, at least once a minute.

    `state` is None on a device that never looked. `local_s` is the site's wall clock counted as if
    it were UTC, `reboot_s` the second of the day of its daily reboot. A turn that came while the
    device was off is taken at the first look after that.
    """
    if not trusted:
        return ExpiryCheck(state)
    turn = (local_s - reboot_s - AFTER_REBOOT_S) // DAY_S
    if state is None or abs(utc_s - state.seen_s) > DAY_S:
        return ExpiryCheck(ExpiryState(utc_s, utc_s, turn))
    steady = utc_s - state.steady_since_s >= DAY_S
    # A clock that is set back a little does not make the same day come twice.
    after = ExpiryState(utc_s, state.steady_since_s, max(turn, state.turn))
    return ExpiryCheck(after, due=turn > state.turn and steady)
