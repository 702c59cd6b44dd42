"""The patterns of a reader's lights and buzzer. Pure.

Signals show the decision and nothing else: a grant under duress looks like any grant, and an entry
at a locked keypad like any wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

SHORT_MS = 1_000
"""How long a light is on by default."""
_ALWAYS = 1 << 62

Span = tuple[int, int]
"""From and until, in milliseconds since the beginning."""


class Part(StrEnum):
    """An output of a reader; called as its key in the site file."""

    GREEN = "green"
    RED = "red"
    BUZZER = "buzzer"


class Cue(StrEnum):
    """What a reader signals."""

    GRANT = "grant"
    DENY = "deny"
    WAIT = "wait"
    """The right is there, and more is due: a PIN, or more people."""
    ERROR = "error"
    """No decision could be taken, or the reader does not count now."""


class Idle(StrEnum):
    """What a reader shows while it signals nothing, the strongest last."""

    NORMAL = "normal"
    LOCK_DOWN = "lock_down"
    """Its portal is locked down: cards open nothing."""
    ENROLMENT = "enrolment"
    """It waits for a credential to be enrolled, which opens nothing either."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """When each part is on."""

    spans: Mapping[Part, tuple[Span, ...]]
    period_ms: int = 0
    """It begins again after so long; 0 for once."""


PATTERNS: Mapping[Cue | Idle, Pattern] = MappingProxyType(
    {
        Cue.GRANT: Pattern({Part.GREEN: ((0, _ALWAYS),), Part.BUZZER: ((0, 150),)}),
        Cue.DENY: Pattern(
            {Part.RED: ((0, _ALWAYS),), Part.BUZZER: ((0, 100), (200, 300), (400, 500))}
        ),
        Cue.WAIT: Pattern({Part.GREEN: ((0, 500),), Part.RED: ((500, 1_000),)}, 1_000),
        Cue.ERROR: Pattern({Part.RED: ((0, _ALWAYS),), Part.BUZZER: ((0, 1_000),)}),
        Idle.NORMAL: Pattern({}),
        Idle.LOCK_DOWN: Pattern({Part.RED: ((0, _ALWAYS),)}),
        Idle.ENROLMENT: Pattern({Part.GREEN: ((0, 250),), Part.RED: ((0, 250),)}, 500),
    }
)


@dataclass(frozen=True, slots=True)
class Signal:
    """A cue that is shown for a time. Times are milliseconds of the monotonic clock."""

    cue: Cue | Idle
    began_ms: int
    until_ms: int = _ALWAYS
    """When everything is off; by default, when something else is shown."""

    def on(self, part: Part, now_ms: int) -> bool:
        """Whether `part` is on at this instant."""
        if not self.began_ms <= now_ms < self.until_ms:
            return False
        pattern = PATTERNS[self.cue]
        passed_ms = now_ms - self.began_ms
        if pattern.period_ms:
            passed_ms %= pattern.period_ms
        return any(start <= passed_ms < end for start, end in pattern.spans.get(part, ()))

    def next_ms(self, now_ms: int) -> int | None:
        """When a part changes next; None once all is over."""
        if now_ms >= self.until_ms:
            return None
        pattern = PATTERNS[self.cue]
        turns = (now_ms - self.began_ms) // pattern.period_ms if pattern.period_ms else 0
        base_ms = self.began_ms + turns * pattern.period_ms
        instants = [
            base_ms + at for spans in pattern.spans.values() for span in spans for at in span
        ]
        instants += [base_ms + pattern.period_ms, self.until_ms]
        return min(instant for instant in instants if instant > now_ms)
