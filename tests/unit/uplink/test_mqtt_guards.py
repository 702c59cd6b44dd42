"""The guards under any sequence of messages: nothing runs twice, late, retained or in a flood."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.mqtt.guards import (
    AHEAD_S,
    BURST,
    OLDEST_S,
    PER_SECOND,
    REMEMBERED_S,
    BrokerCommand,
    CommandGuard,
    CommandOutcome,
    CommandTarget,
    Incoming,
    Stopped,
    TargetKind,
)

DOOR = CommandTarget(TargetKind.DOOR, 1)
EPOCH_S = 1_700_000_000.0


@dataclass(frozen=True)
class Sent:
    """A message, `pause_s` after the one before it."""

    pause_s: float
    age_s: float
    waited_s: float
    id: str
    correlation: bytes | None
    retain: bool
    dup: bool
    trusted: bool


SENT = st.builds(
    Sent,
    pause_s=st.sampled_from([0.0, 0.0, 0.1, 1.0, 30.0, 130.0]),
    age_s=st.floats(-10, 10),
    waited_s=st.sampled_from([0.0, 0.0, 0.0, 4.0, 6.0]),
    id=st.sampled_from(["", "a", "b", "c"]),
    correlation=st.sampled_from([None, b"1", b"2"]),
    retain=st.sampled_from([False, False, False, True]),
    dup=st.sampled_from([False, False, False, True]),
    trusted=st.sampled_from([True, True, True, False]),
)


@given(st.lists(SENT, max_size=80))
def test_no_opening_runs_twice_late_or_in_a_flood(messages: list[Sent]) -> None:
    guard = CommandGuard(require_at=True, allow_unlock=True)
    now_s = 0.0
    ran: list[float] = []
    last: dict[object, float] = {}
    for sent in messages:
        now_s += sent.pause_s
        at = EPOCH_S + now_s - sent.age_s
        payload = {"do": "open", "at": at, **({"id": sent.id} if sent.id else {})}
        found = guard.judge(
            Incoming(
                "t",
                json.dumps(payload).encode(),
                now_s - sent.waited_s,
                sent.retain,
                sent.dup,
                sent.correlation,
            ),
            DOOR,
            now_s,
            EPOCH_S + now_s if sent.trusted else None,
        )
        if isinstance(found, Stopped):
            continue
        ran.append(now_s)
        assert not sent.retain
        assert not sent.dup
        assert sent.trusted
        assert sent.waited_s <= OLDEST_S
        assert -AHEAD_S - 1e-3 <= sent.age_s <= OLDEST_S + 1e-3
        for key in (sent.id, sent.correlation):
            if key:
                assert now_s - last.get(key, -REMEMBERED_S) >= REMEMBERED_S
                last[key] = now_s
        within = [it for it in ran if it > now_s - 10]
        assert len(within) <= BURST + 10 * PER_SECOND + 1


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_payload_is_more_than_malformed_or_untimed(payload: bytes) -> None:
    found = CommandGuard(require_at=True, allow_unlock=True).judge(
        Incoming("t", payload, 0.0), DOOR, 0.0, EPOCH_S
    )
    if isinstance(found, BrokerCommand):
        assert found.do == "lock"
    else:
        assert found.outcome in (
            CommandOutcome.MALFORMED,
            CommandOutcome.UNTIMED,
            CommandOutcome.STALE,
        )


@pytest.mark.parametrize(
    ("payload", "do"),
    [("OPEN", "open"), ("unlock", "unlock"), (" LOCK\n", "lock"), ('{"do": "Open"}', "open")],
)
def test_words_are_taken_where_no_time_is_asked_for(payload: str, do: str) -> None:
    guard = CommandGuard(require_at=False, allow_unlock=True)
    found = guard.judge(Incoming("t", payload.encode(), 0.0), DOOR, 0.0, EPOCH_S)
    assert found == BrokerCommand(DOOR, do)


def test_the_same_time_is_a_repetition_where_there_is_no_id() -> None:
    guard = CommandGuard(require_at=True, allow_unlock=True)

    def judge(do: str, target: CommandTarget = DOOR) -> BrokerCommand | Stopped:
        payload = json.dumps({"do": do, "at": EPOCH_S}).encode()
        return guard.judge(Incoming("t", payload, 0.0), target, 0.0, EPOCH_S)

    assert isinstance(judge("open"), BrokerCommand)
    assert judge("OPEN") == Stopped(CommandOutcome.REPEATED, "it came before")
    assert isinstance(judge("lock"), BrokerCommand)
    assert isinstance(judge("open", CommandTarget(TargetKind.DOOR, 2)), BrokerCommand)
