"""API logins, in their own table that no API object reaches.

Passwords are stored as argon2id hashes with 19 MiB, two passes, one lane (OWASP's small profile):
the default of 64 MiB is too much for a small board. One hash is computed at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import argon2
import peewee
import structlog

from gateway.errors import InvalidRequest, NotFound, StorageError
from gateway.store.objects.store import Store
from gateway.store.tables import AnyText, own_table

CACHE_S = 300
"""A verified login is accepted again without hashing for this long: clients log in every few
seconds."""
MOST_CACHED = 256
LONGEST_LOGIN = 64
LONGEST_PASSWORD = 1_024
SHORTEST_PASSWORD = 8
"""Of one that a client sets (NIST SP 800-63B). Shorter ones that exist go on to work, and whoever
sits at the machine may set one: `gateway passwd` warns of it."""

log = structlog.get_logger("store")

_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = f"$argon2id$v=19$m={19 * 1024},t=2,p=1${'A' * 22}${'A' * 43}"
"""A hash of no password, of the same cost, to verify for logins that do not exist."""
_NS = 1_000_000_000


class Role(StrEnum):
    """The rights of a login."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    """May not change logins, configuration and logs, and sees no secrets."""
    DOOR_OPENER = "door_opener"
    """For other devices: may open doors and read their states, nothing else."""
    DOOR_READER = "door_reader"
    """For other devices: may read the states of doors, nothing else."""


@dataclass(frozen=True, slots=True)
class Account:
    """One API login."""

    login: str
    role: Role
    stamp: str
    """Changes with the password and the role; nobody can derive the password from it."""


def check_login(login: str) -> None:
    """Raise InvalidRequest unless an account may have the name `login`.

    It is printable text in composed form without a space at either end: two logins that look alike
    would pass for one.
    """
    if not 1 <= len(login) <= LONGEST_LOGIN:
        raise InvalidRequest(f"login: it has 1 to {LONGEST_LOGIN} characters")
    if login != login.strip():
        raise InvalidRequest("login: it has no space at either end")
    if not login.isprintable():
        raise InvalidRequest("login: it has printable characters only, none of them invisible")
    if not unicodedata.is_normalized("NFC", login):
        raise InvalidRequest("login: write an accented letter as one character (Unicode NFC)")


class Accounts:
    """The API logins of one store; any thread may call it."""

    def __init__(self, store: Store, monotonic_ns: Callable[[], int]) -> None:
        """Raises StorageError."""
        self._store = store
        self._monotonic_ns = monotonic_ns
        self._hashing = threading.Lock()
        self._guard = threading.Lock()
        self._cache_key = secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, int] = OrderedDict()
        """Proof of a right password -> when it is forgotten."""
        self._model = own_table(
            store,
            "gateway_logins",
            login=AnyText(unique=True),
            password=AnyText(),
            role=AnyText(),
        )

    def logins(self) -> tuple[Account, ...]:
        """Every login, by name, without those whose role is damaged."""
        found = map(_account, self._read(self._model.select()))
        return tuple(account for account in found if account is not None)

    def find(self, login: str) -> Account | None:
        """The account `login`, which is case-sensitive; None if there is none, or its role is
        damaged: then nobody can log in until `set_password` gives it a password and a role."""
        row = self._row(login)
        return None if row is None else _account(row)

    def set_password(self, login: str, password: str, role: Role | None = None) -> Account:
        """Give `login` a password, and make the login if it does not exist.

        `role` None keeps the role; a new login, and one whose role is damaged, becomes
        administrator. Raises InvalidRequest for an
        empty or too long login or password.
        """
        check_login(login)
        hashed = self._hash(password)
        model = self._model
        with self._store.transaction():
            changed: dict[Any, Any] = {model.password: hashed}
            if role is None and self.find(login) is None:
                role = Role.ADMINISTRATOR
            if role is not None:
                changed[model.role] = role.value
            if not model.update(changed).where(model.login == login).execute():
                requested = (role or Role.ADMINISTRATOR).value
                model.insert(login=login, password=hashed, role=requested).execute()
        self._forget()
        return self._present(login)

    def create(self, login: str, password: str, role: Role) -> Account:
        """Make the login `login`.

        Raises InvalidRequest if it exists, or for an invalid login or password.
        """
        check_login(login)
        hashed = self._hash(password)
        model = self._model
        try:
            with self._store.transaction():
                model.insert(login=login, password=hashed, role=role.value).execute()
        except peewee.IntegrityError as error:
            raise InvalidRequest(f"UNIQUE constraint failed: the login {login} exists") from error
        return self._present(login)

    def modify(
        self, login: str, *, password: str | None = None, role: Role | None = None
    ) -> Account:
        """Give an existing login another password, another role or both; None keeps it.

        Raises NotFound if there is none, InvalidRequest for an invalid password and if the last
        administrator would become anything else.
        """
        changed: dict[Any, Any] = {}
        model = self._model
        if password is not None:
            changed[model.password] = self._hash(password)
        if role is not None:
            changed[model.role] = role.value
        with self._store.transaction():
            self._require(login, stays_administrator=role in (None, Role.ADMINISTRATOR))
            if changed:
                model.update(changed).where(model.login == login).execute()
        self._forget()
        return self._present(login)

    def delete(self, login: str) -> None:
        """Delete `login`. Raises NotFound if there is none, InvalidRequest for the last
        administrator."""
        model = self._model
        with self._store.transaction():
            self._require(login, stays_administrator=False)
            model.delete().where(model.login == login).execute()
        self._forget()

    def _require(self, login: str, *, stays_administrator: bool) -> None:
        """Check that `login` exists and that an administrator remains.

        Call it in the transaction of the change, so that two changes at once cannot both pass.
        """
        model = self._model
        found = map(_account, model.select())
        roles = {account.login: account.role for account in found if account is not None}
        if login not in roles:
            raise NotFound(f"there is no login {login}")
        others = [role for name, role in roles.items() if name != login]
        last = roles[login] is Role.ADMINISTRATOR and Role.ADMINISTRATOR not in others
        if last and not stays_administrator:
            raise InvalidRequest(
                f"{login} is the last administrator: make another one first, or nobody can change "
                "logins and settings"
            )

    def rename(self, old: str, new: str, password: str) -> Account:
        """Give the account `old` a new login and password.

        Raises InvalidRequest if `new` exists already or is invalid, NotFound if `old` does not
        exist.
        """
        check_login(new)
        hashed = self._hash(password)
        model = self._model
        with self._store.transaction():
            if model.select().where(model.login == new).exists():
                raise InvalidRequest(f"UNIQUE constraint failed: the login {new} exists")
            change = model.update({model.login: new, model.password: hashed})
            if not change.where(model.login == old).execute():
                raise NotFound(f"there is no login {old}")
        self._forget()
        return self._present(new)

    def verify(self, login: str, password: str) -> Account | None:
        """The account of `login` if `password` is right, else None.

        An unknown login takes the same work as a known one. The transport limits how often clients
        may guess.
        """
        row = self._row(login)
        hashed = _NOBODY if row is None else str(row.password)
        key = self._key(login, password, hashed)
        if not self._verified(key):
            with self._hashing:
                right = _matches(hashed, password)
            if not right or row is None:
                return None
            self._remember(key)
        return _account(row) if row is not None else None

    def _row(self, login: str) -> Any | None:
        rows = self._read(self._model.select().where(self._model.login == login))
        return rows[0] if rows else None

    def _read(self, query: Any) -> list[Any]:
        return self._store.read(query.order_by(self._model.login))

    def _present(self, login: str) -> Account:
        account = self.find(login)
        if account is None:
            raise StorageError(f"the login {login} was removed meanwhile")
        return account

    def _hash(self, password: str) -> str:
        if not 1 <= len(password) <= LONGEST_PASSWORD:
            raise InvalidRequest(f"password: it has 1 to {LONGEST_PASSWORD} characters")
        with self._hashing:
            return _HASHER.hash(password)

    def _key(self, login: str, password: str, hashed: str) -> bytes:
        """The cache's key of a login: reveals no password, and changes with the stored hash."""
        parts = b"".join(
            len(part).to_bytes(4) + part
            for part in (login.encode(), password.encode(), hashed.encode())
        )
        return hmac.digest(self._cache_key, parts, "sha256")

    def _verified(self, key: bytes) -> bool:
        with self._guard:
            return self._cache.get(key, 0) > self._monotonic_ns()

    def _remember(self, key: bytes) -> None:
        with self._guard:
            self._cache[key] = self._monotonic_ns() + CACHE_S * _NS
            self._cache.move_to_end(key)
            while len(self._cache) > MOST_CACHED:
                self._cache.popitem(last=False)

    def _forget(self) -> None:
        with self._guard:
            self._cache.clear()


def _matches(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeError):
        return False  # the last two for a damaged hash


def _account(row: Any) -> Account | None:
    """The account of a row; None where its role is damaged."""
    if row.role not in list(Role):
        log.warning("the role of a login is damaged: `gateway passwd` mends it", login=row.login)
        return None
    hashed = f"{row.role} {row.password}"
    return Account(str(row.login), Role(row.role), hashlib.sha256(hashed.encode()).hexdigest()[:32])
