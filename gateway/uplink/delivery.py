"""When one destination is sent to, tried again, probed, and when a message is given up.

No input, output, clock or randomness: the caller gives the outcome of each request.

A destination gets one message at a time, in order. A failure is followed by a pause that doubles.
A message is given up only when the server is proved to be there and to fail at this message alone:
its last failure lies between two probes that were answered. A server that is away, whatever stands
in for it, thus never costs a message. Where there is no probe, none is ever given up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
TRIES = 5
"""Failures in sequence before the server is probed. The pauses between them take 8 to 15 s."""


class SendOutcome(StrEnum):
    """How a request ended."""

    ACCEPTED = "accepted"
    """Any status 2xx; the body does not matter."""
    UNKNOWN = "unknown"
    """The server answered that it does not serve this topic."""
    FAILED = "failed"
    """Any other answer, or none."""


_NOT_SERVED = frozenset({404, 405, 410, 501})
"""Statuses of a server that does not serve a topic. Any other but 2xx may pass."""


def outcome_of(status: int) -> SendOutcome:
    """How a request ended that was answered with `status`; 0 for no answer."""
    if 200 <= status < 300:
        return SendOutcome.ACCEPTED
    return SendOutcome.UNKNOWN if status in _NOT_SERVED else SendOutcome.FAILED


class Verdict(StrEnum):
    """What becomes of the message that is sent."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """The server does not take it; the next message follows."""
    KEPT = "kept"
    """It is still the next one."""


class Phase(StrEnum):
    """What is sent next."""

    SEND = "send"
    """The message."""
    PROBE = "probe"
    """A probe, since the message failed several times."""
    RESEND = "resend"
    """The message, since a probe was answered just now."""
    CONFIRM = "confirm"
    """A probe, since the message failed right after one that was answered."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of one destination."""

    phase: Phase = Phase.SEND
    failures: int = 0
    """Requests that failed since the last one that was answered."""
    not_before_s: float = 0.0
    """Monotonic time before which nothing is sent."""
    suspects: frozenset[str] = frozenset()
    """Topics whose last message was given up: their next one gets a single try."""

    @property
    def probes(self) -> bool:
        """Whether a probe is sent next."""
        return self.phase in (Phase.PROBE, Phase.CONFIRM)


def begin(progress: Progress, topic: str) -> Progress:
    """The state when another message, of `topic`, becomes the next one."""
    phase = Phase.PROBE if topic in progress.suspects else Phase.SEND
    return replace(progress, phase=phase)


def settle(
    progress: Progress,
    topic: str,
    outcome: SendOutcome,
    now_s: float,
    jitter: float,
    *,
    probed: bool = True,
) -> tuple[Progress, Verdict]:
    """The state after a request for a message of `topic`, or after the probe before it.

    `now_s` is monotonic, `jitter` a random number from 0 to below 1. Without `probed` the server
    has no probe, and gets the message again and again.
    """
    if progress.probes:
        return _settle_probe(progress, topic, outcome, now_s, jitter)
    suspects = progress.suspects
    match outcome:
        case SendOutcome.ACCEPTED:
            return Progress(suspects=suspects - {topic}), Verdict.DELIVERED
        case SendOutcome.UNKNOWN:
            return Progress(suspects=suspects - {topic}), Verdict.REFUSED
    if progress.phase is Phase.RESEND:
        return replace(progress, phase=Phase.CONFIRM), Verdict.KEPT
    later = _later(progress, Phase.SEND, now_s, jitter)
    return later if probed else replace(later, phase=Phase.SEND), Verdict.KEPT


def _settle_probe(
    progress: Progress, topic: str, outcome: SendOutcome, now_s: float, jitter: float
) -> tuple[Progress, Verdict]:
    if outcome is SendOutcome.FAILED:
        return _later(progress, Phase.PROBE, now_s, jitter), Verdict.KEPT
    if progress.phase is Phase.PROBE:
        return replace(progress, phase=Phase.RESEND, failures=0), Verdict.KEPT
    return Progress(suspects=progress.suspects | {topic}), Verdict.REFUSED


def _later(progress: Progress, phase: Phase, now_s: float, jitter: float) -> Progress:
    """After a pause; half of it is random, so that the devices of a site do not all come back at
    the same moment."""
    failures = progress.failures + 1
    return replace(
        progress,
        phase=Phase.PROBE if failures >= TRIES else phase,
        failures=failures,
        not_before_s=now_s + pause_s(failures, jitter),
    )


def pause_s(failures: int, jitter: float) -> float:
    """The pause after so many failures in sequence, from 1; `jitter` as for `settle`."""
    longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30))
    return longest_s * (1 + jitter) / 2
