"""API logins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import argon2
import pytest

from gateway.clock import ManualClock
from gateway.errors import InvalidRequest, NotFound
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store
from gateway.store.tables import accounts as module
from gateway.store.tables.accounts import CACHE_S, MOST_CACHED, Accounts, Role


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store.db", REGISTRY, lambda: 0) as made:
        yield made


@pytest.fixture
def accounts(store: Store, clock: ManualClock) -> Accounts:
    return Accounts(store, clock.monotonic_ns)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords were compared with, one for each time the work was done."""
    compared: list[str] = []
    matches = module._matches

    def noting(stored: str, password: str) -> bool:
        compared.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(module, "_matches", noting)
    return compared


def test_a_login_is_known_by_its_password_alone(accounts: Accounts) -> None:
    made = accounts.set_password("admin", "right")
    assert accounts.verify("admin", "right") == made
    assert made.role is Role.ADMINISTRATOR
    for login, password in (("admin", "wrong"), ("Admin", "right"), ("admin", ""), ("", "")):
        assert accounts.verify(login, password) is None


def test_the_hash_is_argon2_of_the_small_profile(accounts: Accounts, store: Store) -> None:
    accounts.set_password("admin", "right")
    rows = store.reader().execute_sql("SELECT login, password FROM gateway_logins").fetchall()
    ((login, stored),) = rows
    assert login == "admin"
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert argon2.PasswordHasher().verify(stored, "right")


def test_an_unknown_login_costs_the_same_work(accounts: Accounts, hashed: list[str]) -> None:
    accounts.set_password("admin", "right")
    accounts.verify("admin", "wrong")
    accounts.verify("nobody", "wrong")
    known, unknown = (argon2.extract_parameters(stored) for stored in hashed)
    assert known == unknown


def test_a_verified_login_is_known_for_a_while_without_hashing(
    accounts: Accounts, clock: ManualClock, hashed: list[str]
) -> None:
    accounts.set_password("admin", "right")
    for _ in range(3):
        assert accounts.verify("admin", "right")
    assert len(hashed) == 1
    clock.advance(CACHE_S)
    assert accounts.verify("admin", "right")
    assert len(hashed) == 2


def test_a_password_set_by_another_process_is_obeyed_at_once(
    accounts: Accounts, store: Store, clock: ManualClock
) -> None:
    old = accounts.set_password("admin", "old")
    assert accounts.verify("admin", "old")
    assert accounts.verify("admin", "new") is None
    Accounts(store, clock.monotonic_ns).set_password("admin", "new")
    assert accounts.verify("admin", "old") is None
    changed = accounts.verify("admin", "new")
    assert changed is not None
    assert changed.stamp != old.stamp


def test_setting_a_password_keeps_the_role_unless_told(accounts: Accounts) -> None:
    assert accounts.set_password("op", "a", Role.OPERATOR).role is Role.OPERATOR
    assert accounts.set_password("op", "b").role is Role.OPERATOR
    assert accounts.set_password("op", "b", Role.ADMINISTRATOR).role is Role.ADMINISTRATOR
    assert [account.login for account in accounts.logins()] == ["op"]


def test_renaming_moves_the_account_whole(accounts: Accounts) -> None:
    accounts.set_password("admin", "a", Role.OPERATOR)
    accounts.set_password("other", "a")
    assert accounts.rename("admin", "root", "b").role is Role.OPERATOR
    assert accounts.find("admin") is None
    assert accounts.verify("root", "b")
    with pytest.raises(InvalidRequest, match="other"):
        accounts.rename("root", "other", "c")
    with pytest.raises(NotFound):
        accounts.rename("admin", "new", "c")
    assert [account.login for account in accounts.logins()] == ["other", "root"]


@pytest.mark.parametrize(
    ("login", "password"), [("", "x"), ("x", ""), ("x" * 65, "x"), ("x", "x" * 1_025)]
)
def test_an_unfit_login_is_not_made(accounts: Accounts, login: str, password: str) -> None:
    with pytest.raises(InvalidRequest):
        accounts.set_password(login, password)
    assert accounts.logins() == ()


def test_one_password_is_hashed_at_a_time(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.set_password("admin", "right")
    running: list[int] = [0]
    overlaps: list[int] = []

    def slow(stored: str, password: str) -> bool:
        running[0] += 1
        overlaps.append(running[0])
        # Lets every other thread come as far as it can.
        threading.Event().wait(0.01)
        running[0] -= 1
        return bool(stored and password)

    monkeypatch.setattr(module, "_matches", slow)
    threads = [
        threading.Thread(target=accounts.verify, args=("admin", str(number))) for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [1, 1, 1, 1]


def test_the_cache_is_bounded_and_holds_no_password(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.set_password("admin", "right")
    monkeypatch.setattr(module, "_matches", lambda _stored, _password: True)
    for number in range(MOST_CACHED + 20):
        accounts.verify("admin", f"guess{number}")
    assert len(accounts._cache) == MOST_CACHED
    assert b"guess" not in b"".join(accounts._cache)


def test_a_wrong_password_is_never_known_without_hashing(
    accounts: Accounts, hashed: list[str]
) -> None:
    accounts.set_password("admin", "right")
    for _ in range(3):
        assert accounts.verify("admin", "old") is None
    assert len(hashed) == 3
