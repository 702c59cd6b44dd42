"""Who owns a credential: the reads of one decision, by index, in one transaction.

The policy's version is read with the person, so that a decision knows whether the rules in memory
are those of the same instant.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace

import peewee

from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.person import Person
from gateway.credentials.password_hash import verify
from gateway.credentials.placeholders import placeholder
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import KeyUnusable, StorageError
from gateway.objects.columns import sealed_as
from gateway.objects.models import Models
from gateway.sealing import is_sealed, key_id_of
from gateway.store.files.database import (
    STORE_UNREADABLE,
    begin,
    one_instant,
    roll_back,
    sqlite_errors,
)
from gateway.store.objects.schema import PolicyVersion

_TABLES = {
    CredentialKind.CARD: ("cards", "panic"),
    CredentialKind.QRCODE: ("qrcodes", None),
    CredentialKind.PIN: ("pins", "pin_type"),
    CredentialKind.UHF_TAG: ("uhf_tags", None),
}
"""Where a credential is looked up, and the column that marks one presented under threat."""

_PASSWORD_COLUMNS = ("password", "salt", "panic_password", "panic_salt")
_PIN = sealed_as("pins", "value")
_UNKNOWN = secrets.token_hex(32)


_ABOUT = ("begin_time", "end_time", "extended_times")
"""The columns of `users` that a decision needs, beside the id."""
_TERMS = ("id", "status", "begin_time", "end_time", "uses")
"""The columns of a credential that a decision needs, as CredentialTerms has them."""
_KEYS = {
    CredentialKind.CARD: CredentialKey.CARDS,
    CredentialKind.QRCODE: CredentialKey.QRCODES,
    CredentialKind.PIN: CredentialKey.PINS,
    CredentialKind.UHF_TAG: CredentialKey.UHF_TAGS,
}


class WrongRow(StorageError):
    """An index of the file leads to a row of something else: the file is damaged."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store knows at one instant."""

    policy_version: int
    person: Person | None
    panic: bool = False
    """The credential is one that is presented under threat."""
    contingency: bool = False
    """Nobody's card, but one of the site's emergency cards."""
    card_id: int = 0
    """The row of a card, 0 for none."""
    secret: str = field(default="", repr=False)
    """The key of a card whose codes change, or what is kept of a person's passwords; empty for
    any other credential."""


class PeopleReader:
    """Reads people by credential. One thread uses it."""

    def __init__(self, database: peewee.SqliteDatabase, models: Models) -> None:
        """`database` is open for reading; `models` are those of the store's registry."""
        self._connection: sqlite3.Connection = database.connection()
        # The ORM writes each statement once; nothing is composed while somebody waits.
        self._version = _sql(PolicyVersion.select(PolicyVersion.version))
        self._owner = {kind: _owner(models, *where) for kind, where in _TABLES.items()}
        self._passwords = _passwords(models)
        self._groups = _ties(models, "user_groups", "group_id", "end_time")
        self._own_rules = _ties(models, "user_access_rules", "access_rule_id", "end_time")
        self._opening_times = _ties(models, "opening_times", "door_id", "time")
        self._exempt = _ties(models, "antipassback_exemptions")
        contingency = models.column("contingency_cards", "value")
        cards = models["contingency_cards"].select(contingency)
        self._sealer = models.sealer
        self._first_pin = _sql(models["pins"].select(models.column("pins", "value")).limit(1))
        self._contingency = _sql(cards.where(contingency == 0))
        self._stored_card: Callable[[int | str], int] = models.column("cards", "value").db_value
        self._held: int | None = None

    @property
    def held(self) -> int | None:
        """The version of the rules at the instant that is held, None while none is."""
        return self._held

    def hold(self) -> None:
        """Read people and version as they are now until `release`, whatever is committed.

        Raises StorageError.
        """
        if self._held is None:
            with sqlite_errors(STORE_UNREADABLE):
                begin(self._connection)
                self._held = self.policy_version()

    def release(self) -> None:
        if self._held is not None:
            self._held = None
            roll_back(self._connection)

    def find(self, credential: Credential) -> Reading:
        """The owner of `credential`, None when nobody has it, and the policy's version.

        A placeholder is nobody's, even where an older database has a row for it. Raises
        StorageError when the store cannot be read; KeyUnusable for a PIN without the key by which
        PINs are sealed: whoever shows one is denied then.
        """
        if placeholder(credential):
            return Reading(self.policy_version(), None)
        value = credential.value
        if credential.kind is CredentialKind.CARD:
            value = self._stored_card(value)
        if credential.kind is CredentialKind.PIN:
            return self._consistently(lambda: self._by_pin(str(value)))
        return self._consistently(lambda: self._by_credential(credential.kind, value))

    def find_by_password(self, user_id: int, password: str) -> Reading:
        """The person `user_id` if `password` is theirs, the one for threats included.

        Raises StorageError when the store cannot be read.
        """
        return self._consistently(lambda: self._by_password(user_id, password))

    def find_by_id(self, user_id: int) -> Reading:
        """The person `user_id` as they are now, None for one who is no more.

        Raises StorageError when the store cannot be read.
        """
        return self._consistently(lambda: self._by_id(user_id))

    def policy_version(self) -> int:
        """The version of the rules as the store has them now."""
        with sqlite_errors(STORE_UNREADABLE):
            return int(self._connection.execute(self._version).fetchone()[0])

    def _consistently(self, read: Callable[[], Reading]) -> Reading:
        """`read` in one read transaction."""
        instant = one_instant(self._connection) if self._held is None else nullcontext()
        with sqlite_errors(STORE_UNREADABLE), instant:
            return read()

    def _by_pin(self, pin: str) -> Reading:
        found = self._first_pin_found()
        if not found:
            return Reading(self.policy_version(), None)
        value = pin
        if is_sealed(found):  # else an older program wrote the store, and seals it soon
            self._check_key(found)
            value = self._sealer.seal(_PIN, pin)
        return self._by_credential(CredentialKind.PIN, value)

    def _first_pin_found(self) -> str:
        """Any PIN as it is stored: how one is, all are. Empty where there is none."""
        try:
            row = self._connection.execute(self._first_pin, (1,)).fetchone()
        except sqlite3.Error:  # that row alone may be damaged
            return self._sealer.seal(_PIN, "0")
        return str(row[0]) if row is not None else ""

    def _check_key(self, sealed: str) -> None:
        """Raise KeyUnusable unless the key is the one of `sealed`."""
        if key_id_of(sealed) != self._sealer.key_id:
            self._sealer.reload()  # it may have been changed
        if key_id_of(sealed) != self._sealer.key_id:
            raise KeyUnusable("PINs are sealed with another key than the present one")

    def _opened(self, column: str, stored: str | None) -> str:
        """The clear text of a column of `users`. Raises KeyUnusable; a damaged value is empty."""
        if not stored or not is_sealed(stored):
            return stored or ""
        self._check_key(stored)
        return self._sealer.opened(sealed_as("users", column), stored) or ""

    def _secret_of_card(self, stored: str | None) -> str:
        """What the codes of a card are made with. Where it cannot be opened nobody knows it: the
        card opens doors, and no code does."""
        if not stored or not is_sealed(stored):
            return stored or ""
        with suppress(KeyUnusable):
            self._check_key(stored)
        found = self._sealer.opened(sealed_as("cards", "secret"), stored)
        return _UNKNOWN if found is None else found

    def _by_credential(self, kind: CredentialKind, value: int | str) -> Reading:
        version = self.policy_version()
        row = self._connection.execute(self._owner[kind], (value,)).fetchone()
        if row is not None:
            found, user_id, *columns = row
            about, (panic, secret, *terms) = columns[: len(_ABOUT)], columns[len(_ABOUT) :]
            _same(found, value)
            person = self._person(user_id, *about)
            shown = CredentialTerms(_KEYS[kind], *terms)
            return Reading(
                version,
                replace(person, credentials=(shown,)),
                bool(panic),
                card_id=shown.row_id if kind is CredentialKind.CARD else 0,
                secret=self._secret_of_card(secret),
            )
        if kind is not CredentialKind.CARD:
            return Reading(version, None)
        known = self._connection.execute(self._contingency, (value,)).fetchone()
        if known is not None:
            _same(known[0], value)
        return Reading(version, None, contingency=known is not None)

    def _by_id(self, user_id: int) -> Reading:
        version = self.policy_version()
        row = self._connection.execute(self._passwords, (user_id,)).fetchone()
        if row is None:
            return Reading(version, None)
        about, kept = row[: len(_ABOUT)], row[len(_ABOUT) :]
        person = self._person(user_id, *about)
        return Reading(version, person, secret=_kept(kept))

    def _by_password(self, user_id: int, password: str) -> Reading:
        version = self.policy_version()
        row = self._connection.execute(self._passwords, (user_id,)).fetchone()
        if row is None:
            return Reading(version, None)
        about, kept = row[: len(_ABOUT)], row[len(_ABOUT) :]
        hashed, salt, panic_hashed, panic_salt = map(self._opened, _PASSWORD_COLUMNS, kept)
        panic = verify(password, panic_hashed, panic_salt)
        if not panic and not verify(password, hashed, salt):
            return Reading(version, None)
        person = self._person(user_id, *about)
        return Reading(version, person, panic, secret=_kept(kept))

    def _person(
        self, user_id: int, begin_time: int | None, end_time: int | None, extended: int | None
    ) -> Person:
        groups, rules = (self._tied(it, user_id) for it in (self._groups, self._own_rules))
        return Person(
            user_id,
            begin_time,
            end_time,
            tuple(group for group, _ in groups),
            tuple(rule for rule, _ in rules),
            tuple((door, time) for door, time in self._tied(self._opening_times, user_id)),
            bool(extended),
            bool(self._tied(self._exempt, user_id)),
            group_ends=tuple((group, end) for group, end in groups if end),
            rule_ends=tuple((rule, end) for rule, end in rules if end),
        )

    def _tied(self, query: str, user_id: int) -> list[tuple[int, ...]]:
        found = self._connection.execute(query, (user_id,)).fetchall()
        for owner, *_ in found:
            _same(owner, user_id)
        return [row[1:] for row in found]


def _same(found: int | str, asked: int | str) -> None:
    """Raise WrongRow unless a row is that of what was asked for."""
    if found != asked:
        raise WrongRow("an index leads to another row")


def _kept(columns: Sequence[str | None]) -> str:
    """What the store keeps of somebody's passwords, as one text: another one when they change."""
    return "/".join(column or "" for column in columns)


def _owner(models: Models, table: str, mark: str | None) -> str:
    column = models.column
    user_id = column("users", "id")
    marked = peewee.SQL("0") if mark is None else column(table, mark)
    secret: peewee.Node = column(table, "secret") if table == "cards" else peewee.SQL("''")
    return _sql(
        models["users"]
        .select(
            column(table, "value"),
            user_id,
            *(column("users", name) for name in _ABOUT),
            marked,
            secret,
            *(column(table, name) for name in _TERMS),
        )
        .join(models[table], on=(column(table, "user_id") == user_id))
        .where(column(table, "value") == 0)
    )


def _passwords(models: Models) -> str:
    names = (*_ABOUT, *_PASSWORD_COLUMNS)
    columns = (models.column("users", name) for name in names)
    return _sql(models["users"].select(*columns).where(models.column("users", "id") == 0))


def _ties(models: Models, table: str, *what: str) -> str:
    model, user_id = models[table], models.column(table, "user_id")
    columns = (models.column(table, name) for name in what)
    return _sql(model.select(user_id, *columns).where(user_id == 0))


def _sql(query: peewee.Query) -> str:
    text, _placeholders = query.sql()
    return str(text)
