"""Settings, events and effects of the turnstile, and the API's names for its sides.

All times are whole milliseconds of the monotonic clock. Only this module maps the API's left and
right to sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from gateway.doors.values import CommandRefused, Mode, ModeChanged, SettingsChanged, TimePassed
from gateway.settings import Side

BOTH = frozenset(Side)
_NONE: frozenset[Side] = frozenset()

# The vendor names turns left and right in its logs and counters, clockwise and anticlockwise in its
# commands, and does not say which is which (unverified). Assumed here: seen from above, a turn to
# the left is anticlockwise. The vendor lists both pairs in this order.
LEFT = Side.ANTICLOCKWISE

_ALLOWED = {
    "clockwise": frozenset({Side.CLOCKWISE}),
    "anticlockwise": frozenset({Side.ANTICLOCKWISE}),
    "both": BOTH,
}
_RELAYS = {"1": _ALLOWED["clockwise"], "2": _ALLOWED["anticlockwise"]}
"""The vendor's samples name relays, but not which side each of them releases (unverified)."""


class OperationMode(StrEnum):
    """`catra.operation_mode`: the sides that are always free or always locked."""

    DEFAULT = ""
    """Both sides need a release, as in BLOCKED."""
    BLOCKED = "blocked"
    ENTRANCE_OPEN = "entrance_open"
    EXIT_OPEN = "exit_open"
    BOTH_OPEN = "both_open"
    EXIT_LOCKED = "exit_locked"
    ENTRANCE_LOCKED = "entrance_locked"


class TurnState(IntEnum):
    """`turnstile_event_state`: the last event (Control iD Access API, 3.3)."""

    WAITING = 0
    """Nothing since the start, the last reset or the last release."""
    BLOCKED_RIGHT = 1
    """Somebody turned it to the right although that side was locked."""
    BLOCKED_LEFT = 2
    ANTICLOCKWISE = 3
    CLOCKWISE = 4
    GAVE_UP = 5


def turn_state(side: Side, *, allowed: bool) -> TurnState:
    """The event state after a turn to `side`."""
    if allowed:
        return TurnState.CLOCKWISE if side is Side.CLOCKWISE else TurnState.ANTICLOCKWISE
    return TurnState.BLOCKED_LEFT if side is LEFT else TurnState.BLOCKED_RIGHT


def sides_named(parameters: Mapping[str, str]) -> frozenset[Side]:
    """The sides that the parameters of a `catra` action release; none for invalid parameters.

    `allow=clockwise`, `anticlockwise` or `both`; without it, `relay=1` or `2`.
    """
    allow = parameters.get("allow", "")
    if allow:
        return _ALLOWED.get(allow, _NONE)
    return _RELAYS.get(parameters.get("relay", ""), _NONE)


@dataclass(frozen=True, slots=True)
class TurnstileSettings:
    """How the turnstile is configured. Raises ValueError for a time out of its range."""

    timeout_ms: int = 3_000
    """How long a release waits for a turn, 0 or more; 0 is until somebody turns."""
    entrance: Side = Side.CLOCKWISE
    operation: OperationMode = OperationMode.DEFAULT

    def __post_init__(self) -> None:
        if self.timeout_ms < 0:
            raise ValueError(f"timeout_ms must be 0 or more, not {self.timeout_ms}")

    @property
    def exit(self) -> Side:
        """The side that is not the entrance."""
        (other,) = BOTH - {self.entrance}
        return other

    def free(self, mode: Mode) -> frozenset[Side]:
        """The sides that turn without a release.

        A lock-down closes the entrance; an exit that is free stays free, as a door's REX button
        keeps working.
        """
        if mode.releases:
            return BOTH
        opened = {
            OperationMode.ENTRANCE_OPEN: {self.entrance},
            OperationMode.EXIT_OPEN: {self.exit},
            OperationMode.BOTH_OPEN: {self.entrance, self.exit},
        }.get(self.operation, set())
        if mode is Mode.LOCK_DOWN:
            opened.discard(self.entrance)
        return frozenset(opened)

    def releasable(self, mode: Mode) -> frozenset[Side]:
        """The sides that a release may name."""
        if mode.releases:
            return BOTH
        if mode is Mode.LOCK_DOWN:
            return _NONE
        locked = {
            OperationMode.EXIT_LOCKED: {self.exit},
            OperationMode.ENTRANCE_LOCKED: {self.entrance},
        }.get(self.operation, set())
        return BOTH - locked


@dataclass(frozen=True, slots=True)
class Release:
    """A grant or a client lets one person through, to one of `sides`.

    `key` identifies the release in its effects. Raises ValueError if `sides` is empty.
    """

    sides: frozenset[Side]
    key: str

    def __post_init__(self) -> None:
        if not self.sides:
            raise ValueError("a release names a side")


@dataclass(frozen=True, slots=True)
class Withdraw:
    """End a release early, because the turnstile goes out of service."""


@dataclass(frozen=True, slots=True)
class TurnSensed:
    """The contact of a side reported a turn."""

    side: Side


@dataclass(frozen=True, slots=True)
class StateReset:
    """A client resets the event state to WAITING."""


TurnstileEvent = (
    Release | Withdraw | TurnSensed | StateReset | ModeChanged | SettingsChanged | TimePassed
)


@dataclass(frozen=True, slots=True)
class DriveSide:
    """Switch the output of a side; emitted only when the state changes."""

    side: Side
    unlocked: bool


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody went through (`access_events` TURN_LEFT or TURN_RIGHT)."""

    side: Side
    key: str | None
    """The release that ended with it; None for a turn that needed none, or was forced."""
    entrance: bool
    allowed: bool
    """False for a turn at a side that was locked: the arm was forced, or is broken."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A release ended without a turn (`access_events` GIVE_UP)."""

    key: str


TurnstileEffect = DriveSide | Turned | GaveUp | CommandRefused
