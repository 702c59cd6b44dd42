"""Bearer tokens: who may use the second vendor's API, in a table that no API object reaches.

A token is 256 random bits, and only its SHA-256 is kept. The slow hash that passwords need would
add nothing: it makes guessing dear, and nobody can guess 256 random bits. The fast one lets every
request find its token through an index, without a cache of secrets in memory. Whoever steals the
database gets no token, and a comparison that takes longer for a hash that begins alike tells
nothing of the token behind it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import peewee

from gateway.errors import InvalidRequest, NotFound
from gateway.objects.fields import storable_text
from gateway.store.files.database import storage_errors
from gateway.store.objects.store import Store

LONGEST_NAME = 64
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the token itself is not."""

    name: str
    created: datetime
    """Aware, in UTC, whole seconds."""


class TokenTable:
    """The bearer tokens of one store; any thread may call it."""

    def __init__(self, store: Store, utc: Callable[[], datetime]) -> None:
        """Makes the table if the store has none yet. Raises StorageError."""
        self._store = store
        self._utc = utc
        self._model = _model_on(store.database)
        with store.transaction():
            self._model.create_table(safe=True)

    def create(self, name: str) -> str:
        """A new token called `name`: 64 hexadecimal digits, which cannot be had a second time.

        Raises InvalidRequest for a name that is taken, empty, padded or over-long.
        """
        storable_text("name", name)
        if not 1 <= len(name) <= LONGEST_NAME or name != name.strip():
            raise InvalidRequest(
                f"a token's name has 1 to {LONGEST_NAME} characters, none of them a space at "
                "either end"
            )
        token = secrets.token_hex(_BYTES)
        created = int(self._utc().timestamp())
        try:
            with self._store.transaction():
                self._model.insert(name=name, digest=_digest(token), created=created).execute()
        except peewee.IntegrityError as error:
            raise InvalidRequest(f"there is a token {name} already") from error
        return token

    def all(self) -> tuple[Token, ...]:
        """Every token that counts, by name."""
        return tuple(map(_token, self._read(self._model.select().order_by(self._model.name))))

    def revoke(self, name: str) -> None:
        """Let the token `name` count no more. Raises NotFound when there is none."""
        model = self._model
        with self._store.transaction():
            if not model.delete().where(model.name == name).execute():
                raise NotFound(f"there is no token {name}")

    def find(self, token: str) -> Token | None:
        """What is known of `token`; None when it does not count."""
        model = self._model
        rows = self._read(model.select().where(model.digest == _digest(token)))
        return _token(rows[0]) if rows else None

    def _read(self, query: Any) -> list[Any]:
        with storage_errors():
            return list(query.execute(self._store.reader()))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="backslashreplace")).hexdigest()


def _token(row: Any) -> Token:
    return Token(str(row.name), datetime.fromtimestamp(int(row.created), UTC))


def _model_on(database: peewee.Database) -> Any:
    members = {
        "name": peewee.TextField(unique=True),
        "digest": peewee.TextField(unique=True),
        "created": peewee.BigIntegerField(),
        "Meta": type("Meta", (), {"database": database, "table_name": "gateway_tokens"}),
    }
    return type("GatewayToken", (peewee.Model,), members)
