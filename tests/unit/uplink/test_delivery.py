"""What becomes of messages at servers that fail in every order, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, repeat

from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.delivery import (
    LONGEST_PAUSE_S,
    TRIES,
    Progress,
    SendOutcome,
    Verdict,
    begin,
    settle,
)

TOPICS = ("dao", "door", "card")
PROBE = "probe"


@dataclass
class Server:
    """Fails while `down` says so, and at the topics in `broken` always; knows none in `missing`."""

    down: list[bool]
    broken: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._down = chain(self.down, repeat(False))

    def post(self, topic: str) -> SendOutcome:
        if next(self._down) or topic in self.broken:
            return SendOutcome.FAILED
        return SendOutcome.UNKNOWN if topic in self.missing else SendOutcome.ACCEPTED


@dataclass
class Run:
    """What an outbox does with `topics`, a message each."""

    delivered: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def run(topics: list[str], server: Server, jitter: float = 0.5) -> Run:
    done, progress, now_s = Run(), Progress(), 0.0
    for number, topic in enumerate(topics):
        progress = begin(progress, topic)
        verdict = Verdict.KEPT
        while verdict is Verdict.KEPT:
            if progress.not_before_s > now_s:
                done.pauses_s.append(progress.not_before_s - now_s)
                now_s = progress.not_before_s
            request = PROBE if progress.probes else topic
            done.requests.append(request)
            outcome = server.post(request)
            progress, verdict = settle(progress, topic, outcome, now_s, jitter)
        (done.delivered if verdict is Verdict.DELIVERED else done.refused).append(number)
    return done


topics = st.lists(st.sampled_from(TOPICS), max_size=12)
some = st.frozensets(st.sampled_from(TOPICS))
jitters = st.floats(0, 1, exclude_max=True)


@st.composite
def outages(draw: st.DrawFn) -> list[bool]:
    """Whether each request meets a server that is away; an outage lasts two requests or more."""
    spans = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(2, 30)), max_size=5))
    return [away for up, down in spans for away in [False] * up + [True] * down]


@given(topics, outages(), some, some, jitters)
def test_an_outage_costs_no_message_and_a_broken_topic_only_its_own(
    told: list[str],
    down: list[bool],
    broken: frozenset[str],
    missing: frozenset[str],
    jitter: float,
) -> None:
    done = run(told, Server(down, broken, missing), jitter)
    fine = [number for number, topic in enumerate(told) if topic not in broken | missing]
    assert done.delivered == fine
    assert sorted(done.delivered + done.refused) == list(range(len(told)))


@given(topics, st.lists(st.booleans(), max_size=60), jitters)
def test_no_failure_whatever_leaves_a_message_behind_or_changes_the_order(
    told: list[str], down: list[bool], jitter: float
) -> None:
    done = run(told, Server(down), jitter)
    assert done.delivered == sorted(done.delivered)
    assert sorted(done.delivered + done.refused) == list(range(len(told)))


@given(st.integers(1, 200), jitters)
def test_pauses_double_up_to_a_minute_and_half_of_each_is_random(
    failures: int, jitter: float
) -> None:
    done = run(["dao"], Server([True] * failures), jitter)
    assert done.delivered == [0]
    assert len(done.pauses_s) == failures
    longest = [min(LONGEST_PAUSE_S, 2.0**count) for count in range(failures)]
    for pause_s, most_s in zip(done.pauses_s, longest, strict=True):
        assert most_s / 2 <= pause_s + 1e-6
        assert pause_s < most_s + 1e-6


def test_a_message_is_given_up_only_between_two_probes_that_were_answered() -> None:
    done = run(["dao", "door"], Server([], broken=frozenset({"dao"})))
    assert done.requests == ["dao"] * TRIES + [PROBE, "dao", PROBE, "door"]
    assert done.refused == [0]


def test_the_next_message_of_a_broken_topic_gets_a_single_try_without_a_pause() -> None:
    done = run(["dao", "dao", "door"], Server([], broken=frozenset({"dao"})))
    assert done.requests[TRIES + 3 :] == [PROBE, "dao", PROBE, "door"]
    assert len(done.pauses_s) == TRIES


def test_a_topic_that_works_again_is_tried_as_often_as_any() -> None:
    progress = begin(Progress(suspects=frozenset({"dao"})), "dao")
    progress, _ = settle(progress, "dao", SendOutcome.ACCEPTED, 0.0, 0.0)
    progress, verdict = settle(progress, "dao", SendOutcome.ACCEPTED, 0.0, 0.0)
    assert verdict is Verdict.DELIVERED
    assert not begin(progress, "dao").probes


def test_an_unknown_topic_is_passed_over_at_once() -> None:
    done = run(["door", "dao"], Server([], missing=frozenset({"door"})))
    assert (done.requests, done.refused, done.delivered) == (["door", "dao"], [0], [1])
    assert done.pauses_s == []
