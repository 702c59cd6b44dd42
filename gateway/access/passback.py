"""Anti-passback: refuses a card that a person inside handed back to one outside.

*By area* (portals between watched areas): refuses, or only records, a person whose position is not
the area that the portal leads from. *Timed*: refuses a second entry by one portal within the set
minutes. *Daily* and *timed by direction*, the vendor's turnstile modes, are by area for every
portal between two areas, forgotten at midnight or after the minutes.

An unknown or forgiven position never refuses; the passage sets it. Checks by area ignore a portal
whose two areas are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

_DAY_S = 86_400


class Strictness(IntEnum):
    """What a violation leads to."""

    OFF = 0
    SOFT = 1
    """The passage is allowed and recorded as a violation."""
    HARD = 2
    """The passage is refused."""


class PassbackMode(StrEnum):
    """`identifier.antipassback_mode` (Access API, section 4.3), or off."""

    OFF = "off"
    TIMED = "timed"
    DAILY_BY_DIRECTION = "daily_catra"
    TIMED_BY_DIRECTION = "timed_catra"
    BY_DIRECTION = "catra"
    """`catra.anti_passback`, the switch of a turnstile: lasts until forgiven."""


@dataclass(frozen=True, slots=True)
class PassbackSettings:
    """The anti-passback settings of the configuration; watched areas are in the rules."""

    mode: PassbackMode = PassbackMode.OFF
    minutes: int = 0
    """For the two timed modes; 0 never refuses."""

    def applies_to(self, passage: Passage) -> bool:
        """True if a passage can violate anti-passback, so that positions must be read."""
        return self.mode is not PassbackMode.OFF or passage.strictness is not Strictness.OFF


@dataclass(frozen=True, slots=True)
class PassbackPosition:
    """The last known position of a person. Times are UTC seconds, days those of the site."""

    area_id: int = 0
    """The area; 0 if unknown."""
    since_s: int = 0
    """When the person entered it."""
    since_day: int = 0
    """The local day of `since_s`, counted from 1970."""
    here_s: int | None = None
    """When the person last entered by the portal in question."""


UNKNOWN_POSITION = PassbackPosition()


@dataclass(frozen=True, slots=True)
class Passage:
    """The two areas of a portal and how strictly they are watched."""

    area_from_id: int
    area_to_id: int
    strictness: Strictness = Strictness.OFF
    """The stricter of its two areas."""
    leads_out: bool = False
    """It leads out of the site: neither a threat level nor the limits of an area refuse anybody."""

    @property
    def between_areas(self) -> bool:
        """False if both sides are one area: a passage then changes no position."""
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


def passage(
    area_from_id: int,
    area_to_id: int,
    watched: Mapping[int, int],
    outside: Collection[int] = frozenset(),
) -> Passage:
    """The passage between two areas; `watched` is area -> strictness, and the stricter counts, and
    `outside` are the areas that are not of the site."""
    if area_from_id == area_to_id:
        return Passage(area_from_id, area_to_id)
    strictest = max(watched.get(area, 0) for area in (area_from_id, area_to_id))
    strictness = Strictness(min(max(strictest, Strictness.OFF), Strictness.HARD))
    leads_out = area_to_id in outside and area_from_id not in outside
    return Passage(area_from_id, area_to_id, strictness, leads_out)


AREA = "area"
"""The rule that a violation of a watched area names, in every mode of the configuration."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Why anti-passback objects to a passage."""

    strictness: Strictness
    """SOFT or HARD."""
    rule: str
    """A `PassbackMode`, or AREA."""
    passage: Passage
    position: PassbackPosition
    again_s: int | None = None
    """UTC seconds at which the violation ends by itself; None if it does not."""

    def facts(self) -> dict[str, int | str]:
        """The facts for the journal; times are UTC seconds."""
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
    """The violation that letting the person in would be, a HARD one first; None without one.

    Timed modes ignore an entry that lies in the future because the clock was set back.
    """
    elsewhere = by.between_areas and position.area_id not in (0, by.area_from_id)
    if _barred(settings, position, now, elsewhere=elsewhere):
        again_s = _again_s(settings, position)
        return Violation(Strictness.HARD, settings.mode.value, by, position, again_s)
    if elsewhere and by.strictness is not Strictness.OFF:
        return Violation(by.strictness, AREA, by, position)
    return None


def _again_s(settings: PassbackSettings, position: PassbackPosition) -> int | None:
    """UTC seconds at which a timed mode allows the person again; None for other modes."""
    match settings.mode:
        case PassbackMode.TIMED if position.here_s is not None:
            return position.here_s + settings.minutes * 60
        case PassbackMode.TIMED_BY_DIRECTION:
            return position.since_s + settings.minutes * 60
    return None


def _barred(
    settings: PassbackSettings, position: PassbackPosition, now: Now, *, elsewhere: bool
) -> bool:
    """True if the mode of the configuration refuses the person."""
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
