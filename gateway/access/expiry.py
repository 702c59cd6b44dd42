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


class Whose(StrEnum):
    """`general.clear_expired_users`."""

    NOBODYS = "disable"
    NOBODYS_TOO = "none"
    VISITORS = "visitors"
    ALL = "all"

    @property
    def nobodys(self) -> bool:
        """True when nothing is cleared."""
        return self in (Whose.NOBODYS, Whose.NOBODYS_TOO)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered from one look at the clock to the next."""

    seen_s: int
    """The last look, UTC seconds."""
    steady_since_s: int
    """Since when the clock has made no jump, UTC seconds."""
    turn: int
    """The last turn that came: grows by one each day."""


@dataclass(frozen=True, slots=True)
class Look:
    """The watch after a look, and whether to clear now."""

    watch: Watch | None
    due: bool = False


def look(watch: Watch | None, utc_s: int, local_s: int, reboot_s: int, *, trusted: bool) -> Look:
    """Look at the clock, at least once a minute.

    `watch` is None on a device that never looked. `local_s` is the site's wall clock counted as if
    it were UTC, `reboot_s` the second of the day of its daily reboot. A turn that came while the
    device was off is taken at the first look after that.
    """
    if not trusted:
        return Look(watch)
    turn = (local_s - reboot_s - AFTER_REBOOT_S) // DAY_S
    if watch is None or abs(utc_s - watch.seen_s) > DAY_S:
        return Look(Watch(utc_s, utc_s, turn))
    steady = utc_s - watch.steady_since_s >= DAY_S
    # A clock that is set back a little does not make the same day come twice.
    after = Watch(utc_s, watch.steady_since_s, max(turn, watch.turn))
    return Look(after, due=turn > watch.turn and steady)
