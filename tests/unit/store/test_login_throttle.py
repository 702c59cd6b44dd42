"""Guessing passwords gets slow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.clock import ManualClock
from gateway.errors import NotAuthenticated
from gateway.store.tables.login_throttle import (
    FREE_FAILURES,
    LONGEST_WAIT_S,
    MOST_SOURCES,
    LoginThrottle,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture
def throttle(clock: ManualClock) -> LoginThrottle:
    return LoginThrottle(clock.monotonic_ns)


def fail(throttle: LoginThrottle, times: int) -> None:
    for _ in range(times):
        throttle.failed("admin", "10.0.0.1")


def test_a_few_mistakes_cost_nothing(throttle: LoginThrottle) -> None:
    fail(throttle, FREE_FAILURES - 1)
    throttle.check("admin", "10.0.0.1")


def test_more_mistakes_cost_a_wait_that_grows_and_is_told(
    throttle: LoginThrottle, clock: ManualClock
) -> None:
    fail(throttle, FREE_FAILURES)
    with pytest.raises(NotAuthenticated, match="in 1 s"):
        throttle.check("admin", "10.0.0.1")
    clock.advance(1)
    throttle.check("admin", "10.0.0.1")
    fail(throttle, 2)
    clock.advance(3.5)
    with pytest.raises(NotAuthenticated, match="in 1 s"):
        throttle.check("admin", "10.0.0.1")


def test_nobody_is_kept_out_for_good(throttle: LoginThrottle, clock: ManualClock) -> None:
    fail(throttle, 1_000)
    clock.advance(LONGEST_WAIT_S - 1)
    with pytest.raises(NotAuthenticated):
        throttle.check("admin", "10.0.0.1")
    clock.advance(1)
    throttle.check("admin", "10.0.0.1")


def test_asking_during_the_wait_does_not_prolong_it(
    throttle: LoginThrottle, clock: ManualClock
) -> None:
    fail(throttle, FREE_FAILURES + 3)
    for _ in range(8):
        with pytest.raises(NotAuthenticated):
            throttle.check("admin", "10.0.0.1")
        clock.advance(1)
    throttle.check("admin", "10.0.0.1")


def test_other_addresses_and_logins_are_not_slowed_down(throttle: LoginThrottle) -> None:
    fail(throttle, 1_000)
    throttle.check("admin", "10.0.0.2")
    throttle.check("operator", "10.0.0.1")


def test_the_right_password_and_time_clear_the_count(
    throttle: LoginThrottle, clock: ManualClock
) -> None:
    fail(throttle, 1_000)
    throttle.succeeded("admin", "10.0.0.1")
    fail(throttle, FREE_FAILURES - 1)
    throttle.check("admin", "10.0.0.1")
    fail(throttle, 1_000)
    clock.advance(900)
    throttle.check("admin", "10.0.0.1")
    fail(throttle, FREE_FAILURES - 1)
    throttle.check("admin", "10.0.0.1")


def test_memory_is_bounded(throttle: LoginThrottle) -> None:
    for number in range(MOST_SOURCES + 10):
        throttle.failed("admin", str(number))
    assert len(throttle._sources) == MOST_SOURCES
