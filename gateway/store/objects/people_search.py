"""The full-text index by which people are found: `search.db` beside the store.

The index is derived from the store and belongs to the api process. It follows the changes that the
triggers of the store note for the mirror, so a write of people costs nothing more; a file that is
missing, damaged or of another form is made anew.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import peewee
import structlog
from peewee import fn

from gateway.errors import DamagedFile, StorageError
from gateway.objects.models import Models
from gateway.store.files.database import begin, roll_back, sqlite_errors
from gateway.store.objects.schema import CHANGES
from gateway.store.query.compile import members

FORM = 1
"""Of the file, in SQLite's `user_version`."""
MOST_CHANGES = 20_000
"""People who are read at a time; if more than these changed, everybody is."""
_HELD = 3
"""Most letters of a beginning that the index holds."""
_LOOKED_AT = 2_000
"""People with such beginnings who are looked at before SQLite is asked for longer ones."""
_CACHE_KIB = 512
_UNUSABLE = "the search index cannot be used"

# The letters that Unicode does not decompose.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
_WORD = re.compile(r"[^\W_]+")

log = structlog.get_logger("store")


class _Change(peewee.Model):
    """What the triggers note. Bound to no database."""

    seq = peewee.BigIntegerField(primary_key=True)
    name = peewee.TextField()
    row = peewee.BigIntegerField()
    mark = peewee.BigIntegerField()

    class Meta:
        """Table name."""

        table_name = CHANGES


def words_of(text: str) -> list[str]:
    """The words of `text` without case and accents."""
    if text.isascii():
        return _WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return _WORD.findall(plain.translate(_LETTERS))


def _indexed(name: str, registration: str) -> str:
    """The words by which a person is found; a registration also without its punctuation."""
    number = words_of(registration)
    return " ".join([*words_of(name), *number, *(["".join(number)] if len(number) > 1 else [])])


class IndexedStore(Protocol):
    """What the index reads of the store."""

    @property
    def models(self) -> Models: ...
    def read(self, query: Any) -> list[Any]: ...
    def change_mark(self) -> tuple[int, int]: ...


class PeopleSearch:
    """Finds people by the beginnings of words of their name and registration. Thread-safe.

    Methods raise StorageError.
    """

    def __init__(self, path: Path, store: IndexedStore) -> None:
        self._path = path
        self._store = store
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        with self._turn:
            self._close()

    def find(self, text: str, limit: int) -> list[int]:
        """Ids of up to `limit` people who have each word of `text`, first those who have them
        whole; none for a text without words."""
        words = words_of(text)
        if not words:
            return []
        with self._turn:
            try:
                return self._find(words, limit)
            except DamagedFile as error:
                log.warning("search index made anew", why=str(error))
            except OSError as error:
                raise StorageError(f"{_UNUSABLE}: {error}") from error
            self._remove()
            return self._find(words, limit)

    def _find(self, words: Sequence[str], limit: int) -> list[int]:
        with sqlite_errors(_UNUSABLE):
            connection = self._opened()
            self._catch_up(connection)
            found = _matches(connection, (f'"{word}"' for word in words), limit)
            if len(found) < limit:
                found += _with_beginnings(connection, words, limit)
        return list(dict.fromkeys(found))[:limit]

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # Names of people are for nobody else on the machine.
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._connection = connection
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA journal_mode = wal")
            # The index may lose its last changes in a power cut: it then reads them again.
            connection.execute("PRAGMA synchronous = normal")
            [(form,)] = connection.execute("PRAGMA user_version").fetchall()
            if form not in {0, FORM}:
                raise DamagedFile(f"{self._path} is of another form")
            if form != FORM:
                with _writing(connection):
                    for statement in _TABLES:
                        connection.execute(statement)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _remove(self) -> None:
        self._close()
        try:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{_UNUSABLE}: {error}") from error

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Take over what changed. Rows that change meanwhile are noted after `now`."""
        [before] = connection.execute("SELECT epoch, seq, mark FROM state").fetchall()
        epoch, seq = self._store.change_mark()
        now = (epoch, seq, self._mark(seq))
        if now == before:
            return
        changed = self._changed(before, now)
        with _writing(connection):
            if changed is None:
                connection.execute("DROP TABLE people")
                connection.execute(_PEOPLE)
                for rows in self._everyone():
                    _add(connection, rows)
            else:
                gone = ((id_,) for id_ in changed)
                connection.executemany("DELETE FROM people WHERE rowid = ?", gone)
                _add(connection, self._rows(self._key.in_(members(changed))))
            connection.execute("UPDATE state SET epoch = ?, seq = ?, mark = ?", now)

    def _changed(
        self, before: tuple[int, int, int | None], now: tuple[int, int, int | None]
    ) -> list[int] | None:
        """The ids of those who changed; None where all are to be read."""
        since = before[1]
        if before[0] != now[0] or since > now[1] or self._mark(since) != before[2]:
            return None
        later = _Change.seq > since
        [[noted]] = self._read(_Change.select(fn.COUNT(_Change.seq)).where(later))
        query = _Change.select(_Change.row).where(later, _Change.name == "users").distinct()
        changed = [id_ for (id_,) in self._read(query.limit(MOST_CHANGES + 1))]
        # The oldest notes are dropped when there are many.
        return changed if noted >= now[1] - since and len(changed) <= MOST_CHANGES else None

    def _mark(self, seq: int) -> int | None:
        found = self._read(_Change.select(_Change.mark).where(_Change.seq == seq))
        return found[0][0] if found else None

    @property
    def _key(self) -> Any:
        return self._store.models.key("users")

    def _everyone(self) -> Iterator[list[tuple[Any, ...]]]:
        last = 0
        while rows := self._rows(self._key > last):
            yield rows
            last = rows[-1][0]

    def _rows(self, which: Any) -> list[tuple[Any, ...]]:
        columns = [self._store.models.column("users", it) for it in ("id", "name", "registration")]
        query = self._store.models["users"].select(*columns).where(which)
        return self._read(query.order_by(self._key).limit(MOST_CHANGES))

    def _read(self, query: Any) -> list[tuple[Any, ...]]:
        return self._store.read(query.tuples())


_PEOPLE = (
    "CREATE VIRTUAL TABLE people USING fts5(words, tokenize = 'ascii', detail = 'none',"
    f" columnsize = 0, prefix = '{' '.join(str(it + 1) for it in range(_HELD))}')"
)
# Words are folded before they are indexed; this tokenizer takes every other letter as it is.
_TABLES = (
    _PEOPLE,
    "CREATE TABLE state (epoch INTEGER NOT NULL, seq INTEGER NOT NULL, mark INTEGER)",
    "INSERT INTO state VALUES (-1, -1, NULL)",
    f"PRAGMA user_version = {FORM}",
)


def _add(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    connection.executemany(
        "INSERT INTO people (rowid, words) VALUES (?, ?)",
        ((id_, _indexed(str(name), str(registration or ""))) for id_, name, registration in rows),
    )


def _matches(connection: sqlite3.Connection, sought: Iterable[str], limit: int) -> list[int]:
    """Ids of up to `limit` people who match each of `sought`, in their order."""
    query = "SELECT rowid FROM people WHERE people MATCH ? ORDER BY rowid LIMIT ?"
    return [id_ for (id_,) in connection.execute(query, (" ".join(sought), limit))]


def _with_beginnings(connection: sqlite3.Connection, words: Sequence[str], limit: int) -> list[int]:
    """Ids of up to `limit` people who have words that begin with each of `words`, in their order.

    Of a beginning that the index does not hold, SQLite merges the people of all such words before
    it gives the first: 50 ms where 200,000 share a word. Held ones give them one by one.
    """
    if any(len(word) > _HELD for word in words):
        held = " ".join(f'"{word[:_HELD]}"*' for word in words)
        query = "SELECT rowid, words FROM people WHERE people MATCH ? ORDER BY rowid"
        found: list[int] = []
        with closing(connection.execute(query, (held,))) as rows:
            for looked_at, (id_, has) in enumerate(rows):
                if all(f" {word}" in f" {has}" for word in words):
                    found.append(id_)
                if len(found) == limit:
                    return found
                if looked_at > _LOOKED_AT + limit:
                    break
            else:
                return found
    return _matches(connection, (f'"{word}"*' for word in words), limit)


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    begin(connection, "IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        roll_back(connection)
