"""The device's id, which `init` draws once and which never changes."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import peewee
import structlog

from gateway.errors import LostIdentity
from gateway.store.files.database import storage_errors

if TYPE_CHECKING:
    from gateway.store.objects.store import Store

_DIGITS = string.digits + string.ascii_uppercase
_SMALLEST = 36**3
"""Below this a serial would have fewer than four characters."""
_BEYOND = 1 << 31
"""Ids must fit clients with 32 bits."""


log = structlog.get_logger("store")


class _Identity(peewee.Model):
    device_id = peewee.BigIntegerField()

    class Meta:
        table_name = "device_identity"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """The device's id; its serial number is the id in base 36 (Access API, data conventions)."""

    device_id: int

    @property
    def plausible(self) -> bool:
        """Whether it can be an id: not every number that a damaged file holds is one."""
        return type(self.device_id) is int and 0 < self.device_id < _BEYOND

    @property
    def serial(self) -> str:
        number, text = self.device_id, ""
        while number:
            number, digit = divmod(number, 36)
            text = _DIGITS[digit] + text
        return text.rjust(4, "0")


def draw_identity() -> DeviceIdentity:
    """A new device id, below 2^31."""
    return DeviceIdentity(_SMALLEST + secrets.randbelow(_BEYOND - _SMALLEST))


def store_identity(database: peewee.SqliteDatabase, identity: DeviceIdentity) -> None:
    """Write `identity` into a new store."""
    with database.bind_ctx([_Identity]):
        database.create_tables([_Identity])
        _Identity.create(device_id=identity.device_id)


def read_identity(database: peewee.SqliteDatabase) -> DeviceIdentity:
    """The identity in a store. Raises LostIdentity, and StorageError."""
    with database.bind_ctx([_Identity]), storage_errors():
        try:
            rows = list(_Identity.select())
        except (ValueError, TypeError) as error:
            raise LostIdentity("the device's id is damaged") from error
    if not rows:
        raise LostIdentity("the device's id is missing")
    found = DeviceIdentity(rows[0].device_id)
    if not found.plausible:
        raise LostIdentity(f"the device's id is damaged: {found.device_id!r}")
    return found


def read_or_mend_identity(store: Store) -> DeviceIdentity:
    """The identity of a device that starts; where it is damaged, the only row of `devices` tells
    it, else a new id is drawn. Raises StorageError where it cannot be stored."""
    try:
        return read_identity(store.reader())
    except LostIdentity as error:
        found: list[Any] = [row["id"] for row in store.load({"object": "devices"}).rows]
        known = [each for each in map(DeviceIdentity, found) if each.plausible]
        identity = known[0] if len(known) == 1 else draw_identity()
        log.warning("the device's id is made anew", why=str(error), device_id=identity.device_id)
    with store.transaction(), store.database.bind_ctx([_Identity]):
        store.database.create_tables([_Identity])
        _Identity.delete().execute()
        _Identity.create(device_id=identity.device_id)
    return identity
