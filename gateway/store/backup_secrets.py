"""What a backup holds of the secrets: sealed under a passphrase, or nothing.

A backup with a passphrase has a key of its own. The second line of the file holds that key twice,
sealed: with a key made of the passphrase, and with that of the device, which needs no passphrase to
restore a backup of its own. The device's own key is in no backup.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import InvalidRequest, KeyUnusable
from gateway.sealing import KEY_BYTES, BrokenSeal, Sealer, new_key

SHORTEST_PASSPHRASE = 10
LONGEST_PASSPHRASE = 256
_CONTEXT = "backup.key"
_SALT_BYTES = 16
_MEMORY_KIB = 32 * 1024
_PASSES = 4
"""Some 0.1 s on a desktop and 2 s on a Pi Zero 2 W, for each guess."""
_Sealed = Annotated[str, Field(max_length=300, pattern=r"^s1:[A-Za-z0-9_-]{6}:[A-Za-z0-9+/=]+$")]


class SealedKey(BaseModel):
    """The key of a backup, in its second line."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    memory_kib: Annotated[int, Field(ge=8, le=64 * 1024)]
    passes: Annotated[int, Field(ge=1, le=16)]
    by_passphrase: _Sealed
    by_device: _Sealed

    def unlock(self, passphrase: str, device: Sealer) -> Sealer:
        """What opens the secrets of the backup. Without a passphrase the device's key is tried.

        Raises InvalidRequest for a wrong passphrase, and where one is needed.
        """
        by, sealed = device, self.by_device
        if passphrase:
            salt = bytes.fromhex(self.salt)
            by = _key_of(passphrase, salt, self.memory_kib, self.passes)
            sealed = self.by_passphrase
        try:
            key = base64.b64decode(by.open(_CONTEXT, sealed), validate=True)
        except (BrokenSeal, KeyUnusable, ValueError) as error:
            if passphrase:
                raise InvalidRequest("the passphrase is not that of this backup") from error
            raise InvalidRequest(
                "the backup holds secrets, sealed on another device or with a key that is lost:"
                " give its passphrase, or leave the secrets out"
            ) from error
        if len(key) != KEY_BYTES:
            raise InvalidRequest("the backup is damaged: its key is not one")
        return Sealer.of(key)


@dataclass(frozen=True, slots=True)
class NewBackupKey:
    """The key of a backup that is being made."""

    sealer: Sealer
    sealed: SealedKey


def new_backup_key(passphrase: str, device: Sealer) -> NewBackupKey:
    """A key that `passphrase` and the device open. Raises InvalidRequest for a passphrase that is
    too short or too long, KeyUnusable where the device has no key."""
    if not SHORTEST_PASSPHRASE <= len(passphrase) <= LONGEST_PASSPHRASE:
        raise InvalidRequest(
            f"passphrase: it has {SHORTEST_PASSPHRASE} to {LONGEST_PASSPHRASE} characters"
        )
    key, salt = new_key(), secrets.token_bytes(_SALT_BYTES)
    text = base64.b64encode(key).decode()
    by_passphrase = _key_of(passphrase, salt, _MEMORY_KIB, _PASSES).seal(_CONTEXT, text)
    sealed = SealedKey(
        salt=salt.hex(),
        memory_kib=_MEMORY_KIB,
        passes=_PASSES,
        by_passphrase=by_passphrase,
        by_device=device.seal(_CONTEXT, text),
    )
    return NewBackupKey(Sealer.of(key), sealed)


def _key_of(passphrase: str, salt: bytes, memory_kib: int, passes: int) -> Sealer:
    import argon2.low_level

    try:
        secret = passphrase.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("passphrase: half a surrogate pair") from error
    return Sealer.of(
        argon2.low_level.hash_secret_raw(
            secret, salt, passes, memory_kib, 1, KEY_BYTES, argon2.low_level.Type.ID
        )
    )
