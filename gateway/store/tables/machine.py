"""Settings of the machine that clients made and this program stores.

No API object and no configuration key reaches this table. It belongs to this device: no backup
contains it, and a restore does not change it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import peewee
import structlog

from gateway.store.files.database import storage_errors
from gateway.store.objects.store import Store
from gateway.store.tables import own_table

log = structlog.get_logger("store")


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """Empty or None stands for a setting that nobody has made."""

    web_server_port: int | None = None
    """The API's port, instead of the site file's."""
    ssl_enabled: bool | None = None
    """Whether the API serves HTTPS, instead of the site file's choice."""
    ntp_server1: str = ""
    ntp_server2: str = ""
    own_hostname: str = ""
    """The machine's host name before a client changed it; empty if none has."""


class MachineTable:
    """The settings of one store; any thread may call it."""

    def __init__(self, store: Store) -> None:
        """Raises StorageError."""
        self._store = store
        self._model = own_table(
            store,
            "machine_settings",
            id=peewee.IntegerField(primary_key=True),
            web_server_port=peewee.IntegerField(null=True),
            ssl_enabled=peewee.BooleanField(null=True),
            ntp_server1=peewee.TextField(),
            ntp_server2=peewee.TextField(),
            own_hostname=peewee.TextField(),
        )

    def read(self) -> MachineSettings:
        """The settings. Raises StorageError."""
        with storage_errors():
            return self._row(self._store.reader())

    def change(self, **changes: Any) -> None:
        """Set the named settings; the others stay. Raises StorageError."""
        with self._store.transaction():
            settings = asdict(replace(self._row(self._store.database), **changes))
            self._model.replace(id=_ONLY, **settings).execute()

    def _row(self, database: peewee.Database) -> MachineSettings:
        try:
            rows = list(self._model.select().dicts().execute(database))
        except (ValueError, TypeError, OverflowError) as error:
            log.warning("the settings of the machine cannot be read", why=str(error))
            rows = []
        return MachineSettings(*(rows[0][name] for name in _NAMES)) if rows else MachineSettings()


_NAMES = tuple(field.name for field in fields(MachineSettings))
_ONLY = 1
"""The key of the one row."""
