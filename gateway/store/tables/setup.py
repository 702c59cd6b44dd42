"""The one-time code that opens the first start, and the site file that it is writing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import peewee

from gateway.store.files.database import storage_errors
from gateway.store.objects.store import Store
from gateway.store.tables import AnyText, own_table

_UNMISTAKABLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits without those that look alike on a screen."""
_LENGTH, _GROUP = 16, 4
MOST_CHECKS = 256


def new_code() -> str:
    """A random code of 79 bits, in groups for people: `abcd-efgh-jkmn-pqrs`."""
    letters = random_word(_LENGTH)
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def random_word(length: int) -> str:
    """So many random letters and digits, 4.95 bits each."""
    return "".join(secrets.choice(_UNMISTAKABLE) for _ in range(length))


@dataclass(frozen=True, slots=True)
class SetupRow:
    """What the table holds."""

    code_hash: str = ""
    """Of the code; empty once it was used."""
    login: str = ""
    """The administrator whose password the code may set."""
    stamp: str = ""
    """As in `Account`: another password of that login ends the code."""
    draft: str = ""
    """The text of a site file that is not finished."""
    checks: str = ""
    """What somebody has seen or heard work, one name in a line."""


class SetupTable:
    """The first start of one store; any thread may call it."""

    def __init__(self, store: Store) -> None:
        """Raises StorageError."""
        self._store = store
        self._model = own_table(
            store,
            "setup",
            id=peewee.IntegerField(primary_key=True),
            code_hash=AnyText(),
            login=AnyText(),
            stamp=AnyText(),
            draft=AnyText(),
            checks=AnyText(),
        )

    def read(self) -> SetupRow:
        """Raises StorageError."""
        with storage_errors():
            return self._row(self._store.reader())

    def arm(self, code: str, login: str, stamp: str) -> None:
        """Let `code` set the password of `login` once, while the account has this `stamp`."""
        with self._store.transaction():
            row = self._row(self._store.database)
            self._put(replace(row, code_hash=_hash(code), login=login, stamp=stamp))

    def take(self, code: str) -> SetupRow | None:
        """Use the code up; None if it is wrong or was used. The caller compares the stamp."""
        with self._store.transaction():
            row = self._row(self._store.database)
            if not row.code_hash or not hmac.compare_digest(row.code_hash, _hash(code)):
                return None
            self._put(replace(row, code_hash="", login="", stamp=""))
            return row

    def keep_draft(self, draft: str) -> None:
        """Keep the text of a site file that is not finished; empty ends it, with its checks."""
        with self._store.transaction():
            row = self._row(self._store.database)
            self._put(replace(row, draft=draft, checks=row.checks if draft else ""))

    def add_checks(self, names: Sequence[str]) -> None:
        """Add what somebody has seen or heard work; the oldest go beyond MOST_CHECKS."""
        with self._store.transaction():
            row = self._row(self._store.database)
            known = dict.fromkeys([*row.checks.splitlines(), *names])
            self._put(replace(row, checks="\n".join([*known][-MOST_CHECKS:])))

    def _put(self, row: SetupRow) -> None:
        self._model.replace(id=_ONLY, **asdict(row)).execute()

    def _row(self, database: peewee.Database) -> SetupRow:
        model = self._model
        columns = (model.code_hash, model.login, model.stamp, model.draft, model.checks)
        rows = list(model.select(*columns).tuples().execute(database))
        return SetupRow(*(value or "" for value in rows[0])) if rows else SetupRow()


def _hash(code: str) -> str:
    """A fast hash is enough: nobody guesses 79 random bits."""
    plain = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


_ONLY = 1
"""The key of the one row."""
