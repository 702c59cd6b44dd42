"""Whether the server is there: the keep-alive, failures in sequence, the way back.

No input, output, clock or randomness: the caller gives the outcome of each request.

Nothing but `session_is_valid` and `device_is_alive` is sent before the server has answered the
latter. After so many failures in sequence, or so many of other requests whatever the keep-alives
between them, the server counts as away, until it answers the keep-alive again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

AGAIN_S = 2.0
"""Longest pause between two keep-alives while the last one failed and the server is not away."""
AWAY_S = 60.0
"""Pause between two keep-alives while the server is away, or the configured one if shorter."""
_SPREAD = 0.25
"""Part of a pause by which it is shorter or longer at random."""


@dataclass(frozen=True, slots=True)
class OnlineSession:
    """What is known of the server since it was named."""

    reachable: bool = False
    """Whether it has answered the keep-alive since it was named, or was away last."""
    away: bool = False
    """Whether it has failed so often that it is not asked. While it is neither reachable nor away,
    nothing is known yet."""
    failures: int = 0
    """Failures in sequence, of whatever requests."""
    requests_failed: int = 0
    """Failures in sequence of requests other than the keep-alive: a server that answers nothing
    but that decides on nobody."""
    why: str = ""
    """The last of them."""
    alive_at_s: float = 0.0
    """Monotonic time of the next keep-alive; infinity for none."""


@dataclass(frozen=True, slots=True)
class SessionPace:
    """As in OnlineTarget."""

    attempts: int
    alive_s: float

    @property
    def away_s(self) -> float:
        return min(AWAY_S, self.alive_s or AWAY_S)


def settle_alive(
    session: OnlineSession, failure: str | None, pace: SessionPace, now_s: float, jitter: float
) -> OnlineSession:
    """The state after a keep-alive, which the server has answered or which has a `failure`.

    `now_s` is monotonic, `jitter` a random number from 0 to below 1.
    """
    if failure is None:
        # Without a keep-alive the requests alone tell when the server is away.
        pause_s = pace.alive_s or float("inf")
        kept = session.requests_failed if session.reachable else 0
        return OnlineSession(reachable=True, requests_failed=kept, alive_at_s=now_s + pause_s)
    failed = _failed(session, failure, pace, session.requests_failed)
    pause_s = pace.away_s if failed.away else min(AGAIN_S, pace.away_s)
    return replace(failed, alive_at_s=now_s + _spread(pause_s, jitter))


def settle_request(
    session: OnlineSession, failure: str | None, pace: SessionPace, now_s: float, jitter: float
) -> OnlineSession:
    """The same after another request. Once the server is away, only a keep-alive tells more."""
    if not session.reachable:
        return session
    if failure is None:
        return replace(session, failures=0, requests_failed=0, why="")
    failed = _failed(session, failure, pace, session.requests_failed + 1)
    if not failed.away:
        return failed
    return replace(failed, alive_at_s=now_s + _spread(pace.away_s, jitter))


def _failed(
    session: OnlineSession, why: str, pace: SessionPace, requests_failed: int
) -> OnlineSession:
    failures = session.failures + 1
    away = session.away or max(failures, requests_failed) >= pace.attempts
    return replace(
        session,
        reachable=session.reachable and not away,
        away=away,
        failures=failures,
        requests_failed=requests_failed,
        why=why,
    )


def _spread(pause_s: float, jitter: float) -> float:
    """So that the devices of a site do not all come back at the same moment."""
    return pause_s * (1 - _SPREAD + 2 * _SPREAD * jitter)
