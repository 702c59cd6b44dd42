"""Bearer tokens of the second vendor's API, in a table that no API object reaches.

A token is 256 random bits, of which only the SHA-256 is stored. The slow hash that passwords need
would add nothing, since nobody can guess 256 random bits. With a fast hash every request finds its
token through an index, without a cache of secrets in memory. A stolen database contains no token,
and the time of a comparison with a stored hash reveals nothing of the token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import peewee

from gateway.clock import unix_s
from gateway.errors import InvalidRequest, NotFound
from gateway.objects.fields import storable_text
from gateway.store.objects.store import Store
from gateway.store.tables import AnyText, own_table

LONGEST_NAME = 64
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """The stored facts of a token, without the token itself."""

    name: str
    created: datetime
    """Aware, in UTC, whole seconds; 1970 where the stored time is damaged."""


class _Created(peewee.BigIntegerField):
    """Seconds in the database, a Token's `created` in Python."""

    def python_value(self, value: object) -> datetime:
        if type(value) is int:
            with suppress(ValueError, OverflowError, OSError):
                return datetime.fromtimestamp(value, UTC)
        return datetime.fromtimestamp(0, UTC)


class TokenTable:
    """The bearer tokens of one store; any thread may call it."""

    def __init__(self, store: Store, utc: Callable[[], datetime]) -> None:
        """Raises StorageError."""
        self._store = store
        self._utc = utc
        self._model = own_table(
            store,
            "gateway_tokens",
            name=AnyText(unique=True),
            digest=AnyText(unique=True),
            created=_Created(),
        )

    def create(self, name: str) -> str:
        """A new token called `name`: 64 hexadecimal digits, which nobody can read again later.

        Raises InvalidRequest for a name that is taken, empty, padded or too long.
        """
        storable_text("name", name)
        if not 1 <= len(name) <= LONGEST_NAME or name != name.strip():
            raise InvalidRequest(
                f"a token's name has 1 to {LONGEST_NAME} characters, none of them a space at "
                "either end"
            )
        token = secrets.token_hex(_BYTES)
        created = unix_s(self._utc())
        try:
            with self._store.transaction():
                self._model.insert(name=name, digest=_digest(token), created=created).execute()
        except peewee.IntegrityError as error:
            raise InvalidRequest(f"there is a token {name} already") from error
        return token

    def all(self) -> tuple[Token, ...]:
        """Every valid token, by name."""
        return tuple(map(_token, self._store.read(self._model.select().order_by(self._model.name))))

    def revoke(self, name: str) -> None:
        """Revoke the token `name`. Raises NotFound if there is none."""
        model = self._model
        with self._store.transaction():
            if not model.delete().where(model.name == name).execute():
                raise NotFound(f"there is no token {name}")

    def find(self, token: str) -> Token | None:
        """The facts of `token`; None if it is wrong or revoked."""
        model = self._model
        rows = self._store.read(model.select().where(model.digest == _digest(token)))
        return _token(rows[0]) if rows else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="backslashreplace")).hexdigest()


def _token(row: Any) -> Token:
    return Token(str(row.name), row.created)
