"""Backup, restore and factory reset."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from gateway.commands.answers import DONE, ByteStream, Done
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.provisioning import factory_rows, site_rows
from gateway.commands.requests import Flag, NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import StorageError
from gateway.settings.initial import initial_configuration
from gateway.store.backup import Backups, BackupStamp
from gateway.store.files import STORE_FILE


class RestoreRequest(RequestModel):
    """`restore_objects` and `preview_restore`: the file that `backup_objects` answered."""

    body: Any


class ResetRequest(RequestModel):
    """`reset_to_factory_default`. Network settings belong to the system and always stay."""

    keep_network_info: Flag = True


class RestoredBackup(TypedDict):
    """Answer to `restore_objects`: the origin of the backup."""

    device_id: int
    version: str
    created: str


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


def backup_objects(call: Call[NoMembers]) -> ByteStream:
    """All objects and the configuration, including secrets, as one file."""
    call.context.refresh_logs()
    moment = call.context.clock.utc()
    backup = _backups(call.context).make(moment.isoformat(timespec="seconds"))
    name = f"{call.context.identity.serial}-{moment:%Y%m%d-%H%M%S}.gwbackup"
    return ByteStream(backup.pieces, backup.length, name)


def restore_objects(call: Call[RestoreRequest]) -> RestoredBackup:
    """Restore a backup, all or nothing; logins, tokens and the identity of this device stay."""
    # The present logs are merged with those of the backup.
    call.context.refresh_logs()
    with call.context.policy_applied():
        stamp = _backups(call.context).restore(call.request.body)
    call.context.import_changes.forget()
    return _origin(stamp)


def preview_restore(call: Call[RestoreRequest]) -> PreviewedRestore:
    """What `restore_objects` would do with this file, or why it refuses it. Changes nothing."""
    call.context.refresh_logs()
    found = _backups(call.context).preview(call.request.body)
    return {
        **_origin(found.stamp),
        "this_device": found.stamp.device_id == call.context.identity.device_id,
        "objects": [
            {"object": name, "present": it.present, "backup": it.backup, "after": it.after}
            for name, it in found.tables.items()
        ],
        "configuration": found.changed_values,
    }


def _origin(stamp: BackupStamp) -> RestoredBackup:
    return {"device_id": stamp.device_id, "version": stamp.program, "created": stamp.created_utc}


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
