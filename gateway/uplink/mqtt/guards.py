"""Which commands from the broker are carried out: no door opens twice, or late.

A broker keeps, repeats and holds up messages. Each guard is about one way in which a command can
arrive that nobody means any more. No input, output, clock or randomness.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.link.messages import LONGEST_EXIT_S
from gateway.objects.threat import HIGHEST_LEVEL

LARGEST_PAYLOAD = 1_024
"""Bytes of a command."""
LONGEST_ID = 64
"""Characters of `id`; bytes of correlation data."""
OLDEST_S = 5.0
"""The age at which a command is stale."""
AHEAD_S = 2.0
"""How far ahead a sender's clock may be: what is ahead of its time may be held up unnoticed."""
REMEMBERED_S = 120.0
"""How long a command counts as a repetition of one with the same id."""
MOST_REMEMBERED = 512
BURST = 20
"""Commands that may come at once ..."""
PER_SECOND = 2.0
"""... and by which that fills again."""


class CommandOutcome(StrEnum):
    """What became of a message on a command topic; the values are stable."""

    DONE = "done"
    FAILED = "failed"
    """The device tried, or refused it as it would anybody's."""
    RETAINED = "retained"
    REPEATED = "repeated"
    STALE = "stale"
    UNTIMED = "untimed"
    """Without `at`, or with one that an untrusted clock cannot judge."""
    FLOODED = "flooded"
    MALFORMED = "malformed"
    NOT_ALLOWED = "not_allowed"
    """Switched off in the site file."""


class TargetKind(StrEnum):
    """What a command topic is about."""

    DOOR = "door"
    ZONE = "zone"
    MODE = "mode"
    THREAT_LEVEL = "threat_level"
    SILENCE = "silence"
    IDENTIFY = "identify"


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """The door, zone or part of the device that a command topic is about."""

    kind: TargetKind
    number: int = 0


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came."""

    topic: str
    payload: bytes
    arrived_s: float
    """Monotonic."""
    retain: bool = False
    dup: bool = False
    """Sent again by the broker."""
    correlation: bytes | None = None
    """Of MQTT 5, to be returned with the answer."""
    response_topic: str = ""
    """Of MQTT 5: where the sender wants the answer."""


@dataclass(frozen=True, slots=True)
class BrokerCommand:
    """A command that passed the guards."""

    target: CommandTarget
    do: str
    id: str = ""
    exit_delay_s: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """A command that did not."""

    outcome: CommandOutcome
    why: str
    id: str = ""

    @property
    def answered(self) -> bool:
        """Whether the sender is told: not where an answer would repeat, or add to a flood."""
        return self.outcome not in (
            CommandOutcome.RETAINED,
            CommandOutcome.REPEATED,
            CommandOutcome.FLOODED,
        )


class _NotCarriedOut(Exception):
    """Ends the judgement of a message."""

    def __init__(self, outcome: CommandOutcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    do: Annotated[str, Field(max_length=32)]
    at: Annotated[float, Field(ge=0, le=1 << 53, allow_inf_nan=False)] | None = None
    id: Annotated[str, Field(max_length=LONGEST_ID)] = ""
    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0


_DONE_BY: Mapping[TargetKind, Mapping[str, str]] = {
    TargetKind.DOOR: {"open": "open", "unlock": "unlock", "lock": "lock"},
    TargetKind.ZONE: {"arm": "arm", "arm_away": "arm", "disarm": "disarm"},
    TargetKind.MODE: {"normal": "normal", "lock_down": "lock_down", "emergency": "emergency"},
    TargetKind.THREAT_LEVEL: {str(level): str(level) for level in range(HIGHEST_LEVEL + 1)},
    TargetKind.SILENCE: {"press": "silence", "silence": "silence"},
    TargetKind.IDENTIFY: {"press": "identify", "identify": "identify"},
}
"""Words of a command, in lower case, and what they mean."""
_TIMELESS = frozenset({"lock"})
"""What harms nobody when it comes late."""


class CommandGuard:
    """Judges the messages on command topics, one after the other."""

    def __init__(self, *, require_at: bool, allow_unlock: bool) -> None:
        self._require_at = require_at
        self._allow_unlock = allow_unlock
        self._seen: OrderedDict[object, float] = OrderedDict()
        self._full_s = 0.0
        """Monotonic time at which the reserve is full again."""
        self.counts: Counter[CommandOutcome] = Counter()
        """Messages by what became of them."""

    def judge(
        self, incoming: Incoming, target: CommandTarget, now_s: float, utc_s: float | None
    ) -> BrokerCommand | Stopped:
        """The command to carry out, or why there is none.

        `now_s` is monotonic; `utc_s` None is a clock that is not trusted.
        """
        payload = _Payload(do="")
        try:
            self._check_message(incoming, now_s)
            payload = _read(incoming.payload)
            do = self._meant(target, payload)
            self._check_age(now_s - incoming.arrived_s, payload.at, do, utc_s)
            self._check_news(incoming, target, payload, now_s)
        except _NotCarriedOut as stop:
            self.counts[stop.outcome] += 1
            return Stopped(stop.outcome, str(stop), payload.id)
        return BrokerCommand(target, do, payload.id, payload.exit_delay_s)

    def _meant(self, target: CommandTarget, payload: _Payload) -> str:
        """What the payload asks of its target."""
        words = _DONE_BY[target.kind]
        do = words.get(payload.do.lower())
        if do is None:
            raise _NotCarriedOut(CommandOutcome.MALFORMED, f"do: one of {', '.join(words)}")
        if payload.exit_delay_s and do != "arm":
            raise _NotCarriedOut(CommandOutcome.MALFORMED, "exit_delay_s belongs to arm")
        if do == "unlock" and not self._allow_unlock:
            raise _NotCarriedOut(
                CommandOutcome.NOT_ALLOWED, "unlock needs allow_unlock = true in [mqtt]"
            )
        return do

    def _check_message(self, incoming: Incoming, now_s: float) -> None:
        """What can be said without reading the payload."""
        if incoming.dup:
            raise _NotCarriedOut(CommandOutcome.REPEATED, "the broker sent it before")
        full_s = max(self._full_s, now_s) + 1 / PER_SECOND
        if full_s - now_s > BURST / PER_SECOND:
            raise _NotCarriedOut(
                CommandOutcome.FLOODED, f"more than {PER_SECOND:g} commands a second"
            )
        self._full_s = full_s
        if incoming.retain:
            raise _NotCarriedOut(CommandOutcome.RETAINED, "a command must not be retained")
        if len(incoming.payload) > LARGEST_PAYLOAD:
            raise _NotCarriedOut(
                CommandOutcome.MALFORMED, f"a command has at most {LARGEST_PAYLOAD} bytes"
            )
        if len(incoming.correlation or b"") > LONGEST_ID:
            raise _NotCarriedOut(
                CommandOutcome.MALFORMED, f"correlation data has at most {LONGEST_ID} bytes"
            )

    def _check_age(self, waited_s: float, at: float | None, do: str, utc_s: float | None) -> None:
        if waited_s > OLDEST_S:
            raise _NotCarriedOut(
                CommandOutcome.STALE, f"it waited for {waited_s:.0f} s in this device"
            )
        if at is None:
            if self._require_at and do not in _TIMELESS:
                raise _NotCarriedOut(
                    CommandOutcome.UNTIMED, "at: the Unix time at which it was sent is missing"
                )
            return
        if utc_s is None:
            raise _NotCarriedOut(
                CommandOutcome.UNTIMED, "at: the clock of this device is not trusted"
            )
        age_s = utc_s - at
        if age_s > OLDEST_S:
            allowed = f"at most {OLDEST_S:.0f} are allowed"
            raise _NotCarriedOut(CommandOutcome.STALE, f"at: it is {age_s:.0f} s old, {allowed}")
        if -age_s > AHEAD_S:
            raise _NotCarriedOut(
                CommandOutcome.STALE, f"at: it is {-age_s:.0f} s ahead of this device's clock"
            )

    def _check_news(
        self, incoming: Incoming, target: CommandTarget, payload: _Payload, now_s: float
    ) -> None:
        """Stop what came before, by its id, by its correlation data, or else by its time: a sender
        that lost its connection sends what was not confirmed again, as a new message."""
        keys: list[object] = []
        if payload.id:
            keys.append(payload.id)
        if incoming.correlation:
            keys.append(incoming.correlation)
        if not keys and payload.at is not None:
            keys.append((target, payload.do.lower(), payload.at))
        while self._seen and next(iter(self._seen.values())) <= now_s - REMEMBERED_S:
            self._seen.popitem(last=False)
        known = any(key in self._seen for key in keys)
        for key in keys:
            self._seen.setdefault(key, now_s)
        while len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if known:
            raise _NotCarriedOut(CommandOutcome.REPEATED, "it came before")


def _read(payload: bytes) -> _Payload:
    """The payload: JSON, or one bare word."""
    if payload.lstrip()[:1] != b"{":
        return _Payload(do=payload.strip()[:32].decode("ascii", "replace"))
    try:
        return _Payload.model_validate(pydantic_core.from_json(payload, allow_inf_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _NotCarriedOut(CommandOutcome.MALFORMED, f"{where}: {first['msg']}") from None
    except ValueError as error:
        raise _NotCarriedOut(CommandOutcome.MALFORMED, f"it is no JSON: {error}") from None
