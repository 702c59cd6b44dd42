"""What this device was told about the machine it runs on, and has to remember by itself.

A table that no API object and no configuration key reaches. It belongs to this device alone: no
backup holds it, and it stays when one comes back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import peewee

from gateway.store.files.database import storage_errors
from gateway.store.objects.store import Store


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """Empty or None is what nobody has set."""

    web_server_port: int | None = None
    """Where the API listens, in the place of the site file's port."""
    ssl_enabled: bool | None = None
    """Whether it listens for HTTPS, in the place of what the site file says."""
    ntp_server1: str = ""
    ntp_server2: str = ""
    own_hostname: str = ""
    """The machine's name before a client gave it another one; empty while none has."""


class MachineTable:
    """The settings of one store; any thread may call it."""

    def __init__(self, store: Store) -> None:
        """Makes the table if the store has none yet. Raises StorageError."""
        self._store = store
        self._model = _model_on(store.database)
        with store.transaction():
            self._model.create_table(safe=True)

    def read(self) -> MachineSettings:
        """What is set. Raises StorageError."""
        with storage_errors():
            return self._row(self._store.reader())

    def change(self, **changes: Any) -> None:
        """Set the named settings; the others stay. Raises StorageError."""
        with self._store.transaction():
            settings = asdict(replace(self._row(self._store.database), **changes))
            self._model.replace(id=_ONLY, **settings).execute()

    def _row(self, database: peewee.Database) -> MachineSettings:
        rows = list(self._model.select().dicts().execute(database))
        return MachineSettings(*(rows[0][name] for name in _NAMES)) if rows else MachineSettings()


_NAMES = tuple(field.name for field in fields(MachineSettings))
_ONLY = 1
"""The key of the one row."""


def _model_on(database: peewee.Database) -> Any:
    members = {
        "id": peewee.IntegerField(primary_key=True),
        "web_server_port": peewee.IntegerField(null=True),
        "ssl_enabled": peewee.BooleanField(null=True),
        "ntp_server1": peewee.TextField(),
        "ntp_server2": peewee.TextField(),
        "own_hostname": peewee.TextField(),
        "Meta": type("Meta", (), {"database": database, "table_name": "machine_settings"}),
    }
    return type("MachineSettingsRow", (peewee.Model,), members)
