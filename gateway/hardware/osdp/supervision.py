"""Supervision of one reader: whether it answers, over which channel, and when to ask again. Pure.

The library asks a silent reader once a second for 8 s, and then every 300 s only: the supervisor
makes it begin anew. Such a question costs the other readers of the bus 200 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.hardware.events import Health
from gateway.hardware.osdp.messages import ChannelChanged, PresenceChanged

MISSED_POLLS = 3
"""Polls in a row without an answer after which a reader is not answering."""
RETRY_MS = 2_000
"""First pause before a reader that answers, and is not reached, begins anew; it grows by half to
the longest."""
LONGEST_RETRY_MS = 10_000
ASKED_MS = 5_500
"""How long the library's own questions to a silent reader are enough, the pause's growth included.
What answers the first ones still has its channel."""
OFTEN = 8
"""So many times the library begins anew with a silent reader at once; then with that pause, and it
asks for a shorter time."""
ASKED_SELDOM_MS = 1_000
DISABLED_MS = 300
"""How long the library leaves a reader alone in between; it needs that to begin anew."""
GRACE_MS = 4_000
"""A reader that answers for so long without its secure channel is a suspect."""

SILENT = "does not answer: check its supply, A and B, `baud` and `address`"
REFUSES = (
    "answers, but not over the secure channel of its key: another reader, or one that was reset;"
    " pair it again only if you know why"
)
CONNECTING = "connecting"
UNPAIRED = "not paired: pair it on the page, or by `gateway osdp pair`"
PAIRED_NOW = "is being paired; it opens nothing meanwhile"
SCANNED_NOW = "its bus is being searched for readers; nothing is read meanwhile"
EXPLAINED = frozenset({SILENT, REFUSES, CONNECTING, UNPAIRED, PAIRED_NOW})
"""Reasons that need no more advice."""


class Protection(StrEnum):
    """What protects the messages of a reader."""

    NONE = "none"
    DEFAULT = "default"
    """SCBK-D: as good as none."""
    OWN = "own"


@dataclass(frozen=True, slots=True)
class PollAnswered:
    """The reader answered a poll."""


@dataclass(frozen=True, slots=True)
class PollMissed:
    """The reader did not answer a poll."""


@dataclass(frozen=True, slots=True)
class TimeElapsed:
    """Time has passed."""


LinkEvent = PollAnswered | PollMissed | TimeElapsed | ChannelChanged | PresenceChanged


class LinkEffect(StrEnum):
    """What the driver must do in the library."""

    DISABLE = "disable"
    ENABLE = "enable"


@dataclass(frozen=True, slots=True)
class LinkState:
    """One reader on the bus. Instants are milliseconds of the monotonic clock."""

    clear_text: bool
    """The site file permits messages without a secure channel."""
    channel: Protection = Protection.NONE
    online: bool = False
    missed: int = 0
    ever_answered: bool = False
    plain_since_ms: int | None = None
    """Since when it answers without its secure channel."""
    retry_ms: int | None = None
    """When the library loses it, to begin anew; None while it is reached."""
    pause_ms: int = RETRY_MS
    tries: int = 0
    """In a row while it was silent."""
    enable_ms: int | None = None
    """When the library gets it back; None while it has it."""

    @property
    def reached(self) -> bool:
        """Whether its messages count."""
        return self.channel is Protection.OWN or (self.clear_text and self.online)

    @property
    def silent(self) -> bool:
        """Whether it does not answer."""
        return self.missed >= MISSED_POLLS or not self.ever_answered

    def at_once(self, now_ms: int) -> LinkState:
        """With the next attempt now."""
        if self.enable_ms is not None:
            return replace(self, enable_ms=now_ms)
        return replace(self, retry_ms=now_ms, tries=0)

    def suspect(self, now_ms: int) -> bool:
        """Whether it answers, but is not the reader that has the key."""
        since_ms = self.plain_since_ms
        return since_ms is not None and now_ms - since_ms >= GRACE_MS

    def health(self, now_ms: int) -> tuple[Health, str]:
        """The state to show, and its reason."""
        if self.reached and self.missed < MISSED_POLLS:
            return Health.ONLINE, ""
        if self.suspect(now_ms):
            return Health.OFFLINE, REFUSES
        if self.missed >= MISSED_POLLS:
            return Health.OFFLINE, SILENT
        return Health.OFFLINE, CONNECTING


def supervise(
    state: LinkState,
    event: LinkEvent,
    now_ms: int,
    jitter: float = 0.0,
    *,
    let_go: bool = True,
) -> tuple[LinkState, Sequence[LinkEffect]]:
    """Return the state after `event`, and what to do.

    `jitter`, 0 to 1, lengthens a pause by up to a quarter, so that two silent readers do not take
    the bus together again and again. `let_go` says whether the library has carried out the last
    DISABLE, which may take it a second; it ignores an ENABLE before.
    """
    match event:
        case PollAnswered():
            if state.silent and state.retry_ms is not None:
                # Now it has the time to set up its channel.
                state = replace(state, retry_ms=now_ms + GRACE_MS, tries=0)
            state = replace(state, missed=0, ever_answered=True)
            if not state.reached and not state.clear_text and state.plain_since_ms is None:
                state = replace(state, plain_since_ms=now_ms)
        case PollMissed():
            state = replace(state, missed=min(state.missed + 1, MISSED_POLLS))
            if state.silent:
                state = replace(state, plain_since_ms=None)
        case ChannelChanged(active=active, default_key=default_key):
            channel = (
                (Protection.DEFAULT if default_key else Protection.OWN)
                if active
                else Protection.NONE
            )
            plain_ms = None if channel is Protection.OWN else state.plain_since_ms
            state = replace(state, channel=channel, plain_since_ms=plain_ms)
        case PresenceChanged(online=online):
            state = replace(state, online=online)
    return _retry(state, now_ms, jitter, let_go=let_go)


def _retry(
    state: LinkState, now_ms: int, jitter: float, *, let_go: bool
) -> tuple[LinkState, Sequence[LinkEffect]]:
    if state.enable_ms is not None:
        if now_ms < state.enable_ms or not let_go:
            return state, ()
        given = replace(state, enable_ms=None, retry_ms=_next(state, now_ms, jitter))
        return given, (LinkEffect.ENABLE,)
    if state.reached and state.missed < MISSED_POLLS:
        return replace(state, retry_ms=None, pause_ms=RETRY_MS, tries=0), ()
    if state.retry_ms is None:
        return replace(state, retry_ms=_next(state, now_ms, jitter)), ()
    if now_ms < state.retry_ms:
        return state, ()
    seldom = state.silent and state.tries >= OFTEN
    away_ms = state.pause_ms if seldom else DISABLED_MS
    grows = seldom or not state.silent
    begun = replace(
        state,
        channel=Protection.NONE,
        online=False,
        enable_ms=now_ms + away_ms,
        pause_ms=min(state.pause_ms * 3 // 2, LONGEST_RETRY_MS) if grows else state.pause_ms,
        tries=state.tries + state.silent,
    )
    return begun, (LinkEffect.DISABLE,)


def _next(state: LinkState, now_ms: int, jitter: float) -> int:
    """When the library must begin anew, if nothing has changed by then."""
    wait_ms = state.pause_ms
    if state.silent:
        wait_ms = ASKED_SELDOM_MS if state.tries >= OFTEN else ASKED_MS
    return now_ms + round(wait_ms * (1 + jitter / 4))
