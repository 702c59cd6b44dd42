"""Guessing slows the guesser; the right password is let in at its turn."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from types import SimpleNamespace

import pytest
import requests

from gateway.api.app import create_app
from gateway.api.login_queue import (
    AT_ONCE,
    FORGIVE_S,
    FREE_FAILURES,
    LONGEST_BODY,
    LONGEST_PAUSE_S,
    MOST_ADDRESSES,
    MOST_WAITING,
    LoginTurns,
    Turn,
)
from gateway.api.server import Listener, Server


class Watch:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def turns(watch: Watch) -> LoginTurns:
    return LoginTurns(watch)


def joined(turns: LoginTurns, address: str = "10.0.0.1") -> Turn:
    turn = turns.join(address)
    assert turn is not None
    return turn


def fail(turns: LoginTurns, watch: Watch, times: int, address: str = "10.0.0.1") -> None:
    for _ in range(times):
        turn = joined(turns, address)
        while not turns.start(turn):
            watch.now += 0.5
        turns.leave(turn, wrong=True)


def test_logins_of_an_address_are_verified_one_by_one_as_they_came(turns: LoginTurns) -> None:
    first, second = joined(turns), joined(turns)
    assert not turns.start(second)
    assert turns.start(first)
    assert not turns.start(second)
    turns.leave(first, wrong=True)
    assert turns.start(second)


def test_the_pause_after_wrong_passwords_grows_up_to_a_bound(
    turns: LoginTurns, watch: Watch
) -> None:
    pauses = []
    for _ in range(FREE_FAILURES + 6):
        before = watch.now
        fail(turns, watch, 1)
        pauses.append(watch.now - before)
    assert pauses[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert pauses[FREE_FAILURES:] == [0.5, 1, 2, 4, 4, 4]


def test_any_number_of_guesses_keeps_the_next_login_waiting_no_longer_than_its_place(
    turns: LoginTurns, watch: Watch
) -> None:
    fail(turns, watch, 200)
    guesses = [joined(turns) for _ in range(MOST_WAITING - 1)]
    owner, begun = joined(turns), watch.now
    assert turns.join("10.0.0.1") is None
    for guess in guesses:
        while not turns.start(guess):
            watch.now += 0.5
        turns.leave(guess, wrong=True)
    while not turns.start(owner):
        watch.now += 0.5
    assert watch.now - begun <= MOST_WAITING * LONGEST_PAUSE_S


def test_other_addresses_do_not_wait_for_the_pause_of_one(turns: LoginTurns, watch: Watch) -> None:
    fail(turns, watch, 50)
    assert not turns.start(joined(turns))
    assert turns.start(joined(turns, "10.0.0.2"))


def test_few_logins_are_worked_on_at_a_time(turns: LoginTurns) -> None:
    waiting = [joined(turns, str(number)) for number in range(AT_ONCE + 1)]
    assert [turns.start(turn) for turn in waiting] == [True] * AT_ONCE + [False]
    turns.leave(waiting[0], wrong=False)
    assert turns.start(waiting[-1])


def test_who_came_first_is_verified_first_whatever_the_address(
    turns: LoginTurns, watch: Watch
) -> None:
    fail(turns, watch, FREE_FAILURES + 1, "10.1.0.0")
    paused = joined(turns, "10.1.0.0")
    first = [joined(turns, f"10.0.0.{number}") for number in range(AT_ONCE)]
    owner = joined(turns, "10.2.0.0")
    later = [joined(turns, f"10.0.1.{number}") for number in range(100)]
    # Each asks again now and then: chance must not decide.
    assert not any(map(turns.start, [*reversed(later), owner, paused]))
    assert all(map(turns.start, first))
    turns.leave(first[0], wrong=True)
    assert not any(map(turns.start, later))
    assert turns.start(owner)
    turns.leave(first[1], wrong=True)
    turns.leave(later[0], wrong=False)  # it gave up
    watch.now += LONGEST_PAUSE_S
    assert not any(map(turns.start, later[1:]))
    assert turns.start(paused)


def test_time_alone_forgives_since_a_guesser_may_have_a_login_too(
    turns: LoginTurns, watch: Watch
) -> None:
    fail(turns, watch, FREE_FAILURES)
    watch.now += 0.5
    right = joined(turns)
    assert turns.start(right)
    turns.leave(right, wrong=False)
    fail(turns, watch, 1)
    assert not turns.start(joined(turns))
    watch.now += FORGIVE_S * 10
    late = joined(turns, "10.0.0.9")
    turns.leave(late, wrong=False)


def test_who_gives_up_makes_room(turns: LoginTurns) -> None:
    first, second = joined(turns), joined(turns)
    assert turns.start(first)
    turns.leave(first, wrong=False)
    third = joined(turns)
    turns.leave(second, wrong=False)
    assert turns.start(third)


def test_memory_is_bounded(turns: LoginTurns, watch: Watch) -> None:
    for number in range(MOST_ADDRESSES + 10):
        fail(turns, watch, 1, str(number))
    assert len(turns._addresses) == MOST_ADDRESSES


LogIn = Callable[..., requests.Response]


@pytest.fixture
def log_in(device: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[LogIn]:
    """Sends a password to a server of this test's own, whose pauses are short."""
    short = partial(LoginTurns, longest_pause_s=0.05)
    monkeypatch.setattr("gateway.api.app.LoginTurns", short)
    with Server(create_app(device.context), Listener("127.0.0.1", 0)) as server:

        def send(password: str, **more: str) -> requests.Response:
            body = {"login": "admin", "password": password, **more}
            return requests.post(f"{server.url}/login.fcgi", json=body, timeout=60)

        yield send


def test_the_owner_behind_the_address_of_guessers_is_let_in_every_time(
    device: SimpleNamespace, log_in: LogIn
) -> None:
    over = threading.Event()
    statuses: list[int] = []

    def guess(own: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            statuses.append(log_in(f"{own} {number}").status_code)

    guessers = [threading.Thread(target=guess, args=(own,)) for own in range(4)]
    for guesser in guessers:
        guesser.start()
    try:
        assert [log_in(device.password).status_code for _ in range(3)] == [200] * 3
    finally:
        over.set()
        for guesser in guessers:
            guesser.join()
    assert set(statuses) == {401}


def test_no_two_guesses_of_an_address_are_verified_at_a_time(
    device: SimpleNamespace, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = [0], [0]

    def verify(*_: str) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        threading.Event().wait(0.01)
        running[0] -= 1

    monkeypatch.setattr(device.context.accounts, "verify", verify)
    guessers = [threading.Thread(target=log_in, args=(str(number),)) for number in range(6)]
    for guesser in guessers:
        guesser.start()
    for guesser in guessers:
        guesser.join()
    assert most == [1]


def test_a_login_of_many_bytes_is_refused_before_its_turn(log_in: LogIn) -> None:
    assert log_in("x", padding="x" * LONGEST_BODY).status_code == 413


@pytest.mark.parametrize(
    "target",
    [
        "/hidlogin.fcgi",
        "//login.fcgi?x",
        "/%2flogin.fcgi",
        "//%2F%2flogin.fcgi",
        "/%6cogin%2efcgi",
        "http://a/%2flogin.fcgi",
        "http:login.fcgi",
    ],
)
def test_a_login_takes_its_turn_however_its_path_is_written(
    device: SimpleNamespace, target: str
) -> None:
    """Before its turn alone so few bytes are too many."""
    with (
        Server(create_app(device.context), Listener("127.0.0.1", 0)) as server,
        closing(http.client.HTTPConnection(*server.address, timeout=30)) as client,
    ):
        client.request("POST", target, b" " * (LONGEST_BODY + 1))
        assert client.getresponse().status == 413
