"""Signing in at the safe page."""

from __future__ import annotations

from gateway.safe.sign_in import (
    ALPHABET,
    LENGTH,
    MOST_SESSIONS,
    SESSION_S,
    WRONG_S,
    SignIn,
    new_code,
)


class Times:
    """A clock, and the pauses that were asked for."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses: list[float] = []


def made() -> tuple[SignIn, Times]:
    times = Times()
    return SignIn("7KQ2M-XB49T", lambda: times.now_s, times.pauses.append), times


def test_codes_differ_and_are_easy_to_read() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        plain = code.replace("-", "")
        assert len(plain) == LENGTH
        assert set(plain) <= set(ALPHABET)
    assert not set(ALPHABET) & set("01IO")


def test_the_code_counts_however_it_is_typed() -> None:
    sign_in, times = made()
    for typed in ("7KQ2M-XB49T", "7kq2mxb49t", " 7kq2m xb49t "):
        session = sign_in.try_code(typed)
        assert session is not None
        assert sign_in.is_in(session)
    assert times.pauses == []


def test_each_wrong_code_costs_a_pause() -> None:
    sign_in, times = made()
    for typed in ("", "7KQ2M-XB49", "7KQ2M-XB49TT", "x" * 2_000, "ä"):
        assert sign_in.try_code(typed) is None
    assert times.pauses == [WRONG_S] * 5


def test_a_session_ends_by_itself() -> None:
    sign_in, times = made()
    session = sign_in.try_code("7KQ2MXB49T")
    assert session is not None
    times.now_s = SESSION_S - 1
    assert sign_in.is_in(session)
    times.now_s = SESSION_S
    assert not sign_in.is_in(session)
    assert not sign_in.is_in("")


def test_the_number_of_sessions_is_bounded_and_the_oldest_goes() -> None:
    sign_in, _ = made()
    sessions = [sign_in.try_code("7KQ2MXB49T") or "" for _ in range(MOST_SESSIONS + 2)]
    assert [sign_in.is_in(it) for it in sessions] == [False] * 2 + [True] * MOST_SESSIONS
