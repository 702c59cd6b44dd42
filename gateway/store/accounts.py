"""API logins: who may use the API, in a table of their own that no API object reaches.

Passwords are kept as argon2id hashes of 19 MiB, two passes, one lane (OWASP's small profile): the
default of 64 MiB would break the memory aim of a small board. One is computed at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import argon2
import peewee

from gateway.errors import InvalidRequest, NotFound, StorageError
from gateway.store.database import storage_errors
from gateway.store.login_throttle import LoginThrottle
from gateway.store.objects_store import Store

CACHE_S = 300
"""A login that was verified is known again without hashing for this long: clients log in every few
seconds."""
MOST_CACHED = 256
LONGEST_LOGIN = 64
LONGEST_PASSWORD = 1_024

_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = f"$argon2id$v=19$m={19 * 1024},t=2,p=1${'A' * 22}${'A' * 43}"
"""A hash of no password, of the same cost: verified for logins that do not exist."""
_NS = 1_000_000_000


class Role(StrEnum):
    """What a login may do."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    """Neither logins nor configuration nor secrets, and no writing to logs."""


@dataclass(frozen=True, slots=True)
class Account:
    """One API login."""

    login: str
    role: Role
    stamp: str
    """Changes with the password. It says nothing about it."""


@dataclass(frozen=True, slots=True)
class _Known:
    right: bool
    until_ns: int


class Accounts:
    """The API logins of one store; any thread may call it."""

    def __init__(self, store: Store, monotonic_ns: Callable[[], int]) -> None:
        """Makes the table if the store has none yet. Raises StorageError."""
        self._store = store
        self._monotonic_ns = monotonic_ns
        self._throttle = LoginThrottle(monotonic_ns)
        self._hashing = threading.Lock()
        self._guard = threading.Lock()
        self._cache_key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, _Known] = OrderedDict()
        self._model = _model_on(store.database)
        with store.transaction():
            self._model.create_table(safe=True)

    def logins(self) -> tuple[Account, ...]:
        """Every login, by name."""
        return tuple(_account(row) for row in self._read(self._model.select()))

    def find(self, login: str) -> Account | None:
        """The account `login`, which is case-sensitive; None when there is none."""
        row = self._row(login)
        return None if row is None else _account(row)

    def set_password(self, login: str, password: str, role: Role | None = None) -> Account:
        """Give `login` a password; a login that does not exist is made.

        `role` None keeps the role, and is administrator for a new login. Raises InvalidRequest
        for an empty or over-long login or password.
        """
        hashed = self._hash(login, password)
        model = self._model
        with self._store.transaction():
            changed: dict[Any, Any] = {model.password: hashed}
            if role is not None:
                changed[model.role] = role.value
            if not model.update(changed).where(model.login == login).execute():
                wanted = (role or Role.ADMINISTRATOR).value
                model.insert(login=login, password=hashed, role=wanted).execute()
        self._forget()
        return self._present(login)

    def rename(self, old: str, new: str, password: str) -> Account:
        """Give the account `old` a new login and password; the old login is no more.

        Raises InvalidRequest when `new` exists already or is not fit, NotFound without `old`.
        """
        hashed = self._hash(new, password)
        model = self._model
        with self._store.transaction():
            if model.select().where(model.login == new).exists():
                raise InvalidRequest(f"UNIQUE constraint failed: the login {new} exists")
            change = model.update({model.login: new, model.password: hashed})
            if not change.where(model.login == old).execute():
                raise NotFound(f"there is no login {old}")
        self._forget()
        return self._present(new)

    def verify(self, login: str, password: str, address: str = "") -> Account | None:
        """The account of `login` if `password` is right, else None.

        Unknown logins cost the same work as known ones. Raises NotAuthenticated while `login`
        has to wait at `address` after too many wrong passwords.
        """
        row = self._row(login)
        hashed = _NOBODY if row is None else str(row.password)
        key = self._key(login, password, hashed)
        known = self._known(key)
        if known is False:
            # The same wrong password again is a client with old settings, not a guesser: it must
            # not keep its owner, who may sit at the same address, waiting.
            return None
        self._throttle.check(login, address)
        if known is None:
            with self._hashing:
                known = _matches(hashed, password)
            self._remember(key, right=known)
        if not known or row is None:
            self._throttle.failed(login, address)
            return None
        self._throttle.succeeded(login, address)
        return _account(row)

    def _row(self, login: str) -> Any | None:
        rows = self._read(self._model.select().where(self._model.login == login))
        return rows[0] if rows else None

    def _read(self, query: Any) -> list[Any]:
        with storage_errors():
            return list(query.order_by(self._model.login).execute(self._store.reader()))

    def _present(self, login: str) -> Account:
        account = self.find(login)
        if account is None:
            raise StorageError(f"the login {login} was removed meanwhile")
        return account

    def _hash(self, login: str, password: str) -> str:
        for what, text, longest in (
            ("login", login, LONGEST_LOGIN),
            ("password", password, LONGEST_PASSWORD),
        ):
            if not 1 <= len(text) <= longest:
                raise InvalidRequest(f"a {what} has 1 to {longest} characters")
        with self._hashing:
            return _HASHER.hash(password)

    def _key(self, login: str, password: str, hashed: str) -> bytes:
        """What the cache knows a login by: no password, and no use once the hash changes."""
        parts = b"".join(
            len(part).to_bytes(4) + part
            for part in (login.encode(), password.encode(), hashed.encode())
        )
        return hmac.digest(self._cache_key, parts, "sha256")

    def _known(self, key: bytes) -> bool | None:
        with self._guard:
            known = self._cache.get(key)
            if known is None or known.until_ns <= self._monotonic_ns():
                return None
            return known.right

    def _remember(self, key: bytes, *, right: bool) -> None:
        with self._guard:
            self._cache[key] = _Known(right, self._monotonic_ns() + CACHE_S * _NS)
            self._cache.move_to_end(key)
            while len(self._cache) > MOST_CACHED:
                self._cache.popitem(last=False)

    def _forget(self) -> None:
        with self._guard:
            self._cache.clear()


def _matches(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except argon2.exceptions.VerificationError:
        return False


def _account(row: Any) -> Account:
    stamp = hashlib.sha256(str(row.password).encode()).hexdigest()[:32]
    return Account(str(row.login), Role(row.role), stamp)


def _model_on(database: peewee.Database) -> Any:
    members = {
        "login": peewee.TextField(unique=True),
        "password": peewee.TextField(),
        "role": peewee.TextField(),
        "Meta": type("Meta", (), {"database": database, "table_name": "gateway_logins"}),
    }
    return type("GatewayLogin", (peewee.Model,), members)
