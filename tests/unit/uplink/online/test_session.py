"""When the server counts as there, and when as away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.online.session import (
    AGAIN_S,
    AWAY_S,
    OnlineSession,
    SessionPace,
    settle_alive,
    settle_request,
)

PACE = SessionPace(attempts=3, alive_s=30.0)
WHY = "no answer in time"
LONGEST_S = AWAY_S * 1.25

Step = tuple[bool, bool, float, float]
"""Whether it is a keep-alive, whether it is answered, the time that passes, the jitter."""
steps = st.lists(
    st.tuples(
        st.booleans(),
        st.booleans(),
        st.floats(0, 200),
        st.floats(0, 1, exclude_max=True),
    ),
    max_size=40,
)
paces = st.builds(
    SessionPace, attempts=st.integers(1, 6), alive_s=st.sampled_from([0.0, 1.0, 30.0, 90.0])
)


def after(*outcomes: tuple[bool, bool], pace: SessionPace = PACE) -> OnlineSession:
    """The state after (is a keep-alive, is answered), at the time 100."""
    session = OnlineSession()
    for alive, answered in outcomes:
        settle = settle_alive if alive else settle_request
        session = settle(session, None if answered else WHY, pace, 100.0, 0.5)
    return session


PROVED, SILENT = (True, True), (True, False)
ANSWERED, FAILED = (False, True), (False, False)


def test_a_new_server_is_neither_there_nor_away_and_gets_a_keep_alive_at_once() -> None:
    session = OnlineSession()
    assert (session.reachable, session.away, session.alive_at_s) == (False, False, 0.0)


def test_the_keep_alive_proves_it_and_comes_again_after_its_interval() -> None:
    session = after(PROVED)
    assert session.reachable
    assert session.alive_at_s == 130.0


def test_without_an_interval_no_keep_alive_follows_the_first() -> None:
    assert after(PROVED, pace=SessionPace(3, 0.0)).alive_at_s == float("inf")


def test_no_other_request_proves_a_server() -> None:
    assert after(ANSWERED, ANSWERED) == OnlineSession()
    lost = after(PROVED, FAILED, FAILED, FAILED)
    assert settle_request(lost, None, PACE, 100.0, 0.5) == lost


def test_so_many_failures_in_sequence_of_any_kind_are_its_absence() -> None:
    assert after(PROVED, FAILED, SILENT).reachable
    lost = after(PROVED, FAILED, SILENT, FAILED)
    assert (lost.reachable, lost.away, lost.why) == (False, True, WHY)
    assert after(PROVED, FAILED, FAILED, ANSWERED, FAILED, FAILED).reachable
    assert after(PROVED, SILENT, SILENT, PROVED, SILENT, SILENT).reachable


def test_a_server_that_answers_nothing_but_keep_alives_is_away() -> None:
    assert after(PROVED, FAILED, PROVED, FAILED, PROVED).reachable
    assert after(PROVED, FAILED, PROVED, FAILED, ANSWERED, FAILED).reachable
    lost = after(PROVED, FAILED, PROVED, FAILED, PROVED, FAILED)
    assert (lost.reachable, lost.away) == (False, True)
    assert after(PROVED, FAILED, PROVED, FAILED, PROVED, FAILED, PROVED, FAILED).reachable


def test_a_keep_alive_that_failed_comes_again_soon_and_then_about_once_a_minute() -> None:
    assert after(PROVED, SILENT).alive_at_s == 100.0 + AGAIN_S
    slow = SessionPace(3, 300.0)
    assert after(SILENT, SILENT, SILENT, pace=slow).alive_at_s == 100.0 + AWAY_S
    assert after(PROVED, FAILED, FAILED, FAILED, pace=slow).alive_at_s == 100.0 + AWAY_S


def test_a_shorter_interval_holds_for_the_way_back_too() -> None:
    quick = SessionPace(1, 1.0)
    assert after(SILENT, pace=quick).alive_at_s == 101.0


@given(steps, paces)
def test_whatever_a_server_does_it_is_asked_between_a_keep_alive_and_so_many_failures(
    taken: list[Step], pace: SessionPace
) -> None:
    session, now_s = OnlineSession(), 0.0
    proved, in_sequence, unanswered = False, 0, 0
    for alive, answered, passed_s, jitter in taken:
        now_s += passed_s
        counts = alive or proved
        settle = settle_alive if alive else settle_request
        session = settle(session, None if answered else WHY, pace, now_s, jitter)
        if counts:
            in_sequence = 0 if answered else in_sequence + 1
            if not alive:
                unanswered = 0 if answered else unanswered + 1
            elif answered and not proved:
                unanswered = 0
            proved = (proved or (alive and answered)) and (
                max(in_sequence, unanswered) < pace.attempts
            )
        assert session.reachable is proved
        assert not (session.reachable and session.away)
        assert session.failures == in_sequence
        if session.away:
            assert session.why == WHY
        if alive and not proved:
            assert now_s < session.alive_at_s <= now_s + LONGEST_S
