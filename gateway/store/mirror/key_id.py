"""The key with which the secrets in the mirror are sealed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from gateway.sealing import is_sealed, key_id_of
from gateway.store.mirror.connections import MIRROR_ERRORS, connect

_SOME = (
    "SELECT value FROM rows_pins WHERE value <> '' LIMIT 1",
    "SELECT password FROM rows_users WHERE password <> '' LIMIT 1",
)


def key_of(mirror: Path) -> str | None:
    """Its id, by a PIN or password of a person: how one is sealed, all are. None where none is, or
    the file cannot be read."""
    try:
        with closing(connect(mirror, "ro")) as connection:
            for query in _SOME:
                row = connection.execute(query).fetchone()
                if row is not None and is_sealed(row[0]):
                    return key_id_of(row[0])
    except MIRROR_ERRORS:
        pass
    return None
