"""Sessions in memory."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.api.sessions import MemorySessions
from gateway.clock import ManualClock, boot_id


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2025, 1, 1, tzinfo=UTC))


def make(clock: ManualClock, most: int = 3, absolute_s: int = 1_000) -> MemorySessions:
    return MemorySessions(clock.monotonic_ns, idle_s=60, absolute_s=absolute_s, most=most)


def test_the_sessions_of_a_login_end_none_of_another_one(clock: ManualClock) -> None:
    sessions = MemorySessions(clock.monotonic_ns, most=12, most_of_login=5)
    administrator = sessions.open("admin", "s").token
    own = [sessions.open("operator", "s").token for _ in range(1_000)]
    assert alive(sessions, administrator)
    assert [alive(sessions, token) for token in own[-6:]] == [False, True, True, True, True, True]
    for number in range(20):
        sessions.open(f"other {number % 4}", "s")
    assert alive(sessions, administrator)
    assert len(sessions) == 12


def alive(sessions: MemorySessions, token: str) -> bool:
    with sessions.use(token) as session:
        return session is not None


def test_a_token_is_24_letters_and_digits_and_never_the_same(clock: ManualClock) -> None:
    sessions = make(clock, most=100)
    tokens = {sessions.open("admin", "s").token for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9]{24}", token) for token in tokens)


def test_a_session_dies_when_nobody_uses_it(clock: ManualClock) -> None:
    sessions = make(clock)
    token = sessions.open("admin", "s").token
    clock.advance(59)
    assert alive(sessions, token)
    clock.advance(59)
    assert alive(sessions, token)
    clock.advance(60)
    assert not alive(sessions, token)


def test_a_session_dies_of_age_however_busy(clock: ManualClock) -> None:
    sessions = make(clock, absolute_s=100)
    token = sessions.open("admin", "s").token
    for _ in range(9):
        clock.advance(11)
        assert alive(sessions, token)
    clock.advance(1)
    assert not alive(sessions, token)


def test_the_oldest_idle_session_makes_room(clock: ManualClock) -> None:
    sessions = make(clock)
    first, second, third = (sessions.open("admin", "s").token for _ in range(3))
    assert alive(sessions, first)
    fourth = sessions.open("admin", "s").token
    assert not alive(sessions, second)
    assert all(alive(sessions, token) for token in (first, third, fourth))


def test_a_session_in_use_never_makes_room(clock: ManualClock) -> None:
    sessions = make(clock)
    busy = sessions.open("admin", "s").token
    with sessions.use(busy):
        clock.advance(1)
        others = [sessions.open("admin", "s").token for _ in range(5)]
        assert alive(sessions, busy)
    assert [alive(sessions, token) for token in others] == [False, False, False, True, True]
    assert len(sessions) == 3


def test_a_long_request_does_not_count_as_idle(clock: ManualClock) -> None:
    sessions = make(clock)
    token = sessions.open("admin", "s").token
    with sessions.use(token):
        clock.advance(90)
    assert alive(sessions, token)


def test_a_closed_session_is_dead_and_closing_it_again_is_no_error(clock: ManualClock) -> None:
    sessions = make(clock)
    token = sessions.open("admin", "s").token
    sessions.close(token)
    assert not alive(sessions, token)
    sessions.close(token)


def test_closing_a_login_keeps_other_logins_and_the_one_named(clock: ManualClock) -> None:
    sessions = make(clock)
    kept, closed = (sessions.open("admin", "s").token for _ in range(2))
    other = sessions.open("operator", "s").token
    sessions.close_login("admin", keep=kept)
    assert [alive(sessions, token) for token in (kept, closed, other)] == [True, False, True]


def test_a_renewed_session_keeps_its_token(clock: ManualClock) -> None:
    sessions = make(clock)
    token = sessions.open("admin", "old").token
    sessions.renew(token, "root", "new")
    with sessions.use(token) as session:
        assert session is not None
        assert (session.token, session.login, session.stamp) == (token, "root", "new")


def test_many_threads_never_exceed_the_bound(clock: ManualClock) -> None:
    sessions = make(clock, most=10)

    def work() -> None:
        for _ in range(200):
            alive(sessions, sessions.open("admin", "s").token)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sessions) <= 10 + len(threads)


def test_the_next_process_goes_on_with_what_was_handed_on_once(
    clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "sessions"
    before = MemorySessions(clock.monotonic_ns)
    token = before.open("admin", "stamp").token
    before.hand_on(path)
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    clock.advance(30)
    after = MemorySessions(clock.monotonic_ns, path)
    with after.use(token) as session:
        assert session is not None
        assert (session.token, session.login, session.stamp) == (token, "admin", "stamp")
    assert len(MemorySessions(clock.monotonic_ns, path)) == 0


@pytest.mark.parametrize("harm", ["late", "another boot", "damaged", "not handed on"])
def test_what_was_handed_on_too_long_ago_or_is_damaged_is_over(
    clock: ManualClock, tmp_path: Path, harm: str
) -> None:
    path = tmp_path / "sessions"
    before = MemorySessions(clock.monotonic_ns)
    before.open("admin", "stamp")
    before.hand_on(None if harm == "not handed on" else path)
    if harm == "late":
        clock.advance(61)
    if harm == "another boot":
        path.write_text(path.read_text().replace(boot_id(), "another"))
    if harm == "damaged":
        path.write_text(path.read_text()[:-9])
    assert len(MemorySessions(clock.monotonic_ns, path)) == 0
