"""Backup, restore, and the way back to the beginning."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, ByteStream, Done
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.provisioning import initial_configuration, site_rows
from gateway.commands.requests import NoMembers, RequestModel, flag
from gateway.commands.rights import Right
from gateway.errors import StorageError
from gateway.objects.factory import FACTORY_ROWS
from gateway.store.backup import Backups
from gateway.store.files import STORE_FILE
from gateway.store.tables.audit import AuditType


class RestoreRequest(RequestModel):
    """`restore_objects`: what `backup_objects` answered, as it came."""

    body: Any


class ResetRequest(RequestModel):
    """`reset_to_factory_default`. Addresses belong to the operating system and stay either way."""

    keep_network_info: Annotated[bool, BeforeValidator(flag)] = True


class RestoredBackup(TypedDict):
    """Answer to `restore_objects`: where the backup came from, and when."""

    device_id: int
    version: str
    created: str


def backup_objects(call: Call[NoMembers]) -> ByteStream:
    """Every object and the configuration, secrets included, as one file."""
    call.context.refresh_logs()
    moment = call.context.clock.utc()
    backup = _backups(call.context).make(moment.isoformat(timespec="seconds"))
    name = f"{call.context.identity.serial}-{moment:%Y%m%d-%H%M%S}.gwbackup"
    return ByteStream(backup.pieces, backup.length, name)


def restore_objects(call: Call[RestoreRequest]) -> RestoredBackup:
    """Put a backup back, all or nothing; logins, tokens and this device's identity stay."""
    # What happened until now is kept by joining it with the backup's logs.
    call.context.refresh_logs()
    with call.context.obeyed():
        stamp = _backups(call.context).restore(call.request.body)
    return {"device_id": stamp.device_id, "version": stamp.program, "created": stamp.created_utc}


def _backups(context: CommandContext) -> Backups:
    path = context.data / STORE_FILE
    return Backups(context.store, path, context.identity, context.version, context.copying)


def reset_to_factory_default(call: Call[ResetRequest]) -> Done:
    """The rows and the configuration that `init` made for this site.

    People, rules and logs go; logins, the audit log and the change log, by which others learn of
    it, stay. The journal stays too: it is what happened.
    """
    context = call.context
    context.catch_up()
    with context.obeyed(), context.store.transaction():
        context.store.clear()
        for rows in (FACTORY_ROWS, site_rows(context.site, context.identity)):
            for name, values in rows.items():
                context.store.insert(name, values)
        context.store.set_configuration(initial_configuration(context.site))
    return DONE


def delete_admins(call: Call[NoMembers]) -> Done:
    """Nobody is an administrator at the device any more; API logins stay."""
    with audited_write(call, "delete_admins", "user_roles", existing=True) as outcome:
        outcome.count = call.context.store.destroy("user_roles")
    return DONE


def _plain(_: object) -> str:
    return ""


_TOLD = Audit(AuditType.API, _plain, refusals=True)

COMMANDS = (
    Command(backup_objects, Right.ADMINISTRATOR, audit=_TOLD, errors=(StorageError,)),
    Command(restore_objects, Right.ADMINISTRATOR, audit=_TOLD, errors=(StorageError,)),
    Command(
        reset_to_factory_default,
        Right.ADMINISTRATOR,
        audit=_TOLD,
        example={"keep_network_info": True},
    ),
    Command(delete_admins, Right.ADMINISTRATOR),
)
