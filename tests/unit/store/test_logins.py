"""Several API logins: made, given roles, deleted, and somebody always left in charge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import InvalidRequest, NotFound
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store
from gateway.store.tables import accounts as module
from gateway.store.tables.accounts import Accounts, Role

ADMINISTRATOR, OPERATOR = Role.ADMINISTRATOR, Role.OPERATOR
Opened = Callable[[], Accounts]


class _QuickHasher:
    """Stands in for argon2, whose cost is not what is tested here."""

    def __init__(self) -> None:
        self._count = 0

    def hash(self, password: str) -> str:
        self._count += 1
        return f"{self._count}:{password}"

    def verify(self, hashed: str, password: str) -> bool:
        return hashed.partition(":")[2] == password


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = _QuickHasher()
    monkeypatch.setattr(module, "_HASHER", hasher)
    monkeypatch.setattr(module, "_matches", hasher.verify)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens the logins of one file, each time as another process would."""
    path = tmp_path / "store.db"
    clock = ManualClock(datetime(2025, 1, 1, tzinfo=UTC))
    with ExitStack() as stack:
        stack.enter_context(Store.create(path, REGISTRY, lambda: 0))

        def again() -> Accounts:
            store = stack.enter_context(Store.open(path, REGISTRY, lambda: 0))
            return Accounts(store, clock.monotonic_ns)

        yield again


@pytest.fixture
def accounts(opened: Opened) -> Accounts:
    made = opened()
    made.create("admin", "a", ADMINISTRATOR)
    return made


def roles(accounts: Accounts) -> dict[str, Role]:
    return {account.login: account.role for account in accounts.logins()}


def test_a_new_login_has_its_password_and_role(accounts: Accounts) -> None:
    made = accounts.create("desk", "b", OPERATOR)
    assert (made.login, made.role) == ("desk", OPERATOR)
    assert accounts.verify("desk", "b") == made
    assert roles(accounts) == {"admin": ADMINISTRATOR, "desk": OPERATOR}


def test_a_login_that_exists_is_not_made_again(accounts: Accounts) -> None:
    with pytest.raises(InvalidRequest, match="UNIQUE constraint failed: the login admin exists"):
        accounts.create("admin", "b", OPERATOR)
    assert accounts.verify("admin", "a")
    assert roles(accounts) == {"admin": ADMINISTRATOR}


UNFIT = {
    "": "1 to 64",
    "x" * 65: "1 to 64",
    " desk": "space",
    "desk ": "space",
    "desk\u00a0": "space",
    "d\0sk": "printable",
    "d\u200besk": "printable",
    "d\u202eesk": "printable",
    "d\nesk": "printable",
    "\udc80": "printable",
    "cafe\u0301": "one character",
}
"""Login -> what the refusal says."""


@pytest.mark.parametrize("login", UNFIT, ids=ascii)
@pytest.mark.parametrize(
    "give",
    [
        lambda accounts, login: accounts.create(login, "x", OPERATOR),
        lambda accounts, login: accounts.set_password(login, "x"),
        lambda accounts, login: accounts.rename("admin", login, "x"),
    ],
    ids=["create", "set_password", "rename"],
)
def test_no_account_gets_an_unfit_login(
    accounts: Accounts, give: Callable[[Accounts, str], object], login: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"login: .*{UNFIT[login]}"):
        give(accounts, login)
    assert roles(accounts) == {"admin": ADMINISTRATOR}


@pytest.mark.parametrize("password", ["", "x" * 1_025], ids=["empty", "long"])
def test_no_account_gets_an_unfit_password(accounts: Accounts, password: str) -> None:
    attempts: tuple[Callable[[], object], ...] = (
        lambda: accounts.create("desk", password, OPERATOR),
        lambda: accounts.set_password("desk", password),
        lambda: accounts.modify("admin", password=password),
    )
    for give in attempts:
        with pytest.raises(InvalidRequest, match="password: it has 1 to"):
            give()
    assert accounts.verify("admin", "a")
    assert roles(accounts) == {"admin": ADMINISTRATOR}


def test_role_and_password_change_each_for_itself_and_the_stamp_with_either(
    accounts: Accounts,
) -> None:
    first = accounts.create("desk", "b", OPERATOR)
    promoted = accounts.modify("desk", role=ADMINISTRATOR)
    assert accounts.verify("desk", "b") == promoted
    changed = accounts.modify("desk", password="c")
    assert accounts.verify("desk", "b") is None
    assert accounts.verify("desk", "c") == changed
    assert changed.role is promoted.role is ADMINISTRATOR
    assert len({first.stamp, promoted.stamp, changed.stamp}) == 3
    assert accounts.modify("desk") == changed


def test_a_deleted_login_is_no_more_and_may_come_again_as_another(accounts: Accounts) -> None:
    first = accounts.create("desk", "b", OPERATOR)
    accounts.delete("desk")
    assert accounts.find("desk") is None
    assert accounts.verify("desk", "b") is None
    assert accounts.create("desk", "b", OPERATOR).stamp != first.stamp


def test_a_login_that_does_not_exist_is_neither_changed_nor_deleted(accounts: Accounts) -> None:
    for change in (
        lambda: accounts.modify("desk", role=OPERATOR),
        lambda: accounts.modify("desk", password="b"),
        lambda: accounts.delete("desk"),
    ):
        with pytest.raises(NotFound, match="there is no login desk"):
            change()
    assert roles(accounts) == {"admin": ADMINISTRATOR}


def test_the_last_administrator_stays_one(accounts: Accounts) -> None:
    accounts.create("desk", "b", OPERATOR)
    for change in (
        lambda: accounts.modify("admin", role=OPERATOR, password="new"),
        lambda: accounts.delete("admin"),
    ):
        with pytest.raises(InvalidRequest, match="admin is the last administrator"):
            change()
    assert accounts.verify("admin", "a")
    assert roles(accounts) == {"admin": ADMINISTRATOR, "desk": OPERATOR}
    accounts.modify("admin", role=ADMINISTRATOR, password="new")
    assert accounts.verify("admin", "new")
    accounts.modify("desk", role=ADMINISTRATOR)
    accounts.delete("admin")
    assert roles(accounts) == {"desk": ADMINISTRATOR}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one process", "two processes"])
def test_of_two_administrators_that_go_at_once_one_stays(
    accounts: Accounts, opened: Opened, elsewhere: bool
) -> None:
    other = opened() if elsewhere else accounts
    for _ in range(10):
        names = ("eva", "ana")
        for name in names:
            if not accounts.find(name):
                accounts.create(name, "b", OPERATOR)
            accounts.modify(name, role=ADMINISTRATOR)
        if accounts.find("admin"):
            accounts.delete("admin")
        start = threading.Barrier(2)
        refused: list[str] = []

        def go(acting: Accounts, name: str, act: Callable[[Accounts, str], object]) -> None:
            start.wait()  # noqa: B023 - joined before the loop goes on
            try:
                act(acting, name)
            except InvalidRequest:
                refused.append(name)  # noqa: B023 - as above

        threads = [
            threading.Thread(target=go, args=(accounts, "eva", _delete)),
            threading.Thread(target=go, args=(other, "ana", _demote)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        assert list(roles(accounts).values()).count(ADMINISTRATOR) == 1


def _delete(accounts: Accounts, name: str) -> None:
    accounts.delete(name)


def _demote(accounts: Accounts, name: str) -> None:
    accounts.modify(name, role=OPERATOR)
