"""Anti-passback: a card handed back through the window opens nothing.

*By area* (the portals between areas that a site watches): who is in another area than the one a
portal leads from is refused, or only noted. *Timed*: nobody enters twice by one portal within so
many minutes. *Daily* and *timed by direction*, the vendor's turnstile modes, are by area for every
portal between two areas, forgotten at midnight or after the minutes.

A position that is not known, or was forgiven, refuses nobody: it is allowed and set. A portal
whose two areas are the same takes no part in anything that goes by area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

_DAY_S = 86_400


class Strictness(IntEnum):
    """What a violation leads to."""

    OFF = 0
    SOFT = 1
    """It is noted."""
    HARD = 2
    """It is refused."""


class PassbackMode(StrEnum):
    """`identifier.antipassback_mode` (Access API, section 4.3), or off."""

    OFF = "off"
    TIMED = "timed"
    DAILY_BY_DIRECTION = "daily_catra"
    TIMED_BY_DIRECTION = "timed_catra"
    BY_DIRECTION = "catra"
    """`catra.anti_passback`, a turnstile's own switch: until it is forgiven."""


@dataclass(frozen=True, slots=True)
class PassbackSettings:
    """What the configuration asks for, beside the areas that are watched."""

    mode: PassbackMode = PassbackMode.OFF
    minutes: int = 0
    """For the two timed modes; 0 forgets at once, and so refuses nobody."""


@dataclass(frozen=True, slots=True)
class PassbackPosition:
    """What is remembered of a person. Times are UTC seconds, days those of the site."""

    area_id: int = 0
    """Where the person is; 0 when that is not known."""
    since_s: int = 0
    """When they came there."""
    since_day: int = 0
    """The local day of that, counted from 1970."""
    here_s: int | None = None
    """When they last entered by the portal in question."""


UNKNOWN_POSITION = PassbackPosition()


@dataclass(frozen=True, slots=True)
class Passage:
    """A portal as anti-passback sees it."""

    area_from_id: int
    area_to_id: int
    strictness: Strictness = Strictness.OFF
    """How strictly its areas are watched."""

    @property
    def between_areas(self) -> bool:
        """False where both sides are one area: nobody's position changes there."""
        return self.area_from_id != self.area_to_id


NO_PASSAGE = Passage(0, 0)


@dataclass(frozen=True, slots=True)
class Now:
    """The instant of a check."""

    utc_s: int
    local_s: int
    """The site's wall clock, counted as if it were UTC."""

    @property
    def day(self) -> int:
        return self.local_s // _DAY_S


def passage(area_from_id: int, area_to_id: int, watched: Mapping[int, int]) -> Passage:
    """The passage between two areas, of which `watched` says how strictly: the stricter counts."""
    if area_from_id == area_to_id:
        return Passage(area_from_id, area_to_id)
    strictest = max(watched.get(area, 0) for area in (area_from_id, area_to_id))
    strictness = Strictness(min(max(strictest, Strictness.OFF), Strictness.HARD))
    return Passage(area_from_id, area_to_id, strictness)


AREA = "area"
"""What a violation breaks where a site watches the areas, whatever the configuration's mode."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What speaks against letting a person in."""

    strictness: Strictness
    """SOFT or HARD."""
    rule: str
    """A `PassbackMode`, or AREA."""
    passage: Passage
    position: PassbackPosition
    again_s: int | None = None
    """UTC seconds at which time alone ends it; None where it does not."""

    def facts(self) -> dict[str, int | str]:
        """What a record keeps of it; times are UTC seconds."""
        known: dict[str, int | str | None] = {
            "rule": self.rule,
            "again_s": self.again_s,
            **(
                {"entered_s": self.position.here_s}
                if self.rule == PassbackMode.TIMED
                else {
                    "area_id": self.position.area_id,
                    "since_s": self.position.since_s,
                    "area_from_id": self.passage.area_from_id,
                    "area_to_id": self.passage.area_to_id,
                }
            ),
        }
        return {name: value for name, value in known.items() if value is not None}


def violation(
    settings: PassbackSettings, by: Passage, position: PassbackPosition, now: Now
) -> Violation | None:
    """What letting the person in would violate, the graver first; None when nothing.

    A clock that went back makes no violation of what lies ahead of it.
    """
    elsewhere = by.between_areas and position.area_id not in (0, by.area_from_id)
    if _barred(settings, position, now, elsewhere=elsewhere):
        again_s = _again_s(settings, position)
        return Violation(Strictness.HARD, settings.mode.value, by, position, again_s)
    if elsewhere and by.strictness is not Strictness.OFF:
        return Violation(by.strictness, AREA, by, position)
    return None


def _again_s(settings: PassbackSettings, position: PassbackPosition) -> int | None:
    """When the time of a timed mode is over."""
    match settings.mode:
        case PassbackMode.TIMED if position.here_s is not None:
            return position.here_s + settings.minutes * 60
        case PassbackMode.TIMED_BY_DIRECTION:
            return position.since_s + settings.minutes * 60
    return None


def _barred(
    settings: PassbackSettings, position: PassbackPosition, now: Now, *, elsewhere: bool
) -> bool:
    """Whether the mode of the configuration refuses."""
    match settings.mode:
        case PassbackMode.TIMED:
            return position.here_s is not None and _within(settings, position.here_s, now)
        case PassbackMode.DAILY_BY_DIRECTION:
            return elsewhere and position.since_day == now.day
        case PassbackMode.TIMED_BY_DIRECTION:
            return elsewhere and _within(settings, position.since_s, now)
        case PassbackMode.BY_DIRECTION:
            return elsewhere
        case PassbackMode.OFF:
            return False


def _within(settings: PassbackSettings, at_s: int, now: Now) -> bool:
    return 0 <= now.utc_s - at_s < settings.minutes * 60
