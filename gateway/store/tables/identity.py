"""The device's id, which `init` draws once and which never changes."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

import peewee

_DIGITS = string.digits + string.ascii_uppercase
_SMALLEST = 36**3
"""Below this a serial would have fewer than four characters."""
_BEYOND = 1 << 31
"""Ids must fit clients with 32 bits."""


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
    """The identity in a store."""
    with database.bind_ctx([_Identity]):
        return DeviceIdentity(int(_Identity.select().get().device_id))
