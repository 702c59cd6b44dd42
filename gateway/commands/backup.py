"""Backup, restore and factory reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, ByteStream, Done
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.provisioning import factory_rows, site_rows
from gateway.commands.requests import Flag, NoMembers, QueryFlag, RequestModel
from gateway.commands.rights import Right
from gateway.errors import StorageError
from gateway.settings.initial import initial_configuration
from gateway.store.backup import Backups
from gateway.store.backup_file import BackupStamp
from gateway.store.backup_secrets import LONGEST_PASSPHRASE
from gateway.store.files import STORE_FILE

Passphrase = Annotated[str, Field(max_length=LONGEST_PASSPHRASE)]
"""Empty for none."""


class BackupRequest(RequestModel):
    """`backup_objects`. Secrets are in the file only with a `passphrase`."""

    passphrase: Passphrase = ""


class RestoreRequest(RequestModel):
    """`restore_objects` and `preview_restore`: the file that `backup_objects` answered."""

    body: Any
    passphrase: Passphrase = ""
    """Of the file; not needed on the device that made it. Comes in the header `Backup-Passphrase`,
    percent-encoded."""
    without_secrets: QueryFlag = False
    """Restores all but the secrets, for a file whose passphrase is lost. Comes in the query."""


class ResetRequest(RequestModel):
    """`reset_to_factory_default`. Network settings belong to the system and always stay."""

    keep_network_info: Flag = True


class RestoredBackup(TypedDict):
    """Answer to `restore_objects`: the origin of the backup."""

    device_id: int
    version: str
    created: str
    secrets: Literal["sealed", "clear", "left out"]
    """How the file holds PINs, password hashes and the like: under a passphrase, in clear text (by
    an older program), or not at all."""
    left_out: dict[str, int]
    """Object -> secrets that the device had and that are not restored."""


class PreviewedTable(TypedDict):
    """The rows of one object, or the photos (`user_photos`)."""

    object: str
    present: int
    backup: int
    after: int


class PreviewedRestore(RestoredBackup):
    """Answer to `preview_restore`."""

    this_device: bool
    """The backup was made by this device; logs of others are not taken over."""
    objects: list[PreviewedTable]
    """Rows on this device now, in the backup, and after the restore."""
    configuration: list[str]
    """The keys, as `module.key`, that get another value."""


def backup_objects(call: Call[BackupRequest]) -> ByteStream:
    """All objects and the configuration as one file; PINs and other secrets only with a passphrase.

    The passphrase seals PINs, password hashes, passwords of peers and keys of cards. Without one
    they are left out. The header `Backup-Secrets` of the answer says which.
    """
    call.context.refresh_logs()
    moment = call.context.clock.utc()
    created = moment.isoformat(timespec="seconds")
    backup = _backups(call.context).make(created, call.request.passphrase)
    name = f"{call.context.identity.serial}-{moment:%Y%m%d-%H%M%S}.gwbackup"
    said: str = _secrets(backup.stamp)
    if backup.stamp.left_out:
        counts = sorted(backup.stamp.left_out.items())
        said += ": " + ", ".join(f"{count} of {table}" for table, count in counts)
    return ByteStream(backup.pieces, backup.length, name, headers={"Backup-Secrets": said})


def restore_objects(call: Call[RestoreRequest]) -> RestoredBackup:
    """Restore a backup, all or nothing; logins, tokens and the identity of this device stay.

    Secrets need the passphrase of the backup, unless this device made it and still has its key.
    """
    # The present logs are merged with those of the backup.
    call.context.refresh_logs()
    request = call.request
    with call.context.policy_applied():
        done = _backups(call.context).restore(
            request.body, request.passphrase, without_secrets=request.without_secrets
        )
    call.context.import_changes.forget()
    return _origin(done.stamp, done.left_out)


def preview_restore(call: Call[RestoreRequest]) -> PreviewedRestore:
    """What `restore_objects` would do with this file, or why it refuses it. Changes nothing."""
    call.context.refresh_logs()
    request = call.request
    found = _backups(call.context).preview(
        request.body, request.passphrase, without_secrets=request.without_secrets
    )
    return {
        **_origin(found.stamp, found.left_out),
        "this_device": found.stamp.device_id == call.context.identity.device_id,
        "objects": [
            {"object": name, "present": it.present, "backup": it.backup, "after": it.after}
            for name, it in found.tables.items()
        ],
        "configuration": found.changed_values,
    }


def _origin(stamp: BackupStamp, left_out: Mapping[str, int]) -> RestoredBackup:
    return {
        "device_id": stamp.device_id,
        "version": stamp.program,
        "created": stamp.created_utc,
        "secrets": _secrets(stamp),
        "left_out": dict(left_out),
    }


def _secrets(stamp: BackupStamp) -> Literal["sealed", "clear", "left out"]:
    if stamp.clear:
        return "clear"
    return "sealed" if stamp.sealed else "left out"


def _backups(context: CommandContext) -> Backups:
    path = context.data / STORE_FILE
    return Backups(context.store, path, context.identity, context.version, context.backup_lock)


def reset_to_factory_default(call: Call[ResetRequest]) -> Done:
    """Reset rows and configuration to those that `init` made for this site.

    Deletes people, rules and logs. Logins, the audit log, the journal and the change log, through
    which clients learn of the reset, stay.
    """
    context = call.context
    context.catch_up()
    with context.policy_applied(), context.store.transaction():
        context.store.clear()
        context.import_changes.forget()
        for rows in (factory_rows(context.site), site_rows(context.site, context.identity)):
            for name, values in rows.items():
                context.store.insert(name, values)
        context.store.set_configuration(initial_configuration(context.site))
    return DONE


def delete_admins(call: Call[NoMembers]) -> Done:
    """Remove the role of administrator from all people; API logins stay."""
    with audited_write(call, "delete_admins", "user_roles", existing=True) as outcome:
        outcome.count = call.context.store.destroy("user_roles")
    return DONE


_AUDIT = Audit(refusals=True)

COMMANDS = (
    Command(backup_objects, Right.OWNER, heavy=True, audit=_AUDIT, errors=(StorageError,)),
    Command(restore_objects, Right.OWNER, heavy=True, audit=_AUDIT, errors=(StorageError,)),
    Command(preview_restore, Right.OWNER, heavy=True, audit=_AUDIT, errors=(StorageError,)),
    Command(
        reset_to_factory_default,
        Right.OWNER,
        audit=_AUDIT,
        example={"keep_network_info": True},
    ),
    Command(delete_admins, Right.ADMINISTRATOR),
)
